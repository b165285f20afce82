use embedded_hal::i2c::{ErrorKind, NoAcknowledgeSource};
use embedded_hal_mock::eh1::i2c::{Mock, Transaction};
use protocol::{Fault, Resistance};

use super::*;

const ADDRESS: u8 = 0x48;
/// AIN0 and AIN2 against ground, 4.096 V, continuously, 16 a second, comparator off.
const VOLTAGE: u16 = 0x4223;
const CURRENT: u16 = 0x6223;

/// 100 kOhm over 20 kOhm: a sixth.
fn settings(with_current: bool) -> Settings {
    let current =
        CurrentInput { channel: 2, zero: Voltage::from_volts(1.65), per_amp: Resistance::from_ohms(0.066) };
    Settings {
        voltage: VoltageInput {
            channel: 0,
            top: Resistance::from_ohms(100e3),
            bottom: Resistance::from_ohms(20e3),
        },
        current: with_current.then_some(current),
    }
}

fn read(register: u8, value: u16) -> Transaction {
    Transaction::write_read(ADDRESS, vec![register], value.to_be_bytes().to_vec())
}

fn write(register: u8, value: u16) -> Transaction {
    let [high, low] = value.to_be_bytes();
    Transaction::write(ADDRESS, vec![register, high, low])
}

fn during<T>(settings: Settings, expected: &[Transaction], act: impl FnOnce(&mut Ads1115<Mock>) -> T) -> T {
    let mut chip = Ads1115::new(Mock::new(expected), ADDRESS, settings).unwrap();
    let outcome = act(&mut chip);
    chip.release().done();
    outcome
}

fn ids() -> Vec<Transaction> {
    vec![read(2, 0x8000), read(3, 0x7fff)]
}

#[test]
fn a_voltage_is_what_it_is_before_the_divider() {
    // 12.5 V / 6 / 125 uV = 16666.7.
    let expected = [ids(), vec![write(1, VOLTAGE), read(0, 16_667), read(1, VOLTAGE)]].concat();
    let measured = during(settings(false), &expected, |chip| {
        chip.configure().unwrap();
        chip.read().unwrap()
    });
    assert!((measured.voltage.volts() - 12.5).abs() < 0.75e-3, "{}", measured.voltage);
    assert_eq!(measured.current, None);
}

#[test]
fn voltage_and_current_take_turns_and_the_current_has_both_signs() {
    // 1.65 V is 13200; 5 A more is 330 mV: 2640.
    for (raw, amps) in [(13_200 + 2640, 5.0), (13_200 - 2640, -5.0), (13_200, 0.0)] {
        let mut expected = ids();
        expected.extend([
            write(1, VOLTAGE),
            read(0, 16_667),
            read(1, VOLTAGE),
            write(1, CURRENT),
            read(0, raw),
            // While it converts the status bit may be set.
            read(1, CURRENT | 1 << 15),
            write(1, VOLTAGE),
        ]);
        let (first, second) = during(settings(true), &expected, |chip| {
            chip.configure().unwrap();
            (chip.read().unwrap(), chip.read().unwrap())
        });
        assert_eq!(first.current, None);
        assert_eq!(second.voltage, first.voltage);
        assert!((second.current.unwrap().amps() - amps).abs() < 1e-9, "{:?}", second.current);
        assert_ne!(second.raw, first.raw);
    }
}

#[test]
fn an_input_at_the_end_of_the_range_is_clipped() {
    for end in [i16::MAX, i16::MIN] {
        let expected = [read(0, end.cast_unsigned()), read(1, VOLTAGE)];
        let error = during(settings(false), &expected, Ads1115::read).unwrap_err();
        let Error::InputClipped { limit } = error else { panic!("{error}") };
        assert!((limit.volts() - 6.0 * 4.095_875).abs() < 1e-9, "{limit}");
        assert!(matches!(error.fault(), Fault::VoltageAbsurd { .. }));
    }
}

#[test]
fn a_chip_that_forgot_is_told_once_and_set_again_from_the_voltage_on() {
    let mut expected = ids();
    expected.extend([write(1, VOLTAGE), read(0, 16_667), read(1, VOLTAGE), write(1, CURRENT)]);
    expected.extend([read(0, 0), read(1, 0x8583)]);
    expected.extend(ids());
    expected.extend([write(1, VOLTAGE), read(0, 16_667), read(1, VOLTAGE), write(1, CURRENT)]);
    during(settings(true), &expected, |chip| {
        chip.configure().unwrap();
        chip.read().unwrap();
        assert_eq!(chip.read(), Err(Error::SettingsLost { found: 0x0583, expected: CURRENT }));
        assert_eq!(chip.read().unwrap().current, None, "what was before the reset is not told again");
    });
}

#[test]
fn garbage_is_neither_a_reading_nor_written_to() {
    let garbage = [read(0, 0xffff), read(1, 0xffff), read(2, 0xffff)];
    assert_eq!(during(settings(false), &garbage, Ads1115::read).unwrap_err().fault(), Fault::Garbled);
    let other = [read(2, 0x4b00)];
    assert!(during(settings(false), &other, Ads1115::configure).is_err(), "an LM75 is not written to");
}

#[test]
fn every_bus_error_is_its_fault_and_a_pointer_that_was_refused_is_not_remembered() {
    let nak = ErrorKind::NoAcknowledge(NoAcknowledgeSource::Address);
    for (kind, fault) in
        [(nak, Fault::NoAcknowledge), (ErrorKind::Bus, Fault::BusError), (ErrorKind::Other, Fault::BusGone)]
    {
        let whole = [read(0, 16_667), read(1, VOLTAGE), write(1, CURRENT)];
        for place in 0..whole.len() {
            let mut expected = whole[..=place].to_vec();
            expected[place] = expected[place].clone().with_error(kind);
            expected.extend(whole.clone());
            during(settings(true), &expected, |chip| {
                assert_eq!(chip.read().unwrap_err().fault(), fault, "{kind:?} at transaction {place}");
                assert!(chip.read().is_ok(), "still the voltage's turn");
            });
        }
    }
}

#[test]
fn settings_that_cannot_work_are_refused_with_the_numbers() {
    let divider = |top: f64, bottom: f64| VoltageInput {
        channel: 0,
        top: Resistance::from_ohms(top),
        bottom: Resistance::from_ohms(bottom),
    };
    let high = Voltage::from_volts(16.0);
    let text = divider(47e3, 20e3).prove(high).unwrap_err().to_string();
    for number in ["47000", "20000", "4.78 V", "16.00 V", "3.30 V"] {
        assert!(text.contains(number), "{number} in {text}");
    }
    assert!(divider(100e3, 20e3).prove(high).is_ok());
    for (top, bottom) in [(0.0, 20e3), (1e5, -1.0), (f64::NAN, 1.0), (1e5, f64::INFINITY)] {
        let refused = divider(top, bottom).prove(high);
        assert!(matches!(refused, Err(SettingsError::Divider { .. })), "{top} {bottom}");
    }
    let mut same = settings(true);
    same.voltage.channel = 2;
    assert_eq!(same.prove(), Err(SettingsError::SameChannel { channel: 2 }));
    same.voltage.channel = 4;
    assert_eq!(same.prove(), Err(SettingsError::Channel { channel: 4, most: 3 }));
    let mut dead = settings(true);
    dead.current.as_mut().unwrap().per_amp = Resistance::ZERO;
    assert!(dead.prove().is_err());
}
