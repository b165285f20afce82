//! Which expander answers at an address, found out without a single byte written.
//!
//! To a PCF8574 every byte written is an output, a register pointer too: a look that began like those of
//! [`super::super::detect`] would throw relays. So a look only reads, and goes by how the answer goes on: an MCP23017 gives
//! its registers one after the other and begins anew after the last (DS20001952 3.2.2.3), a PCF8574 its one byte again and
//! again (SCPS068, figure "Read mode").
//!
//! What cannot be told apart: an MCP23017 from an MCP23018, whose outputs can only pull low; a PCF8574 from a TCA9534, a
//! PCA9554 or a display, which give one byte too; and an MCP23017 whose registers all hold the same, as one that drives all
//! lines low, from them.

use core::ops::RangeInclusive;

use embedded_hal::i2c::I2c;

use super::super::error::{Error, SettingsError};
use super::super::port::Port;
use super::Kind;
use super::mcp23017::{IOCON_NEVER, register};

/// An MCP23017 has so many registers with `BANK = 0` (DS20001952 table 3-1) ...
const REGISTERS: usize = 22;
/// ... and its brother with eight lines half of them.
const REGISTERS_OF_8: usize = REGISTERS / 2;

/// Every address that an expander can have.
pub fn addresses() -> impl Iterator<Item = u8> {
    const BOTH: [RangeInclusive<u8>; 2] = [Kind::Pcf8574.addresses(), Kind::Pcf8574a.addresses()];
    BOTH.into_iter().flatten()
}

/// What answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Looked {
    /// An MCP23017, or an MCP23018.
    Mcp23017,
    /// A chip that has one byte to say: a PCF8574 or PCF8574A by its address, or another such.
    OneByte {
        /// The kind that can have this address.
        kind: Kind,
        /// What it says: with a PCF8574, the levels of its lines.
        byte: u8,
    },
    /// Something else.
    Unknown,
}

/// Looks at one address; `None` when nobody acknowledges. One read, no write.
///
/// # Errors
/// The bus's, other than a missing acknowledge; an address that no expander can have counts as nobody.
pub fn look<I2C: I2c>(i2c: I2C, address: u8) -> Result<Option<Looked>, Error<I2C::Error>> {
    let kind = if Kind::Pcf8574a.addresses().contains(&address) { Kind::Pcf8574a } else { Kind::Pcf8574 };
    let port: Result<_, SettingsError> = Port::within("port expander", i2c, address, kind.addresses());
    let Ok(mut port) = port else { return Ok(None) };
    // Two rounds: whatever the pointer stands at, one whole round is in order.
    let bytes: [u8; 2 * REGISTERS] = match port.read_plain() {
        Err(Error::NoAcknowledge(_)) => return Ok(None),
        other => other?,
    };
    let repeats_after = |period: usize| bytes.windows(period + 1).all(|window| window[0] == window[period]);
    Ok(Some(if repeats_after(1) {
        Looked::OneByte { kind, byte: bytes[0] }
    } else if kind == Kind::Pcf8574 && !repeats_after(REGISTERS_OF_8) && goes_round_as_mcp23017(&bytes) {
        Looked::Mcp23017
    } else {
        Looked::Unknown
    }))
}

/// Whether the bytes are two rounds of an MCP23017's registers, begun at any of them. Levels at pins may change meanwhile.
fn goes_round_as_mcp23017(bytes: &[u8; 2 * REGISTERS]) -> bool {
    let fits = |start: usize| {
        let at = |register: u8, round: usize| {
            bytes[(usize::from(register) + REGISTERS - start) % REGISTERS + round]
        };
        let (a, b) = (register::IOCON, register::IOCON + 1);
        let iocon = at(a, 0);
        let settings = (0..=register::IOCON + 1).chain([register::OLAT, register::OLAT + 1]);
        iocon & IOCON_NEVER == 0
            && at(b, 0) == iocon
            && at(register::GPINTENB, 0) >> 7 == 0
            && settings.into_iter().all(|register| at(register, 0) == at(register, REGISTERS))
    };
    (0..REGISTERS).any(fits)
}
