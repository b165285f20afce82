use embedded_hal::i2c::{ErrorKind, NoAcknowledgeSource};
use embedded_hal_mock::eh1::i2c::{Mock, Transaction};

use super::*;

fn read(register: u8, value: u16) -> Transaction {
    Transaction::write_read(0x40, vec![register], value.to_be_bytes().to_vec())
}

/// What is found while exactly these reads happen.
fn found(expected: &[Transaction]) -> Result<Option<Found>, Error<ErrorKind>> {
    let mut bus = Mock::new(expected);
    let found = identify(&mut bus, 0x40);
    bus.done();
    found
}

#[test]
fn an_ina226_is_known_by_its_ids() {
    assert_eq!(found(&[read(0, 0x4127), read(0xfe, 0x5449), read(0xff, 0x2260)]), Ok(Some(Found::Ina226)));
    // Settings of a running one, another die.
    let other = [read(0, 0x4527), read(0xfe, 0x5449), read(0xff, 0x1234)];
    assert_eq!(found(&other), Ok(Some(Found::Unknown { register: 0x4527 })));
}

#[test]
fn an_ina219_is_known_by_its_reset_value_or_its_fixed_bits() {
    // 291 * 6710 / 4096 = 476.
    let rest = [read(1, 291), read(2, 0x5dc2), read(4, 476), read(5, 6710)];
    let with = |configuration| [&[read(0, configuration)][..], &rest].concat();
    assert_eq!(found(&with(0x399f)), Ok(Some(Found::Ina219 { at_reset: true })));
    assert_eq!(found(&with(0x3eef)), Ok(Some(Found::Ina219 { at_reset: false })));
}

#[test]
fn an_id_is_never_asked_of_what_does_not_look_like_an_ina226() {
    // 0xfe resets a Si7021: the mock would fail on any read of it.
    assert_eq!(found(&[read(0, 0xffff)]), Ok(Some(Found::Unknown { register: 0xffff })));
    assert_eq!(found(&[read(0, 0), read(0x3e, 0)]), Ok(Some(Found::Unknown { register: 0 })));
}

#[test]
fn an_ina228_and_an_ina3221_are_known_by_their_ids() {
    for config in [0, 0x0010] {
        let reads = [read(0, config), read(0x3e, 0x5449), read(0x3f, 0x2281)];
        assert_eq!(found(&reads), Ok(Some(Found::Ina228)));
    }
    let other = [read(0, 0), read(0x3e, 0x5449), read(0x3f, 0x2371)];
    assert_eq!(found(&other), Ok(Some(Found::Unknown { register: 0 })), "an INA237 counts no charge");
    for configuration in [0x7127, 0x7527] {
        let reads = [read(0, configuration), read(0xfe, 0x5449), read(0xff, 0x3220)];
        assert_eq!(found(&reads), Ok(Some(Found::Ina3221)));
    }
}

#[test]
fn an_ads1115_is_known_by_its_thresholds_where_one_can_be() {
    let read = |register: u8, value: u16| {
        Transaction::write_read(0x48, vec![register], value.to_be_bytes().to_vec())
    };
    let found = |expected: &[Transaction]| {
        let mut bus = Mock::new(expected);
        let found = identify(&mut bus, 0x48);
        bus.done();
        found
    };
    // 12.5 V behind 100 and 20 kOhm; bit 14 of a conversion may be set like an INA226's.
    let reads = [read(0, 0xc123), read(2, 0x8000), read(3, 0x7fff)];
    assert_eq!(found(&reads), Ok(Some(Found::Ads1115)));
    let reads = [read(0, 0x4123), read(0xfe, 0x8000), read(0xff, 0x7fff), read(2, 0x8000), read(3, 0x7fff)];
    assert_eq!(found(&reads), Ok(Some(Found::Ads1115)));
    // An LM75 at the same address: a temperature, hysteresis and limit.
    let reads = [read(0, 0xc880), read(2, 0x4b00)];
    assert_eq!(found(&reads), Ok(Some(Found::Unknown { register: 0xc880 })));
}

#[test]
fn a_max17048_is_known_by_its_version() {
    let read = |value: u16| Transaction::write_read(0x36, vec![8], value.to_be_bytes().to_vec());
    let found = |expected: Transaction| {
        let mut bus = Mock::new(&[expected]);
        let found = identify(&mut bus, 0x36);
        bus.done();
        found
    };
    assert_eq!(found(read(0x0012)), Ok(Some(Found::Max17048)));
    assert_eq!(found(read(0x0000)), Ok(Some(Found::Unknown { register: 0 })));
    let nak = ErrorKind::NoAcknowledge(NoAcknowledgeSource::Address);
    assert_eq!(found(read(0).with_error(nak)), Ok(None));
    assert_eq!(found(read(0).with_error(ErrorKind::Bus)), Err(Error::BusError(ErrorKind::Bus)));
}

#[test]
fn a_set_bit_that_an_ina219_does_not_have_speaks_against_it() {
    for (shunt, bus, current, calibration) in
        [(291, 0x5dc6, 476, 6710), (291, 0x5dc2, 476, 6711), (0x7fff, 0x5dc2, 0, 0), (0x8000, 0x5dc2, 0, 0)]
    {
        let reads = [read(0, 0x399f), read(1, shunt), read(2, bus), read(4, current), read(5, calibration)];
        assert_eq!(found(&reads), Ok(Some(Found::Unknown { register: 0x399f })), "{shunt:x} {bus:x}");
    }
}

#[test]
fn a_current_that_is_not_made_of_drop_and_calibration_speaks_against_it() {
    let with = |shunt, current, calibration| {
        found(&[read(0, 0x3eef), read(1, shunt), read(2, 0x5dc2), read(4, current), read(5, calibration)])
            .unwrap()
    };
    let yes = Some(Found::Ina219 { at_reset: false });
    assert_eq!(with(291, 0, 0), yes, "no calibration, no current");
    assert_ne!(with(291, 1, 0), yes);
    assert_eq!(with(291, 500, 6710), yes, "the load changed between two reads");
    assert_ne!(with(291, 0x9abc, 6710), yes);
    // A PCA9685, whose registers have 8 bits and read twice, at the same address.
    assert_ne!(with(0x0404, 0xe8e8, 0xe0e0), yes);
}

#[test]
fn nobody_is_no_error_but_a_broken_bus_is() {
    let nak = ErrorKind::NoAcknowledge(NoAcknowledgeSource::Address);
    assert_eq!(found(&[read(0, 0).with_error(nak)]), Ok(None));
    assert_eq!(found(&[read(0, 0).with_error(ErrorKind::Bus)]), Err(Error::BusError(ErrorKind::Bus)));
    let mut bus = Mock::new(&[]);
    assert_eq!(identify(&mut bus, 0x50), Ok(None), "an EEPROM's address is not looked at");
    bus.done();
}
