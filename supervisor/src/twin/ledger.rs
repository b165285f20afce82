//! Keeps account of a run at every step of the physics, whoever decides: work wanted and served, where the energy went,
//! what became of the battery. The sums of a day become a line of the outcome.

use std::collections::BTreeMap;
use std::time::Duration;

use hardware::sim::site::{Accounts, Site};
use protocol::{Energy, Power, Voltage};

use super::docker::{CLASSES, Load};
use super::outcome::{BatteryOutcome, ClassOutcome, DayOutcome, EnergyOutcome, Outcome, SCHEMA, WeekOutcome};
use super::site::Worth;
use super::summary::round;

/// A battery above this is counted as full on that day.
const FULL: f64 = 0.98;
/// The days of the worst week.
const WEEK: usize = 7;

/// The sums of one class over some time.
#[derive(Debug, Clone, Copy, Default)]
struct Tally {
    /// CPU-seconds.
    wanted: f64,
    served: f64,
    /// Seconds times containers that wanted anything, and each by the part of it that it got.
    wanting: f64,
    content: f64,
    /// Seconds times containers.
    existed: f64,
    ran: f64,
    energy: Energy,
}

impl Tally {
    /// The part of the time that its containers ran; all of it where there are none.
    fn uptime(&self) -> f64 {
        if self.existed > 0.0 { self.ran / self.existed } else { 1.0 }
    }

    fn add(&mut self, day: &Self) {
        self.wanted += day.wanted;
        self.served += day.served;
        self.wanting += day.wanting;
        self.content += day.content;
        self.existed += day.existed;
        self.ran += day.ran;
        self.energy += day.energy;
    }
}

/// What a node did during a step.
#[derive(Debug, Clone, Copy)]
pub(super) struct NodeStep {
    /// Its containers' work.
    pub(super) load: Load,
    /// What it drew at 5 V.
    pub(super) output: Power,
    /// What its board draws with nothing to do.
    pub(super) idle: Power,
}

/// One finished day.
#[derive(Debug, Clone)]
struct Day {
    line: DayOutcome,
    classes: [Tally; 3],
}

/// The accounts of a run.
#[derive(Debug)]
pub(super) struct Ledger {
    worth: Worth,
    /// Of the present day.
    today: [Tally; 3],
    day: u32,
    soc: (f64, f64),
    accounts: Accounts,
    days: Vec<Day>,
    boards: Energy,
    stored_at_start: Energy,
    label_amp_hours: f64,
    soc_min: f64,
    connected: bool,
    cuts: u32,
    cut_for: Duration,
    was_under: bool,
    under_cutoff: u32,
}

impl Ledger {
    /// Before the first step of a site.
    pub(super) fn new(site: &Site, worth: Worth, label_amp_hours: f64) -> Self {
        let soc = site.true_soc().fraction();
        Self {
            worth,
            today: [Tally::default(); 3],
            day: site.time().day,
            soc: (soc, soc),
            accounts: *site.accounts(),
            days: Vec::new(),
            boards: Energy::ZERO,
            stored_at_start: site.battery().stored(),
            label_amp_hours,
            soc_min: soc,
            connected: true,
            cuts: 0,
            cut_for: Duration::ZERO,
            was_under: false,
            under_cutoff: 0,
        }
    }

    /// A node's step.
    pub(super) fn node(&mut self, step: &NodeStep, dt: Duration) {
        let seconds = dt.as_secs_f64();
        let NodeStep { load, output, idle } = step;
        // What it draws over its idle power is its work's; the rest is the board's.
        let working = if load.work > 0.0 { (*output - *idle).max(Power::ZERO) } else { Power::ZERO };
        self.boards += (*output - working) * dt;
        for (tally, class) in self.today.iter_mut().zip(&load.classes) {
            tally.wanted += class.wants * seconds;
            tally.served += class.uses * seconds;
            tally.wanting += class.wanting * seconds;
            tally.content += class.content * seconds;
            tally.existed += f64::from(class.containers) * seconds;
            tally.ran += f64::from(class.running) * seconds;
            if load.work > 0.0 {
                tally.energy += working * (class.uses / load.work) * dt;
            }
        }
    }

    /// The site's step, after its nodes'. `awake` says whether any node was up or starting.
    pub(super) fn site(&mut self, site: &Site, awake: bool, dt: Duration) {
        let time = site.time();
        if time.day != self.day {
            self.close_day(site);
            self.day = time.day;
        }
        let soc = site.true_soc().fraction();
        self.soc = (self.soc.0.min(soc), self.soc.1.max(soc));
        self.soc_min = self.soc_min.min(soc);
        let connected = site.charger().load_closed();
        self.cuts += u32::from(self.connected && !connected);
        self.connected = connected;
        if !connected {
            self.cut_for += dt;
        }
        let cutoff: Voltage = site.charger().settings().cutoff;
        let under = site.voltage() < cutoff && awake;
        self.under_cutoff += u32::from(under && !self.was_under);
        self.was_under = under;
    }

    fn close_day(&mut self, site: &Site) {
        let (now, then) = (*site.accounts(), self.accounts);
        let (low, high) = self.soc;
        let wh = |energy: Energy| round(energy.watt_hours(), 1);
        let line = DayOutcome {
            day: self.day,
            soc_low: round(low, 4),
            soc_high: round(high, 4),
            available_wh: wh(now.available - then.available),
            in_wh: wh(now.panel - then.panel),
            out_wh: wh(now.used() - then.used()),
            worth_part: round(self.worth_part(&self.today), 4),
            uptime: uptimes(&self.today),
        };
        self.days.push(Day { line, classes: self.today });
        self.today = [Tally::default(); 3];
        let soc = site.true_soc().fraction();
        (self.soc, self.accounts) = ((soc, soc), now);
    }

    /// Worth served and wanted.
    fn worths(&self, classes: &[Tally; 3]) -> (f64, f64) {
        let worths = CLASSES.iter().zip(classes).map(|(class, tally)| {
            let worth = self.worth.of(*class) / 3600.0;
            (worth * tally.content, worth * tally.wanting)
        });
        worths.fold((0.0, 0.0), |sum, worth| (sum.0 + worth.0, sum.1 + worth.1))
    }

    fn worth_part(&self, classes: &[Tally; 3]) -> f64 {
        let (served, wanted) = self.worths(classes);
        if wanted > 0.0 { served / wanted } else { 1.0 }
    }

    /// The sum of some days.
    fn sum<'a>(days: impl Iterator<Item = &'a [Tally; 3]>) -> [Tally; 3] {
        let mut sum = [Tally::default(); 3];
        for day in days {
            sum.iter_mut().zip(day).for_each(|(sum, day)| sum.add(day));
        }
        sum
    }

    fn worst_week(&self) -> Option<WeekOutcome> {
        let weeks = self.days.windows(WEEK).enumerate().map(|(first_day, week)| {
            let sum = Self::sum(week.iter().map(|day| &day.classes));
            (first_day, self.worth_part(&sum), sum)
        });
        let worst = weeks.min_by(|a, b| a.1.total_cmp(&b.1))?;
        let (first_day, worth_part, sum) = worst;
        Some(WeekOutcome { first_day, worth_part: round(worth_part, 4), uptime: uptimes(&sum) })
    }

    /// What it all came to, after `ran`. What only the decider knows is left at its default.
    pub(super) fn outcome(&self, site: &Site, policy: &str, seed: u64, ran: Duration) -> Outcome {
        let today = std::iter::once(&self.today);
        let sum = Self::sum(self.days.iter().map(|day| &day.classes).chain(today));
        let (served, wanted) = self.worths(&sum);
        let class = |tally: &Tally| ClassOutcome {
            wanted_cpu_s: round(tally.wanted, 0),
            served_cpu_s: round(tally.served, 0),
            uptime: round(tally.uptime(), 5),
            energy_wh: round(tally.energy.watt_hours(), 1),
        };
        Outcome {
            schema: SCHEMA,
            policy: policy.to_owned(),
            seed,
            days: round(ran.as_secs_f64() / 86_400.0, 4),
            classes: CLASSES.iter().zip(&sum).map(|(name, tally)| (name.name(), class(tally))).collect(),
            worth_served: round(served, 1),
            worth_wanted: round(wanted, 1),
            bound: None,
            brown_outs: self.under_cutoff + site.brown_outs(),
            charger_cuts: self.cuts,
            cut_hours: round(self.cut_for.as_secs_f64() / 3600.0, 2),
            stage_changes_max: 0.0,
            stage_changes_mean: 0.0,
            wakes: 0,
            energy_wh: self.energy(site),
            battery: self.battery(site),
            worst_week: self.worst_week(),
            broken: Vec::new(),
            estimate: None,
            decisions: BTreeMap::new(),
            faults: BTreeMap::new(),
            daily: self.days.iter().map(|day| day.line.clone()).collect(),
        }
    }

    fn energy(&self, site: &Site) -> EnergyOutcome {
        let accounts = site.accounts();
        let (lost, gained) = (site.battery().lost(), site.battery().stored() - self.stored_at_start);
        let wh = |energy: Energy| round(energy.watt_hours(), 1);
        EnergyOutcome {
            panel_available: wh(accounts.available),
            panel_taken: wh(accounts.panel),
            nodes: wh(accounts.nodes),
            boards: wh(self.boards),
            converters: wh(accounts.converters),
            network: wh(accounts.network),
            charger: wh(accounts.charger),
            battery_lost: wh(lost),
            battery_gained: wh(gained),
            gap: wh(accounts.panel - accounts.used() - lost - gained),
        }
    }

    fn battery(&self, site: &Site) -> BatteryOutcome {
        let label = self.label_amp_hours;
        let ageing = site.ageing();
        BatteryOutcome {
            soc_min: round(self.soc_min, 4),
            full_cycles: ageing.map_or(0.0, |a| round(a.discharged().amp_hours() / label, 2)),
            capacity_left: round(site.battery().nominal().amp_hours() / label, 4),
            wear_cycles: ageing.map_or(0.0, |a| round(a.by_cycles(), 4)),
            wear_calendar: ageing.map_or(0.0, |a| round(a.by_calendar(), 4)),
            days_full: self.days.iter().filter(|day| day.line.soc_high >= FULL).count() as u32,
        }
    }
}

fn uptimes(classes: &[Tally; 3]) -> BTreeMap<&'static str, f64> {
    CLASSES.iter().zip(classes).map(|(class, tally)| (class.name(), round(tally.uptime(), 4))).collect()
}
