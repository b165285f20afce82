//! Watching the panel for day and night, for want of a clock.
//!
//! Light and dark are told apart by where the power stands between the least and the greatest of the last day, so that
//! a steady error of the inferred power (a load that is not known well) does not matter. A sunrise counts only after
//! hours of dark: a thunderstorm is no night.

use std::time::Duration;

use protocol::{Power, Uptime};

/// The panel's power is smoothed over this.
const SMOOTH_SECONDS: f64 = 600.0;
/// A night is at least this long.
const NIGHT_MIN: Duration = Duration::from_hours(3);
/// Light lasts this long before it counts.
const LIGHT_MIN: Duration = Duration::from_mins(15);
/// Above this part of the way from the least to the greatest power it is light.
const LIGHT_PART: f64 = 0.04;
/// So many hours are looked back.
const HOURS: usize = 24;
/// Without knowing better, light means at least this.
const LIGHT_LEAST: Power = Power::from_watts(1.5);
/// Readings further apart than this leave a gap: a night may hide in it, and so may a sunrise.
const GAP_MAX: Duration = Duration::from_mins(30);
/// A panel shows the sun about this long after it rose; [`LATE_SPREAD`] more or less.
pub(super) const LATE: Duration = Duration::from_mins(25);
/// See [`LATE`].
pub(super) const LATE_SPREAD: Duration = Duration::from_mins(40);

/// Dawn, as the panel shows it.
#[derive(Debug, Clone, Default)]
pub(super) struct Watch {
    smooth: Option<f64>,
    last: Option<Uptime>,
    /// The least and greatest power of each of the last hours, the present one last.
    hours: Vec<(f64, f64)>,
    hour_began: Uptime,
    dark_since: Option<Uptime>,
    /// Since when it is light after a night.
    light_since: Option<Uptime>,
    risen: Option<Uptime>,
    rises: i64,
}

impl Watch {
    /// Takes the panel's power; `Some` at the moment when a sunrise has become certain, with when it was seen.
    pub(super) fn look(&mut self, now: Uptime, panel: Power, spread: Power) -> Option<Uptime> {
        let gap = self.last.is_some_and(|last| now.since(last) > GAP_MAX);
        let dt = self.last.map_or(Duration::ZERO, |last| now.since(last));
        self.last = Some(now);
        if gap || self.smooth.is_none() {
            self.smooth = Some(panel.watts());
            self.dark_since = None;
            self.light_since = None;
        }
        let before = self.smooth.unwrap_or_default();
        let part = 1.0 - libm::exp(-dt.as_secs_f64() / SMOOTH_SECONDS);
        let smooth = before + (panel.watts() - before) * part;
        self.smooth = Some(smooth);
        self.keep_hour(now, smooth);
        self.judge(now, smooth, spread)
    }

    fn keep_hour(&mut self, now: Uptime, smooth: f64) {
        if self.hours.is_empty() || now.since(self.hour_began) >= Duration::from_hours(1) {
            self.hour_began = now;
            if self.hours.len() == HOURS {
                self.hours.remove(0);
            }
            self.hours.push((smooth, smooth));
        } else if let Some((least, greatest)) = self.hours.last_mut() {
            *least = least.min(smooth);
            *greatest = greatest.max(smooth);
        }
    }

    fn judge(&mut self, now: Uptime, smooth: f64, spread: Power) -> Option<Uptime> {
        let least = self.hours.iter().fold(f64::INFINITY, |least, hour| least.min(hour.0));
        let greatest = self.hours.iter().fold(f64::NEG_INFINITY, |greatest, hour| greatest.max(hour.1));
        // A steady error is taken out by `least`; what is left of the spread is its part that comes and goes.
        let light = least + (LIGHT_PART * (greatest - least)).max(LIGHT_LEAST.max(spread * 0.5).watts());
        if smooth < light {
            self.light_since = None;
            self.dark_since.get_or_insert(now);
            return None;
        }
        if let Some(since) = self.light_since {
            if now.since(since) < LIGHT_MIN {
                return None;
            }
            self.light_since = None;
            self.dark_since = None;
            self.risen = Some(since);
            self.rises += 1;
            return Some(since);
        }
        match self.dark_since {
            Some(dark) if now.since(dark) >= NIGHT_MIN => self.light_since = Some(now),
            _ => self.dark_since = None,
        }
        None
    }

    /// When the sun was last seen to rise, and how many times it was.
    pub(super) fn risen(&self) -> Option<(Uptime, i64)> {
        self.risen.map(|at| (at, self.rises))
    }

    /// The smoothed power.
    pub(super) fn smooth(&self) -> Power {
        Power::from_watts(self.smooth.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A day of light from hour 6 to 18 over a steady error of `offset` watts; hours at which rises were told.
    fn rises(offset: f64, hours: std::ops::Range<u64>, storm: bool) -> Vec<u64> {
        let mut watch = Watch::default();
        let mut told = Vec::new();
        for minute in hours.start * 60..hours.end * 60 {
            let hour = (minute % 1440) as f64 / 60.0;
            let sun = 100.0 * libm::sin((hour - 6.0) / 12.0 * core::f64::consts::PI).max(0.0);
            let sun = if storm && (11.0..13.0).contains(&hour) { 1.0 } else { sun };
            let at = Uptime::from_secs(minute * 60);
            if let Some(seen) = watch.look(at, Power::from_watts(sun + offset), Power::from_watts(3.0)) {
                told.push(seen.as_millis() / 60_000);
            }
        }
        told
    }

    #[test]
    fn sees_each_sunrise_shortly_after_it() {
        let told = rises(0.0, 0..72, false);
        assert_eq!(told.len(), 3);
        for (day, minute) in told.iter().enumerate() {
            let late = minute - (day as u64 * 1440 + 360);
            assert!((5..50).contains(&late), "{late} min after the sun");
        }
    }

    #[test]
    fn a_load_that_is_not_known_well_does_not_hide_it() {
        assert_eq!(rises(-12.0, 0..72, false).len(), 3);
        assert_eq!(rises(15.0, 0..72, false).len(), 3);
    }

    #[test]
    fn a_thunderstorm_is_no_night_and_a_start_at_noon_no_sunrise() {
        assert_eq!(rises(0.0, 0..48, true).len(), 2);
        assert_eq!(rises(0.0, 12..24, false).len(), 0);
    }
}
