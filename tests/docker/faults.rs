//! Sensor faults while the agent runs: it saves energy, says why, never takes a fault for health, recovers by itself.

use std::time::Duration;

use protocol::{Current, Fault, Reason, Soc, Stage, Voltage};
use tests::require;
use tests::trace::Story;

use crate::field::{Field, PATIENCE, battery};

/// A well-charged battery that nothing is wrong with.
fn healthy() -> Story {
    battery(97.0).hold(Duration::from_mins(30), Current::from_amps(0.5))
}

/// The same battery afterwards, in the sun.
fn sunny(story: Story) -> Story {
    story
        .charge(Soc::from_percent(99.9), Current::from_amps(2.0))
        .hold(Duration::from_hours(48), Current::from_amps(-0.2))
}

/// Plays a story in which the sensor fails for three hours, and checks what must be true of every such fault.
fn survives(name: &str, story: &Story, is_it: impl Fn(Fault) -> bool) {
    let field = Field::new();
    field.containers();
    let agent = field.agent(story);
    field.reach(Stage::Normal);
    tests::wait::until_true(format!("{name}: the fault is told"), PATIENCE, || {
        field.watcher.fault().is_some_and(&is_it)
    });
    // Never health: while the fault lasts the node climbs, and says why.
    field.reach(Stage::Throttle);
    field.reach(Stage::Shed);
    field.see("batch-2", "paused");
    assert!(
        field
            .watcher
            .reasons()
            .iter()
            .any(|(_, reason)| matches!(reason, Reason::NoReading { fault, .. } if is_it(*fault))),
        "{name}: {:?}",
        field.watcher.reasons()
    );
    tests::wait::until_true(format!("{name}: recovery by itself"), Duration::from_mins(5), || {
        field.watcher.stage() == Some(Stage::Normal) && field.watcher.fault().is_none()
    });
    field.see_everything_restored();
    drop(agent);
}

/// How long the sensor fails: long enough to climb, short enough to come back.
const FAILURE: Duration = Duration::from_mins(16);

#[test]
fn a_chip_that_does_not_answer() {
    if require::docker_engine("a_chip_that_does_not_answer") {
        let story = sunny(healthy().fault(FAILURE, Current::from_amps(0.5), "nak"));
        survives("NAK", &story, |fault| fault == Fault::NoAcknowledge);
    }
}

#[test]
fn a_bus_that_is_gone() {
    if require::docker_engine("a_bus_that_is_gone") {
        let story = sunny(healthy().fault(FAILURE, Current::from_amps(0.5), "gone"));
        survives("bus gone", &story, |fault| fault == Fault::BusGone);
    }
}

#[test]
fn a_value_that_is_stuck() {
    if require::docker_engine("a_value_that_is_stuck") {
        // Being stuck is noticed only after a while: the failure lasts longer.
        let story = sunny(healthy().fault(2 * FAILURE, Current::from_amps(0.5), "stuck"));
        survives("stuck", &story, |fault| matches!(fault, Fault::Stuck { .. }));
    }
}

#[test]
fn a_value_that_no_battery_has() {
    if require::docker_engine("a_value_that_no_battery_has") {
        let story = sunny(healthy().voltage(FAILURE, Current::from_amps(0.5), Voltage::from_volts(31.0)));
        survives("absurd", &story, |fault| matches!(fault, Fault::VoltageAbsurd { .. }));
    }
}

#[test]
fn a_trace_that_ends_is_a_dead_sensor_not_a_healthy_one() {
    if !require::docker_engine("a_trace_that_ends_is_a_dead_sensor_not_a_healthy_one") {
        return;
    }
    let field = Field::new();
    field.containers();
    let agent = field.agent(&healthy());
    field.reach(Stage::Normal);
    field.reach(Stage::Shed);
    assert_eq!(field.watcher.fault(), Some(Fault::TraceEnded));
    // Nothing ever comes back: the node ends where it is safest.
    field.reach(Stage::Halt);
    field.see("db", "exited");
    drop(agent);
}
