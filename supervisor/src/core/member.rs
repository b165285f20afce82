//! A node as balancer and orchestrator see it: whether it is there, whether it is to be relieved, what it runs, and how
//! much energy it may spend.

use std::net::IpAddr;

use protocol::report::ContainerState;
use protocol::{NodeName, Soc, Stage, SupplyName, Uptime};

use super::Supervisor;
use super::fleet::Node;
use super::liveness::Liveness;
use super::supply;

/// One node.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Member {
    pub(crate) name: NodeName,
    pub(crate) supply: SupplyName,
    /// Where its agent calls from, if that is not this host's own loopback.
    pub(crate) address: Option<IpAddr>,
    pub(crate) presence: Presence,
    /// Its agent is heard, and says that its engine does not answer.
    pub(crate) engine_gone: bool,
    /// Its stage, as last reported.
    pub(crate) stage: Stage,
    /// It drains, or is to be relieved before it does.
    pub(crate) leaving: bool,
    /// Its supply's state of charge, lower bound, while that is known.
    pub(crate) soc: Option<Soc>,
    /// The names of the containers that run there.
    pub(crate) running: Vec<String>,
    /// The names of those that its agent paused or stopped.
    pub(crate) resting: Vec<String>,
}

/// Whether a node is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Presence {
    /// It reported, and its engine answers.
    Here,
    /// Nothing is known of what it does now: it never called, its agent is silent, or its engine is.
    Unclear,
    /// It switched itself off.
    Parked,
    /// Several witnesses say that it is gone.
    Lost,
}

impl Supervisor {
    /// Every node, as balancer and orchestrator see it.
    pub(super) fn members(&self, now: Uptime) -> Vec<Member> {
        self.fleet.nodes().map(|node| self.member(node, now)).collect()
    }

    fn member(&self, node: &Node, now: Uptime) -> Member {
        let estimate = supply::estimate(&self.fleet, &node.supply, &self.settings.plan, now);
        let stage = node.stage();
        Member {
            name: node.name.clone(),
            supply: node.supply.clone(),
            address: self.address_of(node),
            presence: self.presence(node),
            engine_gone: node.reported && node.report.as_ref().is_some_and(|(report, _)| !report.docker_up),
            stage,
            leaving: stage >= Stage::Drain || self.reliefs.is_asked(&node.name),
            soc: estimate.filter(|estimate| estimate.known).and_then(|estimate| estimate.soc_low()),
            running: running(node),
            resting: named(node, |state| matches!(state, ContainerState::Paused | ContainerState::Stopped)),
        }
    }

    fn presence(&self, node: &Node) -> Presence {
        let docker_up = node.report.as_ref().is_some_and(|(report, _)| report.docker_up);
        match node.liveness() {
            Liveness::Parked => Presence::Parked,
            _ if self.witnesses.is_lost(&node.name) => Presence::Lost,
            Liveness::Alive | Liveness::Late if node.reported && docker_up => Presence::Here,
            _ => Presence::Unclear,
        }
    }

    fn address_of(&self, node: &Node) -> Option<IpAddr> {
        let peer = self.links.get(&node.link?)?.peer();
        let address: std::net::SocketAddr = peer.parse().ok()?;
        Some(address.ip()).filter(|ip| !ip.is_loopback())
    }
}

/// The names of the containers that run on a node, as it said last.
pub(super) fn running(node: &Node) -> Vec<String> {
    named(node, |state| matches!(state, ContainerState::Running | ContainerState::Capped(_)))
}

/// The names of a node's containers that are in such a state.
fn named(node: &Node, is: impl Fn(ContainerState) -> bool) -> Vec<String> {
    let Some((report, _)) = &node.report else { return Vec::new() };
    report
        .containers
        .iter()
        .filter(|container| is(container.state))
        .filter_map(|container| node.containers.get(&container.slot))
        .map(|entry| entry.name.to_string())
        .collect()
}
