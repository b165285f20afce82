//! A season of days: how the charge is known where no discharge ends and few charges do.

use supervisor::twin::Site;
use supervisor::twin::policy::Policy;

use crate::site::play;

/// Days of a season.
const DAYS: f64 = 91.0;
/// What one season may be off by on its mean, in points: twice what these are.
const OFF_MAX: f64 = 3.0;
/// How much of a season the truth may at the least be in the 80 % band, and on the mean of the seeds.
const INSIDE_MIN: (f64, f64) = (0.7, 0.8);

#[test]
fn the_charge_is_known_through_a_season_of_half_full_days() {
    let site = Site::example().expect("the example");
    let seeds = 1..=4;
    let count = seeds.clone().count() as f64;
    let mut mean = 0.0;
    for seed in seeds {
        let estimate = play(&site, Policy::Heliostat, seed, DAYS).estimate.expect("it estimates");
        let off = estimate.error_rms_points.expect("it was compared");
        let inside = estimate.in_band.expect("it was compared");
        println!("seed {seed}: off by {off:.1} points, inside {:.0} % of the time", 100.0 * inside);
        assert!(off <= OFF_MAX, "seed {seed}: {estimate:?}");
        assert!(inside >= INSIDE_MIN.0, "seed {seed}: {estimate:?}");
        mean += inside / count;
    }
    assert!(mean >= INSIDE_MIN.1, "inside {mean} on the mean");
}
