//! The fleet's ladder on one supply: from 'everything runs' to 'all that can be woken again is parked', where each level
//! differs from the one before by one rung of one node.
//!
//! Rungs are taken in three phases, and within each the least worth per watt goes first:
//!
//! 1. **Slow**: every node to `Throttle`, before anything is paused anywhere.
//! 2. **Pause and park what is not critical**: `Shed`, `Drain`, and `Halt` of nodes that run nothing critical. A rung that
//!    saves little by itself is taken together with those behind it: idle watts are won only when the whole node goes.
//! 3. **Critical last**: `Halt` of the others.
//!
//! A node that nobody can wake again is not parked ([`Member::deepest`]). Ties go by the shed order. [`super::schedule`] chooses the level.

use std::cmp::Ordering;

use protocol::{NodeName, Power, Stage};

/// A rung that saves less than this is not worth a change by itself.
const SAVING_LEAST: Power = Power::from_watts(0.05);

/// What a node, or a fleet, takes and is worth in one configuration.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Point {
    /// At the battery's side.
    pub(crate) power: Power,
    /// Of an hour of it; a number that only compares.
    pub(crate) worth: f64,
}

impl Point {
    fn minus(self, other: Self) -> Self {
        Self { power: self.power - other.power, worth: self.worth - other.worth }
    }

    fn plus(self, other: Self) -> Self {
        Self { power: self.power + other.power, worth: self.worth + other.worth }
    }
}

/// One node on the ladder.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Member {
    /// Its name.
    pub(crate) name: NodeName,
    /// What it takes and is worth in each stage, as in [`Stage::ALL`].
    pub(crate) points: [Point; 5],
    /// Whether it runs something critical.
    pub(crate) critical: bool,
    /// How far a plan may take it: `Halt` only where somebody can wake it again.
    pub(crate) deepest: Stage,
}

impl Member {
    fn at(&self, stage: Stage) -> Point {
        self.points.get(stage as usize).copied().unwrap_or_default()
    }

    /// The deepest rung of a phase.
    fn deepest(&self, phase: usize) -> Stage {
        let phase = match (phase, self.critical) {
            (0, _) => Stage::Throttle,
            (1, true) => Stage::Drain,
            _ => Stage::Halt,
        };
        phase.min(self.deepest)
    }
}

/// The levels of one supply.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Ladder {
    members: Vec<Member>,
    /// Who takes which rung, in order: level n is the first n of them.
    rungs: Vec<(usize, Stage)>,
}

/// How a node's next rungs are taken together, and what that costs.
struct Stretch {
    member: usize,
    to: Stage,
    /// Worth lost for each watt saved.
    price: f64,
}

impl Ladder {
    /// Of these nodes, given in the order in which they shed.
    pub(crate) fn new(members: Vec<Member>) -> Self {
        let mut ladder = Self { members, rungs: Vec::new() };
        let mut stages = vec![Stage::Normal; ladder.members.len()];
        for phase in 0..3 {
            while let Some(stretch) = ladder.cheapest(&stages, phase) {
                let Some(stage) = stages.get_mut(stretch.member) else { break };
                while *stage < stretch.to {
                    *stage = stage.climb();
                    ladder.rungs.push((stretch.member, *stage));
                }
            }
        }
        ladder
    }

    /// The rungs that cost least for what they save.
    fn cheapest(&self, stages: &[Stage], phase: usize) -> Option<Stretch> {
        let stretches = self.members.iter().zip(stages).enumerate().filter_map(|(member, (node, stage))| {
            let deepest = node.deepest(phase);
            let tos = Stage::ALL.into_iter().filter(|to| to > stage && *to <= deepest);
            let priced = tos.map(|to| (to, price(node.at(*stage).minus(node.at(to)))));
            let (to, price) = priced.min_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0)))?;
            // What is only slow and saves nothing by that goes with what comes after.
            (phase > 0 || price.is_finite()).then_some(Stretch { member, to, price })
        });
        stretches.min_by(|a, b| match a.price.total_cmp(&b.price) {
            Ordering::Equal => a.member.cmp(&b.member),
            unequal => unequal,
        })
    }

    /// How many levels there are; level 0 is everything runs.
    pub(crate) fn levels(&self) -> usize {
        self.rungs.len() + 1
    }

    /// The stage of a node at a level; `None` for one that is not on the ladder.
    pub(crate) fn stage(&self, level: usize, name: &NodeName) -> Option<Stage> {
        let member = self.members.iter().position(|member| member.name == *name)?;
        let taken = self.rungs.iter().take(level).rev().find(|(who, _)| *who == member);
        Some(taken.map_or(Stage::Normal, |(_, stage)| *stage))
    }

    /// The nodes, in the order in which they shed.
    pub(crate) fn members(&self) -> &[Member] {
        &self.members
    }

    /// The same levels with newer estimates of what nodes take and are worth; `None` when it is no longer the same nodes,
    /// or one of them may now, or no longer, be parked.
    pub(crate) fn renewed(&self, members: &[Member]) -> Option<Self> {
        let same =
            |a: &Member, b: &Member| a.name == b.name && a.critical == b.critical && a.deepest == b.deepest;
        let alike = self.members.len() == members.len()
            && self.members.iter().zip(members).all(|(old, new)| same(old, new));
        alike.then(|| Self { members: members.to_vec(), rungs: self.rungs.clone() })
    }

    /// What each level takes and is worth, where no node may be less careful than `least`.
    pub(crate) fn points(&self, least: Stage) -> Vec<Point> {
        let start = self.members.iter().fold(Point::default(), |sum, member| sum.plus(member.at(least)));
        let mut stages = vec![least; self.members.len()];
        let mut points = vec![start];
        let mut sum = start;
        for (who, to) in &self.rungs {
            if let (Some(member), Some(stage)) = (self.members.get(*who), stages.get_mut(*who))
                && *to > *stage
            {
                sum = sum.plus(member.at(*to)).minus(member.at(*stage));
                *stage = *to;
            }
            points.push(sum);
        }
        points
    }
}

/// Worth lost for each watt saved.
fn price(lost: Point) -> f64 {
    if lost.power < SAVING_LEAST { f64::INFINITY } else { (lost.worth / lost.power.watts()).max(0.0) }
}

#[cfg(test)]
mod tests;
