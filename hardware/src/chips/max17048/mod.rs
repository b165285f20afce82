//! The Maxim MAX17048: the voltage of one lithium cell in steps of 78.125 uV, and a state of charge that the chip makes of
//! it by a model of its own (no current is measured).
//!
//! Cited by page of Maxim 19-6171 (revision 7, 2016). The model fits cells that are full at 4.2 V; it knows nothing of
//! LiFePO4. [`Max17048::read`] costs four bus transactions and writes nothing, but to take note of a reset.

use std::time::Duration;

use embedded_hal::i2c::I2c;
use protocol::{Soc, Voltage};

use super::port::Port;
pub use super::{Error, SettingsError};

/// The name, for errors.
const CHIP: &str = "MAX17048";

/// The registers (19-6171 table 2, page 10).
pub(crate) mod register {
    pub(crate) const VCELL: u8 = 0x02;
    pub(crate) const SOC: u8 = 0x04;
    pub(crate) const VERSION: u8 = 0x08;
    pub(crate) const STATUS: u8 = 0x1a;
}

/// The only address (19-6171 page 16: 6Ch to write, 6Dh to read).
pub const ADDRESS: u8 = 0x36;
/// VERSION is 0x001_ (19-6171 table 2), as [`Port::expect`] wants it.
pub(crate) const ID: (u8, u16, u16) = (register::VERSION, 0xfff0, 0x0010);
/// RI, "reset indicator": the chip was powered and nobody took note (19-6171 page 13, figure 11: bit 0 of the upper byte).
const RESET_INDICATOR: u16 = 1 << 8;
/// One step of VCELL (19-6171 table 2): 78.125 uV.
const CELL_LSB_VOLT: f64 = 78.125e-6;
/// One step of SOC is so much of a percent (19-6171 table 2).
const SOC_STEPS_A_PERCENT: f64 = 256.0;
/// A charge above this is no charge; a little over 100 % is usual after a full charge.
const SOC_PERCENT_MAX: f64 = 125.0;

/// What was measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Measured {
    /// Of the cell.
    pub cell: Voltage,
    /// As the chip has it, 100 % at the most.
    pub soc: Soc,
    /// Both registers, charge above voltage: changes with every noise bit.
    pub raw: u64,
}

/// A MAX17048 on a bus.
#[derive(Debug)]
pub struct Max17048<I2C> {
    port: Port<I2C>,
}

impl<I2C: I2c> Max17048<I2C> {
    /// The voltage is measured each 250 ms while the chip is active, each 45 s while it hibernates (19-6171 page 3), and the
    /// first charge is there this long after power-on (page 8).
    pub const UPDATE_TIME: Duration = Duration::from_secs(1);

    /// At its address. Touches nothing.
    ///
    /// # Errors
    /// Never for [`ADDRESS`].
    pub fn new(i2c: I2C) -> Result<Self, SettingsError> {
        Ok(Self { port: Port::within(CHIP, i2c, ADDRESS, ADDRESS..=ADDRESS)? })
    }

    /// Checks that a MAX17048 answers, and takes note of a reset that was before our time. Two reads, and a write after a
    /// reset.
    ///
    /// # Errors
    /// The bus's; or [`Error::NotThisChip`], and then nothing was written.
    pub fn configure(&mut self) -> Result<(), Error<I2C::Error>> {
        self.port.expect(CHIP, ID)?;
        let status = self.port.read(register::STATUS)?;
        self.note_reset(status)
    }

    /// The newest result. Four transactions.
    ///
    /// # Errors
    /// The bus's; [`Error::NotThisChip`] for garbage; [`Error::SettingsLost`] once after a reset: the charge then begins as
    /// a guess by the voltage at that moment.
    pub fn read(&mut self) -> Result<Measured, Error<I2C::Error>> {
        let cell = self.port.read(register::VCELL)?;
        let soc = self.port.read(register::SOC)?;
        let status = self.port.read(register::STATUS)?;
        // Last, so that it speaks for the others: there are no settings that could.
        self.port.expect(CHIP, ID)?;
        if status & RESET_INDICATOR != 0 {
            self.note_reset(status)?;
            return Err(Error::SettingsLost { found: status, expected: status & !RESET_INDICATOR });
        }
        let percent = f64::from(soc) / SOC_STEPS_A_PERCENT;
        if percent > SOC_PERCENT_MAX {
            return Err(Error::NotThisChip { chip: CHIP, register: register::SOC, found: soc });
        }
        Ok(Measured {
            cell: Voltage::from_volts(f64::from(cell) * CELL_LSB_VOLT),
            soc: Soc::from_percent(percent.min(100.0)),
            raw: (u64::from(soc) << 16) | u64::from(cell),
        })
    }

    /// Gives the bus back.
    pub fn release(self) -> I2C {
        self.port.release()
    }

    fn note_reset(&mut self, status: u16) -> Result<(), Error<I2C::Error>> {
        if status & RESET_INDICATOR == 0 {
            return Ok(());
        }
        self.port.write(register::STATUS, status & !RESET_INDICATOR)
    }
}

#[cfg(test)]
mod tests;
