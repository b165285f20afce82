//! The fast path on a real engine: the chip's pin falls, real containers stand still without Docker, and Docker is made to
//! agree as soon as it answers.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use agent::config::Config;
use hardware::linux::Root;
use protocol::{Reason, Stage};
use tests::board::{ALERT, Board, SENSOR, end};
use tests::{require, wait};

use crate::field::{Field, PATIENCE};

/// What a container's control group says: whether its processes stand still.
pub(crate) fn stands_still(id: &str) -> bool {
    // Of either version, wherever this engine has it.
    let find = format!(
        "find /sys/fs/cgroup -path '*{id}*' \\( -name freezer.state -o -name cgroup.freeze \\) -exec cat {{}} + 2>/dev/null"
    );
    let said = Command::new("sh").args(["-c", &find]).output().expect("sh");
    let said = String::from_utf8_lossy(&said.stdout);
    said.lines().any(|word| matches!(word, "FROZEN" | "1"))
}

#[test]
fn an_edge_stops_what_can_wait_without_docker_and_all_is_given_back() {
    if !require::docker_engine("an_edge_stops_what_can_wait_without_docker_and_all_is_given_back") {
        return;
    }
    let field = Field::new();
    field.containers();
    let text = format!(
        "[node]\nname = \"pi-1\"\nsupply = \"roof\"\n[battery]\nchemistry = \"agm\"\ncapacity = \"20 Ah\"\n\
         load_max = \"50 W\"\n{SENSOR}{ALERT}[sampling]\ninterval = \"1 s\"\n\
         [policy]\nsettle = \"1 s\"\ndrain_budget = \"50 min\"\nhalt_budget = \"30 min\"\n\
         [containers]\nsocket = {:?}\nuntouched = [\"hands-off\"]\nstop_timeout = \"5 s\"\n\
         [state]\npath = {:?}\nfrozen = {:?}\n[halt]\npower_off = \"none\"\n[[supervisor]]\naddress = \"{}\"\n",
        field.engine.socket(),
        field.state_file(),
        field.file("frozen"),
        field.watcher.address(),
    );
    let config = Config::parse(&text, Path::new("alert.toml")).expect("a config");
    let board = Board::new(Root::default());
    let agent = board.run(config);
    let untouched = field.engine.inspect("hands-off", "{{.Id}}");
    let ids = ["batch-1", "batch-2"].map(|name| field.engine.inspect(name, "{{.Id}}"));
    let still = |wanted: bool| {
        wait::until_true(format!("what can wait stands still: {wanted}"), PATIENCE, || {
            ids.iter().all(|id| stands_still(id) == wanted)
        });
    };
    field.reach(Stage::Normal);
    wait::until_true("the line is heard", PATIENCE, || board.is_heard());

    // A spark on the wire: whatever it froze, the reading after it lets go. It is heard again a while later.
    board.pulse();
    wait::until_true("the edge is taken", PATIENCE, || !board.is_heard());
    still(false);
    wait::until_true("the line is heard again", PATIENCE, || board.is_heard());
    assert_eq!(field.watcher.stage(), Some(Stage::Normal));
    field.see("batch-1", "running");

    // Docker hangs; the chip does not need it.
    field.engine.signal_daemon("-STOP");
    board.battery(11.45);
    still(true);
    assert!(!stands_still(&untouched), "what is not to be touched runs");
    field.reach(Stage::Shed);
    field.engine.signal_daemon("-CONT");
    field.see("batch-1", "paused");
    field.see("batch-2", "paused");
    field.see("db", "running");
    assert!(
        field.watcher.reasons().iter().any(|(_, reason)| matches!(reason, Reason::VoltageCollapsed { .. })),
        "{:?}",
        field.watcher.reasons()
    );

    board.battery(12.9);
    wait::until_true("recovery by itself", Duration::from_mins(5), || {
        field.watcher.stage() == Some(Stage::Normal)
    });
    still(false);
    field.see_everything_restored();
    end(agent);
}
