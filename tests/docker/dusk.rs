//! The main job, end to end: a voltage that falls over a dusk and rises again, seen through Docker itself.

use std::collections::BTreeMap;
use std::time::Duration;

use protocol::{Current, Soc, Stage};
use tests::{require, wait};

use crate::field::{Field, battery};

#[test]
fn containers_are_capped_paused_stopped_and_brought_back_in_order() {
    if !require::docker_engine("containers_are_capped_paused_stopped_and_brought_back_in_order") {
        return;
    }
    let field = Field::new();
    field.containers();
    let story = battery(95.0)
        .hold(Duration::from_mins(30), Current::ZERO)
        .discharge(Soc::from_percent(28.0), Current::from_amps(2.0))
        .charge(Soc::from_percent(99.9), Current::from_amps(4.0))
        .hold(Duration::from_hours(24), Current::from_amps(-0.2));
    let agent = field.agent(&story);

    field.reach(Stage::Throttle);
    field.see_cpu("batch-1", (0, 25_000, 0));
    field.see_cpu("batch-2", (0, 25_000, 0));
    field.see_cpu("web", (500_000_000, 0, 0));
    field.see_cpu("unlabelled", (0, 100_000, 0));
    assert_eq!(field.engine.state("batch-1"), "running");

    field.reach(Stage::Shed);
    field.see("batch-2", "paused");
    assert_eq!(field.engine.state("batch-1"), "paused", "batch-1 goes before batch-2");
    assert_eq!(field.engine.state("web"), "running");

    field.reach(Stage::Drain);
    field.see("web", "exited");
    field.see("unlabelled", "exited");
    assert_eq!(field.engine.state("batch-1"), "exited");
    assert_eq!(field.engine.state("batch-2"), "exited");
    assert_eq!(field.engine.state("db"), "running", "critical containers go on");

    field.reach(Stage::Halt);
    field.see("db", "exited");
    assert_eq!(field.engine.state("hands-off"), "running");

    // The sun.
    field.see("db", "running");
    let started: BTreeMap<&str, String> =
        wait::until("everything to run again", Duration::from_mins(4), || {
            let all = ["db", "web", "batch-1", "batch-2"];
            (field.watcher.stage() == Some(Stage::Normal)
                && all.iter().all(|name| field.engine.state(name) == "running"))
            .then(|| {
                all.iter().map(|name| (*name, field.engine.inspect(name, "{{.State.StartedAt}}"))).collect()
            })
        });
    assert!(
        started["db"] < started["web"] && started["web"] < started["batch-2"],
        "critical first: {started:?}"
    );
    field.see_everything_restored();

    // Down the ladder and up again, one rung at a time on the way up, and no rung twice.
    let stages = field.watcher.stages();
    let lowest = stages.iter().position(|stage| *stage == Stage::Halt).expect("Halt");
    assert!(stages[..lowest].is_sorted(), "no recovery while the battery falls: {stages:?}");
    let up = [Stage::Halt, Stage::Drain, Stage::Shed, Stage::Throttle, Stage::Normal];
    assert_eq!(stages[lowest..], up, "{stages:?}");
    for (stage, reason) in field.watcher.reasons() {
        println!("{stage}: {reason}");
    }
    drop(agent);
}
