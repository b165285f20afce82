//! Is a node's host gone? Nobody's word alone counts.
//!
//! An agent with nothing to say is silent for a whole heartbeat, so its silence is slow to mean anything. So when another
//! witness doubts the host (HAProxy's check found nobody, or Swarm calls it down), its agent is **asked**: a living one
//! answers within [`ANSWER`]. A check of HAProxy's that is just under way is reason enough to ask, or half the time that a lost host
//! costs would be spent waiting for that check. A node is lost when its agent does not answer **and** another witness finds nobody there. An
//! agent that is silent while its host answers is an agent that was stopped; a host that HAProxy does not reach while its
//! agent answers is a network or a service in trouble. Neither is moved. The first word of the agent ends it.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use protocol::{NodeName, Uptime};
use serde::{Deserialize, Serialize};

use super::event::LinkId;
use super::fleet::{Fleet, Node};
use super::liveness::Liveness;

/// A living agent answers a question within this, also on a busy board.
const ANSWER: Duration = Duration::from_millis(500);
/// An agent is not asked more often than this while the doubt is the same.
const ASK_AGAIN: Duration = Duration::from_secs(1);
/// ... and one that answered may be asked so soon for a new one.
const ASK_ANEW: Duration = Duration::from_millis(100);
/// A node that was found is not lost again sooner: what others saw of it may be older than its word.
const FOUND_HOLD: Duration = Duration::from_secs(3);
/// One that was found within this long gets so many times as long to answer: links that were cut catch up late, and work that
/// was just given back keeps a board busy.
const RETURNED: (Duration, u32) = (Duration::from_secs(30), 4);
/// A link that broke is made again within this by an agent that lives.
const CALLS_AGAIN: Duration = Duration::from_secs(2);

/// Who found nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Testimony {
    /// HAProxy's checks: down by time-outs.
    pub balancer: bool,
    /// Swarm.
    pub orchestrator: bool,
}

impl fmt::Display for Testimony {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match (self.balancer, self.orchestrator) {
            (true, true) => "its agent, HAProxy and Swarm find nobody there",
            (true, false) => "its agent does not answer, and HAProxy finds nobody there",
            (false, true) => "its agent does not answer, and Swarm calls it down",
            (false, false) => "its agent does not answer",
        })
    }
}

/// What other witnesses say of a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Said {
    /// Somebody waits for an answer from there right now. Often it comes.
    pub(crate) waits: bool,
    /// Somebody found nobody there, be it once.
    pub(crate) doubt: bool,
    /// Who is sure.
    pub(crate) sure: Testimony,
}

/// One node's case.
#[derive(Debug, Clone, Copy, Default)]
struct Case {
    asked: Option<Uptime>,
    /// There was a reason to ask when it was last looked at.
    doubted: bool,
    lost: Option<Uptime>,
    found: Option<Uptime>,
}

impl Case {
    /// How long the agent has for its answer.
    fn patience(&self, now: Uptime) -> Duration {
        let (recent, times) = RETURNED;
        if self.found.is_some_and(|found| now.since(found) < recent) { ANSWER * times } else { ANSWER }
    }
}

/// A node is lost, or is not any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    Lost(NodeName, Testimony),
    Found(NodeName),
}

/// All cases.
#[derive(Debug, Clone, Default)]
pub(crate) struct Witnesses(BTreeMap<NodeName, Case>);

impl Witnesses {
    /// Whether a node is lost by several witnesses.
    pub(crate) fn is_lost(&self, node: &NodeName) -> bool {
        self.0.get(node).is_some_and(|case| case.lost.is_some())
    }

    /// When an agent that was asked has had its time.
    pub(crate) fn next_wake(&self, now: Uptime) -> Option<Uptime> {
        let due = |case: &Case| case.asked.map(|asked| asked + case.patience(now));
        self.0.values().filter_map(due).filter(|at| *at > now).min()
    }

    /// Hears every witness. Returns the links to ask for a full report on, and what is news.
    pub(crate) fn judge(
        &mut self,
        now: Uptime,
        fleet: &Fleet,
        said: impl Fn(&Node) -> Said,
    ) -> (Vec<LinkId>, Vec<Verdict>) {
        let (mut ask, mut verdicts) = (Vec::new(), Vec::new());
        for node in fleet.nodes() {
            let said = said(node);
            let case = self.0.entry(node.name.clone()).or_default();
            let doubts = said.doubt || said.waits;
            if let Some(asked) = case.asked
                && now.since(asked) >= ASK_ANEW
            {
                let answered = node.presence.heard_at() >= asked;
                let long = now.since(asked) >= ASK_AGAIN;
                if (answered && (long || !case.doubted)) || (long && !doubts) {
                    case.asked = None;
                }
            }
            case.doubted = doubts;
            // One that was heard in this very millisecond need not be asked, and so whatever is heard from then on is an answer: on a
            // quick network it comes within the same millisecond.
            if doubts
                && node.presence.heard_at() < now
                && case.asked.is_none()
                && let Some(link) = node.link
            {
                case.asked = Some(now);
                ask.push(link);
            }
            let silent = is_silent(node, case, now);
            let just_found = case.found.is_some_and(|found| now.since(found) < FOUND_HOLD);
            if case.lost.is_some() && !silent {
                (case.lost, case.found) = (None, Some(now));
                verdicts.push(Verdict::Found(node.name.clone()));
            } else if case.lost.is_none()
                && silent
                && !just_found
                && (said.sure.balancer || said.sure.orchestrator)
            {
                case.lost = Some(now);
                verdicts.push(Verdict::Lost(node.name.clone(), said.sure));
            }
        }
        (ask, verdicts)
    }
}

/// Whether a node's agent does not answer. One that said goodbye, or never called, is not missed.
fn is_silent(node: &Node, case: &Case, now: Uptime) -> bool {
    let heard = node.presence.heard_at();
    let unanswered = case.asked.is_some_and(|asked| heard < asked && now.since(asked) >= case.patience(now));
    match node.liveness() {
        Liveness::NeverSeen | Liveness::Parked | Liveness::Leaving => false,
        Liveness::Lost => true,
        Liveness::Alive | Liveness::Late => {
            let cut = node.link.is_none() && node.presence.silent(now) >= CALLS_AGAIN;
            // Once lost, it is so until it is heard again.
            unanswered || cut || case.lost.is_some_and(|lost| heard < lost)
        }
    }
}
