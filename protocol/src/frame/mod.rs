//! Bytes to messages and back, sans-IO and with hard bounds: [`stream`] for reliable streams, [`serial`] for lines
//! that damage what they carry.
//!
//! Both decoders hold one message at most, whatever comes in, and allocate nothing. Both are fed the same way: hand
//! over what was read, take frames until the input is used up.

pub mod serial;
pub mod stream;

/// No message of any version is longer, encoded; a frame that announces more is refused before it is stored.
pub const MESSAGE_BYTES_MAX: usize = 1024;
