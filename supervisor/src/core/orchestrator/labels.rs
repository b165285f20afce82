//! The labels by which Swarm's own store remembers what is ours: it survives every restart of this program.
//!
//! | label | on | says |
//! |---|---|---|
//! | `heliostat.stage`, `heliostat.supply` | nodes | for placement constraints and for people |
//! | `heliostat.held` | nodes | the availability that **we** set: a person's own is another one, and never undone |
//! | `heliostat.demoted` | nodes | it was a manager, and becomes one again |
//! | `heliostat.promoted` | nodes | it stands in for one that was demoted |
//! | `heliostat.surge` | services | `4+1`: four replicas are wanted, one more runs until a move is done |
//! | `heliostat.replicas.min`, `heliostat.replicas.max` | services | a person's: how far replicas follow the nodes |

use std::collections::BTreeMap;
use std::fmt;

use super::seen::{Availability, Service, SwarmNode};

pub(super) const STAGE: &str = "heliostat.stage";
pub(super) const SUPPLY: &str = "heliostat.supply";
pub(super) const HELD: &str = "heliostat.held";
pub(super) const DEMOTED: &str = "heliostat.demoted";
pub(super) const PROMOTED: &str = "heliostat.promoted";
pub(super) const SURGE: &str = "heliostat.surge";
const REPLICAS_MIN: &str = "heliostat.replicas.min";
const REPLICAS_MAX: &str = "heliostat.replicas.max";

/// The availability that we set on a node, and that still stands.
pub(super) fn held(node: &SwarmNode) -> Option<Availability> {
    let held = match node.labels.get(HELD)?.as_str() {
        "pause" => Availability::Pause,
        "drain" => Availability::Drain,
        _ => return None,
    };
    (held == node.availability).then_some(held)
}

/// Replicas beyond what a service's owner wants, while a move is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Surge {
    /// What the owner wants.
    pub(super) base: u64,
    /// How many more run meanwhile.
    pub(super) extra: u64,
    /// Whether it is for balance only: then it ends when all of them run.
    pub(super) for_balance: bool,
}

impl Surge {
    /// The surge that is under way, if the owner did not change the number meanwhile.
    pub(super) fn of(service: &Service) -> Option<Self> {
        let text = service.labels.get(SURGE)?;
        let (text, for_balance) = match text.strip_suffix(" balance") {
            Some(text) => (text, true),
            None => (text.as_str(), false),
        };
        let (base, extra) = text.split_once('+')?;
        let surge = Self { base: base.parse().ok()?, extra: extra.parse().ok()?, for_balance };
        (service.replicas == surge.base.checked_add(surge.extra)).then_some(surge)
    }
}

impl fmt::Display for Surge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}+{}{}", self.base, self.extra, if self.for_balance { " balance" } else { "" })
    }
}

/// How far a service's replicas follow the nodes: `min` is 1 where only `max` is said. `None`: the number is its owner's.
pub(super) fn replica_bounds(service: &Service) -> Option<(u64, u64)> {
    let max: u64 = service.labels.get(REPLICAS_MAX)?.parse().ok()?;
    let min = service.labels.get(REPLICAS_MIN).and_then(|text| text.parse().ok()).unwrap_or(1);
    (min <= max && max > 0).then_some((min, max))
}

/// The most replicas that may run at one moment, where that is said.
pub(super) fn replicas_max(service: &Service) -> Option<u64> {
    service.labels.get(REPLICAS_MAX)?.parse().ok()
}

/// One label to set.
pub(super) fn set(key: &str, value: &impl ToString) -> BTreeMap<String, Option<String>> {
    BTreeMap::from([(key.to_owned(), Some(value.to_string()))])
}

/// One label to take away.
pub(super) fn unset(key: &str) -> BTreeMap<String, Option<String>> {
    BTreeMap::from([(key.to_owned(), None)])
}
