//! What the LEDs say. Shown on change only; what cannot be shown is not tried for ever.

use std::time::Duration;

use protocol::Uptime;

use super::action::{Action, ActionId, Ids, Lamps};
use super::event::ActionError;

/// LEDs that could not be set are tried again after this.
const RETRY: Duration = Duration::from_mins(1);

/// Sees to the LEDs.
#[derive(Debug, Clone, Default)]
pub struct Lamp {
    shown: Option<Lamps>,
    asked: Option<ActionId>,
    /// The last try failed: when the next may be made.
    not_before: Option<Uptime>,
    unsupported: bool,
}

impl Lamp {
    /// Shows what is not shown yet.
    pub fn drive(&mut self, now: Uptime, lamps: Lamps, ids: &mut Ids, actions: &mut Vec<Action>) {
        let retry = self.not_before.is_some_and(|at| at <= now);
        if self.unsupported || (self.shown == Some(lamps) && !retry) {
            return;
        }
        let id = ids.next();
        actions.push(Action::ShowLamps { id, lamps });
        self.shown = Some(lamps);
        self.asked = Some(id);
        self.not_before = None;
    }

    /// Takes an outcome; `false` when the action is none of these.
    pub fn outcome(&mut self, now: Uptime, action: ActionId, result: &Result<(), ActionError>) -> bool {
        // Only the newest matters: what was shown before is overtaken.
        if self.asked.take_if(|id| *id == action).is_none() {
            return false;
        }
        match result {
            Ok(()) => {}
            Err(ActionError::Unsupported) => self.unsupported = true,
            Err(_) => self.not_before = Some(now + RETRY),
        }
        true
    }

    /// When LEDs that could not be set are tried again.
    pub const fn next_wake(&self) -> Option<Uptime> {
        self.not_before
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::Stage;

    const LAMPS: Lamps = Lamps { stage: Stage::Normal, stale: false, linked: true, fault: false, dim: false };

    #[test]
    fn only_changes_are_shown() {
        let (mut lamp, mut ids, mut actions) = (Lamp::default(), Ids::default(), Vec::new());
        for lamps in [LAMPS, LAMPS, Lamps { stale: true, ..LAMPS }, LAMPS] {
            lamp.drive(Uptime::START, lamps, &mut ids, &mut actions);
        }
        assert_eq!(actions.len(), 3);
    }

    #[test]
    fn a_failure_is_tried_again_later_and_a_board_without_leds_is_left_alone() {
        let (mut lamp, mut ids, mut actions) = (Lamp::default(), Ids::default(), Vec::new());
        lamp.drive(Uptime::START, LAMPS, &mut ids, &mut actions);
        assert!(lamp.outcome(Uptime::START, ActionId(1), &Err(ActionError::TimedOut)));
        lamp.drive(Uptime::from_secs(59), LAMPS, &mut ids, &mut actions);
        assert_eq!(actions.len(), 1);
        lamp.drive(Uptime::from_secs(60), LAMPS, &mut ids, &mut actions);
        assert_eq!(actions.len(), 2);
        lamp.outcome(Uptime::from_secs(60), ActionId(2), &Err(ActionError::Unsupported));
        lamp.drive(Uptime::from_secs(999), Lamps { fault: true, ..LAMPS }, &mut ids, &mut actions);
        assert_eq!(actions.len(), 2);
    }
}
