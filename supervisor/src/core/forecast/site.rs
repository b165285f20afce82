//! Where the panel stands and how it lies: what a person can say of it.

use protocol::Power;
use thiserror::Error;

use super::sun::{Angle, Plane};

/// A place with a panel. Only the place must be known; the panel's days teach the rest.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Site {
    latitude: Angle,
    longitude: Angle,
    label: Option<Power>,
    plane: Plane,
}

/// Why something is no site.
#[derive(Debug, Clone, Copy, PartialEq, Error)]
pub enum SiteError {
    /// Latitude outside -90..=90 degrees.
    #[error("latitude {0} is not within -90 to 90 degrees")]
    Latitude(f64),
    /// Longitude outside -180..=180 degrees.
    #[error("longitude {0} is not within -180 to 180 degrees")]
    Longitude(f64),
    /// The panel's label is not a power above zero.
    #[error("a panel of {0} W gives nothing")]
    Label(f64),
    /// Tilt outside 0..=90 degrees, or an azimuth that is no number.
    #[error("a panel is tilted by 0 to 90 degrees towards an azimuth, not by {tilt} towards {azimuth}")]
    Plane {
        /// As given, in degrees.
        tilt: f64,
        /// As given, in degrees.
        azimuth: f64,
    },
}

impl Site {
    /// A place; the panel is taken to lie level until told otherwise.
    ///
    /// # Errors
    /// A latitude or longitude off the globe.
    pub fn new(latitude: Angle, longitude: Angle) -> Result<Self, SiteError> {
        if !(-90.0..=90.0).contains(&latitude.degrees()) {
            return Err(SiteError::Latitude(latitude.degrees()));
        }
        if !(-180.0..=180.0).contains(&longitude.degrees()) {
            return Err(SiteError::Longitude(longitude.degrees()));
        }
        Ok(Self { latitude, longitude, label: None, plane: Plane::LEVEL })
    }

    /// With the power on the panels' labels, all of them together.
    ///
    /// # Errors
    /// A power that is not above zero.
    pub fn with_label(self, label: Power) -> Result<Self, SiteError> {
        if label > Power::ZERO && label.is_finite() {
            Ok(Self { label: Some(label), ..self })
        } else {
            Err(SiteError::Label(label.watts()))
        }
    }

    /// With the panels' tilt and direction.
    ///
    /// # Errors
    /// A tilt beyond upright, or no number.
    pub fn with_plane(self, plane: Plane) -> Result<Self, SiteError> {
        let (tilt, azimuth) = (plane.tilt.degrees(), plane.azimuth.degrees());
        if (0.0..=90.0).contains(&tilt) && azimuth.is_finite() {
            Ok(Self { plane, ..self })
        } else {
            Err(SiteError::Plane { tilt, azimuth })
        }
    }

    /// North positive.
    pub const fn latitude(&self) -> Angle {
        self.latitude
    }

    /// East positive.
    pub const fn longitude(&self) -> Angle {
        self.longitude
    }

    /// The panels' power by their labels, if it is known.
    pub const fn label(&self) -> Option<Power> {
        self.label
    }

    /// How the panels lie.
    pub const fn plane(&self) -> Plane {
        self.plane
    }
}
