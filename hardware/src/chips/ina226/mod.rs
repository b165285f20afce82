//! The TI INA226: 16 bits, bus to 36 V in steps of 1.25 mV, shunt to 81.92 mV in steps of 2.5 uV, one alert limit.
//!
//! Cited by section of TI SBOS547B (September 2024). [`Ina226::read`] costs three bus transactions and writes nothing
//! while the chip keeps its settings; the flags are left alone, because reading them would let go of a latched alert.

mod alert;
mod settings;

use embedded_hal::i2c::I2c;
use protocol::Voltage;

pub use self::alert::{Alert, ArmError, Flags, Limit, LimitError};
pub use self::settings::{Averaging, Conversion, Mode, Settings};
use super::arithmetic::{Calibration, Scale, volts};
use super::port::Port;
pub use super::{Error, Measurement, SettingsError};

/// The registers (SBOS547B table 7-1).
pub(crate) mod register {
    pub(crate) const CONFIGURATION: u8 = 0x00;
    pub(crate) const SHUNT: u8 = 0x01;
    pub(crate) const BUS: u8 = 0x02;
    pub(crate) const CALIBRATION: u8 = 0x05;
    pub(crate) const MASK_ENABLE: u8 = 0x06;
    pub(crate) const ALERT_LIMIT: u8 = 0x07;
    pub(crate) const MANUFACTURER: u8 = 0xfe;
    pub(crate) const DIE: u8 = 0xff;
}

/// One step of the shunt register (SBOS547B 7.1.2).
const SHUNT_LSB_NANOVOLT: i64 = 2_500;
/// One step of the bus register (SBOS547B 7.1.3).
const BUS_LSB_NANOVOLT: i64 = 1_250_000;
/// One step of the power register is so many of the current register (SBOS547B 6.5.1).
const POWER_STEPS: i64 = 25;
/// "TI" (SBOS547B 7.1.9).
const MANUFACTURER: u16 = 0x5449;
/// The die, above four bits of revision (SBOS547B 7.1.10).
const DIE: u16 = 0x2260;
const DIE_MASK: u16 = 0xfff0;

/// The calibration register has 15 bits (SBOS547B 7.1.6).
const SCALE: Scale = Scale {
    chip: "INA226",
    shunt_lsb_nanovolt: SHUNT_LSB_NANOVOLT,
    divider: 2048,
    calibration_max: 0x7fff,
    calibration_step: 1,
};

/// Whether the ids are an INA226's.
pub(crate) fn is_ours(manufacturer: u16, die: u16) -> bool {
    manufacturer == MANUFACTURER && die & DIE_MASK == DIE
}

impl Settings {
    /// Whether an INA226 can be set so; for a config, long before there is a chip.
    ///
    /// # Errors
    /// A shunt and a greatest current that do not fit the chip.
    pub fn prove(&self) -> Result<(), SettingsError> {
        self.calibration().map(drop)
    }

    fn calibration(&self) -> Result<Calibration, SettingsError> {
        Calibration::new(&SCALE, i64::from(i16::MAX), self.shunt, self.current_max)
    }
}

/// An INA226 on a bus.
#[derive(Debug)]
pub struct Ina226<I2C> {
    port: Port<I2C>,
    settings: Settings,
    calibration: Calibration,
    // What the chip is known to do: changed only after the bus took it.
    mode: Mode,
    alert: Option<Alert>,
}

impl<I2C: I2c> Ina226<I2C> {
    /// Proves the settings. Touches nothing.
    ///
    /// # Errors
    /// An address outside 0x40..=0x4f, or a shunt and a greatest current that do not fit the chip.
    pub fn new(i2c: I2C, address: u8, settings: Settings) -> Result<Self, SettingsError> {
        let port = Port::new(SCALE.chip, i2c, address)?;
        let calibration = settings.calibration()?;
        Ok(Self { port, settings, calibration, mode: Mode::default(), alert: None })
    }

    /// Checks that an INA226 answers, then writes the settings. Two reads and two writes (four with an alert armed).
    ///
    /// # Errors
    /// The bus's; or [`Error::NotThisChip`], and then nothing was written.
    pub fn configure(&mut self) -> Result<(), Error<I2C::Error>> {
        for (register, mask, expected) in
            [(register::MANUFACTURER, u16::MAX, MANUFACTURER), (register::DIE, DIE_MASK, DIE)]
        {
            let found = self.port.read(register)?;
            if found & mask != expected {
                return Err(Error::NotThisChip { chip: SCALE.chip, register, found });
            }
        }
        self.write_settings()
    }

    /// The newest result.
    ///
    /// Three transactions. After [`Error::SettingsLost`] two writes more (four with an alert armed).
    ///
    /// # Errors
    /// The bus's; [`Error::NotThisChip`] for garbage; [`Error::SettingsLost`] once after the chip was reset; [`Error::ShuntClipped`] at the end of the
    /// shunt's range; [`Error::Overflow`] between the settings' greatest current and that end.
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
        let drop = shunt.cast_signed();
        if drop == i16::MAX || drop == i16::MIN {
            return Err(Error::ShuntClipped { limit: self.calibration.current(i64::from(i16::MAX)) });
        }
        let drop = i64::from(drop);
        if self.calibration.overflows(drop) {
            return Err(Error::Overflow { limit: self.calibration.current_limit() });
        }
        // Bit 15 is always 0 (SBOS547B 7.1.3); a set one is garbage that the mask keeps from being a sign.
        let voltage = volts(i64::from(bus & 0x7fff) * BUS_LSB_NANOVOLT);
        Ok(Measurement::new(voltage, self.calibration.current(drop), shunt, bus))
    }

    /// Changes what the chip does by itself; setting [`Mode::Triggered`] starts one conversion. One write.
    ///
    /// # Errors
    /// The bus's; the mode is then as before.
    pub fn set_mode(&mut self, mode: Mode) -> Result<(), Error<I2C::Error>> {
        self.port.write(register::CONFIGURATION, self.settings.register(mode))?;
        self.mode = mode;
        Ok(())
    }

    /// Arms the ALERT pin with one limit, in place of any other. Two writes, three when one was armed before.
    ///
    /// # Errors
    /// A limit that the chip cannot hold, or the bus's. After a bus error no alert is armed in the driver's eyes.
    pub fn arm(&mut self, alert: Alert) -> Result<(), ArmError<I2C::Error>> {
        let limit = alert.register(&self.calibration)?;
        if self.alert.is_some() {
            // The old function must not see the new limit.
            self.disarm()?;
        }
        self.port.write(register::ALERT_LIMIT, limit)?;
        self.port.write(register::MASK_ENABLE, alert.mask())?;
        self.alert = Some(alert);
        Ok(())
    }

    /// Arms a latched alert for a bus voltage below `limit`: the pin falls within one [`Settings::update_time`] of the
    /// battery's dip, whether or not anybody reads.
    ///
    /// # Errors
    /// As [`Self::arm`].
    pub fn arm_bus_under(&mut self, limit: Voltage) -> Result<(), ArmError<I2C::Error>> {
        self.arm(Alert::latched(Limit::BusUnder(limit)))
    }

    /// Lets the ALERT pin go and keeps it so. One write.
    ///
    /// # Errors
    /// The bus's; the alert is then as before.
    pub fn disarm(&mut self) -> Result<(), Error<I2C::Error>> {
        self.port.write(register::MASK_ENABLE, 0)?;
        self.alert = None;
        Ok(())
    }

    /// Reads the flags, which lets go of a latched pin and clears them in the chip. One transaction.
    ///
    /// # Errors
    /// The bus's.
    pub fn take_flags(&mut self) -> Result<Flags, Error<I2C::Error>> {
        Ok(Flags::from_register(self.port.read(register::MASK_ENABLE)?))
    }

    /// What it is kept at.
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// What is armed.
    pub const fn alert(&self) -> Option<Alert> {
        self.alert
    }

    /// Gives the bus back.
    pub fn release(self) -> I2C {
        self.port.release()
    }

    /// Brings the chip to what the driver knows of it. The calibration goes last: while it is missing, `read` comes
    /// back here, so a write that fails half-way is repeated.
    fn write_settings(&mut self) -> Result<(), Error<I2C::Error>> {
        self.port.write(register::CONFIGURATION, self.settings.register(self.mode))?;
        if let Some(alert) = self.alert
            && let Ok(limit) = alert.register(&self.calibration)
        {
            self.port.write(register::ALERT_LIMIT, limit)?;
            self.port.write(register::MASK_ENABLE, alert.mask())?;
        }
        self.port.write(register::CALIBRATION, self.calibration.register)
    }
}

#[cfg(test)]
mod tests;
