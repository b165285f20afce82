//! `heliostat drain|resume|park|wake NODE`: what a person asks of a node.

use std::fmt::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use protocol::Seconds;

use super::answer;
use super::look::wrap;
use super::place::SocketArgs;
use crate::core::person::{Accepted, Refused, Verb};
use crate::io::operator::{Answer, Asked, Request};

/// What each of the four is given.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The node
    node: String,
    /// For how long, like "2h" or "90 min"; without it, until it is resumed
    #[arg(long = "for", value_name = "TIME", value_parser = span)]
    left: Option<Duration>,
    /// Why: shown in status, why and events
    #[arg(long, value_name = "TEXT", default_value = "")]
    reason: String,
    /// Insist, where that is possible
    #[arg(long)]
    force: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    socket: SocketArgs,
}

/// What `resume` is given: it has no end, and nothing to insist on.
#[derive(Debug, clap::Args)]
pub(super) struct ResumeArgs {
    /// The node
    node: String,
    /// Why: shown in events
    #[arg(long, value_name = "TEXT", default_value = "")]
    reason: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    socket: SocketArgs,
}

impl From<ResumeArgs> for Args {
    fn from(args: ResumeArgs) -> Self {
        let ResumeArgs { node, reason, json, socket } = args;
        Self { node, left: None, reason, force: false, json, socket }
    }
}

/// A minute at the least: what is shorter is over before it is done. A year at the most.
fn span(text: &str) -> Result<Duration, String> {
    let range = Duration::from_mins(1)..=Duration::from_hours(366 * 24);
    let wanted = "a time like \"2h\", \"90 min\" or \"3 days\", from a minute to a year";
    let span = jiff::fmt::friendly::SpanParser::new().parse_unsigned_duration(text);
    span.ok().filter(|span| range.contains(span)).ok_or_else(|| wanted.to_owned())
}

/// Asks, and says what became of it; not what was wanted is a failure.
pub(super) fn run(verb: Verb, args: &Args) -> anyhow::Result<ExitCode> {
    let request = Request::Person(Asked {
        node: args.node.clone(),
        verb,
        left: args.left.map(|left| Seconds::from(left).0),
        why: args.reason.clone(),
        force: args.force,
        behalf: std::env::var("SUDO_USER").ok(),
    });
    let answered = answer::ask(&args.socket, &request, "yes or no", |answer| match answer {
        Answer::Accepted(accepted) => Some(Ok(accepted)),
        Answer::Refused(refused) => Some(Err(refused)),
        _ => None,
    })?;
    match answered {
        Ok(accepted) => {
            answer::print_versioned(args.json, &accepted, render)?;
            Ok(ExitCode::SUCCESS)
        }
        Err(refused) if args.json => {
            answer::print_versioned(true, &refused, |_| String::new())?;
            Ok(ExitCode::FAILURE)
        }
        Err(refused) => {
            eprintln!("heliostat: {}", no(verb, &args.node, &refused));
            Ok(ExitCode::FAILURE)
        }
    }
}

fn render(accepted: &Accepted) -> String {
    let Accepted { node, verb, standing, notes } = accepted;
    let head = match standing {
        Some(standing) if *verb == Verb::Wake => format!("{node} is being woken, {standing}"),
        Some(standing) => format!("{node} is to be {standing}"),
        None => format!("{node} is resumed"),
    };
    let mut text = wrap(&head, 0);
    text.push('\n');
    for note in notes {
        let _ = writeln!(text, "{}", wrap(&note.to_string(), 2));
    }
    text
}

fn no(verb: Verb, node: &str, refused: &Refused) -> String {
    let insist = if refused.yields_to_force() { " (--force does it all the same)" } else { "" };
    format!("{verb} {node}: {refused}{insist}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_bounded_and_must_have_its_unit() {
        assert_eq!(span("2h"), Ok(Duration::from_hours(2)));
        assert_eq!(span("90 min"), Ok(Duration::from_mins(90)));
        assert!(["2", "5 s", "-2h", "400 days", ""].into_iter().all(|text| span(text).is_err()));
    }

    #[test]
    fn a_refusal_says_whether_force_would_help() {
        let last = Refused::LastReplica { container: "web".to_owned() };
        assert!(no(Verb::Park, "pi1", &last).contains("--force"));
        assert!(!no(Verb::Park, "pi1", &Refused::LastMaster).contains("--force"));
    }
}
