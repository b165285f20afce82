//! The TI INA3221: three channels, each bus to 26 V in steps of 8 mV and shunt to 163.8 mV in steps of 40 uV.
//!
//! Cited by section of TI SBOS576B (March 2016). [`Ina3221`] is one channel of the chip: several may share it, because
//! all of them keep it at the same settings. [`Ina3221::read`] costs three bus transactions and writes nothing while the
//! chip keeps its settings. There is no calibration: current is the drop over the shunt.

use std::time::Duration;

use embedded_hal::i2c::I2c;
use protocol::{Current, Resistance};

use super::arithmetic::{amps, current_nanoamp, drop_nanovolt, rounded, shunt_nanoohm, volts};
pub use super::ina226::{Averaging, Conversion};
use super::port::Port;
pub use super::{Error, Measurement, SettingsError};

/// The name, for errors.
const CHIP: &str = "INA3221";

/// The registers (SBOS576B table 3).
pub(crate) mod register {
    pub(crate) const CONFIGURATION: u8 = 0x00;
    /// Of channel 1; two further on for each next channel, and the bus voltage one further on.
    pub(crate) const SHUNT: u8 = 0x01;
    pub(crate) const MANUFACTURER: u8 = 0xfe;
    pub(crate) const DIE: u8 = 0xff;
}

/// Every address that the one pin can make (SBOS576B table 1).
pub const ADDRESSES: core::ops::RangeInclusive<u8> = 0x40..=0x43;
/// "TI" and the die (SBOS576B 8.6.2.18 and 8.6.2.19), as [`Port::expect`] wants them.
pub(crate) const IDS: [(u8, u16, u16); 2] =
    [(register::MANUFACTURER, 0xffff, 0x5449), (register::DIE, 0xffff, 0x3220)];
/// One step of a shunt register, whose value stands above three bits that read 0 (SBOS576B 8.6.2.2).
const SHUNT_LSB_NANOVOLT: i64 = 40_000;
/// One step of a bus register, likewise (SBOS576B 8.6.2.3).
const BUS_LSB_NANOVOLT: i64 = 8_000_000;
/// Below the value in both registers.
const UNUSED_BITS: u16 = 0b111;
/// The end of the shunt's range in steps: 13 bits with a sign.
const END_RAW: i64 = 4095;
/// The greatest current must span so many steps: the converter is coarse, so fewer are asked than of the others.
const STEPS_LEAST: i64 = 25;
/// A result for each of three channels.
const CHANNELS: u32 = 3;

/// One of the three.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the numbers printed on the board")]
pub enum Channel {
    One,
    Two,
    Three,
}

impl Channel {
    /// By its number on the board, 1 to 3.
    pub const fn from_number(number: u8) -> Option<Self> {
        match number {
            1 => Some(Self::One),
            2 => Some(Self::Two),
            3 => Some(Self::Three),
            _ => None,
        }
    }

    const fn shunt_register(self) -> u8 {
        register::SHUNT + 2 * self as u8
    }
}

/// What the driver keeps the chip at, and what hangs on this channel.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// The channel's shunt.
    pub shunt: Resistance,
    /// The most that flows, in either direction; its drop must fit into 163.8 mV.
    pub current_max: Current,
    /// How many conversions make one result.
    pub averaging: Averaging,
    /// For how long a bus voltage is sampled.
    pub bus_conversion: Conversion,
    /// For how long a shunt's drop is sampled.
    pub shunt_conversion: Conversion,
}

impl Settings {
    /// The usual: 16 averages of 1.1 ms each of six inputs, a new result every 106 ms.
    pub const fn new(shunt: Resistance, current_max: Current) -> Self {
        Self {
            shunt,
            current_max,
            averaging: Averaging::X16,
            bus_conversion: Conversion::Us1100,
            shunt_conversion: Conversion::Us1100,
        }
    }

    /// From one result to the next, all channels measured: read no faster than this, and not sooner after `configure`.
    pub fn update_time(&self) -> Duration {
        (self.bus_conversion.time() + self.shunt_conversion.time()) * self.averaging.count() * CHANNELS
    }

    /// Whether an INA3221's channel can be set so; for a config, long before there is a chip.
    ///
    /// # Errors
    /// A shunt and a greatest current that do not fit the chip.
    pub fn prove(&self) -> Result<(), SettingsError> {
        self.shunt_nanoohm().map(drop)
    }

    fn shunt_nanoohm(&self) -> Result<i64, SettingsError> {
        let (shunt, current_max) = (self.shunt, self.current_max);
        let nanoohm = shunt_nanoohm(shunt)?;
        let drop = drop_nanovolt(current_nanoamp(current_max)?, nanoohm);
        let range = END_RAW * SHUNT_LSB_NANOVOLT;
        if drop > range {
            let (drop, range, reaches) = (volts(drop), volts(range), current(END_RAW, nanoohm));
            return Err(SettingsError::DropTooLarge { chip: CHIP, current_max, shunt, drop, range, reaches });
        }
        let steps = drop / SHUNT_LSB_NANOVOLT;
        if steps < STEPS_LEAST {
            let (drop, steps_least) = (volts(drop), STEPS_LEAST);
            return Err(SettingsError::DropTooSmall {
                chip: CHIP,
                current_max,
                shunt,
                drop,
                steps,
                steps_least,
            });
        }
        Ok(nanoohm)
    }

    /// The configuration register (SBOS576B 8.6.2.1): the three channels on in bits 14-12, AVG in 11-9, VBUSCT in 8-6, VSHCT in
    /// 5-3, MODE in 2-0 (111: shunt and bus, continuously). With an averaging it is never the 0x7127 of a chip after power-on.
    const fn register(&self) -> u16 {
        0x7007
            | ((self.averaging as u16) << 9)
            | ((self.bus_conversion as u16) << 6)
            | ((self.shunt_conversion as u16) << 3)
    }
}

/// One channel of an INA3221 on a bus.
#[derive(Debug)]
pub struct Ina3221<I2C> {
    port: Port<I2C>,
    channel: Channel,
    settings: Settings,
    shunt_nanoohm: i64,
}

impl<I2C: I2c> Ina3221<I2C> {
    /// Proves the settings. Touches nothing.
    ///
    /// # Errors
    /// An address outside [`ADDRESSES`], or a shunt and a greatest current that do not fit the chip.
    pub fn new(i2c: I2C, address: u8, channel: Channel, settings: Settings) -> Result<Self, SettingsError> {
        let port = Port::within(CHIP, i2c, address, ADDRESSES)?;
        let shunt_nanoohm = settings.shunt_nanoohm()?;
        Ok(Self { port, channel, settings, shunt_nanoohm })
    }

    /// Checks that an INA3221 answers, then writes the settings. Two reads and a write.
    ///
    /// # Errors
    /// The bus's; or [`Error::NotThisChip`], and then nothing was written.
    pub fn configure(&mut self) -> Result<(), Error<I2C::Error>> {
        self.check_ids()?;
        self.write_settings()
    }

    /// The newest result.
    ///
    /// Three transactions. Where the settings are not ours, two reads more, and after [`Error::SettingsLost`] a write.
    ///
    /// # Errors
    /// The bus's; [`Error::NotThisChip`] for garbage; [`Error::SettingsLost`] once after the chip was reset;
    /// [`Error::ShuntClipped`] at the end of the shunt's range.
    pub fn read(&mut self) -> Result<Measurement, Error<I2C::Error>> {
        let place = self.channel.shunt_register();
        let shunt = self.port.read(place)?;
        let bus = self.port.read(place + 1)?;
        // Last, so that it speaks for the two before it: after power-on it holds another value.
        let found = self.port.read(register::CONFIGURATION)?;
        let expected = self.settings.register();
        if found != expected {
            // Any value is some setting: only the ids tell a forgetful chip from garbage.
            self.check_ids()?;
            self.write_settings()?;
            return Err(Error::SettingsLost { found, expected });
        }
        for (register, found) in [(place, shunt), (place + 1, bus)] {
            if found & UNUSED_BITS != 0 {
                return Err(Error::NotThisChip { chip: CHIP, register, found });
            }
        }
        let drop = i64::from(shunt.cast_signed() >> 3);
        if drop.abs() >= END_RAW {
            return Err(Error::ShuntClipped { limit: current(END_RAW, self.shunt_nanoohm) });
        }
        let voltage = volts(i64::from(bus.cast_signed() >> 3) * BUS_LSB_NANOVOLT);
        Ok(Measurement::new(voltage, current(drop, self.shunt_nanoohm), shunt, bus))
    }

    /// What it is kept at.
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Gives the bus back.
    pub fn release(self) -> I2C {
        self.port.release()
    }

    fn check_ids(&mut self) -> Result<(), Error<I2C::Error>> {
        IDS.into_iter().try_for_each(|id| self.port.expect(CHIP, id))
    }

    fn write_settings(&mut self) -> Result<(), Error<I2C::Error>> {
        self.port.write(register::CONFIGURATION, self.settings.register())
    }
}

/// The current behind so many steps, to the nanoampere.
fn current(raw: i64, shunt_nanoohm: i64) -> Current {
    amps(rounded(i128::from(raw) * i128::from(SHUNT_LSB_NANOVOLT) * 1_000_000_000, shunt_nanoohm))
}

#[cfg(test)]
mod tests;
