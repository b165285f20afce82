//! What the estimator carries over a restart.

use protocol::Soc;
use serde::{Deserialize, Serialize};

use super::bank::{Belief, SIZES};
use super::drift::PLACES;

/// State of charge, capacity, resistance and sensor errors, as far as they were learned. Opaque to all but the
/// estimator; some hundred bytes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Learned {
    /// Best state of charge when it was written; `None` when it was not known.
    pub soc: Option<Soc>,
    /// One standard deviation of it, in parts of the capacity.
    pub(super) spread: f32,
    /// Capacity in parts of the label's, at evenly spaced probabilities.
    pub(super) sizes: [f32; SIZES],
    /// How far its curve lies off the datasheet at evenly spaced charges drawn since full, V.
    pub(super) curve: [f32; PLACES],
    /// How sure that is, V; zero before anything was learned.
    pub(super) curve_spread: [f32; PLACES],
    /// Resistance in parts of the datasheet's: quick, slow, spread.
    pub(super) resistance: [f32; 3],
    /// Where its usable end lies off the datasheet's, and the spread, in standard deviations.
    pub(super) end: [f32; 2],
    /// Hours of the taper, and the spread of their logarithm; zero in what an earlier version wrote.
    pub(super) taper: [f32; 2],
    /// What the current reads when nothing flows, with losses nobody else accounts for, A.
    pub(super) leak: f32,
    /// Whether the shunt was found wired the other way round.
    pub(super) reversed: bool,
}

impl Learned {
    /// What it says of capacity and errors. `None` when it cannot have been written by an estimator.
    pub(super) fn belief(&self) -> Option<Belief> {
        let sizes = self.sizes.map(f64::from);
        let sane = sizes.is_sorted() && sizes.iter().all(|size| (0.1..=2.0).contains(size));
        let (curve, spread) = (self.curve.map(f64::from), self.curve_spread.map(f64::from));
        let [quick, slow, loose] = self.resistance.map(f64::from);
        let [taper, taper_spread] = self.taper.map(f64::from);
        let [end, end_spread] = self.end.map(f64::from);
        let sane = sane
            && end.abs() < 10.0
            && end_spread.is_finite()
            && curve.iter().all(|volts| volts.abs() < 2.0)
            && spread.iter().all(|volts| (0.0..2.0).contains(volts))
            && taper.is_finite()
            && taper_spread.is_finite()
            && quick.is_finite()
            && slow.is_finite();
        sane.then(|| Belief {
            sizes,
            curve,
            curve_spread: spread.iter().all(|volts| *volts > 0.0).then_some(spread),
            resistance: (quick.clamp(0.1, 20.0), slow.clamp(0.0, 20.0), loose.clamp(0.05, 1.0)),
            end: (end, end_spread.clamp(0.3, 1.0)),
            taper: (taper > 0.0).then(|| (taper.clamp(0.01, 5.0), taper_spread.clamp(0.1, 1.0))),
        })
    }

    /// Writes down a belief.
    pub(super) fn of(belief: &Belief, soc: Option<Soc>, spread: f64, leak: f64, reversed: bool) -> Self {
        let (quick, slow, loose) = belief.resistance;
        Self {
            soc,
            spread: spread as f32,
            sizes: belief.sizes.map(|size| size as f32),
            curve: belief.curve.map(|volts| volts as f32),
            curve_spread: belief.curve_spread.unwrap_or_default().map(|volts| volts as f32),
            resistance: [quick as f32, slow as f32, loose as f32],
            end: [belief.end.0 as f32, belief.end.1 as f32],
            taper: belief.taper.map_or([0.0; 2], |(hours, spread)| [hours as f32, spread as f32]),
            leak: leak as f32,
            reversed,
        }
    }
}

/// [`Learned`] as the first version of the state file has it, field by field: before the taper was learned.
#[derive(Debug, Deserialize)]
pub struct FirstLearned(
    Option<Soc>,
    f32,
    [f32; SIZES],
    [f32; PLACES],
    [f32; PLACES],
    [f32; 3],
    [f32; 2],
    f32,
    bool,
);

impl From<FirstLearned> for Learned {
    fn from(first: FirstLearned) -> Self {
        let FirstLearned(soc, spread, sizes, curve, curve_spread, resistance, end, leak, reversed) = first;
        Self { soc, spread, sizes, curve, curve_spread, resistance, end, taper: [0.0; 2], leak, reversed }
    }
}
