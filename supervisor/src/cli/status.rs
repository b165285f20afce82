//! `heliostat status`: the fleet on one screen.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::bail;
use protocol::{Seconds, Stage};

use super::look::{self, COLUMNS, Look, Padded, cut, wrap};
use super::place::SocketArgs;
use crate::core::view::{NodeView, SupplyView};
use crate::core::{JournalState, Liveness};
use crate::io::ask::Asker;
use crate::io::operator::{Answer, Request, Status};

/// What `status` is given.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    socket: SocketArgs,
}

/// Asks and prints.
pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let status = match Asker::connect(&args.socket.path())?.ask(&Request::Status)? {
        Answer::Status(status) => status,
        Answer::Error { message } => bail!("{message}"),
        _ => bail!("the supervisor answered something else than its status"),
    };
    let mut out = io::stdout().lock();
    if args.json {
        serde_json::to_writer_pretty(&mut out, &status)?;
        writeln!(out)?;
    } else {
        write!(out, "{}", render(&status, Look::of_stdout()))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The screen, at most [`COLUMNS`] wide.
pub(super) fn render(status: &Status, look: Look) -> String {
    let fleet = &status.fleet;
    let mut text = String::new();
    let up = Seconds(u32::try_from(fleet.now.as_millis() / 1000).unwrap_or(u32::MAX));
    let _ = writeln!(text, "Leads with term {}, up {up}, listens on {}", fleet.term, status.listen);
    if let JournalState::Failing { why } = &fleet.journal {
        let _ = writeln!(text, "{}", wrap(&format!("! the journal cannot be written: {why}"), 0));
    }
    for supply in &fleet.supplies {
        render_supply(&mut text, supply);
    }
    if fleet.nodes.is_empty() {
        let _ = writeln!(text, "\nNo node has called yet. Agents find this supervisor on {}.", status.listen);
        return text;
    }
    let _ =
        writeln!(text, "\n{:16} {:10} {:8} {:8} {:8} CONTAINERS", "NODE", "LINK", "STAGE", "FLOOR", "ORDER");
    for node in &fleet.nodes {
        render_node(&mut text, node, look);
    }
    text
}

fn render_supply(text: &mut String, supply: &SupplyView) {
    let head = format!("\nSupply {} ({}, {} nodes)", supply.name, supply.chemistry, supply.nodes);
    let _ = writeln!(text, "{head}");
    let state = match (&supply.energy, &supply.source, supply.age) {
        (Some(energy), Some(source), Some(age)) => {
            format!("{}; measured by {source} {age} ago", look::energy(energy))
        }
        _ => "nobody has measured it yet".to_owned(),
    };
    let _ = writeln!(text, "{}", wrap(&state, 2));
    if let Some(plan) = &supply.plan {
        let words = format!(
            "plan: level {} of {}; with everything on, {} chance to stay above {:.0} until the sun is back in {}",
            plan.level, plan.levels, plan.chance, plan.reserve, plan.sun_in
        );
        let _ = writeln!(text, "{}", wrap(&words, 2));
    }
    if !supply.known {
        let _ = writeln!(text, "  ! its state is not known: nobody is ordered to spend more");
    }
    if let Some(apart) = &supply.disagreement {
        let words = format!(
            "! sensors disagree: {} says {}, {} says {} (lower bounds); the worse rules",
            apart.worse, apart.worse_soc, apart.other, apart.other_soc
        );
        let _ = writeln!(text, "{}", wrap(&words, 2));
    }
}

fn render_node(text: &mut String, node: &NodeView, look: Look) {
    let order = node.order.as_ref().map(|order| order.stage);
    let _ = writeln!(
        text,
        "{} {} {} {} {} {}",
        Padded(&cut(node.name.as_str(), 16), 16),
        look.liveness(node.liveness, 10),
        look.stage(node.stage, 8),
        look.stage(node.floor, 8),
        look.stage(order, 8),
        cut(&look::containers(node), COLUMNS - 55),
    );
    let troubled = node.stage.is_some_and(|stage| stage > Stage::Normal) || node.fault.is_some();
    if let Some(reason) = node.reason.as_ref().filter(|_| troubled && node.liveness == Liveness::Alive) {
        let _ = writeln!(text, "{}", wrap(&reason.to_string(), 4));
    }
    if let (Some(silent), Liveness::Late | Liveness::Lost | Liveness::Parked) = (node.silent, node.liveness) {
        let _ = writeln!(text, "    last heard {silent} ago");
    }
}
