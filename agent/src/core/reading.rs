//! A measurement, or the typed reason why there is none.

use protocol::{Current, Fault, Soc, Temperature, Voltage};

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
    /// The registers behind the numbers, folded into one value: a living sensor's changes with every noise bit, a
    /// stuck one's never does.
    pub raw: u64,
}

/// A sample, or why there is none. Never a default number.
pub type Reading = Result<Sample, Fault>;

/// Which configured sensor: its place in the config, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SensorId(pub u8);
