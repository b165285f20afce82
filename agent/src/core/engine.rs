//! The container engine's restart, which the leader may ask for: a Swarm that holds a node down though it answers takes it
//! back from a new process only.
//!
//! It costs every container of this node a moment, so it is the owner's to allow (`containers.restart`), never while the node
//! stops its containers in their order, and not again soon: what one restart did not heal, the next will not.

use std::time::Duration;

use protocol::engine::EngineRefusal;
use protocol::standing::Words;
use protocol::{OrderId, Seconds, Stage, Uptime};

use super::Asked;
use super::action::ActionId;
use super::event::{ActionError, SupervisorId};

/// Once restarted, the engine is not restarted again sooner.
pub const AGAIN: Duration = Duration::from_mins(5);

/// What is known of restarts.
#[derive(Debug, Clone)]
pub struct EngineRestart {
    /// Whether the config says how.
    configured: bool,
    under_way: Option<(ActionId, Asked)>,
    /// When the last one began.
    last: Option<Uptime>,
}

impl EngineRestart {
    pub(super) const fn new(configured: bool) -> Self {
        Self { configured, under_way: None, last: None }
    }

    /// Whether the engine may be restarted now.
    pub(super) fn admit(&self, now: Uptime, stage: Stage) -> Result<(), EngineRefusal> {
        if !self.configured {
            return Err(EngineRefusal::NotConfigured);
        }
        if self.under_way.is_some() {
            return Err(EngineRefusal::UnderWay);
        }
        if stage >= Stage::Drain {
            return Err(EngineRefusal::Saving { stage });
        }
        match self.last.map(|last| now.since(last)).filter(|after| *after < AGAIN) {
            Some(after) => Err(EngineRefusal::Again { after: Seconds::from(after) }),
            None => Ok(()),
        }
    }

    /// It begins.
    pub(super) fn begin(&mut self, now: Uptime, action: ActionId, supervisor: SupervisorId, order: OrderId) {
        self.under_way = Some((action, Asked { supervisor, order }));
        self.last = Some(now);
    }

    /// It ended, if this action was it: who asked.
    pub(super) fn ended(&mut self, action: ActionId) -> Option<Asked> {
        self.under_way.take_if(|(under_way, _)| *under_way == action).map(|(_, asked)| asked)
    }
}

/// What a failure is to who asked.
pub(super) fn refusal(error: &ActionError) -> EngineRefusal {
    match error {
        ActionError::TimedOut => EngineRefusal::TimedOut,
        other => EngineRefusal::Failed { why: Words::cut(&other.to_string()) },
    }
}
