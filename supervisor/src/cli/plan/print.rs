//! The plan as text for a person, and as JSON.

use std::io::{self, Write};
use std::path::Path;

use serde::Serialize;

use crate::twin::sizing::report::{Report, headline, percent, words};
use crate::twin::sizing::{Expected, Gain};

/// The version of the JSON's form.
const SCHEMA: u32 = 1;

/// The JSON.
#[derive(Serialize)]
struct Json<'a> {
    /// Counts up when a field changes its meaning or goes.
    schema: u32,
    /// What makes the numbers.
    model: &'static str,
    /// All sites, the one asked about first.
    sites: Vec<Named<'a>>,
    /// What to buy next for the first one, the best first.
    next: &'a [Gain],
}

#[derive(Serialize)]
struct Named<'a> {
    name: &'a str,
    expected: &'a Expected,
}

/// Prints JSON.
pub(super) fn json(out: &mut impl Write, report: &Report<'_>) -> anyhow::Result<()> {
    let pairs = report.sites.iter().zip(report.studies);
    let sites = pairs.map(|(site, study)| Named { name: &site.name, expected: &study.expected }).collect();
    let json = Json { schema: SCHEMA, model: "quick", sites, next: report.gains };
    serde_json::to_writer_pretty(&mut *out, &json).map_err(io::Error::from)?;
    writeln!(out)?;
    Ok(())
}

/// Prints for a person.
pub(super) fn text(out: &mut impl Write, report: &Report<'_>, file: Option<&Path>) -> io::Result<()> {
    let expected = &report.studies[0].expected;
    writeln!(out, "{}\n", report.sites[0].name)?;
    writeln!(out, "{}\n", headline(report))?;
    writeln!(out, "{:<12} {:>8} {:>12} {:>10}", "", "uptime", "worst year", "work done")?;
    for name in ["critical", "standard", "deferrable"] {
        let class = expected.classes.get(name).copied().unwrap_or_default();
        let [uptime, worst, served] = [class.uptime, class.uptime_worst_year, class.served].map(percent);
        writeln!(out, "{name:<12} {uptime:>8} {worst:>12} {served:>10}")?;
    }
    writeln!(out)?;
    for line in words(report) {
        writeln!(out, "{line}")?;
    }
    next(out, report.gains)?;
    if report.sites.len() > 1 {
        alternatives(out, report)?;
    }
    if let Some(file) = file {
        writeln!(out, "\nreport written to {}", file.display())?;
    }
    Ok(())
}

fn next(out: &mut impl Write, gains: &[Gain]) -> io::Result<()> {
    let width = gains.iter().map(|gain| gain.change.chars().count()).max().unwrap_or(0).max(8);
    writeln!(
        out,
        "\nWhat would change it, in points of uptime, of worth, and years of the battery's life:\n"
    )?;
    writeln!(
        out,
        "{:<width$} {:>9} {:>9} {:>10} {:>7} {:>6}",
        "", "critical", "standard", "deferrable", "worth", "life"
    )?;
    for gain in gains {
        let Gain { critical_points, standard_points, deferrable_points, worth_points, life_years, .. } = gain;
        writeln!(
            out,
            "{:<width$} {critical_points:>+9.1} {standard_points:>+9.1} {deferrable_points:>+10.1} {worth_points:>+7.1} {life_years:>+6.1}",
            gain.change
        )?;
    }
    Ok(())
}

fn alternatives(out: &mut impl Write, report: &Report<'_>) -> io::Result<()> {
    let width = report.sites.iter().map(|site| site.name.chars().count()).max().unwrap_or(0);
    writeln!(
        out,
        "\n{:<width$} {:>9} {:>9} {:>10} {:>7} {:>10} {:>6}",
        "alternatives", "critical", "standard", "deferrable", "worth", "worst week", "life"
    )?;
    for (site, study) in report.sites.iter().zip(report.studies) {
        let expected = &study.expected;
        let uptime = |name: &str| percent(expected.classes.get(name).map_or(0.0, |class| class.uptime));
        let week = expected.worst_week.as_ref().and_then(|week| week.uptime.get("critical")).copied();
        writeln!(
            out,
            "{:<width$} {:>9} {:>9} {:>10} {:>7} {:>10} {:>4.1} y",
            site.name,
            uptime("critical"),
            uptime("standard"),
            uptime("deferrable"),
            percent(expected.worth),
            week.map_or_else(|| "-".to_owned(), percent),
            expected.battery.life_years
        )?;
    }
    Ok(())
}
