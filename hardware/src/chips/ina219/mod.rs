//! The TI INA219: 12 bits, bus to 26 V in steps of 4 mV, shunt to 40..320 mV in steps of 10 uV, no alert.
//!
//! Cited by section of TI SBOS448G (December 2015). [`Ina219::read`] costs three bus transactions and writes nothing
//! while the chip keeps its settings.

mod settings;

use embedded_hal::i2c::I2c;

pub use self::settings::{BusRange, Gain, Mode, Sampling, Settings};
use super::arithmetic::{Calibration, Scale, volts};
use super::port::Port;
pub use super::{Error, Measurement, SettingsError};

/// The registers (SBOS448G table 2).
pub(crate) mod register {
    pub(crate) const CONFIGURATION: u8 = 0x00;
    pub(crate) const SHUNT: u8 = 0x01;
    pub(crate) const BUS: u8 = 0x02;
    pub(crate) const CURRENT: u8 = 0x04;
    pub(crate) const CALIBRATION: u8 = 0x05;
}

/// The configuration after power-on (SBOS448G 8.6.2.1).
pub(crate) const CONFIGURATION_RESET: u16 = 0x399f;
/// Never set in an INA219's configuration: bit 14 does not exist, bit 15 clears itself (SBOS448G 8.6.2.1). An INA226's
/// bit 14 is always set.
pub(crate) const CONFIGURATION_NEVER: u16 = 0xc000;
/// In the bus register, beside the value in bits 15 to 3 (SBOS448G 8.6.3.2).
pub(crate) const OVERFLOW: u16 = 1;
/// One step of the bus value.
const BUS_LSB_NANOVOLT: i64 = 4_000_000;

/// Current is shunt times calibration, divided by this (SBOS448G 8.5.1, equation 4).
pub(crate) const DIVIDER: i64 = 4096;

/// The calibration register has 15 bits, above a lowest one that is always 0 (SBOS448G 8.6.4.1).
const SCALE: Scale = Scale {
    chip: "INA219",
    shunt_lsb_nanovolt: 10_000,
    divider: DIVIDER,
    calibration_max: 0xfffe,
    calibration_step: 2,
};

/// An INA219 on a bus.
#[derive(Debug)]
pub struct Ina219<I2C> {
    port: Port<I2C>,
    settings: Settings,
    gain: Gain,
    calibration: Calibration,
    // What the chip is known to do: changed only after the bus took it.
    mode: Mode,
}

impl<I2C: I2c> Ina219<I2C> {
    /// Proves the settings and chooses the gain. Touches nothing.
    ///
    /// # Errors
    /// An address outside 0x40..=0x4f, or a shunt and a greatest current that do not fit the chip.
    pub fn new(i2c: I2C, address: u8, settings: Settings) -> Result<Self, SettingsError> {
        let port = Port::new(SCALE.chip, i2c, address)?;
        let (gain, calibration) = settings.resolve()?;
        Ok(Self { port, settings, gain, calibration, mode: Mode::default() })
    }

    /// Checks that no chip of another kind answers, as far as a chip without an id can tell, then writes the settings.
    /// One read and two writes.
    ///
    /// # Errors
    /// The bus's; or [`Error::NotThisChip`], and then nothing was written.
    pub fn configure(&mut self) -> Result<(), Error<I2C::Error>> {
        let found = self.port.read(register::CONFIGURATION)?;
        if found & CONFIGURATION_NEVER != 0 {
            return Err(Error::NotThisChip { chip: SCALE.chip, register: register::CONFIGURATION, found });
        }
        self.write_settings()
    }

    /// The newest result.
    ///
    /// Three transactions. After [`Error::SettingsLost`] two writes more.
    ///
    /// # Errors
    /// The bus's; [`Error::NotThisChip`] for garbage; [`Error::SettingsLost`] once after the chip was reset; [`Error::ShuntClipped`] at the end of the
    /// gain's range; [`Error::Overflow`] when the chip raised its overflow flag.
    pub fn read(&mut self) -> Result<Measurement, Error<I2C::Error>> {
        let shunt = self.port.read(register::SHUNT)?;
        let bus = self.port.read(register::BUS)?;
        // Last, so that it speaks for the two before it.
        let found = self.port.read(register::CALIBRATION)?;
        let expected = self.calibration.register;
        if !SCALE.can_hold(found) {
            let register = register::CALIBRATION;
            return Err(Error::NotThisChip { chip: SCALE.chip, register, found });
        }
        if found != expected {
            self.write_settings()?;
            return Err(Error::SettingsLost { found, expected });
        }
        let drop = i64::from(shunt.cast_signed());
        if drop.abs() >= self.gain.range_raw() {
            return Err(Error::ShuntClipped { limit: self.calibration.current(self.gain.range_raw()) });
        }
        if bus & OVERFLOW != 0 || self.calibration.overflows(drop) {
            return Err(Error::Overflow { limit: self.calibration.current_limit() });
        }
        let steps = bus >> 3;
        let voltage = volts(i64::from(steps) * BUS_LSB_NANOVOLT);
        Ok(Measurement::new(voltage, self.calibration.current(drop), shunt, steps))
    }

    /// Changes what the chip does by itself; setting [`Mode::Triggered`] starts one conversion. One write.
    ///
    /// # Errors
    /// The bus's; the mode is then as before.
    pub fn set_mode(&mut self, mode: Mode) -> Result<(), Error<I2C::Error>> {
        self.port.write(register::CONFIGURATION, self.settings.register(self.gain, mode))?;
        self.mode = mode;
        Ok(())
    }

    /// What it is kept at.
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The gain that the greatest current chose.
    pub const fn gain(&self) -> Gain {
        self.gain
    }

    /// Gives the bus back.
    pub fn release(self) -> I2C {
        self.port.release()
    }

    /// Brings the chip to what the driver knows of it. The calibration goes last: while it is missing, `read` comes
    /// back here, so a write that fails half-way is repeated.
    fn write_settings(&mut self) -> Result<(), Error<I2C::Error>> {
        self.port.write(register::CONFIGURATION, self.settings.register(self.gain, self.mode))?;
        self.port.write(register::CALIBRATION, self.calibration.register)
    }
}

#[cfg(test)]
mod tests;
