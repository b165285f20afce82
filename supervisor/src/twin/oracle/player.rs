//! The schedule played in the twin: the honest oracle. Its boards boot, its battery ages, its charger cuts, and it looks at
//! the true charge at every step of the schedule, which is made for every charge there is.

use protocol::{Power, Soc, Temperature};

use super::STEP;
use super::crew::Crew;
use super::fleet::{Fleet, SLOTS};
use super::front::Aim;
use super::induction::{Problem, Schedule, Step};
use super::response::{Cell, Grid, Response};
use super::sky::{Moment, sky};
use crate::twin::outcome::Bound;
use crate::twin::policy::{Command, Controller, Seen};
use crate::twin::site::Site;

/// Levels of charge: a quarter of a point each.
pub const GRID: Grid = Grid::new(401);
/// Room around the temperatures that are met.
const ROOM: Temperature = Temperature::from_celsius(1.0);
/// Decides by a schedule that was computed for the very sky it meets.
#[derive(Debug)]
pub struct Oracle {
    problem: Problem,
    schedule: Schedule,
    /// The step that was last decided for.
    decided: Option<usize>,
    crew: Crew,
}

/// The year of a site as a problem: its sky with this seed, its battery, its nodes.
pub fn problem(site: &Site, seed: u64, days: u32, aim: Aim) -> Problem {
    let sky = sky(site, seed, days);
    let response = response(site, std::slice::from_ref(&sky), GRID);
    let fleet = Fleet::of(site, aim);
    let first = first_slot(site);
    let base = site.network + site.charger.own;
    let step = |(number, moment): (usize, &Moment)| Step {
        sun: moment.sun,
        temperature: moment.battery,
        base,
        front: fleet.slots[(first + number) % SLOTS].front.clone(),
    };
    Problem {
        response,
        floor: floor(site),
        start: site.battery.soc,
        steps: sky.iter().enumerate().map(step).collect(),
    }
}

/// The slot of a site's first moment.
pub fn first_slot(site: &Site) -> usize {
    (site.place.start.since_midnight.as_secs() / STEP.as_secs()) as usize % SLOTS
}

/// The charge at which the default policy halts.
pub fn floor(site: &Site) -> Soc {
    let policy = agent::config::Policy::for_chemistry(site.battery.chemistry);
    policy.halt.enter.soc.unwrap_or(Soc::EMPTY)
}

/// The answer of a site's battery to all that these moments may bring, at so many levels.
pub fn response(site: &Site, skies: &[Vec<Moment>], grid: Grid) -> Response {
    let moments = || skies.iter().flatten();
    let temperatures = || moments().map(|moment| moment.battery);
    let (Some(coldest), Some(warmest)) =
        (temperatures().reduce(Temperature::min), temperatures().reduce(Temperature::max))
    else {
        return response(site, &[vec![Moment::default()]], grid);
    };
    let sun_max = moments().map(|moment| moment.sun).fold(Power::ZERO, Power::max);
    let cell = Cell {
        chemistry: site.battery.chemistry,
        label: site.battery.capacity,
        condition: site.battery.condition,
        charger: site.charger,
    };
    let powers = (sun_max, site.load_max() + site.charger.own);
    Response::of(&cell, grid, STEP, powers, (coldest - ROOM, warmest + ROOM))
}

impl Oracle {
    /// Computes the schedule for a site under the sky of a seed.
    pub fn new(site: &Site, seed: u64, days: f64, aim: Aim) -> Self {
        let problem = problem(site, seed, libm::ceil(days.max(0.0)) as u32, aim);
        let schedule = problem.solve(aim);
        Self { problem, schedule, decided: None, crew: Crew::default() }
    }

    /// What no policy reaches on this site under this sky, up to the grid.
    pub fn bound(&self, site: &Site) -> Bound {
        let worth = libm::round(self.schedule.value());
        let masters_up = Fleet::of(site, Aim::Worth).keeping_masters(site, Aim::Worth);
        let worth_masters_up = libm::round(self.with(site, &masters_up).solve(Aim::Worth).value());
        let problem = self.with(site, &Fleet::of(site, Aim::CriticalFirst));
        let critical_reachable = problem.critical_is_reachable();
        let critical_uptime = if critical_reachable {
            1.0
        } else {
            let schedule = problem.solve(Aim::CriticalFirst);
            problem.play(|step, soc| schedule.choice(step, soc)).critical
        };
        let critical_uptime = libm::round(critical_uptime * 1e5) / 1e5;
        Bound { worth, worth_masters_up, critical_reachable, critical_uptime }
    }

    /// The same battery under the same sky, with another choice of fleets.
    fn with(&self, site: &Site, fleet: &Fleet) -> Problem {
        let first = first_slot(site);
        let step = |(number, step): (usize, &Step)| Step {
            front: fleet.slots[(first + number) % SLOTS].front.clone(),
            ..step.clone()
        };
        let steps = self.problem.steps.iter().enumerate().map(step).collect();
        Problem { steps, response: self.problem.response.clone(), ..self.problem }
    }
}

impl Controller for Oracle {
    fn name(&self) -> &'static str {
        "oracle"
    }

    /// What it looks at: the time, and the true charge.
    fn decide(&mut self, seen: &Seen<'_>, commands: &mut Vec<Command>) {
        let step = (seen.now.as_millis() / (STEP.as_millis() as u64)) as usize;
        if self.decided != Some(step) {
            self.decided = Some(step);
            let choice = usize::from(self.schedule.choice(step, seen.true_soc));
            let Some(now) = self.problem.steps.get(step).or(self.problem.steps.last()) else { return };
            let Some(choice) = now.front.choices().get(choice) else { return };
            self.crew.set(&choice.modes);
        } else if !self.crew.must_repeat(seen) {
            return;
        }
        self.crew.command(seen, commands);
    }
}
