//! The level the fleet should be at, and why: once an hour, from the ladder, the skies and the battery.

use std::collections::BTreeMap;
use std::time::Duration;

use protocol::{Energy, NodeName, OrderReason, Power, Seconds, Soc, Stage, Uptime};

use super::{Around, Budget};
use crate::core::fleet::Node;
use crate::core::forecast::{Chance, Prospect, SKIES, Skies, survival};
use crate::core::liveness::Liveness;
use crate::core::planner::ladder::{Ladder, Member, Point};
use crate::core::planner::schedule::{Problem, Schedule, Store};
use crate::core::settings::{Thresholds, Worth};
use crate::core::supply::Estimate;

/// A new plan is made this often.
const EVERY: Duration = Duration::from_hours(1);
/// ... and as soon as this when the charge came past a threshold: what is drained by it is better parked, or woken.
const EVERY_PASSED: Duration = Duration::from_mins(10);
/// The order of the ladder is looked at anew this often, so that nodes do not change places over a watt.
const LADDER_EVERY: Duration = Duration::from_hours(24);
/// A day is planned by the hour, half of another by two hours: the coming night and the one behind it.
const FINE: (usize, Duration) = (24, Duration::from_hours(1));
const COARSE: (usize, Duration) = (6, Duration::from_hours(2));
/// Levels are changed only if that earns more than so many hours of the difference between them.
const CHANGE: f64 = 0.25;
/// The part of what may turn out worse until the sun is back that is added to the last floor as reserve ...
const RESERVE_PART: f64 = 0.5;
/// ... within these bounds, in points.
const RESERVE_POINTS: (f64, f64) = (1.0, 8.0);

/// Where the fleet should be.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Aim {
    /// The level of the ladder; 0 is everything runs.
    pub(crate) level: usize,
    /// How many levels there are.
    pub(crate) levels: usize,
    /// Each node's stage at that level.
    pub(crate) stages: BTreeMap<NodeName, Stage>,
    /// The chance to stay above the reserve until the sun is back if everything runs.
    pub(crate) chance: Chance,
    /// What is wanted of it.
    pub(crate) wanted: Chance,
    /// What is kept back.
    pub(crate) reserve: Soc,
    /// When the sun is back in earnest.
    pub(crate) sun_at: Uptime,
    /// What the panel brings within the outlook, at its median.
    pub(crate) sun: Energy,
    /// What everything would take within it.
    pub(crate) load: Energy,
    /// How long the outlook is.
    pub(crate) within: Duration,
}

impl Aim {
    /// The stage that a node should be in; `Normal` for one that came after the plan was made.
    pub(crate) fn stage(&self, node: &NodeName) -> Stage {
        self.stages.get(node).copied().unwrap_or(Stage::Normal)
    }

    /// Why a node is ordered to a stage by this plan.
    pub(crate) fn reason(&self, node: &NodeName, now: Uptime) -> OrderReason {
        let count = |number: usize| u16::try_from(number).unwrap_or(u16::MAX);
        let (level, of) = (count(self.level), count(self.levels.saturating_sub(1)));
        let (chance_permille, reserve) = (self.chance.permille(), self.reserve);
        let sun_in = Seconds::from(self.sun_at.since(now));
        if self.stage(node) > Stage::Normal && self.chance < self.wanted {
            let wanted_permille = self.wanted.permille();
            return OrderReason::ForecastShort {
                chance_permille,
                wanted_permille,
                reserve,
                sun_in,
                level,
                of,
            };
        }
        if self.stage(node) > Stage::Normal && self.sun < self.load {
            let (sun, load, within) = (self.sun, self.load, Seconds::from(self.within));
            return OrderReason::DaysShort { sun, load, within, level, of };
        }
        OrderReason::ForecastCarries { chance_permille, reserve, sun_in, level, of }
    }
}

/// The steps that are planned.
pub(super) fn steps() -> Vec<Duration> {
    let mut steps = vec![FINE.1; FINE.0];
    steps.extend(vec![COARSE.1; COARSE.0]);
    steps
}

impl Budget {
    /// Makes a new plan, if it is time for one. Without a forecast there is none, and thresholds rule.
    pub(super) fn plan(&mut self, around: Around<'_>, members: &[&Node], estimate: &Estimate) {
        let now = around.now;
        let thresholds = around.settings.supply(&self.name).thresholds().with_plan();
        let lead = around.settings.plan.lead_points;
        let passed = |soc: Soc| {
            let entered =
                |stage: &Stage| thresholds.enter(*stage).is_some_and(|low| soc < low.plus_points(lead));
            Stage::ALL.into_iter().rev().find(entered)
        };
        let passed = estimate.energy.soc.and_then(|soc| passed(soc.low));
        let every = if passed == self.passed { EVERY } else { EVERY_PASSED };
        if self.planned.is_some_and(|planned| now.since(planned) < every) && self.aim.is_some() {
            return;
        }
        self.passed = passed;
        let Some((soc, skies)) = estimate.energy.soc.zip(self.forecast.skies(now, &steps())) else {
            (self.aim, self.schedule) = (None, None);
            return;
        };
        (self.planned, self.soc) = (Some(now), Some(soc.best));
        let level_before = self.renew_ladder(around, members);
        let always = self.load.parts().always;
        let free = self.ladder.points(Stage::Normal);
        let all = free.first().map_or(Power::ZERO, |point| point.power) + always;
        let (reserve, prospect) = self.reserve(now, soc, all, &thresholds, lead);
        // What the battery holds and takes goes by the best estimate; where nodes drain and halt, by the lower bound, as they
        // will themselves. So their floors lie higher by what is between the two.
        let unsure = soc.best.points_above(soc.low);
        let floor = |stage| thresholds.enter(stage).map(|low| (low.plus_points(lead + unsure), stage));
        let floors: Vec<_> = Stage::ALL.into_iter().filter_map(floor).collect();
        let problem = Problem {
            skies: &skies,
            store: self.store(),
            ladder: &self.ladder,
            always,
            floors: &floors,
            reserve: reserve.plus_points(unsure),
        };
        let schedule = Schedule::solve(&problem, soc.best);
        let level = choose(&schedule, level_before);
        self.aim = Some(self.aim_at(level, (reserve, &prospect), (all, &skies), around));
        self.schedule = Some(schedule);
    }

    fn aim_at(
        &self,
        level: usize,
        (reserve, prospect): (Soc, &Prospect),
        (all, skies): (Power, &Skies),
        around: Around<'_>,
    ) -> Aim {
        let stage = |member: &Member| {
            (member.name.clone(), self.ladder.stage(level, &member.name).unwrap_or_default())
        };
        let within = skies.slots.iter().map(|slot| slot.length).sum();
        Aim {
            level,
            levels: self.ladder.levels(),
            stages: self.ladder.members().iter().map(stage).collect(),
            chance: prospect.chance,
            wanted: around.settings.plan.chance_wanted,
            reserve,
            sun_at: prospect.until,
            sun: skies.energy()[SKIES / 2],
            load: all * within,
            within,
        }
    }

    /// What the fleet takes at a level, and whatever is always on.
    pub(super) fn level_power(&self, level: usize) -> Power {
        let points = self.ladder.points(Stage::Normal);
        points.get(level).map_or(Power::ZERO, |point| point.power) + self.load.parts().always
    }

    pub(super) fn store(&self) -> Store {
        Store {
            capacity: self.capacity.energy(),
            efficiency: self.chemistry.efficiency(),
            acceptance: self.chemistry.acceptance(),
        }
    }

    /// What is kept back: the charge at which nodes drain by themselves, and above it a part of what may turn out
    /// worse than expected until the sun is back; and what becomes of the charge if everything runs.
    fn reserve(
        &self,
        now: Uptime,
        soc: protocol::report::SocBand,
        all: Power,
        thresholds: &Thresholds,
        lead: f64,
    ) -> (Soc, Prospect) {
        let floor = thresholds.enter(Stage::Drain).unwrap_or(Soc::EMPTY).plus_points(lead);
        let mut store = survival::Store {
            capacity: self.capacity.energy(),
            soc,
            reserve: floor,
            charge_efficiency: self.chemistry.efficiency(),
        };
        let lowest = self.forecast.prospect_until_sun(now, &store, all).lowest;
        let worse = lowest.best.points_above(lowest.low) * RESERVE_PART;
        store.reserve = floor.plus_points(worse.clamp(RESERVE_POINTS.0, RESERVE_POINTS.1));
        (store.reserve, self.forecast.prospect_until_sun(now, &store, all))
    }

    /// Brings the ladder up to date; the level that the present plan has on it, or `None` while there was no plan.
    fn renew_ladder(&mut self, around: Around<'_>, nodes: &[&Node]) -> Option<usize> {
        let worth = around.settings.plan.worth;
        let known = |node: &&&Node| !matches!(node.liveness(), Liveness::NeverSeen | Liveness::Lost);
        let members: Vec<Member> =
            nodes.iter().filter(known).map(|node| self.member(node, around, &worth)).collect();
        let level = self.aim.as_ref().map(|aim| aim.level);
        let old = self.ladder_made.is_none_or(|made| around.now.since(made) >= LADDER_EVERY);
        if !old && let Some(renewed) = self.ladder.renewed(&members) {
            self.ladder = renewed;
            return level;
        }
        let took = |ladder: &Ladder, level: usize| {
            ladder.points(Stage::Normal).get(level).map_or(Power::ZERO, |point| point.power)
        };
        let before = level.map(|level| took(&self.ladder, level));
        self.ladder = Ladder::new(members);
        self.ladder_made = Some(around.now);
        let points = self.ladder.points(Stage::Normal);
        // The first level that takes no more than the fleet took before.
        before.map(|before| {
            let last = points.len().saturating_sub(1);
            points.iter().position(|point| point.power <= before + Power::from_watts(0.01)).unwrap_or(last)
        })
    }

    /// A node on the ladder.
    fn member(&self, node: &Node, around: Around<'_>, worth: &Worth) -> Member {
        let none = super::Uses::default();
        let uses = self.uses.get(&node.name).unwrap_or(&none);
        let parts = self.load.parts();
        let critical = uses.is_critical();
        let point = |stage: Stage| {
            if stage == Stage::Halt {
                return Point::default();
            }
            let content = uses.content(stage);
            let power = parts.node + parts.busy * uses.busy(stage);
            let worth = worth.critical * content.critical
                + worth.standard * content.standard
                + worth.deferrable * content.deferrable;
            Point { power, worth }
        };
        Member {
            name: node.name.clone(),
            points: Stage::ALL.map(point),
            critical,
            deepest: deepest(node, around),
        }
    }
}

/// How far a plan may take a node. Masters wake the others and carry the address, and the leader's node goes last: only
/// thresholds drain them. Who measures the supply, switches others' power (its relays would rest, and they have power then), or
/// cannot be woken again, is never parked by plan.
fn deepest(node: &Node, around: Around<'_>) -> Stage {
    let leads = around.settings.host.as_ref() == Some(&node.name);
    let paces = around.paces;
    let stays = node.has_sensor || paces.switches_others(&node.name) || !paces.has_switch(&node.name);
    match (leads || node.master, stays) {
        (true, _) => Stage::Shed,
        (false, true) => Stage::Drain,
        (false, false) => Stage::Halt,
    }
}

/// The best level, where a change costs something too.
fn choose(schedule: &Schedule, before: Option<usize>) -> usize {
    let Some((before, worth_before)) = before.and_then(|before| Some((before, schedule.worths.get(before)?)))
    else {
        return schedule.best().0;
    };
    let net = |(level, (value, worth)): (usize, (&f64, &f64))| {
        (level, value - CHANGE * (worth - worth_before).abs())
    };
    let better = |best: (usize, f64), new: (usize, f64)| if new.1 > best.1 { new } else { best };
    let all = schedule.values.iter().zip(&schedule.worths).enumerate();
    all.map(net).fold((before, f64::NEG_INFINITY), better).0
}
