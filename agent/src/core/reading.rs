//! A measurement, or the typed reason why there is none.

use protocol::{Charge, Current, Fault, Soc, Temperature, Voltage};

/// What a source measured at one moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    /// At the battery's terminals (or the node's 12 V input: the sensor's config says which).
    pub voltage: Voltage,
    /// Out of the battery, negative while it charges; `None` where only voltage is measured.
    pub current: Option<Current>,
    /// Of the battery, where a probe exists.
    pub temperature: Option<Temperature>,
    /// What the source itself holds the charge to be, where the config wants its word to count.
    pub reported: Option<Soc>,
    /// What flowed by the sensor's own count, where it counts by itself.
    pub count: Option<Count>,
    /// The registers behind the numbers, folded into one value: a living sensor's changes with every noise bit, a
    /// stuck one's never does.
    pub raw: u64,
}

/// A sensor's own count of the charge: it misses nothing of what flows between two readings.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Count {
    /// Whose unbroken stretch of counting: its place in the config, and which one.
    pub epoch: (u8, u32),
    /// Out of the battery since the epoch began.
    pub out: Charge,
}

impl Count {
    /// What flowed out of the battery since an earlier count; `None` when the two are not of one stretch.
    pub fn since(self, earlier: Self) -> Option<Charge> {
        (self.epoch == earlier.epoch).then(|| self.out - earlier.out)
    }
}

/// A sample, or why there is none. Never a default number.
pub type Reading = Result<Sample, Fault>;

/// Which configured sensor: its place in the config, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SensorId(pub u8);
