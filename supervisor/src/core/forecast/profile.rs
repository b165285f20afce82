//! What this panel makes of a clear sky, hour by hour: tilt, shade, dirt and cables, learned from its days.
//!
//! For each stretch of the sun's way over the sky (by hour angle, so that it follows the season) the profile holds the
//! part of the label that arrives when nothing but the sky is in the way. A day has a clearness of its own, the same for
//! all its hours but for chance; an hour that falls behind the rest of its day time and again is in the shade. Even
//! days tell much, patchy ones little: each is weighed by how well its hours agree.
//!
//! Hours in which the charger held the panel back say nothing of the panel and are left out.

use protocol::Power;
use serde::{Deserialize, Serialize};

use super::sun::{Angle, Irradiance};

/// Half-hours of the sun's way, from midnight to midnight.
pub(super) const BINS: usize = 48;
/// Degrees of the sun's way in each.
const WIDTH: f64 = 360.0 / BINS as f64;
/// What arrives of the label before anything was learned: heat, dirt, cables and charger take the rest.
pub(super) const PRIOR: f64 = 0.8;
/// How much evidence the prior is worth, where an even clear day brings about 60.
const PRIOR_WEIGHT: f64 = 30.0;
/// Evidence beyond this is forgotten: about two weeks of fair days.
const WEIGHT_MAX: f64 = 600.0;
/// One day moves the profile by no more than this part of the way.
const GAIN_MAX: f64 = 0.5;
/// The least scatter (squared) of a day's hours: heat and haze see to that.
const SCATTER_MIN: f64 = 0.01;
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
}

/// The learned profile.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Profile {
    /// By label, or found.
    scale: Option<Power>,
    ratio: Vec<f64>,
    weight: Vec<f64>,
}

/// Where the sun is on its way.
pub(super) fn bin_of(hour_angle: Angle) -> usize {
    (libm::floor((hour_angle.degrees() + 180.0) / WIDTH).max(0.0) as usize).min(BINS - 1)
}

impl Profile {
    pub(super) fn new(label: Option<Power>) -> Self {
        Self { scale: label, ratio: vec![PRIOR; BINS], weight: vec![PRIOR_WEIGHT; BINS] }
    }

    /// Whether what was kept can be what was written.
    pub(super) fn is_sound(&self) -> bool {
        let within = |values: &[f64], most: f64| {
            values.len() == BINS && values.iter().all(|value| (0.0..=most).contains(value))
        };
        within(&self.ratio, 100.0)
            && within(&self.weight, WEIGHT_MAX)
            && self.scale.is_none_or(|scale| scale > Power::ZERO && scale.is_finite())
    }

    /// The power that stands for the label: none while there is no label and nothing was seen.
    pub(super) const fn scale(&self) -> Option<Power> {
        self.scale
    }

    /// Without a label: the greatest power seen stands for it.
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

    /// The part of the label that arrives in a half-hour.
    pub(super) fn ratio_of(&self, bin: usize) -> f64 {
        self.ratio.get(bin).copied().unwrap_or(PRIOR)
    }

    /// What the panel gives under a clear sky's light.
    pub(super) fn clear(&self, hour_angle: Angle, light: Irradiance) -> Power {
        light.on(self.scale.unwrap_or(Power::ZERO)) * self.ratio(hour_angle)
    }

    /// How clear these half-hours of one day were, against the profile: the mean, and its scatter from one to the next.
    pub(super) fn clearness(&self, day: &[Seen]) -> Option<(f64, f64)> {
        let ratio = |seen: &Seen| self.ratio_of(seen.bin);
        let expected: f64 = day.iter().map(|seen| seen.clear * ratio(seen)).sum();
        if expected <= 0.0 {
            return None;
        }
        let got: f64 = day.iter().map(|seen| seen.clear * seen.of_label).sum();
        let mean = got / expected;
        let squares: f64 = day
            .iter()
            .filter(|seen| ratio(seen) > 0.0)
            .map(|seen| {
                let off = seen.of_label / ratio(seen) - mean;
                seen.clear * ratio(seen) * off * off
            })
            .sum();
        Some((mean, squares / expected))
    }

    /// Learns from a day's half-hours.
    pub(super) fn learn(&mut self, day: &[Seen]) {
        let Some((mean, _)) = self.clearness(day) else { return };
        if mean < 0.05 || day.len() < 4 {
            return; // snow, or too little of a day to compare its hours
        }
        // The median of the hours is what the day was like, even where a few of them are in the shade: they neither
        // drag the day down nor make it look patchy.
        let Some((level, scatter)) = self.level(day) else { return };
        if scatter > PATCHY * level {
            return;
        }
        for seen in day {
            let (Some(ratio), Some(weight)) = (self.ratio.get_mut(seen.bin), self.weight.get_mut(seen.bin))
            else {
                continue;
            };
            let evidence = level * level / (scatter * scatter + SCATTER_MIN);
            let gain = (evidence / (*weight + evidence)).min(GAIN_MAX);
            *ratio += gain * (seen.of_label / level - *ratio);
            *ratio = ratio.clamp(0.0, 100.0);
            *weight = (*weight + evidence).min(WEIGHT_MAX);
        }
    }

    /// The median of the hours' clearness, and their median distance from it (as a standard deviation).
    fn level(&self, day: &[Seen]) -> Option<(f64, f64)> {
        let mut hours: Vec<(f64, f64)> = day
            .iter()
            .filter_map(|seen| {
                let ratio = *self.ratio.get(seen.bin)?;
                (ratio > 0.02).then(|| (seen.of_label / ratio, seen.clear))
            })
            .collect();
        let level = weighted_median(&mut hours).filter(|level| *level > 0.02)?;
        for hour in &mut hours {
            hour.0 = (hour.0 - level).abs();
        }
        // 1.4826: a normal quantity's standard deviation in its median distances.
        Some((level, 1.4826 * weighted_median(&mut hours)?))
    }
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
