//! `heliostat why NODE`: why a node is as it is, and what would change it.

use std::fmt::Write as _;
use std::process::ExitCode;

use super::answer;
use super::look::{Look, wrap};
use super::place::SocketArgs;
use crate::io::operator::{Answer, Request, Why};
use crate::tui::facts::facts;

/// What `why` is given.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The node
    node: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    socket: SocketArgs,
}

/// Asks and prints.
pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let request = Request::Why { node: args.node.clone() };
    let why = answer::ask(&args.socket, &request, "a reason", |answer| match answer {
        Answer::Why(why) => Some(why),
        _ => None,
    })?;
    answer::print(args.json, &why, |why| render(why, Look::of_stdout()))?;
    Ok(ExitCode::SUCCESS)
}

/// The explanation, at most 80 columns wide.
pub(super) fn render(why: &Why, look: Look) -> String {
    let node = &why.node;
    let mut text = String::new();
    let stage = look.stage(node.stage, 0);
    let _ = writeln!(text, "{} is {}, stage {stage}", node.name, look.liveness(node.liveness, 0));
    for (label, words) in facts(node, why.supply.as_ref()) {
        line(&mut text, label, &words);
    }
    if !why.events.is_empty() {
        let _ = writeln!(text, "\nLast events:");
        for entry in &why.events {
            let _ = writeln!(text, "{}", super::events::line(entry));
        }
    }
    text
}

/// A label and its text, wrapped below itself.
fn line(text: &mut String, label: &str, words: &str) {
    let wrapped = wrap(words, 10);
    let _ = writeln!(text, "  {label:8}{}", wrapped.trim_start());
}
