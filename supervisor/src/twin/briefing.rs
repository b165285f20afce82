//! What the leader's config says of the simulated site, and what its node's clock shows: the label of the panel and of the
//! battery, the place, the charger's presets. Never what a person on the site would not know.

use std::collections::BTreeMap;
use std::time::Duration;

use hardware::battery::Chemistry as Kind;
use protocol::{SupplyName, Uptime};

use super::plan::FieldPlan;
use super::site::Worth;
use crate::core::Settings;
use crate::core::forecast::{Angle, Plane, Site, SiteError, WallClock};
use crate::core::settings::{self, Chemistry, SiteSettings, SupplySettings};

/// Midnight of 1 January 2027, UTC: the year that every simulated site lives in at first.
const NEW_YEAR: i64 = 1_798_761_600;
const DAY_SECONDS: i64 = 86_400;
/// The sun stands one degree of longitude further west after four minutes.
const SECONDS_PER_DEGREE: f64 = 240.0;

/// What the leader knows beforehand.
#[derive(Debug, Clone)]
pub(super) struct Briefing {
    supply: SupplySettings,
    worth: settings::Worth,
    longitude_degrees: f64,
    first_day: u32,
    starts: Duration,
    /// How many times as rarely heartbeats come, and how often the supply's state is relayed, in a long run.
    sparse: Option<(u32, Duration)>,
}

impl Briefing {
    /// Of a site that is laid out like this.
    ///
    /// # Errors
    ///
    /// If the place is off the globe or the panel cannot be.
    pub(super) fn new(
        plan: &FieldPlan,
        worth: &Worth,
        sparse: Option<(u32, Duration)>,
    ) -> Result<Self, SiteError> {
        let site = &plan.settings;
        let chemistry = match site.chemistry {
            Kind::Flooded => Chemistry::Flooded,
            Kind::Agm => Chemistry::Agm,
            Kind::Gel => Chemistry::Gel,
            Kind::LiFePO4 => Chemistry::LiFePO4,
        };
        let mut supply = SupplySettings { chemistry, ..SupplySettings::default() };
        if let Some(longitude) = plan.longitude_degrees {
            let latitude = site.latitude_degrees;
            // The simulated panel counts from the equator's side, west positive.
            let azimuth = if latitude < 0.0 {
                360.0 - site.panel.azimuth_degrees
            } else {
                180.0 + site.panel.azimuth_degrees
            };
            let tilt = Angle::from_degrees(site.panel.tilt_degrees);
            let place = Site::new(Angle::from_degrees(latitude), Angle::from_degrees(longitude))?
                .with_label(site.panel.label)?
                .with_plane(Plane { tilt, azimuth: Angle::from_degrees(azimuth) })?;
            let (absorption, float) = (site.charger.absorption, site.charger.float);
            supply.site = Some(SiteSettings { site: place, capacity: site.label, absorption, float });
        }
        let &Worth { critical, standard, deferrable } = worth;
        Ok(Self {
            supply,
            worth: settings::Worth { critical, standard, deferrable },
            longitude_degrees: plan.longitude_degrees.unwrap_or(0.0),
            first_day: site.start.day,
            starts: site.start.since_midnight,
            sparse,
        })
    }

    /// The leader's settings on its node.
    pub(super) fn settings(&self, host: protocol::NodeName, supply: SupplyName) -> Settings {
        let mut settings = Settings {
            host: Some(host),
            supplies: BTreeMap::from([(supply, self.supply.clone())]),
            ..Settings::default()
        };
        settings.plan.worth = self.worth;
        if let Some((stretch, interval)) = self.sparse {
            settings.late_after *= stretch;
            settings.lost_after *= stretch;
            settings.plan.relay_interval = interval;
            settings.plan.relay_spacing = interval / 2;
            settings.plan.fresh = settings.plan.fresh.max(interval * 4);
        }
        settings
    }

    /// What a clock that is right shows. The simulated sun keeps apparent solar time; the equation of time is Woolf's
    /// (Duffie and Beckman, "Solar Engineering of Thermal Processes", 1.5.3, the short form), not the forecast's own.
    pub(super) fn wall(&self, now: Uptime) -> WallClock {
        let since = self.starts + now.since(Uptime::START);
        let days = f64::from(self.first_day) + since.as_secs_f64() / DAY_SECONDS as f64;
        let turn = (days - 81.0) / 364.0 * std::f64::consts::TAU;
        let equation = 60.0 * (9.87 * libm::sin(2.0 * turn) - 7.53 * libm::cos(turn) - 1.5 * libm::sin(turn));
        let midnight = NEW_YEAR + i64::from(self.first_day.saturating_sub(1)) * DAY_SECONDS;
        let ahead = (self.longitude_degrees * SECONDS_PER_DEGREE + equation) as i64;
        WallClock::from_unix_seconds(midnight - ahead + since.as_secs().cast_signed())
    }
}
