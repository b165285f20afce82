//! The panel's power to come under skies that are told apart: what a plan over several days is made on.
//!
//! A band answers how sure a sum is; a plan must also know that a dull day stays dull and that tomorrow is a little like
//! today. So each day to come has three skies, equally likely: the dull, the middling and the fair third of what the
//! outlook's band holds possible, each at its mean. From one day to the next the sky stays in its third as often as
//! errors of neighbouring days are alike, and is drawn anew otherwise (a Markov chain with equal thirds).

use std::time::Duration;

use protocol::{Energy, Power};

use super::band::Band;
use super::outlook::{ERRORS_ALIKE, Outlook, Part, STEP};

/// How many skies are told apart.
pub const SKIES: usize = 3;
/// The mean of each third of a normal distribution, in spreads (that of the outer thirds is 3 times the density at
/// their edge, 0.4307 spreads off the middle).
const MEANS: [f64; SKIES] = [-1.0908, 0.0, 1.0908];
/// A normal quantity's 90th percentile, in spreads.
const NINTH_DECILE: f64 = 1.2816;

/// A stretch of time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Slot {
    /// How long it is.
    pub length: Duration,
    /// Which day it belongs to: 0 is the present solar day.
    pub day: u32,
    /// The panel's mean power under each sky, dull to fair.
    pub panel: [Power; SKIES],
}

/// What the days to come may be like.
#[derive(Debug, Clone, PartialEq)]
pub struct Skies {
    /// From now on, without gaps.
    pub slots: Vec<Slot>,
    /// The chance that a day's sky is in the same third as that of the day before, beyond mere chance: 0 to 1.
    pub alike: f64,
}

impl Skies {
    /// The panel's energy in all slots, under each sky lasting throughout.
    pub fn energy(&self) -> [Energy; SKIES] {
        let mut sums = [Energy::ZERO; SKIES];
        for slot in &self.slots {
            for (sum, panel) in sums.iter_mut().zip(slot.panel) {
                *sum += panel * slot.length;
            }
        }
        sums
    }
}

/// What each sky makes of a day's clear energy: by the band, whose ends are wide while little was learned, but no duller than
/// the dullest day to reckon with.
fn thirds(band: &Band<Energy>, clear: f64, dullest: f64) -> [f64; SKIES] {
    MEANS.map(|off| {
        let side = if off < 0.0 { band.best - band.low } else { band.high - band.best };
        ((band.best + side * (off / NINTH_DECILE)).watt_hours() / clear.max(1e-9)).max(dullest)
    })
}

impl Outlook<'_> {
    /// The skies over stretches of time from now on.
    pub(super) fn skies(&self, lengths: &[Duration]) -> Skies {
        let today = self.course.at(Duration::ZERO).day;
        let mut parts: Vec<Part> = Vec::new();
        // Of each slot: its length, its day, and the clear sky's energy in it.
        let mut slots = Vec::with_capacity(lengths.len());
        let mut walked = Duration::ZERO;
        for length in lengths {
            let day = self.course.at(walked + *length / 2).day;
            let (end, mut clear) = (walked + *length, 0.0);
            while walked < end {
                let step = STEP.min(end.saturating_sub(walked));
                clear += self.add(&mut parts, today, walked, step);
                walked += step;
            }
            slots.push((*length, day, clear));
        }
        let dullest = self.clouds.dullest();
        let made = |part: &Part| (part.day, thirds(&self.part_band(part), part.clear, dullest));
        let days: Vec<(i64, [f64; SKIES])> = parts.iter().map(made).collect();
        let slot = |(length, day, clear): (Duration, i64, f64)| {
            let made = days.iter().find(|(other, _)| *other == day).map_or([0.0; SKIES], |(_, made)| *made);
            let panel = made.map(|part| Energy::from_watt_hours(clear * part) / length);
            Slot { length, day: u32::try_from(day - today).unwrap_or(0), panel }
        };
        Skies { slots: slots.into_iter().map(slot).collect(), alike: ERRORS_ALIKE }
    }
}
