//! `heliostat why NODE`: why a node is as it is, and what would change it.

use std::fmt::Write as _;
use std::process::ExitCode;

use protocol::Stage;

use super::answer;
use super::look::{self, Look, wrap};
use super::place::SocketArgs;
use crate::core::Liveness;
use crate::core::view::{NodeView, OrderView, Outlook, SupplyView};
use crate::io::operator::{Answer, Request, Why};

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
    line(
        &mut text,
        "because",
        &node.reason.as_ref().map_or_else(|| "it has not reported yet".to_owned(), ToString::to_string),
    );
    line(&mut text, "floor", &floor(node));
    line(
        &mut text,
        "order",
        &node.order.as_ref().map_or_else(|| "none: it goes by its own floor".to_owned(), order),
    );
    if let Some(person) = &node.person {
        line(&mut text, "person", &person.to_string());
    }
    line(&mut text, "supply", &supply(node, why.supply.as_ref()));
    line(&mut text, "turn", &format!("sheds {} of {} on this supply", node.place, node.of));
    if let Some(fault) = node.fault {
        line(&mut text, "sensor", &format!("gives nothing that may be believed: {fault}"));
    }
    for change in changes(node.liveness, &node.outlook) {
        line(&mut text, "next", &change);
    }
    for (index, container) in node.containers.iter().enumerate() {
        line(&mut text, if index == 0 { "runs" } else { "" }, &look::container(container));
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

fn floor(node: &NodeView) -> String {
    match node.floor {
        None => "not known yet".to_owned(),
        Some(Stage::Normal) => "normal: its own readings allow everything".to_owned(),
        Some(floor) => format!("{floor}: its own readings allow nothing less careful"),
    }
}

fn order(order: &OrderView) -> String {
    let id = order.id.map_or_else(|| "not sent yet".to_owned(), |id| format!("order {id}"));
    let answer = match order.answer {
        Some(Ok(stage)) => format!(", obeyed in {stage}"),
        Some(Err(_)) => ", refused".to_owned(),
        None => String::new(),
    };
    format!("{} for {} ({id}{answer}): {}", order.stage, order.since, order.reason)
}

fn supply(node: &NodeView, supply: Option<&SupplyView>) -> String {
    let Some(supply) = supply else { return format!("{}: nothing is known", node.supply) };
    let state = supply.energy.as_ref().map_or_else(|| "never measured".to_owned(), look::energy);
    let plan = supply.plan.as_ref().map_or_else(String::new, |plan| {
        let (sun, within, load) = (plan.sun, plan.within, plan.load);
        format!("; the sun brings about {sun:.0} within {within}, everything takes {load:.0}")
    });
    let unknown = if supply.known { "" } else { "; not known well enough to spend more" };
    format!("{}: {state} ({}){plan}{unknown}", supply.name, look::age(supply.age))
}

/// What would make the leader change its order.
fn changes(liveness: Liveness, outlook: &Outlook) -> Vec<String> {
    let charging = if outlook.needs_charging { " while the battery charges" } else { "" };
    let verb = if liveness == Liveness::Parked { "is woken" } else { "may come one rung back" };
    let save = outlook.save_below.map(|soc| format!("one rung more careful below SoC {soc} (lower bound)"));
    let spend = outlook.spend_above.map(|soc| format!("{verb} above SoC {soc} (lower bound){charging}"));
    save.into_iter().chain(spend).collect()
}
