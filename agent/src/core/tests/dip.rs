//! The fast path through the whole core: an edge, or a low reading, freezes what can wait before anything else is done.

use std::time::Duration;

use protocol::{Fault, Reason, Stage, Uptime, Voltage};

use super::containers::{assert_restored, world};
use super::world::{HEALTHY, World};
use crate::core::action::{Action, ContainerChange, Warning};
use crate::core::event::{AlertEvent, ContainerStatus, Event};
use crate::core::reading::SensorId;

const SECOND: Duration = Duration::from_secs(1);
const LEVEL: Voltage = Voltage::from_volts(11.5);

/// What the agent wanted at this very moment, without what it says to supervisors and shows.
fn wanted(world: &World, from: usize) -> Vec<Action> {
    let said = |action: &Action| matches!(action, Action::Send { .. } | Action::ShowLamps { .. });
    world.log[from..].iter().map(|(_, action)| action.clone()).filter(|action| !said(action)).collect()
}

/// The freezes and thaws among actions, as `name verb`.
fn stills(world: &World, from: usize) -> Vec<String> {
    let still = |action: &Action| match action {
        Action::Container {
            container,
            change: change @ (ContainerChange::Freeze | ContainerChange::Thaw),
            ..
        } => Some(format!("{change:?} {}", world.docker.containers[container].seen.name)),
        _ => None,
    };
    world.log[from..].iter().filter_map(|(_, action)| still(action)).collect()
}

fn frozen(world: &World) -> Vec<&str> {
    let all = world.docker.containers.values();
    all.filter(|known| known.frozen).map(|known| known.seen.name.as_str()).collect()
}

#[test]
fn an_edge_freezes_what_can_wait_and_asks_for_a_reading_and_moves_nothing_else() {
    let mut world = world();
    let from = world.log.len();
    world.now += Duration::from_millis(3);
    world.edge();
    let actions = wanted(&world, from);
    let freeze = |action: &Action, name: &str| {
        matches!(action, Action::Container { container, change: ContainerChange::Freeze, stage: Stage::Normal, .. }
            if world.docker.containers[container].seen.name == name)
    };
    assert_eq!(actions.len(), 4, "{actions:?}");
    assert_eq!(actions[0], Action::Warn(Warning::Dip { voltage: None, level: LEVEL }));
    assert_eq!(actions[1], Action::Read { sensor: SensorId(0) });
    assert!(freeze(&actions[2], "batch-1") && freeze(&actions[3], "batch-2"), "{actions:?}");
    assert_eq!(world.agent.stage(), Stage::Normal);
    assert_eq!(frozen(&world), ["batch-1", "batch-2"]);
}

#[test]
fn the_reading_after_the_edge_confirms_and_docker_is_made_to_agree() {
    let mut world = world();
    world.edge();
    let from = world.log.len();
    world.read(11.3, 4.0);
    assert_eq!((world.agent.stage(), world.agent.floor()), (Stage::Shed, Stage::Shed));
    let (voltage, threshold) = (Voltage::from_volts(11.3), LEVEL);
    let held = protocol::Seconds(0);
    assert_eq!(*world.agent.reason(), Reason::VoltageCollapsed { voltage, threshold, held });
    let saved = world.log[from..].iter().position(|(_, action)| matches!(action, Action::SaveState { .. }));
    let paused = world.log[from..]
        .iter()
        .position(|(_, action)| matches!(action, Action::Container { change: ContainerChange::Pause, .. }));
    assert!(saved.unwrap() < paused.unwrap(), "written down before it is done");
    for name in ["batch-1", "batch-2"] {
        assert_eq!(world.docker.by_name(name).seen.status, ContainerStatus::Paused, "{name}");
    }
    assert_eq!(frozen(&world), [""; 0], "Docker has them");
    // It is over: one rung after the other, all is given back.
    world.live(Duration::from_hours(1), SECOND, HEALTHY);
    assert_eq!(world.agent.stage(), Stage::Normal);
    assert_restored(&world);
}

#[test]
fn a_false_alarm_is_undone_by_the_next_reading_and_leaves_no_trace() {
    let mut world = world();
    let saved = world.disk.clone();
    world.edge();
    let from = world.log.len();
    world.read(12.8, 0.5);
    let voltage = Voltage::from_volts(12.8);
    let actions = wanted(&world, from);
    assert_eq!(actions[0], Action::Warn(Warning::FalseAlarm { voltage, level: LEVEL }));
    assert_eq!(stills(&world, from), ["Thaw batch-1", "Thaw batch-2"]);
    assert_eq!(world.stages(), [], "no stage, no order, no traffic moved");
    assert_eq!(world.disk, saved);
    assert_restored(&world);
}

#[test]
fn without_a_line_two_low_readings_do_the_same() {
    let mut world = world();
    let from = world.log.len();
    world.now += Duration::from_millis(100);
    world.read(11.4, 4.0);
    assert_eq!(stills(&world, from), ["Freeze batch-1", "Freeze batch-2"], "at the first");
    assert_eq!(world.agent.stage(), Stage::Normal);
    world.now += Duration::from_millis(100);
    world.read(11.4, 4.0);
    assert_eq!(world.agent.stage(), Stage::Shed, "at the second");
}

#[test]
fn an_edge_that_no_reading_follows_is_no_health() {
    let mut world = world();
    world.edge();
    world.fails(Fault::NoAcknowledge);
    assert_eq!(frozen(&world), ["batch-1", "batch-2"]);
    assert_eq!(world.agent.stage(), Stage::Normal);
    world.wait(3 * SECOND);
    assert_eq!(world.agent.stage(), Stage::Shed);
    assert!(
        matches!(world.agent.reason(), Reason::NoReading { fault: Fault::NoAcknowledge, .. }),
        "{}",
        world.agent.reason()
    );
}

#[test]
fn it_freezes_while_docker_is_silent_and_hands_over_when_it_answers() {
    let mut world = world();
    world.docker_up = false;
    world.list();
    world.edge();
    world.read(11.3, 4.0);
    world.live(30 * SECOND, SECOND, (11.4, 4.0));
    assert_eq!(frozen(&world), ["batch-1", "batch-2"], "nobody else stops them");
    world.docker_up = true;
    world.list();
    assert_eq!(frozen(&world), [""; 0]);
    assert_eq!(world.docker.by_name("batch-1").seen.status, ContainerStatus::Paused);
}

#[test]
fn a_crash_between_the_freeze_and_the_pause_leaves_nothing_frozen() {
    for healthy in [true, false] {
        let mut world = world();
        world.edge();
        assert_eq!(frozen(&world), ["batch-1", "batch-2"]);
        world.restart(5 * SECOND);
        world.link_up();
        if healthy {
            assert_eq!(frozen(&world), [""; 0], "at once: nothing says that it must stand still");
        }
        let reading = if healthy { HEALTHY } else { (11.4, 4.0) };
        world.live(10 * SECOND, SECOND, reading);
        let status = world.docker.by_name("batch-1").seen.status;
        assert_eq!(status, if healthy { ContainerStatus::Running } else { ContainerStatus::Paused });
        assert_eq!(frozen(&world), [""; 0]);
    }
}

#[test]
fn an_agent_that_is_stopped_lets_go_what_docker_does_not_know_of() {
    let mut world = world();
    world.edge();
    world.event(Event::Terminate);
    assert_eq!(frozen(&world), [""; 0]);
    assert!(world.stopped);
}

#[test]
fn a_freeze_that_is_refused_is_told_once_and_does_not_hold_the_rest_up() {
    let mut world = world();
    let id = world.docker.by_name("batch-1").seen.id.clone();
    // It is gone, and Docker has not said so yet.
    world.docker.containers.remove(&id);
    world.edge();
    for _ in 0..5 {
        world.now += Duration::from_millis(100);
        world.event(Event::Tick);
    }
    let told = world.log.iter().filter(|(_, action)| {
        matches!(action, Action::Warn(Warning::ActionFailed { what, .. }) if what.starts_with("freeze batch-1"))
    });
    assert_eq!(told.count(), 1);
    assert_eq!(frozen(&world), ["batch-2"]);
}

#[test]
fn a_line_that_is_lost_is_an_advisory_and_never_health() {
    let mut world = world();
    let from = world.log.len();
    let event = AlertEvent::Lost { why: "the chip is gone".to_owned() };
    world.event(Event::Alert { sensor: SensorId(0), event });
    let what = "its ALERT line is not heard, it is only read: the chip is gone".to_owned();
    assert_eq!(wanted(&world, from), [Action::Warn(Warning::Sensor { sensor: 0, what })]);
    assert_eq!(world.agent.stage(), Stage::Normal);
    // It is armed again by itself.
    world.live(30 * SECOND, SECOND, HEALTHY);
    let armed: Vec<Uptime> = world
        .log
        .iter()
        .filter_map(|(at, action)| matches!(action, Action::Arm { .. }).then_some(*at))
        .collect();
    assert_eq!(armed.len(), 2, "{armed:?}");
}
