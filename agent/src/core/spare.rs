//! Parts of the board that the node does without: always, or from a stage on, and as they were again above it.

use std::time::Duration;

use protocol::{Stage, Uptime};

use super::action::{Action, ActionId, Ids, Warning};
use super::event::ActionError;
use crate::config::{Board, BoardPart};

/// What was refused is tried again after this: a cable may have been moved meanwhile.
const RETRY: Duration = Duration::from_mins(10);

/// Sees to the parts that the config names; the others are left alone.
#[derive(Debug, Clone)]
pub struct Spare(Vec<Watched>);

#[derive(Debug, Clone)]
struct Watched {
    part: BoardPart,
    from: Stage,
    /// Whether it is off; `None` while that is not known, as at the start: an earlier life may have left it so.
    off: Option<bool>,
    wanted: bool,
    in_flight: Option<(ActionId, bool)>,
    not_before: Uptime,
    /// The refusal was told.
    told: bool,
    unsupported: bool,
}

impl Spare {
    /// As configured.
    pub fn new(board: &Board) -> Self {
        let watched = |part| {
            Some(Watched {
                part,
                from: board.part(part).from_stage()?,
                off: None,
                wanted: false,
                in_flight: None,
                not_before: Uptime::START,
                told: false,
                unsupported: false,
            })
        };
        Self(BoardPart::ALL.into_iter().filter_map(watched).collect())
    }

    /// Switches off and gives back as the stage wants it.
    pub fn drive(&mut self, now: Uptime, stage: Stage, ids: &mut Ids, actions: &mut Vec<Action>) {
        for watched in &mut self.0 {
            watched.wanted = stage >= watched.from;
            if watched.is_due() && watched.not_before <= now {
                let id = ids.next();
                watched.in_flight = Some((id, watched.wanted));
                actions.push(Action::SwitchPart { id, part: watched.part, off: watched.wanted });
            }
        }
    }

    /// Takes an outcome; `false` when the action is none of these.
    pub fn outcome(
        &mut self,
        now: Uptime,
        action: ActionId,
        result: &Result<(), ActionError>,
        actions: &mut Vec<Action>,
    ) -> bool {
        let mine =
            |watched: &mut Watched| watched.in_flight.take_if(|(id, _)| *id == action).map(|(_, off)| off);
        let found = self.0.iter_mut().find_map(|watched| mine(watched).map(|off| (watched, off)));
        let Some((watched, off)) = found else { return false };
        match result {
            Ok(()) => {
                watched.off = Some(off);
                watched.told = false;
            }
            Err(error) => {
                watched.off = None;
                watched.unsupported = *error == ActionError::Unsupported;
                watched.not_before = now + RETRY;
                if !std::mem::replace(&mut watched.told, true) {
                    let what = format!("switch {} {}", watched.part, if off { "off" } else { "on again" });
                    actions.push(Action::Warn(Warning::ActionFailed { what, why: error.to_string() }));
                }
            }
        }
        true
    }

    /// When what was refused is to be tried again.
    pub fn next_wake(&self) -> Option<Uptime> {
        self.0.iter().filter(|watched| watched.is_due()).map(|watched| watched.not_before).min()
    }
}

impl Watched {
    fn is_due(&self) -> bool {
        self.off != Some(self.wanted) && self.in_flight.is_none() && !self.unsupported
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Off;

    fn drive(spare: &mut Spare, second: u64, stage: Stage) -> Vec<(ActionId, BoardPart, bool)> {
        // Ids go on by the second, so that no two are alike.
        let (mut ids, mut actions) = (Ids::default(), Vec::new());
        for _ in 0..second * 10 {
            ids.next();
        }
        spare.drive(Uptime::from_secs(second), stage, &mut ids, &mut actions);
        let switched = |action| match action {
            Action::SwitchPart { id, part, off } => (id, part, off),
            other => panic!("{other:?}"),
        };
        actions.into_iter().map(switched).collect()
    }

    fn end(spare: &mut Spare, second: u64, id: ActionId, result: &Result<(), ActionError>) -> Vec<Action> {
        let mut actions = Vec::new();
        assert!(spare.outcome(Uptime::from_secs(second), id, result, &mut actions));
        actions
    }

    #[test]
    fn a_part_is_off_always_or_from_its_stage_on_and_the_others_are_left_alone() {
        let mut spare = Spare::new(&Board { hdmi: Off::Off, radio: Off::On, usb: Off::Shed });
        let begun = drive(&mut spare, 1, Stage::Normal);
        let parts: Vec<_> = begun.iter().map(|&(_, part, off)| (part, off)).collect();
        assert_eq!(
            parts,
            [(BoardPart::Hdmi, true), (BoardPart::Usb, false)],
            "what an earlier life left is given back"
        );
        for (id, _, _) in begun {
            assert_eq!(end(&mut spare, 1, id, &Ok(())), []);
        }
        assert_eq!(drive(&mut spare, 2, Stage::Throttle), []);
        let [(id, BoardPart::Usb, true)] = drive(&mut spare, 3, Stage::Shed)[..] else { panic!() };
        assert_eq!(drive(&mut spare, 4, Stage::Normal), [], "one at a time");
        end(&mut spare, 4, id, &Ok(()));
        assert!(matches!(drive(&mut spare, 5, Stage::Normal)[..], [(_, BoardPart::Usb, false)]));
        assert!(!spare.outcome(Uptime::START, ActionId(9999), &Ok(()), &mut Vec::new()), "nobody's");
    }

    #[test]
    fn a_refusal_is_told_once_and_tried_again_and_what_there_is_not_is_left_alone() {
        let mut spare = Spare::new(&Board { hdmi: Off::Off, radio: Off::Off, usb: Off::On });
        let refused = || Err(ActionError::Refused("the network by wlan0 goes through it".to_owned()));
        let begun = drive(&mut spare, 1, Stage::Normal);
        assert_eq!(end(&mut spare, 1, begun[0].0, &Err(ActionError::Unsupported)).len(), 1);
        assert_eq!(end(&mut spare, 1, begun[1].0, &refused()).len(), 1);
        assert_eq!(spare.next_wake(), Some(Uptime::from_secs(601)));
        assert_eq!(drive(&mut spare, 600, Stage::Normal), []);
        let [(id, BoardPart::Radio, true)] = drive(&mut spare, 601, Stage::Normal)[..] else { panic!() };
        assert_eq!(end(&mut spare, 601, id, &refused()), [], "told once");
        let [(id, ..)] = drive(&mut spare, 1300, Stage::Normal)[..] else { panic!() };
        end(&mut spare, 1300, id, &Ok(()));
        assert_eq!(spare.next_wake(), None);
    }
}
