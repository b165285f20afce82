//! Which level the fleet should be at: the best plan over days of a sky that is not known.
//!
//! Stochastic dynamic programming, backwards from the end of the outlook. The state is (time, charge, sky of the day);
//! the choice is a level of the [`super::ladder`]; the day's sky goes over into the next day's as [`Skies`] says. A step
//! earns the level's worth. Below the nodes' own floors there is no choice: they drain and halt by themselves, and the plan
//! knows that. What is left at the end is worth what it adds to the
//! middling days behind it: much while they are short of energy, nothing where they are not.
//!
//! One solution is a table of (30 steps x 3 skies x 48 charges), each the best of at most [`LATER_LEVELS`] levels: well
//! under a millisecond on a PC. Arithmetic only: the same on every platform.

use std::time::Duration;

use protocol::{Energy, Power, Soc, Stage};

use super::ladder::{Ladder, Point};
use crate::core::forecast::{SKIES, Skies, Slot};

/// Steps of the charge, from [`LOWEST`] to full.
const GRID: usize = 48;
/// A battery that is as good as full still takes a little.
const FULL: f64 = 1.02;
/// Points of charge below the last floor down to which a course is followed.
const LOWEST: f64 = 6.0;
/// So many levels are weighed in later steps; in the first all are.
const LATER_LEVELS: usize = 14;
/// An hour in which all nodes had to halt costs this part of one in which everything runs: they come back later, one by one.
/// A longer outlook was tried in the twin: the fleet then hoards for dull days that do not come.
const HALTED: f64 = 0.4;
/// What is left at the end over the reserve feeds so much more of a middling day. Half a day was tried, and hoards too: what
/// is left is rarely as scarce as that, because the next sun is near by then.
const END_DAYS: f64 = 0.1;

/// A battery, as far as a plan goes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Store {
    /// What it holds when it is full.
    pub(crate) capacity: Energy,
    /// The part of what is charged that can be drawn again.
    pub(crate) efficiency: f64,
    /// How steeply it takes less as it fills: the greatest charge, in capacities an hour, for each part that is missing.
    pub(crate) acceptance: f64,
}

impl Store {
    /// What flows into the battery, in watts, at a charge where the panel leaves so much over; negative out of it.
    fn flow(&self, soc: f64, net: f64) -> f64 {
        if net <= 0.0 {
            return net;
        }
        let taken = (FULL - soc).max(0.0) * self.acceptance * self.capacity.watt_hours();
        net.min(taken) * self.efficiency
    }

    /// The charge after a time of sun and load.
    pub(crate) fn after(&self, soc: Soc, sun: Power, load: Power, time: Duration) -> Soc {
        let flow = Power::from_watts(self.flow(soc.fraction(), (sun - load).watts()));
        let part = (flow * time).watt_hours() / self.capacity.watt_hours().max(1.0);
        Soc::from_fraction(soc.fraction() + part)
    }
}

/// What is to be planned.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Problem<'a> {
    /// The sun to come.
    pub(crate) skies: &'a Skies,
    /// The battery.
    pub(crate) store: Store,
    /// The levels.
    pub(crate) ladder: &'a Ladder,
    /// What is on at every level.
    pub(crate) always: Power,
    /// Below each of these charges no node is less careful than the stage; deeper stages at lower charges.
    pub(crate) floors: &'a [(Soc, Stage)],
    /// What is kept back.
    pub(crate) reserve: Soc,
}

/// The solution.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Schedule {
    /// Of each level now: what can be expected of the whole time if the first step is spent there.
    pub(crate) values: Vec<f64>,
    /// Worth of an hour at each level now.
    pub(crate) worths: Vec<f64>,
    lowest: f64,
    /// The best level of each (step, sky, charge).
    best: Vec<u16>,
}

/// The fleet's points at each floor.
struct Tables {
    /// For each floor from none to the last: the charge below which it holds, and the levels' watts and worths.
    floors: Vec<(f64, Vec<(f64, f64)>)>,
}

impl Tables {
    fn new(problem: &Problem<'_>) -> Self {
        let pairs = |least| {
            let pair = |point: &Point| ((point.power + problem.always).watts(), point.worth);
            problem.ladder.points(least).iter().map(pair).collect::<Vec<_>>()
        };
        let mut floors = vec![(f64::INFINITY, pairs(Stage::Normal))];
        floors.extend(problem.floors.iter().map(|(soc, stage)| (soc.fraction(), pairs(*stage))));
        Self { floors }
    }

    /// The levels as they are at a charge.
    fn at(&self, soc: f64) -> &[(f64, f64)] {
        let deepest = self.floors.iter().rev().find(|(below, _)| soc < *below);
        deepest.map_or(&[], |(_, levels)| levels)
    }

    fn free(&self) -> &[(f64, f64)] {
        self.at(1.0)
    }
}

/// What follows of a step.
struct Steps<'a> {
    problem: &'a Problem<'a>,
    capacity: f64,
    lowest: f64,
    reserve: f64,
    /// Below this all have halted.
    halt: f64,
    /// Worth of an hour in which everything runs.
    full: f64,
}

impl Steps<'_> {
    fn charge(&self, index: usize) -> f64 {
        self.lowest + (1.0 - self.lowest) * index as f64 / (GRID - 1) as f64
    }

    /// The charge after some hours of sun and load.
    fn after(&self, soc: f64, sun: f64, load: f64, hours: f64) -> f64 {
        let flow = self.problem.store.flow(soc, sun - load);
        (soc + flow * hours / self.capacity).clamp(self.lowest, 1.0)
    }

    /// What standing at a charge costs an hour.
    fn cost(&self, soc: f64) -> f64 {
        if soc < self.halt { HALTED * self.full } else { 0.0 }
    }

    /// A value between the points of the grid.
    fn between(&self, values: &[f64], soc: f64) -> f64 {
        let place = (soc - self.lowest) / (1.0 - self.lowest) * (GRID - 1) as f64;
        let under = (place.max(0.0) as usize).min(GRID - 2);
        let part = place - under as f64;
        match values.get(under..under + 2) {
            Some([low, high]) => low + (high - low) * part,
            _ => 0.0,
        }
    }

    fn value(&self, soc: f64, sun: f64, (load, worth): (f64, f64), hours: f64, later: &[f64]) -> f64 {
        let after = self.after(soc, sun, load, hours);
        (worth - self.cost(after)) * hours + self.between(later, after)
    }
}

fn hours(slot: &Slot) -> f64 {
    slot.length.as_secs_f64() / 3600.0
}

impl Schedule {
    /// Solves for the present charge.
    pub(crate) fn solve(problem: &Problem<'_>, soc: Soc) -> Self {
        let tables = Tables::new(problem);
        let halt = problem.floors.iter().find(|(_, stage)| *stage == Stage::Halt);
        let halt = halt.map_or(0.0, |(soc, _)| soc.fraction());
        let worth = |levels: &[(f64, f64)]| levels.first().map_or(0.0, |(_, worth)| *worth);
        let full = worth(tables.free());
        let steps = Steps {
            problem,
            capacity: problem.store.capacity.watt_hours().max(1.0),
            lowest: (halt - LOWEST / 100.0).max(0.0),
            reserve: problem.reserve.fraction(),
            halt,
            full,
        };
        let some = some_levels(tables.free());
        let slots = &problem.skies.slots;
        let mut best = vec![0; slots.len() * SKIES * GRID];
        let sun = middling_day(problem.skies) * f64::midpoint(1.0, problem.store.efficiency);
        let end = |index| {
            let left = (steps.charge(index) - steps.reserve) * steps.capacity;
            end_worth(tables.free(), (left / END_DAYS + sun) / 24.0) * END_DAYS * 24.0
        };
        let mut later: [Vec<f64>; SKIES] = std::array::from_fn(|_| (0..GRID).map(end).collect());
        for (number, slot) in slots.iter().enumerate().rev() {
            if slots.get(number + 1).is_some_and(|next| next.day != slot.day) {
                later = mixed(&later, problem.skies.alike);
            }
            if number == 0 {
                let values = first(&steps, &tables, slot, &later, soc);
                let worths = tables.at(soc.fraction()).iter().map(|(_, worth)| *worth).collect();
                return Self { values, worths, lowest: steps.lowest, best };
            }
            let place = number * SKIES * GRID;
            let chosen = best.get_mut(place..place + SKIES * GRID).unwrap_or_default();
            later = step(&steps, &tables, &some, slot, &later, chosen);
        }
        let none = vec![0.0; problem.ladder.levels()];
        Self { values: none.clone(), worths: none, lowest: steps.lowest, best }
    }

    /// The level to be at in a later step, at the middling sky.
    pub(crate) fn level(&self, step: usize, soc: Soc) -> usize {
        let place = (soc.fraction() - self.lowest) / (1.0 - self.lowest) * (GRID - 1) as f64;
        let index = (libm::round(place.max(0.0)) as usize).min(GRID - 1);
        self.best.get((step * SKIES + SKIES / 2) * GRID + index).map_or(0, |level| usize::from(*level))
    }

    /// The best level now, and what it promises.
    pub(crate) fn best(&self) -> (usize, f64) {
        let better = |best: (usize, f64), new: (usize, f64)| if new.1 > best.1 { new } else { best };
        let start = (0, f64::NEG_INFINITY);
        self.values.iter().copied().enumerate().fold(start, better)
    }
}

/// One step back in time.
fn step(
    steps: &Steps<'_>,
    tables: &Tables,
    some: &[usize],
    slot: &Slot,
    later: &[Vec<f64>; SKIES],
    chosen: &mut [u16],
) -> [Vec<f64>; SKIES] {
    let hours = hours(slot);
    std::array::from_fn(|sky| {
        let sun = slot.panel.get(sky).map_or(0.0, |power| power.watts());
        let values = later.get(sky).map_or(&[][..], Vec::as_slice);
        let best = |index: usize| {
            let soc = steps.charge(index);
            let levels = tables.at(soc);
            let mut best = (0, f64::NEG_INFINITY);
            for level in some {
                let Some(pair) = levels.get(*level) else { continue };
                let value = steps.value(soc, sun, *pair, hours, values);
                if value > best.1 {
                    best = (*level, value);
                }
            }
            best
        };
        (0..GRID)
            .map(|index| {
                let (level, value) = best(index);
                if let Some(place) = chosen.get_mut(sky * GRID + index) {
                    *place = u16::try_from(level).unwrap_or(u16::MAX);
                }
                value
            })
            .collect()
    })
}

/// What each level promises now, where today's sky is not known.
fn first(steps: &Steps<'_>, tables: &Tables, slot: &Slot, later: &[Vec<f64>; SKIES], soc: Soc) -> Vec<f64> {
    let soc = soc.fraction().max(steps.lowest);
    let value = |pair: &(f64, f64)| {
        let under = slot.panel.iter().zip(later);
        let sum: f64 =
            under.map(|(sun, later)| steps.value(soc, sun.watts(), *pair, hours(slot), later)).sum();
        sum / SKIES as f64
    };
    tables.at(soc).iter().map(value).collect()
}

/// Over midnight: the sky stays in its third, or is drawn anew.
fn mixed(later: &[Vec<f64>; SKIES], alike: f64) -> [Vec<f64>; SKIES] {
    let mean: Vec<f64> = (0..GRID)
        .map(|index| later.iter().filter_map(|values| values.get(index)).sum::<f64>() / SKIES as f64)
        .collect();
    std::array::from_fn(|sky| {
        let own = later.get(sky).map_or(&[][..], Vec::as_slice);
        own.iter().zip(&mean).map(|(own, mean)| alike * own + (1.0 - alike) * mean).collect()
    })
}

/// A few levels, spread evenly by what they take.
fn some_levels(levels: &[(f64, f64)]) -> Vec<usize> {
    let (Some(most), Some(least)) = (levels.first(), levels.last()) else { return Vec::new() };
    let last = levels.len() - 1;
    if last < LATER_LEVELS {
        return (0..=last).collect();
    }
    let mut some = vec![0];
    for number in 1..LATER_LEVELS - 1 {
        let wanted = most.0 + (least.0 - most.0) * number as f64 / (LATER_LEVELS - 1) as f64;
        let level = levels.iter().position(|(watts, _)| *watts <= wanted).unwrap_or(last);
        if some.last() < Some(&level) {
            some.push(level);
        }
    }
    if some.last() < Some(&last) {
        some.push(last);
    }
    some
}

/// The panel's energy in a middling day: that of the outlook's time, evened out over days.
fn middling_day(skies: &Skies) -> f64 {
    let time: Duration = skies.slots.iter().map(|slot| slot.length).sum();
    let days = (time.as_secs_f64() / 86_400.0).max(1e-9);
    skies.energy()[SKIES / 2].watt_hours() / days
}

/// What an hour is worth at the end, where so many watts can be spent: between two levels, so much of each. Watts that
/// do not even feed the last level count as what is still missing of it.
fn end_worth(levels: &[(f64, f64)], watts: f64) -> f64 {
    let (Some(most), Some(least)) = (levels.first(), levels.last()) else { return 0.0 };
    if watts >= most.0 {
        return most.1;
    }
    let between = levels.windows(2).find_map(|pair| match pair {
        [more, less] if watts >= less.0 => {
            let part = (watts - less.0) / (more.0 - less.0).max(1e-9);
            Some(less.1 + (more.1 - less.1) * part)
        }
        _ => None,
    });
    // Below the last level each watt is worth what the whole fleet is worth per watt, and missed.
    between.unwrap_or_else(|| least.1 - (least.0 - watts) * most.1 / most.0.max(1e-9))
}

#[cfg(test)]
mod tests;
