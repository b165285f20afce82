//! The present load: what the time to empty is told for.
//!
//! A mean as long as what it is used for: with two hours left the last hour and a half says most, with a night left the
//! last hours do. A change is followed at once: these means jump where the last minutes differ for real.
//!
//! But what began does not go on for ever: nodes that rest for three hours will work again before a battery that lasts
//! fifteen is empty. So the present load fades into the mean since the last charge, or of a day, the more the longer the
//! battery will last. Only what the node itself ordered is taken to stay ([`PresentLoad::begin_anew`]).

use libm::exp;

const QUICK_SECONDS: f64 = 600.0;
const MIDDLE_SECONDS: f64 = 5400.0;
const SLOW_SECONDS: f64 = 28_800.0;
/// Beyond these parts of the slow mean the load has changed, not wavered: a shed, or work begun in earnest.
const FALLEN: f64 = 0.6;
const RISEN: f64 = 1.6;
/// The mean that the present load fades into, s: a whole day and its night.
const LONG_SECONDS: f64 = 86_400.0;
/// Within so many hours it does, as an autoregressive process of this time constant would: work comes in shifts of hours.
const FADES_HOURS: f64 = 6.0;
/// After so many hours without a charge the long mean is believed.
const LONG_KNOWN_SECONDS: f64 = 21_600.0;
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
    long: f64,
    long_seen: f64,
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
        if self.quick < 0.0 {
            self.begin_anew();
        }
        self.long_seen += seconds;
        self.long += (watts - self.long) * weight(seconds, LONG_SECONDS.min(self.long_seen.max(1.0)));
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

    /// What was before says nothing of what comes: another stage, or the sun was there.
    pub(super) fn begin_anew(&mut self) {
        self.long_seen = 0.0;
    }

    /// The mean power that matters with so many hours left at the present load, W; negative while the battery charges.
    pub(super) fn watts(&self, hours_left: f64) -> f64 {
        let far = ((hours_left - HOURS_NEAR) / (HOURS_FAR - HOURS_NEAR)).clamp(0.0, 1.0);
        let present = self.middle + far * (self.slow - self.middle);
        let fades = (hours_left / FADES_HOURS).max(1e-6);
        let known = (self.long_seen / LONG_KNOWN_SECONDS).min(1.0);
        present + far * known * (1.0 - (1.0 - exp(-fades)) / fades) * (self.long - present)
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
        assert!(load.watts(1.0) < 12.0, "15 min after a shed: {} W", load.watts(1.0));
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

    /// Ten hours of work, then nodes that rest.
    fn resting(since_minutes: u64) -> PresentLoad {
        let mut load = PresentLoad::default();
        (0..3600).for_each(|_| load.observe(12.0, 2.5, 10.0));
        (0..since_minutes * 6).for_each(|_| load.observe(12.0, 0.3, 10.0));
        load
    }

    #[test]
    fn nodes_that_rest_will_work_again_before_a_long_time_is_over() {
        let load = resting(30);
        assert!(load.watts(0.5) < 9.0, "the next half hour: {} W", load.watts(0.5));
        assert!((15.0..25.0).contains(&load.watts(20.0)), "the next twenty hours: {} W", load.watts(20.0));
    }

    #[test]
    fn what_the_node_ordered_and_what_follows_a_charge_is_not_mixed_with_what_was_before() {
        let mut shed = resting(0);
        shed.begin_anew();
        (0..180).for_each(|_| shed.observe(12.0, 0.3, 10.0));
        assert!(shed.watts(20.0) < 9.0, "{} W", shed.watts(20.0));
        let mut charged = resting(0);
        (0..360).for_each(|_| charged.observe(12.0, -5.0, 10.0));
        (0..180).for_each(|_| charged.observe(12.0, 0.3, 10.0));
        assert!(charged.watts(20.0) < 9.0, "{} W", charged.watts(20.0));
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
