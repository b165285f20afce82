//! What Docker Swarm shows, and what it is told: data only. `io` speaks to the engine.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

/// The Swarm at one moment, as the engine of this host shows it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Seen {
    /// The id of the node that answered.
    pub this: String,
    /// Its nodes, by id.
    pub nodes: BTreeMap<String, SwarmNode>,
    /// Its services, by id.
    pub services: BTreeMap<String, Service>,
    /// The tasks that are to run.
    pub tasks: Vec<Task>,
}

/// One node of the Swarm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SwarmNode {
    /// Its host's name.
    pub hostname: String,
    /// Where it is.
    pub address: Option<IpAddr>,
    /// Its place among the managers; `None` for a worker.
    pub manager: Option<Manager>,
    /// The role that it is to have: a change takes a moment.
    pub wants_manager: bool,
    /// Whether it takes tasks.
    pub availability: Availability,
    /// Whether Swarm hears it.
    pub ready: bool,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Counts its changes.
    pub version: u64,
}

/// A manager as the others see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Manager {
    /// It leads.
    pub leader: bool,
    /// The leader reaches it.
    pub reachable: bool,
}

/// Whether a node takes tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Availability {
    /// It does.
    Active,
    /// It keeps those that it has.
    Pause,
    /// It gives up those that it has.
    Drain,
}

impl fmt::Display for Availability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Active => "active",
            Self::Pause => "pause",
            Self::Drain => "drain",
        })
    }
}

/// One service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// Its name.
    pub name: String,
    /// How many replicas are wanted; `None` where that is not a number of ours to change (global, jobs).
    pub replicas: Option<u64>,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its update order is `start-first`: its author says that a new task may run beside the old one.
    pub start_first: bool,
    /// Two of its tasks do not fit on one node: they take a port of their host, or its owner says so.
    pub one_per_node: bool,
    /// Its placement constraints.
    pub constraints: Vec<String>,
    /// Counts its changes.
    pub version: u64,
}

/// One task that is to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// The service's id.
    pub service: String,
    /// The node's id; `None` while no node was found for it.
    pub node: Option<String>,
    /// Its slot.
    pub slot: u64,
    /// It runs; with a health check, it is healthy.
    pub running: bool,
}

/// One thing Swarm is told, about one version of what it changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The object's id.
    pub id: String,
    /// The version that was decided on; another one is refused.
    pub version: u64,
    /// What.
    pub edit: Edit,
    /// Labels to set, and with `None` to take away.
    pub labels: BTreeMap<String, Option<String>>,
}

/// What is changed besides labels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Edit {
    /// A node.
    Node {
        /// Whether it takes tasks.
        availability: Option<Availability>,
        /// Whether it is a manager.
        manager: Option<bool>,
    },
    /// A service.
    Service {
        /// How many replicas.
        replicas: Option<u64>,
    },
}

/// Why Swarm gave no answer that can be gone by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum Trouble {
    /// The engine cannot be reached.
    #[error("Docker cannot be reached: {0}")]
    Unreachable(String),
    /// No answer within the bound.
    #[error("no answer in time")]
    TimedOut,
    /// The engine is in no Swarm.
    #[error("this host is in no Swarm")]
    NoSwarm,
    /// The engine is a worker: only managers answer.
    #[error("this host is a worker: only a manager answers")]
    NotManager,
    /// The managers have no quorum: nothing can be changed.
    #[error("Swarm has no leader: its managers have no quorum")]
    NoQuorum,
    /// Somebody else changed the object meanwhile.
    #[error("somebody else changed it meanwhile")]
    Stale,
    /// It was refused, in the engine's words.
    #[error("refused: {0}")]
    Refused(String),
}

impl Trouble {
    /// Whether Swarm has no leader, or may have none: then no node can register either.
    pub(super) const fn is_leaderless(&self) -> bool {
        matches!(self, Self::NoQuorum | Self::TimedOut)
    }
}

/// What happens with Swarm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The answer to [`Action::Look`].
    Seen(Box<Seen>),
    /// The answer to [`Action::Do`]: how many were done, and what stopped the rest.
    Done {
        /// The changes that were made.
        done: usize,
        /// Why the next one was not.
        trouble: Option<Trouble>,
    },
    /// No answer to [`Action::Look`].
    Silent(Trouble),
    /// Something changed: look soon.
    Stirred,
}

/// What is wanted of Swarm. Each ends, within a bound, as one [`Event`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Look at all of it.
    Look,
    /// Do this, in order, and stop at the first that fails.
    Do(Vec<Change>),
}
