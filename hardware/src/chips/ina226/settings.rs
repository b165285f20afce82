//! How an INA226 is to measure.

use std::time::Duration;

use protocol::{Current, Resistance};

/// What the driver keeps the chip at.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// The shunt.
    pub shunt: Resistance,
    /// The most that flows, in either direction; its drop must fit into the chip's 81.9175 mV.
    pub current_max: Current,
    /// How many conversions make one result.
    pub averaging: Averaging,
    /// For how long the bus voltage is sampled.
    pub bus_conversion: Conversion,
    /// For how long the shunt's drop is sampled.
    pub shunt_conversion: Conversion,
}

impl Settings {
    /// The usual: 16 averages of 1.1 ms each, a new result every 35 ms. Smooths a Pi's bursts, yet an alert at the
    /// end of a battery comes soon enough.
    pub const fn new(shunt: Resistance, current_max: Current) -> Self {
        Self {
            shunt,
            current_max,
            averaging: Averaging::X16,
            bus_conversion: Conversion::Us1100,
            shunt_conversion: Conversion::Us1100,
        }
    }

    /// From one result to the next, both inputs measured: read no faster than this, and not sooner after `configure`.
    pub fn update_time(&self) -> Duration {
        (self.bus_conversion.time() + self.shunt_conversion.time()) * self.averaging.count()
    }

    /// The configuration register (SBOS547B 7.1.1): bit 14 reads as 1, AVG in bits 11-9, VBUSCT in 8-6, VSHCT in 5-3, MODE
    /// in 2-0.
    pub(crate) const fn register(&self, mode: Mode) -> u16 {
        0x4000
            | ((self.averaging as u16) << 9)
            | ((self.bus_conversion as u16) << 6)
            | ((self.shunt_conversion as u16) << 3)
            | mode as u16
    }
}

/// How many conversions make one result (SBOS547B 7.1.1, AVG bit settings).
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

/// For how long one input is sampled (SBOS547B 7.1.1, VBUSCT and VSHCT bit settings; typical values).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are microseconds")]
#[repr(u16)]
pub enum Conversion {
    Us140 = 0,
    Us204,
    Us332,
    Us588,
    Us1100,
    Us2116,
    Us4156,
    Us8244,
}

impl Conversion {
    /// All of them, shortest first.
    pub const ALL: [Self; 8] = [
        Self::Us140,
        Self::Us204,
        Self::Us332,
        Self::Us588,
        Self::Us1100,
        Self::Us2116,
        Self::Us4156,
        Self::Us8244,
    ];

    /// The time.
    pub const fn time(self) -> Duration {
        Duration::from_micros([140, 204, 332, 588, 1100, 2116, 4156, 8244][self as usize])
    }
}

/// What the chip does by itself (SBOS547B 7.1.1, MODE bit settings). Both inputs are measured, or neither.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(u16)]
pub enum Mode {
    /// Nothing; the registers keep the last result. Saves 0.33 mA.
    PowerDown = 0b000,
    /// One result for each time that this mode is set.
    Triggered = 0b011,
    /// One result after the other.
    #[default]
    Continuous = 0b111,
}
