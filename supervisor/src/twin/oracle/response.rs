//! The battery on a grid: how its charge changes in one step, for each level of charge, power and temperature.
//!
//! The table is made by asking the simulated battery itself: it is set to a charge, kept at a power for as long as
//! its wells need to settle, and then watched for one step, with the charger's absorption voltage as its
//! ceiling. So resistance, Peukert's loss, acceptance near full, gassing and cold are in it, as they are there. What it
//! forgets is what a battery remembers from the last hour: after a sudden change of power the simulated one differs for
//! some minutes.

use std::time::Duration;

use hardware::battery::Chemistry;
use hardware::sim::battery::{Battery, Condition};
use hardware::sim::charger::{Charger, Settings};
use protocol::{Charge, Current, Energy, Power, Soc, Temperature, Voltage};

/// Between two looks at the simulated battery.
const BITE: Duration = Duration::from_mins(1);
/// How long the wells and the polarisation settle before the battery is watched.
const SETTLE: Duration = Duration::from_mins(45);
/// From how many charges it is asked at each power.
const STARTS: usize = 41;
/// Powers asked for.
const POWERS: usize = 65;
/// Kelvin between two tables.
const KELVIN: f64 = 10.0;

/// The levels of charge: evenly from empty to full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grid {
    levels: usize,
}

impl Grid {
    /// So many levels, at least two.
    pub const fn new(levels: usize) -> Self {
        Self { levels: if levels < 2 { 2 } else { levels } }
    }

    /// How many.
    pub const fn levels(self) -> usize {
        self.levels
    }

    /// Where a charge lies: a level and the part of the way to the next.
    pub fn place(self, soc: Soc) -> f64 {
        soc.fraction() * (self.levels - 1) as f64
    }

    /// The charge at a place.
    pub fn soc(self, place: f64) -> Soc {
        Soc::from_fraction(place / (self.levels - 1) as f64)
    }
}

/// The net powers at which the battery was asked, evenly spaced. Positive is drawn from it.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Powers {
    low: Power,
    step: Power,
}

impl Powers {
    /// From all the sun with no load to all the load with no sun.
    fn between(sun_max: Power, load_max: Power) -> Self {
        let low = -sun_max.max(Power::from_watts(1.0));
        let step = (load_max.max(Power::from_watts(1.0)) - low) / (POWERS - 1) as f64;
        Self { low, step }
    }

    fn at(self, index: usize) -> Power {
        self.low + self.step * index as f64
    }

    /// The power asked just below this one, and how far it is to the next; beyond the ends: the ends.
    fn place(self, net: Power) -> (usize, f64) {
        let place = ((net - self.low) / self.step).clamp(0.0, (POWERS - 1) as f64);
        let below = (place as usize).min(POWERS - 2);
        (below, place - below as f64)
    }
}

/// What the battery is made of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cell {
    /// Its chemistry.
    pub chemistry: Chemistry,
    /// Its label.
    pub label: Charge,
    /// How it differs from its label.
    pub condition: Condition,
    /// Its charger.
    pub charger: Settings,
}

/// One temperature, by power and level.
#[derive(Debug, Clone, PartialEq)]
struct Table {
    /// The change of charge, in levels a step.
    change: Vec<f32>,
    /// The part of a surplus that the battery takes.
    accepted: Vec<f32>,
    /// What the terminals show at the end of the step, V.
    volts: Vec<f32>,
}

/// The answer of a battery to every net power, at every charge and temperature.
#[derive(Debug, Clone, PartialEq)]
pub struct Response {
    grid: Grid,
    powers: Powers,
    coldest: Temperature,
    tables: Vec<Table>,
}

impl Response {
    /// Asks a simulated battery. `sun_max` and `load_max` bound the powers it will meet, `coldest` and `warmest`
    /// its temperatures; `step` is how long a power is held.
    pub fn of(
        cell: &Cell,
        grid: Grid,
        step: Duration,
        (sun_max, load_max): (Power, Power),
        (coldest, warmest): (Temperature, Temperature),
    ) -> Self {
        let powers = Powers::between(sun_max, load_max);
        let count = ((warmest - coldest).celsius().max(0.0) / KELVIN) as usize + 1;
        let tables = (0..count)
            .map(|index| {
                let at = coldest + Temperature::from_celsius((index as f64 + 0.5) * KELVIN);
                Table::of(cell, grid, step, powers, at)
            })
            .collect();
        Self { grid, powers, coldest, tables }
    }

    /// From a rule instead of a battery: the change in levels a step at a level, for a net power.
    #[cfg(test)]
    pub(super) fn from_rule(
        grid: Grid,
        (sun_max, load_max): (Power, Power),
        rule: impl Fn(usize, Power) -> f64,
    ) -> Self {
        let powers = Powers::between(sun_max, load_max);
        let change: Vec<f32> = (0..POWERS)
            .flat_map(|power| (0..grid.levels()).map(move |level| (power, level)))
            .map(|(power, level)| rule(level, powers.at(power)) as f32)
            .collect();
        let accepted = vec![1.0; change.len()];
        Self {
            grid,
            powers,
            coldest: Temperature::ZERO,
            tables: vec![Table { change, volts: accepted.clone(), accepted }],
        }
    }

    /// The levels.
    pub fn grid(&self) -> Grid {
        self.grid
    }

    fn table(&self, temperature: Temperature) -> &Table {
        let index = ((temperature - self.coldest).celsius().max(0.0) / KELVIN) as usize;
        &self.tables[index.min(self.tables.len() - 1)]
    }

    /// The answer at one net power and temperature, for all levels.
    pub(super) fn at(&self, net: Power, temperature: Temperature) -> Answer<'_> {
        self.rows(&self.table(temperature).change, net)
    }

    /// What the terminals show at the end of a step, V, for all levels.
    pub(super) fn volts(&self, net: Power, temperature: Temperature) -> Answer<'_> {
        self.rows(&self.table(temperature).volts, net)
    }

    /// The two rows of a table around a power.
    fn rows<'a>(&self, table: &'a [f32], net: Power) -> Answer<'a> {
        let (below, part) = self.powers.place(net);
        let levels = self.grid.levels();
        let (low, rest) = table[below * levels..].split_at(levels);
        Answer { low, high: &rest[..levels], part: part as f32 }
    }

    /// The part of a surplus (a negative net power) that the battery takes; the rest is curtailed. 1 where there is none.
    pub fn accepted(&self, place: f64, net: Power, temperature: Temperature) -> f64 {
        if net >= Power::ZERO {
            return 1.0;
        }
        let answer = self.rows(&self.table(temperature).accepted, net);
        answer.change((place + 0.5) as usize).clamp(0.0, 1.0)
    }

    /// Where a place on the grid is after one step: at most full; less than nothing if more was wanted than there is.
    pub fn after(&self, place: f64, net: Power, temperature: Temperature) -> f64 {
        let answer = self.at(net, temperature);
        let below = (place as usize).min(self.grid.levels() - 2);
        let part = place - below as f64;
        let change = answer.change(below) * (1.0 - part) + answer.change(below + 1) * part;
        (place + change).min((self.grid.levels() - 1) as f64)
    }
}

/// The answer at one power: two neighbouring rows of a table and how to mix them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Answer<'a> {
    low: &'a [f32],
    high: &'a [f32],
    part: f32,
}

impl Answer<'_> {
    /// The change at a level, in levels.
    #[inline]
    pub(super) fn change(&self, level: usize) -> f64 {
        f64::from(self.low[level] + (self.high[level] - self.low[level]) * self.part)
    }
}

impl Table {
    fn of(cell: &Cell, grid: Grid, step: Duration, powers: Powers, at: Temperature) -> Self {
        let (mut change, mut accepted, mut volts) = (Vec::new(), Vec::new(), Vec::new());
        let levels = (grid.levels() - 1) as f64;
        for index in 0..POWERS {
            let seen = row(cell, step, powers.at(index), at);
            for level in 0..grid.levels() {
                let charge = level as f64 / levels;
                // The wells that settled have moved on, so no watch began at the very ends: the nearest one speaks there.
                let moved = between(&seen, charge, |watch| watch.change).clamp(-charge, 1.0 - charge);
                change.push((moved * levels) as f32);
                accepted.push(between(&seen, charge, |watch| watch.accepted) as f32);
                volts.push(between(&seen, charge, |watch| watch.voltage.volts()) as f32);
            }
        }
        Self { change, accepted, volts }
    }
}

/// What was seen of the battery in one step.
#[derive(Debug, Clone, Copy)]
struct Watch {
    /// The charge at its beginning, as a part of the capacity.
    began: f64,
    /// How far it went.
    change: f64,
    /// The part of the power offered that flowed.
    accepted: f64,
    /// At its end.
    voltage: Voltage,
}

/// Watches from all charges at one power and temperature, by the charge at which they began.
fn row(cell: &Cell, step: Duration, net: Power, at: Temperature) -> Vec<Watch> {
    let start = |start| Soc::from_fraction(start as f64 / (STARTS - 1) as f64);
    let mut seen: Vec<Watch> = (0..STARTS).map(|from| watch(cell, start(from), step, net, at)).collect();
    seen.sort_by(|a, b| a.began.total_cmp(&b.began));
    seen
}

/// What was seen at a charge, on straight lines between watches.
fn between(seen: &[Watch], charge: f64, what: impl Fn(&Watch) -> f64) -> f64 {
    let above = seen.partition_point(|watch| watch.began < charge);
    match (above.checked_sub(1).and_then(|below| seen.get(below)), seen.get(above)) {
        (Some(low), Some(high)) => {
            what(low) + (what(high) - what(low)) * (charge - low.began) / (high.began - low.began)
        }
        (Some(only), None) | (None, Some(only)) => what(only),
        (None, None) => 0.0,
    }
}

/// One watch from a rested battery of this charge on, after it settled.
fn watch(cell: &Cell, soc: Soc, step: Duration, net: Power, at: Temperature) -> Watch {
    let mut battery = Battery::new(cell.chemistry, cell.label, cell.condition, soc);
    battery.set_temperature(at);
    let ceiling = Charger::new(cell.charger).ceiling(at);
    let mut flowed = Energy::ZERO;
    let mut pass = |time: Duration| {
        flowed = Energy::ZERO;
        for _ in 0..time.as_secs() / BITE.as_secs() {
            let current = current(&battery, net, ceiling);
            flowed += battery.voltage(current) * current * BITE;
            battery.step(BITE, current);
        }
        battery.true_soc().fraction()
    };
    let began = pass(SETTLE);
    let change = pass(step) - began;
    let offered = net * step;
    let accepted = if net < Power::ZERO { flowed / offered } else { 1.0 };
    let voltage = battery.voltage(current(&battery, net, ceiling));
    Watch { began, change, accepted, voltage }
}

/// What flows at a net power: all of it, or what the ceiling lets in. A battery that cannot carry the load is cut off.
fn current(battery: &Battery, net: Power, ceiling: Voltage) -> Current {
    match battery.current_for(net) {
        None => Current::ZERO,
        Some(current) if net >= Power::ZERO || battery.voltage(current) <= ceiling => current,
        Some(_) => battery.current_at(ceiling).min(Current::ZERO),
    }
}
