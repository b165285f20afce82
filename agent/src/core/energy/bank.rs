//! A bank of hypotheses: what the charge, the capacity and the curve of this battery could be, and how likely.
//!
//! Each hypothesis counts the same coulombs against its own capacity and is weighed by how well it foretells the
//! voltage. An unknown start is a bank spread from empty to full; a battery older than its label is a capacity that
//! wins. Percentiles of the bank are the band. When few hypotheses carry the weight, they are drawn anew around the
//! likely ones (systematic resampling, with offsets from a fixed sequence: nothing here is random).

use libm::{exp, sqrt};

use super::cell::{Cell, Shape};
use super::chance::{bell, even, mixed};
use super::drift::{Drift, ERRORS_START, Errors, FAST, SLOW, STEADY, WANDER};

/// How many hypotheses.
pub(super) const COUNT: usize = 192;
/// Below empty, a hypothesis may still run a little: the label's rate is not the site's.
const SOC_LEAST: f64 = -0.05;
/// Bins of the weighted percentile.
const BINS: usize = 96;

/// One hypothesis.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hypothesis {
    /// State of charge.
    pub(super) soc: f64,
    /// Capacity, in parts of the label's.
    pub(super) size: f64,
    /// Its curve.
    pub(super) shape: Shape,
    /// Its own errors of the reading.
    pub(super) errors: Errors,
    /// Logarithm of its weight, and the weight.
    log_weight: f64,
    weight: f64,
}

/// What is believed of the state of charge when a bank begins.
#[derive(Debug, Clone, Copy)]
pub(super) enum Start {
    /// Nothing.
    Unknown,
    /// About this, give or take; `trust` is the part of the bank that believes it, the rest is spread.
    About { soc: f64, spread: f64, trust: f64 },
}

/// The capacity and the errors, as far as an earlier life knew them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Belief {
    /// Capacity in parts of the label's, at evenly spaced probabilities from 0 to 1.
    pub(super) sizes: [f64; SIZES],
    /// Steady voltage offset and its spread, V.
    pub(super) offset: (f64, f64),
    /// Resistance in parts of the datasheet's, quick and slow, and its spread.
    pub(super) resistance: (f64, f64, f64),
    /// Where its usable end lies off the datasheet's, and the spread ([`Shape::end`]).
    pub(super) end: (f64, f64),
}

/// How many points describe what is known of the capacity.
pub(super) const SIZES: usize = 9;

impl Belief {
    /// Of a battery never seen: most hold what the label says, some are old.
    pub(super) fn fresh(offset_spread: f64) -> Self {
        Self {
            sizes: [0.55, 0.92, 0.977, 0.989, 1.0, 1.01, 1.022, 1.042, 1.1],
            offset: (0.0, offset_spread),
            resistance: (1.0, 1.0, 0.5),
            end: (0.0, 1.0),
        }
    }

    fn size_at(&self, probability: f64) -> f64 {
        let place = probability.clamp(0.0, 1.0) * (SIZES - 1) as f64;
        let below = (place as usize).min(SIZES - 2);
        self.sizes[below] + (place - below as f64) * (self.sizes[below + 1] - self.sizes[below])
    }
}

/// What a stretch of discharge looked like.
#[derive(Debug, Clone, Copy)]
pub(super) struct View {
    /// Mean voltage, V.
    pub(super) volts: f64,
    /// Mean current, A.
    pub(super) amps: f64,
    /// Current behind the slow RC pair, A.
    pub(super) amps_slow: f64,
    /// Battery temperature, C.
    pub(super) celsius: f64,
    /// Variance of what the equation leaves out, V^2.
    pub(super) noise: f64,
}

/// The hypotheses and what they share.
#[derive(Debug, Clone)]
pub(super) struct Bank {
    all: Box<[Hypothesis; COUNT]>,
    drift: Drift,
    counter: u64,
}

impl Bank {
    pub(super) fn new(cell: &Cell, start: Start, belief: &Belief) -> Self {
        let blank = Hypothesis {
            soc: 0.5,
            size: 1.0,
            shape: Shape { knee: 1.0, end: 0.0 },
            errors: ERRORS_START,
            log_weight: 0.0,
            weight: 1.0,
        };
        let mut all = Box::new([blank; COUNT]);
        for (index, one) in all.iter_mut().enumerate() {
            one.size = belief.size_at(even(index, 1));
            let end = belief.end.0 + belief.end.1 * bell(even(index, 3));
            one.shape = Shape { knee: exp(0.4 * bell(even(index, 2))), end };
            one.errors[STEADY] = belief.offset.0;
            one.errors[FAST] = belief.resistance.0;
            one.errors[SLOW] = belief.resistance.1;
        }
        let drift = Drift::new(belief.offset.1, cell.wander(), belief.resistance.2);
        let mut bank = Self { all, drift, counter: 0 };
        bank.place(start);
        bank
    }

    /// Puts the state of charge anew; capacity and errors stay.
    pub(super) fn place(&mut self, start: Start) {
        for (index, one) in self.all.iter_mut().enumerate() {
            let along = even(index, 0);
            one.soc = match start {
                Start::About { soc, spread, trust } if along < trust => {
                    around(soc, spread, bell(along / trust))
                }
                Start::About { trust, .. } => unknown((along - trust) / (1.0 - trust)),
                Start::Unknown => unknown(along),
            };
        }
    }

    /// Counts charge: out of the battery (discharge) and into it, both as read, in Ah; `efficiency` of the latter stays.
    pub(super) fn count(&mut self, cell: &Cell, out: f64, into: f64, efficiency: f64) {
        for one in self.all.iter_mut() {
            let stored = into * (efficiency + 0.01 * one.shape.end).min(1.0);
            one.soc = (one.soc + (stored - out) / (one.size * cell.label)).clamp(SOC_LEAST, 1.0);
        }
    }

    /// So much charge moved (parts of the capacity) in so many hours, in whatever direction, at this temperature.
    pub(super) fn pass(&mut self, cell: &Cell, moved: f64, hours: f64, celsius: f64) {
        let keep = self.drift.pass(moved, hours, cell.wander_factor(celsius));
        for one in self.all.iter_mut() {
            one.errors[WANDER] *= keep;
        }
    }

    /// Nobody knows what flowed: each hypothesis takes another amount between these (parts of the capacity gained).
    pub(super) fn blur(&mut self, least: f64, most: f64) {
        for (index, one) in self.all.iter_mut().enumerate() {
            self.counter += 1;
            let part = 0.5 * (even(index, 3) + mixed(self.counter));
            one.soc = (one.soc + least + part * (most - least)).clamp(0.0, 1.0);
        }
    }

    /// Weighs all hypotheses by a stretch of discharge.
    pub(super) fn weigh(&mut self, cell: &Cell, view: &View) {
        let factor = cell.resistance * cell.resistance_factor(view.celsius);
        let row = [1.0, 1.0, -view.amps * factor, -view.amps_slow * factor];
        let gain = self.drift.look(row, view.noise);
        let amps = view.amps.max(0.0);
        let ends = cell.ends(amps, view.celsius);
        for one in self.all.iter_mut() {
            let end = ends.at(one.size);
            let expected = cell.voltage(one.soc, one.shape, end);
            let above = cell.voltage(one.soc + 0.01, one.shape, end);
            let steep = 0.7 * (above - expected);
            let holds = cell.offset_holds(expected);
            one.log_weight += gain.apply(&mut one.errors, view.volts, expected, steep * steep, holds);
        }
        self.settle();
    }

    /// How far the voltage lies off the datasheet at the charge that the hypotheses believe in, on their mean, V.
    pub(super) fn surprise(&self, cell: &Cell, view: &View) -> f64 {
        let factor = cell.resistance * cell.resistance_factor(view.celsius);
        let end = cell.end(view.amps.max(0.0) / cell.label, view.celsius);
        let (expected, _) = self.mean(|one| {
            let drop = (view.amps * one.errors[FAST] + view.amps_slow * one.errors[SLOW]) * factor;
            cell.voltage(one.soc, one.shape, end) - drop
        });
        view.volts - expected
    }

    /// The voltmeter itself may be this far off, V.
    pub(super) fn doubt_voltmeter(&mut self, volts: f64) {
        self.drift.loosen_steady(volts);
    }

    /// The resistance as seen in quick changes of the current, in parts of the datasheet's, with its variance.
    pub(super) fn see_resistance(&mut self, seen: f64, noise: f64) {
        let mut row = [0.0; super::drift::ERRORS];
        row[FAST] = 1.0;
        let gain = self.drift.look(row, noise);
        for one in self.all.iter_mut() {
            let _ = gain.apply(&mut one.errors, seen, 0.0, 0.0, 1.0);
        }
    }

    /// The battery is full: each hypothesis is judged by how near it was, and begins again from there.
    pub(super) fn full(&mut self, spread: f64) {
        let best = self.all.iter().map(|one| miss(one.soc) + one.log_weight).fold(f64::MIN, f64::max);
        let agrees = self.all.iter().any(|one| one.soc > 0.8);
        for (index, one) in self.all.iter_mut().enumerate() {
            if agrees {
                one.log_weight += miss(one.soc) - best;
            }
            one.soc = around(1.0, spread, bell(even(index, 0)));
        }
        self.settle();
    }

    /// Brings the weights to scale, and draws anew where few carry all.
    fn settle(&mut self) {
        let top = self.all.iter().map(|one| one.log_weight).fold(f64::MIN, f64::max);
        let (mut sum, mut squares) = (0.0, 0.0);
        for one in self.all.iter_mut() {
            one.log_weight = (one.log_weight - top).max(-40.0);
            one.weight = exp(one.log_weight);
            sum += one.weight;
            squares += one.weight * one.weight;
        }
        if sum * sum / squares < COUNT as f64 * 0.4 {
            self.draw(sum);
        }
    }

    /// Systematic resampling, with a little spread so that copies part again.
    fn draw(&mut self, sum: f64) {
        let (_, soc_spread) = self.mean(|one| one.soc);
        let (_, size_spread) = self.mean(|one| one.size);
        let old = self.all.clone();
        let step = sum / COUNT as f64;
        self.counter += 1;
        let (mut at, mut reached) = (0, old[0].weight);
        let offset = mixed(self.counter);
        for (index, one) in self.all.iter_mut().enumerate() {
            let wanted = (index as f64 + offset) * step;
            while reached < wanted && at + 1 < COUNT {
                at += 1;
                reached += old[at].weight;
            }
            *one = old[at];
            one.log_weight = 0.0;
            one.weight = 1.0;
            let counter = (self.counter << 12) + 8 * index as u64;
            let jitter = |axis: u64| bell(mixed(counter + axis));
            one.soc = (one.soc + 0.12 * soc_spread * jitter(0)).clamp(SOC_LEAST, 1.0);
            one.size = (one.size + 0.12 * size_spread * jitter(1)).clamp(0.2, 1.5);
            one.shape.knee = (one.shape.knee * exp(0.05 * jitter(2))).clamp(0.3, 3.0);
            one.shape.end = (one.shape.end + 0.12 * jitter(3)).clamp(-3.0, 3.0);
        }
    }

    /// Weighted mean and standard deviation of something.
    pub(super) fn mean(&self, value: impl Fn(&Hypothesis) -> f64) -> (f64, f64) {
        let (mut sum, mut first, mut second) = (0.0, 0.0, 0.0);
        for one in self.all.iter() {
            let value = value(one);
            sum += one.weight;
            first += one.weight * value;
            second += one.weight * value * value;
        }
        let mean = first / sum;
        (mean, sqrt((second / sum - mean * mean).max(0.0)))
    }

    /// Weighted percentiles of something, at rising probabilities.
    pub(super) fn percentiles<const P: usize>(
        &self,
        value: impl Fn(&Hypothesis) -> f64,
        probabilities: [f64; P],
    ) -> [f64; P] {
        let mut values = [(0.0, 0.0); COUNT];
        let (mut least, mut most) = (f64::MAX, f64::MIN);
        for (slot, one) in values.iter_mut().zip(self.all.iter()) {
            *slot = (value(one), one.weight);
            if slot.1 > 1e-6 {
                least = least.min(slot.0);
                most = most.max(slot.0);
            }
        }
        let width = ((most - least) / BINS as f64).max(1e-12);
        let (mut bins, mut sum) = ([0.0; BINS], 0.0);
        for (value, weight) in values.into_iter().filter(|slot| slot.1 > 1e-6) {
            bins[(((value - least) / width) as usize).min(BINS - 1)] += weight;
            sum += weight;
        }
        let (mut at, mut reached) = (0, 0.0);
        probabilities.map(|probability| {
            let wanted = probability * sum;
            while at + 1 < BINS && reached + bins[at] < wanted {
                reached += bins[at];
                at += 1;
            }
            let part = if bins[at] > 0.0 { ((wanted - reached) / bins[at]).clamp(0.0, 1.0) } else { 0.0 };
            least + (at as f64 + part) * width
        })
    }

    /// What a later life should believe of capacity and errors.
    pub(super) fn belief(&self) -> Belief {
        let even: [f64; SIZES] = std::array::from_fn(|at| at as f64 / (SIZES - 1) as f64);
        Belief {
            sizes: self.percentiles(|one| one.size, even),
            offset: (self.mean(|one| one.errors[STEADY]).0, self.drift.steady_spread()),
            resistance: (self.mean(|one| one.errors[FAST]).0, self.mean(|one| one.errors[SLOW]).0, 0.2),
            end: self.mean(|one| one.shape.end),
        }
    }
}

/// A state of charge of which nothing is known: anything, but a battery is often charged before it is put to work.
fn unknown(along: f64) -> f64 {
    const CHARGED: f64 = 0.2;
    if along < 1.0 - CHARGED {
        along / (1.0 - CHARGED)
    } else {
        let part = (along - (1.0 - CHARGED)) / CHARGED;
        1.0 - 0.03 * part * part
    }
}

/// A state of charge near one that was told: around it, but never beyond full or empty.
fn around(soc: f64, spread: f64, bell: f64) -> f64 {
    let value = soc + spread * bell;
    if value > 1.0 {
        2.0 - value
    } else if value < 0.0 {
        -value
    } else {
        value
    }
}

/// How little a hypothesis fits a full battery: counted charge errs by a few percent on the way up.
fn miss(soc: f64) -> f64 {
    let off = (soc - 1.0).min(0.0) / 0.04;
    -0.5 * off * off / (1.0 + off * off / 20.0)
}
