//! What a run of a site comes to, whatever its policy: the form that tables, plots and sizing read.
//!
//! Numbers are rounded to what they are good for, so that the same seed gives the same bytes on every machine.

use std::collections::BTreeMap;

use serde::Serialize;

use super::chronicle::Broken;
use super::summary::SocSums;

/// The version of this form.
pub const SCHEMA: u32 = 1;

/// What a run comes to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Outcome {
    /// Counts up when a field changes its meaning or goes.
    pub schema: u32,
    /// Who decided.
    pub policy: String,
    /// The seed that gives this run again.
    pub seed: u64,
    /// How long it was.
    pub days: f64,
    /// Work by class.
    pub classes: BTreeMap<&'static str, ClassOutcome>,
    /// Hours of containers, each by the part of what it wanted that it got, times their class's worth ...
    pub worth_served: f64,
    /// ... of so much, had everything run all the time.
    pub worth_wanted: f64,
    /// What no policy reaches under this sky; only the oracle knows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bound: Option<Bound>,
    /// How often a node that was up (or starting) lost its power to the supply. Each is a chance for a dead SD card.
    pub brown_outs: u32,
    /// How often the charger cut the load, whoever was up.
    pub charger_cuts: u32,
    /// For how long it was cut in all, in hours.
    pub cut_hours: f64,
    /// Changes of a node's stage (of its level or power, for a controller), per node and day: the worst node's ...
    pub stage_changes_max: f64,
    /// ... and the mean.
    pub stage_changes_mean: f64,
    /// How often a node was given power again.
    pub wakes: u32,
    /// Where the energy went.
    pub energy_wh: EnergyOutcome,
    /// What became of the battery.
    pub battery: BatteryOutcome,
    /// The seven days with the least worth served against what was wanted.
    pub worst_week: Option<WeekOutcome>,
    /// Promises of the design that did not hold; only agents make any. Must be empty.
    pub broken: Vec<Broken>,
    /// How well the battery was known; only agents estimate.
    pub estimate: Option<SocSums>,
    /// Stage changes by the stage entered and the kind of their reason; only agents have any.
    pub decisions: BTreeMap<String, u32>,
    /// Faults that were played, by kind.
    pub faults: BTreeMap<&'static str, u32>,
    /// Day by day.
    pub daily: Vec<DayOutcome>,
}

/// What no policy reaches: the best there is with the whole year's weather known, nodes that start at once, a battery that
/// stays young and nothing that fails ([`crate::twin::oracle`]).
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Bound {
    /// The most worth that can be served.
    pub worth: f64,
    /// ... and by any policy under which masters are off only when every node is.
    pub worth_masters_up: f64,
    /// Whether all critical containers can run all the time ...
    pub critical_reachable: bool,
    /// ... or the greatest part of the time for which they can, with everything else behind them.
    pub critical_uptime: f64,
}

/// The work of one class.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct ClassOutcome {
    /// Full-clock CPU-seconds that its containers wanted.
    pub wanted_cpu_s: f64,
    /// What they got.
    pub served_cpu_s: f64,
    /// The part of the time that its containers ran at all, however slowly; `1` where there are none.
    pub uptime: f64,
    /// What its work drew at 5 V over the idle boards, in watt-hours.
    pub energy_wh: f64,
}

/// Where the energy went, in watt-hours.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct EnergyOutcome {
    /// What the panel could have given.
    pub panel_available: f64,
    /// What was taken of it.
    pub panel_taken: f64,
    /// What the nodes used, at 5 V: idle boards and all classes.
    pub nodes: f64,
    /// Of it, what boards draw for being on (idle, starting, halted).
    pub boards: f64,
    /// What the converters lost.
    pub converters: f64,
    /// What the network switch used.
    pub network: f64,
    /// What the charger used for itself.
    pub charger: f64,
    /// What was lost in the battery: heat, gas, self-discharge.
    pub battery_lost: f64,
    /// What is in the battery at the end, less what was there at the start.
    pub battery_gained: f64,
    /// What of all this does not add up: the error of the simulation.
    pub gap: f64,
}

/// What became of the battery.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct BatteryOutcome {
    /// The lowest true state of charge, 0 to 1.
    pub soc_min: f64,
    /// What was drawn over the label's capacity: full cycles.
    pub full_cycles: f64,
    /// The part of the label that is left.
    pub capacity_left: f64,
    /// Wear by cycles; 1 is the end of life (80 % of the label).
    pub wear_cycles: f64,
    /// Wear by the calendar.
    pub wear_calendar: f64,
    /// Days on which it was charged to 98 % or more.
    pub days_full: u32,
}

/// A week.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WeekOutcome {
    /// Its first day, counted from 0 at the start of the run.
    pub first_day: usize,
    /// Worth served over worth wanted.
    pub worth_part: f64,
    /// The uptime of each class in it.
    pub uptime: BTreeMap<&'static str, f64>,
}

/// A day.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct DayOutcome {
    /// The day of the year, running on.
    pub day: u32,
    /// The lowest true state of charge, 0 to 1.
    pub soc_low: f64,
    /// The highest.
    pub soc_high: f64,
    /// What the panel could have given, in watt-hours.
    pub available_wh: f64,
    /// What it gave.
    pub in_wh: f64,
    /// What nodes, converters, network switch and charger took.
    pub out_wh: f64,
    /// Worth served over worth wanted.
    pub worth_part: f64,
    /// The uptime of each class.
    pub uptime: BTreeMap<&'static str, f64>,
}
