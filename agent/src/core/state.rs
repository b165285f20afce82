//! What the agent must still know after a crash: its stage, what it changed and how it was before, what it learned.
//!
//! Encoded as postcard with a length, a version and a CRC, so that a file cut at any byte is noticed.

use std::collections::BTreeMap;

use protocol::{OrderId, Stage};
use serde::{Deserialize, Serialize};

use super::energy::{FirstLearned, Learned};
use super::event::{ContainerId, CpuSettings};

/// All that survives a restart.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct State {
    /// The stage at the time of writing.
    pub stage: Stage,
    /// The newest order obeyed.
    pub order: Option<OrderId>,
    /// What was learned of the battery, and its state of charge.
    pub learned: Option<Learned>,
    /// What was changed, and how it was before.
    pub ledger: BTreeMap<ContainerId, Touched>,
    /// How many times the node climbed again right after it recovered.
    pub relapses: u16,
    /// The lowest stage that the node's own readings allowed at the time of writing; the rest of `stage` was ordered.
    pub floor: Stage,
    /// The processor's clock is capped by us, or is about to be.
    pub clock_capped: bool,
}

/// [`State`] as the first version of its file has it.
#[derive(Debug, Deserialize)]
pub struct FirstState {
    stage: Stage,
    order: Option<OrderId>,
    learned: Option<FirstLearned>,
    ledger: BTreeMap<ContainerId, Touched>,
    relapses: u16,
    floor: Stage,
    clock_capped: bool,
}

impl From<FirstState> for State {
    fn from(first: FirstState) -> Self {
        Self {
            stage: first.stage,
            order: first.order,
            learned: first.learned.map(Learned::from),
            ledger: first.ledger,
            relapses: first.relapses,
            floor: first.floor,
            clock_capped: first.clock_capped,
        }
    }
}

/// What we did to one container. Written before it is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Touched {
    /// The CPU settings before our cap; `None` while there is no cap of ours.
    pub cpu_before: Option<CpuSettings>,
    /// We paused it.
    pub paused: bool,
    /// We stopped it.
    pub stopped: bool,
}
