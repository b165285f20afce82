//! Carries out [`crate::core::release`]: the clock and what the board was doing without, then the containers, then the state file, within a bound.

use std::path::Path;
use std::time::Duration;

use hardware::linux::Root;
use thiserror::Error;
use tokio::time::{sleep, timeout};

use super::clock::Clock;
use super::cpufreq::Cpufreq;
use super::docker::list::{self, CpuCache};
use super::docker::{Engine, change};
use super::freezer::Freezer;
use super::spare::Spare;
use super::state_file::{self, Found, InUse, StateFile};
use crate::config::Config;
use crate::core::action::Action;
use crate::core::event::{ActionError, DockerEvent, Event};
use crate::core::release::{Release, unreachable};
use crate::core::state::State;

/// All is given back within this, or what is left is named: a removal must not hang on a Docker that does.
const WITHIN: Duration = Duration::from_mins(2);
/// The engine answers a list within this.
const LIST_TIMEOUT: Duration = Duration::from_secs(10);

/// Why not all was given back.
#[derive(Debug, Error)]
pub enum ReleaseError {
    /// An agent runs: it would take everything back again.
    #[error("{0}; stop it first: systemctl stop heliostat-agent")]
    Running(#[from] InUse),
    /// What was changed is not known.
    #[error(
        "{path}: {why}: which containers were changed is not known; `docker ps -a` and `docker inspect` show them"
    )]
    Unknown {
        /// The state file.
        path: String,
        /// What is wrong with it.
        why: String,
    },
    /// Docker does not answer, or not in time.
    #[error("still as the agent left them, because Docker {why}: {}. Run this again when Docker answers", .containers.join(", "))]
    Left {
        /// Why.
        why: String,
        /// Ids of containers, as Docker shows them.
        containers: Vec<String>,
    },
    /// A container stays frozen.
    #[error("{container} stays frozen: {why}")]
    Frozen {
        /// Its id, as Docker shows it.
        container: String,
        /// Why.
        why: ActionError,
    },
    /// The clock's cap stays.
    #[error("the processor's clock stays capped: {0}")]
    Clock(ActionError),
    /// A part of the board stays off.
    #[error("a part of the board stays off: {0}")]
    Board(ActionError),
    /// The kernel refuses what every process has.
    #[error("cannot begin: {0}")]
    Kernel(std::io::Error),
    /// Given back, but the next agent does not know.
    #[error("all is given back, but the state file cannot be written: {0}")]
    NotSaved(std::io::Error),
}

/// Gives back what an agent on this config changed. Returns how many containers that were.
///
/// # Errors
/// What is left, and what to do about it.
pub fn run(config: &Config) -> Result<usize, ReleaseError> {
    // A state file that was never written leaves no folder behind either.
    let path = &config.state.path;
    let thaw = || thaw(&mut Freezer::new(&Root::default(), &config.state.frozen));
    let (clock, board) = (Cpufreq::new(&Root::default()).set(None), Spare::new(&Root::default()).give_back());
    let given_back = || clock.map_err(ReleaseError::Clock).and(board.map_err(ReleaseError::Board));
    if matches!(state_file::peek(path, Path::new("/")), Found::Nothing) {
        thaw()?;
        return given_back().map(|()| 0);
    }
    let file = StateFile::take(path, Path::new("/"))?;
    let state = match state_file::peek(path, Path::new("/")) {
        Found::Nothing => State::default(),
        Found::State(state, _) => *state,
        Found::Damaged { why, .. } => {
            return Err(ReleaseError::Unknown { path: path.display().to_string(), why });
        }
    };
    thaw()?;
    let count = state.ledger.len();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let (release, why) = runtime.map_err(ReleaseError::Kernel)?.block_on(give_back(config, &state));
    let after = release.state(state);
    file.save(&after).map_err(ReleaseError::NotSaved)?;
    if !after.ledger.is_empty() {
        let containers = after.ledger.keys().map(ToString::to_string).collect();
        return Err(ReleaseError::Left { why, containers });
    }
    given_back().map(|()| count)
}

/// Thaws what is frozen behind Docker's back.
fn thaw(freezer: &mut Freezer) -> Result<(), ReleaseError> {
    for container in freezer.frozen() {
        freezer
            .thaw(&container)
            .map_err(|why| ReleaseError::Frozen { container: container.to_string(), why })?;
    }
    Ok(())
}

/// Gives back what it can within the bound; the words say what stood in the way, if something did.
async fn give_back(config: &Config, state: &State) -> (Release, String) {
    let mut release = Release::new(&config.containers, state.ledger.clone());
    if state.ledger.is_empty() {
        return (release, String::new());
    }
    let engine = Engine::new(config.containers.socket.clone());
    let mut why = "was not done in time".to_owned();
    let _elapsed = timeout(WITHIN, drive(&engine, &mut release, &mut why)).await;
    (release, why)
}

async fn drive(engine: &Engine, release: &mut Release, why: &mut String) {
    let clock = Clock::start(1.0);
    let mut cache = CpuCache::default();
    loop {
        cache.clear();
        let mut event = match containers(engine, &mut cache).await {
            Ok(event) => event,
            Err(words) => {
                *why = format!("does not answer ({words})");
                release.handle(clock.now(), unreachable(), &mut Vec::new());
                return;
            }
        };
        // Every change's outcome asks for the next change, until none is due.
        loop {
            let mut actions = Vec::new();
            release.handle(clock.now(), event, &mut actions);
            let due = actions.into_iter().find_map(|action| match action {
                Action::Container { id, container, change, .. } => Some((id, container, change)),
                _ => None,
            });
            let Some((action, container, change)) = due else { break };
            let result = change::change(engine, &container, change).await;
            if let Err(error) = &result {
                *why = format!("says of {container}: {error}");
            }
            event = Event::Outcome { action, result };
        }
        match release.next_wake(clock.now()) {
            _ if release.is_done() => return,
            Some(wake) => sleep(clock.until(wake)).await,
            // A container on its way (restarting, being removed): it is looked at again.
            None => sleep(Duration::from_secs(1)).await,
        }
    }
}

async fn containers(engine: &Engine, cache: &mut CpuCache) -> Result<Event, String> {
    let docker = engine.client().map_err(|error| error.to_string())?;
    match timeout(LIST_TIMEOUT, list::all(&docker, cache)).await {
        Ok(Ok(containers)) => Ok(Event::Docker(DockerEvent::Containers(containers))),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_elapsed) => Err(format!("no list within {} s", LIST_TIMEOUT.as_secs())),
    }
}
