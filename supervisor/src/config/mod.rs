//! What the user wrote in `supervisor.toml`, proved before anything runs.
//!
//! Everything has a default: a supervisor without a file serves the agents of its own host. A key that is not known,
//! a value without its unit, or two values that contradict each other are errors that name the file, the key and
//! both numbers. Data only: reading files is the command line's.

mod file;
mod site;
mod traffic;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

pub use file::ConfigError;

use crate::core::Settings;

/// Where agents find the supervisor when nothing is configured: this host only.
pub const LISTEN_DEFAULT: &str = "127.0.0.1:7464";

/// The journal's file in the data folder.
const JOURNAL_FILE: &str = "journal.db";

/// The operators' socket, when it lies in the data folder.
const SOCKET_FILE: &str = "supervisor.sock";

/// The whole file, with every default filled in.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Where agents connect.
    pub listen: SocketAddr,
    /// Where the journal is kept.
    pub data: PathBuf,
    /// Where operators ask.
    pub socket: PathBuf,
    /// The most records the journal keeps.
    pub journal_rows_max: u32,
    /// HAProxy's runtime socket, if it is driven.
    pub haproxy_socket: Option<PathBuf>,
    /// Docker's socket, if its Swarm is driven.
    pub docker_socket: Option<PathBuf>,
    /// What the core goes by.
    pub settings: Settings,
}

/// What the command line and the host say, before the file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Given {
    /// `--listen`.
    pub listen: Option<SocketAddr>,
    /// `--data`.
    pub data: Option<PathBuf>,
    /// `--socket`.
    pub socket: Option<PathBuf>,
    /// The host's name, if it is a name that a node can have.
    pub host: Option<protocol::NodeName>,
    /// Where this user's data and socket belong when nobody says.
    pub places: Places,
}

/// Where data and socket belong when nobody says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Places {
    /// For the journal.
    pub data: PathBuf,
    /// For the operators' socket.
    pub socket: PathBuf,
}

impl Places {
    /// The system's own places, as a service has them: apart from the agent's, which belong to root.
    pub fn of_system() -> Self {
        Self {
            data: PathBuf::from("/var/lib/heliostat-supervisor"),
            socket: PathBuf::from("/run/heliostat-supervisor/supervisor.sock"),
        }
    }

    /// One folder for both.
    pub fn in_folder(data: &Path) -> Self {
        Self { data: data.to_owned(), socket: data.join(SOCKET_FILE) }
    }
}

impl Config {
    /// Proves a file's text; what the command line gives goes before it.
    ///
    /// # Errors
    ///
    /// The first contradiction, with file, key and both numbers.
    pub fn parse(text: &str, file: &Path, given: Given) -> Result<Self, ConfigError> {
        file::parse(text, file, given)
    }

    /// Where the journal is.
    pub fn journal_path(&self) -> PathBuf {
        self.data.join(JOURNAL_FILE)
    }
}

#[cfg(test)]
mod tests;
