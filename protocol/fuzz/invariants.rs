//! What must hold for any bytes at all: one function for each decoder, which panics where it does not.
//!
//! libFuzzer drives them (`protocol/fuzz/run`); `protocol/tests/hostile_bytes.rs` hands them the golden bytes, whole, cut
//! and damaged, so that `cargo test` alone already walks every decoder.

#![allow(clippy::expect_used, reason = "a panic is how a fuzz target reports")]
#![allow(dead_code, reason = "each target uses its own part")]

use std::sync::LazyLock;

use protocol::frame::stream::FrameError;
use protocol::frame::{MESSAGE_BYTES_MAX, serial, stream};
use protocol::{AgentMessage, Report, SupervisorMessage, delta};

/// The golden bytes of version 1: known reports here, seeds for the fuzzer.
const GOLDEN: &str = include_str!("../tests/golden_v1.txt");

/// The first byte says how the others are cut into reads; any cut must yield the same messages and the same error.
pub(crate) fn stream(data: &[u8]) {
    let Some((&cut, bytes)) = data.split_first() else { return };
    let whole = stream_messages(bytes, bytes.len());
    assert_eq!(whole, stream_messages(bytes, usize::from(cut)), "in reads of {cut} bytes");
    for message in &whole.0 {
        assert!((1..=MESSAGE_BYTES_MAX).contains(&message.len()));
        let mut out = [0; stream::FRAME_BYTES_MAX];
        let length = stream::encode(message, &mut out).expect("what was decoded can be encoded");
        assert_eq!(stream_messages(&out[..length], 1), (vec![message.clone()], Ok(true)));
    }
}

/// The messages, and whether the stream ends between two frames.
fn stream_messages(bytes: &[u8], read_size: usize) -> (Vec<Vec<u8>>, Result<bool, FrameError>) {
    let mut decoder = stream::Decoder::new();
    let mut messages = Vec::new();
    for mut input in bytes.chunks(read_size.max(1)) {
        loop {
            match decoder.push(&mut input) {
                Ok(Some(message)) => messages.push(message.to_vec()),
                Ok(None) => break assert!(input.is_empty(), "bytes were left behind"),
                Err(error) => {
                    assert_eq!(decoder.push(&mut [1_u8, 2].as_slice()), Err(error), "it stays broken");
                    return (messages, Err(error));
                }
            }
        }
    }
    (messages, Ok(decoder.is_between_frames()))
}

/// As [`stream()`]; and whatever came before, an intact frame is delivered.
pub(crate) fn serial(data: &[u8]) {
    let Some((&cut, noise)) = data.split_first() else { return };
    let mut frame = [0; 64];
    let length = serial::encode(b"intact", &mut frame).expect("it fits");
    let line = [noise, &frame[..length]].concat();
    let (messages, stats) = serial_messages(&line, line.len());
    assert_eq!((&messages, stats), (&serial_messages(&line, usize::from(cut)).0, stats));
    assert_eq!(messages.last().map(Vec::as_slice), Some(b"intact".as_slice()), "{stats:?}");
    assert_eq!(stats.delivered as usize, messages.len());
    for message in &messages {
        assert!((1..=MESSAGE_BYTES_MAX).contains(&message.len()));
        let mut out = [0; serial::FRAME_BYTES_MAX];
        let length = serial::encode(message, &mut out).expect("what was decoded can be encoded");
        assert_eq!(serial_messages(&out[..length], 1).0, std::slice::from_ref(message));
    }
}

fn serial_messages(bytes: &[u8], read_size: usize) -> (Vec<Vec<u8>>, serial::Stats) {
    let mut decoder = serial::Decoder::new();
    let mut messages = Vec::new();
    for mut input in bytes.chunks(read_size.max(1)) {
        while let Some(message) = decoder.push(&mut input) {
            messages.push(message.to_vec());
        }
        assert!(input.is_empty(), "bytes were left behind");
    }
    (messages, decoder.stats())
}

/// What decodes can be encoded, and decodes to the same again.
pub(crate) fn agent_message(data: &[u8]) {
    let Ok(message) = AgentMessage::decode(data) else { return };
    let mut out = [0; MESSAGE_BYTES_MAX];
    let length = message.encode(&mut out).expect("what was decoded can be encoded");
    assert!(length <= data.len(), "our form is the shortest");
    assert_eq!(AgentMessage::decode(&out[..length]).as_ref(), Ok(&message));
    if let AgentMessage::Report { report, .. } = &message {
        assert_eq!(report.as_received().as_ref(), Ok(report), "it is rounded already");
    }
}

/// What decodes can be encoded, and decodes to the same again.
pub(crate) fn supervisor_message(data: &[u8]) {
    let Ok(message) = SupervisorMessage::decode(data) else { return };
    let mut out = [0; MESSAGE_BYTES_MAX];
    let length = message.encode(&mut out).expect("what was decoded can be encoded");
    assert!(length <= data.len(), "our form is the shortest");
    assert_eq!(SupervisorMessage::decode(&out[..length]).as_ref(), Ok(&message));
}

/// The first byte chooses a base, the others are changes to it: what they lead to can be reached by changes of ours
/// too, and left again.
pub(crate) fn delta(data: &[u8]) {
    static BASES: LazyLock<Vec<Report>> = LazyLock::new(known_reports);
    let Some((&choice, changes)) = data.split_first() else { return };
    let base = &BASES[usize::from(choice) % BASES.len()];
    let Ok(new) = delta::apply(base, changes) else { return };
    assert_eq!(new.as_received().as_ref(), Ok(&new), "it is rounded already");
    for (from, to) in [(base, &new), (&new, base)] {
        let mut out = [0; delta::CHANGES_BYTES_MAX];
        let length = delta::encode(from, to, &mut out).expect("what was decoded can be encoded");
        assert_eq!(delta::apply(from, &out[..length]).as_ref(), Ok(to));
    }
}

/// The reports among the golden bytes.
pub(crate) fn known_reports() -> Vec<Report> {
    let reports: Vec<_> = golden("agent")
        .iter()
        .filter_map(|bytes| match AgentMessage::decode(bytes) {
            Ok(AgentMessage::Report { report, .. }) => Some(report),
            _ => None,
        })
        .collect();
    assert!(reports.len() >= 2, "the golden bytes hold reports");
    reports
}

/// The golden bytes of one kind.
pub(crate) fn golden(kind: &str) -> Vec<Vec<u8>> {
    let from_hex = |hex: &str| {
        (0..hex.len() / 2)
            .map(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).expect("golden bytes are hex"))
            .collect()
    };
    let lines = GOLDEN.lines().map(|line| line.split(' ').collect::<Vec<_>>());
    lines.filter(|words| words[0] == kind && words.len() == 3).map(|words| from_hex(words[2])).collect()
}
