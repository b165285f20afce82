//! Everything the agent decides. `Event -> core -> Action`: no clock, no I/O, no randomness, no async.
//!
//! A reading's way: [`reading::Reading`] -> `filter` (believable?) -> `energy` (how much is left?) -> `policy` (which
//! stage, why?) -> `shed` (which containers?), `lamp`, `report`. Orders of a leader enter at `orders` and can only
//! make a node more careful than its own floor.

use std::time::Duration;

use protocol::report::Energy;
use protocol::{BootId, NodeName, Reason, Soc, Stage, Uptime};

pub mod action;
pub mod energy;
pub mod event;
pub mod reading;
pub mod state;

use crate::config::Config;
use action::Action;
use energy::Estimator;
use event::Event;
use state::State;

/// One node's agent: its whole state, and what it decides.
#[derive(Debug, Clone)]
pub struct Agent {
    node: NodeName,
    boot: BootId,
    estimator: Estimator,
    stage: Stage,
    floor: Stage,
    reason: Reason,
}

impl Agent {
    /// Starts from the config, and from what an earlier life wrote down.
    ///
    /// `state` is `None` at the very first start, or when the state file was lost. `off_for` is how long ago it was
    /// written; `None` when that is not known (no clock at boot).
    pub fn new(
        config: &Config,
        node: NodeName,
        boot: BootId,
        state: Option<State>,
        off_for: Option<Duration>,
    ) -> Self {
        let learned = state.as_ref().and_then(|state| state.learned.as_ref());
        let stage = state.as_ref().map_or(Stage::Normal, |state| state.stage);
        let reason = if state.is_some() { Reason::Resumed { stage } } else { Reason::Clear };
        Self {
            node,
            boot,
            estimator: Estimator::new(config.battery.clone(), learned, off_for),
            stage,
            floor: stage,
            reason,
        }
    }

    /// Takes an event and appends what is to be done to `actions`, in order. `now` never goes backwards.
    pub fn handle(&mut self, now: Uptime, event: Event, actions: &mut Vec<Action>) {
        if let Event::Sensor { reading: Ok(sample), .. } = event {
            self.estimator.observe(now, &sample);
        }
        let _ = actions;
    }

    /// When [`Event::Tick`] is wanted at the latest; `None` while nothing waits for time to pass.
    pub fn next_wake(&self) -> Option<Uptime> {
        None
    }

    /// A state of charge that a person vouches for (`replay --soc`).
    pub fn assume_soc(&mut self, soc: Soc) {
        self.estimator.assume_soc(soc);
    }

    /// The node's name.
    pub const fn node(&self) -> &NodeName {
        &self.node
    }

    /// This life of the agent.
    pub const fn boot(&self) -> BootId {
        self.boot
    }

    /// What the node does.
    pub const fn stage(&self) -> Stage {
        self.stage
    }

    /// The lowest stage that its own readings allow.
    pub const fn floor(&self) -> Stage {
        self.floor
    }

    /// Why it is in its stage.
    pub const fn reason(&self) -> &Reason {
        &self.reason
    }

    /// What is known of the supply at `now`.
    pub fn energy(&self, now: Uptime) -> Energy {
        self.estimator.energy(now)
    }
}
