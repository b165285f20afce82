//! The tests' own engine: what the other tests of this suite stand on.

use tests::engine::Engine;
use tests::require;

use crate::field::PATIENCE;

#[test]
fn an_engine_runs_containers_restarts_and_leaves_nothing_behind() {
    if !require::docker_engine("an_engine_runs_containers_restarts_and_leaves_nothing_behind") {
        return;
    }
    let engine = Engine::start();
    engine.run("always", &["--restart", "always", "--cpus", "0.5"]);
    engine.run("once", &[]);
    assert_eq!(engine.state("always"), "running");
    assert_eq!(engine.cpu("always"), (500_000_000, 0, 0));
    engine.restart();
    tests::wait::until_true("the container to come back", PATIENCE, || engine.state("always") == "running");
    assert_eq!(engine.state("once"), "exited");
    engine.docker(&["update", "--cpu-quota", "20000", "once"]);
    assert_eq!(engine.cpu("once"), (0, 20000, 0));
    engine.docker(&["update", "--cpu-quota", "-1", "once"]);
    assert_eq!(engine.cpu("once"), (0, -1, 0), "how Docker writes `unlimited` once a quota was set");
    let folder = engine.folder().to_owned();
    let socket = engine.socket();
    drop(engine);
    assert!(!folder.exists() && !socket.exists());
    let mounts = std::fs::read_to_string("/proc/mounts").expect("/proc/mounts");
    assert!(!mounts.contains(folder.to_str().expect("a path")), "no mount is left");
}

#[test]
fn an_engine_that_crashes_starts_its_containers_again() {
    if !require::docker_engine("an_engine_that_crashes_starts_its_containers_again") {
        return;
    }
    let engine = Engine::start();
    for name in ["one", "two", "three"] {
        engine.run(name, &["--restart", "always"]);
    }
    let all_run = || ["one", "two", "three"].iter().all(|name| engine.state(name) == "running");
    for crash in [false, true, true] {
        if crash {
            engine.crash();
        } else {
            engine.restart();
        }
        tests::wait::until_true(
            format!(
                "all to run again: {}",
                engine.docker(&["ps", "-a", "--format", "{{.Names}} {{.Status}}"])
            ),
            PATIENCE,
            all_run,
        );
    }
}
