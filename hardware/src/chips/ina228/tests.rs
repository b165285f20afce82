use embedded_hal::i2c::{ErrorKind, NoAcknowledgeSource};
use embedded_hal_mock::eh1::i2c::{Mock, Transaction};
use protocol::{Current, Fault, Resistance, Voltage};

use super::*;

const ADDRESS: u8 = 0x40;
/// MODE 1011, VBUSCT 101, VSHCT 101, AVG 011.
const ADC_CONFIG: u16 = 0b1011_1011_0100_0011;

/// 40 A through 2 mOhm: 80 mV, the wide range.
fn settings() -> Settings {
    Settings::new(Resistance::from_ohms(0.002), Current::from_amps(40.0))
}

fn read(register: u8, value: u16) -> Transaction {
    Transaction::write_read(ADDRESS, vec![register], value.to_be_bytes().to_vec())
}

fn read_wide(register: u8, value: i64, width: usize) -> Transaction {
    Transaction::write_read(ADDRESS, vec![register], value.to_be_bytes()[8 - width..].to_vec())
}

fn write(register: u8, value: u16) -> Transaction {
    let [high, low] = value.to_be_bytes();
    Transaction::write(ADDRESS, vec![register, high, low])
}

fn nak() -> ErrorKind {
    ErrorKind::NoAcknowledge(NoAcknowledgeSource::Address)
}

fn during<T>(settings: Settings, expected: &[Transaction], act: impl FnOnce(&mut Ina228<Mock>) -> T) -> T {
    let mut chip = Ina228::new(Mock::new(expected), ADDRESS, settings).unwrap();
    let outcome = act(&mut chip);
    chip.release().done();
    outcome
}

fn reading(shunt: i64, bus: i64, adc_config: u16) -> Vec<Transaction> {
    vec![read_wide(0x04, shunt << 4, 3), read_wide(0x05, bus << 4, 3), read(0x01, adc_config)]
}

fn ids() -> Vec<Transaction> {
    vec![read(0x3e, 0x5449), read(0x3f, 0x2281)]
}

fn setting(config: u16) -> Vec<Transaction> {
    vec![write(0x00, config), write(0x02, 4096), write(0x01, ADC_CONFIG)]
}

#[test]
fn configure_checks_the_ids_and_writes_the_witness_last() {
    let narrow = Settings::new(Resistance::from_ohms(0.002), Current::from_amps(20.0));
    assert_eq!(during(settings(), &[ids(), setting(0)].concat(), Ina228::configure), Ok(()));
    assert_eq!(during(narrow, &[ids(), setting(0x10)].concat(), Ina228::configure), Ok(()));
    let error = during(settings(), &[read(0x3e, 0x5449), read(0x3f, 0x2371)], Ina228::configure).unwrap_err();
    assert_eq!(error, Error::NotThisChip { chip: "INA228", register: 0x3f, found: 0x2371 });
}

#[test]
fn a_reading_is_three_transactions_and_exact_with_both_signs() {
    for (raw, amps) in [(40_000, 6.25), (-40_000, -6.25), (1, 156.25e-6), (-1, -156.25e-6), (0, 0.0)] {
        let measurement = during(settings(), &reading(raw, 64_000, ADC_CONFIG), Ina228::read).unwrap();
        assert_eq!(measurement.voltage, Voltage::from_volts(12.5));
        assert!((measurement.current.amps() - amps).abs() < 1e-9, "{} {amps}", measurement.current);
        assert!((measurement.power.watts() - 12.5 * amps).abs() < 1e-9);
    }
    let narrow = Settings::new(Resistance::from_ohms(0.002), Current::from_amps(20.0));
    let measurement = during(narrow, &reading(-160_000, 64_000, ADC_CONFIG), Ina228::read).unwrap();
    assert_eq!(measurement.current, Current::from_amps(-6.25), "four times the steps in the narrow range");
}

#[test]
fn both_ends_of_the_shunts_range_are_clipped() {
    for end in [0x7_ffff, -0x8_0000] {
        let error = during(settings(), &reading(end, 64_000, ADC_CONFIG), Ina228::read).unwrap_err();
        let Error::ShuntClipped { limit } = error else { panic!("{error}") };
        assert!((limit.amps() - 81.92).abs() < 0.001, "163.84 mV across 2 mOhm, not {limit}");
    }
    assert!(during(settings(), &reading(0x7_fffe, 64_000, ADC_CONFIG), Ina228::read).is_ok());
}

#[test]
fn a_chip_that_forgot_is_told_once_and_set_again() {
    let mut expected = reading(0, 0, 0xfb68);
    expected.extend([ids(), setting(0), reading(40_000, 64_000, ADC_CONFIG)].concat());
    during(settings(), &expected, |chip| {
        let lost = chip.read().unwrap_err();
        assert_eq!(lost, Error::SettingsLost { found: 0xfb68, expected: ADC_CONFIG });
        assert_eq!(lost.fault(), Fault::SettingsLost);
        assert!(chip.read().is_ok());
    });
}

#[test]
fn a_repair_that_fails_half_way_is_repeated() {
    let mut expected = [reading(0, 0, 0xfb68), ids()].concat();
    expected.push(write(0x00, 0).with_error(nak()));
    expected.extend([reading(0, 0, 0xfb68), ids(), setting(0)].concat());
    during(settings(), &expected, |chip| {
        assert_eq!(chip.read(), Err(Error::NoAcknowledge(nak())));
        assert!(matches!(chip.read(), Err(Error::SettingsLost { .. })));
    });
}

#[test]
fn garbage_is_neither_a_reading_nor_written_to() {
    let garbage = [reading(-1, -1, 0xffff), vec![read(0x3e, 0xffff)]].concat();
    assert_eq!(during(settings(), &garbage, Ina228::read).unwrap_err().fault(), Fault::Garbled);
    let low_bits = [read_wide(0x04, 0x12_3456, 3), read_wide(0x05, 0x0f_a000, 3), read(0x01, ADC_CONFIG)];
    assert_eq!(during(settings(), &low_bits, Ina228::read).unwrap_err().fault(), Fault::Garbled);
}

#[test]
fn every_bus_error_is_its_fault_wherever_it_strikes() {
    for (kind, fault) in [
        (nak(), Fault::NoAcknowledge),
        (ErrorKind::Bus, Fault::BusError),
        (ErrorKind::ArbitrationLoss, Fault::BusError),
        (ErrorKind::Other, Fault::BusGone),
    ] {
        for place in 0..3 {
            let mut expected = reading(40_000, 64_000, ADC_CONFIG)[..=place].to_vec();
            expected[place] = expected[place].clone().with_error(kind);
            let error = during(settings(), &expected, Ina228::read).unwrap_err();
            assert_eq!(error.fault(), fault, "{kind:?} at transaction {place}");
        }
    }
}

#[test]
fn totals_have_the_charges_sign_and_the_energys_steps() {
    // 6.25 A for an hour: 40000 steps for 3600 s; 78.125 W for an hour in steps of 51.2 * 156.25 uW s.
    let charge = 40_000 * 3600;
    let energy = (78.125 * 3600.0_f64 / (51.2 * 156.25e-6)) as i64;
    for sign in [1, -1] {
        let expected = [read_wide(0x09, energy, 5), read_wide(0x0a, sign * charge, 5)];
        let totals = during(settings(), &expected, Ina228::totals).unwrap();
        assert!((totals.charge.amp_hours() - 6.25 * sign as f64).abs() < 1e-9, "{totals:?}");
        assert!((totals.energy.watt_hours() - 78.125).abs() < 1e-3, "{totals:?}");
    }
    assert_eq!(during(settings(), &[write(0x00, 1 << 14)], Ina228::reset_totals), Ok(()));
    let temperature = during(settings(), &[read(0x06, 0xff80)], Ina228::die_temperature).unwrap();
    assert!((temperature.celsius() + 1.0).abs() < 1e-9, "below zero too: {temperature}");
}

/// The two transactions of the count, before those of a reading.
fn counting(flags: u16, charge: i64, adc_config: u16) -> Vec<Transaction> {
    [vec![read(0x0b, flags), read_wide(0x0a, charge, 5)], reading(40_000, 64_000, adc_config)].concat()
}

fn amp_seconds(counted: Counted) -> f64 {
    counted.charge.amp_hours() * 3600.0
}

#[test]
fn the_count_goes_on_over_the_registers_end_either_way() {
    // In steps of 156.25 uA s: 6400 are an ampere for a second.
    const END: i64 = 1 << 39;
    for (from, to, wanted) in [
        (0, 6_400, 1.0),
        (6_400, -6_400, -2.0),
        (END - 1, -END, 156.25e-6),
        (END - 3_200, -END + 3_200, 1.0),
        (-END + 3_200, END - 3_200, -1.0),
        (-1, 0, 156.25e-6),
    ] {
        let expected = [counting(0b11, from, ADC_CONFIG), counting(0b11, to, ADC_CONFIG)].concat();
        during(settings(), &expected, |chip| {
            let (_, first) = chip.read_counting().unwrap();
            let (measured, second) = chip.read_counting().unwrap();
            assert_eq!(measured.current, Current::from_amps(6.25));
            assert_eq!(first.epoch, second.epoch);
            let seen = amp_seconds(second) - amp_seconds(first);
            assert!((seen - wanted).abs() < 1e-9, "{from} to {to}: {seen}");
        });
    }
}

#[test]
fn what_was_counted_over_a_reset_or_an_overflow_is_not_known() {
    // Charge over its end, arithmetic over its end, a damaged memory; energy over its end harms nothing.
    for (flags, epoch) in [(1 << 10 | 1, 1), (1 << 9 | 1, 1), (0, 1), (1 << 11 | 1, 0)] {
        let expected = [counting(1, 6_400, ADC_CONFIG), counting(flags, 12_800, ADC_CONFIG)].concat();
        during(settings(), &expected, |chip| {
            assert_eq!(chip.read_counting().unwrap().1.epoch, 0);
            let (_, counted) = chip.read_counting().unwrap();
            assert_eq!(counted.epoch, epoch, "{flags:#x}");
            assert!((amp_seconds(counted) - f64::from(1 - epoch)).abs() < 1e-9, "{flags:#x}");
        });
    }
    // A reset chip counts from zero; only its settings tell, and no two counts of before and after are compared.
    let mut expected = [counting(1, 640_000, ADC_CONFIG), counting(1, 64, 0xfb68)].concat();
    expected.extend(
        [ids(), setting(0), counting(1, 6_400, ADC_CONFIG), counting(1, 12_800, ADC_CONFIG)].concat(),
    );
    during(settings(), &expected, |chip| {
        assert_eq!(chip.read_counting().unwrap().1.epoch, 0);
        assert!(matches!(chip.read_counting(), Err(Error::SettingsLost { .. })));
        assert_eq!(chip.read_counting().unwrap().1, Counted { epoch: 1, charge: Charge::ZERO });
        assert!((amp_seconds(chip.read_counting().unwrap().1) - 1.0).abs() < 1e-9);
    });
}

#[test]
fn a_bus_error_between_two_counts_loses_nothing_but_an_overflow_seen_with_it_counts() {
    let mut failed = counting(1, 9_600, ADC_CONFIG)[..3].to_vec();
    failed[2] = failed[2].clone().with_error(nak());
    let mut over = counting(1 << 10 | 1, 9_600, ADC_CONFIG)[..3].to_vec();
    over[2] = over[2].clone().with_error(nak());
    for (middle, epoch) in [(failed, 0), (over, 1)] {
        let expected = [counting(1, 6_400, ADC_CONFIG), middle, counting(1, 12_800, ADC_CONFIG)].concat();
        during(settings(), &expected, |chip| {
            assert!(chip.read_counting().is_ok());
            assert_eq!(chip.read_counting(), Err(Error::NoAcknowledge(nak())));
            let (_, counted) = chip.read_counting().unwrap();
            assert_eq!(counted.epoch, epoch);
            assert!((amp_seconds(counted) - f64::from(1 - epoch)).abs() < 1e-9);
        });
    }
}

#[test]
fn settings_that_cannot_work_are_refused_with_the_numbers() {
    let prove = |ohms: f64, amps: f64| {
        Settings::new(Resistance::from_ohms(ohms), Current::from_amps(amps)).prove().unwrap_err()
    };
    let text = prove(0.01, 17.0).to_string();
    for number in ["17.00 A", "0.0100 Ohm", "0.1700 V", "0.1638 V", "16.38 A"] {
        assert!(text.contains(number), "{number} in {text}");
    }
    assert!(matches!(prove(0.000_02, 0.001), SettingsError::DropTooSmall { .. }));
    for ohms in [0.0, -0.002, 11.0, f64::NAN, f64::INFINITY] {
        assert!(matches!(prove(ohms, 1.0), SettingsError::Shunt { .. }), "{ohms}");
    }
    assert!(matches!(prove(0.002, f64::NAN), SettingsError::CurrentMax { .. }));
}

#[test]
fn no_settings_look_like_a_chip_after_power_on() {
    for averaging in Averaging::ALL {
        for conversion in Conversion::ALL {
            let settings = Settings { averaging, bus_conversion: conversion, ..settings() };
            assert_ne!(settings.register(), 0xfb68);
            assert!(settings.update_time() >= conversion.time() * averaging.count());
        }
    }
    assert_eq!(settings().update_time().as_micros(), 64 * 2 * 1052);
}
