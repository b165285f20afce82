//! `heliostat nodes`: one line a node, for eyes and for `awk`.

use std::fmt::Write as _;
use std::process::ExitCode;

use protocol::{Class, Temperature};
use serde::Serialize;

use super::answer;
use super::look::cut;
use super::place::SocketArgs;
use crate::core::history::class_counts;
use crate::core::view::{NodeView, SCHEMA};
use crate::io::operator::{Answer, Request};

/// What `nodes` is given.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    socket: SocketArgs,
}

/// What is printed as JSON.
#[derive(Debug, Serialize)]
struct Nodes {
    schema: u32,
    nodes: Vec<NodeView>,
}

/// Asks and prints.
pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let nodes = answer::ask(&args.socket, &Request::Status, "its nodes", |answer| match answer {
        Answer::Status(status) => Some(status.fleet.nodes),
        _ => None,
    })?;
    answer::print(args.json, &Nodes { schema: SCHEMA, nodes }, |nodes| render(&nodes.nodes))?;
    Ok(ExitCode::SUCCESS)
}

/// Columns with spaces between, none inside; `-` where nothing is known.
fn render(nodes: &[NodeView]) -> String {
    let mut text = format!(
        "{:16} {:12} {:10} {:8} {:8} {:8} {:>6} {:>5} {:>5} RUN\n",
        "NODE", "SUPPLY", "LINK", "STAGE", "FLOOR", "ORDER", "AGE_S", "CPU_%", "TEMP"
    );
    for node in nodes {
        let stage = |stage: Option<protocol::Stage>| stage.map_or("-", protocol::Stage::name);
        let cpu = node.host.and_then(|host| host.cpu_permille).map(|cpu| f64::from(cpu) / 10.0);
        let temperature = node.host.and_then(|host| host.temperature).map(Temperature::celsius);
        let number = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.0}"));
        let count: String = [Class::Critical, Class::Standard, Class::Deferrable]
            .map(|class| class_counts(node, class))
            .map(|(runs, of)| format!("{runs}/{of}"))
            .join(",");
        let _ = writeln!(
            text,
            "{:16} {:12} {:10} {:8} {:8} {:8} {:>6} {:>5} {:>5} {count}",
            cut(node.name.as_str(), 16),
            cut(node.supply.as_str(), 12),
            node.liveness.to_string().replace(' ', "-"),
            stage(node.stage),
            stage(node.floor),
            stage(node.order.as_ref().map(|order| order.stage)),
            node.silent.map_or_else(|| "-".to_owned(), |silent| silent.0.to_string()),
            number(cpu),
            number(temperature),
        );
    }
    text
}
