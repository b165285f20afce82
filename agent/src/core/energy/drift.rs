//! What the readings are off by: a Kalman filter over this battery's own curve and its resistance, shared by all
//! hypotheses.
//!
//! The rest voltage of a battery lies off its datasheet by a function of the charge drawn since full, the voltmeter's
//! error included: a Gaussian process, held at a few [`PLACES`] and straight between them. It belongs to the battery,
//! so it stays the same from one discharge to the next: what was seen twice there is not believed twice.
//!
//! Every hypothesis sees the same currents and the same charge drawn, so the covariance and the gains are the same for
//! all of them; each one only keeps its own means. That is what makes a bank of hypotheses cost little more than one
//! filter.

use libm::{exp, sqrt};

/// At how many charges drawn since full the curve is held: every fifth of the label's capacity.
pub(super) const PLACES: usize = 6;
/// How many numbers a hypothesis estimates about its own errors: the curve's, then two resistances.
pub(super) const ERRORS: usize = PLACES + 3;
/// What wanders off that curve as the charge changes: bends between the places, what the last charge left. Volts.
pub(super) const WANDER: usize = PLACES;
/// Resistance at once, in parts of the datasheet's.
pub(super) const FAST: usize = PLACES + 1;
/// Resistance that builds up over half an hour (one RC pair), in parts of the datasheet's.
pub(super) const SLOW: usize = PLACES + 2;

/// No curve is known better than this from one life to the next, V: it is not measured at rest, and not at one temperature.
const CURVE_SPREAD_LEAST: f64 = 0.02;

/// After so many days a curve is another one.
const CURVE_DAYS: f64 = 200.0;

/// The means of one hypothesis: volts at the places, then resistances.
pub(super) type Errors = [f64; ERRORS];

/// How far this battery may lie off its datasheet, one standard deviation.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wander {
    /// Its own curve, when full, V.
    pub(super) curve: f64,
    /// How much more when empty, as a part of it: how weak the acid is at the end is the maker's choice.
    pub(super) curve_end: f64,
    /// Over how much charge (parts of the capacity) the curve changes.
    pub(super) curve_length: f64,
    /// What wanders off the curve, V ...
    pub(super) passing: f64,
    /// ... and is forgotten over so much charge (parts of the capacity).
    pub(super) passing_length: f64,
}

impl Wander {
    /// Covariance of the curve at two places, V^2.
    fn between(self, one: usize, other: usize) -> f64 {
        let charge = |place: usize| place as f64 / (PLACES - 1) as f64;
        let spread = |place: usize| self.curve * (1.0 + self.curve_end * charge(place));
        spread(one) * spread(other) * exp(-(charge(one) - charge(other)).abs() / self.curve_length)
    }
}

/// The covariance that all hypotheses share.
#[derive(Debug, Clone)]
pub(super) struct Drift {
    covariance: [[f64; ERRORS]; ERRORS],
    wander: Wander,
    /// How much more the curve may wander than at room temperature, as far as that was allowed for.
    factor: f64,
    /// Variance of an offset that all the curve has, V^2.
    steady: f64,
}

/// How one innovation moves the means.
#[derive(Debug, Clone, Copy)]
pub(super) struct Gain {
    by: Errors,
    variance: f64,
    row: Errors,
    noise: f64,
}

/// How much each place says of the curve where so much was drawn since full (parts of the label's capacity).
pub(super) fn places(drawn: f64) -> [f64; PLACES] {
    let place = drawn.clamp(0.0, 1.0) * (PLACES - 1) as f64;
    let below = (place as usize).min(PLACES - 2);
    let mut weights = [0.0; PLACES];
    weights[below + 1] = place - below as f64;
    weights[below] = 1.0 - weights[below + 1];
    weights
}

/// What a curve held at the places is where they weigh like this.
pub(super) fn curve(errors: &[f64], weights: &[f64; PLACES]) -> f64 {
    errors.iter().zip(weights).map(|(error, weight)| error * weight).sum()
}

impl Drift {
    /// Standard deviations: an offset that all the curve has, in volts; resistance in parts of the datasheet's.
    pub(super) fn new(steady: f64, wander: Wander, resistance: f64) -> Self {
        let mut covariance = [[0.0; ERRORS]; ERRORS];
        for (one, line) in covariance.iter_mut().enumerate().take(PLACES) {
            for (other, value) in line.iter_mut().enumerate().take(PLACES) {
                *value = steady * steady + wander.between(one, other);
            }
        }
        covariance[WANDER][WANDER] = wander.passing * wander.passing;
        covariance[FAST][FAST] = resistance * resistance;
        covariance[SLOW][SLOW] = resistance * resistance;
        Self { covariance, wander, factor: 1.0, steady: steady * steady }
    }

    /// So much charge moved (parts of the capacity), so many hours passed. Answers what the wandering means keep, and what the
    /// curve's keep.
    pub(super) fn pass(&mut self, moved: f64, hours: f64) -> (f64, f64) {
        let keep = exp(-moved / self.wander.passing_length);
        for other in 0..ERRORS {
            self.covariance[WANDER][other] *= keep;
            self.covariance[other][WANDER] *= keep;
        }
        let spread = self.wander.passing * self.factor;
        self.covariance[WANDER][WANDER] += spread * spread * (1.0 - keep * keep);
        // Resistance follows temperature and age: about a tenth in a day.
        let step = 0.01 * hours / 24.0;
        self.covariance[FAST][FAST] += step;
        self.covariance[SLOW][SLOW] += step;
        (keep, self.forget_curve(hours))
    }

    /// A curve changes over the seasons, but never strays farther from the datasheet than another battery's would: it is
    /// drawn back, and as unsure in the end as before anything was seen.
    fn forget_curve(&mut self, hours: f64) -> f64 {
        let keep = exp(-hours / (24.0 * CURVE_DAYS));
        for line in 0..ERRORS {
            for place in 0..PLACES {
                self.covariance[line][place] *= keep;
                self.covariance[place][line] *= keep;
            }
        }
        let part = 1.0 - keep * keep;
        self.add_curve(part * self.factor * self.factor);
        self.loosen(part * self.steady);
        keep
    }

    /// The curve may wander this much more than at room temperature.
    pub(super) fn allow(&mut self, factor: f64) {
        if factor > self.factor {
            self.add_curve(factor * factor - self.factor * self.factor);
            self.factor = factor;
        }
    }

    /// Adds this part of the curve's first covariance.
    fn add_curve(&mut self, part: f64) {
        for one in 0..PLACES {
            for other in 0..PLACES {
                self.covariance[one][other] += part * self.wander.between(one, other);
            }
        }
    }

    /// Looks at the world through `row` with this noise (a variance); the means then follow by [`Gain::apply`]. The curve
    /// learns only this part of what it could (0 to 1), and then knows as much less (a consider filter, Schmidt 1966).
    pub(super) fn look(&mut self, row: Errors, noise: f64, learns: f64) -> Gain {
        let mut by = [0.0; ERRORS];
        for (line, gain) in by.iter_mut().enumerate() {
            *gain = (0..ERRORS).map(|at| self.covariance[line][at] * row[at]).sum();
        }
        let variance: f64 = noise + (0..ERRORS).map(|at| row[at] * by[at]).sum::<f64>();
        let part = |at: usize| if at < PLACES { learns } else { 1.0 };
        for line in 0..ERRORS {
            for at in 0..=line {
                let known = part(line) + part(at) - part(line) * part(at);
                let value = self.covariance[line][at] - known * by[line] * by[at] / variance;
                self.covariance[line][at] = value;
                self.covariance[at][line] = value;
            }
        }
        by[..PLACES].iter_mut().for_each(|gain| *gain *= learns);
        Gain { by, variance, row, noise }
    }

    /// All the curve may lie off by this much more than was thought, V.
    pub(super) fn loosen_steady(&mut self, volts: f64) {
        self.steady += volts * volts;
        self.loosen(volts * volts);
    }

    /// All the curve together may lie off by this variance more, V^2.
    fn loosen(&mut self, variance: f64) {
        for line in self.covariance.iter_mut().take(PLACES) {
            line.iter_mut().take(PLACES).for_each(|value| *value += variance);
        }
    }

    /// An earlier life knew the curve so well at the places, V: closely before, loosely where it seldom was.
    pub(super) fn know(&mut self, spread: [f64; PLACES]) {
        let before: [f64; PLACES] = std::array::from_fn(|at| self.curve_spread(at));
        for one in 0..PLACES {
            for other in 0..PLACES {
                let part = |at: usize| (spread[at].max(CURVE_SPREAD_LEAST) / before[at]).min(1.0);
                self.covariance[one][other] *= part(one) * part(other);
            }
        }
    }

    /// The curve's standard deviation at a place, V.
    pub(super) fn curve_spread(&self, place: usize) -> f64 {
        sqrt(self.covariance[place][place].max(0.0))
    }
}

impl Gain {
    /// Moves the means of one hypothesis that expected `expected` before its errors, where `seen` was measured, with
    /// this much more variance of its own; only the part `holds` of its curve shows here. Answers the logarithm of its
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
