//! The drivers beside other people's crates, on simulated chips with the same conditions: two programs by
//! different people must agree on what the registers say.

#![cfg(feature = "sim")]
#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

use ::ina226::MaskEnableFlags as Flags;
use hardware::chips::ads1115::{self, Ads1115};
use hardware::chips::ina219::{self, Ina219};
use hardware::chips::ina226::{self, Averaging, Conversion, Ina226, Mode};
use hardware::chips::ina228::{self, Ina228};
use hardware::chips::ina3221::{self, Channel, Ina3221};
use hardware::chips::max17048::Max17048;
use hardware::sim::bus::{Attached, SimBus};
use hardware::sim::chips::{SimAds1115, SimIna219, SimIna226, SimIna228, SimIna3221, SimMax17048};
use protocol::{Current, Resistance, Soc, Uptime, Voltage};

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

#[test]
fn an_ina228_reads_and_counts_as_the_other_driver_reads_it() {
    for (milliohm, amps_max) in [(2.0, 80.0), (2.0, 20.0), (15.0, 10.0)] {
        let (shunt, current_max) = (Resistance::from_ohms(milliohm / 1e3), Current::from_amps(amps_max));
        let bus = SimBus::new();
        let chip = bus.attach(0x40, SimIna228::new(shunt));
        let mut ours = Ina228::new(bus.clone(), 0x40, ina228::Settings::new(shunt, current_max)).unwrap();
        ours.configure().unwrap();
        let mut other = ::ina228::Ina228::new(bus.clone(), 0x40);
        // It knows a range only if it sets it itself, and a step only by its own calibration: both then are ours.
        let range = match ours.range() {
            ina228::Range::Mv163 => ::ina228::AdcRange::Range163mV,
            ina228::Range::Mv40 => ::ina228::AdcRange::Range40mV,
        };
        other.set_adc_range(range).unwrap();
        let whole = if ours.range() == ina228::Range::Mv163 { 0.16384 } else { 0.04096 };
        other.calibrate((whole / (milliohm / 1e3)) as f32, (milliohm / 1e3) as f32).unwrap();
        let mut now = 0;
        for (voltage, current) in conditions(amps_max * 0.999) {
            now += 60;
            chip.with(|chip| chip.measure(Uptime::from_secs(now), voltage, current));
            let measurement = ours.read().unwrap();
            let near = |ours: f64, other: f64, slack: f64| {
                assert!((ours - other).abs() <= slack + ours.abs() * 1e-3, "{ours} {other}");
            };
            near(measurement.voltage.volts(), other.bus_voltage().unwrap().into(), 2e-4);
            near((measurement.current * shunt).volts(), other.shunt_voltage().unwrap().into(), 1e-6);
            near(measurement.current.amps(), other.current().unwrap().into(), 1e-3);
            near(measurement.power.abs().watts(), other.power().unwrap().into(), 2e-2);
            let totals = ours.totals().unwrap();
            near(totals.charge.amp_hours() * 3600.0, other.charge().unwrap(), 1.0);
            near(totals.energy.watt_hours() * 3600.0, other.energy().unwrap(), 10.0);
        }
    }
}

#[test]
fn an_ina3221_reads_as_the_other_driver_reads_it() {
    let shunt = Resistance::from_ohms(0.01);
    let bus = SimBus::new();
    let chip = bus.attach(0x40, SimIna3221::new([shunt; 3]));
    let mut other = ::ina3221::INA3221::new(bus.clone(), 0x40);
    for (place, channel) in [Channel::One, Channel::Two, Channel::Three].into_iter().enumerate() {
        let settings = ina3221::Settings::new(shunt, Current::from_amps(16.0));
        let mut ours = Ina3221::new(bus.clone(), 0x40, channel, settings).unwrap();
        ours.configure().unwrap();
        for (voltage, current) in conditions(15.9) {
            let mut inputs = [(Voltage::ZERO, Current::ZERO); 3];
            inputs[place] = (voltage, current);
            chip.with(|chip| chip.settle(inputs));
            let measurement = ours.read().unwrap();
            let millivolts = f64::from(other.get_bus_voltage(place as u8).unwrap().milli_volts());
            assert!((measurement.voltage.volts() * 1e3 - millivolts).abs() < 1e-2, "{millivolts} mV");
            let drop = f64::from(other.get_shunt_voltage(place as u8).unwrap().micro_volts());
            let ours = (measurement.current * shunt).volts() * 1e6;
            // It loses the sign of a negative drop: the magnitude is compared with it, the sign with the truth.
            assert!((ours.abs() - drop.abs()).abs() < 1.0, "{ours} {drop} uV");
            assert!(ours * current.amps() >= 0.0, "{ours} uV at {current}");
        }
    }
    assert_eq!(other.get_configuration().unwrap(), 0x7527);
    other.set_mode(::ina3221::OperatingMode::PowerDown).unwrap();
}

#[test]
fn an_ads1115_converts_as_the_other_driver_converts_it() {
    use ::ads1x1x::{Ads1x1x, DataRate16Bit, FullScaleRange, TargetAddr, channel};

    let bus = SimBus::new();
    let inputs = |volts: f64| [volts, volts / 2.0, volts / 4.0, 0.0].map(Voltage::from_volts);
    let one = Resistance::from_ohms(1.0);
    for volts in [0.0, 0.001, 1.234_5, 2.083_4, 3.299, 4.09] {
        bus.attach(0x48, SimAds1115::new()).with(|chip| chip.settle(inputs(volts)));
        // The divider of two equal parts doubles what is at the input.
        let voltage = ads1115::VoltageInput { channel: 1, top: one, bottom: one };
        let mut ours = Ads1115::new(bus.clone(), 0x48, ads1115::Settings { voltage, current: None }).unwrap();
        ours.configure().unwrap();
        let measured = ours.read().unwrap();
        let chip = bus.attach(0x48, SimAds1115::new());
        chip.with(|chip| chip.settle(inputs(volts)));
        let Ok(mut other) = Ads1x1x::new_ads1115(bus.clone(), TargetAddr::Gnd).into_continuous() else {
            panic!("it does not convert");
        };
        other.set_full_scale_range(FullScaleRange::Within4_096V).unwrap();
        other.set_data_rate(DataRate16Bit::Sps16).unwrap();
        other.select_channel(channel::SingleA1).unwrap();
        let raw = other.read().unwrap();
        assert!((measured.voltage.volts() - 2.0 * f64::from(raw) * 125e-6).abs() < 1e-9, "{raw}");
    }
}

#[test]
fn a_max17048_reads_as_the_other_driver_reads_it() {
    let bus = SimBus::new();
    let chip = bus.attach(0x36, SimMax17048::new());
    let mut ours = Max17048::new(bus.clone()).unwrap();
    ours.configure().unwrap();
    let mut other = ::max170xx::Max17048::new(bus);
    for percent in [0.0, 0.5, 37.25, 100.0] {
        for volts in [0.0, 2.5, 3.7, 4.2] {
            chip.with(|chip| chip.settle(Voltage::from_volts(volts), Soc::from_percent(percent)));
            let measured = ours.read().unwrap();
            assert!((measured.cell.volts() - f64::from(other.voltage().unwrap())).abs() < 1e-4);
            assert!((measured.soc.percent() - f64::from(other.soc().unwrap())).abs() < 0.01);
        }
    }
}
