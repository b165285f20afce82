//! How wrong the forecast has been: its own measured error is its uncertainty.
//!
//! `clouds` gives a mean and a spread. What came of it is kept as the error in units of that spread, apart for the rest
//! of a day and for days to come, and apart for forecasts of dull, middling and fair skies, because their errors are
//! skewed in opposite ways. Percentiles of the kept errors make the band. Before there are enough of them, a prior
//! stands in that is wider than a normal distribution.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::band::percentile;

/// So many errors of a kind are kept.
const KEPT_MAX: usize = 90;
/// What is believed before: 10th, 50th, 90th percentile, in spreads. A normal one has 1.28.
const PRIOR: [f64; 3] = [-1.7, 0.0, 1.7];
/// How many errors that is worth.
const PRIOR_COUNT: f64 = 8.0;
const PARTS: [f64; 3] = [0.1, 0.5, 0.9];

/// What is foretold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Horizon {
    /// The rest of a day that has begun.
    Rest,
    /// A day to come.
    Day,
}

/// The skies that are told apart: forecasts below 85 % of the mean, up to 108 % of it, and above.
const SKIES: [f64; 2] = [0.85, 1.08];

/// The errors that are kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Errors {
    kinds: Vec<VecDeque<f64>>,
    #[serde(skip, default = "Errors::prior")]
    bands: Vec<[f64; 3]>,
}

/// Horizons times skies.
const KINDS: usize = 6;

fn kind(horizon: Horizon, against_mean: f64) -> usize {
    let sky = SKIES.iter().filter(|edge| against_mean > **edge).count();
    match horizon {
        Horizon::Rest => sky,
        Horizon::Day => 3 + sky,
    }
}

impl Errors {
    fn prior() -> Vec<[f64; 3]> {
        vec![PRIOR; KINDS]
    }

    pub(super) fn new() -> Self {
        Self { kinds: vec![VecDeque::new(); KINDS], bands: Self::prior() }
    }

    /// Whether what was kept can be what was written; computes again what follows from it.
    pub(super) fn restored(mut self) -> Option<Self> {
        let sound = self.kinds.len() == KINDS
            && self
                .kinds
                .iter()
                .all(|errors| errors.len() <= KEPT_MAX && errors.iter().all(|error| error.abs() <= 100.0));
        if !sound {
            return None;
        }
        for kind in 0..KINDS {
            self.study(kind);
        }
        Some(self)
    }

    /// Something foretold, `error` spreads off. `against_mean` is the foretold clearness as part of the mean one.
    pub(super) fn keep(&mut self, horizon: Horizon, against_mean: f64, error: f64) {
        let kind = kind(horizon, against_mean);
        let Some(errors) = self.kinds.get_mut(kind) else { return };
        if errors.len() == KEPT_MAX {
            errors.pop_front();
        }
        errors.push_back(error.clamp(-100.0, 100.0));
        self.study(kind);
    }

    fn study(&mut self, kind: usize) {
        let (Some(errors), Some(band)) = (self.kinds.get(kind), self.bands.get_mut(kind)) else { return };
        let mut sorted: Vec<f64> = errors.iter().copied().collect();
        sorted.sort_by(f64::total_cmp);
        let count = sorted.len() as f64;
        for ((value, prior), part) in band.iter_mut().zip(PRIOR).zip(PARTS) {
            let measured = percentile(&sorted, part).unwrap_or(prior);
            *value = (prior * PRIOR_COUNT + measured * count) / (PRIOR_COUNT + count);
        }
    }

    /// 10th, 50th and 90th percentile of the error, in spreads.
    pub(super) fn band(&self, horizon: Horizon, against_mean: f64) -> [f64; 3] {
        self.bands.get(kind(horizon, against_mean)).copied().unwrap_or(PRIOR)
    }

    /// How many errors of whole days were measured.
    pub(super) fn days(&self) -> usize {
        self.kinds.iter().skip(3).map(VecDeque::len).sum()
    }
}
