//! How likely the supply stays above its reserve until the sun is back.
//!
//! Nine courses of the battery are followed, in steps: its charge now low, as estimated, or high, and the sun's energy
//! low, median, or high. Each is drained by the load, charged by the sun with the battery's losses, and held at full.
//! Each has a lowest point; by Swanson's weights the nine lowest points make a mean and a spread. The chance is that of
//! a normal quantity with these above the reserve. Charge and sun count as independent. A sky that is either clear or
//! overcast is no normal quantity, so near the ends of the scale the chance is good to a few percent only.

use std::time::Duration;

use protocol::report::SocBand;
use protocol::{Energy, Power, Soc, Uptime};

use super::band::{Band, Chance, SWANSON, chance_above_zero};

/// The load is known to about this part.
const LOAD_SPREAD: f64 = 0.05;
/// The state of charge's own steps: no chance is surer than this part of the capacity allows.
const SPREAD_MIN: f64 = 0.005;

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
    let starts = [store.soc.low, store.soc.best, store.soc.high];
    let suns: [fn(&Band<Energy>) -> Energy; 3] = [|band| band.low, |band| band.best, |band| band.high];
    let (mut mean, mut square) = (0.0, 0.0);
    let mut best = (Energy::ZERO, Duration::ZERO);
    for (i, (start, of_start)) in starts.into_iter().zip(SWANSON).enumerate() {
        for (j, (quantile, of_sun)) in suns.into_iter().zip(SWANSON).enumerate() {
            let least = lowest(store, start, load, sun, quantile);
            let weight = of_start * of_sun;
            mean += weight * least.0.watt_hours();
            square += weight * least.0.watt_hours() * least.0.watt_hours();
            if (i, j) == (1, 1) {
                best = least;
            }
        }
    }
    let capacity = store.capacity.watt_hours().max(1e-9);
    let drawn = (load * best.1).watt_hours() * LOAD_SPREAD;
    let least = SPREAD_MIN * capacity;
    let spread = libm::sqrt((square - mean * mean).max(0.0) + drawn * drawn + least * least);
    // 1.2816: a normal quantity's 90th percentile.
    let soc = |energy: f64| Soc::from_fraction(energy / capacity);
    let band = Band {
        low: soc((mean - 1.2816 * spread).min(best.0.watt_hours())),
        best: soc(best.0.watt_hours()),
        high: soc((mean + 1.2816 * spread).max(best.0.watt_hours())),
    };
    Prospect {
        chance: chance_above_zero(mean - store.reserve.fraction() * capacity, spread),
        until: now + horizon,
        lowest: band,
        lowest_at: now + best.1,
    }
}
