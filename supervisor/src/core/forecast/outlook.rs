//! The panel's energy from now on: clear sky times profile times clearness, day by day, with the measured error as band.
//!
//! A day's part of the outlook has a mean and a spread from [`super::clouds`] and its percentiles from
//! [`super::error`]. Days are put together as quantities that are somewhat alike: their deviations add up as
//! correlated spreads do, low and high side apart, because skies are skewed.

use std::time::Duration;

use protocol::{Energy, Power};

use super::band::Band;
use super::clouds::{Clouds, FADE, Level, Today};
use super::course::Course;
use super::error::{Errors, Horizon};
use super::profile::Profile;
use super::sun::{Angle, Plane};

/// The sun is looked at this often.
pub(super) const STEP: Duration = Duration::from_mins(10);
/// Beyond a week nothing is foretold, and no energy counted.
pub(super) const HORIZON_MAX: Duration = Duration::from_hours(7 * 24);
/// How alike the errors of two days in a row are.
pub(super) const ERRORS_ALIKE: f64 = 0.4;
/// A day is foretold from what was seen of it once so many half-hours were.
const BEGUN: f64 = 2.0;

/// Ten by the sun.
const MORNING_ENDS: Angle = Angle::from_degrees(-30.0);

/// All that an outlook follows from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Outlook<'a> {
    pub(super) course: Course,
    pub(super) plane: Plane,
    pub(super) profile: &'a Profile,
    pub(super) clouds: &'a Clouds,
    pub(super) errors: &'a Errors,
    /// What was seen of the present day.
    pub(super) today: Today,
    /// How many times wider than measured the band is, because the time is not known well.
    pub(super) blur: f64,
}

/// One day's part of an outlook, to be scored when the day is over.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Foretold {
    /// What the profile gives under a clear sky.
    pub(super) clear: Energy,
    /// The mean clearness.
    pub(super) mean: f64,
    /// Its spread.
    pub(super) spread: f64,
    /// The clearness as part of the mean day's.
    pub(super) against_mean: f64,
    pub(super) horizon: Horizon,
}

/// A day's part as it is added up.
pub(super) struct Part {
    pub(super) day: i64,
    level: Level,
    horizon: Horizon,
    pub(super) clear: f64,
    /// Sum of squares of the steps' clear energy: how many steps count.
    squares: f64,
    /// Clear energy, weighted by how much the present sky still says of it.
    fading: f64,
}

impl Outlook<'_> {
    /// The energy from now until each step up to `ahead`; the last entry is at `ahead` itself.
    pub(super) fn walk(&self, ahead: Duration) -> Vec<(Duration, Band<Energy>)> {
        let ahead = ahead.min(HORIZON_MAX);
        let mut parts: Vec<Part> = Vec::new();
        let mut walked = Duration::ZERO;
        let mut entries = Vec::new();
        let mut before = Band { low: Energy::ZERO, best: Energy::ZERO, high: Energy::ZERO };
        let today = self.course.at(Duration::ZERO).day;
        while walked < ahead {
            let step = STEP.min(ahead.saturating_sub(walked));
            self.add(&mut parts, today, walked, step);
            walked += step;
            // More time never brings less energy, whatever the spreads do.
            let band = self.together(&parts);
            before = Band {
                low: band.low.max(before.low),
                best: band.best.max(before.best),
                high: band.high.max(before.high),
            };
            entries.push((walked, before));
        }
        entries
    }

    /// What is foretold of the present day, from now on.
    pub(super) fn rest_of_day(&self) -> Option<Foretold> {
        let today = self.course.at(Duration::ZERO).day;
        let mut parts = Vec::new();
        let mut walked = Duration::ZERO;
        while self.course.at(walked + STEP / 2).day == today {
            self.add(&mut parts, today, walked, STEP);
            walked += STEP;
        }
        let part = parts.first()?;
        let over = self.over(part);
        Some(Foretold {
            clear: Energy::from_watt_hours(part.clear),
            mean: over.mean,
            spread: libm::sqrt(over.variance),
            against_mean: self.against_mean(part),
            horizon: part.horizon,
        })
    }

    /// The median power at a time ahead, by the clearness of its day.
    pub(super) fn power(&self, ahead: Duration) -> Power {
        let today = self.course.at(Duration::ZERO).day;
        let mut parts = Vec::new();
        self.add(&mut parts, today, ahead, STEP);
        parts.first().map_or(Power::ZERO, |part| self.part_band(part).best / STEP)
    }

    /// Adds a step to its day's part; returns what a clear sky gives in it, in watt-hours.
    pub(super) fn add(&self, parts: &mut Vec<Part>, today: i64, walked: Duration, step: Duration) -> f64 {
        let middle = walked + step / 2;
        let moment = self.course.at(middle);
        let clear = self.profile.clear(moment.sun.hour_angle(), moment.sun.clear_on(self.plane)) * step;
        let clear = clear.watt_hours();
        if clear <= 0.0 {
            return 0.0;
        }
        if parts.last().is_none_or(|part| part.day != moment.day) {
            parts.push(self.begin(today, moment.day));
        }
        let Some(part) = parts.last_mut() else { return clear };
        part.clear += clear;
        part.squares += clear * clear;
        if part.day == today {
            part.fading += clear * libm::exp(-middle.as_secs_f64() / FADE.as_secs_f64());
        }
        clear
    }

    fn begin(&self, today: i64, day: i64) -> Part {
        let level = self.clouds.today(today, &self.today);
        let (level, horizon) = if day == today {
            let late = self.course.at(Duration::ZERO).sun.hour_angle() > MORNING_ENDS;
            let horizon = if late { Horizon::Rest } else { Horizon::Morning };
            (level, if self.today.half_hours >= BEGUN { horizon } else { Horizon::Day })
        } else {
            let days = u32::try_from(day - today).unwrap_or(0);
            (self.clouds.later(level, days), Horizon::Day)
        };
        Part { day, level, horizon, clear: 0.0, squares: 0.0, fading: 0.0 }
    }

    fn over(&self, part: &Part) -> Level {
        let steps_each_half_hour = 1800.0 / STEP.as_secs_f64();
        let half_hours = part.clear * part.clear / part.squares / steps_each_half_hour;
        let today = (part.fading > 0.0).then_some(&self.today);
        self.clouds.over(part.level, today, half_hours, part.fading / part.clear)
    }

    fn against_mean(&self, part: &Part) -> f64 {
        part.level.mean / self.clouds.mean()
    }

    pub(super) fn part_band(&self, part: &Part) -> Band<Energy> {
        let over = self.over(part);
        let spread = libm::sqrt(over.variance);
        let [low, best, high] = self.errors.band(part.horizon, self.against_mean(part));
        let at = |off: f64| {
            let clearness = (over.mean + spread * off).clamp(0.0, self.clouds.clearest());
            Energy::from_watt_hours(part.clear * clearness)
        };
        Band {
            low: at(best + (low - best) * self.blur),
            best: at(best),
            high: at(best + (high - best) * self.blur),
        }
    }

    fn together(&self, parts: &[Part]) -> Band<Energy> {
        let (mut best, mut low, mut high) = (0.0, 0.0, 0.0);
        let (mut low_before, mut high_before) = (0.0, 0.0);
        for part in parts {
            let band = self.part_band(part);
            let under = (band.best - band.low).watt_hours().max(0.0);
            let over = (band.high - band.best).watt_hours().max(0.0);
            best += band.best.watt_hours();
            low += under * under + 2.0 * ERRORS_ALIKE * under * low_before;
            high += over * over + 2.0 * ERRORS_ALIKE * over * high_before;
            (low_before, high_before) = (under, over);
        }
        Band {
            low: Energy::from_watt_hours((best - libm::sqrt(low)).max(0.0)),
            best: Energy::from_watt_hours(best),
            high: Energy::from_watt_hours(best + libm::sqrt(high)),
        }
    }
}
