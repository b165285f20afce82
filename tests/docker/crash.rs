//! The agent killed, and Docker restarted, in every stage: the same stage again, everything restored at the end.
//! One test a stage, so that they run side by side: each has an engine of its own, and mostly waits.

use std::time::Duration;

use protocol::{Current, Soc, Stage};
use tests::require;

use crate::field::{Field, PATIENCE, battery, falls, rises};

/// A stage, the state of charge of a story that leads there and stays, and how to see that it is carried out.
struct Case {
    stage: Stage,
    soc_percent: f64,
    container: &'static str,
    state: &'static str,
}

const NORMAL: Case = Case { stage: Stage::Normal, soc_percent: 85.0, container: "batch-1", state: "running" };
const THROTTLE: Case =
    Case { stage: Stage::Throttle, soc_percent: 63.0, container: "batch-1", state: "running" };
const SHED: Case = Case { stage: Stage::Shed, soc_percent: 50.0, container: "batch-2", state: "paused" };
const DRAIN: Case = Case { stage: Stage::Drain, soc_percent: 41.0, container: "web", state: "exited" };
const HALT: Case = Case { stage: Stage::Halt, soc_percent: 29.0, container: "db", state: "exited" };

/// A test of this name for a stage, skipped by name where there is no engine.
macro_rules! in_stage {
    ($($name:ident: $what:ident($case:ident);)*) => {$(
        #[test]
        fn $name() {
            if require::docker_engine(stringify!($name)) {
                $what(&$case);
            }
        }
    )*};
}

in_stage! {
    an_agent_killed_in_normal_comes_back_to_it_and_restores_exactly: agent_is_killed(NORMAL);
    an_agent_killed_in_throttle_comes_back_to_it_and_restores_exactly: agent_is_killed(THROTTLE);
    an_agent_killed_in_shed_comes_back_to_it_and_restores_exactly: agent_is_killed(SHED);
    an_agent_killed_in_drain_comes_back_to_it_and_restores_exactly: agent_is_killed(DRAIN);
    an_agent_killed_in_halt_comes_back_to_it_and_restores_exactly: agent_is_killed(HALT);
    docker_restarted_in_normal_ends_in_normal_and_restores_exactly: docker_is_restarted(NORMAL);
    docker_restarted_in_throttle_ends_in_throttle_and_restores_exactly: docker_is_restarted(THROTTLE);
    docker_restarted_in_shed_ends_in_shed_and_restores_exactly: docker_is_restarted(SHED);
    docker_restarted_in_drain_ends_in_drain_and_restores_exactly: docker_is_restarted(DRAIN);
    docker_restarted_in_halt_ends_in_halt_and_restores_exactly: docker_is_restarted(HALT);
}

fn agent_is_killed(&Case { stage, soc_percent, container, state }: &Case) {
    let field = Field::new();
    field.containers();
    let mut agent = field.agent(&falls(soc_percent + 12.0, soc_percent));
    field.reach(stage);
    field.see(container, state);
    agent.kill();
    field.watcher.forget();

    // The next life begins where the battery is, rests a little, then the sun comes.
    let mut agent = field.agent(&rises(soc_percent, Duration::from_mins(40)));
    tests::wait::until_true("the agent's first report", PATIENCE, || field.watcher.stage().is_some());
    let first = field.watcher.stages()[0];
    assert_eq!(first, stage, "the stage that it was killed in");
    field.see(container, state);
    tests::wait::until_true("Normal", Duration::from_mins(4), || {
        field.watcher.stage() == Some(Stage::Normal)
    });
    field.see_everything_restored();
    agent.terminate(PATIENCE);
}

fn docker_is_restarted(&Case { stage, soc_percent, container, state }: &Case) {
    let field = Field::new();
    field.containers();
    // As users have them: Docker starts these again by itself, also those that were stopped before.
    for name in ["db", "web", "unlabelled", "batch-1", "batch-2", "hands-off"] {
        field.engine.docker(&["update", "--restart", "always", name]);
    }
    let story = battery(soc_percent + 12.0)
        .discharge(Soc::from_percent(soc_percent), Current::from_amps(2.0))
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
    assert_eq!(field.watcher.stages(), stages_before, "Docker's restarts are no reason to change the stage");
    tests::wait::until_true("Normal", Duration::from_mins(5), || {
        field.watcher.stage() == Some(Stage::Normal)
    });
    field.see_everything_restored();
    drop(agent);
}
