//! `heliostat status`: the fleet on one screen.

use std::fmt::Write as _;
use std::process::ExitCode;

use protocol::{Seconds, Stage};

use super::answer;
use super::look::{self, COLUMNS, Look, Padded, cut, wrap};
use super::place::SocketArgs;
use crate::core::balancer::BackendView;
use crate::core::person::ParkedBy;
use crate::core::view::{AddressView, NodeView, SupplyView};
use crate::core::{JournalState, Liveness};
use crate::io::operator::{Answer, Request, Status};
use crate::tui::counted;

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
    let status = answer::ask(&args.socket, &Request::Status, "its status", |answer| match answer {
        Answer::Status(status) => Some(status),
        _ => None,
    })?;
    answer::print(args.json, &status, |status| render(status, Look::of_stdout()))?;
    Ok(ExitCode::SUCCESS)
}

/// The screen, at most [`COLUMNS`] wide.
pub(super) fn render(status: &Status, look: Look) -> String {
    let fleet = &status.fleet;
    let mut text = String::new();
    let up = Seconds(u32::try_from(fleet.now.as_millis() / 1000).unwrap_or(u32::MAX));
    let head = match &fleet.standby {
        None => format!("Leads with term {}, up {up}, listens on {}", fleet.term, status.listen),
        Some(why) => format!("Stands by, up {up}, listens on {}: {why}", status.listen),
    };
    let _ = writeln!(text, "{}", wrap(&head, 0));
    if fleet.standby.is_some() {
        let leader = fleet.leader.as_ref();
        let words = leader.map_or_else(|| "who leads was not heard yet".to_owned(), ToString::to_string);
        let old = if leader.is_none_or(|leader| leader.old) { "! " } else { "" };
        let _ = writeln!(text, "{}", wrap(&format!("{old}{words}"), 0));
    }
    if let Some(AddressView { seen: Some(seen), offset }) = &fleet.address {
        let held = if seen.held { "here" } else { "not here" };
        let runs = if seen.keepalived_runs { "" } else { "; ! keepalived does not run" };
        let offset = offset.filter(|offset| *offset < 0).map_or_else(String::new, |offset| {
            format!("; this master claims it with {} less than its priority", offset.unsigned_abs())
        });
        let _ = writeln!(text, "{}", wrap(&format!("The address is {held}{offset}{runs}"), 0));
    }
    if let JournalState::Failing { why } = &fleet.journal {
        let _ = writeln!(text, "{}", wrap(&format!("! the journal cannot be written: {why}"), 0));
    }
    for supply in &fleet.supplies {
        render_supply(&mut text, supply);
    }
    for backend in &fleet.backends {
        let _ = writeln!(text, "\n{}", wrap(&traffic(backend), 0));
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
    let nodes = counted(supply.nodes, "node");
    let head = format!("\nSupply {} ({}, {nodes})", supply.name, supply.battery());
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

/// `Backend web (shop): 12.3 requests/s; pi1 8.1, pi2 4.2`.
fn traffic(backend: &BackendView) -> String {
    let pace =
        |pace: Option<f64>| pace.map_or_else(|| "not counted yet".to_owned(), |pace| format!("{pace:.1}"));
    let servers: Vec<_> = backend
        .servers
        .iter()
        .map(|server| format!("{} {}", server.name, pace(server.requests_per_second)))
        .collect();
    let total =
        backend.requests_per_second.map_or_else(String::new, |pace| format!(" {pace:.1} requests/s;"));
    format!("Backend {} ({}):{total} {}", backend.name, backend.service, servers.join(", "))
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
    if let Some(person) = &node.person {
        let _ = writeln!(text, "{}", wrap(&person.to_string(), 4));
    } else if node.liveness == Liveness::Parked {
        let by = match node.parked_by {
            Some(ParkedBy::Person) => "parked by a person",
            Some(ParkedBy::Plan) => "parked by the plan, to save energy",
            Some(ParkedBy::Itself) => "parked by itself: its own readings asked for it",
            None => "parked; why was not heard",
        };
        let _ = writeln!(text, "    {by}");
    }
    if let (Some(silent), Liveness::Late | Liveness::Lost | Liveness::Parked) = (node.silent, node.liveness) {
        let _ = writeln!(text, "    last heard {silent} ago");
    }
}
