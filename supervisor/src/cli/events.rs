//! `heliostat events`: what was seen and decided.

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};

use super::look::wrap;
use super::place::SocketArgs;
use crate::core::view::SCHEMA;
use crate::io::Timestamp;
use crate::io::ask::Asker;
use crate::io::journal::Entry;
use crate::io::operator::{Answer, Request};

/// What `events` is given.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Go on with every new one
    #[arg(long, short)]
    follow: bool,
    /// Only since then: "2 h", "30 min", or 2026-11-22T18:00:00Z
    #[arg(long, value_name = "TIME", value_parser = parse_since)]
    since: Option<Since>,
    /// At most so many, the newest; 50 when --since is not given
    #[arg(long, short = 'n', value_name = "COUNT")]
    limit: Option<u32>,
    /// Print JSON, one record a line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    socket: SocketArgs,
}

/// A moment, as a person says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Since {
    /// Then.
    At(Timestamp),
    /// So long before now.
    Ago(Duration),
}

pub(super) fn parse_since(text: &str) -> Result<Since, String> {
    if let Ok(at) = text.parse() {
        return Ok(Since::At(at));
    }
    jiff::fmt::friendly::SpanParser::new()
        .parse_unsigned_duration(text)
        .map(Since::Ago)
        .map_err(|_| "expected a span like \"2 h\", or a time like 2026-11-22T18:00:00Z".to_owned())
}

/// Asks and prints.
pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let since = args.since.map(|since| match since {
        Since::At(at) => at,
        Since::Ago(span) => Timestamp::now().earlier(span),
    });
    let limit = args.limit.or_else(|| since.is_none().then_some(50));
    let mut asker = Asker::connect(&args.socket.path())?;
    let mut answer = asker.ask(&Request::Events { after: None, since, limit, follow: args.follow })?;
    let mut out = io::stdout().lock();
    loop {
        match answer {
            Answer::Events(events) => {
                events.events.iter().try_for_each(|entry| print(&mut out, entry, args.json))?;
            }
            Answer::Event(entry) => print(&mut out, &entry, args.json)?,
            Answer::Missed { count } => eprintln!("heliostat: {count} events went by too fast"),
            Answer::Error { message } => bail!("{message}"),
            _ => bail!("the supervisor answered something else than events"),
        }
        out.flush()?;
        if !args.follow {
            return Ok(ExitCode::SUCCESS);
        }
        answer = asker.another()?.context("the supervisor has stopped")?;
    }
}

/// One record: a line of JSON, or as many lines of text as it needs.
fn print(out: &mut impl Write, entry: &Entry, json: bool) -> anyhow::Result<()> {
    if json {
        let mut line = serde_json::to_value(entry)?;
        if let Some(fields) = line.as_object_mut() {
            fields.insert("schema".to_owned(), SCHEMA.into());
            fields.insert("text".to_owned(), entry.record.what.to_string().into());
        }
        writeln!(out, "{line}")?;
    } else {
        writeln!(out, "{}", line(entry))?;
    }
    Ok(())
}

/// `2026-11-22 21:05:10Z pi1: normal -> throttle: ...`, wrapped.
pub(super) fn line(entry: &Entry) -> String {
    let time = entry.time.to_string().replace('T', " ");
    let time = time.split('.').next().unwrap_or_default();
    let text = wrap(&format!("{time}Z {}", entry.record), 0);
    // What follows the first line stands below the text, not below the time.
    match text.split_once('\n') {
        None => text,
        Some((first, rest)) => format!("{first}\n{}", wrap(rest, 4)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn since_is_a_span_or_a_time_or_a_clear_error() {
        assert_eq!(parse_since("2 h"), Ok(Since::Ago(Duration::from_hours(2))));
        assert!(matches!(parse_since("2026-11-22T18:00:00Z"), Ok(Since::At(_))));
        assert!(parse_since("yesterday").unwrap_err().contains("2 h"));
    }
}
