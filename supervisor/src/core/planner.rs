//! Who saves energy, who may spend it again, and in which order: a pure function from the fleet to a plan.
//!
//! Ten nodes on one battery see one sag. If each acted at its own floor they would step together, and come back
//! together, and sag again. So the leader gives every node of a supply a turn:
//!
//! - **Saving**: the greatest shed order first, masters last. Each place has its own threshold, a few points of
//!   charge above the nodes' floors, so that the leader acts before floors bite. One rung of one node at a time, with
//!   a dwell between two steps; nobody goes down a second rung while another still has its first to go.
//! - **Holding**: a node whose own floor climbed is held there, so that it does not come back by itself.
//! - **Spending**: the reverse, one rung of one node at a time, each after the conditions held for a while and what
//!   came back before has settled. The thresholds lie 5 points and more above those for saving: nothing flaps.
//! - **Waking**: parked nodes one at a time, on a level that holds and not on an edge, when the panel gives more than
//!   one more board takes, through a node that has a switch for it.
//! - **Supply unknown**: nobody is ordered to spend more.
//!
//! Ties are broken by shed order and then by name; the same events give the same plans.

use std::collections::BTreeMap;
use std::time::Duration;

use protocol::{NodeName, OrderReason, Seconds, Soc, Stage, SupplyName, Uptime};

use super::fleet::{Fleet, Node};
use super::liveness::Liveness;
use super::orders::Orders;
use super::pace::Paces;
use super::settings::{PlanSettings, Settings, Thresholds};
use super::supply::{self, Estimate};
use super::view::Outlook;

/// Since when a node's thresholds have been crossed: a crossing counts only once it held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Crossing {
    /// Since when it should save more.
    save: Option<Uptime>,
    /// Since when it might leave this stage.
    spend: Option<(Stage, Uptime)>,
    /// Since when it might be woken.
    wake: Option<Uptime>,
}

/// All nodes' crossings. The planner's only memory of its own; it is an argument, like everything else.
pub(crate) type Crossings = BTreeMap<NodeName, Crossing>;

/// What the planner looks at.
#[derive(Clone, Copy)]
pub(crate) struct Scene<'a> {
    pub(crate) fleet: &'a Fleet,
    pub(crate) orders: &'a Orders,
    pub(crate) paces: &'a Paces,
    pub(crate) settings: &'a Settings,
    pub(crate) now: Uptime,
}

/// One step of a plan.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Step {
    /// Who.
    pub(crate) node: NodeName,
    /// On which supply.
    pub(crate) supply: SupplyName,
    /// What.
    pub(crate) change: Change,
}

/// What a step does.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Change {
    /// One rung more careful.
    Save { to: Stage, reason: OrderReason },
    /// Stay where the own floor put it.
    Hold { at: Stage, reason: OrderReason },
    /// One rung less careful.
    Spend { to: Stage, reason: OrderReason },
    /// Power on.
    Wake { through: NodeName, soc: Soc, level: Soc },
}

/// Where one node's thresholds are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Turn {
    /// From 1, who sheds first.
    pub(crate) place: u8,
    /// How many take turns.
    pub(crate) of: u8,
    thresholds: Thresholds,
    lead: f64,
    time_lead: Duration,
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
        }
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
    fn asked(&self, estimate: &Estimate) -> Option<(Stage, OrderReason)> {
        let (place, of) = (self.place, self.of);
        let by_soc = estimate.soc_low().and_then(|soc| {
            let stage =
                Stage::ALL.iter().rev().find(|stage| self.enter(**stage).is_some_and(|low| soc < low))?;
            let stage = match (*stage, estimate.charging()) {
                // While the panel gives more than the load takes, there is no need to throttle yet ...
                (Stage::Throttle, Some(true)) => return None,
                // ... nor to switch anybody off: a node that the returning sun woke would halt and be woken for ever.
                (Stage::Halt, Some(true)) => Stage::Drain,
                (stage, _) => stage,
            };
            let threshold = self.enter(stage)?;
            Some((stage, OrderReason::SupplyLow { soc, threshold, place, of }))
        });
        let threshold = self.thresholds.drain_time_to_empty + self.time_lead;
        let by_time = estimate.energy.time_to_empty.and_then(|band| {
            (Duration::from(band.low) < threshold).then(|| {
                let time_to_empty = band.low;
                let threshold = Seconds::from(threshold);
                (Stage::Drain, OrderReason::SupplyShort { time_to_empty, threshold, place, of })
            })
        });
        match (by_soc, by_time) {
            (Some(a), Some(b)) => Some(if b.0 > a.0 { b } else { a }),
            (a, b) => a.or(b),
        }
    }

    /// Whether the supply lets this node leave a stage.
    fn may_leave(&self, stage: Stage, estimate: &Estimate) -> bool {
        let soc_high = match (estimate.soc_low(), self.leave(stage)) {
            (Some(soc), Some(leave)) => soc >= leave,
            _ => false,
        };
        // A supply without a current sensor cannot say that it charges; its charge level alone must do.
        let charge_ok = !needs_charging(stage) || estimate.charging().unwrap_or(true);
        soc_high && charge_ok && self.asked(estimate).is_none_or(|(asked, _)| asked < stage)
    }

    /// Whether the supply carries this node being woken.
    pub(crate) fn may_wake(&self, estimate: &Estimate, plan: &PlanSettings) -> bool {
        let soc_high = estimate.soc_low().is_some_and(|soc| soc >= self.wake());
        let voltage_high = estimate.energy.voltage.is_some_and(|volts| volts >= self.thresholds.wake_voltage);
        let surplus = estimate.energy.current.is_none_or(|current| -current >= plan.wake_surplus);
        soc_high && voltage_high && surplus
    }
}

/// From `Shed` on, a stage is left only while the panel gives more than the load takes.
pub(crate) const fn needs_charging(stage: Stage) -> bool {
    matches!(stage, Stage::Shed | Stage::Drain | Stage::Halt)
}

/// The turns of a supply's nodes, in the order in which they shed.
pub(crate) fn turns<'a>(fleet: &'a Fleet, supply: &SupplyName, settings: &Settings) -> Vec<(&'a Node, Turn)> {
    let members = fleet.turns(supply);
    let (of, thresholds) = (members.len(), settings.supply(supply).thresholds());
    let turn = |index: usize| Turn::new(index + 1, of, thresholds, &settings.plan);
    members.into_iter().enumerate().map(|(index, node)| (node, turn(index))).collect()
}

/// What `why` says of a node's next thresholds.
pub(crate) fn outlook(node: &Node, ordered: Stage, turn: &Turn) -> Outlook {
    let now_at = ordered.max(node.supply_floor());
    let parked = node.liveness() == Liveness::Parked;
    Outlook {
        save_below: (now_at != Stage::Halt && !parked).then(|| turn.enter(now_at.climb())).flatten(),
        spend_above: if parked { Some(turn.wake()) } else { turn.leave(now_at) },
        needs_charging: parked || needs_charging(now_at),
    }
}

/// Steps of which the first that the veto lets pass is taken.
pub(crate) type Choice = Vec<Step>;

/// The next steps for the whole fleet, and the crossings to hand in next time.
pub(crate) fn plan(scene: Scene<'_>, before: &Crossings) -> (Vec<Choice>, Crossings) {
    let mut choices = Vec::new();
    let mut crossings = Crossings::new();
    for supply in scene.fleet.supplies() {
        let estimate = supply::estimate(scene.fleet, &supply, &scene.settings.plan, scene.now);
        let turns = turns(scene.fleet, &supply, scene.settings);
        for (node, turn) in &turns {
            let old = before.get(&node.name).copied().unwrap_or_default();
            crossings.insert(node.name.clone(), crossing(scene, node, turn, estimate.as_ref(), old));
        }
        let supply_plan = SupplyPlan { scene, supply: &supply, turns, estimate: estimate.as_ref() };
        supply_plan.choose(&crossings, &mut choices);
    }
    (choices, crossings)
}

/// Brings a node's crossings up to date.
fn crossing(
    scene: Scene<'_>,
    node: &Node,
    turn: &Turn,
    estimate: Option<&Estimate>,
    old: Crossing,
) -> Crossing {
    let Some(estimate) = estimate else { return Crossing::default() };
    let ordered = scene.orders.stage(&node.name);
    let held_at = ordered.max(node.floor());
    let since = |old: Option<Uptime>, holds: bool| holds.then(|| old.unwrap_or(scene.now));
    let spend_since = old.spend.filter(|(stage, _)| *stage == ordered).map(|(_, at)| at);
    let asked = turn.asked(estimate).map_or(Stage::Normal, |(stage, _)| stage);
    Crossing {
        save: since(old.save, asked > held_at),
        spend: since(spend_since, estimate.known && turn.may_leave(ordered, estimate))
            .map(|at| (ordered, at)),
        wake: since(
            old.wake,
            estimate.known
                && node.liveness() == Liveness::Parked
                && turn.may_wake(estimate, &scene.settings.plan),
        ),
    }
}

/// One supply's share of a plan.
struct SupplyPlan<'a> {
    scene: Scene<'a>,
    supply: &'a SupplyName,
    turns: Vec<(&'a Node, Turn)>,
    estimate: Option<&'a Estimate>,
}

impl SupplyPlan<'_> {
    /// First what holds and saves; only when nothing has to, what spends.
    fn choose(&self, crossings: &Crossings, choices: &mut Vec<Choice>) {
        let (holds, save) = (self.holds(), self.save(crossings));
        if holds.is_empty() && save.is_empty() {
            let wake = self.wake(crossings);
            choices.push(wake.map_or_else(|| self.spend(crossings), |step| vec![step]));
        }
        choices.extend(holds.into_iter().map(|step| vec![step]));
        choices.push(save);
    }

    /// Whether a crossing has held long enough.
    fn held(&self, since: Option<Uptime>, hold: Duration) -> bool {
        since.is_some_and(|since| self.scene.now.since(since) >= hold)
    }

    fn step(&self, node: &Node, change: Change) -> Step {
        Step { node: node.name.clone(), supply: self.supply.clone(), change }
    }

    /// Every reachable node whose own floor is above its order is held where it is. Never at `Halt`: to order that is
    /// to switch the node off, and one that is there with such a floor was just woken, or ends by itself.
    fn holds(&self) -> Vec<Step> {
        let ordered = |node: &Node| self.scene.orders.stage(&node.name);
        let at = |node: &Node| node.supply_floor().min(Stage::Halt.descend());
        self.turns
            .iter()
            .filter(|(node, _)| node.reachable() && at(node) > ordered(node))
            .map(|(node, turn)| {
                let at = at(node);
                self.step(node, Change::Hold { at, reason: self.standing_reason(node, turn, at) })
            })
            .collect()
    }

    /// Who may save next: who is least careful so far first, and among those whose turn is first.
    fn save(&self, crossings: &Crossings) -> Choice {
        let plan = &self.scene.settings.plan;
        let pace = self.scene.paces.get(self.supply);
        let too_soon = pace.last_save.is_some_and(|at| self.scene.now.since(at) < plan.shed_dwell);
        let Some(estimate) = self.estimate.filter(|_| !too_soon) else { return Choice::new() };
        let crossed = |node: &Node| crossings.get(&node.name).and_then(|crossing| crossing.save);
        let mut candidates: Vec<_> = self
            .turns
            .iter()
            .filter(|(node, _)| node.reachable() && self.held(crossed(node), plan.shed_hold))
            .filter_map(|(node, turn)| {
                let (asked, reason) = turn.asked(estimate)?;
                let at = self.scene.orders.stage(&node.name).max(node.floor());
                (asked > at).then_some((at, node, turn, reason))
            })
            .collect();
        candidates.sort_by_key(|(at, _, turn, _)| (*at, turn.place));
        let step = |(at, node, turn, reason): (Stage, &&Node, &Turn, OrderReason)| {
            let to = at.climb();
            let reason = turn.asked_for(to, estimate).unwrap_or(reason);
            self.step(node, Change::Save { to, reason })
        };
        candidates.into_iter().map(step).collect()
    }

    /// Who may spend more next: who is most careful first, and among those whose turn to save came last.
    fn spend(&self, crossings: &Crossings) -> Choice {
        if !self.pace_allows_recovery() {
            return Choice::new();
        }
        let crossed = |node: &Node| crossings.get(&node.name).and_then(|crossing| crossing.spend);
        let mut candidates: Vec<_> = self
            .turns
            .iter()
            .filter_map(|(node, turn)| {
                let ordered = self.scene.orders.stage(&node.name);
                let since = crossed(node).map(|(_, at)| at);
                let ready = node.reachable()
                    && ordered > Stage::Normal
                    && node.floor() < ordered
                    && self.held(since, self.scene.settings.plan.recover_hold);
                ready.then_some((ordered, node, turn))
            })
            .collect();
        candidates.sort_by_key(|(ordered, _, turn)| std::cmp::Reverse((*ordered, turn.place)));
        let step = |(ordered, node, _): (Stage, &&Node, &Turn)| {
            self.step(node, Change::Spend { to: ordered.descend(), reason: OrderReason::EnoughEnergy })
        };
        candidates.into_iter().map(step).collect()
    }

    /// The next parked node to wake, through the first node that may have a switch for it.
    fn wake(&self, crossings: &Crossings) -> Option<Step> {
        let plan = &self.scene.settings.plan;
        let (now, pace) = (self.scene.now, self.scene.paces.get(self.supply));
        let too_soon = pace.last_wake.is_some_and(|at| now.since(at) < plan.wake_interval);
        if too_soon || !self.pace_allows_recovery() {
            return None;
        }
        let soc = self.estimate?.soc_low()?;
        self.turns
            .iter()
            .rev()
            .filter(|(node, _)| {
                self.held(crossings.get(&node.name).and_then(|crossing| crossing.wake), plan.wake_hold)
                    && node.parked_at.is_some_and(|at| now.since(at) >= plan.off_min)
                    && self.scene.paces.may_try_wake(&node.name, now)
            })
            .find_map(|(node, turn)| {
                let through = self.scene.paces.switch_for(&node.name, self.scene.fleet)?;
                Some(self.step(node, Change::Wake { through, soc, level: turn.wake() }))
            })
    }

    /// Whether nobody recovers or wakes just now, and the last saving step has settled too.
    fn pace_allows_recovery(&self) -> bool {
        let pace = self.scene.paces.get(self.supply);
        let settled = |at: Option<Uptime>| {
            at.is_none_or(|at| self.scene.now.since(at) >= self.scene.settings.plan.settle)
        };
        pace.recovering.is_none() && pace.waking.is_none() && settled(pace.last_save)
    }

    /// Why a node stands where it stands, for orders that only hold or renew.
    fn standing_reason(&self, node: &Node, turn: &Turn, at: Stage) -> OrderReason {
        let Some(estimate) = self.estimate.filter(|estimate| estimate.known) else {
            let age = self.estimate.map_or(Seconds::from(self.scene.now.since(Uptime::START)), |estimate| {
                Seconds::from(estimate.age)
            });
            return OrderReason::SupplyUnknown { age };
        };
        if let Some(reason) = turn.asked_for(at, estimate) {
            return reason;
        }
        let next = self
            .turns
            .iter()
            .filter(|(other, _)| {
                other.reachable()
                    && self.scene.orders.stage(&other.name).max(other.supply_floor()) > Stage::Normal
            })
            .max_by_key(|(other, turn)| (self.scene.orders.stage(&other.name), turn.place))
            .map_or(&node.name, |(other, _)| &other.name);
        let place = turn.of.saturating_sub(turn.place).saturating_add(1);
        OrderReason::Waiting { turn_of: next.clone(), place }
    }
}

impl Turn {
    /// The reason for being at a stage, if the supply asks for at least that.
    fn asked_for(&self, stage: Stage, estimate: &Estimate) -> Option<OrderReason> {
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
}

/// The reason to give with a renewed order.
pub(crate) fn renewal_reason(scene: Scene<'_>, name: &NodeName) -> Option<OrderReason> {
    let node = scene.fleet.get(name)?;
    let estimate = supply::estimate(scene.fleet, &node.supply, &scene.settings.plan, scene.now);
    let turns = turns(scene.fleet, &node.supply, scene.settings);
    let at = scene.orders.stage(name);
    let turn = turns.iter().find(|(member, _)| member.name == *name).map(|(_, turn)| *turn)?;
    let supply_plan = SupplyPlan { scene, supply: &node.supply, turns, estimate: estimate.as_ref() };
    (at > Stage::Normal).then(|| supply_plan.standing_reason(node, &turn, at))
}
