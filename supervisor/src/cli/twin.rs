//! `heliostat twin`: a whole site over days or years, under one policy or several side by side.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::ensure;

use crate::twin::policy::Policy;
use crate::twin::run::{DAYS_MAX, run as play};
use crate::twin::{Outcome, Site};

/// What `twin` is given.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The site file; a built-in example (deploy/site.toml) when left out
    #[arg(long, value_name = "FILE")]
    site: Option<PathBuf>,
    /// How many days to play
    #[arg(long, default_value_t = 365.0)]
    days: f64,
    /// Who decides; several, separated by commas, are printed side by side
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "heliostat",
        long_help = "Who decides; several, separated by commas, are printed side by side:\n\
          heliostat       the real agents and the real supervisor\n\
          threshold       each node alone on voltage, without hysteresis\n\
          nut             everything off at low battery, everything on at recovery\n\
          solar-protocol  work while the sun shines\n\
          none            everything until the charger cuts the load\n\
          climate         the best that one can do who knows the climate, and no weather to come\n\
          oracle          the best schedule for a year whose weather is known beforehand"
    )]
    policy: Vec<Policy>,
    /// Which story: the same seed is the same weather and the same faults, whoever decides
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Print the outcome as JSON: one object, or a list of them for several policies
    #[arg(long)]
    json: bool,
}

/// Plays the site.
pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    ensure!(
        args.days > 0.0 && args.days <= DAYS_MAX,
        "--days {}: more than 0 and up to {DAYS_MAX} are possible",
        args.days
    );
    let site = match &args.site {
        Some(file) => Site::load(file)?,
        None => Site::example()?,
    };
    let mut outcomes = Vec::with_capacity(args.policy.len());
    for policy in &args.policy {
        outcomes.push(play(&site, *policy, args.seed, args.days)?);
    }
    let mut out = io::stdout().lock();
    match (&*outcomes, args.json) {
        ([outcome], true) => serde_json::to_writer_pretty(&mut out, outcome)?,
        (outcomes, true) => serde_json::to_writer_pretty(&mut out, outcomes)?,
        (outcomes, false) => write!(out, "{}", table(outcomes))?,
    }
    if args.json {
        writeln!(out)?;
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

/// The outcomes side by side: a line for each figure, a column for each policy.
fn table(outcomes: &[Outcome]) -> String {
    let mut table = Table { lines: Vec::new(), outcomes };
    table.line("", |o| o.policy.clone());
    table.line("worth of the work served", |o| percent(o.worth_served / o.worth_wanted.max(1.0)));
    if outcomes.iter().any(|o| o.bound.is_some()) {
        table.line("  of which no policy gets more than", |o| {
            o.bound.map_or_else(String::new, |b| percent(b.worth / o.worth_wanted.max(1.0)))
        });
        table.line("  ... with the masters up", |o| {
            o.bound.map_or_else(String::new, |b| percent(b.worth_masters_up / o.worth_wanted.max(1.0)))
        });
        table.line("  critical ran at the very most", |o| {
            o.bound.map_or_else(String::new, |b| precise(b.critical_uptime))
        });
    }
    for class in ["critical", "standard", "deferrable"] {
        table.line(&format!("{class}: ran"), |o| {
            o.classes.get(class).map_or_else(String::new, |c| precise(c.uptime))
        });
        table.line(&format!("{class}: work served"), |o| {
            o.classes
                .get(class)
                .map_or_else(String::new, |c| percent(c.served_cpu_s / c.wanted_cpu_s.max(1.0)))
        });
    }
    table.line("brown-outs", |o| o.brown_outs.to_string());
    table.line("charger cuts (hours in all)", |o| format!("{} ({:.0})", o.charger_cuts, o.cut_hours));
    table.line("stage changes a node a day: worst", |o| format!("{:.2}", o.stage_changes_max));
    table.line("stage changes a node a day: mean", |o| format!("{:.2}", o.stage_changes_mean));
    table.line("nodes woken", |o| o.wakes.to_string());
    table.line("panel could give", |o| kwh(o.energy_wh.panel_available));
    table.line("panel gave", |o| kwh(o.energy_wh.panel_taken));
    table.line("boards for being on", |o| kwh(o.energy_wh.boards));
    for class in ["critical", "standard", "deferrable"] {
        table.line(&format!("{class} work"), |o| kwh(o.classes.get(class).map_or(0.0, |c| c.energy_wh)));
    }
    table.line("converters", |o| kwh(o.energy_wh.converters));
    table.line("network switch", |o| kwh(o.energy_wh.network));
    table.line("lost in the battery", |o| kwh(o.energy_wh.battery_lost));
    table.line("lowest state of charge", |o| percent(o.battery.soc_min));
    table.line("full cycles", |o| format!("{:.0}", o.battery.full_cycles));
    table.line("battery left of its label", |o| percent(o.battery.capacity_left));
    table.line("worst week: worth served", |o| {
        o.worst_week.as_ref().map_or_else(|| "-".to_owned(), |week| percent(week.worth_part))
    });
    table.line("worst week: critical ran", |o| {
        let week = o.worst_week.as_ref().and_then(|week| week.uptime.get("critical"));
        week.map_or_else(|| "-".to_owned(), |part| percent(*part))
    });
    table.line("promises that did not hold", |o| o.broken.len().to_string());
    table.text()
}

fn percent(part: f64) -> String {
    format!("{:.1} %", part * 100.0)
}

fn precise(part: f64) -> String {
    format!("{:.2} %", part * 100.0)
}

fn kwh(watt_hours: f64) -> String {
    format!("{:.1} kWh", watt_hours / 1000.0)
}

/// Lines of cells, one for each outcome.
struct Table<'a> {
    lines: Vec<(String, Vec<String>)>,
    outcomes: &'a [Outcome],
}

impl Table<'_> {
    fn line(&mut self, name: &str, cell: impl Fn(&Outcome) -> String) {
        self.lines.push((name.to_owned(), self.outcomes.iter().map(cell).collect()));
    }

    fn text(&self) -> String {
        let names = self.lines.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
        let cells = self.lines.iter().flat_map(|(_, cells)| cells.iter().map(String::len)).max().unwrap_or(0);
        let mut text = String::new();
        for (name, row) in &self.lines {
            // Writing to a String cannot fail.
            let _ = write!(text, "{name:names$}");
            for cell in row {
                let _ = write!(text, "  {cell:>cells$}");
            }
            text.push('\n');
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_under_their_policies() {
        let site = Site::example().unwrap();
        let outcomes =
            [Policy::None, Policy::SolarProtocol].map(|policy| play(&site, policy, 1, 0.1).unwrap());
        let text = table(&outcomes);
        let ends: Vec<usize> = text.lines().map(str::len).collect();
        assert!(ends.windows(2).all(|pair| pair[0] == pair[1]), "{text}");
        assert!(text.lines().next().is_some_and(|head| head.ends_with("solar-protocol")), "{text}");
        assert!(text.contains("brown-outs"));
    }
}
