//! Where the sun stands, and how much of its light would reach a panel if there were no clouds.
//!
//! Position: the low-accuracy series of Meeus, "Astronomical Algorithms" (2nd edition, chapters 25 and 28), in the form
//! in which NOAA's solar calculator uses them (gml.noaa.gov/grad/solcalc/calcdetails.html): good to about 0.01 degrees
//! from 1900 to 2100. Light: [`Sun::clear_on`]. All of it by `libm`, so that every platform gets the same bits.

use libm::{acos, asin, cos, pow, sin, tan};
use protocol::Power;
use serde::{Deserialize, Serialize};

use super::clock::WallClock;

/// An angle. Latitudes are positive in the north, longitudes in the east.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Angle(f64);

impl Angle {
    /// None at all.
    pub const ZERO: Self = Self(0.0);

    /// From degrees.
    pub const fn from_degrees(degrees: f64) -> Self {
        Self(degrees)
    }

    /// In degrees.
    pub const fn degrees(self) -> f64 {
        self.0
    }

    pub(super) const fn from_radians(radians: f64) -> Self {
        Self(radians.to_degrees())
    }

    pub(super) const fn radians(self) -> f64 {
        self.0.to_radians()
    }

    /// The same direction in -180..180 degrees.
    pub(super) fn wrapped(self) -> Self {
        Self(self.0 - 360.0 * libm::floor((self.0 + 180.0) / 360.0))
    }
}

/// A flow of light, in watts for each square metre.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Default)]
pub struct Irradiance(f64);

impl Irradiance {
    /// Watts for each square metre.
    pub const fn watts_per_square_metre(self) -> f64 {
        self.0
    }

    /// What a panel gives under this light whose label (its power at 1000 W/m2) is `label`.
    pub(super) fn on(self, label: Power) -> Power {
        label * (self.0 / 1000.0)
    }
}

/// How a panel lies.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Plane {
    /// From level.
    pub tilt: Angle,
    /// Where it faces: 0 is north, 90 east.
    pub azimuth: Angle,
}

impl Plane {
    /// Flat on the ground.
    pub const LEVEL: Self = Self { tilt: Angle::ZERO, azimuth: Angle::ZERO };
}

/// What the earth does: the same for all places.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Ephemeris {
    pub(super) declination: Angle,
    /// Apparent minus mean solar time, as an angle: a degree is four minutes.
    equation_of_time: Angle,
}

impl Ephemeris {
    pub(super) fn at(wall: WallClock) -> Self {
        // Julian centuries since noon of 1 January 2000. Leap seconds (70 s) move the sun by 0.001 degrees.
        let t = (wall.unix_seconds() as f64 / 86_400.0 - 10_957.5) / 36_525.0;
        let mean_longitude = (280.466_46 + t * (36_000.769_83 + 0.000_303_2 * t)).to_radians();
        let anomaly = (357.529_11 + t * (35_999.050_29 - 0.000_153_7 * t)).to_radians();
        let eccentricity = 0.016_708_634 - t * (0.000_042_037 + 0.000_000_126_7 * t);
        let centre = (1.914_602 - t * (0.004_817 + 0.000_014 * t)) * sin(anomaly)
            + (0.019_993 - 0.000_101 * t) * sin(2.0 * anomaly)
            + 0.000_289 * sin(3.0 * anomaly);
        let node = (125.04 - 1934.136 * t).to_radians();
        let longitude = mean_longitude + (centre - 0.005_69 - 0.004_78 * sin(node)).to_radians();
        let obliquity = (23.439_291 - 0.013_004_2 * t + 0.002_56 * cos(node)).to_radians();
        let y = tan(obliquity / 2.0) * tan(obliquity / 2.0);
        let equation = y * sin(2.0 * mean_longitude) - 2.0 * eccentricity * sin(anomaly)
            + 4.0 * eccentricity * y * sin(anomaly) * cos(2.0 * mean_longitude)
            - 0.5 * y * y * sin(4.0 * mean_longitude)
            - 1.25 * eccentricity * eccentricity * sin(2.0 * anomaly);
        Self {
            declination: Angle::from_radians(asin(sin(obliquity) * sin(longitude))),
            equation_of_time: Angle::from_radians(equation),
        }
    }

    /// Apparent solar time at a longitude, in degrees since the noon of 1 January 1970 in Greenwich: 360 is a day.
    pub(super) fn solar_degrees(&self, longitude: Angle, wall: WallClock) -> f64 {
        wall.unix_seconds() as f64 / 240.0 - 180.0 + longitude.0 + self.equation_of_time.0
    }
}

/// The sun over one latitude.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sun {
    latitude: Angle,
    declination: Angle,
    hour_angle: Angle,
}

impl Sun {
    /// At a place and a moment.
    pub fn at(latitude: Angle, longitude: Angle, wall: WallClock) -> Self {
        let ephemeris = Ephemeris::at(wall);
        let hour_angle = Angle(ephemeris.solar_degrees(longitude, wall)).wrapped();
        Self { latitude, declination: ephemeris.declination, hour_angle }
    }

    /// At a declination, and so far past noon (15 degrees an hour).
    pub const fn standing(latitude: Angle, declination: Angle, hour_angle: Angle) -> Self {
        Self { latitude, declination, hour_angle }
    }

    /// How far past noon: 15 degrees an hour, negative in the morning.
    pub const fn hour_angle(&self) -> Angle {
        self.hour_angle
    }

    /// The sine of its height over the horizon.
    fn height_sine(&self) -> f64 {
        let (latitude, declination) = (self.latitude.radians(), self.declination.radians());
        let sine = sin(latitude) * sin(declination)
            + cos(latitude) * cos(declination) * cos(self.hour_angle.radians());
        sine.clamp(-1.0, 1.0)
    }

    /// Its centre's height over the horizon, without refraction.
    pub fn elevation(&self) -> Angle {
        Angle::from_radians(asin(self.height_sine()))
    }

    /// How far south and west its direction points, in the level plane, as parts of one.
    fn level(&self) -> (f64, f64) {
        let (latitude, declination) = (self.latitude.radians(), self.declination.radians());
        let hour_angle = self.hour_angle.radians();
        let south = sin(latitude) * cos(declination) * cos(hour_angle) - cos(latitude) * sin(declination);
        (south, cos(declination) * sin(hour_angle))
    }

    /// Its direction: 0 is north, 90 east, 180 south.
    pub fn azimuth(&self) -> Angle {
        let (south, west) = self.level();
        Angle(180.0 + libm::atan2(west, south).to_degrees())
    }

    /// The cosine of the angle at which its light meets a plane; negative from behind.
    fn incidence(&self, plane: Plane, sine: f64) -> f64 {
        let (south, west) = self.level();
        let (tilt, facing) = (plane.tilt.radians(), plane.azimuth.radians());
        sine * cos(tilt) - sin(tilt) * (south * cos(facing) + west * sin(facing))
    }

    /// The light on a plane under a clear sky.
    ///
    /// The beam loses to the air as 1353 W/m2 * 0.7^(AM^0.678) (Meinel and Meinel, "Applied Solar Energy", 1976), with
    /// the air mass AM of Kasten and Young (Applied Optics 28, 1989). Scattered light is a tenth of the beam and comes
    /// evenly from the sky; the ground returns a fifth of what it gets. How the place differs (haze, height, shade) is
    /// for [`super::profile`] to learn.
    pub fn clear_on(&self, plane: Plane) -> Irradiance {
        let sine = self.height_sine();
        if sine <= 0.0 {
            return Irradiance::default();
        }
        let air_mass = 1.0 / (sine + 0.505_72 * pow(6.079_95 + self.elevation().0, -1.6364));
        let beam = 1353.0 * pow(0.7, pow(air_mass, 0.678));
        let scattered = 0.1 * beam;
        let seen_sky = f64::midpoint(1.0, cos(plane.tilt.radians()));
        let ground = 0.2 * (beam * sine + scattered) * (1.0 - seen_sky);
        Irradiance(beam * self.incidence(plane, sine).max(0.0) + scattered * seen_sky + ground)
    }
}

/// How long before and after noon the sun is up: half the day's arc, when it is `height` over the horizon at its ends.
///
/// `Err(true)` when it never sets, `Err(false)` when it never rises.
pub(super) fn half_arc(latitude: Angle, declination: Angle, height: Angle) -> Result<Angle, bool> {
    let (latitude, declination) = (latitude.radians(), declination.radians());
    let cosine =
        (sin(height.radians()) - sin(latitude) * sin(declination)) / (cos(latitude) * cos(declination));
    if cosine <= -1.0 {
        Err(true)
    } else if cosine >= 1.0 {
        Err(false)
    } else {
        Ok(Angle::from_radians(acos(cosine)))
    }
}
