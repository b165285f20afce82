//! The drivers beside the crates `ina226` and `ina219`, on simulated chips with the same conditions: two programs by
//! different people must agree on what the registers say.

#![cfg(feature = "sim")]
#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

use ::ina226::MaskEnableFlags as Flags;
use hardware::chips::ina219::{self, Ina219};
use hardware::chips::ina226::{self, Averaging, Conversion, Ina226, Mode};
use hardware::sim::bus::{Attached, SimBus};
use hardware::sim::chips::{SimIna219, SimIna226};
use protocol::{Current, Resistance, Voltage};

/// Volts and amperes over the whole range, both signs, with values that fall between steps.
fn conditions(amps_max: f64) -> impl Iterator<Item = (Voltage, Current)> {
    const PLACES: i32 = 60;
    (-PLACES..=PLACES).flat_map(move |place| {
        let amps = amps_max * f64::from(place) / f64::from(PLACES);
        [0.0, 3.3, 5.0, 10.501, 12.066, 14.4, 25.99]
            .map(|volts| (Voltage::from_volts(volts), Current::from_amps(amps)))
    })
}

#[test]
fn an_ina226_reads_as_the_other_driver_reads_it() {
    // The other driver writes a calibration of its own, so each has a chip, fed the same.
    for (milliohm, amps_max) in [(2.0, 40.0), (10.0, 8.0), (0.75, 100.0), (100.0, 0.8)] {
        let (shunt, current_max) = (Resistance::from_ohms(milliohm / 1e3), Current::from_amps(amps_max));
        let bus = SimBus::new();
        let [ours_chip, other_chip]: [Attached<SimIna226>; 2] =
            [0x40, 0x41].map(|address| bus.attach(address, SimIna226::new(shunt)));
        let settings = ina226::Settings::new(shunt, current_max);
        let mut ours = Ina226::new(bus.clone(), 0x40, settings).unwrap();
        ours.configure().unwrap();
        let mut other = ::ina226::INA226::new(bus.clone(), 0x41);
        // Its step is a 32768th of the greatest current: half a per cent more keeps the end within its register.
        let (other_ohms, other_max) = (shunt.ohms(), amps_max * 1.005);
        other.callibrate(other_ohms, other_max).unwrap();
        for (voltage, current) in conditions(amps_max * 0.999) {
            ours_chip.with(|chip| chip.settle(voltage, current));
            other_chip.with(|chip| chip.settle(voltage, current));
            let measurement = ours.read().unwrap();
            let millivolts = other.bus_voltage_millivolts().unwrap();
            assert!((measurement.voltage.volts() * 1e3 - millivolts).abs() < 1e-9, "{millivolts} mV");
            let drop = other.shunt_voltage_microvolts().unwrap() / 1e6;
            assert!((measurement.current.amps() * shunt.ohms() - drop).abs() < 1e-9, "{current}");
            // It truncates the calibration and does not correct its step for that: 1 in 2000. And the chip truncates.
            let step = other_max / 32768.0;
            let amps = other.current_amps().unwrap().unwrap();
            let slack = step + amps.abs() / 2000.0;
            assert!((measurement.current.amps() - amps).abs() <= slack, "{} {amps}", measurement.current);
            let watts = other.power_watts().unwrap().unwrap();
            let slack = 25.0 * step + measurement.voltage.volts() * slack;
            assert!(
                (measurement.power.abs().watts() - watts).abs() <= slack,
                "{} {watts}",
                measurement.power
            );
        }
    }
}

#[test]
fn an_ina226_is_configured_as_the_other_driver_understands_it() {
    let bus = SimBus::new();
    let chip = bus.attach(0x40, SimIna226::new(Resistance::from_ohms(0.002)));
    let mut other = ::ina226::INA226::new(bus.clone(), 0x40);
    for (place, averaging) in Averaging::ALL.into_iter().enumerate() {
        let mut settings = ina226::Settings::new(Resistance::from_ohms(0.002), Current::from_amps(40.0));
        settings.averaging = averaging;
        settings.bus_conversion = Conversion::ALL[place];
        settings.shunt_conversion = Conversion::ALL[7 - place];
        let mut ours = Ina226::new(bus.clone(), 0x40, settings).unwrap();
        ours.configure().unwrap();
        let seen = other.configuration().unwrap().unwrap();
        assert_eq!(seen.avg as usize, place);
        assert_eq!(seen.vbusct as usize, place);
        assert_eq!(seen.vshct as usize, 7 - place);
        assert_eq!(seen.mode, ::ina226::MODE::ShuntBusVoltageContinuous);
        ours.set_mode(Mode::PowerDown).unwrap();
        assert_eq!(other.configuration().unwrap().unwrap().mode, ::ina226::MODE::PowerDown);
    }
    // What it calls its flags is what the driver arms.
    let mut ours =
        Ina226::new(bus, 0x40, ina226::Settings::new(Resistance::from_ohms(0.002), Current::from_amps(40.0)))
            .unwrap();
    ours.configure().unwrap();
    ours.arm_bus_under(Voltage::from_volts(11.3)).unwrap();
    chip.with(|chip| chip.settle(Voltage::from_volts(11.0), Current::ZERO));
    assert_eq!(other.alert_limit().unwrap(), 9040);
    assert_eq!(other.mask_enable().unwrap(), Flags::BUL | Flags::LEN | Flags::AFF | Flags::CVRF);
}

#[test]
fn an_ina219_reads_as_the_other_driver_reads_it() {
    use ::ina219::calibration::{IntCalibration, MicroAmpere};
    use ::ina219::configuration::{Configuration, ShuntVoltageRange};

    for (milliohm, amps_max, range) in [
        (100_u32, 0.4, ShuntVoltageRange::Fsr40mv),
        (10, 8.0, ShuntVoltageRange::Fsr80mv),
        (10, 16.0, ShuntVoltageRange::Fsr160mv),
        (100, 3.2, ShuntVoltageRange::Fsr320mv),
    ] {
        let (shunt, current_max) =
            (Resistance::from_ohms(f64::from(milliohm) / 1e3), Current::from_amps(amps_max));
        let bus = SimBus::new();
        let [ours_chip, other_chip]: [Attached<SimIna219>; 2] =
            [0x40, 0x41].map(|address| bus.attach(address, SimIna219::new(shunt)));
        let mut ours = Ina219::new(bus.clone(), 0x40, ina219::Settings::new(shunt, current_max)).unwrap();
        ours.configure().unwrap();
        let step = (amps_max * 1e6 / 32767.0).ceil();
        let calibration = IntCalibration::new(MicroAmpere(step as i64), milliohm * 1000).unwrap();
        let address = ::ina219::address::Address::from_byte(0x41).unwrap();
        let mut other = ::ina219::SyncIna219::new_calibrated(bus.clone(), address, calibration).unwrap();
        let same = Configuration { shunt_voltage_range: range, ..Configuration::default() };
        other.set_configuration(same).unwrap();
        for (voltage, current) in conditions(amps_max * 0.999) {
            ours_chip.with(|chip| chip.settle(voltage, current));
            other_chip.with(|chip| chip.settle(voltage, current));
            let measurement = ours.read().unwrap();
            let seen = other.next_measurement().unwrap().unwrap();
            let millivolts = f64::from(seen.bus_voltage.voltage_mv());
            assert!((measurement.voltage.volts() * 1e3 - millivolts).abs() < 1e-9, "{millivolts} mV");
            let drop = f64::from(seen.shunt_voltage.shunt_voltage_uv()) / 1e6;
            assert!((measurement.current.amps() * shunt.ohms() - drop).abs() < 1e-9, "{current}");
            // Its calibration is truncated to even numbers and its step not corrected for that.
            let amps = seen.current.0 as f64 / 1e6;
            let slack = step / 1e6 + amps.abs() / 1000.0;
            assert!((measurement.current.amps() - amps).abs() <= slack, "{} {amps}", measurement.current);
            // It reads the power register as signed, so its watts turn negative above half the register's range: the
            // register itself is compared.
            let watts = f64::from(other.power_raw().unwrap().0) * 20.0 * step / 1e6;
            let slack = 20.0 * step / 1e6 + measurement.voltage.volts() * slack;
            assert!(
                (measurement.power.abs().watts() - watts).abs() <= slack,
                "{} {watts}",
                measurement.power
            );
        }
    }
}
