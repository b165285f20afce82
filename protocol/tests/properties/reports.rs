//! Deltas lead to the same report on both sides, however many follow each other.

use proptest::collection::vec;
use proptest::prelude::*;
use protocol::delta::{self, CHANGES_BYTES_MAX};
use protocol::frame::MESSAGE_BYTES_MAX;
use protocol::report::{
    Basis, CONTAINERS_MAX, ContainerReport, ContainerState, Energy, Host, Report, SocBand, TimeBand,
};
use protocol::{
    AgentMessage, ContainerSlot, Cpus, Current, DecodeError, EncodeError, Fault, Frequency, Generation,
    NodeName, OrderId, OrderReason, Reason, Seconds, Sequence, Soc, Stage, Temperature, Term, Voltage,
};

use crate::any;

fn changes(base: &Report, new: &Report) -> Vec<u8> {
    let mut out = [0; CHANGES_BYTES_MAX];
    let length = delta::encode(base, new, &mut out).unwrap();
    out[..length].to_vec()
}

/// What a supervisor has after a full report.
fn sent_in_full(report: &Report) -> Report {
    let mut out = [0; MESSAGE_BYTES_MAX];
    let message = AgentMessage::Report { sequence: Sequence(1), report: report.clone() };
    let length = message.encode(&mut out).unwrap();
    match AgentMessage::decode(&out[..length]) {
        Ok(AgentMessage::Report { report, .. }) => report,
        other => panic!("a report became {other:?}"),
    }
}

proptest! {
    #[test]
    fn changes_on_any_base_lead_to_the_new_report(base in any::report(), new in any::report()) {
        prop_assert_eq!(delta::apply(&base, &changes(&base, &new)), Ok(new));
    }

    #[test]
    fn a_report_arrives_the_same_in_full_and_as_changes(
        base in any::measured_report(), new in any::measured_report(),
    ) {
        let received = new.as_received().unwrap();
        prop_assert_eq!(&sent_in_full(&new), &received);
        prop_assert_eq!(delta::apply(&base, &changes(&base, &new)), Ok(received.clone()));
        prop_assert_eq!(received.as_received(), Ok(received.clone()), "rounding once is rounding for good");
    }

    #[test]
    fn the_bases_of_agent_and_supervisor_never_drift(reports in vec(any::measured_report(), 2..8)) {
        // The agent keeps its base as it measured it, the supervisor as it decoded it.
        let mut held = sent_in_full(&reports[0]);
        for pair in reports.windows(2) {
            let changes = changes(&pair[0], &pair[1]);
            prop_assert_eq!(&changes, &self::changes(&held, &pair[1]), "either base packs the same bytes");
            held = delta::apply(&held, &changes).unwrap();
        }
        prop_assert_eq!(&held, &reports[reports.len() - 1].as_received().unwrap());
    }

    #[test]
    fn rounding_moves_no_quantity_by_more_than_half_a_step(report in any::measured_report()) {
        let received = report.as_received().unwrap();
        let (before, after) = (report.energy, received.energy);
        if let (Some(before), Some(after)) = (before.voltage, after.voltage) {
            prop_assert!((before - after).abs() <= Voltage::from_volts(0.000_500_001));
        }
        if let (Some(before), Some(after)) = (before.current, after.current) {
            prop_assert!((before - after).abs() <= Current::from_amps(0.000_500_001));
        }
        if let (Some(before), Some(after)) = (before.soc, after.soc) {
            prop_assert!(before.low.points_above(after.low).abs() <= 0.050_001);
            prop_assert!(before.best.points_above(after.best).abs() <= 0.050_001);
            prop_assert!(before.high.points_above(after.high).abs() <= 0.050_001);
        }
        prop_assert_eq!(before.soc.is_some(), after.soc.is_some());
        prop_assert_eq!(before.voltage.is_some(), after.voltage.is_some());
    }

    #[test]
    fn nothing_changed_but_the_time_is_two_bytes(report in any::report(), seconds in 0..128_u32) {
        let mut later = report.clone();
        later.uptime = Seconds(report.uptime.0.wrapping_add(seconds));
        prop_assert_eq!(changes(&report, &later), vec![0, seconds as u8]);
    }

    #[test]
    fn arbitrary_changes_are_a_report_that_can_be_sent_or_an_error(
        base in any::report(), bytes in vec(any::<u8>(), 0..64),
    ) {
        let before = base.clone();
        if let Ok(new) = delta::apply(&base, &bytes) {
            prop_assert_eq!(delta::apply(&base, &changes(&base, &new)), Ok(new));
        }
        prop_assert_eq!(base, before);
    }

    #[test]
    fn changes_cut_short_or_with_something_behind_are_an_error(
        base in any::report(), new in any::report(), cut in any::<prop::sample::Index>(),
    ) {
        let mut changes = changes(&base, &new);
        let cut = cut.index(changes.len());
        prop_assert_eq!(delta::apply(&base, &changes[..cut]), Err(DecodeError::Truncated));
        changes.push(0);
        prop_assert_eq!(delta::apply(&base, &changes), Err(DecodeError::Trailing));
    }

    #[test]
    fn a_quantity_that_is_no_number_is_never_sent(report in any::report(), infinite in any::<bool>()) {
        let mut sick = report.clone();
        sick.energy.voltage = Some(Voltage::from_volts(if infinite { f64::INFINITY } else { f64::NAN }));
        let mut out = [0; CHANGES_BYTES_MAX];
        prop_assert_eq!(delta::encode(&report, &sick, &mut out), Err(EncodeError::NoWireForm));
        prop_assert_eq!(sick.as_received(), Err(EncodeError::NoWireForm));
        let message = AgentMessage::Report { sequence: Sequence(1), report: sick };
        prop_assert_eq!(message.encode(&mut [0; MESSAGE_BYTES_MAX]), Err(EncodeError::NoWireForm));
    }
}

/// Everything as long as it can be: no report's changes are longer.
fn longest() -> Report {
    let volts = |value| Some(Voltage::from_volts(value));
    let least = Voltage::from_volts(-2_147_483.648);
    let order = OrderId { term: Term(u64::MAX), generation: Generation(u64::MAX) };
    let turn_of = "n".repeat(NodeName::LENGTH_MAX).parse().unwrap();
    let capped = |slot| ContainerReport {
        slot: ContainerSlot(slot),
        state: ContainerState::Capped(Cpus::from_milli(u32::MAX)),
    };
    let far = Seconds(0x8000_0000);
    Report {
        uptime: Seconds(u32::MAX),
        stage: Stage::Halt,
        floor: Stage::Halt,
        reason: Reason::Ordered { order, why: OrderReason::Waiting { turn_of, place: u8::MAX } },
        energy: Energy {
            voltage: volts(-2_147_483.648),
            current: Some(Current::from_amps(-2_147_483.648)),
            compensated: volts(2_147_483.647),
            soc: Some(SocBand { low: Soc::EMPTY, best: Soc::FULL, high: Soc::EMPTY }),
            time_to_empty: Some(TimeBand { low: Seconds(0), best: far, high: Seconds(0) }),
            basis: Basis::Aged,
            fault: Some(Fault::VoltageAbsurd { read: least, low: least, high: least }),
        },
        host: Host {
            cpu_permille: Some(u16::MAX),
            temperature: Some(Temperature::from_celsius(-2_147_483.648)),
            frequency_cap: Some(Frequency::from_kilohertz(0x8000_0000)),
            rail_low: Some(true),
        },
        order: Some(order),
        containers_total: u16::MAX,
        containers: (200..).take(CONTAINERS_MAX).map(capped).collect(),
        docker_up: true,
    }
}

#[test]
fn the_longest_report_fits_its_buffers_with_room_to_grow() {
    let longest = longest();
    assert_eq!(sent_in_full(&longest), longest);
    let mut out = [0; MESSAGE_BYTES_MAX];
    let message = AgentMessage::Report { sequence: Sequence(u32::MAX), report: longest };
    let length = message.encode(&mut out).unwrap();
    println!("the longest report: {length} B");
    assert!(length * 10 < CHANGES_BYTES_MAX * 9, "{length} bytes");
}
