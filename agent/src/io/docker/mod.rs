//! Docker's engine: what its containers do, and changes to them.
//!
//! [`watch`] says what is there: a full list on connecting, after each change, and now and then to be sure; it
//! connects again by itself. [`change`](change::change) carries out one change, and ends within a bound. [`list`] turns
//! the engine's terms into the core's. [`claim`] sees to it that one agent alone changes an engine's containers.

pub mod change;
pub mod claim;
pub mod list;
pub mod watch;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bollard::errors::Error;
use tokio::sync::Notify;

use crate::core::event::ActionError;

/// Longer than any request of ours may take: each sets its own bound.
const CLIENT_TIMEOUT_SECS: u64 = 24 * 3600;

/// How to reach one engine.
#[derive(Debug, Clone)]
pub struct Engine {
    /// Its socket.
    socket: PathBuf,
    /// Rung when a fresh list is wanted.
    wanted: Arc<Notify>,
    /// Counts the beginnings and ends of changes: a list that one of them fell into may show what was before it.
    changes: Arc<AtomicU64>,
}

impl Engine {
    /// The engine behind a socket; nothing is touched yet.
    pub fn new(socket: PathBuf) -> Self {
        Self { socket, wanted: Arc::new(Notify::new()), changes: Arc::default() }
    }

    /// Asks [`watch::run`] for a fresh list.
    pub fn want_list(&self) {
        self.wanted.notify_one();
    }

    /// How many changes began or ended so far.
    fn changes(&self) -> u64 {
        self.changes.load(Ordering::Relaxed)
    }

    /// A change begins or ends.
    fn count_change(&self) {
        self.changes.fetch_add(1, Ordering::Relaxed);
    }

    /// A client. Each request connects anew, so one of these costs nothing while idle and never goes stale.
    ///
    /// # Errors
    /// There is no such socket.
    pub fn client(&self) -> Result<bollard::Docker, Error> {
        let socket = self.socket.to_string_lossy();
        bollard::Docker::connect_with_unix(&socket, CLIENT_TIMEOUT_SECS, bollard::API_DEFAULT_VERSION)
    }
}

/// The engine's HTTP status, when it answered with one.
fn status(error: &Error) -> Option<u16> {
    match error {
        Error::DockerResponseServerError { status_code, .. } => Some(*status_code),
        _ => None,
    }
}

/// An engine's error in the core's terms.
fn explain(error: &Error) -> ActionError {
    match error {
        Error::DockerResponseServerError { status_code: 404, .. } => ActionError::NotFound,
        Error::DockerResponseServerError { status_code, message } => {
            ActionError::Refused(format!("{} (HTTP {status_code})", message.trim()))
        }
        Error::RequestTimeoutError => ActionError::TimedOut,
        Error::JsonDataError { message, .. } => {
            ActionError::Refused(format!("an answer that this agent cannot read: {message}"))
        }
        _ => ActionError::Unreachable,
    }
}
