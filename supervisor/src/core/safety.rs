//! What no plan may do, judged apart from the planner: a mistake there must not become an order.
//!
//! The veto looks at the fleet itself, not at the planner's intermediate results, and answers with a typed reason
//! and its numbers.

use std::fmt;

use protocol::{NodeName, OrderReason, Seconds, Soc, Stage};
use serde::{Deserialize, Serialize};

use super::fleet::Node;
use super::liveness::Liveness;
use super::missing::may_be_woken;
use super::planner::{Change, Scene, Step, turns};
use super::supply::{self, Estimate};

/// Why a step of a plan is not taken.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "veto")]
pub enum Veto {
    /// It is the leader's own node, or the last master, and another node of its supply could still save more.
    LeaderLast {
        /// Who could.
        other: NodeName,
        /// And is only in this stage.
        stage: Stage,
    },
    /// It holds the address, and another master can take it: the address moves first.
    HoldsAddress {
        /// Who can.
        other: NodeName,
    },
    /// An order below the node's own floor says nothing.
    BelowFloor {
        /// The stage ordered.
        ordered: Stage,
        /// The node's floor.
        floor: Stage,
    },
    /// Another node recovers and has not settled.
    RecoveryUnderWay {
        /// Who.
        node: NodeName,
        /// Since when.
        since: Seconds,
    },
    /// Another node is being woken.
    WakeUnderWay {
        /// Who.
        node: NodeName,
        /// Since when.
        since: Seconds,
    },
    /// The last wake is too recent.
    WakeTooSoon {
        /// How long ago it was.
        since: Seconds,
        /// How long it must be.
        interval: Seconds,
    },
    /// The supply's state is unknown: nobody is ordered to spend more.
    SupplyUnknown {
        /// The age of the last estimate; `None` when there never was one.
        age: Option<Seconds>,
    },
    /// The supply is below the level at which this node may leave its stage, or wake.
    BelowLevel {
        /// The state of charge, lower bound.
        soc: Soc,
        /// The level.
        level: Soc,
    },
    /// The node is neither parked nor missing: there is nothing to wake.
    NotParked {
        /// What it is.
        liveness: Liveness,
    },
    /// More than one rung in one step.
    TooManyRungs {
        /// The stage before.
        from: Stage,
        /// The stage that would be ordered.
        to: Stage,
    },
}

impl fmt::Display for Veto {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LeaderLast { other, stage } => {
                write!(f, "the leader goes last, and {other} is still in {stage}")
            }
            Self::HoldsAddress { other } => {
                write!(f, "it holds the address, and {other} is to take it first")
            }
            Self::BelowFloor { ordered, floor } => {
                write!(f, "{ordered} is less careful than the node's floor {floor}")
            }
            Self::RecoveryUnderWay { node, since } => write!(f, "{node} recovers since {since}"),
            Self::WakeUnderWay { node, since } => write!(f, "{node} is being woken since {since}"),
            Self::WakeTooSoon { since, interval } => {
                write!(f, "the last wake was {since} ago, less than {interval}")
            }
            Self::SupplyUnknown { age: Some(age) } => {
                write!(f, "the supply's state is unknown, last known {age} ago")
            }
            Self::SupplyUnknown { age: None } => f.write_str("the supply's state is unknown"),
            Self::BelowLevel { soc, level } => write!(f, "SoC {soc} (lower bound) < {level}"),
            Self::NotParked { liveness } => write!(f, "it is not parked but {liveness}"),
            Self::TooManyRungs { from, to } => write!(f, "{from} to {to} is more than one rung"),
        }
    }
}

/// Lets a step pass, or says why not.
pub(crate) fn check(scene: Scene<'_>, step: &Step) -> Result<(), Veto> {
    let Some(node) = scene.fleet.get(&step.node) else {
        return Err(Veto::NotParked { liveness: Liveness::NeverSeen });
    };
    match &step.change {
        // The node is there already, by its own floor: nothing is asked of it.
        Change::Hold { .. } => Ok(()),
        Change::Save { to, reason } => {
            let from = scene.orders.stage(&node.name).max(node.floor());
            let by_person = *reason == OrderReason::Operator;
            // A plan on energy, or a person, drains a node in one step: that only ever saves.
            if !(*to == Stage::Drain && (reason.is_by_forecast() || by_person)) {
                one_rung(from, *to)?;
            }
            not_below_floor(node, *to)?;
            // What a person may ask was judged when it was asked.
            if !by_person {
                leader_last(scene, node, *to)?;
            }
            address_first(scene, node, *to)
        }
        Change::Spend { to, .. } => {
            let from = scene.orders.stage(&node.name);
            one_rung(from, *to)?;
            not_below_floor(node, *to)?;
            nobody_else_recovers(scene, step)?;
            carried(scene, step, |turn| turn.leave(from))
        }
        Change::Wake { .. } => {
            if !may_be_woken(node, scene.now) {
                return Err(Veto::NotParked { liveness: node.liveness() });
            }
            nobody_else_recovers(scene, step)?;
            wake_interval(scene, step)?;
            carried(scene, step, |turn| Some(turn.wake()))
        }
    }
}

fn one_rung(from: Stage, to: Stage) -> Result<(), Veto> {
    if to == from || to == from.climb() || to == from.descend() {
        Ok(())
    } else {
        Err(Veto::TooManyRungs { from, to })
    }
}

fn not_below_floor(node: &Node, ordered: Stage) -> Result<(), Veto> {
    let floor = node.floor();
    if ordered >= floor { Ok(()) } else { Err(Veto::BelowFloor { ordered, floor }) }
}

/// The leader's node, and the last master that still works, drain and halt only after all others of their supply.
fn leader_last(scene: Scene<'_>, node: &Node, to: Stage) -> Result<(), Veto> {
    if to < Stage::Drain || !(is_host(scene, node) || is_last_master(scene, node)) {
        return Ok(());
    }
    let spends = |other: &&Node| {
        other.supply == node.supply
            && other.name != node.name
            && other.reachable()
            && standing(scene, other) < to
    };
    match scene.fleet.nodes().find(spends) {
        Some(other) => Err(Veto::LeaderLast { other: other.name.clone(), stage: standing(scene, other) }),
        None => Ok(()),
    }
}

/// The holder of the address drains and halts only when the address has moved, or nobody can take it, or it had time
/// enough to: a battery does not wait for ever.
fn address_first(scene: Scene<'_>, node: &Node, to: Stage) -> Result<(), Veto> {
    if to < Stage::Drain
        || !is_host(scene, node)
        || !scene.seat.holds()
        || scene.seat.waited_enough(scene.now)
    {
        return Ok(());
    }
    let can_take = |other: &&Node| {
        other.master && other.name != node.name && other.reachable() && standing(scene, other) < Stage::Drain
    };
    match scene.fleet.nodes().find(can_take) {
        Some(other) => Err(Veto::HoldsAddress { other: other.name.clone() }),
        None => Ok(()),
    }
}

fn is_host(scene: Scene<'_>, node: &Node) -> bool {
    scene.settings.host.as_ref() == Some(&node.name)
}

fn is_last_master(scene: Scene<'_>, node: &Node) -> bool {
    let works = |other: &Node| {
        other.master && other.name != node.name && other.reachable() && standing(scene, other) < Stage::Drain
    };
    node.master && !scene.fleet.nodes().any(works)
}

/// Where a node is, by its report or by its order, whichever is more careful.
fn standing(scene: Scene<'_>, node: &Node) -> Stage {
    scene.orders.stage(&node.name).max(node.stage())
}

fn nobody_else_recovers(scene: Scene<'_>, step: &Step) -> Result<(), Veto> {
    let pace = scene.paces.get(&step.supply);
    if let Some(recovery) = pace.recovering {
        let since = Seconds::from(scene.now.since(recovery.since));
        return Err(Veto::RecoveryUnderWay { node: recovery.node, since });
    }
    match pace.waking {
        Some(waking) => {
            let since = Seconds::from(scene.now.since(waking.since));
            Err(Veto::WakeUnderWay { node: waking.node, since })
        }
        None => Ok(()),
    }
}

fn wake_interval(scene: Scene<'_>, step: &Step) -> Result<(), Veto> {
    let interval = scene.settings.plan.wake_interval;
    match scene.paces.get(&step.supply).last_wake.map(|at| scene.now.since(at)) {
        Some(since) if since < interval => {
            Err(Veto::WakeTooSoon { since: since.into(), interval: interval.into() })
        }
        _ => Ok(()),
    }
}

/// Spending more needs a supply that is known, and above the level of this node.
fn carried(
    scene: Scene<'_>,
    step: &Step,
    level: impl Fn(&super::planner::Turn) -> Option<Soc>,
) -> Result<(), Veto> {
    let estimate = supply::estimate(scene.fleet, &step.supply, &scene.settings.plan, scene.now);
    let unknown = |estimate: Option<&Estimate>| Veto::SupplyUnknown { age: estimate.map(|e| e.age.into()) };
    let Some(known) = estimate.as_ref().filter(|estimate| estimate.known) else {
        return Err(unknown(estimate.as_ref()));
    };
    let turn = turns(scene, &step.supply)
        .into_iter()
        .find_map(|(member, turn)| (member.name == step.node).then_some(turn));
    match (known.soc_low(), turn.as_ref().and_then(level)) {
        (Some(soc), Some(level)) if soc >= level => Ok(()),
        (Some(soc), Some(level)) => Err(Veto::BelowLevel { soc, level }),
        _ => Err(unknown(Some(known))),
    }
}
