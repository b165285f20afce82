//! When the sun rises and sets.

use super::clock::WallClock;
use super::sun::{Angle, Ephemeris, half_arc};

/// The sun's centre at rise and set: its upper rim is seen on the horizon, lifted by the air (34' + 16', as almanacs do).
pub(super) const HORIZON: Angle = Angle::from_degrees(-0.833);

/// A day's light.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Daylight {
    /// The sun rises and sets.
    Between {
        /// Its upper rim appears.
        rise: WallClock,
        /// Its upper rim is gone.
        set: WallClock,
    },
    /// It stays up.
    Always,
    /// It stays down.
    Never,
}

/// The light of the solar day that `within` lies in: from one solar midnight to the next.
pub fn daylight(latitude: Angle, longitude: Angle, within: WallClock) -> Daylight {
    let degrees = Ephemeris::at(within).solar_degrees(longitude, within);
    let from_noon = degrees - 360.0 * libm::floor((degrees + 180.0) / 360.0);
    let noon = within.later_by(-(from_noon * 240.0));
    let end = |sign: f64| {
        let mut at = noon;
        // The declination changes by at most 0.4 degrees a day: the second round moves the end by seconds.
        for _ in 0..3 {
            let ephemeris = Ephemeris::at(at);
            let arc = half_arc(latitude, ephemeris.declination, HORIZON)?;
            let is = Angle::from_degrees(ephemeris.solar_degrees(longitude, at)).wrapped();
            at = at.later_by((sign * arc.degrees() - is.degrees()) * 240.0);
        }
        Ok(at)
    };
    match (end(-1.0), end(1.0)) {
        (Ok(rise), Ok(set)) => Daylight::Between { rise, set },
        (Err(true), _) | (_, Err(true)) => Daylight::Always,
        _ => Daylight::Never,
    }
}

/// The next time after `now` that the sun rises, if it does within the next days.
pub(super) fn next_rise(latitude: Angle, longitude: Angle, now: WallClock) -> Option<WallClock> {
    (0..=2).map(|days| daylight(latitude, longitude, now.later_by(f64::from(days) * 86_400.0))).find_map(
        |daylight| match daylight {
            Daylight::Between { rise, .. } if rise > now => Some(rise),
            _ => None,
        },
    )
}
