//! The present load: what the time to empty is told for.
//!
//! A mean as long as what it is used for: with two hours left the last hour and a half says most, with a night left the
//! last hours do. A shed is followed at once: all means jump where the last minutes differ for real.

use libm::exp;

const QUICK_SECONDS: f64 = 600.0;
const MIDDLE_SECONDS: f64 = 5400.0;
const SLOW_SECONDS: f64 = 28_800.0;
/// Beyond these parts of the slow mean the load has changed, not wavered: a shed, or work begun in earnest.
const FALLEN: f64 = 0.6;
const RISEN: f64 = 1.6;
/// How long a burst is remembered, s.
const PEAK_SECONDS: f64 = 43_200.0;
/// Bursts above the mean, before any were seen and at the most.
const PEAK_USUAL: f64 = 1.5;
const PEAK_MOST: f64 = 2.5;
/// With so many hours left the middle mean counts alone, and with so many the slow one.
const HOURS_NEAR: f64 = 2.0;
const HOURS_FAR: f64 = 8.0;

/// Means of the power drawn from the battery, W, and of its voltage, V.
#[derive(Debug, Clone, Default)]
pub(super) struct PresentLoad {
    quick: f64,
    middle: f64,
    slow: f64,
    peak: f64,
    volts: f64,
    seen: f64,
}

impl PresentLoad {
    pub(super) fn observe(&mut self, volts: f64, amps: f64, seconds: f64) {
        let watts = volts * amps;
        self.seen += seconds;
        let mean = |mean: &mut f64, value: f64, constant: f64| {
            *mean += (value - *mean) * weight(seconds, constant.min(self.seen.max(1.0)));
        };
        mean(&mut self.quick, watts, QUICK_SECONDS);
        mean(&mut self.middle, watts, MIDDLE_SECONDS);
        mean(&mut self.slow, watts, SLOW_SECONDS);
        mean(&mut self.volts, volts, QUICK_SECONDS);
        self.peak += (self.middle - self.peak) * weight(seconds, PEAK_SECONDS);
        self.peak = self.peak.max(watts);
        let (least, most) = (FALLEN * self.slow, RISEN * self.slow);
        if self.quick < least.min(most) || self.quick > least.max(most) {
            self.slow = self.quick;
            self.middle = self.quick;
            self.peak = watts;
            self.seen = self.seen.min(QUICK_SECONDS);
        }
    }

    /// The mean power that matters with so many hours left, W; negative while the battery charges.
    pub(super) fn watts(&self, hours_left: f64) -> f64 {
        let far = ((hours_left - HOURS_NEAR) / (HOURS_FAR - HOURS_NEAR)).clamp(0.0, 1.0);
        self.middle + far * (self.slow - self.middle)
    }

    /// The voltage of the last minutes, V.
    pub(super) fn volts(&self) -> f64 {
        self.volts
    }

    /// The current of the last hour or two, A.
    pub(super) fn amps(&self) -> f64 {
        self.middle / self.volts.max(1.0)
    }

    /// The current of the last hours, A.
    pub(super) fn amps_slow(&self) -> f64 {
        self.slow / self.volts.max(1.0)
    }

    /// How much higher than its mean the load bursts: what meets the cut-off first.
    pub(super) fn peak(&self) -> f64 {
        let seen = (self.seen / PEAK_SECONDS).min(1.0);
        let ratio = if self.middle > 0.0 { self.peak / self.middle } else { PEAK_USUAL };
        (seen * ratio + (1.0 - seen) * ratio.max(PEAK_USUAL)).clamp(1.0, PEAK_MOST)
    }
}

/// How much a new value counts in an exponential mean.
pub(super) fn weight(seconds: f64, constant: f64) -> f64 {
    if seconds >= constant { 1.0 } else { 1.0 - exp(-seconds / constant) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_job_wavers_and_a_shed_is_followed() {
        let mut load = PresentLoad::default();
        for step in 0..3600 {
            // Twenty minutes on, forty off.
            let amps = if step % 360 < 120 { 2.8 } else { 2.0 };
            load.observe(12.0, amps, 10.0);
        }
        assert!((load.watts(10.0) - 27.2).abs() < 2.0, "{} W", load.watts(10.0));
        for _ in 0..90 {
            load.observe(12.0, 0.3, 10.0);
        }
        assert!(load.watts(10.0) < 12.0, "15 min after a shed: {} W", load.watts(10.0));
    }

    #[test]
    fn with_little_time_left_the_last_hours_count() {
        let mut load = PresentLoad::default();
        for _ in 0..2160 {
            load.observe(12.0, 2.0, 10.0);
        }
        for _ in 0..720 {
            load.observe(12.0, 2.6, 10.0);
        }
        assert!(load.watts(1.0) > load.watts(12.0) + 2.0, "{} and {} W", load.watts(1.0), load.watts(12.0));
    }

    #[test]
    fn a_burst_is_remembered_for_hours_and_fades() {
        let mut load = PresentLoad::default();
        for step in 0..8640 {
            let amps = if step == 4320 { 4.0 } else { 2.0 };
            load.observe(12.0, amps, 10.0);
            if step == 4320 + 360 {
                assert!((1.8..2.0).contains(&load.peak()), "an hour later: {}", load.peak());
            }
        }
        assert!(load.peak() < 1.5, "half a day later: {}", load.peak());
    }
}
