//! `heliostat history`: readings of the past, as plots, a picture, or numbers.

mod plot;
mod svg;

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail};

use super::answer;
use super::events::{Since, parse_since};
use super::place::SocketArgs;
use crate::core::history::{Quantity, Series, Subject};
use crate::io::Timestamp;
use crate::io::history::{Course, Point, Step};
use crate::io::operator::{Answer, Past, Request};
use crate::tui::Look;

/// What `history` is given.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Since then: "24 h", "30 days", or 2026-11-22T18:00:00Z
    #[arg(long, value_name = "TIME", default_value = "24 h", value_parser = parse_since)]
    since: Since,
    /// Of this node; without --node and --supply, of every supply
    #[arg(long, value_name = "NODE")]
    node: Vec<String>,
    /// Of this supply
    #[arg(long, value_name = "SUPPLY")]
    supply: Vec<String>,
    /// How long a stretch each point tells about; without it, what suits the time
    #[arg(long, value_enum)]
    step: Option<Stretch>,
    /// Plot it on the terminal (this is also what happens when nothing else is asked for)
    #[arg(long, group = "form")]
    plot: bool,
    /// Write a picture to this file
    #[arg(long, value_name = "FILE", group = "form")]
    svg: Option<PathBuf>,
    /// Print comma-separated values
    #[arg(long, group = "form")]
    csv: bool,
    /// Print JSON
    #[arg(long, group = "form")]
    json: bool,
    /// Plot with nothing but ASCII
    #[arg(long)]
    ascii: bool,
    #[command(flatten)]
    socket: SocketArgs,
}

/// How long a stretch is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Stretch {
    Minute,
    Hour,
    Day,
}

impl From<Stretch> for Step {
    fn from(stretch: Stretch) -> Self {
        match stretch {
            Stretch::Minute => Self::Minute,
            Stretch::Hour => Self::Hour,
            Stretch::Day => Self::Day,
        }
    }
}

/// Asks, and shows it in the form that is wanted.
pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let now = Timestamp::now();
    let since = match args.since {
        Since::At(at) => at,
        Since::Ago(span) => now.earlier(span),
    };
    if since >= now {
        bail!("--since is {since}, and now it is {now}: nothing lies between");
    }
    let request = Request::History { since, step: args.step.map(Step::from), of: args.of() };
    let past = answer::ask(&args.socket, &request, "its history", |answer| match answer {
        Answer::History(past) => Some(past),
        _ => None,
    })?;
    args.must_be_known(&past)?;
    if args.json {
        answer::print(true, &past, |_| String::new())?;
        return Ok(ExitCode::SUCCESS);
    }
    if past.series.is_empty() {
        bail!("there is no history of that since {since}: readings are kept from the first minute on");
    }
    if args.csv {
        csv(&past)?;
        return Ok(ExitCode::SUCCESS);
    }
    let past = in_hours(past);
    if let Some(file) = &args.svg {
        std::fs::write(file, svg::svg(&past, since, now)).with_context(|| file.display().to_string())?;
    } else {
        let look = Look::of_terminal(args.ascii, true);
        let mut out = io::stdout().lock();
        for course in past.series.iter().filter(|course| is_drawn(course)) {
            write!(out, "{}", plot::plot(course, past.step, since, now, look))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

impl Args {
    /// What has no past is a name that was mistyped, or has none yet: told apart.
    fn must_be_known(&self, past: &Past) -> anyhow::Result<()> {
        let told = |wanted: &str, of: fn(&Subject) -> Option<&str>| {
            past.series.iter().any(|course| of(&course.series.subject) == Some(wanted))
        };
        let node = self.node.iter().find(|name| !told(name, node_name));
        let supply = self.supply.iter().find(|name| !told(name, supply_name));
        if node.is_none() && supply.is_none() {
            return Ok(());
        }
        let fleet = answer::fleet(&self.socket)?;
        if let Some(name) = node.filter(|name| fleet.node(name).is_none()) {
            let known = fleet.nodes.iter().map(|node| node.name.as_str());
            bail!(answer::unknown("node", name, known));
        }
        let known = || fleet.supplies.iter().map(|supply| supply.name.as_str());
        if let Some(name) = supply.filter(|name| known().all(|known| known != **name)) {
            bail!(answer::unknown("supply", name, known()));
        }
        Ok(())
    }

    /// The beginnings of the series that are wanted.
    fn of(&self) -> Vec<String> {
        let nodes = self.node.iter().map(|name| format!("node/{name}/"));
        let mut of: Vec<String> =
            nodes.chain(self.supply.iter().map(|name| format!("supply/{name}/"))).collect();
        if of.is_empty() {
            of.push("supply/".to_owned());
        }
        of
    }
}

fn node_name(subject: &Subject) -> Option<&str> {
    match subject {
        Subject::Node(name) => Some(name.as_str()),
        Subject::Supply(_) => None,
    }
}

fn supply_name(subject: &Subject) -> Option<&str> {
    match subject {
        Subject::Supply(name) => Some(name.as_str()),
        Subject::Node(_) => None,
    }
}

/// Seconds as hours, for the eye: a battery lasts for thousands of the one, and dozens of the other.
fn in_hours(mut past: Past) -> Past {
    for course in past.series.iter_mut().filter(|course| course.unit == "s") {
        "h".clone_into(&mut course.unit);
        for Point { min, mean, max, .. } in &mut course.points {
            for value in [min, mean, max] {
                *value /= 3600.0;
            }
        }
    }
    past
}

/// The bounds of the state of charge are in its own picture, as its band.
fn is_drawn(course: &Course) -> bool {
    !matches!(course.series.quantity, Quantity::SocLow | Quantity::SocHigh)
}

/// `garage: soc, %`.
fn title(series: &Series, unit: &str) -> String {
    let name = match &series.subject {
        Subject::Supply(name) => name.to_string(),
        Subject::Node(name) => name.to_string(),
    };
    let unit = if unit.is_empty() { String::new() } else { format!(", {unit}") };
    format!("{name}: {}{unit}", series.quantity.name())
}

/// One row a point.
fn csv(past: &Past) -> anyhow::Result<()> {
    let mut out = csv::Writer::from_writer(io::stdout().lock());
    out.write_record(["time", "series", "unit", "min", "mean", "max", "count"])?;
    for course in &past.series {
        for point in &course.points {
            let numbers = [point.min, point.mean, point.max].map(|number| format!("{number:.4}"));
            let [min, mean, max] = numbers;
            out.write_record([
                point.time.to_string(),
                course.series.to_string(),
                course.unit.clone(),
                min,
                mean,
                max,
                point.count.to_string(),
            ])?;
        }
    }
    out.flush()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_to_empty_is_drawn_in_hours() {
        let point =
            Point { time: Timestamp::from_millis(0), min: 3600.0, mean: 7200.0, max: 10_800.0, count: 3 };
        let course = |series: &str, unit: &str| Course {
            series: series.parse().unwrap(),
            unit: unit.to_owned(),
            points: vec![point],
        };
        let series = vec![course("supply/shed/time_to_empty", "s"), course("supply/shed/voltage", "V")];
        let past = in_hours(Past { schema: 1, step: Step::Minute, series });
        let drawn = |index: usize| (past.series[index].unit.as_str(), past.series[index].points[0].mean);
        assert_eq!((drawn(0), drawn(1)), (("h", 2.0), ("V", 7200.0)));
    }
}
