//! The orchestrator: Docker Swarm's tasks where the energy is.
//!
//! It looks at Swarm, lays it over the fleet ([`picture`]), and says what differs from what is wanted, about the versions it
//! saw: who is overtaken by another hand looks again and decides again. Only the supervisor that leads says anything, and only
//! about nodes that are ours. What it changed is written on the objects themselves ([`labels`]), so that the next leader, or
//! the next life of this one, can undo it, and undoes nothing of a person's.
//!
//! In one look, in this order: pauses and node labels ([`nodes`]); replacements ([`surge`]); drains of who is free to go, and
//! with them the end of their replacements' surge; replicas between their bounds ([`replicas`]); tasks that Swarm forgot ([`forgotten`]); roles ([`managers`]).

mod constraint;
mod forgotten;
mod held;
mod labels;
mod managers;
mod nodes;
mod picture;
mod replicas;
pub mod seen;
pub mod settings;
mod surge;
mod unsettled;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use protocol::engine::EngineRefusal;
use protocol::{NodeName, Uptime};
use serde::{Deserialize, Serialize};

pub use seen::{Action, Event};
pub use settings::OrchestratorSettings;

use super::balancer::wanted::Tasks;
use super::member::{Member, Presence};
use forgotten::Forgotten;
use held::Held;
pub(crate) use held::HeldDown;
use managers::Since;
pub(crate) use picture::Around;
use picture::{Fate, Picture};
use seen::{Change, Edit, Seen, Trouble};
use unsettled::Unsettled;

/// Between two looks while nothing is under way; the engine's events come between.
const LOOK_SLOW: Duration = Duration::from_secs(5);
/// ... and while something is.
const LOOK_FAST: Duration = Duration::from_millis(150);
/// ... and while Swarm itself moves work, or may be about to: what of it is new shows in a look only.
const LOOK_UNSETTLED: Duration = Duration::from_millis(500);
/// While the engine does not answer, or may not.
const LOOK_SILENT: Duration = Duration::from_secs(3);
/// `io` ends every action sooner than this; should it not, the orchestrator goes on.
const ACTION_MAX: Duration = Duration::from_secs(40);
/// The replacements of a lost node's tasks run within this, or are no longer waited for.
const GIVEN_UP: Duration = Duration::from_secs(20);

/// What is worth a record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "orchestrator")]
pub enum Note {
    /// Swarm answers.
    Answers {
        /// How many nodes it has.
        nodes: usize,
        /// How many of them are ours.
        ours: usize,
    },
    /// It does not answer, or cannot change anything.
    Silent {
        /// Why.
        why: Trouble,
    },
    /// A node's availability, role or labels are changed.
    Node {
        /// Whether it takes tasks.
        availability: Option<seen::Availability>,
        /// Whether it is a manager.
        manager: Option<bool>,
    },
    /// A service's replicas are changed.
    Replicas {
        /// The service.
        service: String,
        /// How many there were.
        from: u64,
        /// How many there are to be.
        to: u64,
    },
    /// A change was refused.
    Refused {
        /// Why.
        why: Trouble,
    },
    /// Swarm calls a node down though its agent and its engine answer: it does not come back by itself.
    Stuck {
        /// Whether its agent is asked to restart the engine.
        told: bool,
    },
    /// A node's agent restarted its engine, as it was asked to.
    EngineRestarted,
    /// It did not.
    EngineNotRestarted {
        /// Why.
        why: EngineRefusal,
    },
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answers { nodes, ours } => {
                write!(f, "Swarm answers: {nodes} nodes, {ours} of them with an agent")
            }
            Self::Silent { why } => write!(f, "Swarm: {why}"),
            Self::Node { availability, manager } => {
                f.write_str("Swarm:")?;
                if let Some(availability) = availability {
                    write!(f, " availability {availability}")?;
                }
                manager.map_or(Ok(()), |manager| f.write_str(if manager { " promoted" } else { " demoted" }))
            }
            Self::Replicas { service, from, to } => write!(f, "service {service}: {from} -> {to} replicas"),
            Self::Refused { why } => write!(f, "Swarm refused a change: {why}"),
            Self::Stuck { told: true } => {
                f.write_str("Swarm calls it down though it answers: its agent is to restart Docker")
            }
            Self::Stuck { told: false } => {
                f.write_str("Swarm calls it down though it answers: restart Docker there")
            }
            Self::EngineRestarted => f.write_str("its agent restarted Docker"),
            Self::EngineNotRestarted { why } => write!(f, "its agent did not restart Docker: {why}"),
        }
    }
}

/// What a look came to.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) action: Option<Action>,
    pub(crate) notes: Vec<(Option<NodeName>, Note)>,
    /// A node that Swarm calls down though it answers, and that is to be seen to now.
    pub(crate) held: Option<HeldDown>,
}

/// The orchestrator's state.
#[derive(Debug)]
pub(crate) struct Orchestrator {
    settings: OrchestratorSettings,
    seen: Option<Seen>,
    /// It was told something since: what it shows is to be looked at before it is told more.
    told_since: bool,
    looked: Option<Uptime>,
    asked: Option<Uptime>,
    silent: Option<Trouble>,
    /// Something changed: look soon.
    stirred: bool,
    since: Since,
    /// What Swarm and the agents say otherwise.
    unsettled: Unsettled,
    /// Who is called down though it answers.
    held: Held,
    balanced: Option<Uptime>,
    forgotten: Forgotten,
    /// Since when nodes are lost, by their Swarm node's id.
    lost: BTreeMap<String, Uptime>,
    /// Nodes that nothing of Swarm's holds.
    free: BTreeSet<NodeName>,
    busy: bool,
}

impl Orchestrator {
    pub(crate) fn new(settings: OrchestratorSettings) -> Self {
        Self {
            settings,
            seen: None,
            told_since: false,
            looked: None,
            asked: None,
            silent: None,
            stirred: false,
            since: Since::default(),
            unsettled: Unsettled::default(),
            held: Held::default(),
            balanced: None,
            forgotten: Forgotten::default(),
            lost: BTreeMap::new(),
            free: BTreeSet::new(),
            busy: false,
        }
    }

    /// When it is to be looked at again.
    pub(crate) fn next_wake(&self) -> Option<Uptime> {
        if let Some(asked) = self.asked {
            return Some(asked + ACTION_MAX);
        }
        let looked = self.looked?;
        Some(looked + self.pause(looked))
    }

    /// How long a look at this moment is good for.
    fn pause(&self, looked: Uptime) -> Duration {
        match (&self.silent, self.busy || self.stirred) {
            (Some(_), _) => LOOK_SILENT,
            (None, true) => LOOK_FAST,
            (None, false) if self.unsettled.is_likely_to_move(looked) => LOOK_UNSETTLED,
            (None, false) => LOOK_SLOW,
        }
    }

    /// Takes what happened.
    pub(crate) fn take(
        &mut self,
        now: Uptime,
        event: Event,
        members: &[Member],
        notes: &mut Vec<(Option<NodeName>, Note)>,
    ) {
        match event {
            Event::Stirred => {
                self.stirred = true;
                return;
            }
            Event::Seen(seen) => {
                if self.seen.is_none() || self.silent.is_some() {
                    let nodes = seen.nodes.len();
                    let named = |name: &str| members.iter().any(|member| member.name.as_str() == name);
                    let ours = seen.nodes.values().filter(|node| named(&node.hostname)).count();
                    notes.push((None, Note::Answers { nodes, ours }));
                }
                (self.silent, self.seen, self.told_since) = (None, Some(*seen), false);
                self.looked = Some(now);
            }
            Event::Done { trouble, .. } => {
                if let Some(why) = trouble.filter(|why| *why != Trouble::Stale) {
                    notes.push((None, Note::Refused { why }));
                    // Not again at once: what is wrong is not over in a moment.
                    self.looked = Some(now);
                } else {
                    self.looked = None;
                }
            }
            Event::Silent(why) => {
                self.looked = Some(now);
                if why.is_leaderless() {
                    self.held.forget();
                }
                if self.silent.as_ref() != Some(&why) {
                    notes.push((None, Note::Silent { why: why.clone() }));
                    self.silent = Some(why);
                }
            }
        }
        self.asked = None;
    }

    /// Compares what Swarm shows with what is wanted. `leads`: whether anything may be said.
    pub(crate) fn look(
        &mut self,
        now: Uptime,
        members: &[Member],
        around: &dyn Around,
        leads: bool,
    ) -> Outcome {
        let mut outcome = Outcome::default();
        if self.asked.is_some_and(|asked| now.since(asked) < ACTION_MAX) {
            return outcome;
        }
        let mut changes = Vec::new();
        if let Some(seen) = self.seen.take() {
            if !self.told_since && self.silent.is_none() {
                changes = self.steer(now, &seen, members, around, leads, &mut outcome);
            }
            self.seen = Some(seen);
        }
        if !changes.is_empty() {
            self.told_since = true;
            outcome.action = Some(Action::Do(changes));
        } else if self.looked.is_none_or(|looked| now.since(looked) >= self.pause(looked)) {
            self.stirred = false;
            outcome.action = Some(Action::Look);
        }
        if outcome.action.is_some() {
            self.asked = Some(now);
        }
        outcome
    }

    fn steer(
        &mut self,
        now: Uptime,
        seen: &Seen,
        members: &[Member],
        around: &dyn Around,
        leads: bool,
        outcome: &mut Outcome,
    ) -> Vec<Change> {
        let given_up = self.follow_lost(seen, members, now);
        let picture = Picture::new(seen, members, around, &given_up);
        self.since.follow(&picture, now);
        self.forgotten.follow(&picture, now);
        self.unsettled.follow(&picture, now);
        self.follow_free(&picture);
        let mut changes = Vec::new();
        if leads {
            changes = self.decide(&picture, now);
            outcome.held = self.held.follow(&picture, now);
            outcome.notes.extend(changes.iter().filter_map(|change| note(seen, change)));
        }
        let moving = picture.ours().any(|(id, node, _)| match picture.fate(id) {
            Fate::Leaves { free } => !free || managers::holds(&picture, id, node),
            Fate::Lost { free } => !free,
            _ => false,
        });
        self.busy = leads && (!changes.is_empty() || moving || is_surging(seen));
        changes
    }

    /// Lost nodes, by their Swarm node's id, whose replacements are no longer waited for.
    fn follow_lost(&mut self, seen: &Seen, members: &[Member], now: Uptime) -> BTreeSet<String> {
        let is_lost = |node: &seen::SwarmNode| {
            members
                .iter()
                .any(|member| member.name.as_str() == node.hostname && member.presence == Presence::Lost)
        };
        self.lost.retain(|id, _| seen.nodes.get(id).is_some_and(is_lost));
        for (id, _) in seen.nodes.iter().filter(|(_, node)| is_lost(node)) {
            self.lost.entry(id.clone()).or_insert(now);
        }
        let given_up = |(id, since): (&String, &Uptime)| (now.since(*since) >= GIVEN_UP).then(|| id.clone());
        self.lost.iter().filter_map(given_up).collect()
    }

    fn decide(&mut self, picture: &Picture<'_>, now: Uptime) -> Vec<Change> {
        let nodes::Steps { before: mut changes, drains, drained } = nodes::steps(picture);
        // Replacements before drains: the drained tasks' own slots would take the nodes that have room, and wait there.
        surge::begin(picture, &mut changes);
        changes.extend(drains);
        surge::end(picture, &drained, &mut changes);
        replicas::follow(picture, &mut changes);
        if changes.is_empty() {
            changes.extend(self.forgotten.tidy(picture, now));
        }
        if changes.is_empty() {
            changes.extend(self.forgotten.help(picture, now));
        }
        if changes.is_empty() {
            changes.extend(managers::next(picture, &self.since, now));
        }
        if changes.is_empty()
            && let Some(change) = self.rebalance(picture, now)
        {
            changes.push(change);
        }
        changes
    }

    fn rebalance(&mut self, picture: &Picture<'_>, now: Uptime) -> Option<Change> {
        let interval = self.settings.rebalance?;
        if self.balanced.is_some_and(|at| now.since(at) < interval) {
            return None;
        }
        let (id, service, surge) = replicas::crowded(picture)?;
        self.balanced = Some(now);
        let edit = Edit::Service { replicas: Some(surge.base + surge.extra) };
        Some(surge::change(id, service, edit, labels::set(labels::SURGE, &surge)))
    }

    /// Who has nothing left that Swarm would move.
    fn follow_free(&mut self, picture: &Picture<'_>) {
        let free = |(id, node, member): (&str, &seen::SwarmNode, &Member)| {
            let person = node.availability != seen::Availability::Active && labels::held(node).is_none();
            let drained = node.availability == seen::Availability::Drain;
            let gone = (drained || person) && !managers::holds(picture, id, node);
            gone.then(|| member.name.clone())
        };
        self.free = picture.ours().filter_map(free).collect();
    }

    /// Whether nothing of Swarm's is left to be moved from a node; so it is also where Swarm cannot be told anything.
    pub(crate) fn is_free(&self, node: &NodeName) -> bool {
        let Some(seen) = &self.seen else { return self.silent.is_some() };
        let known = seen.nodes.values().any(|of_swarm| of_swarm.hostname == node.as_str());
        self.silent.is_some() || !known || self.free.contains(node)
    }

    /// Whether Swarm calls a node down.
    pub(crate) fn is_down(&self, node: &NodeName) -> bool {
        self.seen.as_ref().is_some_and(|seen| {
            self.silent.is_none()
                && seen.nodes.values().any(|of_swarm| of_swarm.hostname == node.as_str() && !of_swarm.ready)
        })
    }

    /// Whether a node runs a service, as Swarm says.
    pub(crate) fn runs(&self, service: &str, node: &NodeName) -> bool {
        self.seen.as_ref().is_some_and(|seen| {
            seen.tasks.iter().filter(|task| task.running).any(|task| {
                let on = task.node.as_ref().and_then(|id| seen.nodes.get(id));
                on.is_some_and(|on| on.hostname == node.as_str())
                    && seen.services.get(&task.service).is_some_and(|known| known.name == service)
            })
        })
    }

    /// What runs where, as Swarm says.
    pub(crate) fn tasks(&self) -> Tasks {
        let mut tasks = Tasks::default();
        let Some(seen) = &self.seen else { return tasks };
        let named = |id: &String| seen.nodes.get(id)?.hostname.parse::<NodeName>().ok();
        for node in seen.nodes.values() {
            if let (Ok(name), Some(address)) = (node.hostname.parse(), node.address) {
                tasks.addresses.insert(name, address);
            }
        }
        for task in &seen.tasks {
            let name = task.node.as_ref().and_then(named);
            if let (Some(service), Some(name)) = (seen.services.get(&task.service), name) {
                if task.running {
                    tasks.running.insert((service.name.clone(), name.clone()));
                }
                tasks.wanted.insert((service.name.clone(), name));
            }
        }
        if self.silent.is_none() {
            tasks.services.extend(seen.services.values().map(|service| service.name.clone()));
        }
        tasks
    }
}

fn is_surging(seen: &Seen) -> bool {
    seen.services.values().any(|service| service.labels.contains_key(labels::SURGE))
}

/// What a change is to people; labels alone are no news.
fn note(seen: &Seen, change: &Change) -> Option<(Option<NodeName>, Note)> {
    match change.edit {
        Edit::Node { availability: None, manager: None } | Edit::Service { replicas: None } => None,
        Edit::Node { availability, manager } => {
            let name = seen.nodes.get(&change.id)?.hostname.parse().ok()?;
            Some((Some(name), Note::Node { availability, manager }))
        }
        Edit::Service { replicas: Some(to) } => {
            let service = seen.services.get(&change.id)?;
            let note = Note::Replicas { service: service.name.clone(), from: service.replicas?, to };
            Some((None, note))
        }
    }
}
