//! How wrong the forecast has been: its own measured error is its uncertainty.
//!
//! `clouds` gives a mean and a spread. What came of it is kept as the error in units of that spread, apart for the rest
//! of a day and for days to come, and apart for forecasts of dull, middling and fair skies, because their errors are
//! skewed in opposite ways. Percentiles of the kept errors make the band. Before there are enough of them, a prior
//! stands in that is wider than a normal distribution.
//!
//! Whether the band then holds is measured too: where outcomes fall below it oftener than one time in ten, a lower
//! percentile is taken for its end, and where they do so less often, a higher one (adaptive conformal inference: Gibbs
//! and Candes, Advances in Neural Information Processing Systems 34, 2021). So it comes right in the long run whatever the weather's law.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::band::percentile;

/// So many errors of a kind are kept.
const KEPT_MAX: usize = 90;
/// What is believed before: 10th, 50th, 90th percentile, in spreads. A normal one has 1.28.
const PRIOR: [f64; 3] = [-1.8, 0.0, 1.8];
/// How many errors that is worth.
const PRIOR_COUNT: f64 = 8.0;
/// The part of the outcomes that is to lie below the band, and above it.
const OUTSIDE: f64 = 0.1;
/// How fast the percentiles follow what falls outside, and within which bounds.
const FOLLOW: f64 = 0.015;
const TAIL_MIN: f64 = 0.02;
const TAIL_MAX: f64 = 0.2;

/// What is foretold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Horizon {
    /// A day to come.
    Day,
    /// The rest of a day that has begun, before ten by the sun.
    Morning,
    /// The rest of a day, later.
    Rest,
}

/// The skies that are told apart: forecasts below 85 % of the mean, up to 108 % of it, and above.
const SKIES: [f64; 2] = [0.85, 1.08];

/// Horizons times skies.
const KINDS: usize = 9;

fn kind(horizon: Horizon, against_mean: f64) -> usize {
    let sky = SKIES.iter().filter(|edge| against_mean > **edge).count();
    match horizon {
        Horizon::Day => sky,
        Horizon::Morning => 3 + sky,
        Horizon::Rest => 6 + sky,
    }
}

/// The errors that are kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Errors {
    kinds: Vec<Kind>,
}

/// The errors of one kind of forecast.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Kind {
    errors: VecDeque<f64>,
    /// The parts of the kept errors that are cut off as the band's ends, below and above.
    tails: [f64; 2],
    #[serde(skip, default = "Kind::prior")]
    band: [f64; 3],
}

impl Kind {
    const fn prior() -> [f64; 3] {
        PRIOR
    }

    const fn new() -> Self {
        Self { errors: VecDeque::new(), tails: [OUTSIDE; 2], band: PRIOR }
    }

    fn is_sound(&self) -> bool {
        self.errors.len() <= KEPT_MAX
            && self.errors.iter().all(|error| error.abs() <= 100.0)
            && self.tails.iter().all(|tail| (TAIL_MIN..=TAIL_MAX).contains(tail))
    }

    fn keep(&mut self, error: f64) {
        let outside = [error < self.band[0], error > self.band[2]];
        for (tail, outside) in self.tails.iter_mut().zip(outside) {
            let missed = if outside { 1.0 } else { 0.0 };
            *tail = (*tail + FOLLOW * (OUTSIDE - missed)).clamp(TAIL_MIN, TAIL_MAX);
        }
        if self.errors.len() == KEPT_MAX {
            self.errors.pop_front();
        }
        self.errors.push_back(error.clamp(-100.0, 100.0));
        self.study();
    }

    fn study(&mut self) {
        let mut sorted: Vec<f64> = self.errors.iter().copied().collect();
        sorted.sort_by(f64::total_cmp);
        let count = sorted.len() as f64;
        let parts = [self.tails[0], 0.5, 1.0 - self.tails[1]];
        for ((value, prior), part) in self.band.iter_mut().zip(PRIOR).zip(parts) {
            let measured = percentile(&sorted, part).unwrap_or(prior);
            *value = (prior * PRIOR_COUNT + measured * count) / (PRIOR_COUNT + count);
        }
    }
}

impl Errors {
    pub(super) fn new() -> Self {
        Self { kinds: vec![Kind::new(); KINDS] }
    }

    /// Whether what was kept can be what was written; computes again what follows from it.
    pub(super) fn restored(mut self) -> Option<Self> {
        self.kinds.iter_mut().for_each(Kind::study);
        (self.kinds.len() == KINDS && self.kinds.iter().all(Kind::is_sound)).then_some(self)
    }

    /// Something foretold, `error` spreads off. `against_mean` is the foretold clearness as part of the mean one.
    pub(super) fn keep(&mut self, horizon: Horizon, against_mean: f64, error: f64) {
        if let Some(kind) = self.kinds.get_mut(kind(horizon, against_mean)) {
            kind.keep(error);
        }
    }

    /// 10th, 50th and 90th percentile of the error, in spreads.
    pub(super) fn band(&self, horizon: Horizon, against_mean: f64) -> [f64; 3] {
        self.kinds.get(kind(horizon, against_mean)).map_or(PRIOR, |kind| kind.band)
    }

    /// How many errors of whole days are kept.
    pub(super) fn days(&self) -> usize {
        self.kinds.iter().take(3).map(|kind| kind.errors.len()).sum()
    }
}
