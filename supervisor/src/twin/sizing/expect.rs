//! What to expect of a site over some years: the numbers that a person buys by.

use std::collections::BTreeMap;

use protocol::{Energy, Soc};
use serde::Serialize;

use super::year::{Look, Model, Year};
use crate::twin::oracle::fleet::{CLASSES, PerClass, SLOTS};
use crate::twin::oracle::sky::{Moment, sky};
use crate::twin::site::Site;

/// Steps in a week.
pub(super) const WEEK: usize = 7 * SLOTS;

/// What is to be expected of one class.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct ClassExpected {
    /// The part of the time that its containers run, the mean of the years.
    pub uptime: f64,
    /// The same in the worst of the years.
    pub uptime_worst_year: f64,
    /// CPU-seconds served over wanted.
    pub served: f64,
}

/// The worst seven days of all years.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Week {
    /// The seed of its year.
    pub seed: u64,
    /// Its first day, from 0 at the start.
    pub first_day: usize,
    /// The uptime of each class in it.
    pub uptime: BTreeMap<&'static str, f64>,
    /// Worth served over wanted.
    pub worth: f64,
}

/// Watt-hours a day, the mean of all years.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct DailyEnergy {
    /// What the panel could have given.
    pub available_wh: f64,
    /// What was taken of it.
    pub taken_wh: f64,
    /// What was left on the roof because the battery was full.
    pub curtailed_wh: f64,
    /// What nodes, converters, network switch and charger used.
    pub used_wh: f64,
    /// What everything running all the time would use.
    pub wanted_wh: f64,
}

/// What becomes of the battery.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct BatteryExpected {
    /// Full cycles a year.
    pub cycles_a_year: f64,
    /// Years until four fifths of the label are left.
    pub life_years: f64,
    /// The part of its wear that is the calendar's; the rest is cycles.
    pub calendar_part: f64,
    /// The lowest charge, 0 to 1.
    pub soc_lowest: f64,
    /// Days a year on which it was charged to 95 % or more.
    pub days_full: f64,
}

/// What is to be expected of a site.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Expected {
    /// Years that were played, each under its own sky.
    pub seeds: Vec<u64>,
    /// Days of each.
    pub days: u32,
    /// By class.
    pub classes: BTreeMap<&'static str, ClassExpected>,
    /// Worth served over wanted, by the site's weights.
    pub worth: f64,
    /// Years in which one who knows the weather could have served all critical work all the time.
    pub critical_reachable: usize,
    /// The worst week.
    pub worst_week: Option<Week>,
    /// Energy.
    pub energy: DailyEnergy,
    /// The battery.
    pub battery: BatteryExpected,
}

/// The skies that a site meets, one for each seed.
#[derive(Debug, Clone)]
pub struct Skies {
    /// Of each year.
    pub seeds: Vec<u64>,
    days: u32,
    years: Vec<Vec<Moment>>,
}

impl Skies {
    /// Over a site, for seeds from 1 on.
    pub fn over(site: &Site, seeds: u64, days: u32) -> Self {
        let seeds: Vec<u64> = (1..=seeds).collect();
        let years = seeds.iter().map(|seed| sky(site, *seed, days)).collect();
        Self { seeds, days, years }
    }

    /// The same skies over a panel with another label and nothing else changed: its power goes with the label.
    #[must_use]
    pub fn scaled(&self, factor: f64) -> Self {
        let scale = |moment: &Moment| Moment { sun: moment.sun * factor, ..*moment };
        let years = self.years.iter().map(|year| year.iter().map(scale).collect()).collect();
        Self { years, ..self.clone() }
    }
}

/// A site with what was expected of it and the years behind that.
#[derive(Debug, Clone)]
pub struct Study {
    /// The numbers.
    pub expected: Expected,
    /// The year in which the worst week lies.
    pub worst_year: Year,
    /// Its seed.
    pub seed: u64,
    /// The charge at which everything halts.
    pub floor: Soc,
}

/// Plays a site under its skies; `tell` hears after each year.
pub fn study(site: &Site, skies: &Skies, mut tell: impl FnMut()) -> Study {
    let model = Model::of(site, &skies.years);
    let mut sums = Sums::default();
    let mut worst: Option<(Week, Year)> = None;
    for (seed, sky) in skies.seeds.iter().zip(&skies.years) {
        let year = model.play(site, sky);
        sums.add(&year, model.critical_is_reachable(site, sky));
        let week = worst_week(&year, *seed);
        if worst.as_ref().is_none_or(|(known, _)| week.rank() < known.rank()) {
            worst = Some((week, year));
        }
        tell();
    }
    let (week, worst_year) = worst.unzip();
    let wanted = model.wanted_a_day();
    Study {
        seed: week.as_ref().map_or(0, |week| week.seed),
        expected: sums.expected(skies, week, wanted),
        worst_year: worst_year.unwrap_or_default(),
        floor: model.floor(),
    }
}

impl Week {
    /// What makes a week worse than another: critical work first.
    fn rank(&self) -> (u64, u64) {
        let millionths = |part: f64| (part * 1e6) as u64;
        (self.uptime.get("critical").copied().map_or(0, millionths), millionths(self.worth))
    }
}

/// The worst seven days, from midnight to midnight.
fn worst_week(year: &Year, seed: u64) -> Week {
    let weeks = year.looks.windows(WEEK.min(year.looks.len().max(1))).step_by(SLOTS);
    let week = |(first_day, looks): (usize, &[Look])| {
        let mean = |what: &dyn Fn(&Look) -> f64| looks.iter().map(what).sum::<f64>() / looks.len() as f64;
        let uptime = (0..3).map(|class| (CLASSES[class].name(), mean(&|look| look.running[class]))).collect();
        Week { seed, first_day, uptime, worth: mean(&|look| look.worth) }
    };
    let none = Week { seed, first_day: 0, uptime: BTreeMap::new(), worth: 0.0 };
    weeks.enumerate().map(week).min_by_key(Week::rank).unwrap_or(none)
}

/// Sums over the years.
#[derive(Debug, Default)]
struct Sums {
    years: f64,
    days: f64,
    uptime: PerClass,
    uptime_worst: Option<PerClass>,
    served: PerClass,
    wanted: PerClass,
    worth: (f64, f64),
    reachable: usize,
    available: Energy,
    taken: Energy,
    used: Energy,
    cycles: f64,
    wear: (f64, f64),
    lowest: Option<Soc>,
    days_full: usize,
}

impl Sums {
    fn add(&mut self, year: &Year, reachable: bool) {
        let count = year.looks.len().max(1) as f64;
        let uptime: PerClass = std::array::from_fn(|class| {
            year.looks.iter().map(|look| look.running[class]).sum::<f64>() / count
        });
        let worst = self.uptime_worst.unwrap_or([1.0; 3]);
        self.uptime_worst = Some(std::array::from_fn(|class| worst[class].min(uptime[class])));
        let sums =
            [(&mut self.uptime, &uptime), (&mut self.served, &year.served), (&mut self.wanted, &year.wanted)];
        for (sum, of_year) in sums {
            sum.iter_mut().zip(of_year).for_each(|(sum, part)| *sum += part);
        }
        self.years += 1.0;
        self.days += year.days();
        self.worth = (self.worth.0 + year.worth_served, self.worth.1 + year.worth_wanted);
        self.reachable += usize::from(reachable);
        self.available += Year::energy(&year.looks, |look| look.sun);
        self.taken += Year::energy(&year.looks, |look| look.taken);
        self.used += Year::energy(&year.looks, |look| look.load);
        self.cycles += year.cycles;
        self.wear = (self.wear.0 + year.wear.0, self.wear.1 + year.wear.1);
        let lowest = year.looks.iter().map(|look| look.soc).chain(self.lowest);
        self.lowest = lowest.reduce(|a, b| if b < a { b } else { a });
        let full = |day: &&[Look]| day.iter().any(|look| look.soc >= FULL);
        self.days_full += year.looks.chunks(SLOTS).filter(full).count();
    }

    fn expected(&self, skies: &Skies, worst_week: Option<Week>, wanted: Energy) -> Expected {
        let (years, days) = (self.years.max(1.0), self.days.max(1.0));
        let part = |served: f64, wanted: f64| if wanted > 0.0 { rounded(served / wanted) } else { 1.0 };
        let class = |class: usize| ClassExpected {
            uptime: rounded(self.uptime[class] / years),
            uptime_worst_year: rounded(self.uptime_worst.map_or(0.0, |worst| worst[class])),
            served: part(self.served[class], self.wanted[class]),
        };
        let daily = |energy: Energy| (energy.watt_hours() / days * 10.0).round() / 10.0;
        let wear = self.wear.0 + self.wear.1;
        Expected {
            seeds: skies.seeds.clone(),
            days: skies.days,
            classes: (0..3).map(|index| (CLASSES[index].name(), class(index))).collect(),
            worth: part(self.worth.0, self.worth.1),
            critical_reachable: self.reachable,
            worst_week,
            energy: DailyEnergy {
                available_wh: daily(self.available),
                taken_wh: daily(self.taken),
                curtailed_wh: daily(self.available - self.taken),
                used_wh: daily(self.used),
                wanted_wh: (wanted.watt_hours() * 10.0).round() / 10.0,
            },
            battery: BatteryExpected {
                cycles_a_year: (self.cycles * 365.0 / days * 10.0).round() / 10.0,
                life_years: (days / 365.0 / wear.max(1e-6) * 10.0).round() / 10.0,
                calendar_part: rounded(self.wear.1 / wear.max(1e-9)),
                soc_lowest: rounded(self.lowest.map_or(0.0, Soc::fraction)),
                days_full: (self.days_full as f64 * 365.0 / days).round(),
            },
        }
    }
}

/// Charged to this, a day counts as one on which the battery was full.
const FULL: Soc = Soc::from_percent(95.0);

/// To a ten-thousandth: more is not known.
fn rounded(part: f64) -> f64 {
    (part * 1e4).round() / 1e4
}
