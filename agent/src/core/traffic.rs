//! What a balancer that asks is told: whether this node takes new work, and how large a share.
//!
//! `up` is said only by a node that knows itself: it has read its supply (or was told of it), its Docker answers, and its
//! stage lets it serve. Everything else is `stopped`, with the reason. A sensor that falls silent later is the ladder's: the
//! stage climbs with the age of the last reading, and the answer follows the stage; one sensor often serves many nodes, and
//! all of them out of service at once would be no service at all.
//!
//! The answer never says `drain`, `maint` or `ready`: those are an administrator's words, and `ready` would undo what a
//! supervisor drained. A weight is said only while no supervisor is linked; otherwise that one sets it.
//!
//! A node that begins to drain by its own readings stops nothing for a short **grace**: so long it takes the balancers to
//! hear of it, and requests to end. `Halt` has none.

use std::fmt;
use std::time::Duration;

use protocol::report::Energy;
use protocol::{Fault, Stage, Uptime};

use super::Agent;

/// What a balancer is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Traffic {
    /// The node takes work.
    Takes {
        /// Its share in percent, where nobody else sets it.
        share: Option<u8>,
    },
    /// It takes none.
    Refuses(Why),
}

/// Why a node takes no work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// Its stage.
    Stage(Stage),
    /// Docker does not answer, or was not heard yet.
    Docker,
    /// Nothing was ever read.
    NotYet,
    /// The agent stops, or the node powers off.
    Stopping,
}

impl fmt::Display for Traffic {
    /// As HAProxy's agent-check reads it: words, and what follows `#` is for people.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Takes { share: None } => f.write_str("up"),
            Self::Takes { share: Some(share) } => write!(f, "up {share}%"),
            Self::Refuses(Why::Stage(stage)) => write!(f, "stopped#stage {stage}"),
            Self::Refuses(Why::Docker) => f.write_str("stopped#Docker is silent"),
            Self::Refuses(Why::NotYet) => f.write_str("stopped#nothing was read yet"),
            Self::Refuses(Why::Stopping) => f.write_str("stopped#the agent stops"),
        }
    }
}

impl Agent {
    /// What a balancer is told now.
    pub fn traffic(&self) -> Traffic {
        let stage = self.course.stage();
        if self.terminated || self.ending.is_some() || self.parking.is_off() {
            Traffic::Refuses(Why::Stopping)
        } else if stage >= Stage::Drain {
            Traffic::Refuses(Why::Stage(stage))
        } else if !self.shed.is_up() {
            Traffic::Refuses(Why::Docker)
        } else if self.energy.fault == Some(Fault::NotYet) {
            Traffic::Refuses(Why::NotYet)
        } else {
            Traffic::Takes { share: (!self.reporter.is_linked()).then(|| share(&self.energy)) }
        }
    }
}

/// The state of charge, lower bound, in percent; never 0, and the least where nothing is known.
fn share(energy: &Energy) -> u8 {
    energy.soc.map_or(1, |band| (band.low.fraction() * 100.0).round().clamp(1.0, 100.0) as u8)
}

/// The time between the beginning of `Drain` and the first stop.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Grace {
    span: Duration,
    until: Option<Uptime>,
}

impl Grace {
    pub(super) const fn new(span: Duration) -> Self {
        Self { span, until: None }
    }

    /// The node's stage changed.
    pub(super) fn turned(&mut self, from: Stage, to: Stage, now: Uptime) {
        let begins = from < Stage::Drain && to == Stage::Drain && !self.span.is_zero();
        self.until = begins.then(|| now + self.span);
    }

    /// The stage that containers are to be in: one rung less while the grace lasts.
    pub(super) fn stage(&mut self, stage: Stage, now: Uptime) -> Stage {
        if self.until.is_some_and(|until| now >= until) {
            self.until = None;
        }
        if self.until.is_some() { stage.min(Stage::Drain.descend()) } else { stage }
    }

    /// When it ends.
    pub(super) const fn next_wake(&self) -> Option<Uptime> {
        self.until
    }
}
