//! How clear the last hours were: what one who looks back knows of the hours to come.

use protocol::Power;

use super::STEP;
use super::fleet::SLOTS;

/// Classes of clearness, equally often each.
pub(super) const CLASSES: usize = 6;
/// Hours of usual sun over which the past fades.
const MEMORY_HOURS: f64 = 6.0;
/// A usual day's sun is so many hours of its usual middle.
const DAY_HOURS: f64 = 10.0;

/// The usual sun of each slot of a day, W.
#[derive(Debug, Clone)]
pub(super) struct Usual {
    sums: Vec<f64>,
    counts: Vec<f64>,
    day: f64,
}

impl Default for Usual {
    fn default() -> Self {
        Self { sums: vec![0.0; SLOTS], counts: vec![0.0; SLOTS], day: 0.0 }
    }
}

impl Usual {
    /// Takes the sun of one slot.
    pub(super) fn learn(&mut self, slot: usize, sun: Power) {
        self.day -= self.at(slot);
        self.sums[slot] += sun.watts();
        self.counts[slot] += 1.0;
        self.day += self.at(slot);
    }

    /// The mean, W.
    fn at(&self, slot: usize) -> f64 {
        self.sums[slot] / f64::max(self.counts[slot], 1.0)
    }

    /// The mean while the sun shines, about, W.
    fn middle(&self) -> f64 {
        let hours = STEP.as_secs_f64() / 3600.0;
        f64::max(self.day * hours / DAY_HOURS, 1e-9)
    }
}

/// The sun of late against the usual one, which fades as the usual sun passes: by night it stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clearness {
    gained: f64,
    usual: f64,
}

impl Default for Clearness {
    fn default() -> Self {
        Self { gained: 1.0, usual: 1.0 }
    }
}

impl Clearness {
    /// Takes the sun of a step.
    pub(super) fn learn(&mut self, sun: Power, usual: &Usual, slot: usize) {
        let part = STEP.as_secs_f64() / 3600.0 / MEMORY_HOURS;
        let expected = usual.at(slot) / usual.middle();
        let keep = 1.0 - part * expected.min(1.0);
        self.gained = self.gained * keep + part * sun.watts() / usual.middle();
        self.usual = self.usual * keep + part * expected;
    }

    /// 1 is as clear as usual.
    pub(super) fn value(self) -> f64 {
        self.gained / f64::max(self.usual, 1e-9)
    }
}

/// What parts the classes, from many values.
pub(super) fn cuts(years: &[Vec<f64>]) -> [f64; CLASSES - 1] {
    let mut all: Vec<f64> = years.iter().flatten().copied().collect();
    all.sort_by(f64::total_cmp);
    std::array::from_fn(|at| all.get(all.len() * (at + 1) / CLASSES).copied().unwrap_or(1.0))
}

/// The class of a value, from the dullest on.
pub(super) fn class(value: f64, cuts: &[f64; CLASSES - 1]) -> usize {
    cuts.iter().filter(|cut| value > **cut).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A day whose sun is this from slot 24 on, for 48 slots.
    fn usual(watts: f64) -> Usual {
        let mut usual = Usual::default();
        for slot in 0..SLOTS {
            let sun = if (24..72).contains(&slot) { watts } else { 0.0 };
            usual.learn(slot, Power::from_watts(sun));
        }
        usual
    }

    #[test]
    fn a_dull_day_is_remembered_over_the_night_and_forgotten_in_clear_hours() {
        let usual = usual(100.0);
        let mut clearness = Clearness::default();
        let day = |clearness: &mut Clearness, watts: f64| {
            for slot in 0..SLOTS {
                let sun = if (24..72).contains(&slot) { watts } else { 0.0 };
                clearness.learn(Power::from_watts(sun), &usual, slot);
            }
        };
        day(&mut clearness, 100.0);
        assert!((clearness.value() - 1.0).abs() < 1e-9);
        day(&mut clearness, 20.0);
        assert!(clearness.value() < 0.4, "{}", clearness.value());
        let dusk = clearness.value();
        for slot in (72..SLOTS).chain(0..24) {
            clearness.learn(Power::ZERO, &usual, slot);
        }
        assert!((clearness.value() - dusk).abs() < 1e-9, "nothing is learned by night");
        day(&mut clearness, 100.0);
        assert!(clearness.value() > 0.8, "{}", clearness.value());
    }

    #[test]
    fn classes_are_equally_often() {
        let cuts = cuts(&[(0..600).map(f64::from).collect()]);
        let counts = (0..600).fold([0; CLASSES], |mut counts, value| {
            counts[class(f64::from(value), &cuts)] += 1;
            counts
        });
        assert!(counts.iter().all(|count| (99..=101).contains(count)), "{counts:?}");
    }
}
