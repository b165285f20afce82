//! Compiled by `tests/no_std.sh`, which says what this proves.

#![no_std]

#[cfg(with_alloc)]
extern crate alloc;
#[cfg(with_std)]
extern crate std;

use core::panic::PanicInfo;

use protocol::frame::{MESSAGE_BYTES_MAX, serial, stream};
use protocol::{AgentMessage, DecodeError, Report, SupervisorMessage, delta};

/// The only one there may be.
#[panic_handler]
fn halt(_: &PanicInfo<'_>) -> ! {
    loop {
        core::hint::spin_loop();
    }
}

/// Walks every decoder and encoder, so that all of them are compiled in.
pub fn walk(mut input: &[u8], base: &Report) -> Result<usize, DecodeError> {
    let (mut stream, mut serial) = (stream::Decoder::new(), serial::Decoder::new());
    let mut out = [0; MESSAGE_BYTES_MAX];
    let mut length = 0;
    while let Ok(Some(bytes)) = stream.push(&mut input) {
        if let AgentMessage::Delta { changes, .. } = AgentMessage::decode(bytes)? {
            length += delta::encode(base, &delta::apply(base, changes)?, &mut out).unwrap_or(0);
        }
    }
    while let Some(bytes) = serial.push(&mut input) {
        length += SupervisorMessage::decode(bytes)?.encode(&mut out).unwrap_or(0);
        length += serial::encode(bytes, &mut out).unwrap_or(0);
        length += stream::encode(bytes, &mut out).unwrap_or(0);
    }
    Ok(length)
}
