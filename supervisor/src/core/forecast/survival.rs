//! How likely the supply stays above its reserve until the sun is back.
//!
//! Courses of the battery are followed, in steps: drained by the load, charged by the sun with the battery's losses, and
//! held at full. Each has a lowest point. Five are enough: as all is estimated, and with either the sun's energy or the
//! battery's charge at the low or the high end of its band.
//!
//! The lowest point's height over the reserve is taken as a function of the sun's deviation, straight on either side of
//! the median (skies are skewed) and weighed by a normal distribution of that deviation; charge and load blur it by a
//! normal spread of their own. Sun, charge and load count as independent, and a sky that is low stays low: no course
//! is low first and high later. A sky that is either clear or overcast is coarser than that: chances in the middle
//! of the scale are good to ten or so percent.

use std::time::Duration;

use protocol::report::SocBand;
use protocol::{Energy, Power, Soc, Uptime};

use super::band::{Band, Chance, chance_above_zero};

/// The load is known to about this part.
const LOAD_SPREAD: f64 = 0.05;
/// The state of charge's own steps: no chance is surer than this part of the capacity allows.
const SPREAD_MIN: f64 = 0.005;
/// A normal quantity's 90th percentile, in spreads.
const NINTH_DECILE: f64 = 1.2816;
/// The sun's deviation is looked at in such steps, so many to each side.
const DEVIATION_STEP: f64 = 0.3;
const DEVIATION_STEPS: i32 = 10;

/// A battery, as far as energy goes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Store {
    /// What it holds when it is full.
    pub capacity: Energy,
    /// How full it is.
    pub soc: SocBand,
    /// Below this it is not to come.
    pub reserve: Soc,
    /// The part of what is charged that can be drawn again, 0 to 1: about 0.85 for lead-acid, 0.95 for LiFePO4.
    pub charge_efficiency: f64,
}

/// What becomes of a store.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Prospect {
    /// That it stays above its reserve.
    pub chance: Chance,
    /// Until when that was looked at.
    pub until: Uptime,
    /// How full it is at its lowest.
    pub lowest: Band<Soc>,
    /// When that is, by the medians.
    pub lowest_at: Uptime,
}

/// The lowest energy of one course and when it is reached.
fn lowest(
    store: &Store,
    start: Soc,
    load: Power,
    sun: &[(Duration, Band<Energy>)],
    quantile: fn(&Band<Energy>) -> Energy,
) -> (Energy, Duration) {
    let efficiency = store.charge_efficiency.clamp(0.0, 1.0);
    let mut left = store.capacity * start.fraction();
    let mut least = (left, Duration::ZERO);
    let (mut walked, mut shone) = (Duration::ZERO, Energy::ZERO);
    for (at, band) in sun {
        let came = quantile(band);
        let net = came - shone - load * at.saturating_sub(walked);
        left = (left + if net > Energy::ZERO { net * efficiency } else { net }).min(store.capacity);
        if left < least.0 {
            least = (left, *at);
        }
        (walked, shone) = (*at, came);
    }
    least
}

/// Follows a store along an outlook of the sun (energy from `now` until each time ahead).
pub(super) fn prospect(
    now: Uptime,
    store: &Store,
    load: Power,
    sun: &[(Duration, Band<Energy>)],
) -> Prospect {
    let horizon = sun.last().map_or(Duration::ZERO, |(at, _)| *at);
    let [as_estimated, sun_low, sun_high] = [
        lowest(store, store.soc.best, load, sun, |band| band.best),
        lowest(store, store.soc.best, load, sun, |band| band.low),
        lowest(store, store.soc.best, load, sun, |band| band.high),
    ];
    let [charge_low, charge_high] = [store.soc.low, store.soc.high]
        .map(|soc| lowest(store, soc, load, sun, |band| band.best).0.watt_hours());
    let capacity = store.capacity.watt_hours().max(1e-9);
    let best = as_estimated.0.watt_hours();
    let charge = (charge_high - charge_low) / (2.0 * NINTH_DECILE);
    let drawn = (load * as_estimated.1).watt_hours() * LOAD_SPREAD;
    let least = SPREAD_MIN * capacity;
    let blur = libm::sqrt(charge * charge + drawn * drawn + least * least);
    let low = ((best - sun_low.0.watt_hours()) / NINTH_DECILE).max(0.0);
    let high = ((sun_high.0.watt_hours() - best) / NINTH_DECILE).max(0.0);

    let (mut chance, mut sum) = (0.0, 0.0);
    for step in -DEVIATION_STEPS..=DEVIATION_STEPS {
        let deviation = f64::from(step) * DEVIATION_STEP;
        let weight = libm::exp(-0.5 * deviation * deviation);
        let height = best + deviation * if step < 0 { low } else { high };
        let over = height - store.reserve.fraction() * capacity;
        chance += weight * chance_above_zero(over, blur).fraction();
        sum += weight;
    }
    let soc = |energy: f64| Soc::from_fraction(energy / capacity);
    let end = |side: f64| NINTH_DECILE * libm::sqrt(side * side + blur * blur);
    let band = Band { low: soc(best - end(low)), best: soc(best), high: soc(best + end(high)) };
    Prospect {
        chance: Chance::from_fraction(chance / sum),
        until: now + horizon,
        lowest: band,
        lowest_at: now + as_estimated.1,
    }
}
