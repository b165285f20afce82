//! The present load: what the time to empty is told for.
//!
//! Long enough to see through a compiler run or a batch job, quick enough to follow a shed: a slow mean, that jumps
//! to the quick one where both differ for real.

use libm::exp;

const QUICK_SECONDS: f64 = 600.0;
const SLOW_SECONDS: f64 = 21_600.0;
/// Beyond these parts of the slow mean the load has changed, not wavered: a shed, or work begun in earnest.
const FALLEN: f64 = 0.6;
const RISEN: f64 = 1.6;

/// Means of the current, A.
#[derive(Debug, Clone, Default)]
pub(super) struct PresentLoad {
    quick: f64,
    slow: f64,
    seen: f64,
}

impl PresentLoad {
    pub(super) fn observe(&mut self, amps: f64, seconds: f64) {
        self.seen += seconds;
        let quick = QUICK_SECONDS.min(self.seen.max(1.0));
        let slow = SLOW_SECONDS.min(self.seen.max(1.0));
        self.quick += (amps - self.quick) * weight(seconds, quick);
        self.slow += (amps - self.slow) * weight(seconds, slow);
        let (least, most) = (FALLEN * self.slow, RISEN * self.slow);
        if self.quick < least.min(most) || self.quick > least.max(most) {
            self.slow = self.quick;
            self.seen = self.seen.min(QUICK_SECONDS);
        }
    }

    /// The mean current, A; negative while the battery charges.
    pub(super) fn amps(&self) -> f64 {
        self.slow
    }
}

/// How much a new value counts in an exponential mean.
pub(super) fn weight(seconds: f64, constant: f64) -> f64 {
    if seconds >= constant { 1.0 } else { 1.0 - exp(-seconds / constant) }
}
