use embedded_hal::i2c::{ErrorKind, NoAcknowledgeSource};
use embedded_hal_mock::eh1::i2c::{Mock, Transaction};
use protocol::{Current, Fault, Power, Resistance};

use super::*;

const ADDRESS: u8 = 0x40;

/// 40 A through 2 mOhm. By hand: the step is 40 A / 32767 = 1.220741 mA, and 0.00512 / (0.001220741 * 0.002) = 2097.08.
fn settings() -> Settings {
    Settings::new(Resistance::from_ohms(0.002), Current::from_amps(40.0))
}
const CALIBRATION: u16 = 2097;
/// Bit 14, AVG 010, VBUSCT 100, VSHCT 100, MODE 111.
const CONFIGURATION: u16 = 0b0100_0101_0010_0111;

fn read(register: u8, value: u16) -> Transaction {
    Transaction::write_read(ADDRESS, vec![register], value.to_be_bytes().to_vec())
}

fn write(register: u8, value: u16) -> Transaction {
    let [high, low] = value.to_be_bytes();
    Transaction::write(ADDRESS, vec![register, high, low])
}

fn nak() -> ErrorKind {
    ErrorKind::NoAcknowledge(NoAcknowledgeSource::Address)
}

/// Exactly these transactions happen while the driver is used so.
fn during<T>(settings: Settings, expected: &[Transaction], act: impl FnOnce(&mut Ina226<Mock>) -> T) -> T {
    let mut chip = Ina226::new(Mock::new(expected), ADDRESS, settings).unwrap();
    let outcome = act(&mut chip);
    chip.release().done();
    outcome
}

fn reading(shunt: i16, bus: u16, calibration: u16) -> [Transaction; 3] {
    [read(0x01, shunt.cast_unsigned()), read(0x02, bus), read(0x05, calibration)]
}

#[test]
fn new_touches_nothing() {
    during(settings(), &[], |_| ());
}

#[test]
fn configure_checks_the_ids_and_writes_the_calibration_last() {
    let expected =
        [read(0xfe, 0x5449), read(0xff, 0x2260), write(0x00, CONFIGURATION), write(0x05, CALIBRATION)];
    assert_eq!(during(settings(), &expected, Ina226::configure), Ok(()));
}

#[test]
fn a_later_revision_of_the_die_is_accepted() {
    let expected =
        [read(0xfe, 0x5449), read(0xff, 0x2261), write(0x00, CONFIGURATION), write(0x05, CALIBRATION)];
    assert_eq!(during(settings(), &expected, Ina226::configure), Ok(()));
}

#[test]
fn another_chip_is_not_written_to() {
    let error = during(settings(), &[read(0xfe, 0x399f)], Ina226::configure).unwrap_err();
    assert_eq!(error, Error::NotThisChip { chip: "INA226", register: 0xfe, found: 0x399f });
    assert_eq!(error.fault(), Fault::Garbled);
    let expected = [read(0xfe, 0x5449), read(0xff, 0x2280)];
    assert!(during(settings(), &expected, Ina226::configure).is_err(), "an INA228 has the same maker");
}

#[test]
fn a_reading_is_three_transactions_and_exact() {
    let measurement = during(settings(), &reading(5000, 9600, CALIBRATION), Ina226::read).unwrap();
    assert_eq!(measurement.voltage, Voltage::from_volts(12.0));
    assert_eq!(measurement.current, Current::from_amps(6.25), "12.5 mV across 2 mOhm");
    assert_eq!(measurement.power, Power::from_watts(75.0));
    assert_eq!(measurement.raw, 0x1388_2580);
}

#[test]
fn charging_is_negative_in_current_and_power() {
    let measurement = during(settings(), &reading(-5000, 9600, CALIBRATION), Ina226::read).unwrap();
    assert_eq!(measurement.current, Current::from_amps(-6.25));
    assert_eq!(measurement.power, Power::from_watts(-75.0));
}

/// SBOS547B 8.2.1.2 (table 8-1): 10 A through 2 mOhm at 11.98 V, 15 A at most.
#[test]
fn the_datasheet_s_example_comes_out() {
    let settings = Settings::new(Resistance::from_ohms(0.002), Current::from_amps(15.0));
    let measurement = during(settings, &reading(8000, 9584, 5592), Ina226::read).unwrap();
    assert_eq!(measurement.current, Current::from_amps(10.0));
    assert_eq!(measurement.voltage, Voltage::from_volts(11.98));
    assert!((measurement.power.watts() - 119.8).abs() < 1e-9);
}

#[test]
fn a_lost_calibration_is_told_once_and_written_again() {
    let mut expected = reading(0, 9600, 0).to_vec();
    expected.extend([write(0x00, CONFIGURATION), write(0x05, CALIBRATION)]);
    expected.extend(reading(5000, 9600, CALIBRATION));
    during(settings(), &expected, |chip| {
        let lost = chip.read().unwrap_err();
        assert_eq!(lost, Error::SettingsLost { found: 0, expected: CALIBRATION });
        assert_eq!(lost.fault(), Fault::SettingsLost);
        assert!(chip.read().is_ok());
    });
}

#[test]
fn a_repair_that_fails_half_way_is_repeated() {
    let mut expected = reading(0, 9600, 0).to_vec();
    expected.extend([write(0x00, CONFIGURATION), write(0x05, CALIBRATION).with_error(nak())]);
    expected.extend(reading(0, 9600, 0));
    expected.extend([write(0x00, CONFIGURATION), write(0x05, CALIBRATION)]);
    during(settings(), &expected, |chip| {
        assert_eq!(chip.read(), Err(Error::NoAcknowledge(nak())));
        assert!(matches!(chip.read(), Err(Error::SettingsLost { found: 0, .. })));
    });
}

#[test]
fn another_program_s_calibration_is_no_reading() {
    let mut expected = reading(5000, 9600, 2560).to_vec();
    expected.extend([write(0x00, CONFIGURATION), write(0x05, CALIBRATION)]);
    let lost = during(settings(), &expected, Ina226::read).unwrap_err();
    assert_eq!(lost, Error::SettingsLost { found: 2560, expected: CALIBRATION });
}

#[test]
fn garbage_is_neither_a_reading_nor_written_to() {
    let error = during(settings(), &reading(-1, 0xffff, 0xffff), Ina226::read).unwrap_err();
    assert_eq!(error.fault(), Fault::Garbled, "bit 15 of the calibration is always 0");
}

#[test]
fn both_ends_of_the_shunt_s_range_are_clipped() {
    for end in [i16::MAX, i16::MIN] {
        let error = during(settings(), &reading(end, 9600, CALIBRATION), Ina226::read).unwrap_err();
        let Error::ShuntClipped { limit } = error else { panic!("{error}") };
        assert!((limit.amps() - 40.958_75).abs() < 1e-9, "81.9175 mV across 2 mOhm, not {limit}");
        assert_eq!(error.fault(), Fault::ShuntClipped { limit });
    }
    assert!(during(settings(), &reading(i16::MAX - 1, 9600, CALIBRATION), Ina226::read).is_err(), "overflow");
}

#[test]
fn more_than_the_greatest_current_overflows() {
    // 20 A at most: the calibration is 4194, so 16000 * 4194 / 2048 = 32765 still fits, 16002 does not.
    let settings = Settings::new(Resistance::from_ohms(0.002), Current::from_amps(20.0));
    for (shunt, fits) in [(16000, true), (16002, false), (-16000, true), (-16002, false)] {
        match during(settings, &reading(shunt, 9600, 4194), Ina226::read) {
            Ok(measurement) => {
                assert!(fits, "{shunt}");
                assert!((measurement.current.amps().abs() - 20.0).abs() < 1e-9);
            }
            Err(error) => {
                assert!(!fits, "{shunt}: {error}");
                assert_eq!(error.fault(), Fault::Overflow);
            }
        }
    }
}

#[test]
fn every_bus_error_is_its_fault_wherever_it_strikes() {
    for (kind, fault) in [
        (nak(), Fault::NoAcknowledge),
        (ErrorKind::NoAcknowledge(NoAcknowledgeSource::Data), Fault::NoAcknowledge),
        (ErrorKind::Bus, Fault::BusError),
        (ErrorKind::ArbitrationLoss, Fault::BusError),
        (ErrorKind::Other, Fault::BusGone),
    ] {
        for place in 0..3 {
            let mut expected = reading(5000, 9600, CALIBRATION)[..=place].to_vec();
            expected[place] = expected[place].clone().with_error(kind);
            let error = during(settings(), &expected, Ina226::read).unwrap_err();
            assert_eq!(error.fault(), fault, "{kind:?} at transaction {place}");
        }
    }
}

#[test]
fn a_mode_that_the_bus_refused_is_not_remembered() {
    let off = CONFIGURATION & !0b111;
    let mut expected = vec![write(0x00, off).with_error(nak())];
    expected.extend(reading(0, 0, 0));
    expected.extend([write(0x00, CONFIGURATION), write(0x05, CALIBRATION)]);
    expected.push(write(0x00, off));
    expected.extend(reading(0, 0, 0));
    expected.extend([write(0x00, off), write(0x05, CALIBRATION)]);
    during(settings(), &expected, |chip| {
        assert!(chip.set_mode(Mode::PowerDown).is_err());
        assert!(chip.read().is_err(), "repaired as continuous");
        assert!(chip.set_mode(Mode::PowerDown).is_ok());
        assert!(chip.read().is_err(), "repaired as powered down");
    });
}

#[test]
fn an_alert_is_armed_limit_first() {
    // 11.3 V / 1.25 mV; BUL and LEN.
    let expected = [write(0x07, 9040), write(0x06, (1 << 12) | 1)];
    during(settings(), &expected, |chip| {
        chip.arm_bus_under(Voltage::from_volts(11.3)).unwrap();
        assert_eq!(chip.alert(), Some(Alert::latched(Limit::BusUnder(Voltage::from_volts(11.3)))));
    });
}

#[test]
fn each_limit_has_its_bit_and_its_unit() {
    let volts = Voltage::from_volts;
    // The power's step is 25 * 0.00512 / (2097 * 0.002) = 30.5198 mW.
    for (limit, bit, register) in [
        (Limit::ShuntOver(volts(0.0125)), 15, 5000),
        (Limit::ShuntUnder(volts(-0.0125)), 14, 0xec78),
        (Limit::BusOver(volts(15.0)), 13, 12000),
        (Limit::BusUnder(volts(11.0)), 12, 8800),
        (Limit::PowerOver(Power::from_watts(30.5198)), 11, 1000),
        (Limit::Ready, 10, 0),
    ] {
        let alert = Alert { limit, latched: false, active_high: true };
        let expected = [write(0x07, register), write(0x06, (1 << bit) | 0b10)];
        assert_eq!(during(settings(), &expected, |chip| chip.arm(alert)), Ok(()), "{limit:?}");
    }
}

#[test]
fn the_old_function_never_sees_the_new_limit() {
    let expected = [
        write(0x07, 9040),
        write(0x06, (1 << 12) | 1),
        write(0x06, 0),
        write(0x07, 12000),
        write(0x06, (1 << 13) | 1),
    ];
    during(settings(), &expected, |chip| {
        chip.arm_bus_under(Voltage::from_volts(11.3)).unwrap();
        chip.arm(Alert::latched(Limit::BusOver(Voltage::from_volts(15.0)))).unwrap();
    });
}

#[test]
fn a_limit_that_does_not_fit_is_refused_with_the_numbers_and_nothing_is_written() {
    for limit in [
        Limit::BusUnder(Voltage::from_volts(41.0)),
        Limit::BusOver(Voltage::from_volts(-0.1)),
        Limit::ShuntOver(Voltage::from_volts(0.082)),
        Limit::ShuntUnder(Voltage::from_volts(-0.082)),
        Limit::PowerOver(Power::from_watts(2001.0)),
        Limit::BusUnder(Voltage::from_volts(f64::NAN)),
        Limit::PowerOver(Power::from_watts(f64::INFINITY)),
    ] {
        let refused = during(settings(), &[], |chip| chip.arm(Alert::latched(limit)));
        assert!(matches!(refused, Err(ArmError::Limit(_))), "{limit:?}");
    }
    let error = during(settings(), &[], |chip| chip.arm_bus_under(Voltage::from_volts(41.0))).unwrap_err();
    assert!(error.to_string().contains("41") && error.to_string().contains("40.95875"), "{error}");
}

#[test]
fn an_alert_that_the_bus_refused_is_not_remembered() {
    let expected = [write(0x07, 9040), write(0x06, (1 << 12) | 1).with_error(ErrorKind::Bus)];
    during(settings(), &expected, |chip| {
        let error = chip.arm_bus_under(Voltage::from_volts(11.3)).unwrap_err();
        assert_eq!(error, ArmError::Chip(Error::BusError(ErrorKind::Bus)));
        assert_eq!(chip.alert(), None);
    });
}

#[test]
fn a_brown_out_does_not_lose_the_alert() {
    let mut expected = vec![write(0x07, 9040), write(0x06, (1 << 12) | 1)];
    expected.extend(reading(0, 9600, 0));
    expected.extend([
        write(0x00, CONFIGURATION),
        write(0x07, 9040),
        write(0x06, (1 << 12) | 1),
        write(0x05, CALIBRATION),
    ]);
    during(settings(), &expected, |chip| {
        chip.arm_bus_under(Voltage::from_volts(11.3)).unwrap();
        assert!(matches!(chip.read(), Err(Error::SettingsLost { .. })));
    });
}

#[test]
fn flags_are_read_and_a_disarmed_alert_is_forgotten() {
    let expected = [read(0x06, 0b1_1100), read(0x06, (1 << 12) | 1), write(0x06, 0)];
    during(settings(), &expected, |chip| {
        assert_eq!(chip.take_flags(), Ok(Flags { alert: true, ready: true, overflow: true }));
        assert_eq!(chip.take_flags(), Ok(Flags { alert: false, ready: false, overflow: false }));
        assert_eq!(chip.disarm(), Ok(()));
        assert_eq!(chip.alert(), None);
    });
}

#[test]
fn the_configuration_register_says_what_the_settings_say() {
    let mut settings = settings();
    for (place, averaging) in Averaging::ALL.into_iter().enumerate() {
        for (time, conversion) in Conversion::ALL.into_iter().enumerate() {
            settings.averaging = averaging;
            settings.bus_conversion = conversion;
            settings.shunt_conversion = Conversion::Us140;
            let register = usize::from(settings.register(Mode::Triggered));
            assert_eq!(register, 0x4000 | place << 9 | time << 6 | 0b011);
        }
    }
    let slowest = Settings {
        averaging: Averaging::X1024,
        bus_conversion: Conversion::Us8244,
        shunt_conversion: Conversion::Us8244,
        ..settings
    };
    assert_eq!(slowest.update_time().as_micros(), 1024 * 2 * 8244);
}

#[test]
fn settings_that_cannot_work_are_refused_with_the_numbers() {
    let refused = |ohms: f64, amps: f64| {
        let settings = Settings::new(Resistance::from_ohms(ohms), Current::from_amps(amps));
        let mut bus = Mock::new(&[]);
        let refused = Ina226::new(&mut bus, ADDRESS, settings).map(|_| ()).unwrap_err();
        bus.done();
        refused
    };
    let error = refused(0.01, 10.0);
    let text = error.to_string();
    for number in ["10.00 A", "0.0100 Ohm", "0.1000 V", "0.0819 V", "8.19 A"] {
        assert!(text.contains(number), "{number} in {text}");
    }
    assert!(matches!(refused(0.002, 0.01), SettingsError::DropTooSmall { steps: 8, .. }));
    for ohms in [0.0, -0.002, 1e-6, 11.0, f64::NAN, f64::INFINITY] {
        assert!(matches!(refused(ohms, 1.0), SettingsError::Shunt { .. }), "{ohms}");
    }
    for amps in [0.0, -1.0, 1e5, f64::NAN, f64::INFINITY] {
        assert!(matches!(refused(0.002, amps), SettingsError::CurrentMax { .. }), "{amps}");
    }
    for address in [0x3f, 0x50, 0xff] {
        let mut bus = Mock::new(&[]);
        let refused = Ina226::new(&mut bus, address, settings()).map(|_| ());
        bus.done();
        assert_eq!(refused, Err(SettingsError::Address { chip: "INA226", address, least: 0x40, most: 0x4f }));
    }
}
