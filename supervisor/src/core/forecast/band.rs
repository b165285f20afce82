//! A quantity with its 80 % band, and the normal distribution behind it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One time in ten it is below `low`, one time in ten above `high`, as often above as below `best`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Band<T> {
    /// 10th percentile.
    pub low: T,
    /// Median.
    pub best: T,
    /// 90th percentile.
    pub high: T,
}

/// A probability, 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Chance(f64);

impl Chance {
    /// From a fraction, held to 0..=1; what is no number has no chance.
    pub const fn from_fraction(fraction: f64) -> Self {
        if fraction > 0.0 { Self(fraction.min(1.0)) } else { Self(0.0) }
    }

    /// 0 to 1.
    pub const fn fraction(self) -> f64 {
        self.0
    }

    /// 0 to 100.
    pub const fn percent(self) -> f64 {
        self.0 * 100.0
    }

    /// 0 to 1000, as it is said on the wire.
    pub const fn permille(self) -> u16 {
        (self.0 * 1000.0 + 0.5) as u16
    }
}

impl fmt::Display for Chance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.0} %", self.percent())
    }
}

/// How likely a normal quantity is above zero.
pub(super) fn chance_above_zero(mean: f64, spread: f64) -> Chance {
    Chance::from_fraction(0.5 * libm::erfc(-mean / (spread.max(1e-9) * core::f64::consts::SQRT_2)))
}

/// A percentile of numbers in ascending order, by linear interpolation; `None` of none.
pub(super) fn percentile(sorted: &[f64], part: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    // (n + 1) * part, the estimate that is right on average for few numbers (Weibull).
    let place = ((sorted.len() + 1) as f64 * part - 1.0).clamp(0.0, last as f64);
    let under = libm::floor(place) as usize;
    let (low, high) = (sorted.get(under)?, sorted.get((under + 1).min(last))?);
    Some(low + (high - low) * (place - under as f64))
}
