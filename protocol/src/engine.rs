//! The restart of a node's container engine: the leader asks for it, the node's agent decides.
//!
//! Spoken from version 3 on ([`VERSION_ENGINE`](crate::version::VERSION_ENGINE)).

use core::fmt;

use serde::{Deserialize, Serialize};

use crate::id::OrderId;
use crate::stage::Stage;
use crate::standing::Words;
use crate::time::Seconds;

/// Why a leader asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EngineReason {
    /// Docker Swarm calls the node down though its agent and its engine answer.
    HeldDown {
        /// For so long.
        since: Seconds,
    },
}

impl fmt::Display for EngineReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::HeldDown { since } => {
                write!(f, "Swarm has called this node down for {since} though it answers")
            }
        }
    }
}

/// Restart the container engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct EngineOrder {
    /// Its number: older ones are refused.
    pub id: OrderId,
    /// Why.
    pub reason: EngineReason,
}

/// Why an engine was not restarted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EngineRefusal {
    /// The agent's config names no way to do it.
    NotConfigured,
    /// A newer plan was obeyed already.
    Older {
        /// The newest.
        newest: OrderId,
    },
    /// The node stops its containers in their order: nobody starts them again meanwhile.
    Saving {
        /// Its stage.
        stage: Stage,
    },
    /// The agent stops, or the node powers itself off.
    Ending,
    /// It is being restarted.
    UnderWay,
    /// It was restarted a short while ago, and that did not help.
    Again {
        /// So long ago.
        after: Seconds,
    },
    /// It did not end in time.
    TimedOut,
    /// It was tried, and failed.
    Failed {
        /// In the words of who refused.
        why: Words<80>,
    },
}

impl fmt::Display for EngineRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotConfigured => f.write_str("its config does not say how: containers.restart"),
            Self::Older { newest } => write!(f, "it obeyed a newer plan already ({newest})"),
            Self::Saving { stage } => write!(f, "it is in {stage}"),
            Self::Ending => f.write_str("its agent stops"),
            Self::UnderWay => f.write_str("that is under way already"),
            Self::Again { after } => write!(f, "that was done {after} ago"),
            Self::TimedOut => f.write_str("it did not end in time"),
            Self::Failed { why } => write!(f, "{why}"),
        }
    }
}

/// What became of an [`EngineOrder`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EngineOutcome {
    /// Which order.
    pub id: OrderId,
    /// Restarted, or why not.
    pub result: Result<(), EngineRefusal>,
}
