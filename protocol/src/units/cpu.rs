//! How fast a processor runs, and how much of it a container may use.

use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::text::{ParseUnitError, split_quantity};

/// A clock frequency, in kilohertz (cpufreq's unit).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Frequency(u32);

impl Frequency {
    /// From kilohertz.
    pub const fn from_kilohertz(kilohertz: u32) -> Self {
        Self(kilohertz)
    }

    /// Kilohertz.
    pub const fn kilohertz(self) -> u32 {
        self.0
    }
}

impl fmt::Display for Frequency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} MHz", self.0 / 1000)
    }
}

/// An amount of processor, in thousandths of one CPU; what `docker update --cpus` counts in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Cpus(u32);

impl Cpus {
    /// From thousandths of a CPU.
    pub const fn from_milli(milli: u32) -> Self {
        Self(milli)
    }

    /// Thousandths of a CPU.
    pub const fn milli(self) -> u32 {
        self.0
    }

    /// The number of CPUs.
    pub const fn cpus(self) -> f64 {
        self.0 as f64 / 1000.0
    }
}

impl fmt::Display for Cpus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.2} CPU", self.cpus())
    }
}

/// Reads `"0.25"`: a plain number of CPUs, as `docker run --cpus` takes it.
impl FromStr for Cpus {
    type Err = ParseUnitError;
    fn from_str(text: &str) -> Result<Self, ParseUnitError> {
        match split_quantity(text) {
            // Docker's own least is 0.01; 4096 is more than any board has.
            Some((cpus, "")) if (0.01..=4096.0).contains(&cpus) => Ok(Self((cpus * 1000.0 + 0.5) as u32)),
            _ => Err(ParseUnitError { expected: "0.25 (CPUs, at least 0.01)" }),
        }
    }
}

impl Serialize for Cpus {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            return serializer.serialize_f64(self.cpus());
        }
        serializer.serialize_u32(self.0)
    }
}

impl<'de> Deserialize<'de> for Cpus {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            let cpus = f64::deserialize(deserializer)?;
            if !(0.01..=4096.0).contains(&cpus) {
                return Err(de::Error::custom("a number of CPUs is at least 0.01 and at most 4096"));
            }
            return Ok(Self((cpus * 1000.0 + 0.5) as u32));
        }
        Ok(Self(u32::deserialize(deserializer)?))
    }
}
