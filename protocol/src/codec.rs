//! Messages to bytes and back: postcard, one message to a frame, nothing behind it.
//!
//! postcard's own `from_bytes` ignores what stands behind a message. Here that is an error: such bytes come from a
//! build that speaks another version, or from damage, and to guess at them would be to invent a message.

use core::fmt;

use serde::{Deserialize, Serialize};

use crate::frame::MESSAGE_BYTES_MAX;
use crate::message::{AgentMessage, Hello, Refusal, SupervisorMessage};

/// Why a message could not be encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EncodeError {
    /// It does not fit the buffer, or is longer than [`MESSAGE_BYTES_MAX`].
    NoRoom,
    /// It holds a quantity that is not finite, or beyond 2^31 milli-units: there is no honest number to send.
    NoWireForm,
    /// There is nothing to frame: a message has at least one byte.
    Empty,
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoRoom => "the message does not fit",
            Self::NoWireForm => "the message holds a quantity that is not finite or out of range",
            Self::Empty => "there is no message to frame",
        })
    }
}

impl core::error::Error for EncodeError {}

/// Why bytes are no message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DecodeError {
    /// They are more than any message has: [`MESSAGE_BYTES_MAX`].
    TooLong,
    /// They end before the message does.
    Truncated,
    /// They name a variant that does not exist, or a value out of range.
    Malformed,
    /// A message, and then something more.
    Trailing,
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLong => "more bytes than any message has",
            Self::Truncated => "the bytes end before the message does",
            Self::Malformed => "an unknown variant or a value out of range",
            Self::Trailing => "something stands behind the message",
        })
    }
}

impl core::error::Error for DecodeError {}

impl From<DecodeError> for Refusal {
    fn from(error: DecodeError) -> Self {
        match error {
            DecodeError::TooLong => Self::TooLong,
            DecodeError::Truncated | DecodeError::Malformed | DecodeError::Trailing => Self::Malformed,
        }
    }
}

impl From<postcard::Error> for EncodeError {
    fn from(error: postcard::Error) -> Self {
        match error {
            postcard::Error::SerializeBufferFull => Self::NoRoom,
            _ => Self::NoWireForm,
        }
    }
}

impl From<postcard::Error> for DecodeError {
    fn from(error: postcard::Error) -> Self {
        match error {
            postcard::Error::DeserializeUnexpectedEnd => Self::Truncated,
            _ => Self::Malformed,
        }
    }
}

impl AgentMessage<'_> {
    /// Writes the message to the beginning of `out`; a buffer of [`MESSAGE_BYTES_MAX`] is always enough for what may
    /// be sent. Returns the number of bytes.
    ///
    /// # Errors
    /// [`EncodeError::NoRoom`] or [`EncodeError::NoWireForm`]; `out` then holds nothing of use.
    pub fn encode(&self, out: &mut [u8]) -> Result<usize, EncodeError> {
        encode(self, out)
    }
}

impl<'a> AgentMessage<'a> {
    /// Reads the one message that `bytes` are; a delta's changes stay where they are.
    ///
    /// # Errors
    /// Any [`DecodeError`]: the sender then loses its link.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        decode(bytes)
    }
}

impl SupervisorMessage {
    /// Writes the message to the beginning of `out`; a buffer of [`MESSAGE_BYTES_MAX`] is always enough.
    /// Returns the number of bytes.
    ///
    /// # Errors
    /// [`EncodeError::NoRoom`] or [`EncodeError::NoWireForm`]; `out` then holds nothing of use.
    pub fn encode(&self, out: &mut [u8]) -> Result<usize, EncodeError> {
        encode(self, out)
    }

    /// Reads the one message that `bytes` are.
    ///
    /// # Errors
    /// Any [`DecodeError`]: the link is then closed.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        decode(bytes)
    }
}

impl Hello {
    /// The oldest and newest version that an encoded hello names, whatever follows them; `None` if it is no hello.
    ///
    /// This head (the tag 0 and two numbers) is the same in every version.
    pub fn versions(bytes: &[u8]) -> Option<(u16, u16)> {
        match postcard::take_from_bytes::<(u32, u16, u16)>(bytes) {
            Ok(((0, min, max), _)) => Some((min, max)),
            _ => None,
        }
    }
}

fn encode<T: Serialize>(message: &T, out: &mut [u8]) -> Result<usize, EncodeError> {
    let room = out.len().min(MESSAGE_BYTES_MAX);
    Ok(postcard::to_slice(message, &mut out[..room])?.len())
}

fn decode<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, DecodeError> {
    if bytes.len() > MESSAGE_BYTES_MAX {
        return Err(DecodeError::TooLong);
    }
    let mut reader = Reader::new(bytes);
    let message = reader.take()?;
    reader.finish()?;
    Ok(message)
}

/// Writes values one behind the other.
pub(crate) struct Writer<'a> {
    out: &'a mut [u8],
    at: usize,
}

impl<'a> Writer<'a> {
    pub(crate) fn new(out: &'a mut [u8]) -> Self {
        Self { out, at: 0 }
    }

    pub(crate) fn put<T: Serialize>(&mut self, value: &T) -> Result<(), EncodeError> {
        self.at += postcard::to_slice(value, &mut self.out[self.at..])?.len();
        Ok(())
    }

    /// How many bytes were written.
    pub(crate) fn length(&self) -> usize {
        self.at
    }
}

/// Reads values one behind the other.
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(crate) fn take<T: Deserialize<'a>>(&mut self) -> Result<T, DecodeError> {
        let (value, rest) = postcard::take_from_bytes(self.rest)?;
        self.rest = rest;
        Ok(value)
    }

    /// Demands that nothing is left.
    pub(crate) fn finish(self) -> Result<(), DecodeError> {
        if self.rest.is_empty() { Ok(()) } else { Err(DecodeError::Trailing) }
    }
}
