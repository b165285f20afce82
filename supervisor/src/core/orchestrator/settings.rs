//! How Docker Swarm is driven.

use std::time::Duration;

/// All of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OrchestratorSettings {
    /// Between two tasks that are moved to a node that came back; `None`: none is.
    pub rebalance: Option<Duration>,
}
