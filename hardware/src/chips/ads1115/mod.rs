//! The TI ADS1115: a 16-bit converter of four inputs, here of a battery's voltage behind a divider, and if there is one
//! of a current through a shunt amplifier or a hall sensor.
//!
//! Cited by section of TI SBAS444D (January 2018). The chip converts one input at a time, continuously; where there are
//! two, each reading takes the one and points the chip to the other, so both are at most two readings old.
//! [`Ads1115::read`] costs two bus transactions, three with a current.

mod settings;

use embedded_hal::i2c::I2c;
use protocol::{Current, Voltage};

pub use self::settings::{CurrentInput, INPUT_MAX, Settings, VoltageInput};
use super::port::Port;
pub use super::{Error, SettingsError};

/// The name, for errors.
const CHIP: &str = "ADS1115";

/// The registers (SBAS444D table 6).
pub(crate) mod register {
    pub(crate) const CONVERSION: u8 = 0x00;
    pub(crate) const CONFIG: u8 = 0x01;
    pub(crate) const LOW_THRESHOLD: u8 = 0x02;
    pub(crate) const HIGH_THRESHOLD: u8 = 0x03;
}

/// Every address that the one pin can make (SBAS444D table 5).
pub const ADDRESSES: core::ops::RangeInclusive<u8> = 0x48..=0x4b;
/// The comparator's thresholds after power-on (SBAS444D 9.6.4): nobody who only measures changes them, so they are the
/// nearest thing to an id.
pub(crate) const IDS: [(u8, u16, u16); 2] =
    [(register::LOW_THRESHOLD, 0xffff, 0x8000), (register::HIGH_THRESHOLD, 0xffff, 0x7fff)];
/// OS: while converting it reads 0 or 1 and means nothing here (SBAS444D table 8).
const STATUS_BIT: u16 = 1 << 15;
/// One step at 4.096 V full scale, in nanovolts (SBAS444D table 3).
const LSB_NANOVOLT: i64 = 125_000;

/// What was measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Measured {
    /// Before the divider.
    pub voltage: Voltage,
    /// As the sensor has it; `None` where there is none, and until it was measured for the first time.
    pub current: Option<Current>,
    /// The two results as they were read, current above voltage: changes with every noise bit.
    pub raw: u64,
}

/// Which input the chip was pointed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pointed {
    Voltage,
    Current,
}

/// An ADS1115 on a bus.
#[derive(Debug)]
pub struct Ads1115<I2C> {
    port: Port<I2C>,
    settings: Settings,
    // What the chip is known to do, and what it gave: changed only after the bus took it.
    pointed: Pointed,
    voltage: Option<i16>,
    current: Option<i16>,
}

impl<I2C: I2c> Ads1115<I2C> {
    /// Proves the settings. Touches nothing.
    ///
    /// # Errors
    /// An address outside [`ADDRESSES`], inputs that are none, or a divider that is none.
    pub fn new(i2c: I2C, address: u8, settings: Settings) -> Result<Self, SettingsError> {
        let port = Port::within(CHIP, i2c, address, ADDRESSES)?;
        settings.prove()?;
        Ok(Self { port, settings, pointed: Pointed::Voltage, voltage: None, current: None })
    }

    /// Checks that nothing else answers, as far as a chip without an id can tell, then points it to the voltage. Two
    /// reads and a write.
    ///
    /// # Errors
    /// The bus's; or [`Error::NotThisChip`], and then nothing was written.
    pub fn configure(&mut self) -> Result<(), Error<I2C::Error>> {
        self.check_ids()?;
        (self.voltage, self.current) = (None, None);
        self.point(Pointed::Voltage)
    }

    /// The newest results.
    ///
    /// Two transactions, a write more with a current. Where the settings are not ours, two reads more, and after
    /// [`Error::SettingsLost`] a write.
    ///
    /// # Errors
    /// The bus's; [`Error::NotThisChip`] for garbage; [`Error::SettingsLost`] once after the chip was reset;
    /// [`Error::InputClipped`] at the end of the range.
    pub fn read(&mut self) -> Result<Measured, Error<I2C::Error>> {
        let result = self.port.read(register::CONVERSION)?.cast_signed();
        // Last, so that it speaks for the one before it.
        let found = self.port.read(register::CONFIG)? & !STATUS_BIT;
        let expected = self.configuration(self.pointed);
        if found != expected {
            // Any value is some setting: only the thresholds tell a forgetful chip from garbage.
            self.configure()?;
            return Err(Error::SettingsLost { found, expected });
        }
        match self.pointed {
            Pointed::Voltage => self.voltage = Some(result),
            Pointed::Current => self.current = Some(result),
        }
        if self.settings.current.is_some() {
            let other = match self.pointed {
                Pointed::Voltage => Pointed::Current,
                Pointed::Current => Pointed::Voltage,
            };
            self.point(other)?;
        }
        self.measured()
    }

    /// What it is kept at.
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Gives the bus back.
    pub fn release(self) -> I2C {
        self.port.release()
    }

    fn measured(&self) -> Result<Measured, Error<I2C::Error>> {
        let input = |raw: i16| {
            if raw == i16::MAX || raw == i16::MIN { Err(()) } else { Ok(at_input(raw)) }
        };
        let limit = self.settings.voltage.before_divider(at_input(i16::MAX));
        // The first input after a start is always the voltage's.
        let voltage = self.voltage.unwrap_or(i16::MAX);
        let raw = u64::from(voltage.cast_unsigned());
        let voltage = input(voltage).map_err(|()| Error::InputClipped { limit })?;
        let voltage = self.settings.voltage.before_divider(voltage);
        let (Some(wiring), Some(result)) = (self.settings.current, self.current) else {
            return Ok(Measured { voltage, current: None, raw });
        };
        let current = input(result)
            .map_err(|()| Error::ShuntClipped { limit: wiring.current(at_input(result)).abs() })?;
        let raw = (u64::from(result.cast_unsigned()) << 16) | raw;
        Ok(Measured { voltage, current: Some(wiring.current(current)), raw })
    }

    fn configuration(&self, pointed: Pointed) -> u16 {
        let channel = match (pointed, self.settings.current) {
            (Pointed::Current, Some(current)) => current.channel,
            _ => self.settings.voltage.channel,
        };
        settings::register(channel)
    }

    fn point(&mut self, to: Pointed) -> Result<(), Error<I2C::Error>> {
        self.port.write(register::CONFIG, self.configuration(to))?;
        self.pointed = to;
        Ok(())
    }

    fn check_ids(&mut self) -> Result<(), Error<I2C::Error>> {
        IDS.into_iter().try_for_each(|id| self.port.expect(CHIP, id))
    }
}

/// A result at the chip's input.
fn at_input(raw: i16) -> Voltage {
    super::arithmetic::volts(i64::from(raw) * LSB_NANOVOLT)
}

#[cfg(test)]
mod tests;
