//! What a forecast has learned and is worth keeping over a restart.

use serde::{Deserialize, Serialize};

use super::clock::WallClock;
use super::clouds::Clouds;
use super::error::Errors;
use super::profile::Profile;

/// Some kilobytes, changed once a day. Opaque: only a [`super::Forecast`] reads it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Learned {
    pub(super) profile: Profile,
    pub(super) clouds: Clouds,
    pub(super) errors: Errors,
    /// The latest time that was believed.
    pub(super) newest: Option<WallClock>,
}

impl Learned {
    /// Itself, if it can be what a forecast wrote: a file may have been damaged or edited.
    pub(super) fn sound(self) -> Option<Self> {
        let Self { profile, clouds, errors, newest } = self;
        Some(Self {
            profile: profile.restored()?,
            clouds: clouds.restored()?,
            errors: errors.restored()?,
            newest,
        })
    }
}
