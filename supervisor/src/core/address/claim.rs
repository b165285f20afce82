//! How strongly this master claims the address: by the energy behind it, and always beside the other masters.
//!
//! Each master has a priority in its config. From it keepalived takes off what this module says, so that the address
//! goes to the master that will have power longest, *before* the one that holds it must save. Only differences count:
//! ten nodes on one battery all sag together, and an address that moved for that would only move.
//!
//! | claim | the supply's lower bound, and time to empty | the node | taken off, if another master is at `Strong` |
//! |---|---|---|---|
//! | `Strong` | above where `Throttle` is entered | `Normal`, `Throttle` | 0 |
//! | `Fair` | below that | | 20 |
//! | `Weak` | below where `Shed` is entered, or an hour before `Drain`'s time; or unknown | `Shed` | 60 |
//! | `Last` | below where `Drain` is entered, or within its time | `Drain`, `Halt`, or about to | 120 |
//!
//! All thresholds lie a little above those by which the leader makes its nodes save. `Last` is still a claim: when every
//! master is about to drain, one of them must hold the address. What speaks against this master counts at once when it
//! must, and for it only when it has held, with a margin: the address does not flap.

use std::fmt;
use std::time::Duration;

use protocol::{NodeName, Seconds, Soc, Stage, Uptime};
use serde::{Deserialize, Serialize};

use crate::core::fleet::{Fleet, Node};
use crate::core::orders::Orders;
use crate::core::settings::Settings;
use crate::core::supply;

/// The address moves so many points of charge before the leader would make its host save.
const AHEAD_POINTS: f64 = 3.0;
/// ... and so long before the time to empty would.
const AHEAD_TIME: Duration = Duration::from_mins(15);
/// A supply that will be at `Drain`'s time to empty within this is weak.
const WEAK_WITHIN: Duration = Duration::from_hours(1);
/// A claim gets stronger only so many points above where it got weaker ...
const MARGIN_POINTS: f64 = 5.0;
/// ... and with so much more time to empty ...
const MARGIN_TIME: Duration = Duration::from_mins(30);
/// ... and when that has held for so long.
const STRONGER_HOLD: Duration = Duration::from_mins(5);
/// A claim gets weaker when that has held for so long; `Last` does at once.
const WEAKER_HOLD: Duration = Duration::from_secs(20);
/// A supervisor that just began has not heard everybody: what its last life said stands so long.
const WARM_AFTER: Duration = Duration::from_secs(20);
/// Who knows nothing of its own supply by then has a weak claim.
const BLIND_AFTER: Duration = Duration::from_mins(1);
/// What failed to be written is tried again after this.
const AGAIN_AFTER: Duration = Duration::from_secs(30);

/// How strongly a master claims the address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Claim {
    /// Its supply carries everything.
    Strong,
    /// Its supply is no longer full of energy.
    Fair,
    /// Its supply runs low, or is not known.
    Weak,
    /// It is about to stop its work, or does so already.
    Last,
}

impl Claim {
    /// What is taken off a priority for claims that lie so far apart.
    const fn offset_beside(self, best: Self) -> i16 {
        match (self as i16) - (best as i16) {
            ..=0 => 0,
            1 => -20,
            2 => -60,
            _ => -120,
        }
    }
}

/// Why a claim is no stronger.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "because")]
pub enum ClaimReason {
    /// Nothing speaks against it.
    Carried,
    /// The agent of this host is not heard.
    AgentSilent,
    /// The supply's state is not known.
    SupplyUnknown,
    /// The supply's charge is low.
    SocBelow {
        /// The lower bound.
        soc: Soc,
        /// The threshold, with what it is ahead of the leader's.
        threshold: Soc,
    },
    /// The supply's time is short.
    TimeShort {
        /// The lower bound.
        time_to_empty: Seconds,
        /// The threshold, with what it is ahead of the leader's.
        threshold: Seconds,
    },
    /// The node saves already.
    Saves {
        /// In this stage, or ordered to it.
        stage: Stage,
    },
    /// The plan wants to drain or park this host, and waits for the address to move.
    Leaving,
}

impl fmt::Display for ClaimReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Carried => f.write_str("its supply carries it"),
            Self::AgentSilent => f.write_str("the agent of this host is not heard"),
            Self::SupplyUnknown => f.write_str("its supply's state is not known"),
            Self::SocBelow { soc, threshold } => write!(f, "SoC {soc} (lower bound) < {threshold:.1}"),
            Self::TimeShort { time_to_empty, threshold } => {
                write!(f, "empty in {time_to_empty} (lower bound) < {threshold}")
            }
            Self::Saves { stage } => write!(f, "it is in {stage}"),
            Self::Leaving => f.write_str("the plan is to drain or park it"),
        }
    }
}

/// What is looked at.
#[derive(Clone, Copy)]
pub(crate) struct Sight<'a> {
    pub(crate) fleet: &'a Fleet,
    pub(crate) orders: &'a Orders,
    pub(crate) settings: &'a Settings,
    /// The plan waits for the address to leave this host.
    pub(crate) leaving: bool,
    pub(crate) now: Uptime,
}

/// By how much a judgement is stricter than the plain one.
#[derive(Clone, Copy)]
struct Margin {
    points: f64,
    time: Duration,
}

const NONE: Margin = Margin { points: 0.0, time: Duration::ZERO };
const STRICT: Margin = Margin { points: MARGIN_POINTS, time: MARGIN_TIME };

impl Sight<'_> {
    /// This host's offset to its priority, and why.
    fn offset(self, margin: Margin) -> (i16, ClaimReason) {
        let host = self.settings.host.as_ref();
        let (claim, reason) =
            host.map_or((Claim::Weak, ClaimReason::AgentSilent), |host| self.claim(host, margin));
        let others =
            self.fleet.nodes().filter(|node| node.master && Some(&node.name) != host && node.reachable());
        let best = others.map(|other| self.claim_of(other, NONE).0).min().unwrap_or(claim);
        (claim.offset_beside(best), reason)
    }

    /// The claim of this host.
    fn claim(self, host: &NodeName, margin: Margin) -> (Claim, ClaimReason) {
        if self.leaving {
            return (Claim::Last, ClaimReason::Leaving);
        }
        match self.fleet.get(host).filter(|node| node.reachable()) {
            Some(node) => self.claim_of(node, margin),
            None => (Claim::Weak, ClaimReason::AgentSilent),
        }
    }

    fn claim_of(self, node: &Node, margin: Margin) -> (Claim, ClaimReason) {
        let carried = (Claim::Strong, ClaimReason::Carried);
        let all = [self.by_stage(node), self.by_charge(node, margin), self.by_time(node, margin)];
        // Of equal claims the first gives the reason: `max_by_key` keeps the last.
        all.into_iter().rev().flatten().max_by_key(|(claim, _)| *claim).unwrap_or(carried)
    }

    fn by_stage(self, node: &Node) -> Option<(Claim, ClaimReason)> {
        let stage = node.stage().max(self.orders.stage(&node.name));
        let claim = match stage {
            Stage::Normal | Stage::Throttle => return None,
            Stage::Shed => Claim::Weak,
            Stage::Drain | Stage::Halt => Claim::Last,
        };
        Some((claim, ClaimReason::Saves { stage }))
    }

    fn by_charge(self, node: &Node, margin: Margin) -> Option<(Claim, ClaimReason)> {
        let plan = &self.settings.plan;
        let known =
            supply::estimate(self.fleet, &node.supply, plan, self.now).filter(|estimate| estimate.known);
        let Some(soc) = known.and_then(|estimate| estimate.soc_low()) else {
            return Some((Claim::Weak, ClaimReason::SupplyUnknown));
        };
        let thresholds = self.settings.supply(&node.supply).thresholds();
        let ahead = plan.lead_points + AHEAD_POINTS + margin.points;
        let rungs = [(Stage::Drain, Claim::Last), (Stage::Shed, Claim::Weak), (Stage::Throttle, Claim::Fair)];
        rungs.into_iter().find_map(|(stage, claim)| {
            let threshold = thresholds.enter(stage)?.plus_points(ahead);
            (soc < threshold).then_some((claim, ClaimReason::SocBelow { soc, threshold }))
        })
    }

    fn by_time(self, node: &Node, margin: Margin) -> Option<(Claim, ClaimReason)> {
        let plan = &self.settings.plan;
        let estimate = supply::estimate(self.fleet, &node.supply, plan, self.now)?;
        let time_to_empty = estimate.energy.time_to_empty?.low;
        let thresholds = self.settings.supply(&node.supply).thresholds();
        let drain = thresholds.drain_time_to_empty + plan.lead_time + AHEAD_TIME + margin.time;
        let below = |threshold: Duration, claim| {
            let threshold = Seconds::from(threshold);
            (time_to_empty < threshold)
                .then_some((claim, ClaimReason::TimeShort { time_to_empty, threshold }))
        };
        below(drain, Claim::Last).or_else(|| below(drain + WEAK_WITHIN, Claim::Weak))
    }
}

/// What keepalived was told, and what is about to change it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Claims {
    began: Option<Uptime>,
    said: Option<i16>,
    weaker_since: Option<Uptime>,
    stronger_since: Option<Uptime>,
    /// After a failure nothing is said before this.
    not_before: Option<Uptime>,
}

impl Claims {
    /// The offset to say now, with its reason, where it is news.
    pub(crate) fn look(&mut self, sight: Sight<'_>) -> Option<(i16, ClaimReason)> {
        let now = sight.now;
        let began = *self.began.get_or_insert(now);
        if self.not_before.is_some_and(|at| now < at) {
            return None;
        }
        let (plain, why) = sight.offset(NONE);
        let Some(said) = self.said else {
            let blind = matches!(why, ClaimReason::AgentSilent | ClaimReason::SupplyUnknown);
            let ready = now.since(began) >= if blind { BLIND_AFTER } else { WARM_AFTER };
            return (ready || sight.leaving).then(|| self.say(plain, why));
        };
        let (strict, strict_why) = sight.offset(STRICT);
        self.weaker_since = (plain < said).then(|| self.weaker_since.unwrap_or(now));
        self.stronger_since = (strict > said).then(|| self.stronger_since.unwrap_or(now));
        let held =
            |since: Option<Uptime>, hold: Duration| since.is_some_and(|since| now.since(since) >= hold);
        let at_once = plain < said && matches!(why, ClaimReason::Leaving | ClaimReason::Saves { .. });
        if at_once || held(self.weaker_since, WEAKER_HOLD) {
            Some(self.say(plain, why))
        } else if held(self.stronger_since, STRONGER_HOLD) {
            Some(self.say(strict, strict_why))
        } else {
            None
        }
    }

    fn say(&mut self, offset: i16, why: ClaimReason) -> (i16, ClaimReason) {
        self.said = Some(offset);
        (self.weaker_since, self.stronger_since) = (None, None);
        (offset, why)
    }

    /// It could not be written.
    pub(crate) fn failed(&mut self, now: Uptime) {
        self.said = None;
        self.not_before = Some(now + AGAIN_AFTER);
    }

    /// What keepalived was told last.
    pub(crate) const fn said(&self) -> Option<i16> {
        self.said
    }
}
