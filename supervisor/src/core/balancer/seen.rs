//! What HAProxy shows, what it is asked, and what it is told: data only. `io` reads and writes HAProxy's own words.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// One server of one backend, by HAProxy's names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ServerKey {
    /// The backend.
    pub backend: String,
    /// The server.
    pub server: String,
}

impl fmt::Display for ServerKey {
    /// As HAProxy's commands write it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.backend, self.server)
    }
}

/// One HAProxy process; another one remembers nothing of what this one was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// Its process id.
    pub pid: u32,
    /// How long it has been running.
    pub uptime: Duration,
    /// As it names itself.
    pub version: String,
}

/// Everything that is looked at, at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Who answered.
    pub process: Process,
    /// The servers of the backends that were asked about. A backend that HAProxy does not have is in `missing`.
    pub servers: BTreeMap<ServerKey, Server>,
    /// The backends that HAProxy does not have.
    pub missing: Vec<String>,
}

/// One server as HAProxy shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// Where it is; `None` for a name that is not resolved.
    pub address: Option<IpAddr>,
    /// Its port.
    pub port: u16,
    /// What an administrator wants of it.
    pub admission: Admission,
    /// Whether HAProxy sends it anything new, as far as its health goes.
    pub up: bool,
    /// Its health check.
    pub check: Check,
    /// Its agent check is configured but was not switched on (a server that was just added).
    pub agent_off: bool,
    /// Its weight, 0 to 256.
    pub weight: u16,
    /// Sessions that it serves now.
    pub sessions: u32,
    /// Requests (where it balances connections: connections) that it was given since HAProxy was started.
    pub requests: u64,
}

/// A server's health check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Check {
    /// There is one.
    pub configured: bool,
    /// It is switched on.
    pub enabled: bool,
    /// What the last one found.
    pub last: LastCheck,
    /// The next one has begun, and is not answered yet, where the last one was answered at once. Of a host that is well that is
    /// seldom seen; of one whose checks take their time it would be seen, and its agent woken, all the time.
    pub pending: bool,
}

/// What a health check found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LastCheck {
    /// Nothing yet.
    #[default]
    None,
    /// It passed.
    Passed,
    /// None of late, but its visitors' connections failed, one after the other: the next check will tell.
    Suspected,
    /// Nobody took the connection in time: the host may be gone.
    TimedOut,
    /// Somebody took the connection and said nothing in time: a host that stands still, or a program that starts.
    Mute,
    /// Somebody answered, and not as wanted: the host is there.
    Failed,
}

/// What an administrator wants of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Admission {
    /// It serves.
    Ready,
    /// It gets nothing new; what it serves ends by itself.
    Drain,
    /// It is out: not even checked.
    Maint,
}

impl fmt::Display for Admission {
    /// As HAProxy's commands write it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Ready => "ready",
            Self::Drain => "drain",
            Self::Maint => "maint",
        })
    }
}

/// One thing HAProxy is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// About which server.
    pub server: ServerKey,
    /// What.
    pub change: Change,
}

/// What is changed about a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// A server that is not there is added. It begins out of service, unchecked.
    Add {
        /// Where it is.
        address: SocketAddr,
        /// Its weight.
        weight: u16,
        /// How its health is checked.
        check: CheckTimes,
        /// The port on which its agent answers `agent-check`, if it does.
        agent_port: Option<u16>,
    },
    /// It is somewhere else.
    Address(SocketAddr),
    /// Its share.
    Weight(u16),
    /// Whether it serves.
    Admission(Admission),
    /// Its sessions end now: nobody will answer them. HAProxy repeats elsewhere what may be repeated.
    EndSessions,
    /// Those of its sessions end now that it has taken; what HAProxy is still connecting goes elsewhere by itself, and would fail if
    /// its session ended.
    EndConnected,
    /// Its health check begins.
    CheckOn,
    /// Its agent check begins; until it answers, the agent counts as well, or a silent one would keep the server down.
    AgentOn,
    /// It goes.
    Delete,
}

/// How a server that is added is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CheckTimes {
    /// Between two checks.
    pub interval: Duration,
    /// So many failures in a row, and it is down.
    pub fall: u8,
    /// So many successes in a row, and it is up again.
    pub rise: u8,
}

/// What HAProxy did not do, in its words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// What it was told.
    pub command: Command,
    /// Its answer.
    pub why: String,
}

/// Why HAProxy gave no answer that can be gone by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum Trouble {
    /// The socket is not there, or nobody listens on it.
    #[error("its socket cannot be reached: {0}")]
    Unreachable(String),
    /// No answer within the bound.
    #[error("no answer in time")]
    TimedOut,
    /// The socket's level is too low: `level admin` is needed.
    #[error("it refuses: the socket needs `level admin`")]
    NotAllowed,
    /// An answer that is not as documented.
    #[error("its answer to `{command}` cannot be read: {why}")]
    Unreadable {
        /// What was asked.
        command: String,
        /// What is wrong with the answer.
        why: String,
    },
}

/// What happens with HAProxy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The answer to [`Action::Look`].
    Seen(Box<Seen>),
    /// The answer to [`Action::Do`]: what it refused.
    Done(Vec<Refused>),
    /// No answer to either.
    Silent(Trouble),
}

/// What is wanted of HAProxy. Each ends, within a bound, as one [`Event`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Look at these backends.
    Look(Vec<String>),
    /// Do this, in order.
    Do(Vec<Command>),
}
