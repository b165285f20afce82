//! The fleet as a person may see it: one serialisable value behind `status`, `why`, the dashboard and the twin.

use protocol::message::OrderRefusal;
use protocol::report::{ContainerState, Energy, Host};
use protocol::{
    Class, Fault, NodeName, OrderId, OrderReason, Reason, Report, Seconds, Soc, Stage, SupplyName, Term,
    Uptime, Voltage,
};
use serde::{Deserialize, Serialize};

use super::address::{AddressKind, LeaderView, Sighting, Standby};
use super::balancer::{BackendView, Balancer};
use super::budget::view::{EnergyView, ForecastView, PlanView};
use super::budget::{Budget, DayEnergy};
use super::event::JournalState;
use super::fleet::Node;
use super::journal::Record;
use super::liveness::Liveness;
use super::person::{ParkedBy, StandingView};
use super::planner::{self, Turn};
use super::settings::Chemistry;
use super::supply;

/// The version of everything that `--json` prints; a change of meaning or a removal counts it up.
pub const SCHEMA: u32 = 1;

/// The fleet at one moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FleetView {
    /// [`SCHEMA`].
    pub schema: u32,
    /// The supervisor's own clock at that moment.
    pub now: Uptime,
    /// The term it leads with.
    pub term: Term,
    /// Whether it leads.
    pub leading: bool,
    /// Why it does not lead, if it does not.
    #[serde(default)]
    pub standby: Option<Standby>,
    /// Who leads and so has the address, where masters share one and it is known.
    #[serde(default)]
    pub leader: Option<LeaderView>,
    /// What is known of the address, where masters share one.
    #[serde(default)]
    pub address: Option<AddressView>,
    /// The newest plan.
    pub plan: OrderId,
    /// Whether decisions are being written down.
    pub journal: JournalState,
    /// The supplies, by name.
    pub supplies: Vec<SupplyView>,
    /// The nodes, by name.
    pub nodes: Vec<NodeView>,
    /// The balancer's backends and what is asked of them; none where no balancer is driven, or it does not answer.
    #[serde(default)]
    pub backends: Vec<BackendView>,
    /// The last records, oldest first.
    pub recent: Vec<Record>,
}

impl FleetView {
    /// The node of that name.
    pub fn node(&self, name: &str) -> Option<&NodeView> {
        self.nodes.iter().find(|node| node.name.as_str() == name)
    }

    /// The supply of that name.
    pub fn supply(&self, name: &SupplyName) -> Option<&SupplyView> {
        self.supplies.iter().find(|supply| supply.name == *name)
    }
}

/// The address, as this master sees it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct AddressView {
    /// Whether this host holds it, and keepalived runs; `None` before the first look.
    pub seen: Option<Sighting>,
    /// What is taken off this master's priority; `None` while keepalived goes by what an earlier life said.
    pub offset: Option<i16>,
}

/// One supply.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SupplyView {
    /// Its name.
    pub name: SupplyName,
    /// Its chemistry, as configured or assumed.
    pub chemistry: Chemistry,
    /// Whether it is assumed: `supervisor.toml` does not name this supply.
    #[serde(default)]
    pub assumed: bool,
    /// The estimate that rules, if there ever was one.
    pub energy: Option<Energy>,
    /// The node that measured it.
    pub source: Option<NodeName>,
    /// How old the estimate is.
    pub age: Option<Seconds>,
    /// Whether the estimate is fresh and without fault, so that nodes may be ordered to spend more.
    pub known: bool,
    /// Sensors that disagree with the one that rules.
    pub disagreement: Option<Disagreement>,
    /// Who recovers or wakes now, if somebody does: others wait.
    pub recovering: Option<NodeName>,
    /// How many nodes hang on it.
    pub nodes: u16,
    /// The weight of its nodes at the balancer, of 100; `None` where no balancer is driven.
    #[serde(default)]
    pub weight: Option<u16>,
    /// The plan on energy, while there is one.
    #[serde(default)]
    pub plan: Option<PlanView>,
    /// Where today's energy went so far, where that is known.
    #[serde(default)]
    pub today: Option<DayEnergy>,
}

impl SupplyView {
    /// Its chemistry, in words that say where it was not told.
    pub fn battery(&self) -> String {
        let told = if self.assumed { " assumed: not in supervisor.toml" } else { "" };
        format!("{}{told}", self.chemistry)
    }
}

/// Two sensors of one supply that differ by more than their errors explain.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Disagreement {
    /// The node whose sensor reads worse, and rules.
    pub worse: NodeName,
    /// Its state of charge, lower bound.
    pub worse_soc: Soc,
    /// Its voltage, compensated.
    pub worse_voltage: Option<Voltage>,
    /// The other node.
    pub other: NodeName,
    /// Its state of charge, lower bound.
    pub other_soc: Soc,
    /// Its voltage, compensated.
    pub other_voltage: Option<Voltage>,
}

/// One node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NodeView {
    /// Its name.
    pub name: NodeName,
    /// The supply it hangs on.
    pub supply: SupplyName,
    /// Greater sheds earlier and recovers later.
    pub shed_order: u8,
    /// Its turn among the nodes of its supply, from 1 (sheds first).
    pub place: u8,
    /// How many nodes take turns.
    pub of: u8,
    /// Whether it may run a supervisor or hold the address.
    pub master: bool,
    /// Whether it measures its supply.
    pub has_sensor: bool,
    /// Whether it is there.
    pub liveness: Liveness,
    /// How long it has been silent; `None` when it never called.
    pub silent: Option<Seconds>,
    /// What it does; `None` before its first report.
    pub stage: Option<Stage>,
    /// The lowest stage that its readings allow.
    pub floor: Option<Stage>,
    /// Its own reason.
    pub reason: Option<Reason>,
    /// Its own view of the supply.
    pub energy: Option<Energy>,
    /// Its board.
    pub host: Option<Host>,
    /// Its sensor's fault, when it has a sensor.
    pub fault: Option<Fault>,
    /// Whether Docker answers there.
    pub docker_up: Option<bool>,
    /// How many containers it manages, also beyond those listed.
    pub containers_total: u16,
    /// Its containers.
    pub containers: Vec<ContainerView>,
    /// What the leader orders.
    pub order: Option<OrderView>,
    /// What a person asked of it.
    #[serde(default)]
    pub person: Option<StandingView>,
    /// Who switched it off, while it is parked and that is known.
    #[serde(default)]
    pub parked_by: Option<ParkedBy>,
    /// What would have to hold before the leader lets it spend more, or makes it save more.
    pub outlook: Outlook,
}

/// Where the leader's next thresholds for a node are.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Outlook {
    /// Below this state of charge (lower bound) it is ordered one rung more careful.
    pub save_below: Option<Soc>,
    /// Above this state of charge (lower bound) it may come one rung back, or be woken.
    pub spend_above: Option<Soc>,
    /// Whether the battery must also be charging for that.
    pub needs_charging: bool,
}

/// One container.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ContainerView {
    /// Its name, once it was introduced.
    pub name: Option<String>,
    /// How much it matters, once it was introduced.
    pub class: Option<Class>,
    /// What it does.
    pub state: ContainerState,
}

/// What the leader orders a node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OrderView {
    /// Which plan; `None` while it could not be sent yet.
    pub id: Option<OrderId>,
    /// The stage.
    pub stage: Stage,
    /// The leader's reason.
    pub reason: OrderReason,
    /// For how long this stage has been ordered.
    pub since: Seconds,
    /// What the node answered.
    pub answer: Option<Result<Stage, OrderRefusal>>,
}

impl super::Supervisor {
    /// The fleet as it is known at `now`, for people and dashboards.
    pub fn view(&self, now: Uptime) -> FleetView {
        FleetView {
            schema: SCHEMA,
            now,
            term: self.term(),
            leading: self.leads(),
            standby: self.seat.standby(now).filter(|_| !self.leads()),
            leader: self.leader_view(now),
            address: (self.seat.kind() == AddressKind::Keepalived)
                .then(|| AddressView { seen: self.seat.seen(), offset: self.claims.said() }),
            plan: self.orders.newest(),
            journal: self.journal.clone(),
            supplies: self.supply_names().into_iter().map(|name| self.supply_view(name, now)).collect(),
            nodes: self.node_views(now),
            backends: self.balancer.as_ref().map(Balancer::view).unwrap_or_default(),
            recent: self.recent.iter().cloned().collect(),
        }
    }

    /// Where the energy went, for every supply with a site.
    pub fn energy(&self) -> Vec<EnergyView> {
        self.budgets.energy_views()
    }

    /// The sun to come and the plan, for every supply with a site.
    pub fn forecast(&self, now: Uptime) -> Vec<ForecastView> {
        self.budgets.forecast_views(now)
    }

    /// Every supply that the config or a node names.
    fn supply_names(&self) -> Vec<SupplyName> {
        let mut names = self.fleet.supplies();
        names.extend(self.settings.supplies.keys().cloned());
        names.sort();
        names.dedup();
        names
    }

    fn supply_view(&self, name: SupplyName, now: Uptime) -> SupplyView {
        let estimate = supply::estimate(&self.fleet, &name, &self.settings.plan, now);
        let pace = self.paces.get(&name);
        let waking = pace.waking.map(|waking| waking.node);
        SupplyView {
            chemistry: self.settings.supply(&name).chemistry,
            assumed: !self.settings.supplies.contains_key(&name),
            energy: estimate.as_ref().map(|estimate| estimate.energy),
            source: estimate.as_ref().map(|estimate| estimate.source.clone()),
            age: estimate.as_ref().map(|estimate| estimate.age.into()),
            known: estimate.as_ref().is_some_and(|estimate| estimate.known),
            disagreement: estimate.and_then(|estimate| estimate.disagreement),
            recovering: waking.or(pace.recovering.map(|recovery| recovery.node)),
            nodes: u16::try_from(self.fleet.turns(&name).len()).unwrap_or(u16::MAX),
            weight: self.balancer.as_ref().and_then(|balancer| balancer.weight(&name)),
            plan: self.budgets.aim(&name, now).map(|aim| aim.view(now)),
            today: self.budgets.get(&name).and_then(Budget::today),
            name,
        }
    }

    fn node_views(&self, now: Uptime) -> Vec<NodeView> {
        let scene = self.scene(now);
        let mut views: Vec<NodeView> = self
            .fleet
            .supplies()
            .iter()
            .flat_map(|supply| planner::turns(scene, supply))
            .map(|(node, turn)| self.node_view(node, &turn, now))
            .collect();
        views.sort_by(|a, b| by_number(&a.name).cmp(&by_number(&b.name)));
        views
    }

    fn node_view(&self, node: &Node, turn: &Turn, now: Uptime) -> NodeView {
        let report = node.report.as_ref().map(|(report, _)| report);
        let heard = node.liveness() != Liveness::NeverSeen && node.presence.heard_at() != Uptime::START;
        NodeView {
            name: node.name.clone(),
            supply: node.supply.clone(),
            shed_order: node.shed_order,
            place: turn.place,
            of: turn.of,
            master: node.master,
            has_sensor: node.has_sensor,
            liveness: node.liveness(),
            silent: heard.then(|| node.presence.silent(now).into()),
            stage: report.map(|report| report.stage),
            floor: report.map(|report| report.floor),
            reason: report.map(|report| report.reason.clone()),
            energy: report.map(|report| report.energy),
            host: report.map(|report| report.host),
            fault: report.filter(|_| node.has_sensor).and_then(|report| report.energy.fault),
            docker_up: report.map(|report| report.docker_up),
            containers_total: report.map_or(0, |report| report.containers_total),
            containers: report.map_or_else(Vec::new, |report| container_views(node, report)),
            order: self.orders.get(&node.name).map(|standing| OrderView {
                id: standing.sent.map(|sent| sent.id),
                stage: standing.stage,
                reason: standing.reason.clone(),
                since: now.since(standing.since).into(),
                answer: standing.answer,
            }),
            person: self.persons.view(&node.name, now),
            parked_by: node.parked_by.filter(|_| node.liveness() == Liveness::Parked),
            outlook: planner::outlook(node, self.orders.stage(&node.name), turn),
        }
    }
}

fn container_views(node: &Node, report: &Report) -> Vec<ContainerView> {
    let view = |container: &protocol::report::ContainerReport| {
        let entry = node.containers.get(&container.slot);
        ContainerView {
            name: entry.map(|entry| entry.name.to_string()),
            class: entry.map(|entry| entry.class),
            state: container.state,
        }
    };
    report.containers.iter().map(view).collect()
}

/// As a person counts: `pi2` before `pi10`.
fn by_number(name: &NodeName) -> (&str, u64, &str) {
    let name = name.as_str();
    let word = name.trim_end_matches(|c: char| c.is_ascii_digit());
    (word, name[word.len()..].parse().unwrap_or(0), name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_are_listed_as_a_person_counts() {
        let name = |name: &str| name.parse::<NodeName>().unwrap();
        let mut names = ["pi10", "pi2", "7", "pi", "pi02", "master-1"].map(name);
        names.sort_by(|a, b| by_number(a).cmp(&by_number(b)));
        let wanted = ["7", "master-1", "pi", "pi02", "pi2", "pi10"].map(name);
        assert_eq!(names, wanted);
    }
}
