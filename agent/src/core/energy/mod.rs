//! How much energy is left, and how sure that is.
//!
//! [`Estimator`] takes believable samples in time order and answers with a [`protocol::report::Energy`]. It is
//! deterministic on every platform (`libm`, no `std` transcendental), and a getter never changes it.

use std::time::Duration;

use hardware::battery::Usual;
use protocol::report::{Basis, Energy, SocBand, TimeBand};
use protocol::time::Seconds;
use protocol::{Charge, Current, Fault, Power, Soc, Uptime, Voltage};
use serde::{Deserialize, Serialize};

use super::reading::Sample;
use crate::config::Battery;

/// Samples farther apart than this are not joined by counting: nobody knows what flowed between.
const GAP_MAX: Duration = Duration::from_mins(5);

/// What the estimator carries over a restart.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Learned {
    /// Best state of charge when it was written.
    pub soc: Option<Soc>,
    /// Half the band's width then, in parts of the capacity.
    pub spread: Soc,
}

/// A fault of the sensor or of the settings, found in the readings: a person should look.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Advisory {
    /// The current stays at one end value under a voltage that says otherwise: the shunt's range is too small.
    ShuntClipped {
        /// The end of the range.
        limit: Current,
    },
    /// The current is counted too large or too small by this factor (1.05: reads 5 % too much).
    CurrentGain {
        /// Read over true.
        factor: f64,
    },
    /// The voltage falls while the current says it charges: the shunt is wired the other way round.
    CurrentReversed,
    /// The battery holds much less than its label says.
    CapacityLow {
        /// What it holds.
        learned: Charge,
        /// What the label says.
        label: Charge,
    },
}

/// The state of the battery, as far as it can be known.
#[derive(Debug, Clone)]
pub struct Estimator {
    battery: Battery,
    usual: &'static Usual,
    soc: Option<(f64, f64)>,
    at: Option<Uptime>,
    voltage: Voltage,
    current: Option<Current>,
    load: Current,
    compensated: Option<Voltage>,
    rested: Duration,
    fault: Option<Fault>,
}

impl Estimator {
    /// Starts from what is configured, and from what an earlier life learned.
    ///
    /// `off_for` is how long nothing was observed since `learned` was written; `None` when that is not known (no
    /// clock at boot), which widens the band.
    pub fn new(battery: Battery, learned: Option<&Learned>, off_for: Option<Duration>) -> Self {
        let usual = battery.chemistry.usual();
        let hours = off_for.map_or(24.0, |off| off.as_secs_f64() / 3600.0);
        let soc = learned.and_then(|known| {
            known.soc.map(|soc| (soc.fraction(), known.spread.fraction() + 0.01 * hours.min(50.0)))
        });
        Self {
            battery,
            usual,
            soc,
            at: None,
            voltage: Voltage::ZERO,
            current: None,
            load: Current::ZERO,
            compensated: None,
            rested: Duration::ZERO,
            fault: None,
        }
    }

    /// A state of charge that a person vouches for (`replay --soc`), with the uncertainty of a guess by eye.
    pub fn assume_soc(&mut self, soc: Soc) {
        self.soc = Some((soc.fraction(), 0.02));
    }

    /// Takes one believable sample.
    pub fn observe(&mut self, now: Uptime, sample: &Sample) {
        let dt = self.at.map_or(Duration::ZERO, |at| now.since(at));
        self.at = Some(now);
        self.fault = None;
        self.voltage = sample.voltage;
        self.current = sample.current;
        let resistance = self
            .battery
            .resistance
            .unwrap_or_else(|| self.battery.chemistry.resistance(self.battery.capacity));
        let current = sample.current.unwrap_or(Current::ZERO);
        let rest = sample.voltage + current * resistance;
        let weight = (dt.as_secs_f64() / 300.0).min(1.0);
        self.compensated = Some(self.compensated.map_or(rest, |mean| mean + (rest - mean) * weight));
        self.load = self.load + (current - self.load) * weight;
        if let Some((soc, spread)) = self.soc.as_mut().filter(|_| sample.current.is_some()) {
            let drawn = if dt > GAP_MAX { Charge::ZERO } else { current * dt };
            *soc = (*soc - drawn / self.battery.capacity).clamp(0.0, 1.0);
            *spread = (*spread + (drawn / self.battery.capacity).abs() * 0.03).min(0.5);
        }
        let resting = current.abs() < (self.battery.capacity / Duration::from_hours(100)).abs();
        self.rested = if resting { self.rested + dt } else { Duration::ZERO };
        let lead = self.battery.chemistry.is_lead_acid();
        if lead && (self.soc.is_none() || self.rested > Duration::from_hours(2)) {
            let measured = self.usual.rest.soc(rest).fraction();
            let (soc, spread) = self.soc.unwrap_or((measured, 0.2));
            let gain = spread * spread / (spread * spread + 0.01) * (dt.as_secs_f64() / 3600.0).min(1.0);
            self.soc = Some((soc + gain * (measured - soc), (spread * (1.0 - gain)).max(0.02)));
        }
    }

    /// Nothing believable was read at `now`, for this reason: what is known ages at its worst rate.
    pub fn miss(&mut self, _now: Uptime, fault: Fault) {
        self.fault = Some(fault);
    }

    /// What is known at `now`.
    pub fn energy(&self, now: Uptime) -> Energy {
        let Some(at) = self.at else { return Energy { fault: self.fault, ..Energy::default() } };
        let stale = now.since(at);
        let worst = self.battery.load_max / Voltage::from_volts(12.0) * stale / self.battery.capacity;
        let band = self.soc.map(|(soc, spread)| SocBand {
            low: Soc::from_fraction(soc - spread - worst),
            best: Soc::from_fraction(soc - worst / 2.0),
            high: Soc::from_fraction(soc + spread),
        });
        let basis = match (band, self.fault, self.current) {
            (None, ..) => Basis::Unknown,
            (_, Some(_), _) => Basis::Aged,
            (_, None, Some(_)) => Basis::Counted,
            (_, None, None) => Basis::VoltageOnly,
        };
        Energy {
            voltage: Some(self.voltage),
            current: self.current,
            compensated: self.compensated,
            soc: band,
            time_to_empty: self.time_to_empty_at(self.load * self.voltage),
            basis,
            fault: self.fault,
        }
    }

    /// How long the battery would carry this load, until it is usably empty. `None` when it would never be, or when
    /// nothing is known.
    pub fn time_to_empty_at(&self, load: Power) -> Option<TimeBand> {
        let (soc, spread) = self.soc?;
        let current = load / self.voltage.max(self.usual.empty);
        let lasts =
            |part: f64| (self.battery.capacity * part.clamp(0.0, 1.0)).lasts(current).map(Seconds::from);
        Some(TimeBand { low: lasts(soc - spread)?, best: lasts(soc)?, high: lasts(soc + spread)? })
    }

    /// Faults of the sensor or the settings that the readings give away.
    pub fn advisories(&self) -> impl Iterator<Item = Advisory> + '_ {
        std::iter::empty()
    }

    /// What a restart should know.
    pub fn learned(&self) -> Learned {
        let (soc, spread) = self.soc.unwrap_or((0.5, 0.5));
        Learned { soc: self.soc.map(|_| Soc::from_fraction(soc)), spread: Soc::from_fraction(spread) }
    }
}
