//! The PCF8574 and PCF8574A: eight lines and not one register.
//!
//! Cited by heading of TI SCPS068 (revision G). A byte written is what the lines do, a byte read is what the pins show ("I2C
//! Interface"). Low is a strong output; high is a current source of 100 uA, which is also how a line is an input, and how all
//! are after power-on ("Description"). So a relay board that switches on a low level suits it, and a line that is high but
//! pulled down reads low: a level and a short look alike.

use embedded_hal::i2c::I2c;

use super::super::error::SettingsError;
use super::super::port::Port;
use super::{ExpanderError, Kind, Lines};

/// So many bytes are read for one: each is sampled anew (figure "Read mode"), and all must agree.
const SAMPLES: usize = 4;

/// A PCF8574 or PCF8574A on a bus.
#[derive(Debug)]
pub struct Pcf8574<I2C> {
    port: Port<I2C>,
    ours: Lines,
    /// What our lines were last told; `None` until they were taken over.
    levels: Option<u8>,
    /// Put right and not yet told.
    forgot: Lines,
}

impl<I2C: I2c> Pcf8574<I2C> {
    /// At an address, with the lines to be driven. Touches nothing.
    ///
    /// # Errors
    /// Its pins cannot make this address.
    pub fn new(kind: Kind, i2c: I2C, address: u8, ours: Lines) -> Result<Self, SettingsError> {
        let port = Port::within(kind.name(), i2c, address, kind.addresses())?;
        Ok(Self { port, ours: Lines(ours.0 & 0xff), levels: None, forgot: Lines::NONE })
    }

    /// As [`super::Expander::switch`].
    ///
    /// # Errors
    /// The bus's; a line that does not follow, or is not ours.
    pub fn switch(&mut self, line: u8, high: bool) -> Result<(), ExpanderError<I2C::Error>> {
        if !self.ours.has(line) {
            return Err(ExpanderError::NotOurs { line });
        }
        let (pins, levels) = self.see()?;
        let bit = Lines::one(line).0 as u8;
        self.drive(pins, if high { levels | bit } else { levels & !bit })
    }

    /// As [`super::Expander::check`]. A line taken over counts as told what its pin shows.
    ///
    /// # Errors
    /// The bus's; a line that does not follow; what was forgotten.
    pub fn check(&mut self) -> Result<(), ExpanderError<I2C::Error>> {
        let (pins, levels) = self.see()?;
        if self.wrong(pins, levels) != 0 {
            self.drive(pins, levels)?;
        }
        match std::mem::take(&mut self.forgot) {
            Lines::NONE => Ok(()),
            lines => Err(ExpanderError::Forgot { lines }),
        }
    }

    /// Gives the bus back.
    pub fn release(self) -> I2C {
        self.port.release()
    }

    /// What the pins show, and what our lines were told.
    fn see(&mut self) -> Result<(u8, u8), ExpanderError<I2C::Error>> {
        let pins = self.pins()?;
        Ok((pins, *self.levels.get_or_insert(pins)))
    }

    fn wrong(&self, pins: u8, levels: u8) -> u8 {
        (pins ^ levels) & self.ours.0 as u8
    }

    /// Writes our lines, and the others as they are; a pin that is low stays driven low, so that nothing flips.
    fn drive(&mut self, pins: u8, levels: u8) -> Result<(), ExpanderError<I2C::Error>> {
        let told = self.levels.unwrap_or(pins);
        // After a power-on all are high: only a line that was told to be low can have been forgotten.
        let lost = self.wrong(pins, told) & !told;
        let ours = self.ours.0 as u8;
        self.port.write_plain((pins & !ours) | (levels & ours))?;
        self.levels = Some(levels);
        let shown = self.pins()?;
        let wrong = self.wrong(shown, levels);
        if wrong != 0 {
            return Err(ExpanderError::DoesNotFollow { lines: Lines(wrong.into()) });
        }
        self.forgot = self.forgot.and(Lines(lost.into()));
        Ok(())
    }

    fn pins(&mut self) -> Result<u8, ExpanderError<I2C::Error>> {
        let samples: [u8; SAMPLES] = self.port.read_plain()?;
        let first = samples[0];
        match samples.iter().find(|&&then| then != first) {
            None => Ok(first),
            Some(&then) => Err(ExpanderError::Unsteady { first: first.into(), then: then.into() }),
        }
    }
}
