//! Asking the running supervisor, and printing what it answers: as JSON, or as text for people.

use std::io::{self, Write};

use anyhow::bail;
use serde::Serialize;

use super::place::SocketArgs;
use crate::core::view::SCHEMA;
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
            let known: Vec<_> = known.iter().map(ToString::to_string).collect();
            let known = if known.is_empty() { "none yet".to_owned() } else { known.join(", ") };
            bail!("there is no node {node:?}; known nodes: {known}");
        }
        answer => match pick(answer) {
            Some(answer) => Ok(answer),
            None => bail!("the supervisor answered something else than {what}"),
        },
    }
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
