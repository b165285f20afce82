use embedded_hal::i2c::{ErrorKind, NoAcknowledgeSource};
use embedded_hal_mock::eh1::i2c::{Mock, Transaction};
use protocol::{Fault, Voltage};

use super::*;

const ADDRESS: u8 = 0x41;
/// Three channels, AVG 010, VBUSCT 100, VSHCT 100, MODE 111.
const CONFIGURATION: u16 = 0b0111_0101_0010_0111;

/// 8 A through 10 mOhm.
fn settings() -> Settings {
    Settings::new(Resistance::from_ohms(0.01), Current::from_amps(8.0))
}

fn read(register: u8, value: u16) -> Transaction {
    Transaction::write_read(ADDRESS, vec![register], value.to_be_bytes().to_vec())
}

fn write(register: u8, value: u16) -> Transaction {
    let [high, low] = value.to_be_bytes();
    Transaction::write(ADDRESS, vec![register, high, low])
}

fn during<T>(channel: Channel, expected: &[Transaction], act: impl FnOnce(&mut Ina3221<Mock>) -> T) -> T {
    let mut chip = Ina3221::new(Mock::new(expected), ADDRESS, channel, settings()).unwrap();
    let outcome = act(&mut chip);
    chip.release().done();
    outcome
}

fn reading(place: u8, shunt: i16, bus: u16, configuration: u16) -> Vec<Transaction> {
    vec![read(place, (shunt << 3).cast_unsigned()), read(place + 1, bus << 3), read(0, configuration)]
}

fn ids() -> Vec<Transaction> {
    vec![read(0xfe, 0x5449), read(0xff, 0x3220)]
}

#[test]
fn configure_checks_the_ids_first() {
    let expected = [ids(), vec![write(0, CONFIGURATION)]].concat();
    assert_eq!(during(Channel::One, &expected, Ina3221::configure), Ok(()));
    let expected = [read(0xfe, 0x5449), read(0xff, 0x2260)];
    assert!(during(Channel::One, &expected, Ina3221::configure).is_err(), "an INA226 has the same maker");
}

#[test]
fn each_channel_reads_its_own_registers_with_both_signs() {
    for (channel, place) in [(Channel::One, 1), (Channel::Two, 3), (Channel::Three, 5)] {
        // One step is 40 uV over 10 mOhm: -1 is -4 mA, not +4 mA.
        for (raw, amps) in [(1000, 4.0), (-1000, -4.0), (-1, -0.004), (0, 0.0)] {
            let expected = reading(place, raw, 1562, CONFIGURATION);
            let measurement = during(channel, &expected, Ina3221::read).unwrap();
            assert_eq!(measurement.voltage, Voltage::from_volts(12.496));
            assert!((measurement.current.amps() - amps).abs() < 1e-12, "{channel:?} {}", measurement.current);
        }
    }
    assert_eq!([0, 1, 2, 3, 4].map(|n| Channel::from_number(n).is_some()), [false, true, true, true, false]);
}

#[test]
fn both_ends_of_the_shunts_range_are_clipped() {
    for end in [4095, -4095, -4096] {
        let error = during(Channel::One, &reading(1, end, 1562, CONFIGURATION), Ina3221::read).unwrap_err();
        assert_eq!(error.fault(), Fault::ShuntClipped { limit: Current::from_amps(16.38) });
    }
    assert!(during(Channel::One, &reading(1, 4094, 1562, CONFIGURATION), Ina3221::read).is_ok());
}

#[test]
fn a_chip_that_forgot_is_told_once_and_set_again() {
    let mut expected = reading(1, 0, 0, 0x7127);
    expected.extend(ids());
    expected.push(write(0, CONFIGURATION));
    expected.extend(reading(1, 1000, 1562, CONFIGURATION));
    during(Channel::One, &expected, |chip| {
        assert_eq!(chip.read(), Err(Error::SettingsLost { found: 0x7127, expected: CONFIGURATION }));
        assert!(chip.read().is_ok());
    });
}

#[test]
fn garbage_is_neither_a_reading_nor_written_to() {
    let garbage = [read(1, 0xffff), read(2, 0xffff), read(0, 0xffff), read(0xfe, 0xffff)];
    assert_eq!(during(Channel::One, &garbage, Ina3221::read).unwrap_err().fault(), Fault::Garbled);
    let low_bits = [read(1, 0x1f41), read(2, 0x30d0), read(0, CONFIGURATION)];
    assert_eq!(during(Channel::One, &low_bits, Ina3221::read).unwrap_err().fault(), Fault::Garbled);
}

#[test]
fn every_bus_error_is_its_fault_wherever_it_strikes() {
    let nak = ErrorKind::NoAcknowledge(NoAcknowledgeSource::Address);
    for (kind, fault) in
        [(nak, Fault::NoAcknowledge), (ErrorKind::Bus, Fault::BusError), (ErrorKind::Other, Fault::BusGone)]
    {
        for place in 0..3 {
            let mut expected = reading(1, 1000, 1562, CONFIGURATION)[..=place].to_vec();
            expected[place] = expected[place].clone().with_error(kind);
            let error = during(Channel::One, &expected, Ina3221::read).unwrap_err();
            assert_eq!(error.fault(), fault, "{kind:?} at transaction {place}");
        }
    }
}

#[test]
fn settings_that_cannot_work_are_refused_with_the_numbers() {
    let prove = |ohms: f64, amps: f64| {
        Settings::new(Resistance::from_ohms(ohms), Current::from_amps(amps)).prove().unwrap_err()
    };
    let text = prove(0.1, 2.0).to_string();
    for number in ["2.00 A", "0.1000 Ohm", "0.2000 V", "0.1638 V", "1.64 A"] {
        assert!(text.contains(number), "{number} in {text}");
    }
    assert!(matches!(prove(0.002, 0.4), SettingsError::DropTooSmall { steps: 20, .. }));
    let mut bus = Mock::new(&[]);
    let refused = Ina3221::new(&mut bus, 0x44, Channel::One, settings()).map(|_| ()).unwrap_err();
    bus.done();
    assert!(refused.to_string().contains("0x40 to 0x43"), "{refused}");
    assert_eq!(settings().update_time().as_micros(), 16 * 6 * 1100);
}
