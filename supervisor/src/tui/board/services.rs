//! Services: containers of one name on several nodes. Swarm names a task `service.slot.id`; other containers are named
//! alike where they are alike.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use protocol::report::ContainerState;
use protocol::{Class, NodeName};

use crate::core::Liveness;
use crate::core::balancer::ServerView;
use crate::core::balancer::seen::Admission;
use crate::core::view::{FleetView, NodeView};

/// One service.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Service {
    pub(super) name: String,
    pub(super) class: Option<Class>,
    /// Where its containers are, and what they do; on a node that is not there, nobody knows.
    pub(super) places: Vec<(NodeName, Option<ContainerState>)>,
    /// Requests a second, where a balancer is driven for it and they were counted.
    pub(super) requests: Option<f64>,
}

impl Service {
    /// How many of its containers run.
    pub(super) fn running(&self) -> usize {
        let runs = |state: &Option<ContainerState>| {
            matches!(state, Some(ContainerState::Running | ContainerState::Capped(_)))
        };
        self.places.iter().filter(|(_, state)| runs(state)).count()
    }
}

/// Whether what a node last said of its containers still holds.
pub(super) fn speaks(node: &NodeView) -> bool {
    matches!(node.liveness, Liveness::Alive | Liveness::Late)
}

/// Requests a second to a service, at all its backends.
fn requests(fleet: &FleetView, service: &str) -> Option<f64> {
    let paces = fleet.backends.iter().filter(|backend| backend.serves(service));
    paces.filter_map(|backend| backend.requests_per_second).reduce(|one, other| one + other)
}

/// What is asked of a node for a service, in words.
pub(super) fn asked(fleet: &FleetView, service: &str, node: &NodeName) -> Option<String> {
    let backends = fleet.backends.iter().filter(|backend| backend.serves(service));
    let servers = backends.flat_map(|backend| &backend.servers);
    let words: Vec<_> =
        servers.filter(|server| server.node.as_ref() == Some(node)).map(server_words).collect();
    (!words.is_empty()).then(|| words.join(", "))
}

/// `4.2 requests/s, 2 sessions, weight 80`.
fn server_words(server: &ServerView) -> String {
    let pace = server.requests_per_second.map_or_else(String::new, |pace| format!("{pace:.1} requests/s, "));
    let state = match server.admission {
        Admission::Ready if server.up => "",
        Admission::Ready => ", down by its checks",
        Admission::Drain => ", takes nothing new",
        Admission::Maint => ", out of service",
    };
    format!("{pace}{} sessions, weight {}{state}", server.sessions, server.weight)
}

/// Every service, critical ones first, then by name.
pub(super) fn services(fleet: &FleetView) -> Vec<Service> {
    let mut found: BTreeMap<&str, Service> = BTreeMap::new();
    for node in &fleet.nodes {
        for container in &node.containers {
            let name = container.name.as_deref().unwrap_or("(not introduced yet)");
            let name = name.split('.').next().unwrap_or(name);
            let service = found.entry(name).or_insert_with(|| Service {
                name: name.to_owned(),
                class: container.class,
                places: Vec::new(),
                requests: requests(fleet, name),
            });
            service.class = service.class.max(container.class);
            service.places.push((node.name.clone(), speaks(node).then_some(container.state)));
        }
    }
    let mut services: Vec<_> = found.into_values().collect();
    // The sort is stable: within a class they stay in the order of their names.
    services.sort_by_key(|service| Reverse(service.class));
    services
}
