//! How much energy is left, and how sure that is.
//!
//! [`Estimator`] takes believable samples in time order and answers with a [`protocol::report::Energy`]. It is
//! deterministic on every platform (`libm`, no `std` transcendental), and a getter never changes it.

use std::time::Duration;

use protocol::report::Energy;
use protocol::{Fault, Soc, Uptime};
use serde::{Deserialize, Serialize};

use super::reading::Sample;
use crate::config::Battery;

/// What the estimator carries over a restart.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Learned {
    /// Best state of charge when it was written.
    pub soc: Option<Soc>,
}

/// The state of the battery, as far as it can be known.
#[derive(Debug, Clone)]
pub struct Estimator {
    battery: Battery,
}

impl Estimator {
    /// Starts from what is configured, and from what an earlier life learned.
    ///
    /// `off_for` is how long nothing was observed since `learned` was written; `None` when that is not known (no
    /// clock at boot), which widens the band.
    pub fn new(battery: Battery, _learned: Option<&Learned>, _off_for: Option<Duration>) -> Self {
        Self { battery }
    }

    /// A state of charge that a person vouches for (`replay --soc`), with the uncertainty of a guess by eye.
    pub fn assume_soc(&mut self, _soc: Soc) {}

    /// Takes one believable sample.
    pub fn observe(&mut self, _now: Uptime, _sample: &Sample) {}

    /// Nothing believable was read at `now`, for this reason: what is known ages at its worst rate.
    pub fn miss(&mut self, _now: Uptime, _fault: Fault) {}

    /// What is known at `now`.
    pub fn energy(&self, _now: Uptime) -> Energy {
        let _ = &self.battery;
        Energy::default()
    }

    /// What a restart should know.
    pub fn learned(&self) -> Learned {
        Learned { soc: None }
    }
}
