//! Where the sun stands and how much of it reaches the ground under a clear sky. Times are solar: noon is when it is
//! highest.

use std::f64::consts::{PI, TAU};
use std::time::Duration;

const DAY: Duration = Duration::from_hours(24);

/// The part of a clear sky's light that is scattered, not in the beam [Erbs et al. 1982, clear end].
const DIFFUSE_CLEAR: f64 = 0.15;

/// A flow of light, in watts for each square metre.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Default)]
pub struct Irradiance(f64);

impl Irradiance {
    /// From watts for each square metre.
    pub const fn from_watts_per_square_metre(value: f64) -> Self {
        Self(value)
    }

    /// Watts for each square metre.
    pub const fn watts_per_square_metre(self) -> f64 {
        self.0
    }
}

/// A moment of the solar year.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SolarTime {
    /// 1 to 365. Runs on beyond, year after year.
    pub day: u32,
    /// Since midnight.
    pub since_midnight: Duration,
}

impl SolarTime {
    /// So much later.
    #[must_use]
    pub fn after(self, time: Duration) -> Self {
        let total = self.since_midnight + time;
        let days = total.as_secs() / DAY.as_secs();
        let since_midnight = total.saturating_sub(Duration::from_secs(days * DAY.as_secs()));
        Self { day: self.day.saturating_add(u32::try_from(days).unwrap_or(u32::MAX)), since_midnight }
    }

    /// Hours since midnight.
    pub fn hour(self) -> f64 {
        self.since_midnight.as_secs_f64() / 3600.0
    }
}

/// The sun's place in the sky of one latitude at one moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sun {
    latitude: f64,
    declination: f64,
    hour_angle: f64,
}

impl Sun {
    /// At a latitude in degrees, north positive.
    ///
    /// Declination by Cooper's equation, hour angle of 15 degrees an hour (Duffie and Beckman, "Solar Engineering of
    /// Thermal Processes", section 1.6).
    pub fn at(latitude_degrees: f64, time: SolarTime) -> Self {
        let day = f64::from(time.day % 365);
        Self {
            latitude: latitude_degrees.to_radians(),
            declination: 23.45_f64.to_radians() * libm::sin(TAU * (284.0 + day) / 365.0),
            hour_angle: PI * (time.hour() / 12.0 - 1.0),
        }
    }

    /// The sine of its height over the horizon; negative at night.
    pub fn height_sine(&self) -> f64 {
        self.incidence(0.0)
    }

    /// The cosine of the angle at which it meets a surface that is tilted towards the equator by so many radians.
    fn incidence(&self, tilt: f64) -> f64 {
        let seen = self.latitude - if self.latitude < 0.0 { -tilt } else { tilt };
        libm::sin(self.declination) * libm::sin(seen)
            + libm::cos(self.declination) * libm::cos(seen) * libm::cos(self.hour_angle)
    }

    /// As [`Self::incidence`], for a surface that is turned away from the equator (Duffie and Beckman, equation 1.6.2;
    /// south of the equator its mirror image).
    fn turned(&self, tilt: f64, azimuth_degrees: f64) -> f64 {
        let side = if self.latitude < 0.0 { -1.0 } else { 1.0 };
        let (sin_d, cos_d) = (side * libm::sin(self.declination), libm::cos(self.declination));
        let (sin_l, cos_l) = (side * libm::sin(self.latitude), libm::cos(self.latitude));
        let (sin_t, cos_t) = libm::sincos(tilt);
        let (sin_a, cos_a) = libm::sincos(azimuth_degrees.to_radians());
        let (sin_h, cos_h) = libm::sincos(self.hour_angle);
        sin_d * (sin_l * cos_t - cos_l * sin_t * cos_a)
            + cos_d * cos_h * (cos_l * cos_t + sin_l * sin_t * cos_a)
            + cos_d * sin_t * sin_a * sin_h
    }

    /// On level ground under a clear sky [Haurwitz 1945; Reno et al., SAND2012-2389, equation 18].
    pub fn clear(&self) -> Irradiance {
        let sine = self.height_sine();
        Irradiance(if sine > 0.0 { 1098.0 * sine * libm::exp(-0.057 / sine) } else { 0.0 })
    }

    /// On a surface tilted towards the equator, where clouds let `sky` of the clear sky's light through (1 is clear).
    ///
    /// The scattered part grows from the clear sky's to all of it as the clouds thicken (a straight line through the
    /// ends of the curve of Erbs et al.); scattered light comes evenly from the sky.
    pub fn on_tilted(&self, tilt_degrees: f64, sky: f64) -> Irradiance {
        self.on_plane(tilt_degrees, 0.0, sky)
    }

    /// As [`Self::on_tilted`], on a surface that is turned so many degrees away from the equator, west positive.
    pub fn on_plane(&self, tilt_degrees: f64, azimuth_degrees: f64, sky: f64) -> Irradiance {
        let sine = self.height_sine();
        if sine <= 0.0 {
            return Irradiance::default();
        }
        let tilt = tilt_degrees.to_radians();
        let total = self.clear().0 * sky.clamp(0.0, 1.2);
        let scattered = (1.0 + DIFFUSE_CLEAR - sky).clamp(DIFFUSE_CLEAR, 1.0);
        // Near the horizon the ratio runs away while the beam fades: hold it.
        let faced =
            if azimuth_degrees == 0.0 { self.incidence(tilt) } else { self.turned(tilt, azimuth_degrees) };
        let beam_ratio = (faced.max(0.0) / sine.max(0.05)).min(4.0);
        let seen_sky = f64::midpoint(1.0, libm::cos(tilt));
        Irradiance(total * ((1.0 - scattered) * beam_ratio + scattered * seen_sky))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sun(latitude: f64, day: u32, hour: u64) -> Sun {
        Sun::at(latitude, SolarTime { day, since_midnight: Duration::from_hours(hour) })
    }

    #[test]
    fn stands_overhead_at_the_tropic_on_midsummers_noon() {
        assert!((sun(23.45, 172, 12).height_sine() - 1.0).abs() < 1e-3);
    }

    #[test]
    fn rises_and_sets_at_six_on_the_equinox_everywhere() {
        for latitude in [-50.0, 0.0, 50.0] {
            assert!(sun(latitude, 81, 6).height_sine().abs() < 0.01);
            assert!(sun(latitude, 81, 18).height_sine().abs() < 0.01);
        }
    }

    #[test]
    fn days_are_short_in_winter_and_the_south_has_its_own() {
        let light = |latitude, day| (0..24).filter(|h| sun(latitude, day, *h).height_sine() > 0.0).count();
        assert!(light(50.0, 355) < 9);
        assert!(light(50.0, 172) > 15);
        assert!(light(-50.0, 355) > 15);
        assert_eq!(sun(50.0, 172, 0).clear(), Irradiance::default());
    }

    #[test]
    fn a_tilted_panel_gains_in_winter_and_clouds_take_it_away() {
        for latitude in [50.0, -50.0] {
            let day = if latitude > 0.0 { 355 } else { 172 };
            let noon = sun(latitude, day, 12);
            let flat = noon.on_tilted(0.0, 1.0).watts_per_square_metre();
            let tilted = noon.on_tilted(50.0, 1.0).watts_per_square_metre();
            let dull = noon.on_tilted(50.0, 0.2).watts_per_square_metre();
            assert!((150.0..400.0).contains(&flat), "{flat}");
            assert!(tilted > flat * 1.8, "{tilted} on a tilted panel, {flat} on a level one");
            assert!(dull < flat * 0.3);
        }
    }

    #[test]
    fn a_panel_turned_west_has_its_sun_in_the_afternoon_on_both_halves_of_the_earth() {
        for latitude in [-40.0, 40.0] {
            let light = |hour, azimuth| sun(latitude, 81, hour).on_plane(40.0, azimuth, 1.0);
            assert!(light(16, 60.0) > light(16, 0.0) && light(9, 60.0) < light(9, 0.0));
            let (east, west) = (light(9, -60.0), light(15, 60.0));
            assert!((east.watts_per_square_metre() - west.watts_per_square_metre()).abs() < 1e-6);
            let barely = light(10, 1e-9).watts_per_square_metre();
            assert!((barely - light(10, 0.0).watts_per_square_metre()).abs() < 1e-3, "one formula");
        }
    }

    #[test]
    fn time_runs_over_midnight() {
        let late = SolarTime { day: 365, since_midnight: Duration::from_hours(23) };
        assert_eq!(
            late.after(Duration::from_hours(26)),
            SolarTime { day: 367, since_midnight: Duration::from_hours(1) }
        );
    }
}
