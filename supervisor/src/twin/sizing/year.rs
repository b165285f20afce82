//! One simulated year of a site by the quick model: the oracle's battery on a grid, stepped under [`super::rule`].

use hardware::sim::ageing::Ageing;
use protocol::{Energy, Power, Soc};

use super::rule::{Limits, Rule};
use crate::twin::oracle::fleet::{Fleet, PerClass, SLOTS};
use crate::twin::oracle::player::{GRID, first_slot, response};
use crate::twin::oracle::sky::Moment;
use crate::twin::oracle::{Aim, Problem, Response, STEP, Step};
use crate::twin::site::Site;

/// Days whose sun is known beforehand, as one who lives there would know it.
const DAYS_KNOWN: usize = 7;
/// One step as it was played.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Look {
    /// The charge at its end.
    pub soc: Soc,
    /// What the panel could give.
    pub sun: Power,
    /// What was taken of it.
    pub taken: Power,
    /// What everything drew at 12 V.
    pub load: Power,
    /// The part of each class's containers that ran.
    pub running: PerClass,
    /// Worth served over worth wanted.
    pub worth: f64,
}

/// A year as it was played.
#[derive(Debug, Clone, Default)]
pub struct Year {
    /// Step by step.
    pub looks: Vec<Look>,
    /// CPU-hours served by class ...
    pub served: PerClass,
    /// ... of so many wanted.
    pub wanted: PerClass,
    /// Worth served ...
    pub worth_served: f64,
    /// ... of so much wanted.
    pub worth_wanted: f64,
    /// What was drawn over the label: full cycles.
    pub cycles: f64,
    /// Wear by cycles and by the calendar; together 1 is the end of life.
    pub wear: (f64, f64),
}

/// What a site is to the model, made once for all years and seeds.
#[derive(Debug, Clone)]
pub struct Model {
    fleet: Fleet,
    critical_first: Fleet,
    response: Response,
    limits: Limits,
    base: Power,
}

impl Model {
    /// Of a site that meets these skies.
    pub fn of(site: &Site, skies: &[Vec<Moment>]) -> Self {
        let response = response(site, skies, GRID);
        let capacity = site.battery.capacity * site.battery.condition.capacity;
        Self {
            fleet: Fleet::of(site, Aim::Worth),
            critical_first: Fleet::of(site, Aim::CriticalFirst),
            response,
            limits: Limits::of(site.battery.chemistry, capacity),
            base: site.network + site.charger.own,
        }
    }

    /// The site's nodes through the day.
    pub fn fleet(&self) -> &Fleet {
        &self.fleet
    }

    /// What everything running all the time would draw in a day.
    pub fn wanted_a_day(&self) -> Energy {
        let nodes = self.fleet.slots.iter().flat_map(|slot| &slot.nodes);
        let all: Energy = nodes.filter_map(|node| node.last()).map(|doing| doing.power * STEP).sum();
        all + self.base * STEP * SLOTS as f64
    }

    /// The charge at which everything halts.
    pub fn floor(&self) -> Soc {
        self.limits.floor
    }

    /// Whether one who knows the sky could serve all critical work all year (see [`Problem::critical_is_reachable`]).
    pub fn critical_is_reachable(&self, site: &Site, sky: &[Moment]) -> bool {
        let first = first_slot(site);
        let step = |(number, moment): (usize, &Moment)| Step {
            sun: moment.sun,
            temperature: moment.battery,
            base: self.base,
            front: self.critical_first.slots[(first + number) % SLOTS].front.clone(),
        };
        Problem {
            response: self.response.clone(),
            floor: self.limits.floor,
            start: site.battery.soc,
            steps: sky.iter().enumerate().map(step).collect(),
        }
        .critical_is_reachable()
    }

    /// The rule at its beginning, for one who has seen the first days of a sky.
    pub(super) fn rule(&self, site: &Site, sky: &[Moment]) -> Rule {
        Rule::new(&self.fleet, self.base, self.limits, expected(sky, first_slot(site)))
    }

    /// Plays a sky.
    pub fn play(&self, site: &Site, sky: &[Moment]) -> Year {
        let first = first_slot(site);
        let mut rule = self.rule(site, sky);
        let mut ageing = Ageing::new(site.battery.chemistry, site.battery.condition);
        let mut year = Year { looks: Vec::with_capacity(sky.len()), ..Year::default() };
        let grid = self.response.grid();
        let mut place = grid.place(site.battery.soc);
        for (number, moment) in sky.iter().enumerate() {
            let slot = (first + number) % SLOTS;
            let choice = rule.decide(slot, grid.soc(place));
            let look = self.step(site, (slot, choice), moment, &mut place, &mut year);
            ageing.observe(
                STEP,
                (look.load - look.taken) / site.battery.chemistry.usual().rest.voltage(look.soc),
                look.soc,
                site.battery.capacity * site.battery.condition.capacity,
                moment.battery,
            );
            rule.observe(slot, moment.sun);
            year.looks.push(look);
        }
        year.cycles = ageing.discharged() / site.battery.capacity;
        year.wear = (ageing.by_cycles(), ageing.by_calendar());
        year
    }

    /// One step: the battery moves, the work is counted.
    fn step(
        &self,
        site: &Site,
        (slot, choice): (usize, u8),
        moment: &Moment,
        place: &mut f64,
        year: &mut Year,
    ) -> Look {
        let now = &self.fleet.slots[slot];
        let choices = now.front.choices();
        let chosen = &choices[usize::from(choice).min(choices.len() - 1)];
        let load = chosen.power + self.base;
        let net = load - moment.sun;
        let accepted = self.response.accepted(*place, net, moment.battery);
        let taken = moment.sun.min(load) + (-net).max(Power::ZERO) * accepted;
        *place = self.response.after(*place, net, moment.battery).max(0.0);
        let (cpus, running) = now.tally(&chosen.modes);
        let hours = STEP.as_secs_f64() / 3600.0;
        let wants = &self.fleet.wanted[slot];
        for (sum, cpus) in year.served.iter_mut().zip(cpus).chain(year.wanted.iter_mut().zip(*wants)) {
            *sum += cpus * hours;
        }
        let wanted = self.fleet.worth_wanted(slot, &site.worth);
        year.worth_served += chosen.worth * hours;
        year.worth_wanted += wanted * hours;
        Look {
            soc: self.response.grid().soc(*place),
            sun: moment.sun,
            taken,
            load,
            running: std::array::from_fn(|class| running[class] / self.fleet.containers[class].max(1.0)),
            worth: if wanted > 0.0 { chosen.worth / wanted } else { 1.0 },
        }
    }
}

impl Year {
    /// How long it was, in days.
    pub fn days(&self) -> f64 {
        self.looks.len() as f64 / SLOTS as f64
    }

    /// The sum of a power over looks.
    pub fn energy(looks: &[Look], power: impl Fn(&Look) -> Power) -> Energy {
        looks.iter().map(|look| power(look) * STEP).sum()
    }
}

/// The mean sun of the first days, by slot.
fn expected(sky: &[Moment], first: usize) -> [Power; SLOTS] {
    let mut sum = [Power::ZERO; SLOTS];
    let known = sky.len().min(DAYS_KNOWN * SLOTS);
    for (number, moment) in sky.iter().take(known).enumerate() {
        sum[(first + number) % SLOTS] += moment.sun;
    }
    sum.map(|power| power / (known as f64 / SLOTS as f64).max(1.0))
}
