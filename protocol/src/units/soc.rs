//! How full the battery is.

use core::fmt;
use core::ops::Mul;
use core::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::Charge;
use super::text::{ParseUnitError, TextVisitor, split_quantity};

/// A state of charge: the part of the battery's capacity that is left, 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Default)]
pub struct Soc(f64);

impl Soc {
    /// Nothing left.
    pub const EMPTY: Self = Self(0.0);
    /// All of it.
    pub const FULL: Self = Self(1.0);

    /// From a fraction, held to 0..=1; NaN is [`Self::EMPTY`], the side that saves energy.
    pub const fn from_fraction(fraction: f64) -> Self {
        if fraction > 0.0 { Self(fraction.min(1.0)) } else { Self(0.0) }
    }

    /// From percent, held to 0..=100.
    pub const fn from_percent(percent: f64) -> Self {
        Self::from_fraction(percent / 100.0)
    }

    /// The fraction, 0..=1.
    pub const fn fraction(self) -> f64 {
        self.0
    }

    /// Percent, 0..=100.
    pub const fn percent(self) -> f64 {
        self.0 * 100.0
    }

    /// Higher by so many percentage points, at most full.
    #[must_use]
    pub const fn plus_points(self, points: f64) -> Self {
        Self::from_fraction(self.0 + points / 100.0)
    }

    /// How many percentage points it is above the other; negative when below.
    pub const fn points_above(self, other: Self) -> f64 {
        (self.0 - other.0) * 100.0
    }

    /// The nearest number of per mille, which is the wire form.
    pub(crate) const fn to_wire(self) -> u16 {
        (self.0 * 1000.0 + 0.5) as u16
    }

    /// From a wire form; `None` above 1000.
    pub(crate) fn from_wire(permille: u16) -> Option<Self> {
        (permille <= 1000).then(|| Self(f64::from(permille) / 1000.0))
    }
}

/// The charge that a state of charge stands for.
impl Mul<Charge> for Soc {
    type Output = Charge;
    fn mul(self, capacity: Charge) -> Charge {
        capacity * self.0
    }
}

impl fmt::Display for Soc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.*} %", f.precision().unwrap_or(1), self.percent())
    }
}

impl FromStr for Soc {
    type Err = ParseUnitError;
    fn from_str(text: &str) -> Result<Self, ParseUnitError> {
        let error = ParseUnitError { expected: "\"55 %\"" };
        match split_quantity(text) {
            Some((percent, "%")) if (0.0..=100.0).contains(&percent) => Ok(Self::from_percent(percent)),
            _ => Err(error),
        }
    }
}

impl Serialize for Soc {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            return serializer.collect_str(self);
        }
        serializer.serialize_u16(self.to_wire())
    }
}

impl<'de> Deserialize<'de> for Soc {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            return deserializer.deserialize_str(TextVisitor::<Self>::new("\"55 %\""));
        }
        Self::from_wire(u16::deserialize(deserializer)?)
            .ok_or_else(|| de::Error::custom("state of charge above 1000 per mille"))
    }
}
