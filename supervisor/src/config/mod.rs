//! What the user wrote in `supervisor.toml`, proved before anything runs.
//!
//! Everything has a default: a supervisor without a file serves the agents of its own host. A key that is not known,
//! a value without its unit, or two values that contradict each other are errors that name the file, the key and
//! both numbers. Data only: reading files is the command line's.

mod address;
mod error;
mod file;
mod prove;
mod site;
mod traffic;
mod watch;

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use error::ConfigError;
pub use watch::{Notify, Webhook};

use crate::core::Settings;

/// Where agents find the supervisor when nothing is configured: this host only.
pub const LISTEN_DEFAULT: &str = "127.0.0.1:7464";

/// The journal's file in the data folder.
const JOURNAL_FILE: &str = "journal.db";

/// The history's, beside it.
const HISTORY_FILE: &str = "history.db";

/// The operators' socket, when it lies in the data folder.
const SOCKET_FILE: &str = "supervisor.sock";

/// The whole file, with every default filled in.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Where agents connect.
    pub listen: SocketAddr,
    /// Whether links in clear over a network are wanted.
    pub plaintext: bool,
    /// How long the certificates hold that this supervisor signs for agents.
    pub certificates_valid_for: Duration,
    /// Other supervisors of the cluster.
    pub peers: Vec<SocketAddr>,
    /// Where the journal is kept.
    pub data: PathBuf,
    /// Where operators ask.
    pub socket: PathBuf,
    /// The most records the journal keeps.
    pub journal_rows_max: u32,
    /// The most rows the history keeps.
    pub history_rows_max: u32,
    /// Where the status page and the metrics are served, if they are.
    pub web: Option<SocketAddr>,
    /// Who is told of what matters, if somebody is.
    pub notify: Option<Notify>,
    /// HAProxy's runtime socket, if it is driven.
    pub haproxy_socket: Option<PathBuf>,
    /// Docker's socket, if its Swarm is driven.
    pub docker_socket: Option<PathBuf>,
    /// How keepalived is driven, when it decides who leads.
    pub keepalived: Option<Keepalived>,
    /// What the core goes by.
    pub settings: Settings,
}

/// How keepalived is driven.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keepalived {
    /// The shared address.
    pub ip: IpAddr,
    /// The length of its network's prefix, in bits.
    pub prefix: u8,
    /// The interface that bears it.
    pub interface: String,
    /// This master's own address for adverts; the interface's first one when nothing is said.
    pub source: Option<IpAddr>,
    /// The other masters, for adverts to each; none: adverts go to the whole network.
    pub peers: Vec<IpAddr>,
    /// This master's priority while nothing speaks against it, 1 to 254.
    pub priority: u8,
    /// The number under which the masters share the address, 1 to 254.
    pub router_id: u8,
    /// How often the holder says that it is there. It is missed after three times that.
    pub advert: Duration,
    /// What is written for keepalived: its whole config, or a part that an existing one includes.
    pub file: PathBuf,
    /// Where keepalived reads how much less this master's priority is.
    pub track_file: PathBuf,
    /// Where keepalived says what changed.
    pub fifo: PathBuf,
    /// Where keepalived says its process.
    pub pid_file: PathBuf,
    /// Has keepalived read its config again; none: it is sent SIGHUP.
    pub reload: Vec<String>,
    /// Starts keepalived again; none: somebody else does.
    pub restart: Vec<String>,
    /// Whether keepalived looks if the supervisor runs, and lets the address go where it does not.
    pub watch_supervisor: bool,
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

    /// Proves that nobody on the way can read or forge what is said: on this machine, under the cluster's certificates
    /// (`enrolled`), or as the file says.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Plaintext`].
    pub fn prove_reach(&self, file: &Path, enrolled: bool) -> Result<(), ConfigError> {
        if self.listen.ip().is_loopback() || enrolled || self.plaintext {
            return Ok(());
        }
        Err(ConfigError::Plaintext { file: file.to_owned(), address: self.listen })
    }

    /// Where the journal is.
    pub fn journal_path(&self) -> PathBuf {
        self.data.join(JOURNAL_FILE)
    }

    /// Where the history is.
    pub fn history_path(&self) -> PathBuf {
        self.data.join(HISTORY_FILE)
    }
}

#[cfg(test)]
mod tests;
