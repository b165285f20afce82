//! The drivers against the simulated chips, over the simulated bus: volts and amperes in, volts and amperes out, and
//! every fault by its name. On a Pi the same would need a bench supply and a load; the registers are the same.

#![cfg(feature = "sim")]
#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

use hardware::chips::detect::{Found, identify};
use hardware::chips::ina219::{self, Ina219};
use hardware::chips::ina226::{self, Alert, Averaging, Conversion, Ina226, Limit, Mode};
use hardware::chips::{Error, Measurement};
use hardware::sim::bus::{Attached, BusFault, SimBus, SimBusError};
use hardware::sim::chips::{SimIna219, SimIna226};
use proptest::prelude::*;
use protocol::{Current, Fault, Resistance, Uptime, Voltage};

const SHUNT: Resistance = Resistance::from_ohms(0.002);
const SHUNT_219: Resistance = Resistance::from_ohms(0.01);
const BATTERY: Voltage = Voltage::from_volts(12.5);
const LOAD: Current = Current::from_amps(3.0);

/// A bus with an INA226 at 0x40 whose driver is configured.
fn with_ina226(settings: ina226::Settings) -> (SimBus, Attached<SimIna226>, Ina226<SimBus>) {
    let bus = SimBus::new();
    let chip = bus.attach(0x40, SimIna226::new(SHUNT));
    let mut driver = Ina226::new(bus.clone(), 0x40, settings).unwrap();
    driver.configure().unwrap();
    (bus, chip, driver)
}

fn usual_226() -> ina226::Settings {
    ina226::Settings::new(SHUNT, Current::from_amps(40.0))
}

/// A bus with an INA219 at 0x41 whose driver is configured: 160 mV, 16 A at most.
fn with_ina219() -> (SimBus, Attached<SimIna219>, Ina219<SimBus>) {
    let bus = SimBus::new();
    let chip = bus.attach(0x41, SimIna219::new(SHUNT_219));
    let settings = ina219::Settings::new(SHUNT_219, Current::from_amps(16.0));
    let mut driver = Ina219::new(bus.clone(), 0x41, settings).unwrap();
    driver.configure().unwrap();
    (bus, chip, driver)
}

/// Whether a measurement is what is true, within half a step of either converter.
fn is_true(measurement: &Measurement, voltage: Voltage, current: Current, steps: (f64, f64)) -> bool {
    (measurement.voltage - voltage).abs().volts() <= steps.0 / 2.0 + 1e-9
        && (measurement.current - current).abs().amps() <= steps.1 / 2.0 + 1e-9
        && (measurement.power - measurement.voltage * measurement.current).abs().watts() < 1e-9
}

proptest! {
    #[test]
    fn an_ina226_reads_what_is_true_to_half_a_step(volts in 0.0_f64..36.0, amps in -39.9_f64..39.9) {
        let (_, chip, mut driver) = with_ina226(usual_226());
        let (voltage, current) = (Voltage::from_volts(volts), Current::from_amps(amps));
        chip.with(|chip| chip.settle(voltage, current));
        let measurement = driver.read().unwrap();
        prop_assert!(is_true(&measurement, voltage, current, (1.25e-3, 1.25e-3)), "{:?}", measurement);
    }

    #[test]
    fn an_ina219_reads_what_is_true_to_half_a_step(volts in 0.0_f64..26.0, amps in -15.9_f64..15.9) {
        let (_, chip, mut driver) = with_ina219();
        let (voltage, current) = (Voltage::from_volts(volts), Current::from_amps(amps));
        chip.with(|chip| chip.settle(voltage, current));
        let measurement = driver.read().unwrap();
        prop_assert!(is_true(&measurement, voltage, current, (4e-3, 1e-3)), "{:?}", measurement);
    }

    #[test]
    fn garbage_on_the_bus_is_never_taken_for_health(reads in 1_usize..50) {
        let (bus, chip, mut driver) = with_ina226(usual_226());
        chip.with(|chip| chip.settle(BATTERY, LOAD));
        bus.inject(BusFault::Garbage);
        for _ in 0..reads {
            prop_assert!(driver.read().is_err());
        }
        bus.heal();
        // Garbage may have looked like a lost calibration; then it was written again, to a chip that had it.
        prop_assert!(driver.read().is_ok());
    }
}

/// Reads once under each fault, and once healed; `read` is either driver's.
fn faults_and_recovery(bus: &SimBus, mut read: impl FnMut() -> Result<Measurement, Error<SimBusError>>) {
    let before = read().unwrap();
    for (fault, expected) in [
        (BusFault::Nak, Fault::NoAcknowledge),
        (BusFault::HeldLine, Fault::BusError),
        (BusFault::BusGone, Fault::BusGone),
    ] {
        bus.inject(fault);
        assert_eq!(read().unwrap_err().fault(), expected);
        bus.heal();
        assert_eq!(read().unwrap(), before, "healed from {fault:?} without help");
    }
    bus.inject(BusFault::ForgetSettings);
    assert_eq!(read().unwrap_err().fault(), Fault::SettingsLost);
    assert!(read().is_ok(), "the settings are back");
}

#[test]
fn every_fault_of_the_bus_has_its_name_and_heals() {
    let (bus, chip, mut driver) = with_ina226(usual_226());
    chip.with(|chip| chip.settle(BATTERY, LOAD));
    faults_and_recovery(&bus, || driver.read());
    let (bus, chip, mut driver) = with_ina219();
    chip.with(|chip| chip.settle(BATTERY, LOAD));
    faults_and_recovery(&bus, || driver.read());
}

#[test]
fn a_driver_that_was_never_configured_heals_itself() {
    let bus = SimBus::new();
    let chip = bus.attach(0x40, SimIna226::new(SHUNT));
    let mut driver = Ina226::new(bus, 0x40, usual_226()).unwrap();
    chip.with(|chip| chip.settle(BATTERY, LOAD));
    assert_eq!(driver.read().unwrap_err().fault(), Fault::SettingsLost);
    assert!(is_true(&driver.read().unwrap(), BATTERY, LOAD, (1.25e-3, 1.25e-3)));
}

#[test]
fn a_stuck_chip_s_raw_value_stands_still_and_a_living_one_s_does_not() {
    let (bus, chip, mut driver) = with_ina226(usual_226());
    let mut read = |amps: f64| {
        chip.with(|chip| chip.settle(BATTERY, Current::from_amps(amps)));
        driver.read().unwrap().raw
    };
    assert_ne!(read(3.0), read(3.01));
    bus.inject(BusFault::Stuck);
    assert_eq!(read(4.0), read(5.0));
}

#[test]
fn a_current_beyond_the_shunt_s_range_is_clipped_and_beyond_the_setting_overflows() {
    let (_, chip, mut driver) = with_ina226(ina226::Settings::new(SHUNT, Current::from_amps(20.0)));
    for sign in [1.0, -1.0] {
        let mut read = |amps: f64| {
            chip.with(|chip| chip.settle(BATTERY, Current::from_amps(amps * sign)));
            driver.read().map_err(|error| error.fault())
        };
        assert!(read(20.0).is_ok());
        assert_eq!(read(30.0), Err(Fault::Overflow));
        assert!(
            matches!(read(60.0), Err(Fault::ShuntClipped { limit }) if (limit.amps() - 40.96).abs() < 0.01)
        );
    }
    assert!(driver.take_flags().unwrap().overflow, "the chip's own flag says so too");

    let (_, chip, mut driver) = with_ina219();
    chip.with(|chip| chip.settle(BATTERY, Current::from_amps(17.0)));
    assert!(
        matches!(driver.read(), Err(Error::ShuntClipped { limit }) if (limit.amps() - 16.0).abs() < 1e-9)
    );
}

#[test]
fn a_healthy_reading_costs_three_transactions() {
    let (bus, chip, mut driver) = with_ina226(usual_226());
    chip.with(|chip| chip.settle(BATTERY, LOAD));
    let before = bus.transactions();
    for _ in 0..100 {
        driver.read().unwrap();
    }
    assert_eq!(bus.transactions() - before, 300);
    let (bus, chip, mut driver) = with_ina219();
    chip.with(|chip| chip.settle(BATTERY, LOAD));
    let before = bus.transactions();
    for _ in 0..100 {
        driver.read().unwrap();
    }
    assert_eq!(bus.transactions() - before, 300);
}

#[test]
fn a_new_result_comes_after_the_update_time_and_not_before() {
    for averaging in [Averaging::X1, Averaging::X128] {
        let mut settings = usual_226();
        settings.averaging = averaging;
        settings.bus_conversion = Conversion::Us8244;
        let (_, chip, mut driver) = with_ina226(settings);
        let update = settings.update_time();
        let at = |part: f64| Uptime::START + update.mul_f64(part);
        chip.with(|chip| chip.measure(Uptime::START, BATTERY, LOAD));
        chip.with(|chip| chip.measure(at(0.5), BATTERY, LOAD));
        assert_eq!(driver.read().unwrap().voltage, Voltage::ZERO, "{averaging:?}: as at power-on");
        chip.with(|chip| chip.measure(at(1.0) + std::time::Duration::from_millis(1), BATTERY, LOAD));
        assert!(is_true(&driver.read().unwrap(), BATTERY, LOAD, (1.25e-3, 1.25e-3)), "{averaging:?}");
    }
}

#[test]
fn an_alert_survives_readings_and_lets_go_when_its_flags_are_taken() {
    let (bus, chip, mut driver) = with_ina226(usual_226());
    driver.arm_bus_under(Voltage::from_volts(11.3)).unwrap();
    chip.with(|chip| chip.settle(Voltage::from_volts(11.4), LOAD));
    assert!(chip.with(|chip| chip.alert_is_high()));
    chip.with(|chip| chip.settle(Voltage::from_volts(11.2), LOAD));
    assert!(!chip.with(|chip| chip.alert_is_high()), "pulled");
    chip.with(|chip| chip.settle(BATTERY, LOAD));
    driver.read().unwrap();
    assert!(!chip.with(|chip| chip.alert_is_high()), "latched, and a reading does not let go of it");
    assert!(driver.take_flags().unwrap().alert);
    assert!(chip.with(|chip| chip.alert_is_high()));

    // After a brown-out it is armed again by the next reading.
    bus.inject(BusFault::ForgetSettings);
    assert!(driver.read().is_err());
    chip.with(|chip| chip.settle(Voltage::from_volts(11.2), LOAD));
    assert!(!chip.with(|chip| chip.alert_is_high()));
}

#[test]
fn a_transparent_active_high_alert_follows_the_current() {
    let (_, chip, mut driver) = with_ina226(usual_226());
    let limit = Limit::ShuntOver(Current::from_amps(30.0) * SHUNT);
    driver.arm(Alert { limit, latched: false, active_high: true }).unwrap();
    for (amps, pulled) in [(29.9, false), (30.1, true), (-35.0, false)] {
        chip.with(|chip| chip.settle(BATTERY, Current::from_amps(amps)));
        assert_eq!(chip.with(|chip| chip.alert_is_high()), pulled, "{amps} A");
    }
}

#[test]
fn a_power_limit_is_where_it_was_set() {
    let (_, chip, mut driver) = with_ina226(usual_226());
    driver.arm(Alert::latched(Limit::PowerOver(BATTERY * LOAD))).unwrap();
    chip.with(|chip| chip.settle(BATTERY, LOAD * 0.99));
    assert!(chip.with(|chip| chip.alert_is_high()));
    chip.with(|chip| chip.settle(BATTERY, LOAD * 1.01));
    assert!(!chip.with(|chip| chip.alert_is_high()));
}

#[test]
fn a_powered_down_chip_keeps_its_last_result() {
    let (_, chip, mut driver) = with_ina226(usual_226());
    chip.with(|chip| chip.settle(BATTERY, LOAD));
    driver.set_mode(Mode::PowerDown).unwrap();
    chip.with(|chip| chip.measure(Uptime::from_secs(10), Voltage::from_volts(11.0), LOAD));
    assert!(is_true(&driver.read().unwrap(), BATTERY, LOAD, (1.25e-3, 1.25e-3)));
    driver.set_mode(Mode::Triggered).unwrap();
    chip.with(|chip| chip.measure(Uptime::from_secs(11), Voltage::from_volts(11.0), LOAD));
    assert!(driver.take_flags().unwrap().ready);
    assert!(is_true(&driver.read().unwrap(), Voltage::from_volts(11.0), LOAD, (1.25e-3, 1.25e-3)));
}

#[test]
fn chips_are_told_apart_and_looking_changes_nothing() {
    let (bus, chip, mut driver) = with_ina226(usual_226());
    let other = bus.attach(0x41, SimIna219::new(SHUNT_219));
    chip.with(|chip| chip.settle(BATTERY, LOAD));
    other.with(|chip| chip.settle(BATTERY, LOAD));
    driver.arm_bus_under(Voltage::from_volts(12.6)).unwrap();
    chip.with(|chip| chip.settle(BATTERY, LOAD));
    let before = driver.read().unwrap();
    assert_eq!(identify(bus.clone(), 0x40), Ok(Some(Found::Ina226)));
    assert_eq!(identify(bus.clone(), 0x41), Ok(Some(Found::Ina219 { at_reset: true })));
    assert_eq!(identify(bus.clone(), 0x42), Ok(None));
    assert_eq!(driver.read().unwrap(), before);
    assert!(!chip.with(|chip| chip.alert_is_high()), "not even a latched alert is let go");

    let settings = ina219::Settings::new(SHUNT_219, Current::from_amps(16.0));
    Ina219::new(bus.clone(), 0x41, settings).unwrap().configure().unwrap();
    assert_eq!(identify(bus, 0x41), Ok(Some(Found::Ina219 { at_reset: false })));
}

#[test]
fn a_driver_of_the_wrong_kind_refuses_and_leaves_the_chip_alone() {
    let (bus, chip, mut right) = with_ina226(usual_226());
    chip.with(|chip| chip.settle(BATTERY, LOAD));
    let settings = ina219::Settings::new(SHUNT_219, Current::from_amps(16.0));
    let mut wrong = Ina219::new(bus, 0x40, settings).unwrap();
    assert!(matches!(wrong.configure(), Err(Error::NotThisChip { .. })));
    assert!(right.read().is_ok());
}
