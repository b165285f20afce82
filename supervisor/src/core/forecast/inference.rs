//! The panel's power, which nobody measures, from what is measured: the battery's current and what the fleet draws.
//!
//! At night all that the battery gives is the load. So at night the load is learned as a sum of what is always on
//! (network switch, charger), what each node that is up draws, and what each busy processor adds; by day the panel's power is
//! that load less what the battery gives. The sum is kept by recursive least squares with slow forgetting, which also
//! says how well it is known.

use protocol::{Current, Power, Voltage};
use serde::{Deserialize, Serialize};

/// What is always on, an idle node, a node whose processors are all busy: watts, before anything was learned.
const PRIOR: [f64; 3] = [6.0, 2.4, 2.6];
/// How far off these may be (standard deviations, in watts).
const PRIOR_SPREAD: [f64; 3] = [5.0, 1.2, 1.5];
/// One look at the load differs from the sum by about this: fans, disks, USB sticks.
const NOISE: f64 = 1.0;
/// So many looks (best one a minute) are remembered: about two nights.
const MEMORY: f64 = 1500.0;
/// Beyond what it knew at first nothing is forgotten.
const SPREAD_MAX: f64 = 25.0;

/// A power that was inferred, and its spread (standard deviation).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// The best value.
    pub power: Power,
    /// One standard deviation.
    pub spread: Power,
}

impl Estimate {
    pub(super) fn is_finite(&self) -> bool {
        self.power.is_finite() && self.spread.is_finite()
    }
}

/// What the nodes on a supply are doing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Doing {
    /// How many nodes are up.
    pub nodes_up: u16,
    /// The sum of their processors' use: 1 for each node whose processors are all busy.
    pub busy: f64,
}

impl Doing {
    fn features(&self) -> [f64; 3] {
        let up = f64::from(self.nodes_up);
        [1.0, up, if self.busy.is_finite() { self.busy.clamp(0.0, up) } else { 0.5 * up }]
    }
}

/// What the learned load is made of, at the battery's side.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Parts {
    /// What is always on: network switch, charger.
    pub always: Power,
    /// A node that is up and idle, its converter included.
    pub node: Power,
    /// What all processors of a node add when they are busy.
    pub busy: Power,
}

/// No board that runs takes less than this (a Zero: 0.6 W at 5 V).
const NODE_LEAST: f64 = 0.5;

/// What the load is made of, as learned by night.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct LoadModel {
    watts: [f64; 3],
    covariance: [[f64; 3]; 3],
    /// Variance of what the sum does not explain.
    residual: f64,
}

impl Default for LoadModel {
    fn default() -> Self {
        let mut covariance = [[0.0; 3]; 3];
        for (i, (row, spread)) in covariance.iter_mut().zip(PRIOR_SPREAD).enumerate() {
            if let Some(cell) = row.get_mut(i) {
                *cell = spread * spread;
            }
        }
        Self { watts: PRIOR, covariance, residual: NOISE * NOISE }
    }
}

fn dot(a: &[f64; 3], b: &[f64; 3]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

impl LoadModel {
    /// Itself, if it can be what was learned; otherwise what is believed at first. For one that was read from a file.
    #[must_use]
    pub fn sound(self) -> Self {
        let numbers = self.watts.iter().chain(self.covariance.iter().flatten()).all(|n| n.abs() < 1e4);
        let variances =
            self.covariance.iter().enumerate().all(|(i, row)| row.get(i).is_some_and(|v| *v >= 0.0));
        if numbers && variances && (0.0..1e4).contains(&self.residual) { self } else { Self::default() }
    }

    /// Learns from a moment of the night, when the battery alone carries the load. Current is positive while it
    /// discharges; what is no number, or charges, teaches nothing.
    pub fn learn(&mut self, doing: &Doing, voltage: Voltage, current: Current) {
        let drawn = (voltage * current).watts();
        if !drawn.is_finite() || drawn < 0.0 {
            return;
        }
        let features = doing.features();
        let toward: [f64; 3] = self.covariance.map(|row| dot(&row, &features));
        let explained = dot(&features, &toward);
        let error = drawn - dot(&self.watts, &features);
        let total = explained + self.residual;
        for (watts, toward) in self.watts.iter_mut().zip(toward) {
            *watts += toward / total * error;
        }
        // Forgetting: what was known grows less sure at every look, as far as at first.
        for (row, left) in self.covariance.iter_mut().zip(toward) {
            for (cell, right) in row.iter_mut().zip(toward) {
                *cell -= left * right / total;
            }
        }
        let grown = 1.0 + 1.0 / MEMORY;
        let trace: f64 = self.covariance.iter().enumerate().filter_map(|(i, row)| row.get(i)).sum();
        if trace * grown < SPREAD_MAX {
            self.covariance = self.covariance.map(|row| row.map(|cell| cell * grown));
        }
        let surprise = error * error * self.residual / total;
        self.residual += (surprise - self.residual) / (MEMORY / 5.0);
        self.residual = self.residual.clamp(0.01, 400.0);
    }

    /// What the load draws from the battery's side.
    pub fn load(&self, doing: &Doing) -> Estimate {
        let features = doing.features();
        let toward: [f64; 3] = self.covariance.map(|row| dot(&row, &features));
        let variance = dot(&features, &toward).max(0.0) + self.residual;
        Estimate {
            power: Power::from_watts(dot(&self.watts, &features).max(0.0)),
            spread: Power::from_watts(libm::sqrt(variance)),
        }
    }

    /// What the sum is made of. Parts that were never seen apart (nobody was ever off) are told apart by what was believed
    /// at first.
    pub fn parts(&self) -> Parts {
        let [always, node, busy] = self.watts;
        Parts {
            always: Power::from_watts(always.max(0.0)),
            node: Power::from_watts(node.max(NODE_LEAST)),
            busy: Power::from_watts(busy.max(0.0)),
        }
    }

    /// What the panel gives: the load, less what the battery gives of it. Not below zero.
    pub fn panel(&self, doing: &Doing, voltage: Voltage, current: Current) -> Estimate {
        let load = self.load(doing);
        Estimate { power: (load.power - voltage * current).max(Power::ZERO), spread: load.spread }
    }
}

/// At which voltages a charger holds its panel back.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HoldPoints {
    /// Absorption.
    pub absorption: Voltage,
    /// Float.
    pub float: Voltage,
    /// A charge current below this, at the float voltage, is a full battery's: about 2 % of the capacity in an hour.
    pub tail: Current,
}

/// The float voltage is held to about this, temperature and cables included.
const HELD_WITHIN: Voltage = Voltage::from_volts(0.12);
/// Where the battery was seen to be full, or must be close to it, no other voltage is near: then more is left to a charger
/// that lowers both voltages as the battery warms. 18 mV a kelvin, the usual for lead-acid, is this much at 36 C.
const WARM_WITHIN: Voltage = Voltage::from_volts(0.2);
/// Chargers begin anew when the voltage falls this far below float, or less (Victron's: 0.4 V).
const BEGINS_ANEW: Voltage = Voltage::from_volts(0.8);

impl HoldPoints {
    /// Whether the charger holds the panel back now, as far as one moment tells: at the absorption voltage, or at the float voltage
    /// with next to no current. Current is positive while the battery discharges.
    ///
    /// When the load draws on the battery at that voltage, the panel gives all it can.
    pub fn curtail(&self, voltage: Voltage, current: Current) -> bool {
        let charging = -current;
        let floating = (voltage - self.float).abs() <= HELD_WITHIN && charging < self.tail;
        self.carried(current) && (self.absorbing(voltage) || floating)
    }

    /// Whether the panel gives about what the load takes, or more.
    fn carried(&self, current: Current) -> bool {
        -current >= -self.tail
    }

    fn absorbing(&self, voltage: Voltage) -> bool {
        voltage >= self.absorption - WARM_WITHIN
    }
}

/// Follows a charger over the day. One moment at the float voltage does not tell a battery that is on its way up from one that is
/// held there: a full battery still takes more than its tail for an hour or so after absorption. What came before does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Holding {
    /// The absorption voltage was reached, and charging has not begun anew since.
    absorbed: bool,
}

impl Holding {
    /// Takes a moment; whether the charger holds the panel back in it. `lit` is whether there is light on the panel: without
    /// any, the next charge begins with all that the panel gives.
    pub fn look(&mut self, points: &HoldPoints, voltage: Voltage, current: Current, lit: bool) -> bool {
        if !lit || voltage < points.float - BEGINS_ANEW {
            self.absorbed = false;
        } else if points.carried(current) && points.absorbing(voltage) {
            self.absorbed = true;
        }
        let held = self.absorbed && voltage >= points.float - WARM_WITHIN && points.carried(current);
        held || points.curtail(voltage, current)
    }
}
