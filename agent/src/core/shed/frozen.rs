//! What is frozen by its control group alone, ahead of Docker: begun at once, ended by Docker's own pause, or thawed.
//!
//! Nothing is written to the state file first, for no disk is quick enough: `io` notes it where the note lives exactly as
//! long as the frozen control group does ([`crate::io::freezer`]), and tells it to the next life as
//! [`Event::Frozen`](crate::core::event::Event::Frozen).

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use protocol::Uptime;

use crate::core::action::ActionId;
use crate::core::event::{ActionError, ContainerId};

/// A thaw that failed is tried again after this.
const RETRY: Duration = Duration::from_secs(5);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hold {
    Freezing(ActionId),
    Frozen { not_before: Uptime },
    Thawing(ActionId),
}

/// The frozen containers.
#[derive(Debug, Clone, Default)]
pub(super) struct Frozen {
    holds: BTreeMap<ContainerId, Hold>,
    /// Refused in this dip: not tried again at every event.
    refused: BTreeSet<ContainerId>,
    version: u64,
}

impl Frozen {
    /// Of an earlier life.
    pub(super) fn resume(&mut self, containers: Vec<ContainerId>) {
        let not_before = Uptime::START;
        self.holds.extend(containers.into_iter().map(|id| (id, Hold::Frozen { not_before })));
        self.version += 1;
    }

    /// Changes with everything here.
    pub(super) const fn version(&self) -> u64 {
        self.version
    }

    /// Whether a container stands still by us, as far as is known.
    pub(super) fn holds(&self, id: &ContainerId) -> bool {
        matches!(self.holds.get(id), Some(Hold::Frozen { .. } | Hold::Thawing(_)))
    }

    /// Whether nothing is frozen.
    pub(super) fn is_empty(&self) -> bool {
        self.holds.is_empty()
    }

    /// Whether a freeze of this one may be asked for.
    pub(super) fn may_freeze(&self, id: &ContainerId) -> bool {
        !self.holds.contains_key(id) && !self.refused.contains(id)
    }

    pub(super) fn freezing(&mut self, id: ContainerId, action: ActionId) {
        self.holds.insert(id, Hold::Freezing(action));
    }

    pub(super) fn thawing(&mut self, id: ContainerId, action: ActionId) {
        self.holds.insert(id, Hold::Thawing(action));
    }

    /// The dip is over: what was refused may be tried in the next one.
    pub(super) fn calm(&mut self) {
        self.refused.clear();
    }

    /// What stands still and might be thawed now.
    pub(super) fn ready(&self, now: Uptime) -> impl Iterator<Item = &ContainerId> {
        self.holds.iter().filter_map(move |(id, hold)| match hold {
            Hold::Frozen { not_before } if *not_before <= now => Some(id),
            _ => None,
        })
    }

    /// Docker has paused or stopped it, or it is gone: no longer our affair.
    pub(super) fn handed_over(&mut self, id: &ContainerId) {
        self.version += u64::from(self.holds.remove(id).is_some());
    }

    /// Takes an outcome; the container and what failed, when the action is one of these.
    pub(super) fn outcome(
        &mut self,
        now: Uptime,
        action: ActionId,
        result: &Result<(), ActionError>,
    ) -> Option<(ContainerId, Option<&'static str>)> {
        let mine = |hold: &Hold| matches!(hold, Hold::Freezing(id) | Hold::Thawing(id) if *id == action);
        let id = self.holds.iter().find(|(_, hold)| mine(hold)).map(|(id, _)| id.clone())?;
        let hold = self.holds.get_mut(&id)?;
        self.version += 1;
        let failed = match (*hold, result) {
            (Hold::Freezing(_), Ok(())) => {
                *hold = Hold::Frozen { not_before: now };
                None
            }
            (Hold::Freezing(_), Err(_)) => {
                self.holds.remove(&id);
                self.refused.insert(id.clone());
                Some("freeze")
            }
            // A control group that is gone took its processes with it.
            (_, Ok(()) | Err(ActionError::NotFound)) => {
                self.holds.remove(&id);
                None
            }
            (_, Err(_)) => {
                *hold = Hold::Frozen { not_before: now + RETRY };
                Some("thaw")
            }
        };
        Some((id, failed))
    }

    /// When a thaw that failed is due again.
    pub(super) fn next_wake(&self, now: Uptime) -> Option<Uptime> {
        let waits = self.holds.values().filter_map(|hold| match hold {
            Hold::Frozen { not_before } if *not_before > now => Some(*not_before),
            _ => None,
        });
        waits.min()
    }
}
