//! Stages, orders, restarts and the end of `Halt`, through the whole core.

use std::time::Duration;

use proptest::prelude::*;
use protocol::message::{Goodbye, OrderRefusal, SupplyReport};
use protocol::report::{Basis, Energy};
use protocol::{
    Current, Fault, Generation, OrderId, Reason, Seconds, Stage, Temperature, Term, Uptime, Voltage,
};

use super::world::{CONFIG, HEALTHY, World, band};
use crate::core::action::{Action, ContainerChange, FrequencyCap, Outgoing, Warning};
use crate::core::event::{ActionError, Event, HostSample, LinkEvent};
use crate::core::reading::{Sample, SensorId};
use crate::core::tests::docker::Restart;

const SECOND: Duration = Duration::from_secs(1);

fn mins(minutes: u64) -> Duration {
    Duration::from_mins(minutes)
}

/// A node that does not measure its supply.
fn sensorless() -> World {
    let from = CONFIG.find("[[sensor]]").unwrap();
    let to = CONFIG.find("[containers]").unwrap();
    World::new(&format!("{}{}", &CONFIG[..from], &CONFIG[to..]))
}

pub(super) fn outcomes(world: &World) -> Vec<Result<Stage, OrderRefusal>> {
    let outcome = |message: Outgoing| match message {
        Outgoing::Outcome(outcome) => Some(outcome.result),
        _ => None,
    };
    world.sent().into_iter().filter_map(outcome).collect()
}

fn supply(percent: f64, volts: f64, amps: f64) -> Energy {
    Energy {
        voltage: Some(Voltage::from_volts(volts)),
        current: Some(Current::from_amps(amps)),
        compensated: Some(Voltage::from_volts(volts)),
        soc: Some(band(percent)),
        time_to_empty: None,
        basis: Basis::Counted,
        fault: None,
    }
}

#[test]
fn the_first_readings_of_a_healthy_battery_change_nothing() {
    let mut world = World::new(CONFIG);
    world.live(mins(5), SECOND, HEALTHY);
    assert_eq!((world.agent.stage(), world.agent.floor()), (Stage::Normal, Stage::Normal));
    let quiet = world.log.iter().all(|(_, action)| matches!(action, Action::ShowLamps { .. }));
    assert!(quiet, "{:?}", world.log);
}

#[test]
fn an_order_makes_the_node_more_careful_and_is_answered() {
    let mut world = World::new(CONFIG);
    world.live(mins(1), SECOND, HEALTHY);
    world.link_up();
    world.order(Stage::Shed, 60);
    assert_eq!((world.agent.stage(), world.agent.floor()), (Stage::Shed, Stage::Normal));
    assert!(matches!(world.agent.reason(), Reason::Ordered { .. }));
    assert_eq!(outcomes(&world), [Ok(Stage::Shed)]);
    let announced = world.log.iter().any(|(_, action)| {
        matches!(
            action,
            Action::Announce { from: Stage::Normal, to: Stage::Shed, reason: Reason::Ordered { .. } }
        )
    });
    assert!(announced);
    world.live(mins(10), SECOND, HEALTHY);
    assert_eq!(world.stages(), [Stage::Shed, Stage::Throttle, Stage::Normal], "it lapses, rung by rung");
}

#[test]
fn an_older_order_is_refused_with_the_newest() {
    let mut world = World::new(CONFIG);
    world.live(mins(1), SECOND, HEALTHY);
    world.link_up();
    for stage in [Stage::Throttle, Stage::Shed] {
        world.order(stage, 600);
    }
    let id = |generation| OrderId { term: Term(1), generation: Generation(generation) };
    let order = protocol::message::Order {
        id: id(1),
        stage: Stage::Normal,
        reason: protocol::OrderReason::Operator,
        valid_for: Seconds(60),
    };
    world.link(LinkEvent::Order(order));
    assert_eq!(outcomes(&world).last(), Some(&Err(OrderRefusal::Older { newest: id(2) })));
    assert_eq!(world.agent.stage(), Stage::Shed);
}

#[test]
fn a_node_without_a_sensor_lives_by_what_it_is_told() {
    let mut world = sensorless();
    world.link_up();
    let tell = |world: &mut World, percent, minutes: u64| {
        for _ in 0..minutes * 6 {
            let energy = supply(percent, 12.6, 2.0);
            world.link(LinkEvent::Supply(SupplyReport { energy, age: Seconds(2) }));
            world.wait(SECOND * 10);
        }
        world.agent.floor()
    };
    assert_eq!(tell(&mut world, 80.0, 20), Stage::Normal);
    assert_eq!(tell(&mut world, 50.0, 11), Stage::Shed);
    let reason = world.agent.reason().clone();
    assert!(matches!(reason, Reason::SocBelow { .. }), "{reason:?}");
    // The supervisor falls silent: what it said grows old.
    world.wait(mins(6));
    assert_eq!(world.agent.floor(), Stage::Drain);
    assert!(matches!(world.agent.reason(), Reason::NoReading { fault: Fault::LinkLost, .. }));
}

#[test]
fn the_age_of_a_relayed_reading_counts() {
    let mut world = sensorless();
    world.link_up();
    for _ in 0..60 {
        let energy = supply(90.0, 12.8, 1.0);
        let age = Seconds(400 + world.now.as_millis() as u32 / 1000);
        world.link(LinkEvent::Supply(SupplyReport { energy, age }));
        world.wait(SECOND * 10);
    }
    assert!(world.agent.floor() >= Stage::Shed, "told every ten seconds, of readings that are minutes old");
}

#[test]
fn a_node_that_nobody_tells_anything_climbs() {
    let mut world = sensorless();
    world.wait(mins(20));
    assert_eq!(world.agent.floor(), Stage::Drain);
    assert_eq!(world.agent.energy(world.now).fault, Some(Fault::LinkLost));
}

#[test]
fn a_restart_in_any_stage_begins_in_it() {
    for stage in [Stage::Throttle, Stage::Shed, Stage::Drain] {
        let mut world = World::new(CONFIG);
        world.live(mins(1), SECOND, HEALTHY);
        world.link_up();
        world.order(stage, 100_000);
        world.restart(SECOND * 3);
        assert_eq!(world.agent.stage(), stage);
        assert_eq!(world.agent.reason(), &Reason::Resumed { stage });
        world.live(SECOND * 100, SECOND, HEALTHY);
        assert_eq!(world.agent.stage(), stage, "the leader has time to say it again");
        world.live(mins(10), SECOND, HEALTHY);
        assert_eq!(world.agent.stage(), Stage::Normal);
    }
}

#[test]
fn a_restart_without_readings_never_lowers_the_floor() {
    let mut world = World::new(CONFIG);
    world.live(mins(20), SECOND * 2, (11.6, 3.0));
    let floor = world.agent.floor();
    assert!(floor > Stage::Normal, "{floor}");
    world.restart(SECOND * 3);
    assert_eq!((world.agent.stage(), world.agent.floor()), (floor, floor));
    for _ in 0..3600 {
        world.now += SECOND;
        world.fails(Fault::BusGone);
        assert!(world.agent.floor() >= floor);
    }
}

/// A world that Halt ends, with a critical container.
fn halting(config: &str) -> World {
    let mut world = World::new(config);
    world.docker.run(
        "db",
        Restart::Always,
        crate::core::event::CpuSettings::default(),
        &[("heliostat.class", "critical")],
    );
    world.docker.run("web", Restart::Always, crate::core::event::CpuSettings::default(), &[]);
    world.list();
    world.link_up();
    world.live(mins(1), SECOND, HEALTHY);
    world
}

#[test]
fn halt_stops_the_critical_last_saves_says_goodbye_and_powers_off_once() {
    let mut world = halting(CONFIG);
    let before = world.log.len();
    world.order(Stage::Halt, 100_000);
    world.live(mins(5), SECOND, HEALTHY);
    assert_eq!(world.changes(), ["stop web", "stop db"]);
    assert_eq!(world.powered_off, 1);
    let place = |wanted: fn(&Action) -> bool| {
        world.log[before..].iter().rposition(|(_, action)| wanted(action)).expect("it happened")
    };
    let stopped = place(|action| matches!(action, Action::Container { .. }));
    let saved = place(|action| matches!(action, Action::SaveState { .. }));
    let parted = place(|action| {
        matches!(action, Action::Send { message: Outgoing::Goodbye(Goodbye::Parking { .. }), .. })
    });
    let off = place(|action| matches!(action, Action::PowerOff { .. }));
    assert!(stopped < saved && saved < parted && parted < off);
    assert_eq!(off, world.log.len() - before - 1, "nothing comes after it");
    assert_eq!(world.disk.as_ref().map(|state| (state.stage, state.ledger.len())), Some((Stage::Halt, 2)));
    assert_eq!(world.agent.next_wake(), None);
}

#[test]
fn who_is_reached_anew_while_the_node_powers_off_hears_that_it_parks() {
    let mut world = halting(CONFIG);
    world.order(Stage::Halt, 100_000);
    world.live(mins(5), SECOND, HEALTHY);
    // The supervisor closed the link on the good-bye, and the io came back before the power went.
    world.link(LinkEvent::Down { refusal: None });
    let before = world.sent().len();
    world.link_up();
    world.event(Event::Terminate);
    let sent = world.sent();
    assert!(!sent[before..].is_empty());
    let parks = |message: &Outgoing| matches!(message, Outgoing::Goodbye(Goodbye::Parking { .. }));
    assert!(sent[before..].iter().all(parks), "{:?}", &sent[before..]);
}

#[test]
fn a_woken_node_takes_its_rungs_back_and_starts_what_it_stopped() {
    let mut world = halting(CONFIG);
    world.order(Stage::Halt, 100_000);
    world.live(mins(1), SECOND, HEALTHY);
    assert_eq!(world.powered_off, 1);
    // Docker comes up with the node; "always" containers with it.
    world.docker.restart();
    world.restart(Duration::from_hours(8));
    assert_eq!(world.agent.stage(), Stage::Halt);
    world.live(mins(20), SECOND, HEALTHY);
    assert_eq!(world.powered_off, 1, "not again, for what was ordered before");
    assert_eq!(world.agent.stage(), Stage::Normal);
    for name in ["db", "web"] {
        let seen = &world.docker.by_name(name).seen;
        assert_eq!(seen.status, crate::core::event::ContainerStatus::Running, "{name}");
    }
}

#[test]
fn a_power_off_that_fails_leaves_a_node_that_recovers() {
    let mut world = halting(CONFIG);
    world.order(Stage::Halt, 30);
    let off = world.log.iter().find_map(|(_, action)| match action {
        Action::PowerOff { id, .. } => Some(*id),
        _ => None,
    });
    let result = Err(ActionError::Refused("inhibited".to_owned()));
    world.event(Event::Outcome { action: off.expect("it was asked for"), result });
    assert!(world.log.iter().any(|(_, action)| matches!(action, Action::Warn(Warning::ActionFailed { .. }))));
    world.live(mins(20), SECOND, HEALTHY);
    assert_eq!(world.agent.stage(), Stage::Normal);
    assert_eq!(world.powered_off, 1);
    let told = world.sent().iter().rposition(|message| matches!(message, Outgoing::Full { .. }));
    let parted = world.sent().iter().rposition(|message| matches!(message, Outgoing::Goodbye(_)));
    assert!(told > parted, "everybody is told that the node is still there");
}

#[test]
fn a_node_without_a_power_off_stays_linked_in_halt() {
    let mut world = halting(&format!("{CONFIG}[halt]\npower_off = \"none\"\n"));
    world.order(Stage::Halt, 100_000);
    world.live(mins(10), SECOND, HEALTHY);
    assert_eq!(world.changes(), ["stop web", "stop db"]);
    assert_eq!(world.powered_off, 0);
    assert!(!world.sent().iter().any(|message| matches!(message, Outgoing::Goodbye(_))));
    assert!(world.agent.next_wake().is_some());
}

#[test]
fn containers_that_resist_do_not_keep_the_node_up() {
    let mut world = halting(CONFIG);
    world.failures = 1_000_000;
    for container in world.docker.containers.values_mut() {
        container.seen.status = crate::core::event::ContainerStatus::Running;
    }
    world.order(Stage::Halt, 100_000);
    // The model's second failure works after all, so the containers are kept alive by hand.
    for _ in 0..150 {
        world.live(SECOND, SECOND, HEALTHY);
        for container in world.docker.containers.values_mut() {
            container.seen.status = crate::core::event::ContainerStatus::Running;
        }
        world.list();
    }
    assert_eq!(world.powered_off, 1);
}

#[test]
fn asked_to_stop_it_saves_says_goodbye_and_leaves_the_containers_as_they_are() {
    let mut world = halting(CONFIG);
    world.order(Stage::Drain, 100_000);
    let changes = world.changes();
    let before = world.log.len();
    world.event(Event::Terminate);
    assert!(world.stopped);
    assert_eq!(world.changes(), changes);
    let last: Vec<&Action> = world.log[before..].iter().map(|(_, action)| action).collect();
    assert!(matches!(
        last[..],
        [
            Action::SaveState { .. },
            Action::Send { message: Outgoing::Goodbye(Goodbye::Stopping), .. },
            Action::Stop
        ]
    ));
    world.live(mins(1), SECOND, HEALTHY);
    assert_eq!(world.log.len(), before + 3, "nothing more is wanted");
}

#[test]
fn the_clock_is_capped_from_throttle_on() {
    let mut world = World::new(CONFIG);
    world.live(mins(1), SECOND, HEALTHY);
    world.link_up();
    world.order(Stage::Throttle, 100_000);
    world.order(Stage::Normal, 100_000);
    world.live(mins(5), SECOND, HEALTHY);
    let caps: Vec<Option<FrequencyCap>> = world
        .log
        .iter()
        .filter_map(|(_, action)| match action {
            Action::SetFrequencyCap { cap, .. } => Some(*cap),
            _ => None,
        })
        .collect();
    assert_eq!(caps, [Some(FrequencyCap::Lowest), None]);
}

#[test]
fn lamps_are_dimmed_at_night_by_a_clock_that_is_to_be_trusted() {
    let mut world = World::new(&format!("{CONFIG}[leds]\nnight = \"21:00 to 06:00\"\n"));
    let mut dim = |minute_of_day| {
        world.event(Event::Host(HostSample { minute_of_day, ..HostSample::default() }));
        world.live(SECOND, SECOND, HEALTHY);
        let lamps = world.log.iter().rev().find_map(|(_, action)| match action {
            Action::ShowLamps { lamps, .. } => Some(lamps.dim),
            _ => None,
        });
        lamps.unwrap()
    };
    assert_eq!(
        [Some(12 * 60), Some(22 * 60), Some(6 * 60), Some(0), None].map(&mut dim),
        [false, true, false, true, false]
    );
}

#[test]
fn a_sagging_rail_throttles_this_node() {
    let mut world = World::new(CONFIG);
    world.live(mins(1), SECOND, HEALTHY);
    let low = HostSample { rail_low: Some(true), ..HostSample::default() };
    world.event(Event::Host(low));
    world.live(SECOND * 10, SECOND, HEALTHY);
    assert_eq!(world.agent.stage(), Stage::Throttle);
    assert!(matches!(world.agent.reason(), Reason::RailLow { .. }));
}

/// Any event that the world may bring, in any order.
fn any_event() -> impl Strategy<Value = (u32, Event)> {
    let reading = (10.0..15.0_f64, -5.0..5.0_f64, any::<u64>()).prop_map(|(volts, amps, raw)| {
        let temperature = Some(Temperature::from_celsius(amps * 5.0));
        let current = Some(Current::from_amps(amps));
        Ok(Sample {
            voltage: Voltage::from_volts(volts),
            current,
            temperature,
            reported: None,
            count: None,
            raw,
        })
    });
    let fault =
        prop::sample::select(&[Fault::NoAcknowledge, Fault::BusGone, Fault::NotYet, Fault::TraceEnded][..]);
    let reading = prop_oneof![4 => reading, 1 => fault.prop_map(Err)];
    let reading = reading.prop_map(|reading| Event::Sensor { sensor: SensorId(0), reading });
    let stage = prop::sample::select(&Stage::ALL[..]);
    let order = (1..3_u64, 1..20_u64, stage, 0..900_u32).prop_map(|(term, generation, stage, seconds)| {
        LinkEvent::Order(protocol::message::Order {
            id: OrderId { term: Term(term), generation: Generation(generation) },
            stage,
            reason: protocol::OrderReason::EnoughEnergy,
            valid_for: Seconds(seconds),
        })
    });
    let told = (0.0..100.0_f64, 10.5..14.0_f64, 0..900_u32).prop_map(|(percent, volts, age)| {
        LinkEvent::Supply(SupplyReport { energy: supply(percent, volts, 1.0), age: Seconds(age) })
    });
    let link = prop_oneof![
        3 => order,
        2 => told,
        1 => Just(LinkEvent::RequestFull),
        1 => Just(LinkEvent::Down { refusal: None }),
        1 => (0..9_u32).prop_map(|sequence| LinkEvent::Ack(protocol::Sequence(sequence))),
    ];
    let supervisor = crate::core::event::SupervisorId(0);
    let link = link.prop_map(move |event| Event::Link { supervisor, event });
    let host = (0.0..90.0_f64, any::<bool>()).prop_map(|(celsius, rail_low)| {
        Event::Host(HostSample {
            temperature: Some(Temperature::from_celsius(celsius)),
            rail_low: Some(rail_low),
            ..HostSample::default()
        })
    });
    let docker = prop_oneof![
        Just(Event::Docker(crate::core::event::DockerEvent::Down)),
        Just(Event::Docker(crate::core::event::DockerEvent::Containers(Vec::new()))),
    ];
    let event = prop_oneof![6 => reading, 3 => link, 1 => host, 1 => docker, 2 => Just(Event::Tick)];
    (prop_oneof![4 => 1..30_u32, 1 => 30..2000_u32], event)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    /// No sequence of events lets the stage fall below the floor, or recover more than one rung at once; and the same
    /// events lead to the same actions.
    #[test]
    fn never_below_the_floor_one_rung_at_a_time_and_always_the_same(
        events in prop::collection::vec(any_event(), 1..200)
    ) {
        let mut world = World::new(CONFIG);
        let mut twin = World::new(CONFIG);
        let mut stage = Stage::Normal;
        for (seconds, event) in events {
            for world in [&mut world, &mut twin] {
                world.now += SECOND * seconds;
                world.event(event.clone());
            }
            let agent = &world.agent;
            prop_assert!(agent.stage() >= agent.floor());
            prop_assert!(agent.stage() >= stage.descend(), "{stage} -> {}", agent.stage());
            prop_assert!(agent.next_wake().is_none_or(|wake| wake > world.now));
            prop_assert_eq!(agent.next_wake(), twin.agent.next_wake());
            stage = agent.stage();
        }
        prop_assert_eq!(&world.log, &twin.log);
    }

    /// A crash at any moment: the stage and the floor of the last write are taken up again.
    #[test]
    fn a_restart_at_any_moment_takes_up_what_was_written(
        events in prop::collection::vec(any_event(), 1..100)
    ) {
        let mut world = World::new(CONFIG);
        for (seconds, event) in events {
            world.now += SECOND * seconds;
            world.event(event);
        }
        let (stage, floor) = (world.agent.stage(), world.agent.floor());
        world.restart(SECOND);
        prop_assert_eq!((world.agent.stage(), world.agent.floor()), (stage, floor));
    }
}

#[test]
fn a_change_of_a_container_bears_the_stage_that_wants_it() {
    let mut world = halting(CONFIG);
    world.order(Stage::Drain, 600);
    let stop = world.log.iter().find_map(|(at, action)| match action {
        Action::Container { change: ContainerChange::Stop { .. }, stage, .. } => Some((*at, *stage)),
        _ => None,
    });
    assert_eq!(stop, Some((Uptime::from_secs(60), Stage::Drain)));
}

#[test]
fn what_a_stage_draws_is_not_mixed_with_what_the_one_before_drew() {
    let mut world = World::new(CONFIG);
    world.link_up();
    world.live(Duration::from_hours(10), mins(1), (12.9, 2.0));
    world.order(Stage::Shed, 3 * 3600);
    world.live(Duration::from_hours(2), mins(1), (12.9, 0.4));
    let step = &world.agent.outlook().steps[0];
    let load = step.load.expect("the load of this stage").watts();
    assert!(step.stage == Stage::Shed && (4.0..9.0).contains(&load), "{step:?}");
}
