//! How near the agent's own estimate of the battery comes to the truth, next to what simpler tools do on the very same
//! readings: `cargo bench -p tests --bench energy [-- --json] [-- --traces FOLDER] [-- --unknown-after PART]`.
//!
//! With `--traces` those of a folder are taken instead of the project's own: `NAME.csv.gz` with the columns of `trace`,
//! beside a `NAME.json` that says `chem` (`la`, `agm`, `flooded`, `gel` or `lfp`), `label` (Ah) and, for flooded
//! lead-acid under `la`, `cal` (`flooded`). The unknown start is after three tenths of a trace's time, or this PART of it.
//!
//! The traces under `tests/data/traces` were made by an electrochemical model that knows nothing of the estimator; each
//! has its truth beside it. No table of the estimator is fitted to them. docs/energy.md explains the columns.

#![expect(clippy::disallowed_methods, reason = "a bench reads files and looks at the clock")]

mod baseline;
mod run;
mod score;
mod trace;

use std::path::{Path, PathBuf};
use std::time::Instant;

use agent::core::energy::Estimator;
use anyhow::{Context, Result};
use hardware::battery::Chemistry;
use protocol::{Soc, Uptime};
use serde::Serialize;

use baseline::Baseline;
use run::Known;
use score::{LEFT, Score};
use trace::Trace;

/// One line of the table.
#[derive(Debug, Serialize)]
struct Line {
    trace: String,
    case: &'static str,
    method: &'static str,
    /// Points of state of charge.
    soc_rmse: f64,
    soc_worst: f64,
    /// How much of the trace has a value at all, percent.
    answered: f64,
    /// How often the truth lies inside the 80 % band, percent, and the band's mean width, points.
    coverage: Option<f64>,
    width: Option<f64>,
    /// Error of the time to empty at half, a quarter and a tenth left, percent; positive promises too much.
    time_error: [Option<f64>; LEFT.len()],
}

impl Line {
    fn of(trace: &str, case: &'static str, method: &'static str, score: &Score, banded: bool) -> Self {
        Self {
            trace: trace.to_owned(),
            case,
            method,
            soc_rmse: score.rmse(),
            soc_worst: score.worst,
            answered: score.answered(),
            coverage: banded.then(|| score.coverage()),
            width: banded.then(|| score.width()),
            time_error: score.left,
        }
    }
}

/// The traces by name, each with its chemistry and label.
const TRACES: [(&str, Chemistry, f64); 9] = [
    ("la_agm_discharge_25C", Chemistry::Agm, 70.0),
    ("la_agm_rests_25C", Chemistry::Agm, 70.0),
    ("la_agm_solar3d", Chemistry::Agm, 70.0),
    ("la_flooded_discharge_25C", Chemistry::Flooded, 70.0),
    ("la_flooded_discharge_5C", Chemistry::Flooded, 70.0),
    ("la_agm_aged_5C", Chemistry::Agm, 100.0),
    ("la_agm_old_5C", Chemistry::Agm, 110.0),
    ("lfp_discharge_25C", Chemistry::LiFePO4, 50.0),
    ("lfp_rests_25C", Chemistry::LiFePO4, 50.0),
];

/// Hours after which an estimate from an unknown start is judged.
const SETTLE_HOURS: f64 = 6.0;
/// Which part of a trace is over at that start.
const UNKNOWN_AFTER: f64 = 0.3;
/// What an old battery still holds of its label.
const AGED: f64 = 0.7;

fn main() -> Result<()> {
    let json = std::env::args().any(|argument| argument == "--json");
    let unknown_after = unknown_after()?;
    let mut lines = Vec::new();
    let mut cost = 0.0;
    for (path, known) in traces()? {
        let trace = Trace::open(&path)?;
        let begin = trace.rows.first().context("a trace without rows")?.soc;
        cases(&trace, Known { soc: Some(begin.clamp(0.0, 1.0)), ..known }, unknown_after, &mut lines);
        cost = nanoseconds(&trace, known.chemistry, known.label)?;
    }
    if json {
        let report = serde_json::json!({ "lines": lines, "nanoseconds_per_reading": cost });
        println!("{}", serde_json::to_string_pretty(&report)?);
        return Ok(());
    }
    print(&lines);
    println!("\nobserve() and energy() together: {cost:.0} ns a reading");
    Ok(())
}

/// The part of a trace after which the unknown start is.
fn unknown_after() -> Result<f64> {
    let mut arguments = std::env::args().skip_while(|argument| argument != "--unknown-after").skip(1);
    let Some(word) = arguments.next() else { return Ok(UNKNOWN_AFTER) };
    let part = word.parse().ok().filter(|part| (0.0..1.0).contains(part));
    part.with_context(|| format!("--unknown-after {word}: not a part from 0 to below 1"))
}

/// The traces to run, and what a user knows of each.
fn traces() -> Result<Vec<(PathBuf, Known)>> {
    let mut arguments = std::env::args().skip_while(|argument| argument != "--traces").skip(1);
    let Some(folder) = arguments.next() else {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/traces");
        let own = TRACES.map(|(name, chemistry, label)| {
            (folder.join(format!("{name}.csv.gz")), Known { chemistry, label, soc: None })
        });
        return Ok(own.into());
    };
    let mut found = Vec::new();
    for entry in std::fs::read_dir(&folder).with_context(|| folder.clone())? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if let Some(name) = name.strip_suffix(".csv.gz") {
            let sidecar = path.with_file_name(format!("{name}.json"));
            found.push((path, described(&sidecar).with_context(|| sidecar.display().to_string())?));
        }
    }
    anyhow::ensure!(!found.is_empty(), "{folder}: no .csv.gz in it");
    found.sort_by(|one, other| one.0.cmp(&other.0));
    Ok(found)
}

/// What a sidecar says that a user would know too.
fn described(sidecar: &Path) -> Result<Known> {
    let said: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(sidecar)?)?;
    let word = |key: &str| said[key].as_str().unwrap_or_default();
    let chemistry = match (word("chem"), word("cal")) {
        ("la" | "flooded", "flooded") | ("flooded", _) => Chemistry::Flooded,
        ("la" | "agm", _) => Chemistry::Agm,
        ("gel", _) => Chemistry::Gel,
        ("lfp", _) => Chemistry::LiFePO4,
        (other, _) => anyhow::bail!("`chem` is {other:?}, not one of la, agm, flooded, gel, lfp"),
    };
    Ok(Known { chemistry, label: said["label"].as_f64().context("no `label`")?, soc: None })
}

/// All that is asked of one trace.
fn cases(trace: &Trace, known: Known, unknown_after: f64, lines: &mut Vec<Line>) {
    both(trace, "full", known, 0.0, lines);
    lines.push(Line::of(&trace.name, "full", "truth", &run::truth(trace), false));
    let first = run::estimator(trace, known, None, 0.0, |_, _, _| ());
    let again = run::estimator(trace, known, Some(&first.learned), 0.0, |_, _, _| ());
    lines.push(Line::of(&trace.name, "full, 2nd", "heliostat", &again.score, true));
    let unknown = Known { soc: None, ..known };
    let begin = unknown_after * trace.rows.last().map_or(0.0, |row| row.seconds) / 3600.0;
    both(&trace.after(begin), "unknown", unknown, SETTLE_HOURS, lines);
    if let Some(compared) = trace.compared() {
        let ours = run::estimator(&compared.after(begin), unknown, None, SETTLE_HOURS, |_, _, _| ());
        lines.push(Line::of(&trace.name, "unknown, meter compared", "heliostat", &ours.score, true));
    }
    // The same battery under the label of a larger one: that is what an old one looks like to a coulomb counter.
    let aged = Known { label: known.label / AGED, ..known };
    let first = run::estimator(trace, aged, None, 0.0, |_, _, _| ());
    lines.push(Line::of(&trace.name, "aged, 1st", "heliostat", &first.score, true));
    let second = run::estimator(trace, aged, Some(&first.learned), 0.0, |_, _, _| ());
    lines.push(Line::of(&trace.name, "aged, 2nd", "heliostat", &second.score, true));
    for kind in Baseline::ALL {
        let score = run::baseline(trace, aged, kind, 0.0);
        lines.push(Line::of(&trace.name, "aged, 2nd", kind.name(), &score, false));
    }
}

fn both(trace: &Trace, case: &'static str, known: Known, settle: f64, lines: &mut Vec<Line>) {
    let ours = run::estimator(trace, known, None, settle, |_, _, _| ());
    lines.push(Line::of(&trace.name, case, "heliostat", &ours.score, true));
    for kind in Baseline::ALL {
        let score = run::baseline(trace, known, kind, settle);
        lines.push(Line::of(&trace.name, case, kind.name(), &score, false));
    }
}

/// What one reading costs, over the whole trace: the quickest of a few passes, since others may use the machine too.
fn nanoseconds(trace: &Trace, chemistry: Chemistry, label: f64) -> Result<f64> {
    let mut least = f64::MAX;
    for _ in 0..5 {
        least = least.min(pass(trace, Known { chemistry, label, soc: None })?);
    }
    Ok(least)
}

fn pass(trace: &Trace, known: Known) -> Result<f64> {
    let mut estimator = Estimator::new(known.battery(), None, None);
    estimator.assume_soc(Soc::FULL);
    let samples: Vec<_> = trace.rows.iter().map(|row| (row.seconds, run::sample(row))).collect();
    let begin = Instant::now();
    let mut answered = 0_u64;
    for (seconds, sample) in &samples {
        let now = Uptime::from_millis((seconds * 1000.0) as u64);
        estimator.observe(now, sample);
        answered += u64::from(estimator.energy(now).soc.is_some());
    }
    let nanoseconds = begin.elapsed().as_nanos() as f64;
    (answered > 0).then_some(()).context("no reading was answered")?;
    Ok(nanoseconds / samples.len() as f64)
}

fn print(lines: &[Line]) {
    println!(
        "{:25} {:23} {:14} {:>6} {:>6} {:>8} {:>7} {:>6}   time to empty at 50/25/10 % left",
        "trace", "case", "method", "rmse", "worst", "answered", "inside", "width"
    );
    for line in lines {
        let number = |value: Option<f64>| value.map_or("-".to_owned(), |value| format!("{value:.0}"));
        let times: Vec<String> = line
            .time_error
            .iter()
            .map(|error| error.map_or("     -".to_owned(), |error| format!("{error:+5.0}%")))
            .collect();
        println!(
            "{:25} {:23} {:14} {:6.1} {:6.1} {:>7.0}% {:>7} {:>6}   {}",
            line.trace,
            line.case,
            line.method,
            line.soc_rmse,
            line.soc_worst,
            line.answered,
            number(line.coverage),
            number(line.width),
            times.join(" ")
        );
    }
}
