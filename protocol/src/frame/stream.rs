//! Length-delimited frames for TCP, TLS and Unix sockets: the message's length, then the message.
//!
//! ```text
//!  1..=127 bytes     0lllllll            message
//!  128..=1024 bytes  1lllllll 0hhhhhhh   message       length = h * 128 + l
//! ```
//!
//! A stream carries what was sent, or breaks. A length that no encoder writes is therefore not damage to get over but
//! a peer that speaks something else: the decoder stays in its error, and the link is to be closed.

use core::fmt;

use crate::codec::EncodeError;
use crate::frame::MESSAGE_BYTES_MAX;
use crate::message::Refusal;

/// The longest frame: a buffer of this size always holds what [`encode`] writes.
pub const FRAME_BYTES_MAX: usize = MESSAGE_BYTES_MAX + 2;

/// Set in the first byte of a length when a second one follows.
const MORE: u8 = 0x80;

/// Why the bytes are no frames. The stream cannot be followed any further.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrameError {
    /// A frame announces more bytes than any message has: [`MESSAGE_BYTES_MAX`].
    TooLong,
    /// A frame announces no bytes at all.
    Empty,
    /// A length is written in two bytes though one would do: no encoder of ours writes that.
    BadLength,
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => write!(f, "a frame announces more than {MESSAGE_BYTES_MAX} bytes"),
            Self::Empty => f.write_str("a frame announces no bytes"),
            Self::BadLength => f.write_str("a frame's length is written in no form of ours"),
        }
    }
}

impl core::error::Error for FrameError {}

impl From<FrameError> for Refusal {
    fn from(error: FrameError) -> Self {
        match error {
            FrameError::TooLong => Self::TooLong,
            FrameError::Empty | FrameError::BadLength => Self::Malformed,
        }
    }
}

/// Writes `message` as one frame to the beginning of `out` and returns the frame's length.
///
/// # Errors
/// [`EncodeError::NoRoom`] when `out` is too short or the message longer than [`MESSAGE_BYTES_MAX`];
/// [`EncodeError::Empty`] when there is no message.
pub fn encode(message: &[u8], out: &mut [u8]) -> Result<usize, EncodeError> {
    if message.is_empty() {
        return Err(EncodeError::Empty);
    }
    if message.len() > MESSAGE_BYTES_MAX {
        return Err(EncodeError::NoRoom);
    }
    let (low, high) = ((message.len() % 128) as u8, (message.len() / 128) as u8);
    let head: &[u8] = if high == 0 { &[low] } else { &[low | MORE, high] };
    let length = head.len() + message.len();
    let frame = out.get_mut(..length).ok_or(EncodeError::NoRoom)?;
    frame[..head.len()].copy_from_slice(head);
    frame[head.len()..].copy_from_slice(message);
    Ok(length)
}

/// Where the decoder stands in a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// The next byte begins a length.
    Length,
    /// The next byte ends a length that began with these seven bits.
    LengthEnd { low: u8 },
    /// So many bytes of the message are still to come.
    Message { left: usize },
    /// What came is no frame: nothing more is taken.
    Broken(FrameError),
}

/// Cuts a stream into messages. Holds one message at most.
///
/// ```
/// # use protocol::frame::stream::{self, Decoder};
/// # let mut wire = [0; 64];
/// # let n = stream::encode(b"one", &mut wire).unwrap();
/// # let m = stream::encode(b"two", &mut wire[n..]).unwrap();
/// let mut decoder = Decoder::new();
/// let mut input = &wire[..n + m]; // as read from the socket
/// let mut messages = 0;
/// while let Some(message) = decoder.push(&mut input)? {
///     assert_eq!(message.len(), 3);
///     messages += 1;
/// }
/// assert_eq!(messages, 2);
/// # Ok::<(), stream::FrameError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Decoder {
    state: State,
    message: heapless::Vec<u8, MESSAGE_BYTES_MAX>,
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new()
    }
}

impl Decoder {
    /// A decoder for the beginning of a stream.
    pub const fn new() -> Self {
        Self { state: State::Length, message: heapless::Vec::new() }
    }

    /// Takes bytes from the front of `input` until a message is complete, or none are left (`None`).
    ///
    /// Call it again with the same `input` until it returns `None`.
    ///
    /// # Errors
    /// A [`FrameError`], now and at every later call: close the link.
    pub fn push(&mut self, input: &mut &[u8]) -> Result<Option<&[u8]>, FrameError> {
        loop {
            self.state = match self.state {
                State::Broken(error) => return Err(error),
                State::Message { left } => {
                    let (now, later) = input.split_at(left.min(input.len()));
                    // `left` never exceeds the capacity: `begin` saw to that.
                    let stored = self.message.extend_from_slice(now);
                    debug_assert!(stored.is_ok(), "a message was announced longer than it may be");
                    *input = later;
                    if now.len() == left {
                        self.state = State::Length;
                        return Ok(Some(&self.message));
                    }
                    self.state = State::Message { left: left - now.len() };
                    return Ok(None);
                }
                State::Length => match take_byte(input) {
                    None => return Ok(None),
                    Some(byte) if byte & MORE == 0 => self.begin(usize::from(byte)),
                    Some(byte) => State::LengthEnd { low: byte & !MORE },
                },
                State::LengthEnd { low } => match take_byte(input) {
                    None => return Ok(None),
                    Some(0) => State::Broken(FrameError::BadLength),
                    Some(high) => self.begin(usize::from(high) * 128 + usize::from(low)),
                },
            }
        }
    }

    /// Whether the last message was complete: a stream that ends elsewhere was cut off.
    pub fn is_between_frames(&self) -> bool {
        self.state == State::Length
    }

    /// A length was read: makes ready for the message, or refuses it.
    fn begin(&mut self, length: usize) -> State {
        self.message.clear();
        match length {
            0 => State::Broken(FrameError::Empty),
            1..=MESSAGE_BYTES_MAX => State::Message { left: length },
            _ => State::Broken(FrameError::TooLong),
        }
    }
}

fn take_byte(input: &mut &[u8]) -> Option<u8> {
    let (first, rest) = input.split_first()?;
    *input = rest;
    Some(*first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_message_costs_one_byte_of_framing_and_a_large_one_two() {
        let mut out = [0; FRAME_BYTES_MAX];
        assert_eq!(encode(&[7; 127], &mut out), Ok(128));
        assert_eq!(encode(&[7; 128], &mut out), Ok(130));
        assert_eq!(encode(&[7; MESSAGE_BYTES_MAX], &mut out), Ok(FRAME_BYTES_MAX));
    }

    #[test]
    fn what_cannot_be_framed_is_refused() {
        let mut out = [0; 16];
        assert_eq!(encode(&[], &mut out), Err(EncodeError::Empty));
        assert_eq!(encode(&[1; 16], &mut out), Err(EncodeError::NoRoom));
        assert_eq!(encode(&[1; MESSAGE_BYTES_MAX + 1], &mut [0; 2048]), Err(EncodeError::NoRoom));
    }

    #[test]
    fn an_over_long_frame_is_refused_at_its_length_before_anything_is_stored() {
        let mut decoder = Decoder::new();
        let (low, high) = ((MESSAGE_BYTES_MAX % 128) as u8 + 1, (MESSAGE_BYTES_MAX / 128) as u8);
        let mut input: &[u8] = &[low | MORE, high];
        assert_eq!(decoder.push(&mut input), Err(FrameError::TooLong));
        assert!(decoder.message.is_empty());
        let mut more: &[u8] = &[1, 2, 3];
        assert_eq!(decoder.push(&mut more), Err(FrameError::TooLong), "and the decoder stays broken");
        assert_eq!(more.len(), 3, "taking nothing more");
    }

    #[test]
    fn lengths_that_no_encoder_writes_are_errors() {
        for (bytes, error) in [
            (&[0x00][..], FrameError::Empty),
            (&[0x85, 0x00], FrameError::BadLength),
            (&[0xff, 0xff], FrameError::TooLong),
            (&[0x80, 0x80], FrameError::TooLong),
        ] {
            let mut input = bytes;
            assert_eq!(Decoder::new().push(&mut input), Err(error), "{bytes:02x?}");
        }
    }

    #[test]
    fn a_frame_that_comes_byte_by_byte_is_whole_at_its_last_byte() {
        let mut wire = [0; FRAME_BYTES_MAX];
        let message = [0xa5; 300];
        let length = encode(&message, &mut wire).unwrap();
        let mut decoder = Decoder::new();
        for byte in &wire[..length - 1] {
            assert_eq!(decoder.push(&mut core::slice::from_ref(byte)), Ok(None));
            assert!(!decoder.is_between_frames());
        }
        assert_eq!(decoder.push(&mut &wire[length - 1..length]), Ok(Some(&message[..])));
        assert!(decoder.is_between_frames());
    }
}
