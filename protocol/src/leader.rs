//! Who leads, told to those who stand by.
//!
//! Spoken from version 4 on ([`VERSION_LEADER`](crate::version::VERSION_LEADER)). Supervisors have no links to each other, but
//! every agent has one to each of them: the leader says now and then that it leads, and every agent passes it on to the others
//! at once and keeps nothing. How old it is, whoever hears it counts by its own clock.

use serde::{Deserialize, Serialize};

use crate::id::{NodeName, Term};

/// A supervisor that leads, in its own words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leading {
    /// The node that it runs on. Where masters share an address, that node has it: holding it is what leading means.
    pub node: NodeName,
    /// The term that it leads with.
    pub term: Term,
}
