//! Asking the running supervisor, and printing what it answers: as JSON, or as text for people.

use std::io::{self, Write};

use anyhow::bail;
use serde::Serialize;

use super::place::SocketArgs;
use crate::core::view::{FleetView, SCHEMA};
use crate::io::ask::Asker;
use crate::io::operator::{Answer, Request};

/// Asks, and picks out the answer that fits the question; `what` names it where something else comes.
pub(super) fn ask<T>(
    socket: &SocketArgs,
    request: &Request,
    what: &str,
    pick: impl FnOnce(Answer) -> Option<T>,
) -> anyhow::Result<T> {
    match Asker::connect(&socket.path())?.ask(request)? {
        Answer::Error { message } => bail!("{message}"),
        Answer::UnknownNode { node, known } => {
            bail!(unknown("node", &node, known.iter().map(protocol::NodeName::as_str)));
        }
        answer => match pick(answer) {
            Some(answer) => Ok(answer),
            None => bail!("the supervisor answered something else than {what}"),
        },
    }
}

/// The fleet, for a command that has to know the names in it.
pub(super) fn fleet(socket: &SocketArgs) -> anyhow::Result<FleetView> {
    ask(socket, &Request::Status, "its status", |answer| match answer {
        Answer::Status(status) => Some(status.fleet),
        _ => None,
    })
}

/// That there is nothing of that name, and what there is.
pub(super) fn unknown<'a>(what: &str, name: &str, known: impl Iterator<Item = &'a str>) -> String {
    let known: Vec<_> = known.collect();
    let known = if known.is_empty() { "none yet".to_owned() } else { known.join(", ") };
    let plural = if what == "supply" { "supplies".to_owned() } else { format!("{what}s") };
    format!("there is no {what} {name:?}; known {plural}: {known}")
}

/// Prints an answer.
pub(super) fn print<T: Serialize>(
    json: bool,
    answer: &T,
    text: impl FnOnce(&T) -> String,
) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    if json {
        serde_json::to_writer_pretty(&mut out, answer)?;
        writeln!(out)?;
    } else {
        write!(out, "{}", text(answer))?;
    }
    Ok(())
}

/// An answer that bears no version of its own.
#[derive(Serialize)]
struct Versioned<'a, T> {
    schema: u32,
    #[serde(flatten)]
    answer: &'a T,
}

/// As [`print()`]; JSON gets the version of its form.
pub(super) fn print_versioned<T: Serialize>(
    json: bool,
    answer: &T,
    text: impl FnOnce(&T) -> String,
) -> anyhow::Result<()> {
    print(json, &Versioned { schema: SCHEMA, answer }, |versioned| text(versioned.answer))
}
