//! Nodes that Swarm holds down though their agent and their engine answer. A worker that registers again just as its old
//! session expires may stay so for good; only a new process of its engine ends it.
//!
//! What runs there is moved by Swarm already, so to restart that engine costs no task of Swarm's. But it is done with care:
//! one node at a time, rarely, and not at all where most nodes are held down: then the fault is not theirs.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use protocol::{NodeName, Uptime};

use super::picture::Picture;
use super::seen::SwarmNode;
use crate::core::member::{Member, Presence};

/// A node that Swarm calls down for so long though it answers does not come back by itself: one that starts takes up to 13 s.
const HELD: Duration = Duration::from_secs(20);
/// ... and one whose engine was seen to begin anew a while ago registers at once, or not at all: no connection of it is retried at
/// ever longer intervals. Not so where Swarm had no leader just then ([`Held::forget`]).
const HELD_ANEW: Duration = Duration::from_secs(6);
/// So long ago.
const ANEW: Duration = Duration::from_mins(1);
/// Nothing more is done, or said, about one node for so long. Longer than agents refuse to do it again.
const AGAIN: Duration = Duration::from_mins(10);
/// Between two nodes' restarts: the first is back by then, or something else is wrong.
const APART: Duration = Duration::from_mins(1);

/// A node that is held down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HeldDown {
    pub(crate) node: NodeName,
    pub(crate) since: Duration,
    /// Whether its engine is to be restarted: not where Swarm holds most nodes down.
    pub(crate) heal: bool,
}

/// Who is held down, since when, and when something was last done about it.
#[derive(Debug, Default)]
pub(super) struct Held {
    since: BTreeMap<NodeName, Uptime>,
    /// When an agent said last that its engine does not answer.
    gone: BTreeMap<NodeName, Uptime>,
    done: BTreeMap<NodeName, Uptime>,
}

impl Held {
    /// Swarm had no leader. Nobody could register, and an agent of Swarm that was refused asks again after up to 8 s, and waits 5 s for an
    /// answer (swarmkit: `maxSessionFailureBackoff`, `dispatcherRPCTimeout`): whoever is not ready then has all the time of a node that starts.
    pub(super) fn forget(&mut self) {
        self.since.clear();
        self.gone.clear();
    }

    /// Follows what is seen; who is to be seen to now.
    pub(super) fn follow(&mut self, picture: &Picture<'_>, now: Uptime) -> Option<HeldDown> {
        let is_held = |node: &SwarmNode, member: &Member| {
            !node.ready && member.presence == Presence::Here && !member.leaving
        };
        let held: BTreeSet<NodeName> = picture
            .ours()
            .filter(|(_, node, member)| is_held(node, member))
            .map(|(_, _, member)| member.name.clone())
            .collect();
        let (down, ours) =
            (picture.ours().filter(|(_, node, _)| !node.ready).count(), picture.ours().count());
        self.since.retain(|name, _| held.contains(name));
        for name in &held {
            self.since.entry(name.clone()).or_insert(now);
        }
        self.gone.retain(|_, at| now.since(*at) < ANEW);
        let gone = picture.ours().filter(|(_, _, member)| member.engine_gone);
        self.gone.extend(gone.map(|(_, _, member)| (member.name.clone(), now)));
        self.done.retain(|_, at| now.since(*at) < AGAIN);
        if self.done.values().any(|at| now.since(*at) < APART) {
            return None;
        }
        let due = |(name, since): (&NodeName, &Uptime)| {
            let since = now.since(*since);
            let held = if self.gone.contains_key(name) { HELD_ANEW } else { HELD };
            (since >= held && !self.done.contains_key(name)).then(|| (name.clone(), since))
        };
        let (node, since) = self.since.iter().find_map(due)?;
        self.done.insert(node.clone(), now);
        Some(HeldDown { node, since, heal: down * 2 <= ours })
    }
}
