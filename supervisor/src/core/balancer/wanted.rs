//! What is wanted of each server, and the smallest set of commands that brings it about.
//!
//! A node's server in a backend is the one of the node's name; where the config has none, one called `heliostat-NODE` is
//! added, and taken away again when the node no longer serves. Every other server is somebody else's and is left alone.
//!
//! | the node ... | its server |
//! |---|---|
//! | runs the work and may go on | `ready`, once a health check passed where it has one |
//! | drains, or is to be relieved | `drain`, unless nobody else in the backend serves |
//! | is lost by several witnesses | `drain`: it does not come back before its agent is heard |
//! | does not run the work | `drain`, and after [`ABSENT`] `maint`, or gone if it was added |
//! | is parked | `maint` |
//! | is silent, or was never heard | as it is: HAProxy's own checks judge |

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use protocol::{NodeName, Stage};
use serde::{Deserialize, Serialize};

use super::seen::{Admission, Change, Command, LastCheck, Seen, Server, ServerKey};
use super::settings::{BackendSettings, BalancerSettings, Work};
use super::weights::Weights;
use crate::core::member::{Member, Presence};

/// Servers that we add are called this and the node's name.
pub(super) const ADDED: &str = "heliostat-";

/// A node that does not run the work for this long has no place in its backend.
pub(super) const ABSENT: Duration = Duration::from_mins(1);

/// Whoever HAProxy was still connecting to a lost host when it got no more visitors has been sent elsewhere by then, with a `timeout
/// connect` of half a second and some: what is left had reached it before it went. Which those are can be seen before
/// ([`Change::EndConnected`]); this is for an HAProxy that shows its sessions otherwise.
const CONNECTED: Duration = Duration::from_millis(600);

/// Why a server is as it is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// Its node runs the work.
    Serves,
    /// Its node drains, or is relieved before it does.
    Leaving,
    /// Its node leaves, and nobody else in the backend serves.
    LastOne,
    /// Its node does not run the work.
    NotRunning,
    /// Its node is parked.
    Parked,
    /// Its node is lost.
    Lost,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Serves => "its node serves",
            Self::Leaving => "its node leaves",
            Self::LastOne => "its node leaves, but nobody else serves",
            Self::NotRunning => "its node does not run it",
            Self::Parked => "its node is parked",
            Self::Lost => "its node is lost",
        })
    }
}

/// What is wanted of one node's server in one backend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) node: NodeName,
    pub(super) key: ServerKey,
    /// Where it is; `None` where nobody can say, and it stays where it is.
    pub(super) address: Option<SocketAddr>,
    pub(super) weight: u16,
    pub(super) admission: Admission,
    pub(super) why: Why,
    /// Whether a server that is not there is to be.
    pub(super) exists: bool,
}

/// Everything that is looked at.
pub(super) struct View<'a> {
    pub(super) settings: &'a BalancerSettings,
    pub(super) members: &'a [Member],
    pub(super) weights: &'a Weights,
    pub(super) seen: &'a Seen,
    /// Which nodes run which Swarm service, as Swarm says, and where they are.
    pub(super) tasks: &'a Tasks,
    /// For how long a node has not run a backend's work.
    pub(super) absent: &'a BTreeMap<ServerKey, Duration>,
    /// For how long a server's node has been lost.
    pub(super) lost: &'a BTreeMap<ServerKey, Duration>,
    /// Servers of lost nodes whose sessions were ended as far as they were connected.
    pub(super) ended: &'a BTreeSet<ServerKey>,
    /// Servers that took work when HAProxy, or the process before it, was last seen.
    pub(super) served: &'a BTreeSet<ServerKey>,
}

/// Which nodes run which Swarm service, and where they are: what Swarm knows beside the agents.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Tasks {
    /// Service and node of every task that runs.
    pub(crate) running: BTreeSet<(String, NodeName)>,
    /// Service and node of every task that is to run.
    pub(crate) wanted: BTreeSet<(String, NodeName)>,
    /// The services that Swarm knows, while it answers.
    pub(crate) services: BTreeSet<String>,
    /// Nodes' addresses.
    pub(crate) addresses: BTreeMap<NodeName, IpAddr>,
}

impl View<'_> {
    /// Every server that is ours.
    pub(super) fn wanted(&self) -> Vec<Wanted> {
        let known =
            self.settings.backends.iter().filter(|backend| !self.seen.missing.contains(&backend.name));
        known.flat_map(|backend| self.of_backend(backend)).collect()
    }

    fn of_backend(&self, backend: &BackendSettings) -> Vec<Wanted> {
        self.members.iter().filter_map(|member| self.of_member(backend, member)).collect()
    }

    fn of_member(&self, backend: &BackendSettings, member: &Member) -> Option<Wanted> {
        let key = self.key(backend, &member.name);
        let serves = self.serves(backend, member);
        let (admission, why) = match member.presence {
            Presence::Parked => (Admission::Maint, Why::Parked),
            Presence::Lost => (Admission::Drain, Why::Lost),
            Presence::Here if !serves && self.absent.get(&key).is_some_and(|absent| *absent >= ABSENT) => {
                (Admission::Maint, Why::NotRunning)
            }
            Presence::Here if !serves => (Admission::Drain, Why::NotRunning),
            Presence::Here | Presence::Unclear if member.leaving => self.leaving(backend, member, &key),
            Presence::Here => (Admission::Ready, Why::Serves),
            Presence::Unclear => return None,
        };
        Some(Wanted {
            node: member.name.clone(),
            address: self.address(member).map(|ip| SocketAddr::new(ip, backend.port)),
            weight: self.weights.of(&member.supply),
            admission,
            why,
            exists: serves && member.presence == Presence::Here,
            key,
        })
    }

    /// The server of a node: the config's, or the one that we add.
    fn key(&self, backend: &BackendSettings, node: &NodeName) -> ServerKey {
        let named = ServerKey { backend: backend.name.clone(), server: node.to_string() };
        if self.seen.servers.contains_key(&named) {
            return named;
        }
        ServerKey { server: format!("{ADDED}{node}"), ..named }
    }

    /// Whether a node runs a backend's work, as its agent says, or as Swarm does already where the agent did not rest it. A
    /// task that Swarm wants there no more ends any moment: a node that was cut off and is back still runs what was replaced.
    pub(super) fn serves(&self, backend: &BackendSettings, member: &Member) -> bool {
        let covers = |names: &[String]| names.iter().any(|name| backend.work.covers(name));
        let (by_swarm, ends) = match &backend.work {
            Work::Service(service) => {
                let task = (service.clone(), member.name.clone());
                let runs = self.tasks.running.contains(&task) && !covers(&member.resting);
                (runs, self.tasks.services.contains(service) && !self.tasks.wanted.contains(&task))
            }
            Work::Container(_) => (false, false),
        };
        by_swarm || (covers(&member.running) && !ends)
    }

    fn address(&self, member: &Member) -> Option<IpAddr> {
        let told = self.settings.addresses.get(&member.name);
        told.or_else(|| self.tasks.addresses.get(&member.name)).copied().or(member.address)
    }

    /// A node that leaves gets nothing new, if anybody else in the backend can take it. At `Halt` it serves nothing any more.
    fn leaving(&self, backend: &BackendSettings, member: &Member, key: &ServerKey) -> (Admission, Why) {
        let stays = |server: &ServerKey| {
            !self.members.iter().any(|other| other.leaving && self.key(backend, &other.name) == *server)
        };
        let can_take = |(other, server): (&ServerKey, &Server)| {
            other.backend == key.backend
                && other != key
                && server.up
                && server.admission == Admission::Ready
                && server.weight > 0
                && stays(other)
        };
        if member.stage == Stage::Halt || self.seen.servers.iter().any(can_take) {
            (Admission::Drain, Why::Leaving)
        } else {
            (Admission::Ready, Why::LastOne)
        }
    }

    /// What HAProxy is to be told so that it is as wanted.
    pub(super) fn commands(&self, wanted: &[Wanted]) -> Vec<Command> {
        let mut commands = Vec::new();
        for one in wanted {
            match self.seen.servers.get(&one.key) {
                Some(server) => {
                    change(one, server, &mut commands);
                    if let Some(change) = self.what_ends(one, server) {
                        commands.push(Command { server: one.key.clone(), change });
                    }
                }
                None if one.exists => self.add(one, &mut commands),
                None => {}
            }
        }
        commands
    }

    /// What ends of the sessions of a host that is lost: what it has taken, nobody there will answer. Where not even its kernel
    /// answers, HAProxy gives what it could not connect to somebody else by itself, and would break that off if its session ended.
    fn what_ends(&self, wanted: &Wanted, server: &Server) -> Option<Change> {
        let lost = *self.lost.get(&wanted.key)?;
        match server.check.last {
            _ if server.sessions == 0 => None,
            LastCheck::Mute => Some(Change::EndSessions),
            LastCheck::TimedOut | LastCheck::Suspected if lost >= CONNECTED => Some(Change::EndSessions),
            LastCheck::TimedOut | LastCheck::Suspected => {
                (!self.ended.contains(&wanted.key)).then_some(Change::EndConnected)
            }
            LastCheck::None | LastCheck::Passed | LastCheck::Failed => None,
        }
    }

    fn add(&self, wanted: &Wanted, commands: &mut Vec<Command>) {
        let backend = self.settings.backends.iter().find(|backend| backend.name == wanted.key.backend);
        let (Some(address), Some(backend)) = (wanted.address, backend) else { return };
        let mut push = |change| commands.push(Command { server: wanted.key.clone(), change });
        let (check, agent_port) = (backend.check, backend.agent_port);
        push(Change::Add { address, weight: wanted.weight, check, agent_port });
        push(Change::CheckOn);
        if agent_port.is_some() {
            push(Change::AgentOn);
        }
        // Checked, but without work until a check has passed. One that a HAProxy forgot as it was restarted served a moment ago,
        // and may be all that visitors have: it serves again, and the first check judges.
        let at_once = wanted.admission == Admission::Ready && self.served.contains(&wanted.key);
        push(Change::Admission(if at_once { Admission::Ready } else { Admission::Drain }));
    }
}

/// Brings a server that is there to what is wanted of it.
fn change(wanted: &Wanted, server: &Server, commands: &mut Vec<Command>) {
    let mut push = |change| commands.push(Command { server: wanted.key.clone(), change });
    let added = wanted.key.server.starts_with(ADDED);
    if added && wanted.admission == Admission::Maint {
        if server.admission != Admission::Maint {
            push(Change::Admission(Admission::Maint));
        }
        if server.sessions == 0 {
            push(Change::Delete);
        }
        return;
    }
    if let Some(address) = wanted.address
        && server.address.is_some()
        && (server.address != Some(address.ip()) || server.port != address.port())
    {
        push(Change::Address(address));
    }
    if server.weight != wanted.weight {
        push(Change::Weight(wanted.weight));
    }
    if added && server.check.configured && !server.check.enabled {
        push(Change::CheckOn);
    }
    if added && server.agent_off {
        push(Change::AgentOn);
    }
    let admission = next_admission(wanted.admission, server);
    if server.admission != admission {
        push(Change::Admission(admission));
    }
}

/// Nobody serves before a check has passed, where there is a check: what was out of service is drained, and checked, first.
fn next_admission(wanted: Admission, server: &Server) -> Admission {
    let passed = !server.check.configured || server.check.last == LastCheck::Passed;
    match (wanted, server.admission) {
        (Admission::Ready, Admission::Drain) if !passed => Admission::Drain,
        (Admission::Ready, Admission::Maint) if server.check.configured => Admission::Drain,
        (wanted, _) => wanted,
    }
}
