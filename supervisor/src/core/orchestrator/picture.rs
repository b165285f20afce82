//! Swarm and the fleet, laid over each other: which of its nodes are ours, which leave, what runs where.

use std::collections::{BTreeMap, BTreeSet};

use protocol::NodeName;

use super::constraint;
use super::seen::{Availability, Seen, Service, SwarmNode, Task};
use crate::core::member::{Member, Presence};

/// What is to become of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// It serves.
    Serves,
    /// Its work goes elsewhere, replacements first. `free`: nothing holds it any more, or there is no time left.
    Leaves { free: bool },
    /// It switched itself off.
    Parked,
    /// It is gone. `free`: its replacements run, or there is no time left.
    Lost { free: bool },
    /// Not ours, or nothing is known: left alone.
    Unclear,
}

/// What is asked about nodes while deciding.
pub(crate) trait Around {
    /// Whether the balancer has nothing more to end there.
    fn is_idle(&self, node: &NodeName) -> bool;
    /// Whether there is no more time to relieve it.
    fn is_overdue(&self, node: &NodeName) -> bool;
    /// Whether its server takes work, wherever the balancer knows the service.
    fn is_serving(&self, service: &str, node: &NodeName) -> bool;
}

/// All of it at one moment.
pub(super) struct Picture<'a> {
    pub(super) seen: &'a Seen,
    pub(super) around: &'a dyn Around,
    /// Members by the id of their Swarm node.
    members: BTreeMap<&'a str, &'a Member>,
    /// Lost nodes whose replacements are no longer waited for, by their Swarm node's id.
    given_up: &'a BTreeSet<String>,
}

impl<'a> Picture<'a> {
    /// Lays them over each other: a Swarm node is ours when a node has its host's name.
    pub(super) fn new(
        seen: &'a Seen,
        members: &'a [Member],
        around: &'a dyn Around,
        given_up: &'a BTreeSet<String>,
    ) -> Self {
        let by_name: BTreeMap<&str, &Member> =
            members.iter().map(|member| (member.name.as_str(), member)).collect();
        let members = seen
            .nodes
            .iter()
            .filter_map(|(id, node)| Some((id.as_str(), *by_name.get(node.hostname.as_str())?)))
            .collect();
        Self { seen, around, members, given_up }
    }

    pub(super) fn member(&self, id: &str) -> Option<&'a Member> {
        self.members.get(id).copied()
    }

    /// Every Swarm node that is ours.
    pub(super) fn ours(&self) -> impl Iterator<Item = (&'a str, &'a SwarmNode, &'a Member)> {
        self.members.iter().filter_map(|(id, member)| Some((*id, self.seen.nodes.get(*id)?, *member)))
    }

    /// What is to become of a node, but for whether it is free to go.
    pub(super) fn fate(&self, id: &str) -> Fate {
        let Some(member) = self.member(id) else { return Fate::Unclear };
        match member.presence {
            Presence::Parked => Fate::Parked,
            Presence::Lost => Fate::Lost { free: self.given_up.contains(id) || self.all_replaced(id) },
            _ if member.leaving => Fate::Leaves { free: self.is_free(id, member) },
            Presence::Here => Fate::Serves,
            Presence::Unclear => Fate::Unclear,
        }
    }

    /// A leaving node is free to go when its replacements serve and its sessions have ended, or its time is over.
    fn is_free(&self, id: &str, member: &Member) -> bool {
        self.around.is_overdue(&member.name) || (self.around.is_idle(&member.name) && self.all_covered(id))
    }

    /// Whether all that could be replaced of what runs on a node that goes is.
    fn all_covered(&self, id: &str) -> bool {
        self.services_on(id).all(|(service_id, service)| self.is_covered(service_id, service))
    }

    /// Whether all that ran on a lost node runs elsewhere. Where there is no room for it, that may come: a node that was lost
    /// with it may be back any moment, and Swarm itself would begin only when it calls the lost one down.
    fn all_replaced(&self, id: &str) -> bool {
        self.services_on(id).all(|(service_id, service)| {
            let base = super::labels::Surge::of(service).map(|surge| surge.base).or(service.replicas);
            let enough = base.is_none_or(|base| self.staying_tasks(service_id, service) >= base);
            self.is_covered(service_id, service) && (enough || !super::surge::may_grow(service))
        })
    }

    fn services_on(&self, node: &str) -> impl Iterator<Item = (&'a str, &'a Service)> {
        let ids: BTreeSet<&str> = self.tasks_on(node).map(|task| task.service.as_str()).collect();
        ids.into_iter().filter_map(|id| Some((id, self.seen.services.get(id)?)))
    }

    /// The tasks on a node.
    pub(super) fn tasks_on(&self, node: &str) -> impl Iterator<Item = &'a Task> {
        self.seen.tasks.iter().filter(move |task| task.node.as_deref() == Some(node))
    }

    /// The tasks of a service.
    pub(super) fn tasks_of(&self, service: &str) -> impl Iterator<Item = &'a Task> {
        self.seen.tasks.iter().filter(move |task| task.service == service)
    }

    /// Whether a node goes, or is gone.
    pub(super) fn goes(&self, id: &str) -> bool {
        match self.member(id) {
            Some(member) => member.leaving || matches!(member.presence, Presence::Lost | Presence::Parked),
            None => false,
        }
    }

    /// Whether a node can take another task of a service.
    pub(super) fn has_room(&self, id: &str, node: &SwarmNode, service_id: &str, service: &Service) -> bool {
        let taken = service.one_per_node && self.tasks_on(id).any(|task| task.service == service_id);
        self.stays(id, node) && !taken && constraint::fits(&service.constraints, id, node)
    }

    /// Whether a node takes tasks and goes on.
    pub(super) fn stays(&self, id: &str, node: &SwarmNode) -> bool {
        node.ready && node.availability == Availability::Active && !self.goes(id)
    }

    /// How many tasks of a service sit on nodes that go and are not drained yet.
    pub(super) fn leaving_tasks(&self, service: &str) -> u64 {
        let leaves = |task: &&Task| {
            task.node.as_deref().is_some_and(|id| {
                self.goes(id)
                    && self.seen.nodes.get(id).is_some_and(|node| node.availability != Availability::Drain)
            })
        };
        self.tasks_of(service).filter(leaves).count() as u64
    }

    /// How many tasks of a service are on nodes that go on, whether they run yet or not.
    pub(super) fn placed_tasks(&self, service: &str) -> u64 {
        let placed = |task: &&Task| {
            let node = task.node.as_deref().filter(|node| !self.goes(node));
            node.is_some_and(|node| self.seen.nodes.get(node).is_some_and(|node| node.ready))
        };
        self.tasks_of(service).filter(placed).count() as u64
    }

    /// How many tasks of a service run, and serve, on nodes that go on.
    pub(super) fn staying_tasks(&self, id: &str, service: &Service) -> u64 {
        let serves = |task: &&Task| {
            let Some(node) = task.node.as_deref().filter(|_| task.running) else { return false };
            let member = self.member(node);
            !self.goes(node)
                && self.seen.nodes.get(node).is_some_and(|node| node.ready)
                && member.is_none_or(|member| self.around.is_serving(&service.name, &member.name))
        };
        self.tasks_of(id).filter(serves).count() as u64
    }

    /// Whether all replicas that could be replaced run elsewhere.
    pub(super) fn is_covered(&self, id: &str, service: &Service) -> bool {
        if service.replicas.is_none() {
            return true;
        }
        if super::surge::wanted(self, id, service).is_some() {
            // It is to be started still.
            return false;
        }
        super::labels::Surge::of(service).is_none_or(|surge| {
            // Where there was room for fewer than leave, fewer run.
            let unreplaced = self.leaving_tasks(id).saturating_sub(surge.extra);
            self.staying_tasks(id, service) >= surge.base.saturating_sub(unreplaced)
        })
    }
}
