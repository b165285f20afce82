//! The sun's course from now on: by the date where a clock is believed, otherwise by when the sun was last seen to rise.

use std::time::Duration;

use super::clock::WallClock;
use super::daylight::HORIZON;
use super::site::Site;
use super::sun::{Angle, Ephemeris, Sun, half_arc};

/// The earth turns 15 degrees an hour.
const DEGREES_PER_SECOND: f64 = 360.0 / 86_400.0;

/// Which way the sun goes over a place. Good for the coming week: the declination is taken to change evenly.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Course {
    latitude: Angle,
    /// Solar time now: 0 is a noon, 360 the next.
    degrees: f64,
    declination: f64,
    declination_per_second: f64,
}

/// The sun at one moment of its course.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Moment {
    /// Solar days are numbered, and begin at midnight.
    pub(super) day: i64,
    pub(super) sun: Sun,
}

impl Course {
    /// By the date.
    pub(super) fn dated(site: &Site, wall: WallClock) -> Self {
        let (today, tomorrow) = (Ephemeris::at(wall), Ephemeris::at(wall.later_by(86_400.0)));
        let declination = today.declination.degrees();
        Self {
            latitude: site.latitude(),
            degrees: today.solar_degrees(site.longitude(), wall),
            declination,
            declination_per_second: (tomorrow.declination.degrees() - declination) / 86_400.0,
        }
    }

    /// By a sunrise so long ago, which was the `days`th one, at a declination that is roughly known.
    pub(super) fn seen(site: &Site, since_rise: Duration, days: i64, declination: Angle) -> Self {
        let half_day = half_day(site.latitude(), declination);
        Self {
            latitude: site.latitude(),
            degrees: days as f64 * 360.0 - half_day.degrees() + since_rise.as_secs_f64() * DEGREES_PER_SECOND,
            declination: declination.degrees(),
            declination_per_second: 0.0,
        }
    }

    /// The same, from the midnight that this day began with.
    pub(super) fn since_midnight(self) -> Self {
        let degrees = 360.0 * libm::floor((self.degrees + 180.0) / 360.0) - 180.0;
        let seconds = (degrees - self.degrees) / DEGREES_PER_SECOND;
        Self { degrees, declination: self.declination + seconds * self.declination_per_second, ..self }
    }

    /// The sun after some time.
    pub(super) fn at(&self, ahead: Duration) -> Moment {
        let seconds = ahead.as_secs_f64();
        let degrees = self.degrees + seconds * DEGREES_PER_SECOND;
        let declination = Angle::from_degrees(self.declination + seconds * self.declination_per_second);
        Moment {
            day: libm::floor((degrees + 180.0) / 360.0) as i64,
            sun: Sun::standing(self.latitude, declination, Angle::from_degrees(degrees).wrapped()),
        }
    }

    /// How long until the sun rises next.
    pub(super) fn until_rise(&self) -> Option<Duration> {
        (0..=7).find_map(|days| {
            let ahead = f64::from(days) * 86_400.0;
            let declination = Angle::from_degrees(self.declination + ahead * self.declination_per_second);
            let arc = half_arc(self.latitude, declination, HORIZON).ok()?;
            let noon = 360.0 * libm::floor((self.degrees + 180.0) / 360.0);
            let rise = noon - arc.degrees() + f64::from(days) * 360.0 - self.degrees;
            Duration::try_from_secs_f64(rise / DEGREES_PER_SECOND).ok().filter(|until| !until.is_zero())
        })
    }
}

/// Half a day's light; where the sun stays up or down, the nearest that has an end.
fn half_day(latitude: Angle, declination: Angle) -> Angle {
    half_arc(latitude, declination, HORIZON)
        .unwrap_or_else(|up| Angle::from_degrees(if up { 179.0 } else { 1.0 }))
}
