//! What could have been done at best by one who does not know the weather to come: how much of the oracle is foresight.
//!
//! It knows what the oracle knows but one thing: the battery's true charge, its answer to every power, what each choice of
//! the fleet draws and is worth; and in place of the year's weather the site's climate, which is [`YEARS`] years of other
//! skies over the same site. Of its own sky it knows what is over.
//!
//! **Which optimisation.** A stochastic dynamic program for each month, over the time of the day in steps of [`STEP`], the
//! charge in [`LEVELS`] levels, and how clear the last hours were in [`CLASSES`] classes ([`Clearness`]):
//!
//! ```text
//! best[t][clear][charge] = max over c of  worth(t, c) * STEP + mean over the suns that followed in those years of
//!                                         best[t + 1][clear then][charge after (c, sun)]
//! ```
//!
//! A month's days follow each other without end (relative value iteration), until the schedule of a day stands still. No choice
//! is made that could end below the oracle's floor under any of the suns weighed.
//!
//! And it is on the masters: they are off only when every node is, as they are for any policy that runs on them. Nobody is left
//! to decide then, until their comparators find the terminals high enough ([`Comparator`]): the state has one bit more, whether all
//! sleep, and a step of sleep ends in waking where the sun of that step lifts the terminals to the level.
//!
//! It is the best of all policies that look at no more than that, up to the grid; one that reads more out of the past could
//! do a little better. Where a site's sky is a record, the climate is drawn from that record.

use hardware::sim::sun::SolarTime;
use protocol::{Power, Soc, Temperature, Uptime, Voltage};

use super::STEP;
use super::clearness::{CLASSES, Clearness, Usual, class, cuts};
use super::crew::Crew;
use super::fleet::{Fleet, SLOTS};
use super::front::Aim;
use super::induction::interpolate;
use super::player::{first_slot, floor, response};
use super::response::{Grid, Response};
use super::sky::{Moment, sky};
use crate::twin::comparator::Comparator;
use crate::twin::policy::{Command, Controller, Seen};
use crate::twin::site::Site;

/// Years of other skies.
const YEARS: u64 = 8;
/// How far apart their seeds are, so that none is the one that is played.
const SEED_STEP: u64 = 0x9e37_79b9_7f4a_7c15;
/// Days of a year of the sun.
const DAYS: u32 = 365;
/// Parts of the year.
const MONTHS: usize = 12;
/// Levels of charge: a point each.
const LEVELS: usize = 101;
/// So many suns stand for all that followed on a clearness.
const OUTCOMES: usize = 8;
/// So many days are gone back at most; the values of a day settle in a week.
const SWEEPS: usize = 20;
/// A day's gain that changes by no more than this part stands still.
const STILL: f64 = 1e-3;

/// What may follow: the sun of a step, and how clear it then was.
type Outcome = (Power, usize);

/// By clearness and level, the value of all that follows.
type Rows = Vec<Vec<f64>>;

/// The same, for a fleet that is up and for one that sleeps.
#[derive(Debug, Clone)]
struct Values {
    up: Rows,
    asleep: Rows,
}

/// Decides by the present charge and the hours behind it.
#[derive(Debug)]
pub struct Climate {
    fleet: Fleet,
    usual: Vec<Usual>,
    cuts: [f64; CLASSES - 1],
    /// By month, slot, clearness and level: an index into the slot's front.
    choices: Vec<u8>,
    first: usize,
    start: SolarTime,
    clearness: Clearness,
    /// The step that was last decided for, and the sun of it so far: a sum, and of how many looks.
    decided: Option<(usize, Power, u32)>,
    crew: Crew,
    /// Since when all sleep, and what wakes the masters.
    asleep: Option<(Uptime, Comparator)>,
    /// The level of their comparators.
    wakes_at: Voltage,
}

/// What a month is like.
struct Month<'a> {
    fleet: &'a Fleet,
    response: &'a Response,
    base: Power,
    floor: f64,
    temperature: Temperature,
    /// The masters' comparators wake them at this voltage.
    wakes_at: Voltage,
    /// By slot and clearness before it.
    outcomes: Vec<Vec<Vec<Outcome>>>,
}

/// The month of a day of the year, from nought.
fn month(day: u32) -> usize {
    ((day.saturating_sub(1) % DAYS) as usize * MONTHS / DAYS as usize).min(MONTHS - 1)
}

/// The day and the slot of a step, at a site whose first moment is this.
fn moment(start: SolarTime, first: usize, step: usize) -> (usize, usize) {
    let day = start.day.saturating_add(((first + step) / SLOTS) as u32);
    (month(day), (first + step) % SLOTS)
}

impl Climate {
    /// Computes the schedules of a site's months. The seed is that of the sky it is to meet, and is not looked at.
    pub fn new(site: &Site, seed: u64) -> Self {
        let skies: Vec<Vec<Moment>> = (1..=YEARS)
            .map(|year| sky(site, seed.wrapping_add(SEED_STEP.wrapping_mul(year)), DAYS))
            .collect();
        let (start, first) = (site.place.start, first_slot(site));
        let at = |step| moment(start, first, step);
        let mut usual = vec![Usual::default(); MONTHS];
        for (step, sky) in skies.iter().flat_map(|sky| sky.iter().enumerate()) {
            let (month, slot) = at(step);
            usual[month].learn(slot, sky.sun);
        }
        let clears = skies.iter().map(|sky| clears(sky, &usual, at)).collect::<Vec<_>>();
        let cuts = cuts(&clears);
        let response = response(site, &skies, Grid::new(LEVELS));
        let mut new = Self {
            fleet: Fleet::of(site, Aim::Worth).keeping_masters(site, Aim::Worth),
            usual,
            cuts,
            choices: Vec::with_capacity(MONTHS * SLOTS * CLASSES * LEVELS),
            first,
            start,
            clearness: Clearness::default(),
            decided: None,
            crew: Crew::default(),
            asleep: None,
            wakes_at: Comparator::level(site.charger.reconnect),
        };
        for number in 0..MONTHS {
            let mut followed = vec![vec![Vec::new(); CLASSES]; SLOTS];
            let (mut warmth, mut count) = (0.0, 0.0);
            for (sky, clears) in skies.iter().zip(&clears) {
                for step in (1..sky.len()).filter(|step| at(*step).0 == number) {
                    let then = (sky[step].sun, class(clears[step], &cuts));
                    followed[at(step).1][class(clears[step - 1], &cuts)].push(then);
                    warmth += sky[step].battery.celsius();
                    count += 1.0;
                }
            }
            let month = Month {
                fleet: &new.fleet,
                response: &response,
                base: site.network + site.charger.own,
                floor: response.grid().place(floor(site)),
                temperature: Temperature::from_celsius(warmth / f64::max(count, 1.0)),
                wakes_at: new.wakes_at,
                outcomes: followed.iter().map(|slot| slot.iter().map(|all| stand(all)).collect()).collect(),
            };
            let choices = month.solve();
            new.choices.extend(choices);
        }
        new
    }

    fn choice(&self, step: usize, soc: Soc) -> u8 {
        let (month, slot) = moment(self.start, self.first, step);
        let class = class(self.clearness.value(), &self.cuts);
        let level = ((soc.fraction() * (LEVELS - 1) as f64) as usize).min(LEVELS - 1);
        self.choices.get(((month * SLOTS + slot) * CLASSES + class) * LEVELS + level).copied().unwrap_or(0)
    }

    /// Takes the sun of a step that is over.
    fn learn(&mut self, step: usize, sun: Power) {
        let (month, slot) = moment(self.start, self.first, step);
        self.clearness.learn(sun, &self.usual[month], slot);
    }
}

/// How clear the last hours were after each step.
fn clears(sky: &[Moment], usual: &[Usual], at: impl Fn(usize) -> (usize, usize)) -> Vec<f64> {
    let mut clearness = Clearness::default();
    let clear = |(step, moment): (usize, &Moment)| {
        let (month, slot) = at(step);
        clearness.learn(moment.sun, &usual[month], slot);
        clearness.value()
    };
    sky.iter().enumerate().map(clear).collect()
}

/// A few that stand for all: of their order by the sun, the middles of equal parts.
fn stand(all: &[Outcome]) -> Vec<Outcome> {
    let mut sorted = all.to_vec();
    sorted.sort_by(|a, b| a.0.watts().total_cmp(&b.0.watts()));
    let count = OUTCOMES.min(sorted.len());
    (0..count).map(|part| sorted[(2 * part + 1) * sorted.len() / (2 * count)]).collect()
}

impl Month<'_> {
    /// The choices by slot, clearness and level, once a day more changes them no longer.
    fn solve(&self) -> Vec<u8> {
        let none = vec![vec![0.0; LEVELS]; CLASSES];
        let mut after = Values { up: none.clone(), asleep: none };
        let mut choices = vec![0; SLOTS * CLASSES * LEVELS];
        let mut gain = 0.0;
        for _ in 0..SWEEPS {
            for slot in (0..SLOTS).rev() {
                let place = slot * CLASSES * LEVELS;
                let row = choices.get_mut(place..place + CLASSES * LEVELS).unwrap_or_default();
                after = self.induce(slot, &after, row);
            }
            let gained = after.up[0][LEVELS / 2];
            for value in after.up.iter_mut().chain(&mut after.asleep).flatten() {
                *value -= gained;
            }
            if (gained - gain).abs() <= STILL * gained.abs() {
                break;
            }
            gain = gained;
        }
        choices
    }

    /// One slot, from the values of the next.
    fn induce(&self, slot: usize, after: &Values, row: &mut [u8]) -> Values {
        let mut rows = row.chunks_exact_mut(LEVELS);
        let outcomes = &self.outcomes[slot];
        let up = outcomes.iter().zip(&after.up).map(|(outcomes, after_it)| {
            let row = rows.next().unwrap_or_default();
            if outcomes.is_empty() { after_it.clone() } else { self.choose(slot, outcomes, after, row) }
        });
        let up = up.collect();
        let asleep = outcomes.iter().zip(&after.asleep).map(|(outcomes, after_it)| {
            if outcomes.is_empty() { after_it.clone() } else { self.sleep(slot, outcomes, after) }
        });
        Values { up, asleep: asleep.collect() }
    }

    /// The best choices of a slot, by level. The first switches everything off, and then all sleep.
    fn choose(&self, slot: usize, outcomes: &[Outcome], after: &Values, row: &mut [u8]) -> Vec<f64> {
        let hours = STEP.as_secs_f64() / 3600.0;
        let mut best = vec![f64::NEG_INFINITY; LEVELS];
        for (index, choice) in self.fleet.slots[slot].front.choices().iter().enumerate().take(256) {
            let then = if index == 0 { &after.asleep } else { &after.up };
            let values = self.follow(choice.power, outcomes, then, index == 0);
            for ((best, row), value) in best.iter_mut().zip(&mut *row).zip(values) {
                let value = choice.worth * hours + value;
                if value > *best {
                    (*best, *row) = (value, index as u8);
                }
            }
        }
        best
    }

    /// What follows on average when the fleet draws so much, by level; nothing good where that may end below the floor.
    fn follow(&self, power: Power, outcomes: &[Outcome], after: &Rows, least: bool) -> Vec<f64> {
        let mut sums = vec![0.0; LEVELS];
        let top = (LEVELS - 1) as f64;
        for (sun, class) in outcomes {
            let answer = self.response.at(power + self.base - *sun, self.temperature);
            for (level, sum) in sums.iter_mut().enumerate() {
                let place = (level as f64 + answer.change(level)).clamp(0.0, top);
                let allowed = least || place >= self.floor;
                *sum += if allowed { interpolate(&after[*class], place) } else { f64::NEG_INFINITY };
            }
        }
        mean(sums, outcomes.len())
    }

    /// What follows on average of a step in which all sleep, by level.
    fn sleep(&self, slot: usize, outcomes: &[Outcome], after: &Values) -> Vec<f64> {
        let mut sums = vec![0.0; LEVELS];
        let top = (LEVELS - 1) as f64;
        let off = self.fleet.slots[slot].front.choices().first().map_or(Power::ZERO, |off| off.power);
        for (sun, class) in outcomes {
            let net = off + self.base - *sun;
            let answer = self.response.at(net, self.temperature);
            let volts = self.response.volts(net, self.temperature);
            for (level, sum) in sums.iter_mut().enumerate() {
                let place = (level as f64 + answer.change(level)).clamp(0.0, top);
                let wakes = volts.change(level) >= self.wakes_at.volts();
                let then = if wakes { &after.up } else { &after.asleep };
                *sum += interpolate(&then[*class], place);
            }
        }
        mean(sums, outcomes.len())
    }
}

fn mean(mut sums: Vec<f64>, count: usize) -> Vec<f64> {
    for sum in &mut sums {
        *sum /= count as f64;
    }
    sums
}

impl Climate {
    /// Takes the sun of this moment; whether a new step begins.
    fn begins(&mut self, step: usize, available: Power) -> bool {
        match &mut self.decided {
            Some((decided, sun, looks)) if *decided == step => {
                *sun += available;
                *looks += 1;
                return false;
            }
            Some((decided, sun, looks)) => {
                let (over, mean) = (*decided, *sun / f64::from(*looks));
                self.learn(over, mean);
            }
            None => {}
        }
        self.decided = Some((step, available, 1));
        true
    }

    /// Whether the masters' comparators end a sleep now.
    fn wakes(&mut self, seen: &Seen<'_>) -> bool {
        let high = seen.connected && seen.voltage >= self.wakes_at;
        let Some((since, comparator)) = &mut self.asleep else { return false };
        let wakes = comparator.wakes(seen.now, seen.now.since(*since), high);
        if wakes {
            self.asleep = None;
        }
        wakes
    }
}

impl Controller for Climate {
    fn name(&self) -> &'static str {
        "climate"
    }

    /// What it looks at: the time, the true charge, and the sun until now.
    fn decide(&mut self, seen: &Seen<'_>, commands: &mut Vec<Command>) {
        let step = (seen.now.as_millis() / (STEP.as_millis() as u64)) as usize;
        let begins = self.begins(step, seen.available);
        let woken = self.wakes(seen);
        if self.asleep.is_none() && (begins || woken) {
            let choice = usize::from(self.choice(step, seen.true_soc));
            let (_, slot) = moment(self.start, self.first, step);
            let front = self.fleet.slots[slot].front.choices();
            let Some(choice) = front.get(choice).or(front.first()) else { return };
            if choice.modes.iter().all(|mode| *mode == 0) {
                self.asleep = Some((seen.now, Comparator::default()));
            }
            self.crew.set(&choice.modes);
        } else if !begins && !self.crew.must_repeat(seen) {
            return;
        }
        self.crew.command(seen, commands);
    }
}
