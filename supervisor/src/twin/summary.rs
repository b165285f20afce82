//! What a run comes to: the same bytes for the same seed, on every machine.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use hardware::sim::site::Accounts;
use protocol::{Class, Energy, OrderReason, Reason, Soc};
use serde::Serialize;

use super::chronicle::{Broken, Chronicle, Sums};
use crate::tui::scene::NodeMode;

/// The version of this summary's form.
const SCHEMA: u32 = 1;

/// The summary of a run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// Counts up when a field changes its meaning or goes.
    pub schema: u32,
    /// The seed that gives this run again.
    pub seed: u64,
    /// How long it was, in days of the site.
    pub days: f64,
    /// How often the supply was under the cut-off while a node was up. Must be 0.
    pub brown_outs: u32,
    /// Promises of the design that did not hold. Must be empty.
    pub broken: Vec<Broken>,
    /// How often a node was woken.
    pub wakes: u32,
    /// The node that changed its stage most often, in changes a day.
    pub stage_changes_per_day_max: f64,
    /// Stage changes.
    pub decisions: Decisions,
    /// Where the energy went, in watt-hours.
    pub energy_wh: EnergySums,
    /// How low the battery went, and how well that was known.
    pub soc: SocSums,
    /// The part of the time that containers of each class ran.
    pub served: BTreeMap<&'static str, f64>,
    /// What crossed the network.
    pub network: Network,
    /// Each node.
    pub nodes: BTreeMap<String, NodeSums>,
}

/// Stage changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Decisions {
    /// All of them.
    pub total: usize,
    /// By the kind of their reason.
    pub by_reason: BTreeMap<&'static str, usize>,
}

/// Where the energy went, in watt-hours.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct EnergySums {
    /// What the panel could have given.
    pub available: f64,
    /// What it gave.
    pub given: f64,
    /// What it could have given, but the battery was full.
    pub curtailed: f64,
    /// What the nodes used, at 5 V.
    pub nodes: f64,
    /// What nodes, converters, network switch and charger took.
    pub load: f64,
}

/// How low the battery went, and how well that was known.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct SocSums {
    /// The least true state of charge, 0 to 1.
    pub truth_min: Option<f64>,
    /// The least that was estimated, 0 to 1.
    pub estimate_min: Option<f64>,
    /// The root mean square error of the estimate, in points.
    pub error_rms_points: Option<f64>,
    /// The worst error of the estimate, in points.
    pub error_max_points: f64,
    /// The part of the time that the truth was within the estimate's band.
    pub in_band: Option<f64>,
}

/// What crossed the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Network {
    /// From agents to the supervisor.
    pub bytes_from_agents: u64,
    /// From the supervisor to agents.
    pub bytes_to_agents: u64,
    /// How often a cable was pulled.
    pub cables_pulled: u32,
}

/// One node.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NodeSums {
    /// Hours in each mode.
    pub hours: BTreeMap<&'static str, f64>,
    /// Stage changes in a day.
    pub stage_changes_per_day: f64,
}

impl SocSums {
    /// Of a run's sums.
    pub(super) fn of(sums: &Sums) -> Self {
        Self {
            truth_min: sums.soc_truth_min.map(fraction),
            estimate_min: sums.soc_estimate_min.map(fraction),
            error_rms_points: (sums.soc_errors > 0)
                .then(|| round((sums.soc_error_square / sums.soc_errors as f64).sqrt(), 2)),
            error_max_points: round(sums.soc_error_max, 2),
            in_band: (sums.soc_errors > 0)
                .then(|| round(sums.soc_in_band as f64 / sums.soc_errors as f64, 3)),
        }
    }
}

impl Summary {
    /// Sums up.
    pub fn of(
        chronicle: &Chronicle,
        accounts: &Accounts,
        names: &[String],
        seed: u64,
        ran: Duration,
    ) -> Self {
        let days = ran.as_secs_f64() / 86_400.0;
        let per_day = |count: usize| if days > 0.0 { round(count as f64 / days, 2) } else { 0.0 };
        let changes_of = |node| chronicle.changes.iter().filter(|change| change.node == node).count();
        let mut by_reason = BTreeMap::new();
        for change in &chronicle.changes {
            *by_reason.entry(reason_kind(&change.reason)).or_default() += 1;
        }
        let node_sums = |node: usize| NodeSums {
            hours: hours(chronicle.modes.get(node)),
            stage_changes_per_day: per_day(changes_of(node)),
        };
        let sums = &chronicle.sums;
        Self {
            schema: SCHEMA,
            seed,
            days: round(days, 4),
            brown_outs: sums.brown_outs,
            broken: chronicle.broken.clone(),
            wakes: sums.wakes,
            stage_changes_per_day_max: per_day((0..names.len()).map(changes_of).max().unwrap_or(0)),
            decisions: Decisions { total: chronicle.changes.len(), by_reason },
            energy_wh: EnergySums {
                available: watt_hours(accounts.available),
                given: watt_hours(accounts.panel),
                curtailed: watt_hours((accounts.available - accounts.panel).max(Energy::ZERO)),
                nodes: watt_hours(accounts.nodes),
                load: watt_hours(accounts.used()),
            },
            soc: SocSums::of(sums),
            served: served(&chronicle.served),
            network: Network {
                bytes_from_agents: sums.bytes_up,
                bytes_to_agents: sums.bytes_down,
                cables_pulled: sums.link_losses,
            },
            nodes: names.iter().enumerate().map(|(index, name)| (name.clone(), node_sums(index))).collect(),
        }
    }
}

/// So many decimals, so that the last bit of a float is no part of the summary.
pub(super) fn round(value: f64, decimals: i32) -> f64 {
    let scale = [1.0, 10.0, 100.0, 1e3, 1e4, 1e5].get(decimals as usize).copied().unwrap_or(1.0);
    (value * scale).round() / scale
}

fn watt_hours(energy: Energy) -> f64 {
    round(energy.watt_hours(), 1)
}

fn fraction(soc: Soc) -> f64 {
    round(soc.fraction(), 4)
}

fn hours(modes: Option<&BTreeMap<NodeMode, Duration>>) -> BTreeMap<&'static str, f64> {
    let all = modes.into_iter().flatten();
    all.map(|(mode, spent)| (mode.name(), round(spent.as_secs_f64() / 3600.0, 2))).collect()
}

fn served(sums: &BTreeMap<Class, (Duration, Duration)>) -> BTreeMap<&'static str, f64> {
    let part =
        |(wanted, ran): &(Duration, Duration)| round(ran.as_secs_f64() / wanted.as_secs_f64().max(1.0), 4);
    sums.iter().map(|(class, sums)| (class.name(), part(sums))).collect()
}

/// The kind of a reason, without its numbers.
pub(super) fn reason_kind(reason: &Reason) -> &'static str {
    match reason {
        Reason::Clear => "clear",
        Reason::SocUnknown => "soc_unknown",
        Reason::Resumed { .. } => "resumed",
        Reason::SocBelow { .. } => "soc_below",
        Reason::VoltageBelow { .. } => "voltage_below",
        Reason::VoltageCollapsed { .. } => "voltage_collapsed",
        Reason::TimeToEmptyBelow { .. } => "time_to_empty_below",
        Reason::NoReading { .. } => "no_reading",
        Reason::RailLow { .. } => "rail_low",
        Reason::Hot { .. } => "hot",
        Reason::Recovered { .. } => "recovered",
        Reason::BackingOff { .. } => "backing_off",
        Reason::Ordered { why, .. } => match why {
            OrderReason::EnoughEnergy => "ordered_enough_energy",
            OrderReason::SupplyLow { .. } => "ordered_supply_low",
            OrderReason::SupplyShort { .. } => "ordered_supply_short",
            OrderReason::Waiting { .. } => "ordered_waiting",
            OrderReason::SupplyUnknown { .. } => "ordered_supply_unknown",
            OrderReason::Operator => "ordered_operator",
            OrderReason::ForecastCarries { .. } => "ordered_forecast_carries",
            OrderReason::ForecastShort { .. } => "ordered_forecast_short",
            OrderReason::DaysShort { .. } => "ordered_days_short",
        },
    }
}

impl fmt::Display for Summary {
    /// For a person, after the demo.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { days, seed, energy_wh, soc, decisions, .. } = self;
        writeln!(f, "{days} days of the site (seed {seed}):")?;
        writeln!(f, "  brown-outs (supply under the cut-off while a node is up): {}", self.brown_outs)?;
        writeln!(f, "  promises of the design that did not hold: {}", self.broken.len())?;
        for broken in &self.broken {
            writeln!(f, "    day {} {} {}: {}", broken.day, broken.clock, broken.node, broken.what)?;
        }
        writeln!(
            f,
            "  stage changes: {} (at most {} a day on one node), nodes woken: {}",
            decisions.total, self.stage_changes_per_day_max, self.wakes
        )?;
        for (reason, count) in &decisions.by_reason {
            writeln!(f, "    {count:>4} {reason}")?;
        }
        writeln!(
            f,
            "  energy: panel {:.0} Wh (and {:.0} Wh more than the battery could take), load {:.0} Wh",
            energy_wh.given, energy_wh.curtailed, energy_wh.load
        )?;
        if let (Some(truth), Some(estimate)) = (soc.truth_min, soc.estimate_min) {
            let (truth, estimate) = (truth * 100.0, estimate * 100.0);
            writeln!(f, "  battery at its lowest: {truth:.1} % in truth, {estimate:.1} % by estimate")?;
        }
        write!(f, "  containers ran:")?;
        for (class, part) in self.served.iter().rev() {
            write!(f, " {class} {:.1} %", part * 100.0)?;
        }
        writeln!(f, " of the time")
    }
}
