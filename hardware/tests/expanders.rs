//! The drivers of port expanders on simulated chips: what a relay sees while programs end, wires break and power dips.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on says so by panicking")]

use hardware::chips::Error;
use hardware::chips::expander::{Expander, ExpanderError, Kind, Lines, Looked, look};
use hardware::sim::bus::{BusFault, SimBus, SimBusError};
use hardware::sim::chips::{SimMcp23017, SimPcf8574};
use proptest::prelude::*;

const ADDRESS: u8 = 0x20;

fn driver(kind: Kind, bus: &SimBus, lines: &[u8]) -> Expander<SimBus> {
    let ours = lines.iter().fold(Lines::NONE, |lines, &line| lines.and(Lines::one(line)));
    Expander::new(kind, bus.clone(), ADDRESS, ours).unwrap()
}

#[test]
fn a_relay_stays_as_it_is_while_the_agent_ends_and_starts_again() {
    let bus = SimBus::new();
    let chip = bus.attach(ADDRESS, SimMcp23017::new());
    // Relay boards pull their inputs high: all relays rest.
    chip.with(|chip| chip.set_outside(0xffff));
    let mut first = driver(Kind::Mcp23017, &bus, &[2, 11]);
    first.switch(2, false).unwrap();
    first.switch(11, true).unwrap();
    drop(first);
    let mut second = driver(Kind::Mcp23017, &bus, &[2, 11]);
    second.check().unwrap();
    second.switch(11, false).unwrap();
    assert_eq!(chip.with(|chip| chip.pins()), 0xf7fb);
    // Line 11 was never anything but high before it was switched; no other line ever moved.
    assert_eq!(chip.with(|chip| chip.history().to_vec()), [0, 0xffff, 0xfffb, 0xf7fb]);
}

#[test]
fn a_relay_on_a_pcf8574_stays_too_and_a_button_beside_it_does_not_matter() {
    let bus = SimBus::new();
    let chip = bus.attach(ADDRESS, SimPcf8574::new());
    driver(Kind::Pcf8574, &bus, &[0, 1]).switch(0, false).unwrap();
    chip.with(|chip| chip.pull_low(0x80));
    let mut second = driver(Kind::Pcf8574, &bus, &[0, 1]);
    second.check().unwrap();
    second.switch(1, false).unwrap();
    assert_eq!(chip.with(|chip| chip.history().to_vec()), [0xff, 0xfe, 0x7e, 0x7c]);
}

#[test]
fn a_dip_of_its_power_is_noticed_put_right_and_told_once() {
    for kind in [Kind::Mcp23017, Kind::Pcf8574] {
        let bus = SimBus::new();
        match kind {
            Kind::Mcp23017 => drop(bus.attach(ADDRESS, SimMcp23017::new())),
            _ => drop(bus.attach(ADDRESS, SimPcf8574::new())),
        }
        let mut driver = driver(kind, &bus, &[3, 4]);
        driver.switch(3, false).unwrap();
        driver.check().unwrap();
        bus.inject(BusFault::ForgetSettings);
        assert_eq!(driver.check(), Err(ExpanderError::Forgot { lines: Lines::one(3) }), "{kind}");
        assert_eq!(driver.check(), Ok(()), "{kind}");
        // Gone for a while, and forgotten meanwhile.
        bus.inject(BusFault::Nak);
        bus.inject(BusFault::ForgetSettings);
        let gone =
            Err(ExpanderError::Chip(Error::NoAcknowledge(SimBusError::NoAcknowledge { address: ADDRESS })));
        assert_eq!(driver.check(), gone, "{kind}");
        assert_eq!(driver.switch(4, false), gone, "{kind}");
        bus.heal();
        assert_eq!(driver.check(), Err(ExpanderError::Forgot { lines: Lines::one(3) }), "{kind}");
    }
}

#[test]
fn a_look_finds_them_as_an_agent_left_them_and_changes_nothing() {
    let bus = SimBus::new();
    let mcp = bus.attach(0x20, SimMcp23017::new());
    let pcf = bus.attach(0x27, SimPcf8574::new());
    assert_eq!(look(bus.clone(), 0x20), Ok(Some(Looked::Mcp23017)));
    driver(Kind::Mcp23017, &bus, &[15]).switch(15, true).unwrap();
    let before = (mcp.with(|chip| chip.history().to_vec()), pcf.with(|chip| chip.history().to_vec()));
    for _ in 0..3 {
        assert_eq!(look(bus.clone(), 0x20), Ok(Some(Looked::Mcp23017)), "wherever its pointer stands");
        assert_eq!(look(bus.clone(), 0x27), Ok(Some(Looked::OneByte { kind: Kind::Pcf8574, byte: 0xff })));
        assert_eq!(look(bus.clone(), 0x21), Ok(None));
    }
    assert_eq!((mcp.with(|chip| chip.history().to_vec()), pcf.with(|chip| chip.history().to_vec())), before);
    bus.inject(BusFault::HeldLine);
    assert_eq!(look(bus, 0x20), Err(Error::BusError(SimBusError::HeldLine)));
}

proptest! {
    /// Whatever a loose wire says, a switch that it goes by is never reported done, and no other line of ours moves.
    #[test]
    fn garbage_on_the_bus_is_never_taken_for_a_level(
        orders in prop::collection::vec((0_usize..2, any::<bool>()), 1..20),
        chip_is_pcf in any::<bool>(),
    ) {
        let kind = if chip_is_pcf { Kind::Pcf8574 } else { Kind::Mcp23017 };
        let bus = SimBus::new();
        if chip_is_pcf {
            bus.attach(ADDRESS, SimPcf8574::new());
        } else {
            bus.attach(ADDRESS, SimMcp23017::new());
        }
        let lines = [2, 5];
        let mut driver = driver(kind, &bus, &lines);
        driver.switch(2, false).unwrap();
        driver.switch(5, true).unwrap();
        bus.inject(BusFault::Garbage);
        for (line, high) in orders {
            prop_assert!(driver.switch(lines[line], high).is_err());
            prop_assert!(driver.check().is_err());
        }
        bus.heal();
        prop_assert_eq!(driver.check(), Ok(()));
    }
}
