//! How clear the sky will be: today's clouds persist for a while, tomorrow is a little like today, and beyond that there
//! is only what the past days were like.
//!
//! A day has a level of clearness (its energy as part of what the profile gives under a clear sky), and its half-hours
//! scatter about that level. The level follows on from the day before with a correlation that is learned; during the
//! day it is estimated from what was seen, as a Kalman filter of a constant would. What the present moment differs from the level
//! dies away within [`FADE`]. All spreads are learned from the kept days.

use std::collections::VecDeque;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A cloud's effect is over after about this.
pub(super) const FADE: Duration = Duration::from_mins(50);
/// So many days are kept.
const DAYS_MAX: usize = 120;
/// Kept days that are older than so many days were numbered in another way.
const RECENT_MAX: i64 = 1000;
/// A day counts for 1/e of its weight after so many days: seasons change.
const FORGET_DAYS: f64 = 60.0;
/// Half-hours of the same day are alike: so many of them are worth one that stands alone.
const ALIKE: f64 = 2.5;
/// What an overcast sky leaves of a clear day's light: Kasten and Czeplak (Solar Energy 24, 1980) give 0.25 at 8 octas; a
/// little less, for rain.
const OVERCAST: f64 = 0.2;
/// After so many days the dullest of them stands for what a dull day is here.
const DAYS_FOR_DULLEST: usize = 30;
/// Half-hours of light in a day, where nothing better is known.
const HALF_HOURS: f64 = 22.0;

/// What is believed before any day was seen: the mean clearness of a day, the spread from day to day, the scatter within
/// a day, how alike neighbouring days are; and how many days that is worth. The spread is wide on purpose.
const PRIOR: Climate = Climate { mean: 0.7, between: 0.09, within: 0.06, alike: 0.3, clearest: 1.0 };
const PRIOR_DAYS: f64 = 5.0;
const PRIOR_DAYS_ALIKE: f64 = 30.0;

/// A day that is over.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Day {
    /// Its number: gaps show.
    number: i64,
    level: f64,
    scatter: f64,
    /// The part of its light that was seen uncurtailed.
    seen: f64,
}

/// What the days here are like.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Climate {
    mean: f64,
    /// Variance of the days' true levels.
    between: f64,
    /// Variance of half-hours within a day.
    within: f64,
    /// Correlation of neighbouring days' levels.
    alike: f64,
    /// The clearest day's level, or what a clear day may be.
    clearest: f64,
}

/// An estimate: mean and variance.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Level {
    pub(super) mean: f64,
    pub(super) variance: f64,
}

/// The days that are kept, and what they teach.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Clouds {
    days: VecDeque<Day>,
    #[serde(skip, default = "Clouds::prior")]
    climate: Climate,
}

/// What today showed so far.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Today {
    /// Half-hours seen uncurtailed, and their mean clearness.
    pub(super) half_hours: f64,
    pub(super) level: f64,
    /// Clearness of the last hour or so, and how much of such an hour was seen, 0 to 1.
    pub(super) present: f64,
    pub(super) present_seen: f64,
}

impl Clouds {
    const fn prior() -> Climate {
        PRIOR
    }

    pub(super) fn new() -> Self {
        Self { days: VecDeque::new(), climate: PRIOR }
    }

    /// Whether what was kept can be what was written; computes again what follows from it.
    pub(super) fn restored(mut self) -> Option<Self> {
        let sound = self.days.len() <= DAYS_MAX
            && self.days.iter().all(|day| {
                (0.0..=10.0).contains(&day.level)
                    && (0.0..=100.0).contains(&day.scatter)
                    && (0.0..=1.0).contains(&day.seen)
            })
            && self.days.iter().zip(self.days.iter().skip(1)).all(|(a, b)| a.number < b.number);
        self.climate = self.study();
        sound.then_some(self)
    }

    /// A day is over.
    pub(super) fn close(&mut self, number: i64, level: f64, scatter: f64, seen: f64) {
        if self.days.back().is_some_and(|last| last.number >= number) {
            return; // the clock was set back: the same day is not learned twice
        }
        if self.days.len() == DAYS_MAX {
            self.days.pop_front();
        }
        self.days.push_back(Day { number, level: level.min(10.0), scatter: scatter.min(100.0), seen });
        self.climate = self.study();
    }

    /// Days may be numbered in another way from now on (by sunrises instead of by date, or by another date). Where the
    /// kept ones do not lie in the recent past of today they are moved there, and today has no known neighbour.
    pub(super) fn renumber(&mut self, today: i64) {
        if self.days.back().is_none_or(|last| (last.number..last.number + RECENT_MAX).contains(&today)) {
            return;
        }
        let shift = self.days.back().map_or(0, |last| today - 2 - last.number);
        for day in &mut self.days {
            day.number += shift;
        }
    }

    /// The panel's full power was taken for too little by this factor: what was called clear was less.
    pub(super) fn rescale(&mut self, by: f64) {
        for day in &mut self.days {
            day.level /= by;
            day.scatter /= by * by;
        }
        self.climate = self.study();
    }

    fn study(&self) -> Climate {
        let newest = self.days.back().map_or(0, |day| day.number);
        let weight = |day: &Day| day.seen * libm::exp(-((newest - day.number) as f64).min(1e4) / FORGET_DAYS);
        let (mut sum, mut mean, mut within) =
            (PRIOR_DAYS, PRIOR_DAYS * PRIOR.mean, PRIOR_DAYS * PRIOR.within);
        for day in &self.days {
            let weight = weight(day);
            sum += weight;
            mean += weight * day.level;
            within += weight * day.scatter;
        }
        let (mean, within) = (mean / sum, within / sum);
        let mut between = PRIOR_DAYS * PRIOR.between;
        for day in &self.days {
            // Part of a level is the chance of its own half-hours, above all where few were seen.
            let chance = within * ALIKE / (HALF_HOURS * day.seen.max(0.05));
            let off = day.level - mean;
            between += weight(day) * (off * off - chance).max(0.0);
        }
        let between = (between / sum).max(0.002);
        let (mut pairs, mut product) = (PRIOR_DAYS_ALIKE, PRIOR_DAYS_ALIKE * PRIOR.alike * between);
        for (before, day) in self.days.iter().zip(self.days.iter().skip(1)) {
            if day.number == before.number + 1 {
                let weight = weight(day) * before.seen;
                pairs += weight;
                product += weight * (day.level - mean) * (before.level - mean);
            }
        }
        let clearest = self.days.iter().map(|day| day.level).fold(1.0, f64::max);
        Climate { mean, between, within, alike: (product / pairs / between).clamp(0.0, 0.9), clearest }
    }

    /// Variance of the mean of so many half-hours within a day.
    fn chance(&self, half_hours: f64) -> f64 {
        self.climate.within / (half_hours / ALIKE).max(1.0)
    }

    /// The level of a day that has not begun, given that of the day before if it is known.
    fn after(&self, before: Option<Level>) -> Level {
        let Climate { mean, between, alike, .. } = self.climate;
        match before {
            Some(before) => Level {
                mean: mean + alike * (before.mean - mean),
                variance: between * (1.0 - alike * alike) + alike * alike * before.variance,
            },
            None => Level { mean, variance: between },
        }
    }

    /// The level of a day as seen in part.
    fn seen(&self, before: Level, level: f64, half_hours: f64) -> Level {
        let noise = self.climate.within * ALIKE / half_hours.max(0.1);
        let gain = if half_hours > 0.0 { before.variance / (before.variance + noise) } else { 0.0 };
        Level { mean: before.mean + gain * (level - before.mean), variance: before.variance * (1.0 - gain) }
    }

    /// The level of day `number`, of which so much was seen.
    pub(super) fn today(&self, number: i64, today: &Today) -> Level {
        let yesterday = self.days.back().filter(|day| day.number + 1 == number).map(|day| {
            let prior = self.after(None);
            self.seen(prior, day.level, HALF_HOURS * day.seen)
        });
        self.seen(self.after(yesterday), today.level, today.half_hours)
    }

    /// The level of the day that comes so many days after one.
    pub(super) fn later(&self, today: Level, days: u32) -> Level {
        (0..days).fold(today, |level, _| self.after(Some(level)))
    }

    /// The mean clearness of so many half-hours of a day of such a level, of whose weight the part `fading` is still
    /// under what the sky does now.
    pub(super) fn over(&self, level: Level, today: Option<&Today>, half_hours: f64, fading: f64) -> Level {
        let (known, off) = match today {
            Some(today) => (today.present_seen * fading, today.present - level.mean),
            None => (0.0, 0.0),
        };
        Level {
            mean: (level.mean + known * off).max(0.0),
            variance: level.variance + self.chance(half_hours) * (1.0 - 0.9 * known * known),
        }
    }

    /// The clearest day that is kept, or what a clear day may be.
    pub(super) fn clearest(&self) -> f64 {
        self.climate.clearest
    }

    /// The dullest day to reckon with: what was seen, once enough days were; before that a sky that is overcast all day.
    pub(super) fn dullest(&self) -> f64 {
        let whole = || self.days.iter().filter(|day| day.seen > 0.5).map(|day| day.level);
        let least = whole().fold(f64::INFINITY, f64::min);
        if whole().count() >= DAYS_FOR_DULLEST { least.min(self.climate.mean) } else { OVERCAST.min(least) }
    }

    /// What days here are like at the mean.
    pub(super) fn mean(&self) -> f64 {
        self.climate.mean
    }
}
