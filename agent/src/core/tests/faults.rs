//! Sensor faults through the whole core: energy is saved, the reason is told, and it ends by itself.

use std::time::Duration;

use protocol::message::SupplyReport;
use protocol::{Fault, Reason, Stage};

use super::world::{CONFIG, HEALTHY, World};
use crate::core::action::{Action, Lamps, Outgoing, Warning};
use crate::core::event::LinkEvent;
use crate::core::reading::SensorId;

const SECOND: Duration = Duration::from_secs(1);

/// A node whose sensor fails for a while, second by second, and then reads again.
fn survives(fault: Fault, mut fail: impl FnMut(&mut World)) {
    let mut world = World::new(CONFIG);
    world.live(Duration::from_mins(10), SECOND, HEALTHY);
    for _ in 0..31 * 60 {
        world.now += SECOND;
        fail(&mut world);
    }
    let same = |other: &Fault| std::mem::discriminant(other) == std::mem::discriminant(&fault);
    assert!(
        world.agent.energy(world.now).fault.as_ref().is_some_and(same),
        "{:?}",
        world.agent.energy(world.now)
    );
    assert!(world.agent.sensor_fault(SensorId(0)).as_ref().is_some_and(same));
    assert!(world.agent.stage() >= Stage::Shed, "{fault}: {}", world.agent.stage());
    assert!(matches!(world.agent.reason(), Reason::NoReading { fault, .. } if same(fault)));
    assert!(lamps(&world).is_some_and(|lamps| lamps.stale && lamps.fault && lamps.dim));
    let warned = |world: &World| {
        world.log.iter().filter(|(_, action)| matches!(action, Action::Warn(Warning::Sensor { .. }))).count()
    };
    assert_eq!(warned(&world), 1, "told once");
    world.live(Duration::from_hours(3), SECOND * 5, HEALTHY);
    assert_eq!((world.agent.stage(), world.agent.energy(world.now).fault), (Stage::Normal, None));
    assert!(lamps(&world).is_some_and(|lamps| !lamps.stale && !lamps.fault));
    assert_eq!(warned(&world), 2, "and its end");
}

fn lamps(world: &World) -> Option<Lamps> {
    world.log.iter().rev().find_map(|(_, action)| match action {
        Action::ShowLamps { lamps, .. } => Some(*lamps),
        _ => None,
    })
}

#[test]
fn a_chip_that_does_not_answer() {
    survives(Fault::NoAcknowledge, |world| world.fails(Fault::NoAcknowledge));
}

#[test]
fn a_bus_that_is_gone() {
    survives(Fault::BusGone, |world| world.fails(Fault::BusGone));
}

#[test]
fn a_voltage_that_no_battery_has() {
    let any = protocol::Voltage::ZERO;
    survives(Fault::VoltageAbsurd { read: any, low: any, high: any }, |world| world.read(31.0, 0.5));
}

#[test]
fn a_value_that_never_moves() {
    let frozen = crate::core::reading::Sample {
        voltage: protocol::Voltage::from_volts(HEALTHY.0),
        current: Some(protocol::Current::from_amps(HEALTHY.1)),
        temperature: None,
        reported: None,
        count: None,
        raw: 0,
    };
    survives(Fault::Stuck { held: protocol::Seconds(0) }, |world| world.reading(Ok(frozen)));
}

#[test]
fn a_single_failed_reading_is_nobodys_business() {
    let mut world = World::new(CONFIG);
    world.live(Duration::from_mins(1), SECOND, HEALTHY);
    let before = world.log.len();
    world.now += SECOND;
    world.fails(Fault::NoAcknowledge);
    world.live(Duration::from_mins(1), SECOND, HEALTHY);
    assert_eq!(world.log.len(), before);
    assert_eq!(world.agent.energy(world.now).fault, None);
}

#[test]
fn a_dead_sensor_from_the_first_moment_never_reads_as_health() {
    let mut world = World::new(CONFIG);
    for _ in 0..20 * 60 {
        world.now += SECOND;
        world.fails(Fault::NoAcknowledge);
    }
    assert_eq!(world.agent.stage(), Stage::Drain);
    assert_eq!(world.agent.energy(world.now).basis, protocol::report::Basis::Unknown);
}

#[test]
fn with_a_dead_sensor_the_node_goes_by_another_ones_and_does_not_tell_it_as_its_own() {
    let mut world = World::new(CONFIG);
    world.live(Duration::from_mins(10), SECOND, HEALTHY);
    world.link_up();
    let mut relayed = world.agent.energy(world.now);
    relayed.soc = Some(super::world::band(66.0));
    for second in 0..2 * 3600 {
        world.now += SECOND;
        world.fails(Fault::NoAcknowledge);
        if second % 10 == 0 {
            let report = SupplyReport { energy: relayed, age: protocol::Seconds(1) };
            world.link(LinkEvent::Supply(report));
        }
    }
    assert!(world.agent.stage() < Stage::Drain, "{}: {}", world.agent.stage(), world.agent.reason());
    assert_eq!(world.agent.energy(world.now).soc, relayed.soc);
    let told = world.sent().into_iter().rev().find_map(|message| match message {
        Outgoing::Full { report, .. } => Some(report.energy),
        _ => None,
    });
    assert_eq!(told.and_then(|energy| energy.fault), Some(Fault::NoAcknowledge), "{told:?}");
}
