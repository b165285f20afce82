//! What the balancer tells: of HAProxy, of its servers, of the shares.

use std::collections::BTreeMap;
use std::fmt;

use protocol::SupplyName;
use serde::{Deserialize, Serialize};

use super::seen::{Admission, ServerKey, Trouble};
use super::wanted::Why;

/// What is worth a record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "balancer")]
pub enum Note {
    /// HAProxy answers.
    Answers {
        /// Its version.
        version: String,
        /// Its process.
        pid: u32,
    },
    /// It does not answer (any more), or not so that it can be gone by.
    Silent {
        /// Why.
        why: Trouble,
    },
    /// Another process answers: it is told everything anew.
    Restarted {
        /// The process before.
        before: u32,
        /// The process now.
        pid: u32,
    },
    /// A backend that the config names is not there.
    NoBackend {
        /// Its name.
        backend: String,
    },
    /// It refused what it was told.
    Refused {
        /// About which server.
        server: ServerKey,
        /// Its words.
        why: String,
    },
    /// A server is wanted so from here on.
    Server {
        /// Which.
        server: ServerKey,
        /// How.
        to: Admission,
        /// Why.
        why: Why,
    },
    /// The shares moved.
    Weights {
        /// The weight of each supply's nodes.
        weights: BTreeMap<SupplyName, u16>,
    },
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answers { version, pid } => write!(f, "HAProxy {version} answers (process {pid})"),
            Self::Silent { why } => write!(f, "HAProxy: {why}"),
            Self::Restarted { before, pid } => {
                write!(f, "HAProxy was restarted (process {before}, now {pid}): it is told everything anew")
            }
            Self::NoBackend { backend } => write!(f, "HAProxy has no backend {backend:?}"),
            Self::Refused { server, why } => write!(f, "HAProxy refused about {server}: {why}"),
            Self::Server { server, to, why } => write!(f, "server {server}: {to}: {why}"),
            Self::Weights { weights } => {
                f.write_str("shares:")?;
                weights.iter().try_for_each(|(supply, weight)| write!(f, " {supply} {weight}"))
            }
        }
    }
}
