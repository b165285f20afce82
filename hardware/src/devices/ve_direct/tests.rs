use proptest::prelude::*;

use super::*;
use crate::sim::devices::{bmv_block, mppt_block, ve_direct_block};

fn last(bytes: &[u8]) -> Option<Account> {
    Decoder::new().push_all(bytes)
}

fn close(current: Option<Current>, amps: f64) -> bool {
    current.is_some_and(|current| (current.amps() - amps).abs() < 1e-9)
}

#[test]
fn an_mppt_tells_battery_panel_load_and_errors() {
    // 12.8 V, 1.5 A into the battery, 0.7 A out of the load output, 30 W of panel.
    let account = last(&mppt_block(12_800, 1500, Some(700), 30, 0)).unwrap();
    assert_eq!(account.voltage, Voltage::from_volts(12.8));
    assert!(close(account.charge_current, 2.2) && close(account.load_current, 0.7), "{account:?}");
    assert!(close(account.battery_current(true), -1.5), "charging is negative");
    assert_eq!(account.battery_current(false), None, "what hangs on the battery is not seen");
    assert_eq!((account.panel, account.error, account.soc), (Some(Power::from_watts(30.0)), 0, None));
    let night = last(&mppt_block(12_300, -700, Some(700), 0, 33)).unwrap();
    assert!(close(night.battery_current(true), 0.7) && night.error == 33, "{night:?}");
    let without_output = last(&mppt_block(12_800, 1500, None, 30, 0)).unwrap();
    assert!(without_output.battery_current(true).is_none() && close(without_output.charge_current, 1.5));
}

#[test]
fn a_bmv_tells_the_batterys_own_current_with_both_signs_and_its_charge() {
    for (milliamps, amps) in [(-2500, 2.5), (2500, -2.5), (0, 0.0)] {
        let account = last(&bmv_block(12_450, milliamps, Some(874))).unwrap();
        assert!(close(account.battery_current(false), amps), "{account:?}");
        assert_eq!(account.soc, Some(Soc::from_fraction(0.874)));
    }
    assert_eq!(last(&bmv_block(12_450, -10, None)).unwrap().soc, None, "--- until it was synchronised");
}

#[test]
fn a_second_block_without_a_voltage_is_not_heard_as_one() {
    let history = ve_direct_block(&[("H1", "-23400"), ("H2", "0"), ("H18", "5")]);
    let mut decoder = Decoder::new();
    assert_eq!(decoder.push_all(&history), None);
    assert_eq!(decoder.counts(), Counts { blocks: 0, damaged: 0 });
}

#[test]
fn frames_of_the_other_protocol_are_skipped_wherever_they_come() {
    let block = mppt_block(12_800, 1500, Some(700), 30, 0);
    let wanted = last(&block);
    for place in 0..=block.len() {
        let (before, after) = block.split_at(place);
        // Not between a label and its tab's value, nor before the checksum's own byte: devices send whole lines.
        let bytes = [before, b":A0102000543\n", after].concat();
        let mut decoder = Decoder::new();
        let told: Vec<Account> = bytes.iter().filter_map(|byte| decoder.push(*byte)).collect();
        if place + 1 < block.len() {
            assert_eq!(told.first().copied(), wanted, "at {place}");
        }
    }
}

#[test]
fn after_damage_the_next_whole_block_is_heard() {
    let block = bmv_block(12_450, -2500, Some(874));
    let wanted = last(&block);
    for place in 0..block.len() {
        let mut damaged = block.clone();
        damaged[place] ^= 0x08;
        let mut decoder = Decoder::new();
        let from_damaged = decoder.push_all(&damaged);
        assert!(from_damaged.is_none(), "a wrong sum at {place}");
        // What a damaged colon or line end swallowed is over with the second block at the latest.
        decoder.push_all(&block);
        assert_eq!(decoder.push_all(&block), wanted, "at {place}");
    }
}

#[test]
fn listening_may_begin_anywhere() {
    let block = mppt_block(12_800, 1500, Some(700), 30, 0);
    for start in 0..block.len() {
        let mut decoder = Decoder::new();
        decoder.push_all(&block[start..]);
        // Whoever begins in the checksum's own line takes the next block for its rest.
        decoder.push_all(&block);
        assert!(decoder.push_all(&block).is_some(), "from {start}");
    }
}

#[test]
fn a_value_that_is_none_is_no_reading_even_with_a_right_sum() {
    for (label, value) in [("V", "12x00"), ("V", ""), ("I", "99999999999"), ("SOC", "full")] {
        let block = ve_direct_block(&[("V", "12000"), ("VPV", "0"), (label, value)]);
        let mut decoder = Decoder::new();
        assert_eq!(decoder.push_all(&block), None, "{label} {value}");
        assert_eq!(decoder.counts(), Counts { blocks: 0, damaged: 1 });
    }
}

#[test]
fn a_block_that_does_not_end_is_given_up() {
    let mut decoder = Decoder::new();
    assert_eq!(decoder.push_all(&[b'x'; 10_000]), None);
    assert!(decoder.counts().damaged >= 4);
    let endless_frame = [b":".as_slice(), &[b'0'; 10_000]].concat();
    decoder.push_all(&endless_frame);
    let block = bmv_block(12_450, -2500, Some(874));
    decoder.push_all(&block);
    assert!(decoder.push_all(&block).is_some());
}

proptest! {
    #[test]
    fn any_cut_into_reads_makes_the_same_accounts(
        noise in prop::collection::vec(any::<u8>(), 0..300),
        cut in 1_usize..50,
    ) {
        let block = bmv_block(12_450, -2500, Some(874));
        let bytes = [noise.as_slice(), &block, &block, &block].concat();
        let mut whole = Decoder::new();
        let at_once: Vec<Account> = bytes.iter().filter_map(|byte| whole.push(*byte)).collect();
        let mut pieces = Decoder::new();
        let mut in_pieces = Vec::new();
        for piece in bytes.chunks(cut) {
            in_pieces.extend(piece.iter().filter_map(|byte| pieces.push(*byte)));
        }
        prop_assert_eq!(&at_once, &in_pieces);
        prop_assert!(!at_once.is_empty(), "three whole blocks, one of which noise may swallow");
    }
}
