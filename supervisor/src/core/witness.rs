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

/// A living agent answers a question within this, also on a busy board ...
const ANSWER: Duration = Duration::from_millis(500);
/// ... or within so many times what it took of late where it takes longer, and never has more than this. Where not even the
/// host's kernel takes a connection, an agent that is slow is no explanation.
const SLOWER: (u32, Duration) = (2, Duration::from_secs(2));
/// What it took counts for so long. Of a busy board there is news within seconds: the slower it answers checks, the more often one
/// is seen under way, and its agent asked.
const OF_LATE: Duration = Duration::from_mins(1);
/// A host that was found within this may have been given its work back just now, and be busy with that: what its agent took
/// counts there in any case.
const RETURNED: Duration = Duration::from_secs(30);
/// An agent is not asked more often than this while the doubt is the same.
const ASK_AGAIN: Duration = Duration::from_millis(500);
/// ... and one that answered may be asked so soon for a new one.
const ASK_ANEW: Duration = Duration::from_millis(100);
/// ... or so soon for another check under way.
const ASK_ABOUT_CHECKS: Duration = Duration::from_millis(250);
/// A node that was found is not lost again sooner: what others saw of it may be older than its word.
const FOUND_HOLD: Duration = Duration::from_secs(3);
/// On a link that outlived a loss a question may be late by as long as the loss lasted, since TCP repeats what was lost at ever
/// longer intervals; by then the kernel has given such a link up.
const CATCHES_UP: Duration = Duration::from_secs(6);
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
    /// Not even its kernel takes a connection.
    pub(crate) unreached: bool,
    /// Who is sure.
    pub(crate) sure: Testimony,
}

impl Said {
    /// Whether there is a reason to ask.
    const fn doubts(self) -> bool {
        self.doubt || self.waits
    }
}

/// What an agent was asked.
#[derive(Debug, Clone, Copy)]
struct Question {
    at: Uptime,
    link: LinkId,
    /// Somebody had found nobody; otherwise a check was under way, which often means nothing.
    for_doubt: bool,
    answered: bool,
}

/// One node's case.
#[derive(Debug, Clone, Copy, Default)]
struct Case {
    asked: Option<Question>,
    /// There was a reason to ask when it was last looked at.
    doubted: bool,
    /// Not even its kernel took a connection when it was last looked at.
    unreached: bool,
    lost: Option<Uptime>,
    found: Option<Uptime>,
    /// The link that it was lost on, until it has brought an answer since.
    outlived: Option<LinkId>,
    /// The longest that an answer took of late, and when that was.
    slowest: Option<(Duration, Uptime)>,
}

impl Case {
    /// How long the agent has for its answer.
    fn patience(&self, now: Uptime) -> Duration {
        if self.outlived.is_some()
            && self.asked.map(|asked| asked.link) == self.outlived
            && self.lost.is_none()
        {
            return CATCHES_UP;
        }
        let within = |at: Uptime, span: Duration| now.since(at) < span;
        let explains = !self.unreached || self.found.is_some_and(|found| within(found, RETURNED));
        match self.slowest {
            Some((took, at)) if explains && within(at, OF_LATE) => {
                let (times, most) = SLOWER;
                (took * times).clamp(ANSWER, most)
            }
            _ => ANSWER,
        }
    }

    /// Follows what was asked: whether it is answered, and whether it may be asked anew.
    fn follow(&mut self, node: &Node, said: Said, now: Uptime) {
        let Some(asked) = &mut self.asked else { return };
        if let Some(full) = node.full_at.filter(|full| *full >= asked.at)
            && !asked.answered
        {
            asked.answered = true;
            let took = full.since(asked.at);
            if self.slowest.is_none_or(|(slowest, at)| took >= slowest || now.since(at) >= OF_LATE) {
                self.slowest = Some((took, full));
            }
            if self.outlived == Some(asked.link) {
                self.outlived = None;
            }
        }
        let heard = node.presence.heard_at() >= asked.at;
        let after = now.since(asked.at);
        // An answer from before a doubt says nothing about it.
        let new = !self.doubted || (!asked.for_doubt && (said.doubt || after >= ASK_ABOUT_CHECKS));
        let long = after >= ASK_AGAIN;
        if (heard && (long || (new && after >= ASK_ANEW))) || (long && !said.doubts()) {
            self.asked = None;
        }
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
        let due = |case: &Case| case.asked.map(|asked| asked.at + case.patience(now));
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
            if case.lost.is_some() && !is_silent(node, case, now) {
                // What it was asked while it was gone was answered by nobody in time.
                (case.lost, case.found, case.asked) = (None, Some(now), None);
                verdicts.push(Verdict::Found(node.name.clone()));
            }
            case.follow(node, said, now);
            (case.doubted, case.unreached) = (said.doubts(), said.unreached);
            // One that was heard in this very millisecond need not be asked, and so whatever is heard from then on is an answer: on a
            // quick network it comes within the same millisecond.
            if said.doubts()
                && node.presence.heard_at() < now
                && case.asked.is_none()
                && let Some(link) = node.link
            {
                case.asked = Some(Question { at: now, link, for_doubt: said.doubt, answered: false });
                ask.push(link);
            }
            let just_found = case.found.is_some_and(|found| now.since(found) < FOUND_HOLD);
            let sure = said.sure.balancer || said.sure.orchestrator;
            if case.lost.is_none() && sure && !just_found && is_silent(node, case, now) {
                (case.lost, case.outlived) = (Some(now), node.link);
                verdicts.push(Verdict::Lost(node.name.clone(), said.sure));
            }
        }
        (ask, verdicts)
    }
}

/// Whether a node's agent does not answer. One that said goodbye, or never called, is not missed.
fn is_silent(node: &Node, case: &Case, now: Uptime) -> bool {
    let heard = node.presence.heard_at();
    let unanswered =
        case.asked.is_some_and(|asked| heard < asked.at && now.since(asked.at) >= case.patience(now));
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
