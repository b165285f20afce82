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
//! - **With a forecast** ([`super::budget`]): `Throttle` and `Shed` follow the plan ([`schedule`]) instead of thresholds, one
//!   rung of one node at a time all the same; thresholds stay what drains and halts in need. Every node has an order
//!   then, also to `Normal`: it tells the node that a plan is in force.
//!
//! Ties are broken by shed order and then by name; the same events give the same plans.

mod crossing;
pub(crate) mod ladder;
pub(crate) mod schedule;
mod turn;

use std::time::Duration;

use protocol::standing::Wish;
use protocol::{NodeName, OrderReason, Seconds, Soc, Stage, SupplyName, Uptime};

pub(crate) use crossing::Crossings;
pub(crate) use turn::{Turn, outlook, turns};

use super::address::Seat;
use super::budget::Budgets;
use super::fleet::{Fleet, Node};
use super::orders::Orders;
use super::pace::Paces;
use super::person::Persons;
use super::settings::Settings;
use super::supply::{self, Estimate};

/// What the planner looks at.
#[derive(Clone, Copy)]
pub(crate) struct Scene<'a> {
    pub(crate) fleet: &'a Fleet,
    pub(crate) orders: &'a Orders,
    pub(crate) paces: &'a Paces,
    pub(crate) settings: &'a Settings,
    pub(crate) budgets: &'a Budgets,
    pub(crate) seat: &'a Seat,
    pub(crate) persons: &'a Persons,
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

/// Steps of which the first that the veto lets pass is taken.
pub(crate) type Choice = Vec<Step>;

/// The next steps for the whole fleet, and the crossings to hand in next time.
pub(crate) fn plan(scene: Scene<'_>, before: &Crossings) -> (Vec<Choice>, Crossings) {
    let mut choices = Vec::new();
    let mut crossings = Crossings::new();
    for supply in scene.fleet.supplies() {
        let estimate = supply::estimate(scene.fleet, &supply, &scene.settings.plan, scene.now);
        let turns = turns(scene, &supply);
        for (node, turn) in &turns {
            let old = before.get(&node.name).copied().unwrap_or_default();
            crossings.insert(node.name.clone(), old.renewed(scene, node, turn, estimate.as_ref()));
        }
        let supply_plan = SupplyPlan { scene, supply: &supply, turns, estimate: estimate.as_ref() };
        supply_plan.choose(&crossings, &mut choices);
    }
    (choices, crossings)
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
        let (mut holds, save) = (self.holds(), self.save(crossings));
        holds.extend(self.tellings());
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

    /// With a plan, every node knows that there is one: also those that may run everything.
    fn tellings(&self) -> Vec<Step> {
        let untold = |node: &Node| {
            self.scene
                .orders
                .get(&node.name)
                .is_none_or(|standing| standing.stage == Stage::Normal && !standing.reason.is_by_forecast())
        };
        let telling = |(node, turn): &(&Node, Turn)| {
            let goal = turn.goal.as_ref().filter(|_| self.estimate.is_some_and(|estimate| estimate.known))?;
            let free = node.reachable() && node.floor() == Stage::Normal && untold(node);
            let change = Change::Hold { at: Stage::Normal, reason: goal.reason.clone() };
            free.then(|| self.step(node, change))
        };
        self.turns.iter().filter_map(telling).collect()
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
                // Whom a person wants awake no forecast lets off; a battery that runs low does.
                let awake = self.scene.persons.wish(&node.name) == Wish::Awake;
                let asked = if awake && reason.is_by_forecast() { asked.min(Stage::Shed) } else { asked };
                let at = self.scene.orders.stage(&node.name).max(node.floor());
                (asked > at).then_some((at, node, turn, reason))
            })
            .collect();
        candidates.sort_by_key(|(at, _, turn, _)| (*at, turn.place));
        let step = |(at, node, turn, reason): (Stage, &&Node, &Turn, OrderReason)| {
            let to = turn.next_rung(at);
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
                    && !self.scene.persons.keeps(&node.name, ordered)
                    && self.held(since, self.scene.settings.plan.recover_hold);
                ready.then_some((ordered, node, turn))
            })
            .collect();
        candidates.sort_by_key(|(ordered, _, turn)| std::cmp::Reverse((*ordered, turn.place)));
        let step = |(ordered, node, turn): (Stage, &&Node, &Turn)| {
            let reason = turn.goal.as_ref().map_or(OrderReason::EnoughEnergy, |goal| goal.reason.clone());
            self.step(node, Change::Spend { to: ordered.descend(), reason })
        };
        candidates.into_iter().map(step).collect()
    }

    /// The next parked or missing node to wake, through the first node that may have a switch for it.
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
                    && node.parked_at.is_none_or(|at| now.since(at) >= plan.off_min)
                    && self.scene.paces.may_try_wake(&node.name, now)
                    && self.scene.persons.wish(&node.name) != Wish::Park
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
        if let Some(goal) = &turn.goal {
            return goal.reason.clone();
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
        let place = if *next == node.name { 0 } else { turn.of.saturating_sub(turn.place).saturating_add(1) };
        OrderReason::Waiting { turn_of: next.clone(), place }
    }
}

/// The reason to give with a renewed order.
pub(crate) fn renewal_reason(scene: Scene<'_>, name: &NodeName) -> Option<OrderReason> {
    let node = scene.fleet.get(name)?;
    let standing = scene.orders.get(name)?;
    let for_person = match scene.persons.wish(name) {
        Wish::Drain => standing.stage == Stage::Drain,
        Wish::Park => standing.stage >= Stage::Drain,
        Wish::Withdrawn | Wish::Awake => false,
    };
    if for_person {
        return Some(OrderReason::Operator);
    }
    let estimate = supply::estimate(scene.fleet, &node.supply, &scene.settings.plan, scene.now);
    let turns = turns(scene, &node.supply);
    let turn = turns.iter().find(|(member, _)| member.name == *name).map(|(_, turn)| turn.clone())?;
    let known = estimate.as_ref().is_some_and(|estimate| estimate.known);
    if standing.stage == Stage::Normal {
        // A plan that is no more must not go on letting the node stretch its energy.
        return match turn.goal.filter(|_| known) {
            Some(goal) => Some(goal.reason),
            None => standing.reason.is_by_forecast().then_some(OrderReason::EnoughEnergy),
        };
    }
    let supply_plan = SupplyPlan { scene, supply: &node.supply, turns, estimate: estimate.as_ref() };
    Some(supply_plan.standing_reason(node, &turn, standing.stage))
}
