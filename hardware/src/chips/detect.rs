//! Which chip answers at an address, found out by reading alone.
//!
//! A look sends a register pointer and reads two bytes. That changes nothing in a chip of this family, and the first
//! pointer is 0x00, because other kinds share the addresses: 0xfe, the id of an INA226 and INA3221, is a reset command to a
//! Si7021 at 0x40. So the ids are read only after register 0x00 looked like one of theirs.

use embedded_hal::i2c::I2c;

use super::port::Port;
use super::{Error, ads1115, ina219, ina226, ina228, ina3221, max17048};

/// Every address that the shunt monitors can have; the converter's are among them.
pub const ADDRESSES: core::ops::RangeInclusive<u8> = 0x40..=0x4f;

/// Every address at which something that is known may answer.
pub fn addresses() -> impl Iterator<Item = u8> {
    ADDRESSES.chain([max17048::ADDRESS])
}

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
    /// An INA228, by its ids.
    Ina228,
    /// An INA3221, by its ids.
    Ina3221,
    /// An ADS1115, which has no id: by its comparator's thresholds, which are as after power-on.
    Ads1115,
    /// A MAX17048, by its version.
    Max17048,
    /// Something else.
    Unknown {
        /// What its register 0x00 holds.
        register: u16,
    },
}

/// In the configuration of an INA226 bit 14 is always set (SBOS547B 7.1.1), in an INA3221's while its first channel is on
/// (SBOS576B 8.6.2.1); bit 15 is a reset that clears itself in both.
const CONFIGURATION_WITH_IDS: (u16, u16) = (0xc000, 0x4000);
/// CONFIG of an INA228 has no other bits than the conversion delay in 13-6, TEMPCOMP and ADCRANGE (SLYS021A table 7-5).
const CONFIG_228_NEVER: u16 = 0xc00f;

/// Looks at one address; `None` when nobody acknowledges. One to nine read transactions, no write.
///
/// # Errors
/// The bus's, other than a missing acknowledge; and an address where nothing known can be counts as nobody.
pub fn identify<I2C: I2c>(i2c: I2C, address: u8) -> Result<Option<Found>, Error<I2C::Error>> {
    if address == max17048::ADDRESS {
        return gauge(i2c);
    }
    let Ok(mut port) = Port::new("shunt monitor", i2c, address) else { return Ok(None) };
    let register = match port.read(ina219::register::CONFIGURATION) {
        Err(Error::NoAcknowledge(_)) => return Ok(None),
        other => other?,
    };
    if let Some(found) = shunt_monitor(&mut port, register)? {
        return Ok(Some(found));
    }
    if ads1115::ADDRESSES.contains(&address) && has(&mut port, ads1115::IDS)? {
        return Ok(Some(Found::Ads1115));
    }
    Ok(Some(Found::Unknown { register }))
}

/// The shunt monitor whose configuration this is.
fn shunt_monitor<I2C: I2c>(port: &mut Port<I2C>, register: u16) -> Result<Option<Found>, Error<I2C::Error>> {
    let (mask, expected) = CONFIGURATION_WITH_IDS;
    if register & mask == expected {
        let maker = port.read(ina226::register::MANUFACTURER)?;
        let die = port.read(ina226::register::DIE)?;
        return Ok(if ina226::is_ours(maker, die) {
            Some(Found::Ina226)
        } else {
            let [(_, _, ti), (_, _, triple)] = ina3221::IDS;
            ((maker, die) == (ti, triple)).then_some(Found::Ina3221)
        });
    }
    if register & CONFIG_228_NEVER == 0 && has(port, ina228::IDS)? {
        return Ok(Some(Found::Ina228));
    }
    let is_219 = register & ina219::CONFIGURATION_NEVER == 0 && behaves_like_ina219(port, register)?;
    Ok(is_219.then_some(Found::Ina219 { at_reset: register == ina219::CONFIGURATION_RESET }))
}

/// Whether registers hold what tells a kind; the first that does not ends the look.
fn has<I2C: I2c>(port: &mut Port<I2C>, ids: [(u8, u16, u16); 2]) -> Result<bool, Error<I2C::Error>> {
    for (register, mask, expected) in ids {
        if port.read(register)? & mask != expected {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The fuel gauge's only address, which an AS5600 shares: its register 0x08 is none.
fn gauge<I2C: I2c>(i2c: I2C) -> Result<Option<Found>, Error<I2C::Error>> {
    let address = max17048::ADDRESS;
    let Ok(mut port) = Port::within("fuel gauge", i2c, address, address..=address) else { return Ok(None) };
    let (register, mask, expected) = max17048::ID;
    match port.read(register) {
        Err(Error::NoAcknowledge(_)) => Ok(None),
        Ok(found) if found & mask == expected => Ok(Some(Found::Max17048)),
        Ok(register) => Ok(Some(Found::Unknown { register })),
        Err(error) => Err(error),
    }
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
