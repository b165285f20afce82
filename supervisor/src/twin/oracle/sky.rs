//! The year's weather known beforehand: a clone of what the twin will play.

use std::time::Duration;

use hardware::sim::outdoors::Outdoors;
use protocol::{Power, Temperature};

use super::STEP;
use crate::twin::site::Site;

/// How slowly a battery in its box follows the air (as the simulated site has it).
const BATTERY_FOLLOWS: f64 = 6.0 * 3600.0;

/// One step of the sky.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Moment {
    /// What the panel could give, on average.
    pub sun: Power,
    /// The battery's temperature at its end.
    pub battery: Temperature,
}

/// The sky over a site for so many days, in steps of [`STEP`]: the very one that a run with this seed meets, because it is
/// drawn in the same steps.
pub fn sky(site: &Site, seed: u64, days: u32) -> Vec<Moment> {
    let mut outdoors = Outdoors::new(&site.settings(seed));
    let pace = site.pace.step;
    let looks = (STEP.as_secs() / pace.as_secs().max(1)).max(1);
    let follows = 1.0 - libm::exp(-STEP.as_secs_f64() / BATTERY_FOLLOWS);
    let mut elapsed = Duration::ZERO;
    let mut battery = outdoors.air();
    (0..u64::from(days) * 86_400 / STEP.as_secs())
        .map(|_| {
            let mut sun = Power::ZERO;
            for _ in 0..looks {
                elapsed += pace;
                outdoors.step(pace, site.place.start.after(elapsed));
                sun += outdoors.available();
            }
            battery += (outdoors.air() - battery) * follows;
            Moment { sun: sun / looks as f64, battery }
        })
        .collect()
}
