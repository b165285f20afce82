//! Backward induction: from the last step to the first, the best choice at every level of charge; and forward again.

use std::sync::Arc;

use protocol::{Power, Soc, Temperature};

use super::STEP;
use super::front::{Aim, Choice, Front};
use super::response::{Answer, Response};

/// One step of the year.
#[derive(Debug, Clone)]
pub struct Step {
    /// What the panel can give, on average.
    pub sun: Power,
    /// The battery's temperature.
    pub temperature: Temperature,
    /// What is drawn whatever the nodes do: the network switch and the charger itself.
    pub base: Power,
    /// What the nodes may do; shared by all steps of the same hour.
    pub front: Arc<Front>,
}

/// A year to be spent well.
#[derive(Debug, Clone)]
pub struct Problem {
    /// The battery.
    pub response: Response,
    /// No choice may end below this charge, except the least one when nothing else is left.
    pub floor: Soc,
    /// How full the battery is at the start.
    pub start: Soc,
    /// The year.
    pub steps: Vec<Step>,
}

/// The best choice for every step at every level of charge.
#[derive(Debug, Clone)]
pub struct Schedule {
    levels: usize,
    /// By step and level: an index into the step's front.
    choices: Vec<u8>,
    value: f64,
}

/// How far under the floor, in levels, still counts as on it: the table's rounding.
const SLACK: f64 = 1e-4;

/// What a schedule reaches when it is followed in the model.
#[derive(Debug, Clone, PartialEq)]
pub struct Played {
    /// Worth of the whole year, by the site's weights.
    pub worth: f64,
    /// The part of the time for which critical containers were served, the mean of all of them.
    pub critical: f64,
    /// The lowest charge.
    pub lowest: Soc,
    /// The charge after each step.
    pub charge: Vec<Soc>,
    /// The choice of each step, an index into its front.
    pub chosen: Vec<u8>,
}

impl Problem {
    /// Solves it. The greatest `Choice` index is that of a byte: a front has at most 256 corners.
    pub fn solve(&self, aim: Aim) -> Schedule {
        let levels = self.response.grid().levels();
        let mut choices = vec![0_u8; self.steps.len() * levels];
        let mut after = vec![0.0_f64; levels];
        let mut best = vec![0.0_f64; levels];
        let rows = choices.chunks_exact_mut(levels);
        for (step, row) in self.steps.iter().zip(rows).rev() {
            self.induce(step, aim, &after, &mut best, row);
            std::mem::swap(&mut after, &mut best);
        }
        let value = interpolate(&after, self.response.grid().place(self.start));
        Schedule { levels, choices, value }
    }

    /// The best choice and value at every level of one step, from the values of the next.
    fn induce(&self, step: &Step, aim: Aim, after: &[f64], best: &mut [f64], row: &mut [u8]) {
        let hours = STEP.as_secs_f64() / 3600.0;
        let floor = self.response.grid().place(self.floor);
        best.fill(f64::NEG_INFINITY);
        for (index, choice) in step.front.choices().iter().enumerate().take(256) {
            let worth = aim.value(choice.worth, choice.critical) * hours;
            let answer = self.response.at(net(step, choice), step.temperature);
            // The least choice is always open: a battery that sinks under its floor by itself is nobody's fault.
            let least = if index == 0 { f64::NEG_INFINITY } else { floor - SLACK };
            weigh(&answer, worth, least, after, (best, row), index as u8);
        }
    }

    /// Whether all critical containers could have been served all the time: the cheapest choice that does, held all
    /// year, keeps the battery above its floor. No other such schedule is ever fuller, so this is exact.
    pub fn critical_is_reachable(&self) -> bool {
        let mut place = self.response.grid().place(self.start);
        let floor = self.response.grid().place(self.floor);
        self.steps.iter().all(|step| {
            let most = step.front.choices().iter().map(|choice| choice.critical).fold(0.0, f64::max);
            let cheapest = step.front.choices().iter().find(|choice| choice.critical >= most - 1e-9);
            let Some(choice) = cheapest else { return true };
            place = self.response.after(place, net(step, choice), step.temperature);
            place >= floor - SLACK
        })
    }

    /// Follows a rule through the year: it is told the step's number and the charge, and gives a choice. A choice that
    /// would end below the floor is replaced by the least one.
    pub fn play(&self, mut rule: impl FnMut(usize, Soc) -> u8) -> Played {
        let grid = self.response.grid();
        let (mut place, floor) = (grid.place(self.start), grid.place(self.floor));
        let hours = STEP.as_secs_f64() / 3600.0;
        let mut played = Played {
            worth: 0.0,
            critical: 0.0,
            lowest: self.start,
            charge: Vec::with_capacity(self.steps.len()),
            chosen: Vec::with_capacity(self.steps.len()),
        };
        for (number, step) in self.steps.iter().enumerate() {
            let mut index = rule(number, grid.soc(place));
            let choices = step.front.choices();
            let Some(mut choice) = choices.get(usize::from(index)).or_else(|| choices.first()) else {
                continue;
            };
            let mut next = self.response.after(place, net(step, choice), step.temperature);
            if next < floor - SLACK && index > 0 {
                (index, choice) = (0, &choices[0]);
                next = self.response.after(place, net(step, choice), step.temperature);
            }
            place = next.max(0.0);
            played.worth += choice.worth * hours;
            played.critical += choice.critical;
            played.lowest = if grid.soc(place) < played.lowest { grid.soc(place) } else { played.lowest };
            played.charge.push(grid.soc(place));
            played.chosen.push(index);
        }
        played.critical /= self.steps.len().max(1) as f64;
        played
    }
}

impl Schedule {
    /// The aimed-at worth from the start on: what no policy reaches, up to the grid (see the module's head).
    pub fn value(&self) -> f64 {
        self.value
    }

    /// The best choice in a step at a charge; after the last step: the least.
    pub fn choice(&self, step: usize, soc: Soc) -> u8 {
        let level = (soc.fraction() * (self.levels - 1) as f64 + 0.5) as usize;
        self.choices.get(step * self.levels + level.min(self.levels - 1)).copied().unwrap_or(0)
    }
}

/// What the battery has to give.
fn net(step: &Step, choice: &Choice) -> Power {
    choice.power + step.base - step.sun
}

/// Lets one choice compete at every level.
fn weigh(
    answer: &Answer<'_>,
    worth: f64,
    least: f64,
    after: &[f64],
    (best, row): (&mut [f64], &mut [u8]),
    index: u8,
) {
    let top = (after.len() - 1) as f64;
    for (level, (best, row)) in best.iter_mut().zip(row).enumerate() {
        let place = (level as f64 + answer.change(level)).min(top);
        let value = worth + interpolate(after, place.max(0.0));
        if place >= least && value > *best {
            (*best, *row) = (value, index);
        }
    }
}

/// The value at a place between two levels.
#[inline]
pub(super) fn interpolate(values: &[f64], place: f64) -> f64 {
    let below = (place as usize).min(values.len() - 2);
    let (low, high) = (values[below], values[below + 1]);
    low + (high - low) * (place - below as f64)
}
