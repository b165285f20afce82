//! Services: containers of one name on several nodes. Swarm names a task `service.slot.id`; other containers are named
//! alike where they are alike.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use protocol::report::ContainerState;
use protocol::{Class, NodeName};

use crate::core::Liveness;
use crate::core::view::{FleetView, NodeView};

/// One service.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Service {
    pub(super) name: String,
    pub(super) class: Option<Class>,
    /// Where its containers are, and what they do; on a node that is not there, nobody knows.
    pub(super) places: Vec<(NodeName, Option<ContainerState>)>,
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
