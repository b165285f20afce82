//! The INA226's ALERT pin: one limit at a time, compared by the chip itself after every result.

use protocol::{Power, Voltage};
use thiserror::Error;

use super::{BUS_LSB_NANOVOLT, Calibration, Error, POWER_STEPS, SHUNT_LSB_NANOVOLT};
use crate::chips::arithmetic::{nano, rounded};

/// Steps are counted in pico-units, because a current step can be too small for nanoamperes.
const PICO_TO_NANO: i64 = 1000;

/// What pulls the ALERT pin (SBOS547B 7.1.7, mask/enable register, bits 15 to 10).
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Limit {
    /// SOL: the shunt's drop above this; -81.92 to 81.9175 mV.
    ShuntOver(Voltage),
    /// SUL: the shunt's drop below this; -81.92 to 81.9175 mV.
    ShuntUnder(Voltage),
    /// BOL: the bus voltage above this; 0 to 40.95875 V.
    BusOver(Voltage),
    /// BUL: the bus voltage below this; 0 to 40.95875 V.
    BusUnder(Voltage),
    /// POL: the power's magnitude above this; up to 65535 steps of 25 current steps.
    PowerOver(Power),
    /// CNVR: each new result.
    Ready,
}

/// A limit, and how the pin shows it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Alert {
    /// What pulls the pin.
    pub limit: Limit,
    /// LEN: the pin stays pulled until the flags are read; otherwise it follows each result.
    pub latched: bool,
    /// APOL: pulled means high instead of low (the pin is open-drain either way).
    pub active_high: bool,
}

impl Alert {
    /// The usual: latched, so that a short dip is not lost, and active low.
    pub const fn latched(limit: Limit) -> Self {
        Self { limit, latched: true, active_high: false }
    }

    /// The mask/enable register for it.
    pub(crate) const fn mask(&self) -> u16 {
        let function = match self.limit {
            Limit::ShuntOver(_) => 1 << 15,
            Limit::ShuntUnder(_) => 1 << 14,
            Limit::BusOver(_) => 1 << 13,
            Limit::BusUnder(_) => 1 << 12,
            Limit::PowerOver(_) => 1 << 11,
            Limit::Ready => 1 << 10,
        };
        function | ((self.active_high as u16) << 1) | self.latched as u16
    }

    /// The alert limit register for it (SBOS547B 7.1.8: in the unit of the register that is compared), rounded to the nearest
    /// step.
    pub(crate) fn register(&self, calibration: &Calibration) -> Result<u16, LimitError> {
        let volt_step = |nanovolt: i64| nanovolt * PICO_TO_NANO;
        let (asked, step, least, most) = match self.limit {
            Limit::ShuntOver(voltage) | Limit::ShuntUnder(voltage) => {
                (voltage.volts(), volt_step(SHUNT_LSB_NANOVOLT), i64::from(i16::MIN), i64::from(i16::MAX))
            }
            Limit::BusOver(voltage) | Limit::BusUnder(voltage) => {
                (voltage.volts(), volt_step(BUS_LSB_NANOVOLT), 0, i64::from(i16::MAX))
            }
            Limit::PowerOver(power) => {
                (power.watts(), POWER_STEPS * calibration.current_lsb_picoamp(), 0, i64::from(u16::MAX))
            }
            Limit::Ready => return Ok(0),
        };
        let steps = rounded(i128::from(nano(asked)) * i128::from(PICO_TO_NANO), step);
        if !asked.is_finite() || !(least..=most).contains(&steps) {
            let [least, most] = [least, most].map(|steps| (steps * step) as f64 / 1e12);
            return Err(LimitError { limit: self.limit, least, most });
        }
        // The low 16 bits: two's complement for the shunt's limits.
        Ok(steps as u16)
    }
}

/// A limit that the register cannot hold.
#[derive(Debug, Clone, Copy, PartialEq, Error)]
#[error("{limit:?} cannot be an alert limit: it must be {least} to {most} in volts or watts")]
pub struct LimitError {
    /// The limit asked for.
    pub limit: Limit,
    /// The least that fits, in volts or watts.
    pub least: f64,
    /// The most that fits, in volts or watts.
    pub most: f64,
}

/// Why an alert was not armed.
#[derive(Debug, Clone, Copy, PartialEq, Error)]
pub enum ArmError<E> {
    /// The register cannot hold the limit. Nothing was written.
    #[error(transparent)]
    Limit(#[from] LimitError),
    /// The bus failed.
    #[error("the alert could not be armed: {0}")]
    Chip(#[from] Error<E>),
}

/// The flags of the mask/enable register (SBOS547B 7.1.7, bits 4 to 2). Reading them clears the first two and lets go of a
/// latched pin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flags {
    /// AFF: the armed limit was crossed.
    pub alert: bool,
    /// CVRF: there is a result that was not there at the last look.
    pub ready: bool,
    /// OVF: the chip's current or power did not fit its register.
    pub overflow: bool,
}

impl Flags {
    /// From the register.
    pub(crate) const fn from_register(value: u16) -> Self {
        Self { alert: value & (1 << 4) != 0, ready: value & (1 << 3) != 0, overflow: value & (1 << 2) != 0 }
    }
}
