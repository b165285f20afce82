//! How an INA228 is to measure.

use std::time::Duration;

use protocol::{Current, Resistance};

use super::{CHIP, SettingsError};
use crate::chips::arithmetic::{amps, current_nanoamp, drop_nanovolt, rounded, shunt_nanoohm, volts};

/// The greatest current must span so many steps of the converter, as with the other chips.
const STEPS_LEAST: i64 = 100;
/// The end of VSHUNT's 20 bits.
pub(super) const END_RAW: i64 = 0x7_ffff;

/// What the driver keeps the chip at.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// The shunt.
    pub shunt: Resistance,
    /// The most that flows, in either direction; its drop must fit into 163.84 mV. It also chooses the range.
    pub current_max: Current,
    /// How many conversions make one result.
    pub averaging: Averaging,
    /// For how long the bus voltage is sampled.
    pub bus_conversion: Conversion,
    /// For how long the shunt's drop is sampled.
    pub shunt_conversion: Conversion,
}

impl Settings {
    /// The usual: 64 averages of 1.05 ms each, a new result every 135 ms.
    pub const fn new(shunt: Resistance, current_max: Current) -> Self {
        Self {
            shunt,
            current_max,
            averaging: Averaging::X64,
            bus_conversion: Conversion::Us1052,
            shunt_conversion: Conversion::Us1052,
        }
    }

    /// From one result to the next, both inputs measured: read no faster than this, and not sooner after `configure`.
    pub fn update_time(&self) -> Duration {
        (self.bus_conversion.time() + self.shunt_conversion.time()) * self.averaging.count()
    }

    /// Whether an INA228 can be set so; for a config, long before there is a chip.
    ///
    /// # Errors
    /// A shunt and a greatest current that do not fit the chip.
    pub fn prove(&self) -> Result<(), SettingsError> {
        self.steps().map(drop)
    }

    /// The range that holds the greatest current, with the shunt.
    pub(super) fn steps(&self) -> Result<Steps, SettingsError> {
        let (shunt, current_max) = (self.shunt, self.current_max);
        let shunt_nanoohm = shunt_nanoohm(shunt)?;
        let drop = drop_nanovolt(current_nanoamp(current_max)?, shunt_nanoohm);
        let range = if drop <= Range::Mv40.end_nanovolt() { Range::Mv40 } else { Range::Mv163 };
        let steps = Steps { range, shunt_nanoohm };
        if drop > range.end_nanovolt() {
            let (range, reaches) = (volts(range.end_nanovolt()), steps.current(END_RAW));
            return Err(SettingsError::DropTooLarge {
                chip: CHIP,
                current_max,
                shunt,
                drop: volts(drop),
                range,
                reaches,
            });
        }
        let count = drop * 1000 / range.lsb_picovolt();
        if count < STEPS_LEAST {
            return Err(SettingsError::DropTooSmall {
                chip: CHIP,
                current_max,
                shunt,
                drop: volts(drop),
                steps: count,
                steps_least: STEPS_LEAST,
            });
        }
        Ok(steps)
    }

    /// `ADC_CONFIG` (SLYS021A table 7-6): MODE 15-12 (1011: shunt and bus, continuously), VBUSCT 11-9, VSHCT 8-6, VTCT 5-3, AVG
    /// 2-0. Whatever it holds, it is not the 0xfb68 of a chip after power-on, whose mode is another.
    pub(super) const fn register(&self) -> u16 {
        const SHUNT_AND_BUS: u16 = 0b1011 << 12;
        SHUNT_AND_BUS
            | ((self.bus_conversion as u16) << 9)
            | ((self.shunt_conversion as u16) << 6)
            | self.averaging as u16
    }
}

/// The shunt's converter in amperes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Steps {
    range: Range,
    shunt_nanoohm: i64,
}

impl Steps {
    /// The current behind so many steps, to the nanoampere.
    pub(super) fn current(&self, raw: i64) -> Current {
        // Picovolts times 10^6 are nanoamperes times nanoohms.
        amps(rounded(i128::from(raw) * i128::from(self.range.lsb_picovolt()) * 1_000_000, self.shunt_nanoohm))
    }

    /// One step in amperes, for what is counted over long times.
    pub(super) fn exact_amps(&self) -> f64 {
        self.range.lsb_picovolt() as f64 / 1000.0 / self.shunt_nanoohm as f64
    }

    pub(super) const fn range(&self) -> Range {
        self.range
    }
}

/// The end of the shunt's range (SLYS021A table 7-5, ADCRANGE).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Range {
    /// 163.84 mV in steps of 312.5 nV.
    Mv163,
    /// 40.96 mV in steps of 78.125 nV.
    Mv40,
}

impl Range {
    /// One step of VSHUNT (SLYS021A table 7-9).
    pub(super) const fn lsb_picovolt(self) -> i64 {
        match self {
            Self::Mv163 => 312_500,
            Self::Mv40 => 78_125,
        }
    }

    const fn end_nanovolt(self) -> i64 {
        END_RAW * self.lsb_picovolt() / 1000
    }

    /// CONFIG (SLYS021A table 7-5): ADCRANGE is bit 4, the rest stays as after power-on.
    pub(super) const fn register(self) -> u16 {
        match self {
            Self::Mv163 => 0,
            Self::Mv40 => 1 << 4,
        }
    }
}

/// How many conversions make one result (SLYS021A table 7-6, AVG).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the counts")]
#[repr(u16)]
pub enum Averaging {
    X1 = 0,
    X4,
    X16,
    X64,
    X128,
    X256,
    X512,
    X1024,
}

impl Averaging {
    /// All of them, least first.
    pub const ALL: [Self; 8] =
        [Self::X1, Self::X4, Self::X16, Self::X64, Self::X128, Self::X256, Self::X512, Self::X1024];

    /// The number of conversions.
    pub const fn count(self) -> u32 {
        [1, 4, 16, 64, 128, 256, 512, 1024][self as usize]
    }
}

/// For how long one input is sampled (SLYS021A table 7-6, VBUSCT and VSHCT).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are microseconds")]
#[repr(u16)]
pub enum Conversion {
    Us50 = 0,
    Us84,
    Us150,
    Us280,
    Us540,
    Us1052,
    Us2074,
    Us4120,
}

impl Conversion {
    /// All of them, shortest first.
    pub const ALL: [Self; 8] = [
        Self::Us50,
        Self::Us84,
        Self::Us150,
        Self::Us280,
        Self::Us540,
        Self::Us1052,
        Self::Us2074,
        Self::Us4120,
    ];

    /// The time.
    pub const fn time(self) -> Duration {
        Duration::from_micros([50, 84, 150, 280, 540, 1052, 2074, 4120][self as usize])
    }
}
