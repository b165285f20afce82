//! How an INA219 is to measure.

use std::time::Duration;

use protocol::{Current, Resistance};

use super::{Calibration, SCALE, SettingsError};
use crate::chips::arithmetic::{current_nanoamp, drop_nanovolt, shunt_nanoohm};

/// What the driver keeps the chip at.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// The shunt.
    pub shunt: Resistance,
    /// The most that flows, in either direction; its drop must fit into 320 mV. It also chooses the gain.
    pub current_max: Current,
    /// The most that the bus voltage reaches.
    pub bus_range: BusRange,
    /// How the bus voltage is sampled.
    pub bus_sampling: Sampling,
    /// How the shunt's drop is sampled.
    pub shunt_sampling: Sampling,
}

impl Settings {
    /// The usual: 32 V, 32 samples of each input, a new result every 34 ms.
    pub const fn new(shunt: Resistance, current_max: Current) -> Self {
        Self {
            shunt,
            current_max,
            bus_range: BusRange::V32,
            bus_sampling: Sampling::X32,
            shunt_sampling: Sampling::X32,
        }
    }

    /// From one result to the next: read no faster than this, and not sooner after `configure`.
    pub fn update_time(&self) -> Duration {
        self.bus_sampling.time() + self.shunt_sampling.time()
    }

    /// Whether an INA219 can be set so; for a config, long before there is a chip.
    ///
    /// # Errors
    /// A shunt and a greatest current that do not fit the chip.
    pub fn prove(&self) -> Result<(), SettingsError> {
        self.resolve().map(drop)
    }

    /// The smallest gain range that holds the greatest current, and the calibration for it.
    pub(crate) fn resolve(&self) -> Result<(Gain, Calibration), SettingsError> {
        let drop = drop_nanovolt(current_nanoamp(self.current_max)?, shunt_nanoohm(self.shunt)?);
        let gain = Gain::ALL
            .into_iter()
            .find(|gain| drop <= gain.range_raw() * SCALE.shunt_lsb_nanovolt)
            .unwrap_or(Gain::Mv320);
        // Refuses what exceeds even the widest.
        let calibration = Calibration::new(&SCALE, gain.range_raw(), self.shunt, self.current_max)?;
        Ok((gain, calibration))
    }

    /// The configuration register (SBOS448G 8.6.2.1): BRNG bit 13, PG in 12-11, BADC in 10-7, SADC in 6-3, MODE in 2-0.
    pub(crate) const fn register(&self, gain: Gain, mode: Mode) -> u16 {
        ((self.bus_range as u16) << 13)
            | ((gain as u16) << 11)
            | ((self.bus_sampling as u16) << 7)
            | ((self.shunt_sampling as u16) << 3)
            | mode as u16
    }
}

/// The most that the bus voltage reaches (SBOS448G 8.6.2.1, BRNG). The step is 4 mV in both; the pin bears 26 V.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u16)]
pub enum BusRange {
    /// 16 V.
    V16 = 0,
    /// 32 V.
    V32 = 1,
}

/// The end of the shunt's range (SBOS448G table 4, PG bit settings).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are millivolts")]
#[repr(u16)]
pub enum Gain {
    Mv40 = 0,
    Mv80,
    Mv160,
    Mv320,
}

impl Gain {
    /// All of them, narrowest first.
    pub const ALL: [Self; 4] = [Self::Mv40, Self::Mv80, Self::Mv160, Self::Mv320];

    /// The end of the range in steps of the shunt register, where it clips (SBOS448G 8.6.3.1).
    pub(crate) const fn range_raw(self) -> i64 {
        4000 << self as u16
    }
}

/// How an input is sampled: bits of one sample, or samples of 12 bits averaged (SBOS448G table 5, ADC settings).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are bits, or counts of samples")]
#[repr(u16)]
pub enum Sampling {
    Bits9 = 0b0000,
    Bits10 = 0b0001,
    Bits11 = 0b0010,
    Bits12 = 0b0011,
    X2 = 0b1001,
    X4 = 0b1010,
    X8 = 0b1011,
    X16 = 0b1100,
    X32 = 0b1101,
    X64 = 0b1110,
    X128 = 0b1111,
}

impl Sampling {
    /// All of them, quickest first.
    pub const ALL: [Self; 11] = [
        Self::Bits9,
        Self::Bits10,
        Self::Bits11,
        Self::Bits12,
        Self::X2,
        Self::X4,
        Self::X8,
        Self::X16,
        Self::X32,
        Self::X64,
        Self::X128,
    ];

    /// How long it takes (SBOS448G table 5).
    pub const fn time(self) -> Duration {
        Duration::from_micros(match self {
            Self::Bits9 => 84,
            Self::Bits10 => 148,
            Self::Bits11 => 276,
            Self::Bits12 => 532,
            Self::X2 => 1_060,
            Self::X4 => 2_130,
            Self::X8 => 4_260,
            Self::X16 => 8_510,
            Self::X32 => 17_020,
            Self::X64 => 34_050,
            Self::X128 => 68_100,
        })
    }
}

/// What the chip does by itself (SBOS448G table 6, mode settings). Both inputs are measured, or neither.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(u16)]
pub enum Mode {
    /// Nothing; the registers keep the last result. Saves about 0.7 mA.
    PowerDown = 0b000,
    /// One result for each time that this mode is set.
    Triggered = 0b011,
    /// One result after the other.
    #[default]
    Continuous = 0b111,
}
