//! One node's turn: where its thresholds are, and where a plan wants it.

use std::time::Duration;

use protocol::{OrderReason, Seconds, Soc, Stage, SupplyName};

use super::Scene;
use crate::core::fleet::Node;
use crate::core::liveness::Liveness;
use crate::core::settings::{PlanSettings, Thresholds};
use crate::core::supply::Estimate;
use crate::core::view::Outlook;

/// Where one node's thresholds are.
#[derive(Debug, Clone)]
pub(crate) struct Turn {
    /// From 1, who sheds first.
    pub(crate) place: u8,
    /// How many take turns.
    pub(crate) of: u8,
    thresholds: Thresholds,
    lead: f64,
    time_lead: Duration,
    /// What a plan on energy wants, while there is one.
    pub(crate) goal: Option<Goal>,
}

/// What a plan on energy wants of a node.
#[derive(Debug, Clone)]
pub(crate) struct Goal {
    /// The stage.
    pub(crate) stage: Stage,
    /// Why.
    pub(crate) reason: OrderReason,
    /// Whether the node's own readings allowed more than it did when it was last heard: a parked one was parked by order.
    by_order: bool,
}

impl Turn {
    /// The turn of a node at a place among so many.
    pub(crate) fn new(place: usize, of: usize, thresholds: Thresholds, plan: &PlanSettings) -> Self {
        let after = of.saturating_sub(place) as f64;
        let span = of.saturating_sub(1).max(1) as f64;
        let step = plan.stagger_points.min(plan.stagger_points_max / span);
        Self {
            place: u8::try_from(place).unwrap_or(u8::MAX),
            of: u8::try_from(of).unwrap_or(u8::MAX),
            thresholds,
            lead: plan.lead_points + step * after,
            time_lead: plan.lead_time
                + plan.stagger_time * u32::try_from(of.saturating_sub(place)).unwrap_or(0),
            goal: None,
        }
    }

    /// With a plan the turns need no points between them: they are taken one after the other anyway, and each point is
    /// an hour of work.
    fn with(self, goal: Goal, plan: &PlanSettings) -> Self {
        let mut thresholds = self.thresholds.with_plan();
        if !goal.by_order {
            // Its own floor put it to sleep, and holds until the level at which a node alone comes back.
            thresholds.wake_soc = self.thresholds.wake_soc;
        }
        Self { thresholds, lead: plan.lead_points, goal: Some(goal), ..self }
    }

    /// Below which state of charge this node enters a stage.
    pub(crate) fn enter(&self, stage: Stage) -> Option<Soc> {
        self.thresholds.enter(stage).map(|soc| soc.plus_points(self.lead))
    }

    /// Above which state of charge this node leaves a stage.
    pub(crate) fn leave(&self, stage: Stage) -> Option<Soc> {
        self.thresholds.leave(stage).map(|soc| soc.plus_points(self.lead))
    }

    /// Above which state of charge this node is woken.
    pub(crate) fn wake(&self) -> Soc {
        self.thresholds.wake_soc.plus_points(self.lead)
    }

    /// The most careful stage that the supply asks of this node, and why; `None` for `Normal`.
    pub(crate) fn asked(&self, estimate: &Estimate) -> Option<(Stage, OrderReason)> {
        let by_plan = self.goal.as_ref().filter(|goal| estimate.known && goal.stage > Stage::Normal);
        let by_plan = by_plan.map(|goal| (goal.stage, goal.reason.clone()));
        let asked = [by_plan, self.asked_by_charge(estimate), self.asked_by_time(estimate)];
        // Of equal stages the first gives the reason: `max_by_key` keeps the last.
        asked.into_iter().rev().flatten().max_by_key(|(stage, _)| *stage)
    }

    fn asked_by_charge(&self, estimate: &Estimate) -> Option<(Stage, OrderReason)> {
        let soc = estimate.soc_low()?;
        let stage = Stage::ALL.iter().rev().find(|stage| self.enter(**stage).is_some_and(|low| soc < low))?;
        let stage = match (*stage, estimate.charging()) {
            // Stretching the energy is the plan's, as long as there is one ...
            (Stage::Throttle | Stage::Shed, _) if self.goal.is_some() && estimate.known => return None,
            // While the panel gives more than the load takes, there is no need to throttle yet ...
            (Stage::Throttle, Some(true)) => return None,
            // ... nor to switch anybody off: a node that the returning sun woke would halt and be woken for ever.
            (Stage::Halt, Some(true)) => Stage::Drain,
            (stage, _) => stage,
        };
        let threshold = self.enter(stage)?;
        Some((stage, OrderReason::SupplyLow { soc, threshold, place: self.place, of: self.of }))
    }

    fn asked_by_time(&self, estimate: &Estimate) -> Option<(Stage, OrderReason)> {
        let threshold = self.thresholds.drain_time_to_empty + self.time_lead;
        let time_to_empty = estimate.energy.time_to_empty?.low;
        (Duration::from(time_to_empty) < threshold).then(|| {
            let (place, of, threshold) = (self.place, self.of, Seconds::from(threshold));
            (Stage::Drain, OrderReason::SupplyShort { time_to_empty, threshold, place, of })
        })
    }

    /// The reason for being at a stage, if the supply asks for at least that.
    pub(super) fn asked_for(&self, stage: Stage, estimate: &Estimate) -> Option<OrderReason> {
        if let Some(goal) = self.goal.as_ref().filter(|goal| estimate.known && goal.stage >= stage) {
            return Some(goal.reason.clone());
        }
        let (asked, reason) = self.asked(estimate)?;
        if asked < stage {
            return None;
        }
        match reason {
            // Quote the threshold of the stage that is ordered, not that of the last one asked for.
            OrderReason::SupplyLow { soc, place, of, .. } => {
                let threshold = self.enter(stage)?;
                (soc < threshold).then_some(OrderReason::SupplyLow { soc, threshold, place, of })
            }
            other => Some(other),
        }
    }

    /// The next rung down. A plan that wants a node drained or parked takes it to `Drain` in one step: each stage between
    /// would be a change for nothing.
    pub(super) fn next_rung(&self, at: Stage) -> Stage {
        match &self.goal {
            Some(goal) if goal.stage >= Stage::Drain && at < Stage::Drain => Stage::Drain,
            _ => at.climb(),
        }
    }

    /// Whether the supply lets this node leave a stage.
    pub(super) fn may_leave(&self, stage: Stage, estimate: &Estimate) -> bool {
        let soc_high = match (estimate.soc_low(), self.leave(stage)) {
            (Some(soc), Some(leave)) => soc >= leave,
            _ => false,
        };
        // A supply without a current sensor cannot say that it charges; its charge level alone must do. And a plan that
        // lets a node off by night knows when the sun is back.
        let charge_ok = self.goal.is_some() || !needs_charging(stage) || estimate.charging().unwrap_or(true);
        soc_high && charge_ok && self.asked(estimate).is_none_or(|(asked, _)| asked < stage)
    }

    /// Whether the supply carries this node being woken.
    pub(crate) fn may_wake(&self, estimate: &Estimate, plan: &PlanSettings) -> bool {
        let soc_high = estimate.soc_low().is_some_and(|soc| soc >= self.wake());
        if let Some(goal) = &self.goal {
            if goal.stage == Stage::Halt {
                return false;
            }
            if goal.by_order {
                return soc_high;
            }
        }
        let voltage_high = estimate.energy.voltage.is_some_and(|volts| volts >= self.thresholds.wake_voltage);
        let surplus = estimate.energy.current.is_none_or(|current| -current >= plan.wake_surplus);
        soc_high && voltage_high && surplus
    }
}

/// From `Shed` on, a stage is left only while the panel gives more than the load takes.
const fn needs_charging(stage: Stage) -> bool {
    matches!(stage, Stage::Shed | Stage::Drain | Stage::Halt)
}

/// The turns of a supply's nodes, in the order in which they shed.
pub(crate) fn turns<'a>(scene: Scene<'a>, supply: &SupplyName) -> Vec<(&'a Node, Turn)> {
    let members = scene.fleet.turns(supply);
    let (of, thresholds) = (members.len(), scene.settings.supply(supply).thresholds());
    let aim = scene.budgets.aim(supply, scene.now);
    let turn = |(index, node): (usize, &'a Node)| {
        let plan = &scene.settings.plan;
        let turn = Turn::new(index + 1, of, thresholds, plan);
        let goal = aim.map(|aim| Goal {
            stage: aim.stage(&node.name),
            reason: aim.reason(&node.name, scene.now),
            by_order: node.supply_floor() < Stage::Halt,
        });
        (
            node,
            match goal {
                Some(goal) => turn.with(goal, plan),
                None => turn,
            },
        )
    };
    members.into_iter().enumerate().map(turn).collect()
}

/// What `why` says of a node's next thresholds.
pub(crate) fn outlook(node: &Node, ordered: Stage, turn: &Turn) -> Outlook {
    let now_at = ordered.max(node.supply_floor());
    let parked = node.liveness() == Liveness::Parked;
    let next = match (&turn.goal, now_at.climb()) {
        // What comes before `Drain` is the plan's, and no threshold's.
        (Some(_), Stage::Throttle | Stage::Shed) => Stage::Drain,
        (_, next) => next,
    };
    Outlook {
        save_below: (now_at != Stage::Halt && !parked).then(|| turn.enter(next)).flatten(),
        spend_above: if parked { Some(turn.wake()) } else { turn.leave(now_at) },
        needs_charging: turn.goal.is_none() && (parked || needs_charging(now_at)),
    }
}
