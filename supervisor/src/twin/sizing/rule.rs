//! How much the fleet does next, decided without foresight: what a good plan on energy does, in its simplest form.
//!
//! Of all ways to go through the coming day, from nothing to everything in the order of what is worth most for its watts,
//! it takes the most that lasts: with the sun that these hours brought on the last days, scaled to how today has been so far
//! and cut by a reserve, the battery must not come near its floor within a day. At the floor itself everything halts,
//! and wakes at the charge at which the default policy does. It steps up seldom and down at once.

use hardware::battery::Chemistry;
use protocol::{Charge, Energy, Power, Soc};

use crate::twin::oracle::STEP;
use crate::twin::oracle::fleet::{Fleet, SLOTS};

/// How many amounts of work are told apart.
const LEVELS: usize = 40;
/// The part of the expected sun that is counted on.
const COUNTED_ON: f64 = 0.85;
/// The part of a charge that comes out again.
const STORED: f64 = 0.88;
/// Points of charge over the floor at which the coming day must end ...
const MARGIN_POINTS: f64 = 3.0;
/// ... and so many more before work is added.
const STEP_UP_POINTS: f64 = 4.0;
/// Steps between two additions.
const STEP_UP_EVERY: usize = 4;
/// How fast the days before fade: the weight of today.
const TODAY: f64 = 0.12;
/// How long today's clouds are believed to stay, in steps.
const CLOUDS_STAY: f64 = 12.0;

/// What the battery is to the rule: where it must not go, and what a part of it holds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// Where everything halts.
    pub floor: Soc,
    /// Where it wakes again.
    pub wake: Soc,
    /// What it holds from empty to full.
    pub holds: Energy,
}

impl Limits {
    /// Those of the default policy.
    pub fn of(chemistry: Chemistry, capacity: Charge) -> Self {
        let halt = agent::config::Policy::for_chemistry(chemistry).halt;
        let volts = chemistry.usual().rest.voltage(Soc::from_percent(60.0));
        Self {
            floor: halt.enter.soc.unwrap_or(Soc::EMPTY),
            wake: halt.leave.soc.unwrap_or(Soc::FULL),
            holds: capacity * volts,
        }
    }
}

/// The rule with its memory.
#[derive(Debug, Clone)]
pub struct Rule {
    limits: Limits,
    /// By level and slot: a choice of the slot's front ...
    choices: Vec<[u8; SLOTS]>,
    /// ... and what it draws with all that is drawn anyway.
    draws: Vec<[Power; SLOTS]>,
    expected: [Power; SLOTS],
    /// How today has been against what was expected, 1 is just so.
    today: f64,
    level: usize,
    since: usize,
    halted: bool,
}

impl Rule {
    /// For a fleet, with the sun of some days before by slot.
    pub fn new(fleet: &Fleet, base: Power, limits: Limits, expected: [Power; SLOTS]) -> Self {
        let mut slopes: Vec<f64> = fleet.slots.iter().flat_map(|slot| slot.front.slopes()).collect();
        slopes.sort_by(|a, b| b.total_cmp(a));
        let threshold = |level: usize| match level {
            0 => f64::INFINITY,
            level => slopes.get((level * slopes.len()).div_ceil(LEVELS) - 1).copied().unwrap_or(0.0),
        };
        let mut choices = vec![[0_u8; SLOTS]; LEVELS + 1];
        let mut draws = vec![[Power::ZERO; SLOTS]; LEVELS + 1];
        for (level, (choices, draws)) in choices.iter_mut().zip(&mut draws).enumerate() {
            for (slot, (choice, draw)) in choices.iter_mut().zip(draws).enumerate() {
                let front = &fleet.slots[slot].front;
                let worthy = front.slopes().filter(|slope| *slope >= threshold(level)).count();
                *choice = u8::try_from(worthy).unwrap_or(u8::MAX);
                *draw = front.choices().get(worthy).map_or(Power::ZERO, |choice| choice.power) + base;
            }
        }
        Self { limits, choices, draws, expected, today: 1.0, level: LEVELS, since: 0, halted: false }
    }

    /// What it decides in a slot at a charge: a choice of the slot's front.
    pub fn decide(&mut self, slot: usize, soc: Soc) -> u8 {
        self.halted =
            if self.halted { soc < self.limits.wake } else { soc <= self.limits.floor.plus_points(0.5) };
        self.since += 1;
        if self.halted {
            (self.level, self.since) = (0, 0);
        } else {
            let held = self.most(slot, soc, MARGIN_POINTS);
            let more = self.most(slot, soc, MARGIN_POINTS + STEP_UP_POINTS);
            if held < self.level {
                self.level = held;
            } else if more > self.level && self.since >= STEP_UP_EVERY {
                (self.level, self.since) = (more, 0);
            }
        }
        self.choices[self.level][slot]
    }

    /// What the sun of a slot was.
    pub fn observe(&mut self, slot: usize, sun: Power) {
        let expected = &mut self.expected[slot];
        if *expected > Power::from_watts(1.0) {
            let clear = (sun / *expected).min(2.0);
            self.today += (clear - self.today) / CLOUDS_STAY * 2.0;
        }
        *expected += (sun - *expected) * TODAY;
    }

    /// The greatest level that lasts through the coming day.
    fn most(&self, slot: usize, soc: Soc, margin_points: f64) -> usize {
        let lasts = |level: &usize| self.lasts(*level, slot, soc, margin_points);
        // More work never leaves more charge, so the levels that last come first.
        let (mut low, mut high) = (0, LEVELS);
        while low < high {
            let middle = (low + high).div_ceil(2);
            if lasts(&middle) { low = middle } else { high = middle - 1 }
        }
        low
    }

    fn lasts(&self, level: usize, slot: usize, soc: Soc, margin_points: f64) -> bool {
        let part = |points: f64| self.limits.holds * (points / 100.0);
        let least = part(self.limits.floor.percent() + margin_points);
        let full = self.limits.holds;
        let mut left = part(soc.percent());
        for ahead in 0..SLOTS {
            let at = (slot + ahead) % SLOTS;
            let clouds = 1.0 + (self.today - 1.0) * libm::exp(-(ahead as f64) / CLOUDS_STAY);
            let net = self.expected[at] * (clouds * COUNTED_ON) - self.draws[level][at];
            left += net * STEP * if net > Power::ZERO { STORED } else { 1.0 };
            left = left.min(full);
            if left < least {
                return false;
            }
        }
        true
    }
}
