//! When the state file is written: at once on what a crash must not lose, now and then on what it may.
//!
//! SD cards die of writes. One write is under way at a time; what comes meanwhile waits and goes out together. At once:
//! what is about to be changed (the write-ahead ledger), the stage, the leader's term, relapses. Within
//! [`TIDY_WITHIN`]: what was given back. Every `state.interval`: what was learned of the battery.

use std::time::Duration;

use protocol::{Stage, Term, Uptime};

use super::action::{Action, ActionId, Ids, Warning};
use super::event::ActionError;
use super::state::State;

/// Between two writes that merely tidy up.
const TIDY_WITHIN: Duration = Duration::from_secs(10);
/// A write that failed is tried again after this.
const RETRY: Duration = Duration::from_secs(5);
/// When no write succeeded for this long, acting unsaved is the lesser evil: a full battery of containers that run on
/// would cost more than limits that a crash might leave lowered.
const HOPELESS_AFTER: Duration = Duration::from_secs(30);

/// What of the state a crash must not lose, in comparable form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Mark {
    /// The stage that the node is in.
    pub stage: Stage,
    /// Its floor.
    pub floor: Stage,
    /// The leader's term.
    pub term: Term,
    /// How often it fell back.
    pub relapses: u16,
    /// Whether the clock is capped.
    pub clock_capped: bool,
    /// The ledger's version in which something was last added.
    pub ledger_grown: u64,
    /// The ledger's version.
    pub ledger: u64,
}

impl Mark {
    /// Whether more than tidying lies between two.
    fn presses(&self, saved: &Self) -> bool {
        Self { ledger: 0, ..*self } != Self { ledger: 0, ..*saved }
    }
}

/// Sees to the state file.
#[derive(Debug, Clone)]
pub struct Keeper {
    interval: Duration,
    saved: Mark,
    in_flight: Option<(ActionId, Mark)>,
    /// When the last write began; the start, before the first.
    last: Option<Uptime>,
    /// Since when no write succeeded, and when the next is tried.
    failing: Option<(Uptime, Uptime)>,
}

impl Keeper {
    /// Begins with what is on disk.
    pub const fn new(interval: Duration, saved: Mark) -> Self {
        Self { interval, saved, in_flight: None, last: None, failing: None }
    }

    /// The version of the ledger that is on disk.
    pub const fn saved_ledger(&self) -> u64 {
        self.saved.ledger
    }

    /// Whether the disk could not be written for so long that changes are made unsaved.
    pub fn is_hopeless(&self, now: Uptime) -> bool {
        self.failing.is_some_and(|(since, _)| now.since(since) >= HOPELESS_AFTER)
    }

    /// Whether the last write failed.
    pub const fn is_failing(&self) -> bool {
        self.failing.is_some()
    }

    /// Whether a write is due.
    pub fn is_due(&mut self, now: Uptime, mark: Mark) -> bool {
        let last = *self.last.get_or_insert(now);
        if self.in_flight.is_some() || self.failing.is_some_and(|(_, retry)| now < retry) {
            return false;
        }
        let tidy = mark != self.saved && now.since(last) >= TIDY_WITHIN;
        mark.presses(&self.saved) || tidy || now.since(last) >= self.interval
    }

    /// Writes now, whatever is under way: the last word before the end.
    pub fn write(
        &mut self,
        now: Uptime,
        mark: Mark,
        ids: &mut Ids,
        state: State,
        actions: &mut Vec<Action>,
    ) -> ActionId {
        let id = ids.next();
        actions.push(Action::SaveState { id, state: Box::new(state) });
        self.in_flight = Some((id, mark));
        self.last = Some(now);
        id
    }

    /// Takes a write's outcome; `false` when the action is none of these.
    pub fn outcome(
        &mut self,
        now: Uptime,
        action: ActionId,
        result: &Result<(), ActionError>,
        actions: &mut Vec<Action>,
    ) -> bool {
        let Some((_, mark)) = self.in_flight.take_if(|(id, _)| *id == action) else { return false };
        match result {
            Ok(()) => {
                self.saved = mark;
                self.failing = None;
            }
            Err(error) => {
                let since = self.failing.map_or(now, |(since, _)| since);
                if self.failing.is_none() {
                    actions.push(Action::Warn(Warning::StateNotSaved { why: error.to_string() }));
                }
                self.failing = Some((since, now + RETRY));
            }
        }
        true
    }

    /// When a write may be due.
    pub fn next_wake(&self, now: Uptime, mark: Mark) -> Option<Uptime> {
        if self.in_flight.is_some() {
            return None;
        }
        if let Some((since, retry)) = self.failing {
            return [retry, since + HOPELESS_AFTER].into_iter().filter(|at| *at > now).min();
        }
        let wait = if mark == self.saved { self.interval } else { TIDY_WITHIN };
        self.last.map(|last| last + wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: Duration = Duration::from_mins(10);

    struct Disk {
        keeper: Keeper,
        ids: Ids,
        writes: Vec<u64>,
    }

    impl Disk {
        fn new() -> Self {
            let mut disk = Self {
                keeper: Keeper::new(INTERVAL, Mark::default()),
                ids: Ids::default(),
                writes: Vec::new(),
            };
            disk.drive(0, Mark::default(), true);
            disk
        }

        fn drive(&mut self, second: u64, mark: Mark, works: bool) -> Vec<Action> {
            let mut actions = Vec::new();
            let now = Uptime::from_secs(second);
            if self.keeper.is_due(now, mark) {
                self.keeper.write(now, mark, &mut self.ids, State::default(), &mut actions);
            }
            if let Some(Action::SaveState { id, .. }) = actions.first() {
                self.writes.push(second);
                let result = if works { Ok(()) } else { Err(ActionError::TimedOut) };
                let id = *id;
                assert!(self.keeper.outcome(now, id, &result, &mut actions));
            }
            actions
        }
    }

    #[test]
    fn what_must_not_be_lost_is_written_at_once_and_the_rest_now_and_then() {
        let mut disk = Disk::new();
        let grown = Mark { ledger_grown: 1, ledger: 1, ..Mark::default() };
        disk.drive(5, grown, true);
        assert_eq!(disk.keeper.saved_ledger(), 1);
        let tidied = Mark { ledger: 4, ..grown };
        for second in 6..1000 {
            disk.drive(second, tidied, true);
        }
        assert_eq!(disk.writes, [5, 15, 615], "at once; tidied ten seconds later; then each interval");
    }

    #[test]
    fn one_write_at_a_time() {
        let mut keeper = Keeper::new(INTERVAL, Mark::default());
        let (mut ids, mut actions) = (Ids::default(), Vec::new());
        for stage in [Stage::Throttle, Stage::Shed, Stage::Drain] {
            let mark = Mark { stage, ..Mark::default() };
            if keeper.is_due(Uptime::START, mark) {
                keeper.write(Uptime::START, mark, &mut ids, State::default(), &mut actions);
            }
        }
        assert_eq!(actions.len(), 1);
    }

    #[test]
    fn a_disk_that_cannot_be_written_is_told_once_and_given_up_on_after_a_while() {
        let mut disk = Disk::new();
        let mark = Mark { stage: Stage::Shed, ..Mark::default() };
        let mut warnings = 0;
        for second in 10..60 {
            let actions = disk.drive(second, mark, false);
            warnings += actions.iter().filter(|action| matches!(action, Action::Warn(_))).count();
            let hopeless = disk.keeper.is_hopeless(Uptime::from_secs(second));
            assert_eq!(hopeless, second >= 40, "at {second} s");
        }
        assert_eq!(warnings, 1);
        assert_eq!(disk.writes.len(), 10, "every five seconds");
        disk.drive(61, mark, true);
        assert!(!disk.keeper.is_failing());
    }
}
