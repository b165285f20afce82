use embedded_hal::i2c::{ErrorKind, NoAcknowledgeSource};
use embedded_hal_mock::eh1::i2c::{Mock, Transaction};

use super::*;

const ADDRESS: u8 = 0x20;
/// Lines 3 and 9.
const OURS: Lines = Lines::one(3).and(Lines::one(9));

/// A pair of registers: port A's byte first.
fn read(register: u8, a: u8, b: u8) -> Transaction {
    Transaction::write_read(ADDRESS, vec![register], vec![a, b])
}

fn write(register: u8, a: u8, b: u8) -> Transaction {
    Transaction::write(ADDRESS, vec![register, a, b])
}

/// What is asked before anything is written: the map, and both answers of directions and latches.
fn seen(inputs: (u8, u8), latch: (u8, u8)) -> Vec<Transaction> {
    let mut reads = vec![read(0x05, 0, 0), read(0x0a, 0, 0)];
    reads.extend([read(0x00, inputs.0, inputs.1), read(0x00, inputs.0, inputs.1)]);
    reads.extend([read(0x14, latch.0, latch.1), read(0x14, latch.0, latch.1)]);
    reads
}

/// What is asked after a write: latches, directions, pins.
fn proved(latch: (u8, u8), inputs: (u8, u8), pins: (u8, u8)) -> Vec<Transaction> {
    vec![read(0x14, latch.0, latch.1), read(0x00, inputs.0, inputs.1), read(0x12, pins.0, pins.1)]
}

fn mcp<T>(ours: Lines, expected: &[Transaction], act: impl FnOnce(&mut Mcp23017<Mock>) -> T) -> T {
    let mut chip = Mcp23017::new(Mock::new(expected), ADDRESS, ours).unwrap();
    let outcome = act(&mut chip);
    chip.release().done();
    outcome
}

fn samples(byte: u8) -> Transaction {
    Transaction::read(ADDRESS, vec![byte; 4])
}

fn tell(byte: u8) -> Transaction {
    Transaction::write(ADDRESS, vec![byte])
}

fn pcf<T>(ours: Lines, expected: &[Transaction], act: impl FnOnce(&mut Pcf8574<Mock>) -> T) -> T {
    let mut chip = Pcf8574::new(Kind::Pcf8574, Mock::new(expected), ADDRESS, ours).unwrap();
    let outcome = act(&mut chip);
    chip.release().done();
    outcome
}

#[test]
fn an_mcp23017_s_latch_is_written_before_its_direction_and_other_lines_stay() {
    // Line 0 is another program's output, high.
    let mut expected = seen((0xfe, 0xff), (0x01, 0x00));
    expected.extend([write(0x14, 0x09, 0x00), write(0x00, 0xf6, 0xff)]);
    expected.extend(proved((0x09, 0x00), (0xf6, 0xff), (0x09, 0x00)));
    // Line 9 is GPB1; an output already is not made one again.
    expected.extend(seen((0xf6, 0xff), (0x09, 0x00)));
    expected.extend([write(0x14, 0x09, 0x00), write(0x00, 0xf6, 0xfd)]);
    expected.extend(proved((0x09, 0x00), (0xf6, 0xfd), (0x09, 0x00)));
    expected.extend(seen((0xf6, 0xfd), (0x09, 0x00)));
    expected.push(write(0x14, 0x01, 0x00));
    expected.extend(proved((0x01, 0x00), (0xf6, 0xfd), (0x01, 0x00)));
    mcp(OURS, &expected, |chip| {
        chip.switch(3, true).unwrap();
        chip.switch(9, false).unwrap();
        chip.switch(3, false).unwrap();
        assert_eq!(chip.switch(4, true), Err(ExpanderError::NotOurs { line: 4 }));
    });
}

#[test]
fn an_mcp23017_is_taken_over_as_it_is_without_a_write() {
    // An earlier life drives line 3 high; line 9 was never switched.
    let mut expected = seen((0xf7, 0xff), (0x08, 0x00));
    expected.push(read(0x12, 0x08, 0x02));
    // Then its power dips: all inputs, latches 0.
    expected.extend(seen((0xff, 0xff), (0, 0)));
    expected.extend([write(0x14, 0x08, 0x00), write(0x00, 0xf7, 0xff)]);
    expected.extend(proved((0x08, 0), (0xf7, 0xff), (0x08, 0)));
    expected.extend(seen((0xf7, 0xff), (0x08, 0x00)));
    expected.push(read(0x12, 0x08, 0x00));
    mcp(OURS, &expected, |chip| {
        assert_eq!(chip.check(), Ok(()));
        assert_eq!(chip.check(), Err(ExpanderError::Forgot { lines: Lines::one(3) }));
        assert_eq!(chip.check(), Ok(()), "told once");
    });
}

#[test]
fn a_switch_puts_right_what_was_forgotten_and_the_next_check_tells() {
    let mut expected = seen((0xf7, 0xff), (0x08, 0x00));
    expected.push(read(0x12, 0x08, 0x00));
    expected.extend(seen((0xff, 0xff), (0, 0)));
    expected.extend([write(0x14, 0x08, 0x02), write(0x00, 0xf7, 0xfd)]);
    expected.extend(proved((0x08, 0x02), (0xf7, 0xfd), (0x08, 0x02)));
    expected.extend(seen((0xf7, 0xfd), (0x08, 0x02)));
    expected.push(read(0x12, 0x08, 0x02));
    mcp(OURS, &expected, |chip| {
        chip.check().unwrap();
        chip.switch(9, true).unwrap();
        assert_eq!(chip.check(), Err(ExpanderError::Forgot { lines: Lines::one(3) }));
    });
}

#[test]
fn a_chip_that_is_set_up_otherwise_or_is_none_is_not_written_to() {
    let banked = [read(0x05, 0x80, 0)];
    let other = [read(0x05, 0, 0), read(0x0a, 0x02, 0x00)];
    let ones = [read(0x05, 0xff, 0xff)];
    for expected in [&banked[..], &other, &ones] {
        let error = mcp(OURS, expected, |chip| chip.switch(3, true)).unwrap_err();
        assert!(matches!(error, ExpanderError::Chip(Error::NotThisChip { .. })), "{error}");
    }
    let unsteady = [read(0x05, 0, 0), read(0x0a, 0, 0), read(0x00, 0xff, 0xff), read(0x00, 0xfe, 0xff)];
    let error = mcp(OURS, &unsteady, |chip| chip.switch(3, true)).unwrap_err();
    assert_eq!(error, ExpanderError::Unsteady { first: 0xffff, then: 0xfffe });
}

#[test]
fn a_line_that_does_not_follow_is_named_whether_in_the_register_or_at_the_pin() {
    let mut lost = seen((0xff, 0xff), (0, 0));
    lost.extend([write(0x14, 0x08, 0), write(0x00, 0xf7, 0xff), read(0x14, 0, 0)]);
    let mut shorted = lost.clone();
    shorted.pop();
    shorted.extend(proved((0x08, 0), (0xf7, 0xff), (0, 0)));
    for expected in [lost, shorted] {
        let error = mcp(OURS, &expected, |chip| chip.switch(3, true)).unwrap_err();
        assert_eq!(error, ExpanderError::DoesNotFollow { lines: Lines::one(3) });
        assert!(error.to_string().starts_with("line 3 does not follow"), "{error}");
    }
}

#[test]
fn an_mcp23017_remembers_only_what_the_bus_took() {
    let nak = ErrorKind::NoAcknowledge(NoAcknowledgeSource::Address);
    let mut whole = seen((0xff, 0xff), (0, 0));
    whole.extend([write(0x14, 0x08, 0), write(0x00, 0xf7, 0xff)]);
    for place in 0..whole.len() {
        let mut expected = whole[..=place].to_vec();
        expected[place] = expected[place].clone().with_error(nak);
        // The write that failed left the direction alone, so nothing is held, and nothing to be put right.
        expected.extend(seen((0xff, 0xff), (if place > 6 { 0x08 } else { 0 }, 0)));
        expected.push(read(0x12, 0, 0));
        mcp(OURS, &expected, |chip| {
            let error = chip.switch(3, true).unwrap_err();
            assert!(matches!(error, ExpanderError::Chip(Error::NoAcknowledge(_))), "{place}: {error}");
            assert_eq!(chip.check(), Ok(()), "{place}");
        });
    }
}

#[test]
fn a_pcf8574_is_told_one_byte_and_other_lines_stay() {
    let ours = Lines::one(0).and(Lines::one(7));
    // Line 4 is low, whoever does it.
    let expected = [samples(0xef), tell(0xee), samples(0xee), samples(0xee), tell(0x6e), samples(0x6e)];
    pcf(ours, &expected, |chip| {
        chip.switch(0, false).unwrap();
        chip.switch(7, false).unwrap();
        assert_eq!(chip.switch(4, true), Err(ExpanderError::NotOurs { line: 4 }));
    });
}

#[test]
fn a_pcf8574_that_forgot_is_set_again_and_it_is_told_once() {
    let ours = Lines::one(0).and(Lines::one(1));
    let expected = [samples(0xfe), samples(0xff), tell(0xfe), samples(0xfe), samples(0xfe)];
    pcf(ours, &expected, |chip| {
        assert_eq!(chip.check(), Ok(()), "taken over as it is");
        assert_eq!(chip.check(), Err(ExpanderError::Forgot { lines: Lines::one(0) }));
        assert_eq!(chip.check(), Ok(()));
    });
}

#[test]
fn a_pcf8574_s_short_and_its_garbage_are_no_levels() {
    let ours = Lines::one(0).and(Lines::one(1));
    let shorted = [samples(0xff), tell(0xfe), samples(0xff), samples(0xff), tell(0xfe), samples(0xff)];
    pcf(ours, &shorted, |chip| {
        let follows = Err(ExpanderError::DoesNotFollow { lines: Lines::one(0) });
        assert_eq!(chip.switch(0, false), follows);
        assert_eq!(chip.check(), follows, "as long as it lasts");
    });
    let garbage = [Transaction::read(ADDRESS, vec![0xff, 0xff, 0xff, 0x7f])];
    let unsteady = ExpanderError::Unsteady { first: 0xff, then: 0x7f };
    assert_eq!(pcf(ours, &garbage, |chip| chip.switch(0, false)), Err(unsteady));
}

#[test]
fn a_pcf8574_remembers_only_what_the_bus_took() {
    let expected = [
        samples(0xff),
        tell(0xfe).with_error(ErrorKind::Bus),
        samples(0xff),
        samples(0xff),
        tell(0xfe),
        samples(0xfe),
    ];
    pcf(Lines::one(0), &expected, |chip| {
        assert_eq!(chip.switch(0, false), Err(Error::BusError(ErrorKind::Bus).into()));
        assert_eq!(chip.check(), Ok(()));
        assert_eq!(chip.switch(0, false), Ok(()));
    });
}

#[test]
fn addresses_that_a_kind_cannot_have_are_refused_with_both_numbers() {
    for (kind, address) in [(Kind::Mcp23017, 0x28), (Kind::Pcf8574, 0x38), (Kind::Pcf8574a, 0x27)] {
        let mut unasked = Mock::new(&[]);
        let error = Expander::new(kind, &mut unasked, address, OURS).map(|_| ()).unwrap_err().to_string();
        unasked.done();
        for wanted in [kind.name(), &format!("{address:#04x}"), &format!("{:#04x}", kind.addresses().start())]
        {
            assert!(error.contains(wanted), "{error}");
        }
    }
    assert_eq!(OURS.to_string(), "lines 3, 9");
}

/// What is found at an address that gives this, read and not written.
fn looked(address: u8, bytes: Vec<u8>) -> Option<Looked> {
    let mut bus = Mock::new(&[Transaction::read(address, bytes)]);
    let found = look(&mut bus, address).unwrap();
    bus.done();
    found
}

#[test]
fn a_look_writes_nothing_and_tells_registers_from_one_byte() {
    let mut registers = vec![0; 22];
    registers[0..2].fill(0xff);
    for start in 0..22 {
        let mut round = registers.clone();
        round.rotate_left(start);
        assert_eq!(
            looked(0x21, [round.clone(), round].concat()),
            Some(Looked::Mcp23017),
            "from {start:#04x}"
        );
    }
    assert_eq!(looked(0x27, vec![0xf7; 44]), Some(Looked::OneByte { kind: Kind::Pcf8574, byte: 0xf7 }));
    assert_eq!(looked(0x3f, vec![0xff; 44]), Some(Looked::OneByte { kind: Kind::Pcf8574a, byte: 0xff }));
    // An MCP23008 (eleven registers), a PCF8575 (two bytes in turn), a register map with BANK set.
    let mut eight = [0; 11];
    eight[0] = 0xff;
    assert_eq!(looked(0x20, eight.repeat(4)), Some(Looked::Unknown));
    assert_eq!(looked(0x20, [0xff, 0x7f].repeat(22)), Some(Looked::Unknown));
    assert_eq!(looked(0x20, (0..44).map(|byte| byte | 0x81).collect()), Some(Looked::Unknown));
    let nak = ErrorKind::NoAcknowledge(NoAcknowledgeSource::Address);
    let mut bus = Mock::new(&[Transaction::read(0x20, vec![0; 44]).with_error(nak)]);
    assert_eq!(look(&mut bus, 0x20), Ok(None));
    bus.done();
    let mut unasked = Mock::new(&[]);
    assert_eq!(look(&mut unasked, 0x40), Ok(None), "no such address");
    unasked.done();
    assert_eq!(addresses().count(), 16);
}
