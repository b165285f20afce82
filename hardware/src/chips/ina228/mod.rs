//! The TI INA228: 20 bits, bus to 85 V in steps of 195.3125 uV, shunt to 163.84 mV (312.5 nV) or 40.96 mV (78.125 nV),
//! and accumulators of its own for charge and energy.
//!
//! Cited by section of TI SLYS021A (May 2022). [`Ina228::read`] costs three bus transactions and writes nothing while the
//! chip keeps its settings.
//!
//! The calibration is always the one of the whole range (4096, the value after power-on): then one step of the CURRENT
//! register is one step of the shunt's converter, nothing can overflow inside the range, and the accumulators count in
//! the finest steps there are. So the greatest current only chooses the range.

mod settings;

use embedded_hal::i2c::I2c;
use protocol::{Charge, Energy, Temperature};

pub use self::settings::{Averaging, Conversion, Range, Settings};
use super::arithmetic::volts;
use super::port::Port;
pub use super::{Error, Measurement, SettingsError};
use settings::Steps;

/// The name, for errors.
const CHIP: &str = "INA228";

/// The registers (SLYS021A table 7-3).
pub(crate) mod register {
    pub(crate) const CONFIG: u8 = 0x00;
    pub(crate) const ADC_CONFIG: u8 = 0x01;
    pub(crate) const SHUNT_CAL: u8 = 0x02;
    pub(crate) const VSHUNT: u8 = 0x04;
    pub(crate) const VBUS: u8 = 0x05;
    pub(crate) const DIETEMP: u8 = 0x06;
    pub(crate) const ENERGY: u8 = 0x09;
    pub(crate) const CHARGE: u8 = 0x0a;
    pub(crate) const DIAG_ALRT: u8 = 0x0b;
    pub(crate) const MANUFACTURER: u8 = 0x3e;
    pub(crate) const DEVICE: u8 = 0x3f;
}

/// "TI", and the device above four bits of revision (SLYS021A tables 7-23 and 7-24), as [`Port::expect`] wants them.
pub(crate) const IDS: [(u8, u16, u16); 2] =
    [(register::MANUFACTURER, 0xffff, 0x5449), (register::DEVICE, 0xfff0, 0x2280)];
/// RSTACC: the accumulators begin anew (SLYS021A table 7-5).
const RESET_ACCUMULATORS: u16 = 1 << 14;
/// `SHUNT_CAL` at which a step of CURRENT is a step of VSHUNT (SLYS021A 8.1.2, equations 2 and 3: `13107.2e6 * 312.5 nV`).
const WHOLE_RANGE: u16 = 4096;
/// VSHUNT and VBUS have 20 bits above four that read 0 (SLYS021A tables 7-9 and 7-10).
const UNUSED_BITS: u64 = 0xf;
/// One step of VBUS, in tenths of a nanovolt (SLYS021A table 7-10): 195.3125 uV.
const BUS_LSB_TENTH_NANOVOLT: i64 = 1_953_125;
/// One step of DIETEMP (SLYS021A table 7-11).
const DIE_LSB_CELSIUS: f64 = 7.8125e-3;
/// A step of ENERGY is so many joules for each ampere of a step of CURRENT (SLYS021A 8.1.2, equations 5 and 6).
const ENERGY_STEPS: f64 = 16.0 * 3.2;

/// `DIAG_ALRT` (SLYS021A table 7-16): the charge ran over its 40 bits, or an addition over the chip's arithmetic, or the
/// memory of its trim is damaged (which reads 0). Then what was counted since the last look is not known.
const CHARGE_OVER: u16 = 1 << 10;
const MATH_OVER: u16 = 1 << 9;
const MEMORY_WELL: u16 = 1;

/// What the chip has counted since it was powered, or since [`Ina228::reset_totals`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Totals {
    /// Charge, with the sign of the shunt's drop; wraps at the register's 40 bits.
    pub charge: Charge,
    /// Energy moved in either direction: the chip's power has no sign (SLYS021A table 7-13).
    pub energy: Energy,
}

/// An INA228 on a bus.
#[derive(Debug)]
pub struct Ina228<I2C> {
    port: Port<I2C>,
    settings: Settings,
    steps: Steps,
    tally: Tally,
}

/// What flowed, by the chip's own count: charge out of IN+ since the epoch began. Only two of one epoch can be compared:
/// between two epochs the chip was reset, or its count ran over.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Counted {
    /// Which unbroken stretch of counting; grows.
    pub epoch: u32,
    /// What flowed since it began.
    pub charge: Charge,
}

/// Follows the 40 bits of CHARGE over their end.
#[derive(Debug, Clone, Copy, Default)]
struct Tally {
    epoch: u32,
    /// The register at the last look; `None` where the next look begins an epoch.
    last: Option<i64>,
    /// In steps of CURRENT times seconds.
    steps: i64,
}

impl Tally {
    /// Nobody knows what was counted since the last look.
    fn lose(&mut self) {
        if self.last.take().is_some() {
            self.epoch = self.epoch.wrapping_add(1);
            self.steps = 0;
        }
    }

    fn look(&mut self, register: u64) {
        let now = signed::<40>(register);
        if let Some(last) = self.last {
            // The difference is right over the register's end too, which CHARGEOF need not have told yet.
            self.steps += signed::<40>(now.wrapping_sub(last).cast_unsigned());
        }
        self.last = Some(now);
    }
}

impl<I2C: I2c> Ina228<I2C> {
    /// Proves the settings and chooses the range. Touches nothing.
    ///
    /// # Errors
    /// An address outside 0x40..=0x4f, or a shunt and a greatest current that do not fit the chip.
    pub fn new(i2c: I2C, address: u8, settings: Settings) -> Result<Self, SettingsError> {
        let port = Port::new(CHIP, i2c, address)?;
        let steps = settings.steps()?;
        Ok(Self { port, settings, steps, tally: Tally::default() })
    }

    /// Checks that an INA228 answers, then writes the settings; the accumulators go on, as another epoch. Two reads and three writes.
    ///
    /// # Errors
    /// The bus's; or [`Error::NotThisChip`], and then nothing was written.
    pub fn configure(&mut self) -> Result<(), Error<I2C::Error>> {
        self.check_ids()?;
        // It may be another chip than before.
        self.tally.lose();
        self.write_settings()
    }

    /// The newest result.
    ///
    /// Three transactions. Where the settings are not ours, two reads more, and after [`Error::SettingsLost`] three writes.
    ///
    /// # Errors
    /// The bus's; [`Error::NotThisChip`] for garbage; [`Error::SettingsLost`] once after the chip was reset;
    /// [`Error::ShuntClipped`] at the end of the shunt's range.
    pub fn read(&mut self) -> Result<Measurement, Error<I2C::Error>> {
        self.measure()
    }

    /// As [`Self::read`], and what the chip has counted by itself until now. Two transactions more, which take the flags of
    /// `DIAG_ALRT`.
    ///
    /// # Errors
    /// As [`Self::read`]. After one that says that the chip was reset, another epoch begins.
    pub fn read_counting(&mut self) -> Result<(Measurement, Counted), Error<I2C::Error>> {
        // Before the settings are read, which speak for these too: a chip that was reset meanwhile is found out.
        let flags = self.port.read(register::DIAG_ALRT)?;
        if flags & (CHARGE_OVER | MATH_OVER | MEMORY_WELL) != MEMORY_WELL {
            self.tally.lose();
        }
        let charge = self.port.read_wide::<5>(register::CHARGE)?;
        let measured = self.measure()?;
        self.tally.look(charge);
        let charge = Charge::from_amp_hours(self.tally.steps as f64 * self.steps.exact_amps() / 3600.0);
        Ok((measured, Counted { epoch: self.tally.epoch, charge }))
    }

    fn measure(&mut self) -> Result<Measurement, Error<I2C::Error>> {
        let shunt = self.port.read_wide::<3>(register::VSHUNT)?;
        let bus = self.port.read_wide::<3>(register::VBUS)?;
        // Last, so that it speaks for the two before it: after power-on it holds another value.
        let found = self.port.read(register::ADC_CONFIG)?;
        let expected = self.settings.register();
        if found != expected {
            // Any value is some setting: only the ids tell a forgetful chip from garbage.
            self.check_ids()?;
            self.tally.lose();
            self.write_settings()?;
            return Err(Error::SettingsLost { found, expected });
        }
        for (register, value) in [(register::VSHUNT, shunt), (register::VBUS, bus)] {
            if value & UNUSED_BITS != 0 {
                return Err(Error::NotThisChip { chip: CHIP, register, found: value as u16 });
            }
        }
        let drop = signed::<20>(shunt >> 4);
        if !(-settings::END_RAW..settings::END_RAW).contains(&drop) {
            return Err(Error::ShuntClipped { limit: self.steps.current(settings::END_RAW) });
        }
        let voltage = volts(signed::<20>(bus >> 4) * BUS_LSB_TENTH_NANOVOLT / 10);
        let current = self.steps.current(drop);
        let raw = (shunt << 20) | (bus >> 4);
        Ok(Measurement { voltage, current, power: voltage * current, raw })
    }

    /// What the chip has counted by itself. Two transactions.
    ///
    /// # Errors
    /// The bus's.
    pub fn totals(&mut self) -> Result<Totals, Error<I2C::Error>> {
        let energy = self.port.read_wide::<5>(register::ENERGY)?;
        let charge = signed::<40>(self.port.read_wide::<5>(register::CHARGE)?);
        let step = self.steps.exact_amps();
        Ok(Totals {
            charge: Charge::from_amp_hours(charge as f64 * step / 3600.0),
            energy: Energy::from_watt_hours(energy as f64 * ENERGY_STEPS * step / 3600.0),
        })
    }

    /// Has the accumulators begin at zero. One write.
    ///
    /// # Errors
    /// The bus's; the accumulators then go on.
    pub fn reset_totals(&mut self) -> Result<(), Error<I2C::Error>> {
        self.tally.lose();
        self.port.write(register::CONFIG, self.steps.range().register() | RESET_ACCUMULATORS)
    }

    /// How warm the chip is: the board's temperature, not the battery's. One transaction; it is measured only once after
    /// power-on, because the settings give all the time to shunt and bus.
    ///
    /// # Errors
    /// The bus's.
    pub fn die_temperature(&mut self) -> Result<Temperature, Error<I2C::Error>> {
        let raw = self.port.read(register::DIETEMP)?.cast_signed();
        Ok(Temperature::from_celsius(f64::from(raw) * DIE_LSB_CELSIUS))
    }

    /// What it is kept at.
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The range that the greatest current chose.
    pub const fn range(&self) -> Range {
        self.steps.range()
    }

    /// Gives the bus back.
    pub fn release(self) -> I2C {
        self.port.release()
    }

    fn check_ids(&mut self) -> Result<(), Error<I2C::Error>> {
        IDS.into_iter().try_for_each(|id| self.port.expect(CHIP, id))
    }

    /// Brings the chip to what the driver knows of it. `ADC_CONFIG` goes last: while it is not ours, `read` comes back
    /// here, so a write that fails half-way is repeated.
    fn write_settings(&mut self) -> Result<(), Error<I2C::Error>> {
        self.port.write(register::CONFIG, self.steps.range().register())?;
        self.port.write(register::SHUNT_CAL, WHOLE_RANGE)?;
        self.port.write(register::ADC_CONFIG, self.settings.register())
    }
}

/// A two's complement number of so many bits.
fn signed<const BITS: u32>(value: u64) -> i64 {
    let spare = u64::BITS - BITS;
    (value << spare).cast_signed() >> spare
}

#[cfg(test)]
mod tests;
