use proptest::prelude::*;
use protocol::{Current, Power, Soc, Temperature, Voltage};

use super::super::Account;
use super::super::epever::EPEVER;
use super::super::renogy::RENOGY;
use super::*;

const QUERY: Query = Query { unit: 1, function: Function::Input, first: 0x331a, count: 3 };

/// A frame with its CRC.
fn frame(bytes: &[u8]) -> Vec<u8> {
    [bytes, &CRC.checksum(bytes).to_le_bytes()].concat()
}

fn answer_of(unit: u8, function: u8, registers: &[u16]) -> Vec<u8> {
    let mut bytes = vec![unit, function, (registers.len() * 2) as u8];
    bytes.extend(registers.iter().flat_map(|register| register.to_be_bytes()));
    frame(&bytes)
}

/// The example of "MODBUS over Serial Line" for the CRC's place is the low byte first; these bytes are `EPEver`'s own
/// example for the rated voltage: 01 04 30 00 00 01 3E CA.
#[test]
fn a_question_has_the_makers_bytes() {
    let query = Query { unit: 1, function: Function::Input, first: 0x3000, count: 1 };
    assert_eq!(query.bytes(), [0x01, 0x04, 0x30, 0x00, 0x00, 0x01, 0x3e, 0xca]);
}

#[test]
fn an_answer_is_found_behind_noise_and_its_own_echo() {
    let answer = answer_of(1, 4, &[1250, 0xff38, 0xffff]);
    let echoed = [QUERY.bytes().as_slice(), &answer].concat();
    let noisy = [&[0, 0xff, 1, 4], answer.as_slice()].concat();
    for heard in [&answer, &echoed, &noisy] {
        let registers = QUERY.answer(heard).unwrap();
        assert_eq!((registers.get(0), registers.long(1), registers.get(3)), (Some(1250), Some(-200), None));
    }
}

#[test]
fn what_is_no_answer_has_its_reason() {
    let answer = answer_of(1, 4, &[1250, 0, 0]);
    let mut wrong_crc = answer.clone();
    *wrong_crc.last_mut().unwrap() ^= 1;
    for (heard, wanted) in [
        (vec![], AnswerError::Silence),
        (QUERY.bytes().to_vec(), AnswerError::Silence),
        (wrong_crc, AnswerError::Damaged),
        (answer[..9].to_vec(), AnswerError::Damaged),
        (answer_of(2, 4, &[1250, 0, 0]), AnswerError::Stranger { asked: 1, answered: 2 }),
        (answer_of(1, 4, &[1250]), AnswerError::Damaged),
        (answer_of(1, 3, &[1250, 0, 0]), AnswerError::Damaged),
        (frame(&[1, 0x84, 2]), AnswerError::Exception { first: 0x331a, code: 2 }),
    ] {
        assert_eq!(QUERY.answer(&heard), Err(wanted), "{heard:02x?}");
    }
    assert_eq!(AnswerError::Silence.fault(), Fault::NoAcknowledge);
    assert_eq!(AnswerError::Damaged.fault(), Fault::Garbled);
}

/// The account after the parts' answers, in the order of the parts.
fn account(kind: &Kind, answers: &[&[u16]]) -> Result<Account, AnswerError> {
    let mut account = Account::default();
    for (part, registers) in kind.parts.iter().zip(answers) {
        part.take(1, &answer_of(1, part.function as u8, registers), &mut account)?;
    }
    Ok(account)
}

#[test]
fn an_epever_tells_the_net_current_with_both_signs() {
    for (low, high, net) in [(500, 0, 5.0), (0xff38, 0xffff, -2.0), (0, 0, 0.0)] {
        let told =
            account(&EPEVER, &[&[1268, low, high], &[1267, 150], &[0xfed4], &[81], &[4200, 0], &[0, 1, 1]]);
        let told = told.unwrap();
        assert_eq!(told.voltage, Voltage::from_volts(12.68));
        let out = told.battery_current(true).unwrap();
        assert!((out.amps() + net).abs() < 1e-9, "out of the battery is positive: {out}");
        assert_eq!(told.load_current, Some(Current::from_amps(1.5)));
        assert!((told.charge_current.unwrap().amps() - net - 1.5).abs() < 1e-9);
        assert_eq!(told.battery_current(false), None, "loads beside its output are not seen");
        assert_eq!(told.temperature, Some(Temperature::from_celsius(-3.0)));
        assert_eq!((told.soc, told.panel), (Some(Soc::from_percent(81.0)), Some(Power::from_watts(42.0))));
        assert_eq!(told.error, 0);
    }
    let wrong = account(&EPEVER, &[&[1100, 0, 0], &[0, 0], &[2500], &[9], &[0, 0], &[0x0002, 1, 1]]);
    assert_eq!(wrong.unwrap().error, 2, "the battery is under-voltage");
}

#[test]
fn a_renogy_tells_all_at_once() {
    let told = account(&RENOGY, &[&[76, 133, 541, 0x1985, 133, 210, 27, 182, 400, 72], &[0, 0]]).unwrap();
    assert_eq!(told.voltage, Voltage::from_volts(13.3));
    assert!((told.battery_current(true).unwrap().amps() - (2.10 - 5.41)).abs() < 1e-9, "it charges");
    assert_eq!(told.temperature, Some(Temperature::from_celsius(-5.0)));
    assert_eq!((told.soc, told.panel), (Some(Soc::from_percent(76.0)), Some(Power::from_watts(72.0))));
    let night = account(&RENOGY, &[&[76, 125, 0, 0x0019, 125, 210, 26, 0, 0, 0], &[0, 4]]).unwrap();
    assert!((night.battery_current(true).unwrap().amps() - 2.1).abs() < 1e-9);
    assert_eq!(night.error, 4);
}

#[test]
fn what_cannot_be_leaves_the_account_as_it_was() {
    let mut told = Account { voltage: Voltage::from_volts(12.0), ..Account::default() };
    let before = told;
    let absurd = answer_of(1, 3, &[900, 133, 0, 0, 0, 0, 0, 0, 0, 0]);
    let error = RENOGY.parts[0].take(1, &absurd, &mut told).unwrap_err();
    assert_eq!((error, told), (AnswerError::Absurd { first: 0x0100 }, before));
}

proptest! {
    #[test]
    fn any_bit_flipped_is_noticed_and_no_bytes_make_it_panic(
        bit in 0_usize..88,
        bytes in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        let mut answer = answer_of(1, 4, &[1250, 0xff38, 0xffff]);
        answer[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(QUERY.answer(&answer).is_err());
        let _ = QUERY.answer(&bytes);
    }
}
