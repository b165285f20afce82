//! COBS frames with a CRC, which find their feet again after any damage.
//!
//! ```text
//!  00  COBS( message  CRC-32 of the message, little-endian )  00
//! ```
//!
//! COBS removes every zero from what it wraps, so that a zero on the line is always the edge of a frame. The zero in
//! front costs a byte and saves the frame that follows noise on an idle line. A serial line drops, doubles and flips
//! bits; therefore, unlike a stream's, this decoder has no error: what is damaged is dropped and counted, and the
//! first intact frame after the next zero is delivered. What stands before the first zero that it ever sees, or
//! behind the bound of an over-long frame, is no frame's beginning and is never taken for one.

use cobs::{CobsEncoder, DecodeResult, DecoderState};
use crc::{CRC_32_ISO_HDLC, Crc};
use heapless::Vec;

use crate::codec::EncodeError;
use crate::frame::MESSAGE_BYTES_MAX;

const CRC: Crc<u32> = Crc::<u32>::new(&CRC_32_ISO_HDLC);
const CRC_BYTES: usize = 4;

/// A message and its CRC.
const BODY_BYTES_MAX: usize = MESSAGE_BYTES_MAX + CRC_BYTES;

/// The longest frame: a buffer of this size always holds what [`encode`] writes.
pub const FRAME_BYTES_MAX: usize = frame_bytes_max(MESSAGE_BYTES_MAX);

/// The most bytes that a message of this length takes on the line.
const fn frame_bytes_max(message_bytes: usize) -> usize {
    cobs::max_encoding_length(message_bytes + CRC_BYTES) + 2
}

/// Writes `message` as one frame to the beginning of `out` and returns the frame's length.
///
/// # Errors
/// [`EncodeError::NoRoom`] when `out` is shorter than such a message may take, or the message longer than
/// [`MESSAGE_BYTES_MAX`]; [`EncodeError::Empty`] when there is no message.
pub fn encode(message: &[u8], out: &mut [u8]) -> Result<usize, EncodeError> {
    if message.is_empty() {
        return Err(EncodeError::Empty);
    }
    if message.len() > MESSAGE_BYTES_MAX || out.len() < frame_bytes_max(message.len()) {
        return Err(EncodeError::NoRoom);
    }
    let mut body = CobsEncoder::new(&mut out[1..]);
    body.push(message).map_err(|_| EncodeError::NoRoom)?;
    body.push(&CRC.checksum(message).to_le_bytes()).map_err(|_| EncodeError::NoRoom)?;
    let end = 1 + body.finalize();
    out[0] = 0;
    out[end] = 0;
    Ok(end + 1)
}

/// What a decoder has seen, from its beginning. The counters stay at their greatest value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stats {
    /// Messages delivered.
    pub delivered: u32,
    /// Frames dropped because they were longer than any frame is.
    pub too_long: u32,
    /// Frames dropped because they ended where COBS says they do not, or were too short to hold a message.
    pub broken: u32,
    /// Frames dropped because their checksum did not fit.
    pub bad_checksum: u32,
}

impl Stats {
    /// Frames dropped, for whatever reason.
    pub const fn dropped(&self) -> u32 {
        self.too_long.saturating_add(self.broken).saturating_add(self.bad_checksum)
    }
}

/// Finds messages in what a serial line carries. Holds one message at most; no input can break it.
///
/// ```
/// # use protocol::frame::serial::{self, Decoder};
/// # let mut wire = [0; 64];
/// # wire[..3].copy_from_slice(b"\x07~!"); // noise
/// # let n = 3 + serial::encode(b"hello", &mut wire[3..]).unwrap();
/// let mut decoder = Decoder::new();
/// let mut input = &wire[..n]; // as read from the line, noise and all
/// while let Some(message) = decoder.push(&mut input) {
///     assert_eq!(message, b"hello");
/// }
/// assert_eq!(decoder.stats().delivered, 1);
/// ```
#[derive(Debug)]
pub struct Decoder {
    cobs: DecoderState,
    /// Nothing counts until the next zero: the frame's beginning was missed, or it is over-long.
    skipping: bool,
    body: Vec<u8, BODY_BYTES_MAX>,
    stats: Stats,
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new()
    }
}

impl Decoder {
    /// A decoder that is put to a line at any moment: it waits for the first zero.
    pub const fn new() -> Self {
        Self {
            cobs: DecoderState::Idle,
            skipping: true,
            body: Vec::new(),
            stats: Stats { delivered: 0, too_long: 0, broken: 0, bad_checksum: 0 },
        }
    }

    /// Takes bytes from the front of `input` until an intact message is complete, or none are left (`None`).
    ///
    /// Call it again with the same `input` until it returns `None`.
    pub fn push(&mut self, input: &mut &[u8]) -> Option<&[u8]> {
        while let Some((&byte, rest)) = input.split_first() {
            *input = rest;
            if let Some(length) = self.take(byte) {
                self.stats.delivered = self.stats.delivered.saturating_add(1);
                return Some(&self.body[..length]);
            }
        }
        None
    }

    /// What was delivered and dropped so far.
    pub const fn stats(&self) -> Stats {
        self.stats
    }

    /// Takes one byte; the message's length if it ended an intact frame.
    fn take(&mut self, byte: u8) -> Option<usize> {
        if self.skipping {
            if byte == 0 {
                self.skipping = false;
                self.cobs = DecoderState::Idle;
                self.body.clear();
            }
            return None;
        }
        match self.cobs.feed(byte) {
            Ok(DecodeResult::NoData) => None,
            Ok(DecodeResult::DataStart) => {
                self.body.clear();
                None
            }
            Ok(DecodeResult::DataContinue(data)) => {
                if self.body.push(data).is_err() {
                    count(&mut self.stats.too_long);
                    self.skipping = true;
                }
                None
            }
            Ok(DecodeResult::DataComplete) => self.check(),
            // The state machine errs only at a zero, and is idle again behind it: the next frame may begin.
            Err(_) => {
                count(&mut self.stats.broken);
                None
            }
        }
    }

    /// A frame has ended: the message's length if its checksum fits.
    fn check(&mut self) -> Option<usize> {
        let Some((message, checksum)) = self.body.split_last_chunk::<CRC_BYTES>() else {
            count(&mut self.stats.broken);
            return None;
        };
        if message.is_empty() {
            count(&mut self.stats.broken);
            return None;
        }
        if CRC.checksum(message) != u32::from_le_bytes(*checksum) {
            count(&mut self.stats.bad_checksum);
            return None;
        }
        Some(message.len())
    }
}

fn count(counter: &mut u32) {
    *counter = counter.saturating_add(1);
}

#[cfg(test)]
mod tests {
    use super::*;
    use heapless::Vec;

    type Line = Vec<u8, 8192>;

    fn frame(message: &[u8]) -> Line {
        let mut out = [0; FRAME_BYTES_MAX];
        let length = encode(message, &mut out).unwrap();
        Line::from_slice(&out[..length]).unwrap()
    }

    fn decode(decoder: &mut Decoder, mut bytes: &[u8]) -> Vec<Vec<u8, MESSAGE_BYTES_MAX>, 8> {
        let mut messages = Vec::new();
        while let Some(message) = decoder.push(&mut bytes) {
            messages.push(Vec::from_slice(message).unwrap()).unwrap();
        }
        messages
    }

    #[test]
    fn every_length_of_message_fits_the_longest_frame_and_comes_back() {
        for length in [1, 2, 249, 250, 251, 253, 254, 255, 508, 1000, MESSAGE_BYTES_MAX] {
            for fill in [0x00, 0x01, 0xff] {
                let message = [fill; MESSAGE_BYTES_MAX];
                let messages = decode(&mut Decoder::new(), &frame(&message[..length]));
                assert_eq!(messages.len(), 1, "{length} bytes of {fill:02x}");
                assert_eq!(messages[0], &message[..length]);
            }
        }
    }

    #[test]
    fn a_frame_has_no_zero_inside() {
        let wire = frame(&[0, 1, 0, 0, 2, 0]);
        assert!(!wire[1..wire.len() - 1].contains(&0));
        assert_eq!((wire.first(), wire.last()), (Some(&0), Some(&0)));
    }

    #[test]
    fn what_cannot_be_framed_is_refused() {
        assert_eq!(encode(&[], &mut [0; 64]), Err(EncodeError::Empty));
        assert_eq!(encode(&[1; 60], &mut [0; 60]), Err(EncodeError::NoRoom));
        assert_eq!(
            encode(&[0; 60], &mut [0; 66]),
            Err(EncodeError::NoRoom),
            "the bound, not the case, decides"
        );
        assert_eq!(encode(&[1; MESSAGE_BYTES_MAX + 1], &mut [0; 2048]), Err(EncodeError::NoRoom));
    }

    #[test]
    fn noise_before_a_frame_costs_nothing() {
        let mut line = Line::from_slice(b"\x03\x41\xff\x10").unwrap();
        line.extend_from_slice(&frame(b"hello")).unwrap();
        let mut decoder = Decoder::new();
        assert_eq!(decode(&mut decoder, &line)[0], b"hello");
        assert_eq!(decoder.stats(), Stats { delivered: 1, ..Stats::default() });
    }

    #[test]
    fn the_tail_of_an_over_long_frame_is_never_delivered_as_fresh() {
        // Non-zero bytes beyond any bound, then the inside of a good frame: its tail must not count as a frame.
        let mut line = Line::from_slice(&[0]).unwrap();
        line.resize(1 + 3 * FRAME_BYTES_MAX, 0xff).unwrap();
        line.extend_from_slice(&frame(b"forged")[1..]).unwrap();
        line.extend_from_slice(&frame(b"fresh")).unwrap();
        let mut decoder = Decoder::new();
        let messages = decode(&mut decoder, &line);
        assert_eq!(messages.len(), 1);
        assert_eq!(messages[0], b"fresh");
        assert_eq!(decoder.stats(), Stats { delivered: 1, too_long: 1, ..Stats::default() });
    }

    #[test]
    fn a_decoder_put_to_the_line_inside_a_frame_waits_for_the_next() {
        let wire = frame(b"late to this one");
        let mut line = Line::from_slice(&wire[5..]).unwrap();
        line.extend_from_slice(&frame(b"in time")).unwrap();
        let mut decoder = Decoder::new();
        assert_eq!(decode(&mut decoder, &line)[0], b"in time");
        assert_eq!(decoder.stats().dropped(), 0, "what was never begun is not a loss");
    }

    #[test]
    fn each_kind_of_damage_is_counted_as_what_it_is() {
        let mut decoder = Decoder::new();
        let mut flipped = frame(b"flipped");
        flipped[3] ^= 0x10;
        assert!(decode(&mut decoder, &flipped).is_empty());
        assert_eq!(decoder.stats().bad_checksum, 1);
        let mut cut = frame(b"cut short");
        cut.remove(4);
        assert!(decode(&mut decoder, &cut).is_empty());
        assert_eq!(decoder.stats().broken, 1);
        assert!(decode(&mut decoder, &[0, 3, 1, 1, 0]).is_empty(), "too short to hold a checksum");
        assert_eq!(decoder.stats().broken, 2);
        assert_eq!(decode(&mut decoder, &frame(b"whole"))[0], b"whole");
        assert_eq!(decoder.stats().dropped(), 3);
    }
}
