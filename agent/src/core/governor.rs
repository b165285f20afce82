//! The processor's clock: capped from `Throttle` on, as it was before at `Normal`.

use std::time::Duration;

use protocol::{Stage, Uptime};

use super::action::{Action, ActionId, FrequencyCap, Ids, Warning};
use super::event::ActionError;

/// A write that failed is tried again after this.
const RETRY: Duration = Duration::from_mins(1);

/// Sees to the cap.
#[derive(Debug, Clone)]
pub struct Governor {
    /// Whether the clock is capped; `None` when an earlier life may have left it so.
    applied: Option<bool>,
    wanted: bool,
    in_flight: Option<(ActionId, bool)>,
    not_before: Uptime,
    /// This board has no such thing.
    unsupported: bool,
}

impl Governor {
    /// Begins; `capped_before` when an earlier life capped the clock, or was about to.
    pub const fn new(capped_before: bool) -> Self {
        let applied = if capped_before { None } else { Some(false) };
        Self { applied, wanted: false, in_flight: None, not_before: Uptime::START, unsupported: false }
    }

    /// Whether the clock may be capped, for the state file: written before it is.
    pub fn is_capped(&self, stage: Stage) -> bool {
        !self.unsupported
            && (stage >= Stage::Throttle || self.applied != Some(false) || self.in_flight.is_some())
    }

    /// Caps or uncaps the clock as the stage wants it.
    pub fn drive(&mut self, now: Uptime, stage: Stage, ids: &mut Ids, actions: &mut Vec<Action>) {
        self.wanted = stage >= Stage::Throttle;
        let settled = self.applied == Some(self.wanted);
        if settled || self.unsupported || self.in_flight.is_some() || now < self.not_before {
            return;
        }
        let id = ids.next();
        self.in_flight = Some((id, self.wanted));
        actions.push(Action::SetFrequencyCap { id, cap: self.wanted.then_some(FrequencyCap::Lowest) });
    }

    /// Takes an outcome; `false` when the action is none of these.
    pub fn outcome(
        &mut self,
        now: Uptime,
        action: ActionId,
        result: &Result<(), ActionError>,
        actions: &mut Vec<Action>,
    ) -> bool {
        let Some((_, capped)) = self.in_flight.take_if(|(id, _)| *id == action) else { return false };
        match result {
            Ok(()) => self.applied = Some(capped),
            Err(ActionError::Unsupported) => self.unsupported = true,
            Err(error) => {
                self.applied = None;
                self.not_before = now + RETRY;
                let what = "cap the processor's clock".to_owned();
                actions.push(Action::Warn(Warning::ActionFailed { what, why: error.to_string() }));
            }
        }
        true
    }

    /// When a write that failed is to be tried again.
    pub fn next_wake(&self) -> Option<Uptime> {
        let waits = self.applied != Some(self.wanted) && !self.unsupported && self.in_flight.is_none();
        waits.then_some(self.not_before)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drive(governor: &mut Governor, second: u64, stage: Stage) -> Vec<Action> {
        let mut actions = Vec::new();
        governor.drive(Uptime::from_secs(second), stage, &mut Ids::default(), &mut actions);
        actions
    }

    #[test]
    fn the_clock_is_capped_below_normal_and_given_back() {
        let mut governor = Governor::new(false);
        assert_eq!(drive(&mut governor, 0, Stage::Normal), []);
        let id = ActionId(1);
        let cap = Some(FrequencyCap::Lowest);
        assert_eq!(drive(&mut governor, 1, Stage::Shed), [Action::SetFrequencyCap { id, cap }]);
        assert_eq!(drive(&mut governor, 2, Stage::Normal), [], "one at a time");
        governor.outcome(Uptime::from_secs(3), id, &Ok(()), &mut Vec::new());
        assert_eq!(drive(&mut governor, 3, Stage::Normal), [Action::SetFrequencyCap { id, cap: None }]);
    }

    #[test]
    fn what_an_earlier_life_capped_is_given_back() {
        let mut governor = Governor::new(true);
        assert!(governor.is_capped(Stage::Normal), "until it is certain");
        assert_eq!(
            drive(&mut governor, 0, Stage::Normal),
            [Action::SetFrequencyCap { id: ActionId(1), cap: None }]
        );
        governor.outcome(Uptime::START, ActionId(1), &Ok(()), &mut Vec::new());
        assert!(!governor.is_capped(Stage::Normal));
    }

    #[test]
    fn a_board_without_it_is_asked_once_and_a_failure_again_after_a_while() {
        let mut governor = Governor::new(false);
        drive(&mut governor, 0, Stage::Shed);
        let mut warnings = Vec::new();
        governor.outcome(Uptime::START, ActionId(1), &Err(ActionError::TimedOut), &mut warnings);
        assert_eq!(warnings.len(), 1);
        assert_eq!(drive(&mut governor, 59, Stage::Shed), []);
        assert_eq!(drive(&mut governor, 60, Stage::Shed).len(), 1);
        governor.outcome(Uptime::from_secs(60), ActionId(1), &Err(ActionError::Unsupported), &mut warnings);
        assert_eq!(drive(&mut governor, 9999, Stage::Shed), []);
    }
}
