//! Frames survive any cutting of a stream and, on a serial line, any damage.

use proptest::collection::vec;
use proptest::prelude::*;
use protocol::frame::{MESSAGE_BYTES_MAX, serial, stream};

type Messages = Vec<Vec<u8>>;

/// Zeros often: they are what COBS works on. Long ones now and then.
fn message() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![1 => Just(0), 3 => any::<u8>()];
    prop_oneof![
        4 => vec(byte, 1..40),
        1 => vec(any::<u8>(), 1..=MESSAGE_BYTES_MAX),
        1 => (1..=MESSAGE_BYTES_MAX).prop_map(|length| vec![0xff; length]),
    ]
}

fn stream_frame(message: &[u8]) -> Vec<u8> {
    let mut out = [0; stream::FRAME_BYTES_MAX];
    let length = stream::encode(message, &mut out).unwrap();
    out[..length].to_vec()
}

fn serial_frame(message: &[u8]) -> Vec<u8> {
    let mut out = [0; serial::FRAME_BYTES_MAX];
    let length = serial::encode(message, &mut out).unwrap();
    out[..length].to_vec()
}

/// Cuts bytes into reads, as a socket would.
fn reads<'a>(bytes: &'a [u8], sizes: &'a [usize]) -> impl Iterator<Item = &'a [u8]> {
    let mut rest = bytes;
    let mut sizes = sizes.iter().cycle();
    std::iter::from_fn(move || {
        let size = (*sizes.next()?).min(rest.len());
        let (now, later) = rest.split_at(size);
        rest = later;
        (!now.is_empty()).then_some(now)
    })
}

fn from_stream(bytes: &[u8], sizes: &[usize]) -> Result<Messages, stream::FrameError> {
    let mut decoder = stream::Decoder::new();
    let mut messages = Messages::new();
    for mut input in reads(bytes, sizes) {
        while let Some(message) = decoder.push(&mut input)? {
            messages.push(message.to_vec());
        }
    }
    Ok(messages)
}

fn from_serial(bytes: &[u8], sizes: &[usize]) -> (Messages, serial::Stats) {
    let mut decoder = serial::Decoder::new();
    let mut messages = Messages::new();
    for mut input in reads(bytes, sizes) {
        while let Some(message) = decoder.push(&mut input) {
            messages.push(message.to_vec());
        }
    }
    (messages, decoder.stats())
}

/// What a line does to one frame.
#[derive(Debug, Clone)]
enum Damage {
    None,
    NoiseBefore(Vec<u8>),
    Insert(prop::sample::Index, u8),
    Delete(prop::sample::Index),
    Flip(prop::sample::Index, u8),
    Truncate(prop::sample::Index),
    Repeat(prop::sample::Index),
    Lost,
}

impl Damage {
    /// Noise in front of a frame leaves the frame itself whole.
    fn spares(&self) -> bool {
        matches!(self, Self::None | Self::NoiseBefore(_))
    }

    fn does(&self, mut frame: Vec<u8>) -> Vec<u8> {
        let length = frame.len();
        match self {
            Self::None => {}
            Self::NoiseBefore(noise) => frame = [&noise[..], &frame].concat(),
            Self::Insert(at, byte) => frame.insert(at.index(length), *byte),
            Self::Delete(at) => drop(frame.remove(at.index(length))),
            Self::Flip(at, bits) => frame[at.index(length)] ^= bits,
            Self::Truncate(at) => frame.truncate(at.index(length)),
            Self::Repeat(at) => frame.extend_from_within(at.index(length)..),
            Self::Lost => frame.clear(),
        }
        frame
    }
}

fn damage() -> impl Strategy<Value = Damage> {
    prop_oneof![
        4 => Just(Damage::None),
        1 => vec(any::<u8>(), 0..40).prop_map(Damage::NoiseBefore),
        1 => (1..3000_usize, 1..=255_u8).prop_map(|(length, byte)| Damage::NoiseBefore(vec![byte; length])),
        1 => (any::<prop::sample::Index>(), any::<u8>()).prop_map(|(at, byte)| Damage::Insert(at, byte)),
        1 => any::<prop::sample::Index>().prop_map(Damage::Delete),
        1 => (any::<prop::sample::Index>(), 1..=255_u8).prop_map(|(at, bits)| Damage::Flip(at, bits)),
        1 => any::<prop::sample::Index>().prop_map(Damage::Truncate),
        1 => any::<prop::sample::Index>().prop_map(Damage::Repeat),
        1 => Just(Damage::Lost),
    ]
}

/// Whether `part` is `all` with some left out.
fn is_part_of(part: &[Vec<u8>], all: &[Vec<u8>]) -> bool {
    let mut all = all.iter();
    part.iter().all(|message| all.any(|other| other == message))
}

proptest! {
    #[test]
    fn a_stream_yields_what_was_sent_however_it_is_cut(
        messages in vec(message(), 0..6), sizes in vec(1..80_usize, 1..8),
    ) {
        let wire: Vec<u8> = messages.iter().flat_map(|message| stream_frame(message)).collect();
        prop_assert_eq!(from_stream(&wire, &sizes), Ok(messages));
    }

    #[test]
    fn a_stream_of_noise_yields_messages_of_bounded_length_or_breaks(
        noise in vec(any::<u8>(), 0..3000), sizes in vec(1..80_usize, 1..4),
    ) {
        let result = from_stream(&noise, &sizes);
        prop_assert_eq!(&result, &from_stream(&noise, &[noise.len().max(1)]), "however it is cut");
        for message in result.unwrap_or_default() {
            prop_assert!((1..=MESSAGE_BYTES_MAX).contains(&message.len()));
        }
    }

    #[test]
    fn a_serial_line_yields_what_was_sent_however_it_is_cut(
        messages in vec(message(), 0..6), sizes in vec(1..80_usize, 1..8),
    ) {
        let wire: Vec<u8> = messages.iter().flat_map(|message| serial_frame(message)).collect();
        let (received, stats) = from_serial(&wire, &sizes);
        prop_assert_eq!((received.len(), stats.dropped()), (stats.delivered as usize, 0));
        prop_assert_eq!(received, messages);
    }

    #[test]
    fn every_frame_that_damage_spares_is_delivered_and_none_that_was_never_sent(
        sent in vec((message(), damage()), 1..12), sizes in vec(1..80_usize, 1..4),
    ) {
        let mut wire = Vec::new();
        let (mut all, mut spared) = (Messages::new(), Messages::new());
        for (message, damage) in &sent {
            wire.extend(damage.does(serial_frame(message)));
            // A frame that was repeated from its first byte is a second, whole one.
            let times = if matches!(damage, Damage::Repeat(_)) { 2 } else { 1 };
            all.extend(std::iter::repeat_n(message.clone(), times));
            spared.extend(damage.spares().then(|| message.clone()));
        }
        let (received, stats) = from_serial(&wire, &sizes);
        prop_assert!(is_part_of(&spared, &received), "spared {spared:02x?}, received {received:02x?}");
        prop_assert!(is_part_of(&received, &all), "received {received:02x?}, sent {all:02x?}");
        prop_assert_eq!(stats.delivered as usize, received.len());
    }

    #[test]
    fn the_first_frame_after_any_noise_is_delivered(
        noise in vec(any::<u8>(), 0..5000), message in message(),
    ) {
        let wire = [&noise[..], &serial_frame(&message)].concat();
        let (received, _) = from_serial(&wire, &[64]);
        prop_assert_eq!(received.last(), Some(&message));
    }
}

#[test]
fn decoders_hold_one_message_and_little_more_whatever_comes_in() {
    // Neither can allocate (`tests/no_std.sh` proves that), so that their size is all they ever take.
    assert!(size_of::<stream::Decoder>() <= MESSAGE_BYTES_MAX + 64);
    assert!(size_of::<serial::Decoder>() <= MESSAGE_BYTES_MAX + 64);
}
