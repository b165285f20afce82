use embedded_hal::i2c::{ErrorKind, NoAcknowledgeSource};
use embedded_hal_mock::eh1::i2c::{Mock, Transaction};
use protocol::{Current, Fault, Power, Resistance, Voltage};

use super::*;

const ADDRESS: u8 = 0x41;

/// 2 A through 100 mOhm, as on the common boards: 200 mV, so the gain is 1/8. By hand: the step is 2 A / 32767 = 61.038
/// uA (61038 nA), and 0.04096 / (0.000061038 * 0.1) = 6710.57, of which the lowest bit is dropped.
fn settings() -> Settings {
    Settings::new(Resistance::from_ohms(0.1), Current::from_amps(2.0))
}
const CALIBRATION: u16 = 6710;
/// BRNG 1, PG 11, BADC 1101, SADC 1101, MODE 111.
const CONFIGURATION: u16 = 0b0011_1110_1110_1111;

fn read(register: u8, value: u16) -> Transaction {
    Transaction::write_read(ADDRESS, vec![register], value.to_be_bytes().to_vec())
}

fn write(register: u8, value: u16) -> Transaction {
    let [high, low] = value.to_be_bytes();
    Transaction::write(ADDRESS, vec![register, high, low])
}

/// Exactly these transactions happen while the driver is used so.
fn during<T>(settings: Settings, expected: &[Transaction], act: impl FnOnce(&mut Ina219<Mock>) -> T) -> T {
    let mut chip = Ina219::new(Mock::new(expected), ADDRESS, settings).unwrap();
    let outcome = act(&mut chip);
    chip.release().done();
    outcome
}

fn reading(shunt: i16, bus: u16, calibration: u16) -> [Transaction; 3] {
    [read(0x01, shunt.cast_unsigned()), read(0x02, bus), read(0x05, calibration)]
}

/// A bus register for so many steps of 4 mV, with "conversion ready".
const fn bus(steps: u16) -> u16 {
    (steps << 3) | 0b10
}

#[test]
fn configure_looks_first_and_writes_the_calibration_last() {
    let expected = [read(0x00, 0x399f), write(0x00, CONFIGURATION), write(0x05, CALIBRATION)];
    assert_eq!(during(settings(), &expected, Ina219::configure), Ok(()));
}

#[test]
fn an_ina226_at_the_address_is_not_written_to() {
    let error = during(settings(), &[read(0x00, 0x4127)], Ina219::configure).unwrap_err();
    assert_eq!(error, Error::NotThisChip { chip: "INA219", register: 0, found: 0x4127 });
}

#[test]
fn a_reading_is_three_transactions_and_exact_and_free_of_flags() {
    let measurement = during(settings(), &reading(5000, bus(3000), CALIBRATION), Ina219::read).unwrap();
    assert_eq!(measurement.voltage, Voltage::from_volts(12.0));
    assert_eq!(measurement.current, Current::from_amps(0.5), "50 mV across 100 mOhm");
    assert_eq!(measurement.power, Power::from_watts(6.0));
    assert_eq!(measurement.raw, 0x1388_0bb8, "the ready flag is not in it: it changes in a stuck chip too");
}

#[test]
fn charging_is_negative_in_current_and_power() {
    let measurement = during(settings(), &reading(-5000, bus(3000), CALIBRATION), Ina219::read).unwrap();
    assert_eq!(measurement.current, Current::from_amps(-0.5));
    assert_eq!(measurement.power, Power::from_watts(-6.0));
}

#[test]
fn the_overflow_flag_is_an_error_with_the_limit() {
    let error = during(settings(), &reading(5000, bus(3000) | 1, CALIBRATION), Ina219::read).unwrap_err();
    let Error::Overflow { limit } = error else { panic!("{error}") };
    assert!(limit.amps() >= 2.0 && limit.amps() < 2.001, "{limit}");
    assert_eq!(error.fault(), Fault::Overflow);
}

#[test]
fn the_gain_follows_the_greatest_current_and_clips_at_its_own_end() {
    for (amps, gain, clip) in [
        (0.39, Gain::Mv40, 4000),
        (0.41, Gain::Mv80, 8000),
        (1.6, Gain::Mv160, 16000),
        (1.61, Gain::Mv320, 32000),
        (3.2, Gain::Mv320, 32000),
    ] {
        let settings = Settings::new(Resistance::from_ohms(0.1), Current::from_amps(amps));
        let chip = Ina219::new(Mock::new(&[]), ADDRESS, settings).unwrap();
        assert_eq!(chip.gain(), gain, "{amps} A");
        let calibration = chip.calibration.register;
        chip.port.release().done();
        for end in [clip, -clip, clip + 1] {
            let error = during(settings, &reading(end, bus(3000), calibration), Ina219::read).unwrap_err();
            let Error::ShuntClipped { limit } = error else { panic!("{amps} A at {end}: {error}") };
            assert!((limit.amps() - f64::from(clip) * 1e-4).abs() < 1e-9, "{limit}");
        }
    }
}

#[test]
fn a_lost_calibration_is_told_once_and_written_again() {
    let mut expected = reading(0, bus(3000), 0).to_vec();
    expected.extend([write(0x00, CONFIGURATION), write(0x05, CALIBRATION)]);
    expected.extend(reading(5000, bus(3000), CALIBRATION));
    during(settings(), &expected, |chip| {
        assert_eq!(chip.read(), Err(Error::SettingsLost { found: 0, expected: CALIBRATION }));
        assert!(chip.read().is_ok());
    });
}

#[test]
fn garbage_is_neither_a_reading_nor_written_to() {
    let error = during(settings(), &reading(-1, 0xffff, 0xffff), Ina219::read).unwrap_err();
    assert_eq!(error.fault(), Fault::Garbled, "bit 0 of the calibration is always 0");
}

#[test]
fn every_bus_error_is_its_fault() {
    for (kind, fault) in [
        (ErrorKind::NoAcknowledge(NoAcknowledgeSource::Unknown), Fault::NoAcknowledge),
        (ErrorKind::Bus, Fault::BusError),
        (ErrorKind::Overrun, Fault::BusError),
        (ErrorKind::Other, Fault::BusGone),
    ] {
        let expected = [read(0x01, 0).with_error(kind)];
        assert_eq!(during(settings(), &expected, Ina219::read).unwrap_err().fault(), fault, "{kind:?}");
    }
}

#[test]
fn a_mode_that_the_bus_refused_is_not_remembered() {
    let off = CONFIGURATION & !0b111;
    let mut expected = vec![write(0x00, off).with_error(ErrorKind::Bus)];
    expected.extend(reading(0, 0, 0));
    expected.extend([write(0x00, CONFIGURATION), write(0x05, CALIBRATION)]);
    during(settings(), &expected, |chip| {
        assert!(chip.set_mode(Mode::PowerDown).is_err());
        assert!(chip.read().is_err(), "repaired as continuous");
    });
}

#[test]
fn the_configuration_register_says_what_the_settings_say() {
    let settings = Settings {
        bus_range: BusRange::V16,
        bus_sampling: Sampling::Bits9,
        shunt_sampling: Sampling::X128,
        ..settings()
    };
    assert_eq!(settings.register(Gain::Mv80, Mode::Triggered), 0b0000_1000_0111_1011);
    assert_eq!(settings.update_time().as_micros(), 84 + 68_100);
    let times: Vec<_> = Sampling::ALL.into_iter().map(Sampling::time).collect();
    assert!(times.is_sorted());
}

#[test]
fn a_shunt_that_clips_even_at_the_widest_gain_is_refused_with_the_numbers() {
    let settings = Settings::new(Resistance::from_ohms(0.1), Current::from_amps(3.3));
    let mut bus = Mock::new(&[]);
    let error = Ina219::new(&mut bus, ADDRESS, settings).map(|_| ()).unwrap_err();
    bus.done();
    let text = error.to_string();
    for number in ["3.30 A", "0.1000 Ohm", "0.3300 V", "0.3200 V", "3.20 A"] {
        assert!(text.contains(number), "{number} in {text}");
    }
}
