//! What the readings are off by: a Kalman filter over the offset and the resistance, shared by all hypotheses.
//!
//! Every hypothesis sees the same currents, so the covariance and the gains are the same for all of them; each one
//! only keeps its own four means. That is what makes a bank of hypotheses cost little more than one filter.

use libm::{exp, sqrt};

/// How many numbers a hypothesis estimates about its own errors.
pub(super) const ERRORS: usize = 4;
/// The steady part of the offset: the voltmeter's, and this battery against its datasheet. Volts.
pub(super) const STEADY: usize = 0;
/// The part of the offset that wanders as the charge changes: the datasheet's curve has another shape. Volts.
pub(super) const WANDER: usize = 1;
/// Resistance at once, in parts of the datasheet's.
pub(super) const FAST: usize = 2;
/// Resistance that builds up over half an hour (one RC pair), in parts of the datasheet's.
pub(super) const SLOW: usize = 3;

/// The means of one hypothesis.
pub(super) type Errors = [f64; ERRORS];

/// Before anything is seen.
pub(super) const ERRORS_START: Errors = [0.0, 0.0, 1.0, 1.0];

/// The covariance that all hypotheses share.
#[derive(Debug, Clone)]
pub(super) struct Drift {
    covariance: [[f64; ERRORS]; ERRORS],
    wander: Wander,
}

/// The wandering offset: how far it goes, and how much charge makes it forget.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wander {
    /// One standard deviation, V.
    pub(super) spread: f64,
    /// Parts of the capacity.
    pub(super) length: f64,
}

/// How one innovation moves the means.
#[derive(Debug, Clone, Copy)]
pub(super) struct Gain {
    by: [f64; ERRORS],
    variance: f64,
    row: [f64; ERRORS],
    noise: f64,
}

impl Drift {
    /// Standard deviations: steady offset in volts, resistance in parts of the datasheet's.
    pub(super) fn new(steady: f64, wander: Wander, resistance: f64) -> Self {
        let mut covariance = [[0.0; ERRORS]; ERRORS];
        let spreads = [steady, wander.spread, resistance, resistance];
        for (place, spread) in spreads.into_iter().enumerate() {
            covariance[place][place] = spread * spread;
        }
        Self { covariance, wander }
    }

    /// So much charge moved (parts of the capacity), so many hours passed, with the offset wandering this much more than
    /// usual. Answers what the wandering means keep.
    pub(super) fn pass(&mut self, moved: f64, hours: f64, more: f64) -> f64 {
        let keep = exp(-moved / self.wander.length);
        for other in 0..ERRORS {
            self.covariance[WANDER][other] *= keep;
            self.covariance[other][WANDER] *= keep;
        }
        let spread = self.wander.spread * more;
        self.covariance[WANDER][WANDER] += spread * spread * (1.0 - keep * keep);
        // Resistance follows temperature and age: about a tenth in a day.
        let step = 0.01 * hours / 24.0;
        self.covariance[FAST][FAST] += step;
        self.covariance[SLOW][SLOW] += step;
        keep
    }

    /// Looks at the world through `row` with this noise (a variance); the means then follow by [`Gain::apply`].
    pub(super) fn look(&mut self, row: [f64; ERRORS], noise: f64) -> Gain {
        let mut by = [0.0; ERRORS];
        for (line, gain) in by.iter_mut().enumerate() {
            *gain = (0..ERRORS).map(|at| self.covariance[line][at] * row[at]).sum();
        }
        let variance: f64 = noise + (0..ERRORS).map(|at| row[at] * by[at]).sum::<f64>();
        for line in 0..ERRORS {
            for at in 0..=line {
                let value = self.covariance[line][at] - by[line] * by[at] / variance;
                self.covariance[line][at] = value;
                self.covariance[at][line] = value;
            }
        }
        Gain { by, variance, row, noise }
    }

    /// The steady offset may be this much larger than was thought, V.
    pub(super) fn loosen_steady(&mut self, volts: f64) {
        self.covariance[STEADY][STEADY] += volts * volts;
    }

    /// The steady offset's standard deviation, V.
    pub(super) fn steady_spread(&self) -> f64 {
        sqrt(self.covariance[STEADY][STEADY].max(0.0))
    }
}

impl Gain {
    /// Moves the means of one hypothesis that expected `expected` before its errors, where `seen` was measured, with
    /// this much more variance of its own; only the part `holds` of its errors shows here. Answers the logarithm of its
    /// likelihood, up to a constant.
    pub(super) fn apply(&self, errors: &mut Errors, seen: f64, expected: f64, more: f64, holds: f64) -> f64 {
        let mut innovation = seen - expected;
        for (at, (error, row)) in errors.iter().zip(self.row).enumerate() {
            innovation -= if at < FAST { holds } else { 1.0 } * row * error;
        }
        let variance = self.noise + holds * holds * (self.variance - self.noise) + more;
        for (error, by) in errors.iter_mut().zip(self.by) {
            *error += holds * by / variance * innovation;
        }
        // Tails a little heavier than a bell's: no single window may end a hypothesis for good.
        let squared = innovation * innovation / variance;
        -0.5 * squared / (1.0 + squared / 50.0) - 0.5 * libm::log(variance / self.noise)
    }
}
