//! A bank of hypotheses: what the charge, the capacity and the curve of this battery could be, and how likely.
//!
//! Each hypothesis counts the same coulombs against its own capacity and is weighed by how well it foretells the
//! voltage. An unknown start is a bank spread from empty to full; a battery older than its label is a capacity that
//! wins. Percentiles of the bank are the band. When few hypotheses carry the weight, they are drawn anew around the
//! likely ones (systematic resampling, with offsets from a fixed sequence: nothing here is random).

use libm::{exp, sqrt};

use super::cell::{Cell, SLOW_RESISTANCE, Shape, TRUST};
use super::chance::{bell, even, mixed};
use super::drift::{Drift, ERRORS, Errors, FAST, PLACES, SLOW, WANDER, curve, places};

/// How many hypotheses.
pub(super) const COUNT: usize = 192;
/// Below empty, a hypothesis may still run a little: the label's rate is not the site's.
pub(super) const SOC_LEAST: f64 = -0.05;
/// Spread of the taper between batteries ([`Cell::taper_hours`]), of its logarithm.
const TAPER_SPREAD: f64 = 0.7;
/// How far a charging battery's voltage may lie beyond what its charge allows, V: datasheet and voltmeter together.
const CHARGE_SPREAD: f64 = 0.08;
/// How much ten minutes of it weigh: the next ten say the same.
const CHARGE_TRUST: f64 = 0.15;
/// Spread of the losses between batteries, of their logarithm: those of an old one are four times a new one's.
const LOSS_SPREAD: f64 = 0.7;
/// Spread of how quickly batteries age, of its logarithm.
const WEAR_SPREAD: f64 = 0.7;
/// No next life is surer of a capacity than this, in parts of the label's.
const HUMBLE_SPREAD: f64 = 0.03;
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
    /// Its losses while it is charged, against the datasheet's.
    pub(super) loss: f64,
    /// How quickly it ages, against the datasheet.
    pub(super) wears: f64,
    /// For how many hours its tail current would still have to flow when it is found full ([`Cell::taper_hours`]).
    pub(super) taper: f64,
    /// Charged beyond full since it was last known to be full, in parts of its capacity: it was not that full.
    pub(super) over: f64,
    /// Its own errors of the reading.
    pub(super) errors: Errors,
    /// Logarithm of its weight, and the weight.
    pub(super) log_weight: f64,
    pub(super) weight: f64,
}

/// What is believed of the state of charge when a bank begins.
#[derive(Debug, Clone, Copy)]
pub(super) enum Start {
    /// Nothing.
    Unknown,
    /// About this, give or take; `trust` is the part of the bank that believes it, the rest is spread.
    About { soc: f64, spread: f64, trust: f64 },
    /// It was about this, and for an unknown time nobody looked.
    Was { soc: f64, spread: f64 },
}

impl Start {
    /// Charge drawn since full, in parts of the capacity, as far as it is known.
    pub(super) fn drawn(self) -> f64 {
        match self {
            Self::About { soc, trust, .. } if trust > 0.9 => 1.0 - soc,
            Self::Was { soc, .. } => 1.0 - soc,
            Self::Unknown | Self::About { .. } => 0.0,
        }
    }

    /// Whether the charge drawn since full is known well enough to say where on the curve the battery stands.
    pub(super) fn is_placed(self) -> bool {
        matches!(self, Self::About { trust, .. } if trust > 0.9)
    }
}

/// The capacity and the errors, as far as an earlier life knew them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Belief {
    /// Capacity in parts of the label's, at evenly spaced probabilities from 0 to 1.
    pub(super) sizes: [f64; SIZES],
    /// How far this battery's curve lies off its datasheet, V, at the [`PLACES`] of charge drawn since full.
    pub(super) curve: [f64; PLACES],
    /// How sure that is, V; `None` before anything was learned.
    pub(super) curve_spread: Option<[f64; PLACES]>,
    /// Resistance in parts of the datasheet's, quick and slow, and its spread.
    pub(super) resistance: (f64, f64, f64),
    /// Where its usable end lies off the datasheet's, and the spread ([`Shape::end`]).
    pub(super) end: (f64, f64),
    /// Hours of its taper, and the spread of their logarithm; `None` where the datasheet's is all there is.
    pub(super) taper: Option<(f64, f64)>,
}

/// How many points describe what is known of the capacity.
pub(super) const SIZES: usize = 9;

impl Belief {
    /// Of a battery never seen: most hold about what the label says, one in eight is old.
    pub(super) fn fresh(cell: &Cell) -> Self {
        // IEC 60896 asks 95 % of a new one, good ones hold more than their label; a shunt is off by a few percent. An
        // old LiFePO4 battery is only told in its knee, so that more must be allowed for.
        let [old, used] = if cell.is_lead() { [0.74, 0.945] } else { [0.68, 0.93] };
        Self {
            sizes: [0.55, old, used, 0.985, 1.0, 1.015, 1.035, 1.06, 1.12],
            curve: [0.0; PLACES],
            curve_spread: None,
            resistance: (1.0, SLOW_RESISTANCE, 0.5),
            end: (0.0, 1.0),
            taper: None,
        }
    }

    /// The same, but no surer of the capacity than anybody can be.
    pub(super) fn humble(mut self) -> Self {
        let middle = self.sizes[SIZES / 2];
        let spread =
            self.sizes.iter().map(|size| (size - middle) * (size - middle)).sum::<f64>() / SIZES as f64;
        let least = HUMBLE_SPREAD * HUMBLE_SPREAD;
        let wider = sqrt(1.0 + least / spread.max(0.01 * least));
        self.sizes = self.sizes.map(|size| (middle + (size - middle) * wider).clamp(0.1, 2.0));
        self
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
    /// Charge drawn since full, in parts of the label's capacity.
    pub(super) drawn: f64,
    /// Battery temperature, C.
    pub(super) celsius: f64,
    /// Variance of what the equation leaves out, V^2.
    pub(super) noise: f64,
    /// How well `drawn` places it on the curve, 0 to 1.
    pub(super) places: f64,
}

/// The hypotheses and what they share.
#[derive(Debug, Clone)]
pub(super) struct Bank {
    pub(super) all: Box<[Hypothesis]>,
    drift: Drift,
    /// What an earlier life learned of the curve ([`Belief::curve`]), which holds by each hypothesis' own charge; the errors
    /// are what lies off that.
    curve: [f64; PLACES],
    /// How sure that is, V.
    known: Option<[f64; PLACES]>,
    /// How much more the battery resists now than full, on the mean.
    rise: f64,
    pub(super) counter: u64,
    /// Charge moved since the count was last doubted, in parts of the label's capacity.
    pub(super) moved: f64,
    /// No capacity is known better than this ([`Cell::size_spread_least`]).
    pub(super) size_spread_least: f64,
    /// The capacity as this life began to believe it.
    sizes: [f64; SIZES],
}

impl Bank {
    pub(super) fn new(cell: &Cell, start: Start, belief: &Belief) -> Self {
        let blank = Hypothesis {
            soc: 0.5,
            size: 1.0,
            shape: Shape { knee: 1.0, end: 0.0 },
            loss: 1.0,
            wears: 1.0,
            taper: cell.taper_hours(),
            over: 0.0,
            errors: [0.0; ERRORS],
            log_weight: 0.0,
            weight: 1.0,
        };
        let mut all = vec![blank; COUNT].into_boxed_slice();
        for (index, one) in all.iter_mut().enumerate() {
            one.size = belief.size_at(even(index, 1));
            let end = belief.end.0 + belief.end.1 * bell(even(index, 3));
            one.shape = Shape { knee: exp(0.4 * bell(even(index, 2))), end };
            one.loss = exp(LOSS_SPREAD * bell(mixed(index as u64)));
            one.wears = wears(bell(mixed((1000 + index) as u64)));
            let (taper, spread) = belief.taper.unwrap_or((one.taper, TAPER_SPREAD));
            one.taper = taper * exp(spread * bell(mixed((4000 + index) as u64)));
            one.errors[FAST] = belief.resistance.0;
            one.errors[SLOW] = belief.resistance.1;
        }
        let mut drift = Drift::new(cell.steady_spread(), cell.wander(), belief.resistance.2);
        if let Some(spread) = belief.curve_spread {
            drift.know(spread);
        }
        let mut bank = Self {
            all,
            drift,
            curve: belief.curve,
            known: belief.curve_spread,
            rise: 1.0,
            counter: 0,
            moved: 0.0,
            size_spread_least: cell.size_spread_least(),
            sizes: belief.sizes,
        };
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
                Start::Was { soc, spread } => since(soc, spread, along),
                Start::Unknown => unknown(along),
            };
            one.over = 0.0;
        }
    }

    /// Counts charge, in Ah: out of the battery (discharge) and into it as read, and what a new one loses meanwhile.
    pub(super) fn count(&mut self, cell: &Cell, out: f64, into: f64, lost: f64) {
        for one in &mut self.all {
            let gained = (into - out - lost * one.loss) / (one.size * cell.label);
            let soc = one.soc + gained;
            one.over += (soc - 1.0).max(0.0);
            one.soc = soc.clamp(SOC_LEAST, 1.0);
        }
    }

    /// So much charge moved (parts of the capacity) in whatever direction, so many hours passed.
    pub(super) fn pass(&mut self, cell: &Cell, moved: f64, hours: f64, celsius: f64) {
        let (keep, keep_curve) = self.drift.pass(moved, hours);
        for one in &mut self.all {
            one.errors[WANDER] *= keep;
            one.errors[..PLACES].iter_mut().for_each(|error| *error *= keep_curve);
        }
        self.wear(cell, moved, hours, celsius);
        self.doubt_count(moved);
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
        let mut row = [0.0; ERRORS];
        row[..PLACES].copy_from_slice(&places(view.drawn));
        row[WANDER] = 1.0;
        let amps = view.amps.max(0.0);
        let ends = cell.ends(amps, view.celsius);
        // All share the gains, so they look through the resistance of the mean; each expects the drop over its own.
        let (rise, _) = self.mean(|one| cell.rise(one.soc, ends.at(one.size)));
        self.rise = rise;
        row[FAST] = -view.amps * factor * rise;
        let amps_slow = view.amps_slow * cell.slow_factor(view.celsius);
        row[SLOW] = -amps_slow * factor * rise;
        self.drift.allow(cell.wander_factor(view.celsius));
        let gain = self.drift.look(row, view.noise, view.places);
        // How steep the curve is says how much an error in charge shows. One for all: were it each hypothesis' own, those on
        // flatter places would be likelier for that alone, day after day, and a larger battery stands on a flatter place.
        let (steep, _) = self.mean(|one| {
            let end = ends.at(one.size);
            cell.voltage(one.soc + 0.01, one.shape, end) - cell.voltage(one.soc, one.shape, end)
        });
        let steep = 0.7 * steep;
        for one in &mut self.all {
            let end = ends.at(one.size);
            let apart = cell.rise(one.soc, end) - rise;
            let drop = (view.amps * one.errors[FAST] + amps_slow * one.errors[SLOW]) * factor * apart;
            let expected = cell.voltage(one.soc, one.shape, end);
            let holds = cell.offset_holds(expected);
            let expected = expected + holds * curve(&self.curve, &places((1.0 - one.soc) * one.size));
            one.log_weight +=
                TRUST * gain.apply(&mut one.errors, view.volts, expected - drop, steep * steep, holds);
        }
        self.settle();
    }

    /// Weighs all hypotheses by the voltage of a charge: it says little of the charge, and rules out much.
    pub(super) fn weigh_charge(&mut self, cell: &Cell, volts: f64, amps: f64, celsius: f64) {
        for one in &mut self.all {
            let Some((least, most)) = cell.charged(one.soc, amps, celsius) else { return };
            let offset = curve(&self.curve, &places((1.0 - one.soc) * one.size));
            let off = ((least + offset - volts).max(volts - most - offset).max(0.0) / CHARGE_SPREAD).min(5.0);
            one.log_weight -= CHARGE_TRUST * 0.5 * off * off;
        }
        self.settle();
    }

    /// How far the voltage lies off the datasheet at the charge that the hypotheses believe in, on their mean, V.
    pub(super) fn surprise(&self, cell: &Cell, view: &View) -> f64 {
        let factor = cell.resistance * cell.resistance_factor(view.celsius);
        let end = cell.end(view.amps.max(0.0) / cell.label, view.celsius);
        let amps_slow = view.amps_slow * cell.slow_factor(view.celsius);
        let (expected, _) = self.mean(|one| {
            let drop = (view.amps * one.errors[FAST] + amps_slow * one.errors[SLOW]) * factor;
            cell.voltage(one.soc, one.shape, end) - drop * cell.rise(one.soc, end)
        });
        view.volts - expected
    }

    /// How far the curve of a hypothesis lies off the datasheet where it will be empty, V; `drawn` since full until now.
    pub(super) fn offset_when_empty(&self, one: &Hypothesis, drawn: f64) -> f64 {
        curve(&self.curve, &places(one.size)) + curve(&one.errors, &places(drawn + one.soc * one.size))
    }

    /// Forgets what was learned of the curve; the resistance stays.
    pub(super) fn forget_curve(&mut self, cell: &Cell) {
        let (_, spread) = self.mean(|one| one.errors[FAST]);
        for one in &mut self.all {
            one.errors[..PLACES].fill(0.0);
            one.errors[WANDER] = 0.0;
        }
        (self.curve, self.known) = ([0.0; PLACES], None);
        self.drift = Drift::new(cell.steady_spread(), cell.wander(), spread.max(0.2));
    }

    /// The voltmeter itself may be this far off, V.
    pub(super) fn doubt_voltmeter(&mut self, volts: f64) {
        self.drift.loosen_steady(volts);
    }

    /// The resistance as seen in quick changes of the current, in parts of the datasheet's, with its variance.
    pub(super) fn see_resistance(&mut self, seen: f64, noise: f64) {
        let mut row = [0.0; ERRORS];
        row[FAST] = self.rise;
        let gain = self.drift.look(row, noise, 1.0);
        for one in &mut self.all {
            let _ = gain.apply(&mut one.errors, seen, 0.0, 0.0, 1.0);
        }
    }

    /// How much more the battery resists now than full, on the mean.
    pub(super) fn rise(&self) -> f64 {
        self.rise
    }

    /// Brings the weights to scale, and draws anew where few carry all.
    pub(super) fn settle(&mut self) {
        let top = self.all.iter().map(|one| one.log_weight).fold(f64::MIN, f64::max);
        let (mut sum, mut squares) = (0.0, 0.0);
        for one in &mut self.all {
            one.log_weight = (one.log_weight - top).max(-40.0);
            one.weight = exp(one.log_weight);
            sum += one.weight;
            squares += one.weight * one.weight;
        }
        if sum * sum / squares < COUNT as f64 * 0.4 {
            self.draw(sum);
        }
    }

    /// Weighted mean and standard deviation of something.
    pub(super) fn mean(&self, value: impl Fn(&Hypothesis) -> f64) -> (f64, f64) {
        let (mut sum, mut first, mut second) = (0.0, 0.0, 0.0);
        for one in &self.all {
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

    /// What a later life should believe of capacity and errors. Where the charge drawn since full was never known
    /// (`placed`), nobody knows where on the curve its errors belong, nor what part of a capacity was drawn.
    pub(super) fn belief(&self, placed: bool) -> Belief {
        let even: [f64; SIZES] = std::array::from_fn(|at| at as f64 / (SIZES - 1) as f64);
        let seen: [(f64, f64); PLACES] = std::array::from_fn(|at| self.mean(|one| one.errors[at]));
        let spread = std::array::from_fn(|at| libm::hypot(self.drift.curve_spread(at), seen[at].1));
        Belief {
            sizes: if placed { self.percentiles(|one| one.size, even) } else { self.sizes },
            curve: if placed { std::array::from_fn(|at| self.curve[at] + seen[at].0) } else { self.curve },
            curve_spread: if placed { Some(spread) } else { self.known },
            resistance: (self.mean(|one| one.errors[FAST]).0, self.mean(|one| one.errors[SLOW]).0, 0.2),
            end: self.mean(|one| one.shape.end),
            taper: Some(self.taper()),
        }
    }
}

/// How quickly a battery ages against the datasheet, for a bell-shaped value: on the mean as it says.
pub(super) fn wears(bell: f64) -> f64 {
    exp(WEAR_SPREAD * bell - 0.5 * WEAR_SPREAD * WEAR_SPREAD)
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

/// A state of charge that was about this, an unknown time ago. What was off that long was mostly off with everything
/// else, and was woken because the battery was charged: more is likelier than less. And whatever else may have been.
fn since(soc: f64, spread: f64, along: f64) -> f64 {
    const SAME: f64 = 0.4;
    const MORE: f64 = 0.35;
    const LESS: f64 = 0.1;
    if along < SAME {
        return around(soc, spread, bell(along / SAME));
    }
    if along < SAME + MORE {
        return soc + (1.0 - soc) * (along - SAME) / MORE;
    }
    if along < SAME + MORE + LESS {
        return soc * (along - SAME - MORE) / LESS;
    }
    unknown((along - SAME - MORE - LESS) / (1.0 - SAME - MORE - LESS))
}

/// A state of charge near one that was told: around it, but never beyond full or empty.
pub(super) fn around(soc: f64, spread: f64, bell: f64) -> f64 {
    let value = soc + spread * bell;
    let folded = if value > 1.0 { 2.0 - value } else { value };
    folded.clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::energy::anchors::{MISS_SPREAD, TAPER_MISS};
    use crate::core::energy::tests::battery;
    use hardware::battery::Chemistry;

    fn bank() -> (Cell, Bank) {
        let cell = Cell::new(&battery(Chemistry::Agm, 100.0));
        let start = Start::About { soc: 1.0, spread: 0.01, trust: 1.0 };
        let bank = Bank::new(&cell, start, &Belief::fresh(&cell));
        (cell, bank)
    }

    #[test]
    fn a_count_that_is_off_from_full_to_full_speaks_for_no_capacity() {
        for into in [29.0, 30.0, 31.0] {
            let (cell, mut bank) = bank();
            let before = bank.mean(|one| one.size).0;
            for _ in 0..60 {
                bank.count(&cell, 30.0, 0.0, 0.0);
                bank.count(&cell, 0.0, into, 0.0);
                bank.doubt_taper();
                bank.full(0.03, MISS_SPREAD);
            }
            let moved = bank.mean(|one| one.size).0 - before;
            // Two months without another sign: half of what a capacity is ever known to.
            assert!(moved.abs() < 0.03, "{into} Ah for 30: the capacity moved by {moved}");
        }
    }

    #[test]
    fn what_flows_while_the_tail_halves_says_how_much_is_lacking() {
        for (hours, lacks) in [(0.5, 0.01..0.025), (3.0, 0.045..0.08)] {
            let (cell, mut bank) = bank();
            for _ in 0..20 {
                bank.count(&cell, 30.0, 25.0, 0.0);
                bank.doubt_taper();
                bank.full(0.04, MISS_SPREAD);
                // An exponential taper: the current's fall over its time constant.
                bank.count(&cell, 0.0, 0.02 * hours * 100.0, 0.0);
                bank.full(0.02, TAPER_MISS);
            }
            let lacking = 1.0 - bank.mean(|one| one.soc).0;
            assert!(lacks.contains(&lacking), "{hours} h: {lacking}");
        }
    }

    #[test]
    fn a_battery_that_is_cycled_for_a_year_is_believed_smaller_and_less_surely() {
        let (cell, mut bank) = bank();
        let (before, sure) = bank.mean(|one| one.size);
        for _ in 0..365 {
            bank.pass(&cell, 0.5, 24.0, 25.0);
        }
        let (after, spread) = bank.mean(|one| one.size);
        assert!((0.04..0.16).contains(&(before - after)), "{before} became {after}");
        assert!(spread > sure, "{sure} became {spread}");
    }
}
