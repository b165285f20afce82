//! `recorder show`: what the agent knew and did in its last minutes, also after a power cut.

use std::fmt::Write as _;
use std::io::{ErrorKind, Write};
use std::time::Duration;

use anyhow::Context;
use clap::Subcommand;
use protocol::Seconds;
use protocol::report::Energy;
use serde_json::{Value, json};

use super::ConfigPath;
use crate::config::Config;
use crate::core::action::ContainerChange;
use crate::core::recorder::Note;
use crate::io::recorder::{self, Kept, Tape};

/// What it is given.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Print it, oldest first
    Show {
        #[command(flatten)]
        path: ConfigPath,
        /// Only the last so many records
        #[arg(long, value_name = "COUNT")]
        last: Option<usize>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

impl Args {
    /// Where the config is.
    pub(super) const fn config(&self) -> &ConfigPath {
        match &self.what {
            What::Show { path, .. } => path,
        }
    }
}

/// Prints it.
pub(super) fn run(config: &Config, args: &Args) -> anyhow::Result<()> {
    let What::Show { last, json, .. } = args.what;
    let path = recorder::path(&config.state.path);
    let mut tape = match recorder::read(&path) {
        Ok(tape) => tape,
        // An agent that never ran has nothing to tell, which is no error.
        Err(error) if error.kind() == ErrorKind::NotFound => Tape::default(),
        Err(error) => return Err(error).with_context(|| path.display().to_string()),
    };
    if let Some(last) = last {
        tape.kept.drain(..tape.kept.len().saturating_sub(last));
    }
    let text = if json { format!("{:#}\n", as_json(&tape)) } else { as_text(&tape)? };
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        // The reader left (`| head`): that is no error.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => Ok(written?),
    }
}

fn as_text(tape: &Tape) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    for kept in &tape.kept {
        let up = Seconds::from(Duration::from_millis(kept.record.at.as_millis()));
        writeln!(text, "{:20}  up {up:>9}  {}", moment(kept).unwrap_or_default(), words(&kept.record.what))?;
    }
    if tape.kept.is_empty() {
        writeln!(text, "nothing is recorded")?;
    }
    match tape.damaged {
        0 => {}
        1 => writeln!(text, "1 record was cut off, and is left out")?,
        count => writeln!(text, "{count} records were cut off, and are left out")?,
    }
    Ok(text)
}

fn as_json(tape: &Tape) -> Value {
    let records: Vec<Value> = tape
        .kept
        .iter()
        .map(|kept| {
            json!({
                "number": kept.number,
                "written": moment(kept),
                "uptime_ms": kept.record.at.as_millis(),
                "what": kept.record.what,
                "words": words(&kept.record.what),
            })
        })
        .collect();
    json!({ "records": records, "damaged": tape.damaged })
}

/// When it was written, where the clock could be trusted.
fn moment(kept: &Kept) -> Option<String> {
    let wall = i64::try_from(kept.wall?.as_secs()).ok()?;
    jiff::Timestamp::from_second(wall).ok().map(|moment| moment.to_string())
}

fn words(note: &Note) -> String {
    match note {
        Note::Began { boot, stage } => format!("began in {stage} (life {:08x})", boot.0),
        Note::Known { stage, energy, rail_low } => {
            let rail = if *rail_low == Some(true) { "  5 V RAIL LOW" } else { "" };
            format!("{:8}  {}{rail}", stage.to_string(), supply(energy))
        }
        Note::Stage { from, to, reason } => format!("stage {from} -> {to}: {reason}"),
        Note::Container { container, change } => format!("container {container}: {}", verb(change)),
        Note::Switch { node, on } => format!("power of {node}: {}", if *on { "on" } else { "off" }),
        Note::Warning(words) => format!("warning: {words}"),
        Note::PowerOff(reason) => format!("powers off: {reason}"),
        Note::Ended => "ended on purpose".to_owned(),
        Note::EngineRestart(reason) => format!("restarts the container engine: {reason}"),
    }
}

/// What was known of the supply; what was not known is said.
fn supply(energy: &Energy) -> String {
    let mut text = match energy.voltage {
        Some(voltage) => voltage.to_string(),
        None => "no voltage".to_owned(),
    };
    let parts = [
        energy.current.map(|current| current.to_string()),
        energy.soc.map(|soc| format!("SoC {} ({} to {})", soc.best, soc.low, soc.high)),
        energy.time_to_empty.map(|time| format!("empty in {}", time.best)),
        energy.fault.map(|fault| format!("no fresh reading: {fault}")),
    ];
    for part in parts.into_iter().flatten() {
        let _ = write!(text, "  {part}");
    }
    text
}

const fn verb(change: &ContainerChange) -> &'static str {
    match change {
        ContainerChange::SetCpu(_) => "CPU limit set",
        ContainerChange::Pause => "paused",
        ContainerChange::Unpause => "thawed",
        ContainerChange::Stop { .. } => "stopped",
        ContainerChange::Start => "started",
        ContainerChange::Freeze => "frozen at once",
        ContainerChange::Thaw => "let go",
    }
}
