//! How a bank of hypotheses changes apart from what is seen: drawn anew where few carry all the weight, spread by what a
//! count misses, worn by age.

use libm::{exp, sqrt};

use super::bank::{Bank, COUNT, SOC_LEAST, wears};
use super::cell::Cell;
use super::chance::{bell, mixed};

/// By how much a bank that is surer than that is spread again when it is drawn anew.
const STRETCH_MOST: f64 = 1.15;
/// How far copies part, in parts of the spread, and how far all move to the mean before, so that the spread stays as it is
/// (J. Liu and M. West, "Combined parameter and state estimation in simulation-based filtering", 2001).
const JITTER: f64 = 0.12;
const SHRINK: f64 = 0.9928;
/// What a count is off by once the whole capacity moved, in parts of it: losses and gain are known to a percent.
const COUNT_SPREAD: f64 = 0.006;
/// So much must move (parts of the capacity) before that is looked at again.
const COUNT_EVERY: f64 = 0.5;
/// By how much the taper of one charge differs from that of the last, of its logarithm.
const TAPER_DOUBT: f64 = 0.05;
const HOURS_IN_YEAR: f64 = 8766.0;
/// Capacities that are believed at all, in parts of the label's.
const SIZE_LEAST: f64 = 0.2;
const SIZE_MOST: f64 = 1.5;

impl Bank {
    /// Systematic resampling, with a little spread so that copies part again.
    ///
    /// What nothing was seen of must not move by the draw: a few hundred hypotheses that are drawn anew a thousand times a year would
    /// else agree on a capacity by chance alone. So they are drawn in the order of their capacity, and the means of charge and
    /// capacity stay what the weights made them. How quickly a battery ages never shows within one draw and the next, and is taken
    /// from the datasheet's spread again each time.
    pub(super) fn draw(&mut self, sum: f64) {
        let (soc, soc_spread) = self.mean(|one| one.soc);
        let (size, size_spread) = self.mean(|one| one.size);
        // Many like views make many hypotheses surer than the equation deserves.
        let stretch = (self.size_spread_least / size_spread.max(1e-6)).clamp(1.0, STRETCH_MOST);
        let mut old = self.all.clone();
        old.sort_by(|one, other| one.size.total_cmp(&other.size));
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
            one.soc =
                (soc + (one.soc - soc) * SHRINK + JITTER * soc_spread * jitter(0)).clamp(SOC_LEAST, 1.0);
            let spread = JITTER * size_spread.max(self.size_spread_least) * jitter(1);
            one.size = (size + (one.size - size) * stretch * SHRINK + spread).clamp(SIZE_LEAST, SIZE_MOST);
            one.shape.knee = (one.shape.knee * exp(0.05 * jitter(2))).clamp(0.3, 3.0);
            one.shape.end = (one.shape.end + 0.12 * jitter(3)).clamp(-3.0, 3.0);
            one.loss = (one.loss * exp(0.1 * jitter(4))).clamp(0.1, 10.0);
            one.taper *= exp(0.08 * jitter(6));
            one.wears = wears(jitter(5));
        }
        self.centre(soc, size);
    }

    /// Moves all so that they have these means.
    fn centre(&mut self, soc: f64, size: f64) {
        let (soc, size) = (soc - self.mean(|one| one.soc).0, size - self.mean(|one| one.size).0);
        for one in &mut self.all {
            one.soc = (one.soc + soc).clamp(SOC_LEAST, 1.0);
            one.size = (one.size + size).clamp(SIZE_LEAST, SIZE_MOST);
        }
    }

    /// Age takes capacity, from each hypothesis another amount: a full cycle its part, and the calendar.
    pub(super) fn wear(&mut self, cell: &Cell, moved: f64, hours: f64, celsius: f64) {
        let (cycle, year) = cell.wear(celsius);
        let part = cycle * 0.5 * moved + year * hours / HOURS_IN_YEAR;
        for one in &mut self.all {
            one.size *= 1.0 - one.wears * part;
        }
    }

    /// How a charge ends changes with the weather and the battery's age: what was learned of it is doubted at each.
    pub(super) fn doubt_taper(&mut self) {
        for one in &mut self.all {
            self.counter += 1;
            one.taper = (one.taper * exp(TAPER_DOUBT * bell(mixed(self.counter << 20)))).clamp(0.02, 6.0);
        }
    }

    /// The longer it is counted, the less a count is worth: where the voltage says nothing, the band must not stay as narrow
    /// as it began.
    pub(super) fn doubt_count(&mut self, moved: f64) {
        self.moved += moved;
        if self.moved <= COUNT_EVERY {
            return;
        }
        let spread = COUNT_SPREAD * sqrt(std::mem::take(&mut self.moved));
        for one in &mut self.all {
            self.counter += 1;
            one.soc = (one.soc + spread * bell(mixed(self.counter << 20))).clamp(SOC_LEAST, 1.0);
        }
    }
}
