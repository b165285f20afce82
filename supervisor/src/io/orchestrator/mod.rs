//! Docker Swarm through the engine of this host: one task carries actions out in order, one listens for changes.
//!
//! Every request is bounded in time, and every action ends as one event. [`read`] turns the engine's terms into the core's,
//! [`mod@write`] carries a change out.

mod read;
mod write;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bollard::Docker;
use bollard::errors::Error;
use bollard::query_parameters::EventsOptionsBuilder;
use futures_util::StreamExt;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use crate::core::Event;
use crate::core::orchestrator::seen::Trouble;
use crate::core::orchestrator::{self, Action};

/// A look ends within this: without a quorum, the engine would let us wait for longer.
const LOOK_MAX: Duration = Duration::from_secs(5);
/// One change ends within this.
const CHANGE_MAX: Duration = Duration::from_secs(10);
/// All changes of one action end within this; what is left over is decided anew.
const ACTION_MAX: Duration = Duration::from_secs(30);
/// A change often comes as several events: one look serves them all.
const SETTLE: Duration = Duration::from_millis(50);
/// Between two tries to listen for events.
const LISTEN_AGAIN: Duration = Duration::from_secs(5);
/// Longer than any request of ours may take: each has its own bound.
const CLIENT_TIMEOUT_SECS: u64 = 3600;

/// Starts both tasks; what is sent into the channel is done in order, each ending as one event.
pub(super) fn start(socket: PathBuf, events: mpsc::Sender<Event>) -> mpsc::UnboundedSender<Action> {
    let (actions, mut wanted) = mpsc::unbounded_channel();
    tokio::spawn(listen(socket.clone(), events.clone()));
    tokio::spawn(async move {
        let mut engine = Engine { socket, this: None };
        while let Some(action) = wanted.recv().await {
            let event = engine.perform(action).await;
            if events.send(Event::Orchestrator(event)).await.is_err() {
                return;
            }
        }
    });
    actions
}

/// A client. Each request connects anew, so one of these costs nothing while idle and never goes stale.
fn client(socket: &Path) -> Result<Docker, Trouble> {
    Docker::connect_with_unix(&socket.to_string_lossy(), CLIENT_TIMEOUT_SECS, bollard::API_DEFAULT_VERSION)
        .map_err(|error| explain(&error))
}

/// The engine of this host.
struct Engine {
    socket: PathBuf,
    /// The id of its node in the Swarm, once it said so.
    this: Option<String>,
}

impl Engine {
    async fn perform(&mut self, action: Action) -> orchestrator::Event {
        match action {
            Action::Look => match timeout(LOOK_MAX, self.look()).await.unwrap_or(Err(Trouble::TimedOut)) {
                Ok(seen) => orchestrator::Event::Seen(Box::new(seen)),
                Err(trouble) => {
                    self.this = None;
                    orchestrator::Event::Silent(trouble)
                }
            },
            Action::Do(changes) => {
                let mut done = 0;
                let carried = async {
                    let docker = client(&self.socket)?;
                    for change in &changes {
                        let ended = timeout(CHANGE_MAX, write::change(&docker, change)).await;
                        ended.unwrap_or(Err(Trouble::TimedOut))?;
                        done += 1;
                    }
                    Ok(())
                };
                let trouble = timeout(ACTION_MAX, carried).await.unwrap_or(Err(Trouble::TimedOut)).err();
                orchestrator::Event::Done { done, trouble }
            }
        }
    }

    async fn look(&mut self) -> Result<orchestrator::seen::Seen, Trouble> {
        let docker = client(&self.socket)?;
        let this = match &self.this {
            Some(this) => this.clone(),
            None => read::this(&docker).await?,
        };
        let seen = read::all(&docker, this.clone()).await?;
        self.this = Some(this);
        Ok(seen)
    }
}

/// Says when nodes or services change. The core looks now and then all the same, so an event that is lost costs time only.
async fn listen(socket: PathBuf, events: mpsc::Sender<Event>) {
    while !events.is_closed() {
        if let Ok(docker) = client(&socket) {
            let filters = HashMap::from([("type", vec!["node", "service"])]);
            let mut stream = std::pin::pin!(
                docker.events(Some(EventsOptionsBuilder::default().filters(&filters).build()))
            );
            while let Some(Ok(_)) = stream.next().await {
                sleep(SETTLE).await;
                if events.send(Event::Orchestrator(orchestrator::Event::Stirred)).await.is_err() {
                    return;
                }
            }
        }
        sleep(LISTEN_AGAIN).await;
    }
}

/// An engine's error in the core's terms. The engine says most of it in words only, the same ones since 17.06.
fn explain(error: &Error) -> Trouble {
    match error {
        Error::DockerResponseServerError { message, .. } => explain_words(message),
        Error::RequestTimeoutError => Trouble::TimedOut,
        Error::JsonDataError { message, .. } => {
            Trouble::Refused(format!("an answer that this supervisor cannot read: {message}"))
        }
        other => Trouble::Unreachable(other.to_string()),
    }
}

fn explain_words(message: &str) -> Trouble {
    let says = |words: &str| message.contains(words);
    if says("out of sequence") {
        Trouble::Stale
    } else if says("Worker nodes can't") || says("is not a swarm manager. Worker") {
        Trouble::NotManager
    } else if says("not a swarm manager") || says("not part of a swarm") {
        Trouble::NoSwarm
    } else if says("does not have a leader") || says("deadline exceeded") || says("lost quorum") {
        Trouble::NoQuorum
    } else {
        Trouble::Refused(message.trim().to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_engine_says_is_told_apart() {
        let worker = "This node is not a swarm manager. Worker nodes can't be used to view or modify cluster state. \
                      Please run this command on a manager node or promote the current node to a manager.";
        let alone = "This node is not a swarm manager. Use \"docker swarm init\" or \"docker swarm join\" to connect \
                     this node to swarm and try again.";
        let headless = "rpc error: code = Unknown desc = The swarm does not have a leader. It's possible that too few \
                        managers are online. Make sure more than half of the managers are online.";
        assert_eq!(explain_words(worker), Trouble::NotManager);
        assert_eq!(explain_words(alone), Trouble::NoSwarm);
        assert_eq!(explain_words(headless), Trouble::NoQuorum);
        assert_eq!(explain_words("rpc error: code = Unknown desc = update out of sequence"), Trouble::Stale);
        assert_eq!(explain_words("no such thing\n"), Trouble::Refused("no such thing".to_owned()));
    }
}
