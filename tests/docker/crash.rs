//! The agent killed, and Docker restarted, in every stage: the same stage again, everything restored at the end.

use std::time::Duration;

use protocol::{Current, Soc, Stage};
use tests::require;

use crate::field::{Field, battery, falls, rises};

/// Each stage, the state of charge of a story that leads there and stays, and how to see that it is carried out.
const STAGES: [(Stage, f64, &str, &str); 5] = [
    (Stage::Normal, 85.0, "batch-1", "running"),
    (Stage::Throttle, 63.0, "batch-1", "running"),
    (Stage::Shed, 50.0, "batch-2", "paused"),
    (Stage::Drain, 41.0, "web", "exited"),
    (Stage::Halt, 29.0, "db", "exited"),
];

#[test]
fn an_agent_killed_in_any_stage_comes_back_to_it_and_restores_exactly() {
    if !require::docker_engine("an_agent_killed_in_any_stage_comes_back_to_it_and_restores_exactly") {
        return;
    }
    for (stage, soc, container, state) in STAGES {
        let field = Field::new();
        field.containers();
        let mut agent = field.agent(&falls(soc + 12.0, soc));
        field.reach(stage);
        field.see(container, state);
        agent.kill();
        field.watcher.forget();

        // The next life begins where the battery is, rests a little, then the sun comes.
        let mut agent = field.agent(&rises(soc, Duration::from_mins(40)));
        tests::wait::until_true("the agent's first report", Duration::from_secs(30), || {
            field.watcher.stage().is_some()
        });
        let first = field.watcher.stages()[0];
        assert_eq!(first, stage, "the stage that it was killed in");
        field.see(container, state);
        tests::wait::until_true("Normal", Duration::from_mins(4), || {
            field.watcher.stage() == Some(Stage::Normal)
        });
        field.see_everything_restored();
        agent.terminate(Duration::from_secs(10));
    }
}

#[test]
fn docker_restarted_in_any_stage_ends_in_the_same_stage_and_restores_exactly() {
    if !require::docker_engine("docker_restarted_in_any_stage_ends_in_the_same_stage_and_restores_exactly") {
        return;
    }
    for (stage, soc, container, state) in STAGES {
        let field = Field::new();
        field.containers();
        // As users have them: Docker starts these again by itself, also those that were stopped before.
        for name in ["db", "web", "unlabelled", "batch-1", "batch-2", "hands-off"] {
            field.engine.docker(&["update", "--restart", "always", name]);
        }
        let story = battery(soc + 12.0)
            .discharge(Soc::from_percent(soc), Current::from_amps(2.0))
            // Two real minutes at the chosen speed: time for two restarts.
            .hold(Duration::from_hours(8), Current::ZERO)
            .charge(Soc::from_percent(99.9), Current::from_amps(4.0))
            .hold(Duration::from_hours(48), Current::from_amps(-0.2));
        let agent = field.agent(&story);
        field.reach(stage);
        field.see(container, state);
        let stages_before = field.watcher.stages();
        field.engine.restart();
        field.see(container, state);
        field.engine.crash();
        field.see(container, state);
        assert_eq!(
            field.watcher.stages(),
            stages_before,
            "Docker's restarts are no reason to change the stage"
        );
        tests::wait::until_true("Normal", Duration::from_mins(5), || {
            field.watcher.stage() == Some(Stage::Normal)
        });
        field.see_everything_restored();
        drop(agent);
    }
}
