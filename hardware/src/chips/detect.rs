//! Which chip answers at an address, found out by reading alone.
//!
//! A look sends a register pointer and reads two bytes. That changes nothing in a chip of this family, and the first
//! pointer is 0x00, because other kinds share the addresses: 0xfe, the INA226's id, is a reset command to a Si7021 at
//! 0x40. So the ids are read only after register 0x00 looked like an INA226's.

use embedded_hal::i2c::I2c;

use super::port::Port;
use super::{Error, ina219, ina226};

/// Every address that the family can have.
pub const ADDRESSES: core::ops::RangeInclusive<u8> = 0x40..=0x4f;

/// What answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// An INA226, by its ids.
    Ina226,
    /// An INA219, which has no id.
    Ina219 {
        /// Its configuration is the one after power-on; otherwise only the way its registers hang together
        /// speaks for it.
        at_reset: bool,
    },
    /// Something else.
    Unknown {
        /// What its register 0x00 holds.
        register: u16,
    },
}

/// Bits 15 to 12 of an INA226's configuration, while it runs: bit 14 is always set (SBOS547B 7.1.1).
const INA226_CONFIGURATION: (u16, u16) = (0xf000, 0x4000);

/// Looks at one address; `None` when nobody acknowledges. One to five read transactions, no write.
///
/// # Errors
/// The bus's, other than a missing acknowledge; and an address that the family cannot have counts as nobody.
pub fn identify<I2C: I2c>(i2c: I2C, address: u8) -> Result<Option<Found>, Error<I2C::Error>> {
    let Ok(mut port) = Port::new("shunt monitor", i2c, address) else { return Ok(None) };
    let register = match port.read(ina219::register::CONFIGURATION) {
        Err(Error::NoAcknowledge(_)) => return Ok(None),
        other => other?,
    };
    let (mask, expected) = INA226_CONFIGURATION;
    let found = if register & mask == expected {
        if ina226::is_ours(port.read(ina226::register::MANUFACTURER)?, port.read(ina226::register::DIE)?) {
            Found::Ina226
        } else {
            Found::Unknown { register }
        }
    } else if register & ina219::CONFIGURATION_NEVER == 0 && behaves_like_ina219(&mut port, register)? {
        Found::Ina219 { at_reset: register == ina219::CONFIGURATION_RESET }
    } else {
        Found::Unknown { register }
    };
    Ok(Some(found))
}

/// Whether the other registers behave like an INA219's: bit 2 of the bus register is 0 (SBOS448G 8.6.3.2), so is bit 0 of
/// the calibration (8.6.4.1), the shunt's drop is within the gain's range (8.6.3.1), and the current is what the chip
/// makes of drop and calibration (8.6.3.4). A conversion may end between two reads, so a changing load is allowed for.
fn behaves_like_ina219<I2C: I2c>(
    port: &mut Port<I2C>,
    configuration: u16,
) -> Result<bool, Error<I2C::Error>> {
    if configuration == 0 {
        // Reserved averaging bits aside, that would be a powered-down chip at 9 bits; far more often it is a dead bus.
        return Ok(false);
    }
    let range = 4000 << ((configuration >> 11) & 0b11);
    let shunt = i64::from(port.read(ina219::register::SHUNT)?.cast_signed());
    let bus = port.read(ina219::register::BUS)?;
    let current = i64::from(port.read(ina219::register::CURRENT)?.cast_signed());
    let calibration = port.read(ina219::register::CALIBRATION)?;
    let made = shunt * i64::from(calibration) / ina219::DIVIDER;
    let slack = if calibration == 0 { 0 } else { 64 + made.abs() / 4 };
    let overflow = bus & ina219::OVERFLOW != 0;
    let fixed = shunt.abs() <= range && bus & (1 << 2) == 0 && calibration & 1 == 0;
    Ok(fixed && (overflow || (made - current).abs() <= slack))
}

#[cfg(test)]
mod tests;
