//! Keeps the core told of what containers there are.

use std::collections::HashMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bollard::Docker;
use bollard::errors::Error;
use bollard::models::EventMessage;
use bollard::query_parameters::{EventsOptions, EventsOptionsBuilder};
use futures_util::StreamExt;
use tokio::sync::mpsc::Sender;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tracing::{debug, info, warn};

use super::Engine;
use super::claim::Claim;
use super::list::{self, CpuCache};
use crate::core::event::{DockerEvent, Event};

/// The engine answers a list within this, or counts as down.
const LIST_TIMEOUT: Duration = Duration::from_secs(10);
/// A change often comes as several events (kill, die, stop): one list serves them all.
const SETTLE: Duration = Duration::from_millis(50);
/// How often a list is taken again because a change fell into it; then it counts as it is, and the core's retries do
/// the rest.
const LIST_TRIES: u32 = 5;
/// Asked anew without any event: finds an engine that hangs, and what its events failed to say.
const REFRESH: Duration = Duration::from_mins(1);
/// Between two tries to connect, doubling.
const BACK_OFF: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));
/// A connection that stood this long was no failure: the next wait is the shortest again.
const STOOD_LONG: Duration = Duration::from_secs(10);
/// The events after which a container differs. Health checks make many others.
const EVENTS: [&str; 10] =
    ["create", "start", "restart", "die", "stop", "destroy", "pause", "unpause", "update", "rename"];

/// Watches for ever: lists into `events`, and [`DockerEvent::Down`] when the engine does not answer (any more).
///
/// While another agent has the engine, it counts as down for this one. A dry run, which changes nothing, needs no claim.
pub async fn run(engine: Engine, events: Sender<Event>, dry_run: bool) {
    let mut back_off = BACK_OFF.0;
    let mut told_down = false;
    let mut claim = None;
    loop {
        let start = Instant::now();
        let mut session = Session { events: &events, cache: CpuCache::default(), up: false };
        let end = match claimed(&engine, &mut claim, dry_run) {
            Ok(()) => session.run(&engine).await,
            Err(why) => End::NoList(why),
        };
        told_down &= !session.up;
        if session.up && start.elapsed() >= STOOD_LONG {
            back_off = BACK_OFF.0;
        }
        match end {
            End::NobodyListens => return,
            // The engine may be well, or be restarting, or give no events to such as us: the next list tells.
            End::StreamBroke(why) => debug!("Docker's events: {why}"),
            End::NoList(why) => {
                if !told_down {
                    warn!("Docker does not answer: {why}");
                    told_down = true;
                }
                if send(&events, DockerEvent::Down).await.is_err() {
                    return;
                }
            }
        }
        // However often a list is wanted, an engine that is down is not asked more than once a second.
        sleep(BACK_OFF.0).await;
        tokio::select! {
            () = sleep(back_off.saturating_sub(BACK_OFF.0)) => back_off = (back_off * 2).min(BACK_OFF.1),
            () = engine.wanted.notified() => {}
        }
    }
}

/// Claims the engine, if that was not done before; or says why not.
fn claimed(engine: &Engine, claim: &mut Option<Claim>, dry_run: bool) -> Result<(), String> {
    if dry_run || claim.is_some() || !engine.socket.exists() {
        return Ok(());
    }
    match Claim::take(&engine.socket) {
        Ok(taken) => *claim = Some(taken),
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {
            return Err(format!(
                "another agent manages the containers of {}: this one leaves them alone (stop one of the two)",
                engine.socket.display()
            ));
        }
        // No such names here (a sandbox): the state file's lock must do.
        Err(error) => debug!("no claim on {}: {error}", engine.socket.display()),
    }
    Ok(())
}

/// How a connection ended.
enum End {
    /// The stream of events broke off.
    StreamBroke(String),
    /// The engine gave no list.
    NoList(String),
    /// The program ends.
    NobodyListens,
}

/// One connection's life.
struct Session<'a> {
    events: &'a Sender<Event>,
    cache: CpuCache,
    up: bool,
}

impl Session<'_> {
    /// Lists, then lists again after each change.
    async fn run(&mut self, engine: &Engine) -> End {
        let docker = match engine.client() {
            Ok(docker) => docker,
            Err(error) => return End::NoList(error.to_string()),
        };
        // From the second before the first list on: no change falls between the list and the stream.
        let mut stream = std::pin::pin!(docker.events(Some(since_now())));
        if let Some(end) = self.list(engine, &docker).await {
            return end;
        }
        let mut refresh_at = Instant::now() + REFRESH;
        let mut settled_at: Option<Instant> = None;
        loop {
            let list_at = settled_at.map_or(refresh_at, |at| at.min(refresh_at));
            tokio::select! {
                biased;
                () = sleep_until(list_at) => {
                    if refresh_at <= Instant::now() {
                        self.cache.clear();
                    }
                    if let Some(end) = self.list(engine, &docker).await {
                        return end;
                    }
                    settled_at = None;
                    refresh_at = Instant::now() + REFRESH;
                }
                () = engine.wanted.notified() => {
                    settled_at.get_or_insert_with(|| Instant::now() + SETTLE);
                }
                message = stream.next() => {
                    if let Some(end) = self.note(message) {
                        return end;
                    }
                    settled_at.get_or_insert_with(|| Instant::now() + SETTLE);
                }
            }
        }
    }

    /// Takes in that something changed; `Some` when the stream is at its end.
    fn note(&mut self, message: Option<Result<EventMessage, Error>>) -> Option<End> {
        match message {
            Some(Ok(message)) => {
                debug!(action = message.action, "Docker event");
                match message.actor.and_then(|actor| actor.id) {
                    Some(id) => self.cache.forget(&id),
                    None => self.cache.clear(),
                }
                None
            }
            Some(Err(error)) => Some(End::StreamBroke(error.to_string())),
            None => Some(End::StreamBroke("the stream ended".to_owned())),
        }
    }

    /// Lists once, and again when a change of ours fell into it: what such a list shows may be overtaken already.
    /// `Some` when this connection is at its end.
    async fn list(&mut self, engine: &Engine, docker: &Docker) -> Option<End> {
        let mut tries = LIST_TRIES;
        let containers = loop {
            let before = engine.changes();
            let containers = match timeout(LIST_TIMEOUT, list::all(docker, &mut self.cache)).await {
                Ok(Ok(containers)) => containers,
                Ok(Err(error)) => return Some(End::NoList(error.to_string())),
                Err(_elapsed) => {
                    return Some(End::NoList(format!("no list within {} s", LIST_TIMEOUT.as_secs())));
                }
            };
            tries -= 1;
            if tries == 0 || engine.changes() == before {
                break containers;
            }
            self.cache.clear();
            sleep(SETTLE).await;
        };
        if !self.up {
            info!(containers = containers.len(), "Docker answers");
            self.up = true;
        }
        send(self.events, DockerEvent::Containers(containers)).await.err().map(|Closed| End::NobodyListens)
    }
}

/// Nobody listens any more: the program ends.
struct Closed;

async fn send(events: &Sender<Event>, event: DockerEvent) -> Result<(), Closed> {
    events.send(Event::Docker(event)).await.map_err(|_| Closed)
}

fn since_now() -> EventsOptions {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let filters = HashMap::from([("type", vec!["container"]), ("event", EVENTS.to_vec())]);
    EventsOptionsBuilder::default().since(&now.as_secs().to_string()).filters(&filters).build()
}
