//! What this panel makes of a clear sky, hour by hour: tilt, shade, dirt and cables, learned from its days.
//!
//! For each stretch of the sun's way over the sky (by hour angle, so that it follows the season) the profile holds the
//! part of the label that arrives when nothing but the sky is in the way. A day has a clearness of its own, the same for
//! all its hours but for passing clouds; an hour that falls behind the rest of its day time and again is in the shade.
//! So each half-hour is set against the median of its day, and the median of its last days is believed: a cloud is
//! gone the next day, a tree is not. Medians of medians also keep the profile from drifting: clouds only ever take
//! light, and a mean would sink with each of them.
//!
//! Hours in which the charger held the panel back say nothing of the panel and are left out.

use std::collections::VecDeque;

use protocol::Power;
use serde::{Deserialize, Serialize};

use super::band::percentile;
use super::sun::{Angle, Irradiance};

/// Half-hours of the sun's way, from midnight to midnight.
pub(super) const BINS: usize = 48;
/// Degrees of the sun's way in each.
const WIDTH: f64 = 360.0 / BINS as f64;
/// What arrives of the label before anything was learned: heat, dirt, cables and charger take the rest.
pub(super) const PRIOR: f64 = 0.8;
/// How many days the prior is worth.
const PRIOR_DAYS: usize = 3;
/// A part of the label beyond this is no part of a label.
const RATIO_MAX: f64 = 100.0;
/// So many even days are remembered of each half-hour.
const DAYS: usize = 15;
/// A day whose hours scatter by more than this part of their median teaches nothing: that was the clouds.
const PATCHY: f64 = 0.35;

/// One half-hour of a day, as it was seen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Seen {
    pub(super) bin: usize,
    /// The panel's energy, as part of what its label would give under a clear sky.
    pub(super) of_label: f64,
    /// The clear sky's energy there, in hours of full sun: how much this half-hour matters.
    pub(super) clear: f64,
    /// The part of the label that the profile expected of it.
    pub(super) ratio: f64,
}

/// The learned profile.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Profile {
    /// By label, or found.
    scale: Option<Power>,
    /// Of each half-hour, what the last even days said, the newest last.
    days: Vec<VecDeque<f64>>,
    /// Their medians.
    #[serde(skip)]
    ratio: Vec<f64>,
}

/// Where the sun is on its way.
pub(super) fn bin_of(hour_angle: Angle) -> usize {
    (libm::floor((hour_angle.degrees() + 180.0) / WIDTH).max(0.0) as usize).min(BINS - 1)
}

impl Profile {
    pub(super) fn new(label: Option<Power>) -> Self {
        let days = vec![VecDeque::from([PRIOR; PRIOR_DAYS]); BINS];
        Self { scale: label, days, ratio: vec![PRIOR; BINS] }
    }

    /// Whether what was kept can be what was written; computes again what follows from it.
    pub(super) fn restored(mut self) -> Option<Self> {
        let days = |days: &VecDeque<f64>| {
            (1..=DAYS).contains(&days.len()) && days.iter().all(|ratio| (0.0..=RATIO_MAX).contains(ratio))
        };
        let sound = self.days.len() == BINS
            && self.days.iter().all(days)
            && self.scale.is_none_or(|scale| scale > Power::ZERO && scale.is_finite());
        self.ratio = self.days.iter().map(median).collect();
        sound.then_some(self)
    }

    /// The power that stands for the label: none while there is no label and nothing was seen.
    pub(super) const fn scale(&self) -> Option<Power> {
        self.scale
    }

    /// This power stands for the label from now on.
    pub(super) fn found(&mut self, label: Power) {
        self.scale = Some(label);
    }

    /// The part of the label that arrives.
    pub(super) fn ratio(&self, hour_angle: Angle) -> f64 {
        let place = (hour_angle.degrees() + 180.0) / WIDTH - 0.5;
        let under = libm::floor(place);
        let part = place - under;
        let at =
            |bin: f64| self.ratio.get(bin.clamp(0.0, (BINS - 1) as f64) as usize).copied().unwrap_or(PRIOR);
        at(under) * (1.0 - part) + at(under + 1.0) * part
    }

    /// What the panel gives under a clear sky's light.
    pub(super) fn clear(&self, hour_angle: Angle, light: Irradiance) -> Power {
        light.on(self.scale.unwrap_or(Power::ZERO)) * self.ratio(hour_angle)
    }

    /// How clear these half-hours of one day were, against what the profile expected of each: the mean, and its scatter
    /// (variance) from one to the next.
    pub(super) fn clearness(day: &[Seen]) -> Option<(f64, f64)> {
        let expected: f64 = day.iter().map(|seen| seen.clear * seen.ratio).sum();
        if expected <= 0.0 {
            return None;
        }
        let got: f64 = day.iter().map(|seen| seen.clear * seen.of_label).sum();
        let mean = got / expected;
        let squares: f64 = day
            .iter()
            .filter(|seen| seen.ratio > 0.0)
            .map(|seen| {
                let off = seen.of_label / seen.ratio - mean;
                seen.clear * seen.ratio * off * off
            })
            .sum();
        Some((mean, squares / expected))
    }

    /// Learns from a day's half-hours.
    pub(super) fn learn(&mut self, day: &[Seen]) {
        let Some((mean, _)) = Self::clearness(day) else { return };
        if mean < 0.05 || day.len() < 4 {
            return; // snow, or too little of a day to compare its hours
        }
        // The median of the hours is what the day was like, even where a few of them are in the shade: they neither
        // drag the day down nor make it look patchy.
        let Some((level, scatter)) = Self::level(day) else { return };
        if scatter > PATCHY * level {
            return;
        }
        for seen in day {
            let (Some(days), Some(ratio)) = (self.days.get_mut(seen.bin), self.ratio.get_mut(seen.bin))
            else {
                continue;
            };
            if days.len() == DAYS {
                days.pop_front();
            }
            days.push_back((*ratio + seen.of_label / level - seen.ratio).clamp(0.0, RATIO_MAX));
            *ratio = median(days);
        }
    }

    /// The median of the hours' clearness, and their median distance from it (as a standard deviation).
    fn level(day: &[Seen]) -> Option<(f64, f64)> {
        let mut hours: Vec<(f64, f64)> = day
            .iter()
            .filter(|seen| seen.ratio > 0.02)
            .map(|seen| (seen.of_label / seen.ratio, seen.clear))
            .collect();
        let level = weighted_median(&mut hours).filter(|level| *level > 0.02)?;
        for hour in &mut hours {
            hour.0 = (hour.0 - level).abs();
        }
        // 1.4826: a normal quantity's standard deviation in its median distances.
        Some((level, 1.4826 * weighted_median(&mut hours)?))
    }
}

fn median(values: &VecDeque<f64>) -> f64 {
    let mut sorted: Vec<f64> = values.iter().copied().collect();
    sorted.sort_by(f64::total_cmp);
    percentile(&sorted, 0.5).unwrap_or(PRIOR)
}

/// The value with half of the weight on either side.
fn weighted_median(values: &mut [(f64, f64)]) -> Option<f64> {
    values.sort_by(|a, b| a.0.total_cmp(&b.0));
    let half = values.iter().map(|value| value.1).sum::<f64>() / 2.0;
    let mut under = 0.0;
    values.iter().find_map(|(value, weight)| {
        under += weight;
        (under >= half).then_some(*value)
    })
}
