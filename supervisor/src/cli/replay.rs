//! `heliostat replay`: what an agent would have known and done on a recorded day.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use agent::config::Config;
use agent::core::state::State;
use anyhow::{Context, bail};
use hardware::battery::Chemistry;
use hardware::sim::trace::{Trace, TraceError};
use protocol::{Charge, NodeName, Soc};
use serde::{Deserialize, Serialize};

use crate::twin::replay::{Carried, Line, Replay, ReplayError};

/// What `replay` is given.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// CSV with the columns `time_s,voltage_V,current_A` and, if there is one, `temp_C`; positive current discharges;
    /// `-` is standard input
    trace: PathBuf,
    /// The agent's config
    #[arg(long, value_name = "FILE", conflicts_with_all = ["chemistry", "capacity"])]
    config: Option<PathBuf>,
    /// Without a config, the battery's chemistry: agm, flooded, gel or lifepo4
    #[arg(long, required_unless_present = "config", requires = "capacity")]
    chemistry: Option<Chemistry>,
    /// Without a config, the battery's capacity, like 70Ah
    #[arg(long, requires = "chemistry")]
    capacity: Option<Charge>,
    /// A state of charge at the start that you vouch for, like 80%
    #[arg(long)]
    soc: Option<Soc>,
    /// Where the next replay finds what this one learned; read first, if it is there
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
    /// Print one JSON object a line
    #[arg(long)]
    json: bool,
}

/// What a state file holds.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    /// [`KEPT_VERSION`].
    heliostat_replay: u32,
    /// The trace's time when it was written.
    time_s: f64,
    state: State,
}

/// Counts up when [`State`]'s form changes.
const KEPT_VERSION: u32 = 1;

/// Plays the trace.
pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let config = config(args)?;
    let node = config.node.name.clone();
    let node = node.map_or_else(|| "replay".parse::<NodeName>(), Ok)?;
    let carried = args.state.as_deref().map(read_state).transpose()?.flatten();
    let named = |error| name_trace(error, &args.trace);
    let trace = open(&args.trace)?;
    let mut replay = Replay::new(trace, config, node, carried, args.soc).map_err(named)?;
    let mut out = BufWriter::new(io::stdout().lock());
    let printed = print(&mut replay, &mut out, args);
    // What was learned before the reader left, or before a bad row, was learned all the same.
    if let (Some(file), Some(carried)) = (&args.state, replay.finish()) {
        write_state(file, carried).with_context(|| format!("{}: cannot be written", file.display()))?;
    }
    printed?;
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

/// One line a minute of the trace.
fn print(replay: &mut Replay, out: &mut impl Write, args: &Args) -> anyhow::Result<()> {
    if !args.json {
        writeln!(
            out,
            "{:>10} {:>6} {:>8} {:>8} {:>8} {:<8} reason",
            "time_s", "soc", "soc_low", "soc_high", "tte_s", "stage"
        )?;
    }
    loop {
        // A bad row does not take back what was known before it.
        let next = replay.next_line().map_err(|error| name_trace(error, &args.trace));
        let line = match next {
            Ok(Some(mut line)) => {
                if args.json {
                    replay.add_outlook(&mut line);
                }
                line
            }
            Ok(None) => return Ok(()),
            Err(error) => {
                out.flush()?;
                return Err(error);
            }
        };
        if args.json {
            serde_json::to_writer(&mut *out, &line).map_err(io::Error::from)?;
            writeln!(out)?;
        } else {
            print_plain(out, &line)?;
        }
    }
}

/// A line for a person: `-` where there is no honest value.
fn print_plain(out: &mut impl Write, line: &Line) -> io::Result<()> {
    let soc = |soc: Option<f64>| soc.map_or("-".to_owned(), |soc| format!("{soc:.3}"));
    let time_to_empty = line.tte_s.map_or("-".to_owned(), |time| time.to_string());
    writeln!(
        out,
        "{:>10} {:>6} {:>8} {:>8} {time_to_empty:>8} {:<8} {}",
        line.time_s,
        soc(line.soc),
        soc(line.soc_low),
        soc(line.soc_high),
        line.stage,
        line.reason
    )?;
    line.warnings.iter().try_for_each(|warning| writeln!(out, "{:>10} warning: {warning}", line.time_s))
}

/// The config that was named, or one of a battery alone.
fn config(args: &Args) -> anyhow::Result<Config> {
    if let Some(file) = &args.config {
        let text = fs::read_to_string(file).with_context(|| file.display().to_string())?;
        return Ok(Config::parse(&text, file)?);
    }
    // clap has seen to it that both are there.
    let (Some(chemistry), Some(capacity)) = (args.chemistry, args.capacity) else {
        bail!("a battery is needed: --config, or --chemistry and --capacity");
    };
    let text = format!(
        "[node]\nname = \"replay\"\nsupply = \"replay\"\n[battery]\nchemistry = \"{chemistry}\"\ncapacity = \"{} Ah\"\n",
        capacity.amp_hours()
    );
    Ok(Config::parse(&text, Path::new("--chemistry, --capacity"))?)
}

/// Opens a trace; what is packed is said to be packed, instead of lacking columns.
fn open(path: &Path) -> anyhow::Result<Trace> {
    let named = |error: TraceError| name_trace(error.into(), path);
    if path == Path::new("-") {
        return unpacked(BufReader::new(io::stdin()), path)
            .and_then(|reader| Trace::read(reader).map_err(named));
    }
    let file = File::open(path).with_context(|| format!("{}: cannot be read", path.display()))?;
    unpacked(BufReader::new(file), path).and_then(|reader| Trace::read(reader).map_err(named))
}

/// Refuses what begins as gzip does (RFC 1952, section 2.3.1).
fn unpacked<R: Read>(mut reader: BufReader<R>, path: &Path) -> anyhow::Result<BufReader<R>> {
    let head = reader.fill_buf().with_context(|| format!("{}: cannot be read", path.display()))?;
    if head.starts_with(&[0x1f, 0x8b]) {
        bail!("{0}: is packed by gzip; unpack it first: `zcat {0} | heliostat replay - ...`", path.display());
    }
    Ok(reader)
}

/// An error of a trace, with the file's name.
fn name_trace(error: ReplayError, path: &Path) -> anyhow::Error {
    match error {
        ReplayError::Trace(mut error) => {
            let name = if path == Path::new("-") { Path::new("standard input") } else { path };
            error.file.get_or_insert_with(|| name.to_owned());
            // Its text holds its cause already.
            anyhow::Error::msg(error.to_string())
        }
        ReplayError::Sensor(error) => error.into(),
    }
}

/// What an earlier replay left; `None` when there is no such file yet.
fn read_state(file: &Path) -> anyhow::Result<Option<Carried>> {
    let text = match fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).with_context(|| format!("{}: cannot be read", file.display())),
    };
    let kept: Kept = serde_json::from_str(&text)
        .with_context(|| format!("{}: is no state file of a replay", file.display()))?;
    if kept.heliostat_replay != KEPT_VERSION {
        bail!("{}: is of version {}, this is {KEPT_VERSION}", file.display(), kept.heliostat_replay);
    }
    let ended = Duration::try_from_secs_f64(kept.time_s)
        .with_context(|| format!("{}: time_s = {}", file.display(), kept.time_s))?;
    Ok(Some(Carried { state: kept.state, ended }))
}

/// Writes beside the file, then renames: a reader sees the old one or the new one, whole.
fn write_state(file: &Path, carried: Carried) -> anyhow::Result<()> {
    let mut beside = file.as_os_str().to_owned();
    beside.push(".new");
    let mut out = File::create(&beside)?;
    let Carried { state, ended } = carried;
    let kept = Kept { heliostat_replay: KEPT_VERSION, time_s: ended.as_secs_f64(), state };
    serde_json::to_writer_pretty(&mut out, &kept)?;
    out.sync_all()?;
    fs::rename(&beside, file)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Typed {
        #[command(flatten)]
        args: Args,
    }

    fn typed(words: &[&str]) -> Result<Args, String> {
        let words = std::iter::once("replay").chain(words.iter().copied());
        Typed::try_parse_from(words).map(|typed| typed.args).map_err(|error| error.to_string())
    }

    const AGM: [&str; 4] = ["--chemistry", "agm", "--capacity", "70Ah"];

    /// What is said about a trace with this content.
    fn error_about(content: &[u8]) -> String {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("trace.csv");
        fs::write(&file, content).unwrap();
        let name = file.display().to_string();
        let words: Vec<&str> = std::iter::once(name.as_str()).chain(AGM).collect();
        let error = format!("{:#}", run(&typed(&words).unwrap()).unwrap_err());
        assert!(error.contains(&name), "the file is named: {error}");
        error
    }

    #[test]
    fn a_battery_is_named_one_way_or_the_other() {
        assert!(typed(&["t.csv", "--config", "a.toml"]).is_ok());
        assert!(typed(&["t.csv", "--chemistry", "agm", "--capacity", "70Ah", "--soc", "80%"]).is_ok());
        let both = typed(&["t.csv", "--config", "a.toml", "--chemistry", "agm", "--capacity", "70Ah"]);
        assert!(both.unwrap_err().contains("cannot be used with"));
        assert!(typed(&["t.csv"]).unwrap_err().contains("--chemistry"));
        assert!(typed(&["t.csv", "--chemistry", "agm"]).unwrap_err().contains("--capacity"));
        assert!(typed(&["t.csv", "--chemistry", "agm", "--capacity", "70"]).unwrap_err().contains("70 Ah"));
        assert!(
            typed(&["t.csv", "--chemistry", "nicd", "--capacity", "70Ah"]).unwrap_err().contains("lifepo4")
        );
    }

    #[test]
    fn a_bad_trace_is_named_with_line_and_column() {
        let bad = |content: &str| error_about(content.as_bytes());
        assert!(bad("").contains("no rows"));
        assert!(bad("time_s,voltage_V\n0,12\n").contains("no column `current_A`"));
        let letters = bad("time_s,voltage_V,current_A\n0,12.5,1\n10,x,1\n");
        assert!(letters.contains("trace.csv:3: column `voltage_V`: \"x\" is not a number"), "{letters}");
        let backwards = bad("time_s,voltage_V,current_A\n10,12.5,1\n5,12.5,1\n");
        assert!(backwards.contains("trace.csv:3:") && backwards.contains("earlier"), "{backwards}");
        assert!(error_about(&[0x1f, 0x8b, 8, 0]).contains("zcat"));
    }

    #[test]
    fn a_missing_file_is_named() {
        let words: Vec<&str> = std::iter::once("/nowhere/t.csv").chain(AGM).collect();
        let error = format!("{:#}", run(&typed(&words).unwrap()).unwrap_err());
        assert!(error.starts_with("/nowhere/t.csv: cannot be read"), "{error}");
    }

    #[test]
    fn a_state_file_comes_back_whole_and_a_damaged_one_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("state");
        assert_eq!(read_state(&file).unwrap(), None, "the first replay");
        let state = State { relapses: 3, ..State::default() };
        let carried = Carried { state, ended: Duration::from_millis(12_500) };
        write_state(&file, carried.clone()).unwrap();
        assert_eq!(read_state(&file).unwrap(), Some(carried));
        let text = fs::read_to_string(&file).unwrap();
        fs::write(&file, &text[..text.len() / 2]).unwrap();
        let error = format!("{:#}", read_state(&file).unwrap_err());
        assert!(error.contains("is no state file of a replay"), "{error}");
    }
}
