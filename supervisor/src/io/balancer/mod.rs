//! HAProxy's runtime socket: one task, one action at a time, one connection for each command.
//!
//! Every exchange is bounded in time and in bytes, and ends as one event. [`words`] is HAProxy's language.

mod words;

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::core::Event;
use crate::core::balancer::seen::{Change, Command, Refused, Seen, Trouble};
use crate::core::balancer::{self, Action};

/// HAProxy answers one command within this, or counts as silent.
const EXCHANGE_MAX: Duration = Duration::from_secs(2);
/// One action ends within this.
const ACTION_MAX: Duration = Duration::from_secs(10);
/// An answer longer than this is none: a thousand servers take half of it.
const ANSWER_BYTES_MAX: u64 = 1024 * 1024;

/// Starts the task; what is sent into the channel is done in order, each ending as one event.
pub(super) fn start(socket: PathBuf, events: mpsc::Sender<Event>) -> mpsc::UnboundedSender<Action> {
    let (actions, mut wanted) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Some(action) = wanted.recv().await {
            let ended = timeout(ACTION_MAX, perform(&socket, action)).await;
            let event = ended.unwrap_or(balancer::Event::Silent(Trouble::TimedOut));
            if events.send(Event::Balancer(event)).await.is_err() {
                return;
            }
        }
    });
    actions
}

async fn perform(socket: &Path, action: Action) -> balancer::Event {
    let result = match action {
        Action::Look(backends) => {
            look(socket, &backends).await.map(|seen| balancer::Event::Seen(Box::new(seen)))
        }
        Action::Do(commands) => carry_out(socket, commands).await.map(balancer::Event::Done),
    };
    result.unwrap_or_else(balancer::Event::Silent)
}

async fn look(socket: &Path, backends: &[String]) -> Result<Seen, Trouble> {
    let process = words::process(&exchange(socket, "show info").await?)?;
    let mut seen = Seen { process, servers: std::collections::BTreeMap::new(), missing: Vec::new() };
    for backend in backends {
        let state = exchange(socket, &format!("show servers state {backend}")).await?;
        if words::is_missing(&state) {
            seen.missing.push(backend.clone());
            continue;
        }
        let stat = exchange(socket, &format!("show stat {backend} {} -1", words::SERVERS)).await?;
        seen.servers.extend(words::servers(backend, &state, &stat)?);
    }
    Ok(seen)
}

async fn carry_out(socket: &Path, commands: Vec<Command>) -> Result<Vec<Refused>, Trouble> {
    let mut refused = Vec::new();
    for command in commands {
        let lines = if command.change == Change::EndConnected {
            match words::connected(&command.server, &exchange(socket, words::SESSIONS).await?) {
                Ok(sessions) => sessions.iter().map(|session| words::end(session)).collect(),
                Err(why) => {
                    refused.push(Refused { command, why });
                    continue;
                }
            }
        } else {
            words::lines(&command)
        };
        for line in lines {
            let answer = exchange(socket, &line).await?;
            if let Some(why) = words::refusal(&command, &answer) {
                refused.push(Refused { command, why });
                break;
            }
        }
    }
    Ok(refused)
}

/// One command and its whole answer.
async fn exchange(socket: &Path, command: &str) -> Result<String, Trouble> {
    let exchanged = timeout(EXCHANGE_MAX, speak(socket, command)).await;
    let answer = exchanged.map_err(|_elapsed| Trouble::TimedOut)??;
    if words::is_not_allowed(&answer) { Err(Trouble::NotAllowed) } else { Ok(answer) }
}

async fn speak(socket: &Path, command: &str) -> Result<String, Trouble> {
    let unreachable = |error: std::io::Error| Trouble::Unreachable(format!("{}: {error}", socket.display()));
    let mut stream = UnixStream::connect(socket).await.map_err(unreachable)?;
    stream.write_all(format!("{command}\n").as_bytes()).await.map_err(unreachable)?;
    let mut answer = Vec::new();
    stream.take(ANSWER_BYTES_MAX + 1).read_to_end(&mut answer).await.map_err(unreachable)?;
    let unreadable = |why: &str| Trouble::Unreadable { command: command.to_owned(), why: why.to_owned() };
    if answer.len() as u64 > ANSWER_BYTES_MAX {
        return Err(unreadable("it is too long"));
    }
    String::from_utf8(answer).map_err(|_| unreadable("it is no text"))
}
