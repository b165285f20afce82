//! Tells nodes without a sensor, or with a silent one, how their supply is: on change, and often enough that they do not take
//! it for stale.

use std::collections::BTreeMap;

use protocol::message::{SupervisorMessage, SupplyReport};
use protocol::report::Energy;
use protocol::{NodeName, Seconds, Uptime};

use super::action::Action;
use super::event::LinkId;
use super::fleet::{Fleet, Node};
use super::settings::PlanSettings;
use super::supply::{self, Estimate};

/// A change of the state of charge smaller than this is not worth a message before its time, in points.
const NEWS_POINTS: f64 = 0.5;

/// As above, for voltages, in volts.
const NEWS_VOLTS: f64 = 0.05;

/// What each node was told last.
#[derive(Debug, Clone, Default)]
pub(crate) struct Relay {
    told: BTreeMap<NodeName, Told>,
}

#[derive(Debug, Clone)]
struct Told {
    link: LinkId,
    energy: Energy,
    at: Uptime,
}

impl Relay {
    /// Tells every node whose turn it is.
    pub(crate) fn run(&mut self, fleet: &Fleet, plan: &PlanSettings, now: Uptime, actions: &mut Vec<Action>) {
        for name in fleet.supplies() {
            let Some(estimate) = supply::estimate(fleet, &name, plan, now) else { continue };
            let wanting = fleet
                .nodes()
                .filter(|node| node.supply == name && wants(node, &estimate) && node.presence.linked());
            for (node, link) in wanting.filter_map(|node| Some((node, node.link?))) {
                let due = self.told.get(&node.name).is_none_or(|told| {
                    let since = now.since(told.at);
                    told.link != link
                        || since >= plan.relay_interval
                        || (since >= plan.relay_spacing && is_news(&told.energy, &estimate.energy))
                });
                if due {
                    let report = SupplyReport { energy: estimate.energy, age: Seconds::from(estimate.age) };
                    actions.push(Action::Send { link, message: SupervisorMessage::Supply(report) });
                    let told = Told { link, energy: estimate.energy, at: now };
                    self.told.insert(node.name.clone(), told);
                }
            }
        }
    }
}

/// Whether a node cannot tell by itself. One whose sensors are silent is told what another node measures, never its own
/// word.
fn wants(node: &Node, estimate: &Estimate) -> bool {
    let silent = || node.report.as_ref().is_some_and(|(report, _)| report.energy.fault.is_some());
    !node.has_sensor || (estimate.known && estimate.source != node.name && silent())
}

/// Whether a node would want to know before its time.
fn is_news(old: &Energy, new: &Energy) -> bool {
    let points = match (old.soc, new.soc) {
        (Some(old), Some(new)) => new.low.points_above(old.low).abs(),
        (None, None) => 0.0,
        _ => f64::INFINITY,
    };
    let volts = match (old.voltage, new.voltage) {
        (Some(old), Some(new)) => (new - old).abs().volts(),
        (None, None) => 0.0,
        _ => f64::INFINITY,
    };
    old.fault.is_some() != new.fault.is_some()
        || old.basis != new.basis
        || points >= NEWS_POINTS
        || volts >= NEWS_VOLTS
}
