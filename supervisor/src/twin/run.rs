//! Plays a site under a policy, from the first day to the last.

use std::time::Duration;

use protocol::Uptime;

use super::oracle::{Aim, Climate, Oracle};
use super::outcome::Outcome;
use super::policy::Policy;
use super::policy::nut::Nut;
use super::policy::solar_protocol::{Nobody, SolarProtocol};
use super::policy::threshold::Threshold;
use super::site::Site;
use super::{Twin, TwinError, bare};

/// The longest run: ten years, as long as the clock of the site holds.
pub const DAYS_MAX: f64 = 3650.0;

/// Plays a site for so many days. The same site, seed and policy give the same outcome, to the byte; every policy meets
/// the same sky and the same faults.
///
/// # Errors
///
/// If an agent's config made from the site is none, which [`Site::parse`] has proved beforehand.
pub fn run(site: &Site, policy: Policy, seed: u64, days: f64) -> Result<Outcome, TwinError> {
    let orders = || site.nodes.iter().map(|node| node.shed_order).collect::<Vec<_>>();
    Ok(match policy {
        Policy::Heliostat => {
            let mut twin = Twin::new(site.plan()?, seed)?;
            twin.advance_to(Uptime::START + Duration::from_secs_f64(days * 86_400.0))?;
            twin.outcome(policy.name())
        }
        Policy::Threshold => {
            bare::run(site, &mut Threshold::new(site.battery.chemistry, &orders()), seed, days)
        }
        Policy::Nut => bare::run(site, &mut Nut::new(site.battery.chemistry), seed, days),
        Policy::SolarProtocol => bare::run(site, &mut SolarProtocol::new(site.panel.label), seed, days),
        Policy::None => bare::run(site, &mut Nobody, seed, days),
        Policy::Climate => bare::run(site, &mut Climate::new(site, seed), seed, days),
        Policy::Oracle => {
            let mut oracle = Oracle::new(site, seed, days, Aim::Worth);
            let bound = Some(oracle.bound(site));
            Outcome { bound, ..bare::run(site, &mut oracle, seed, days) }
        }
    })
}
