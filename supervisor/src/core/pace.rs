//! How fast a supply's nodes may change: who recovers or wakes now, when the last step was, whose switches are known.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use protocol::{NodeName, OrderId, Stage, SupplyName, Uptime};

use super::fleet::{Fleet, Node};
use super::liveness::Liveness;
use super::settings::PlanSettings;

/// A failed wake is tried again after this long, times the number of failures.
const WAKE_RETRY: Duration = Duration::from_mins(15);

const DAY: Duration = Duration::from_hours(24);

/// A node whose order changed so often within a day is not let off again by a plan: down and up the ladder by two rungs
/// is four changes, and one more in need must be left.
const CHANGES_MAX: usize = 5;

/// So many answers about switches are awaited at most.
const ASKED_MAX: usize = 64;

/// The longest that a node which does not reach its ordered stage holds up the others, in settling times.
const PATIENCE: u32 = 3;

/// One supply's pace.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Pace {
    /// When a node was last ordered to save more.
    pub(crate) last_save: Option<Uptime>,
    /// Who was let off a rung (or woke) and has not settled yet.
    pub(crate) recovering: Option<Recovery>,
    /// When the last wake began.
    pub(crate) last_wake: Option<Uptime>,
    /// Who is being woken.
    pub(crate) waking: Option<Waking>,
}

/// A node that was let off a rung.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Recovery {
    pub(crate) node: NodeName,
    pub(crate) to: Stage,
    pub(crate) since: Uptime,
}

/// A node that is being woken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Waking {
    pub(crate) id: OrderId,
    pub(crate) node: NodeName,
    pub(crate) through: NodeName,
    pub(crate) since: Uptime,
}

/// A node's failed wakes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Failures {
    count: u32,
    last: Uptime,
}

/// All supplies' paces, and what is known of power switches.
#[derive(Debug, Clone, Default)]
pub(crate) struct Paces {
    supplies: BTreeMap<SupplyName, Pace>,
    /// (the node that was asked, the node it has no switch for)
    no_switch: BTreeSet<(NodeName, NodeName)>,
    /// (the node that was asked, the node it has a switch for)
    switches: BTreeSet<(NodeName, NodeName)>,
    /// Switch orders on their way that are no wakes: whether a node has a switch, and the end of a parked node's power.
    asked: BTreeMap<OrderId, (NodeName, NodeName)>,
    /// Nodes that are off and have no power at all.
    cut: BTreeSet<NodeName>,
    /// When each node's order changed, within the last day.
    changes: BTreeMap<NodeName, VecDeque<Uptime>>,
    failures: BTreeMap<NodeName, Failures>,
}

impl Paces {
    /// A supply's pace.
    pub(crate) fn get(&self, supply: &SupplyName) -> Pace {
        self.supplies.get(supply).cloned().unwrap_or_default()
    }

    /// A supply's pace, to change.
    pub(crate) fn get_mut(&mut self, supply: &SupplyName) -> &mut Pace {
        self.supplies.entry(supply.clone()).or_default()
    }

    /// Whatever is under way is another leader's from here on.
    pub(crate) fn drop_pending(&mut self) {
        self.asked.clear();
        for pace in self.supplies.values_mut() {
            pace.waking = None;
        }
    }

    /// Takes the wake that an order's outcome is about.
    pub(crate) fn take_waking(&mut self, id: OrderId, through: &NodeName) -> Option<(SupplyName, Waking)> {
        let wanted = |waking: &Waking| waking.id == id && waking.through == *through;
        let (supply, pace) =
            self.supplies.iter_mut().find(|(_, pace)| pace.waking.as_ref().is_some_and(wanted))?;
        pace.waking.take().map(|waking| (supply.clone(), waking))
    }

    /// Puts a wake back that goes on.
    pub(crate) fn put_waking(&mut self, supply: &SupplyName, waking: Waking) {
        self.get_mut(supply).waking = Some(waking);
    }

    /// A node called: takes the wake that was meant for it.
    pub(crate) fn woke(&mut self, node: &NodeName) -> Option<Waking> {
        self.failures.remove(node);
        self.cut.remove(node);
        self.supplies.values_mut().find_map(|pace| pace.waking.take_if(|waking| waking.node == *node))
    }

    /// Ends recoveries that have settled; returns the wakes that did not succeed in time.
    pub(crate) fn settle(
        &mut self,
        fleet: &Fleet,
        plan: &PlanSettings,
        now: Uptime,
    ) -> Vec<(SupplyName, Waking)> {
        let mut failed = Vec::new();
        for (supply, pace) in &mut self.supplies {
            pace.recovering.take_if(|recovery| settled(recovery, fleet, plan, now));
            let late = |waking: &mut Waking| now.since(waking.since) >= plan.wake_timeout;
            if let Some(waking) = pace.waking.take_if(late) {
                failed.push((supply.clone(), waking));
            }
        }
        failed
    }

    /// A wake failed: the node is left alone for a while, and its power is broken before the next.
    pub(crate) fn wake_failed(&mut self, node: &NodeName, now: Uptime) {
        self.cut.remove(node);
        let failures = self.failures.entry(node.clone()).or_insert(Failures { count: 0, last: now });
        *failures = Failures { count: failures.count.saturating_add(1), last: now };
    }

    /// Whether a node may be woken (again), as far as earlier failures go.
    pub(crate) fn may_try_wake(&self, node: &NodeName, now: Uptime) -> bool {
        self.failures
            .get(node)
            .is_none_or(|failures| now.since(failures.last) >= WAKE_RETRY * failures.count.min(8))
    }

    /// A node said that it has no switch for another.
    pub(crate) fn has_no_switch(&mut self, through: &NodeName, node: &NodeName) {
        self.no_switch.insert((through.clone(), node.clone()));
    }

    /// A node started anew: its config may name other switches now.
    pub(crate) fn forget_switches(&mut self, through: &NodeName) {
        self.no_switch.retain(|(asked, _)| asked != through);
        self.switches.retain(|(asked, _)| asked != through);
    }

    /// A node was sent a switch order that is no wake.
    pub(crate) fn ask(&mut self, id: OrderId, through: &NodeName, node: &NodeName) {
        // Answers that never came are forgotten, the oldest first.
        while self.asked.len() >= ASKED_MAX {
            self.asked.pop_first();
        }
        self.asked.insert(id, (through.clone(), node.clone()));
    }

    /// Takes what a node answered to such an order; whether it was one.
    pub(crate) fn told(&mut self, id: OrderId, through: &NodeName, has: bool) -> bool {
        let Some((asked, node)) = self.asked.remove(&id).filter(|(asked, _)| asked == through) else {
            return false;
        };
        if has {
            self.switches.insert((asked, node));
        } else {
            // It was not cut either.
            self.cut.remove(&node);
            self.no_switch.insert((asked, node));
        }
        true
    }

    /// Whether some node is known to have a switch for this one.
    pub(crate) fn has_switch(&self, node: &NodeName) -> bool {
        self.switches.iter().any(|(_, switched)| switched == node)
    }

    /// Whether this node is known to have a switch for another one: without it the relay rests.
    pub(crate) fn switches_others(&self, node: &NodeName) -> bool {
        self.switches.iter().any(|(through, switched)| through == node && switched != node)
    }

    /// Who may be asked whether it has a switch for a node of which that is not known; nobody while an answer is awaited.
    pub(crate) fn may_ask(&self, node: &NodeName, fleet: &Fleet) -> Option<NodeName> {
        let awaited = self.asked.values().any(|(_, about)| about == node);
        if awaited || self.has_switch(node) { None } else { self.switch_for(node, fleet) }
    }

    /// A node's order changed.
    pub(crate) fn changed(&mut self, node: &NodeName, now: Uptime) {
        let changes = self.changes.entry(node.clone()).or_default();
        while changes.front().is_some_and(|at| now.since(*at) >= DAY) {
            changes.pop_front();
        }
        changes.push_back(now);
    }

    /// Whether a node's order changed so often within a day that it is better left where it is for now.
    pub(crate) fn is_restless(&self, node: &NodeName, now: Uptime) -> bool {
        let recent = |changes: &VecDeque<Uptime>| {
            changes.iter().filter(|at| now.since(**at) < DAY).count() >= CHANGES_MAX
        };
        self.changes.get(node).is_some_and(recent)
    }

    /// A node that is off has no power any more, or has it again.
    pub(crate) fn set_cut(&mut self, node: &NodeName, cut: bool) {
        if cut {
            self.cut.insert(node.clone());
        } else {
            self.cut.remove(node);
        }
    }

    /// Whether a node that is off has no power any more.
    pub(crate) fn is_cut(&self, node: &NodeName) -> bool {
        self.cut.contains(node)
    }

    /// The first node, masters before others, that may have a switch for this one.
    ///
    /// Nobody announces switches: who has none says so when asked, and is not asked again in this life.
    pub(crate) fn switch_for(&self, node: &NodeName, fleet: &Fleet) -> Option<NodeName> {
        let may = |through: &&Node| {
            through.reachable()
                && through.liveness() == Liveness::Alive
                && through.name != *node
                && !self.no_switch.contains(&(through.name.clone(), node.clone()))
        };
        fleet
            .nodes()
            .filter(may)
            .min_by_key(|through| {
                let known = self.switches.contains(&(through.name.clone(), node.clone()));
                (!known, !through.master, &through.name)
            })
            .map(|n| n.name.clone())
    }
}

/// Whether a recovery is over: time has passed and the node is where it was let to, or it is not worth waiting for.
fn settled(recovery: &Recovery, fleet: &Fleet, plan: &PlanSettings, now: Uptime) -> bool {
    let passed = now.since(recovery.since);
    let there = fleet.get(&recovery.node).is_none_or(|node| node.stage() <= recovery.to || !node.reachable());
    passed >= plan.settle && (there || passed >= plan.settle * PATIENCE)
}
