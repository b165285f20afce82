//! `heliostat-agent release`, as the package's removal runs it: what an agent that is gone held is free again.

use std::path::Path;
use std::process::{Command, Output};

use protocol::Stage;
use tests::{program, require};

use crate::alert::stands_still;
use crate::field::{Field, falls};

fn release(config: &Path) -> Output {
    let mut command = Command::new(program::path("heliostat-agent"));
    command.arg("release").arg("--config").arg(config).output().expect("it runs")
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Stops a container's processes by its control group, behind Docker's back; where both versions are mounted by the first,
/// as Docker does.
fn freeze(id: &str) {
    let write = format!(
        "found() {{ find /sys/fs/cgroup -path '*{id}*' -name $1 | grep . ; }}
         if files=$(found freezer.state); then word=FROZEN; else files=$(found cgroup.freeze); word=1; fi
         for file in $files; do echo $word >$file; done"
    );
    let status = Command::new("sh").args(["-ec", &write]).status().expect("sh");
    assert!(status.success(), "{id} has a group that freezes");
}

#[test]
fn what_was_paused_throttled_and_frozen_is_free_again_also_twice_and_without_docker_it_says_what_is_left() {
    if !require::docker_engine("what_was_paused_throttled_and_frozen_is_free_again") {
        return;
    }
    let field = Field::new();
    field.containers();
    let config = field.config(&falls(62.0, 50.0), "");
    let mut agent = crate::field::run(&config);
    field.reach(Stage::Shed);
    field.see("batch-1", "paused");
    field.see("batch-2", "paused");
    let output = release(&config);
    assert!(!output.status.success() && said(&output).contains("stop it first"), "{}", said(&output));
    agent.kill();
    let id = field.engine.inspect("batch-1", "{{.Id}}");

    // No Docker behind the socket: it ends at once, names the containers, and says what to do.
    let (socket, away) = (field.engine.socket().clone(), field.file("away.sock"));
    std::fs::rename(&socket, &away).unwrap();
    let output = release(&config);
    let words = said(&output);
    assert_eq!(output.status.code(), Some(1), "{words}");
    assert!(words.contains(&id[..12]) && words.contains("Run this again when Docker answers"), "{words}");
    assert!(stands_still(&id), "there was nobody to thaw it");
    std::fs::rename(&away, &socket).unwrap();

    let output = release(&config);
    assert!(output.status.success() && said(&output).contains("as they were before"), "{}", said(&output));
    field.see_everything_restored();
    assert!(!stands_still(&id));

    // Frozen behind Docker's back by an agent that died then: Docker calls it running.
    freeze(&id);
    std::fs::write(field.file("frozen"), format!("{id}\n")).unwrap();
    assert!(stands_still(&id));
    for _ in 0..2 {
        let output = release(&config);
        assert!(
            output.status.success() && said(&output).contains("no container is held"),
            "{}",
            said(&output)
        );
        assert!(!stands_still(&id));
    }
    field.see_everything_restored();
}
