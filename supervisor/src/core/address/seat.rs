//! Whether this supervisor leads: what was seen of the address, judged.

use std::collections::VecDeque;
use std::time::Duration;

use protocol::{Term, Uptime};

use super::{AddressKind, Role, Sighting, Standby};

/// Who began to lead so many times ...
const BEGINNINGS_MAX: usize = 8;
/// ... within this time has an unsteady address ...
const UNSTEADY_WITHIN: Duration = Duration::from_mins(5);
/// ... and leads again only when it has kept it for so long. Bounds what a flapping network writes to the SD card.
const STEADY_AFTER: Duration = Duration::from_secs(10);

/// So often a greater term is answered with a still greater one ...
const RAISES_MAX: usize = 3;
/// ... within this time. More is a contest.
const RAISED_WITHIN: Duration = Duration::from_secs(30);
/// Two raises are no closer than this. When a split heals, both leaders hear of each other through agents some
/// milliseconds before keepalived has settled who holds the address: that is no contest, and must not become one.
const RAISE_SPACING: Duration = Duration::from_secs(1);
/// Who yields in a contest is quiet for so long; then it looks whether the other still orders.
const YIELD_FOR: Duration = Duration::from_mins(10);

/// A step that waits for the address to move is tried again at every look: after this it is no longer wanted.
const LEAVE_WANTED_FOR: Duration = Duration::from_secs(30);
/// Keepalived moves an address in less than a second. If it does not, the host's battery cannot wait for ever.
const LEAVE_WITHIN: Duration = Duration::from_mins(1);

/// A keepalived that does not start is started again this often ...
const RESTART_EVERY: Duration = Duration::from_secs(30);
/// ... and one that ran and died, no sooner than this after the last time.
const RESTART_SPACING: Duration = Duration::from_secs(5);

/// Where this supervisor stands.
#[derive(Debug, Clone)]
pub(crate) struct Seat {
    kind: AddressKind,
    seen: Option<Sighting>,
    /// Since when the address could be led with.
    held_since: Option<Uptime>,
    role: Role,
    /// When it began to lead, the last few times.
    beginnings: VecDeque<Uptime>,
    /// When it raised its term over another's, the last few times.
    raises: VecDeque<Uptime>,
    /// When the term is to be raised that could not be at once.
    raise_at: Option<Uptime>,
    /// The other's term, and until when this one is quiet.
    yields: Option<(Term, Uptime)>,
    /// The greatest term that agents spoke of.
    heard: Term,
    /// Since when a step has waited for the address to move, and when it was last tried.
    leaving: Option<(Uptime, Uptime)>,
    /// When keepalived was last to be started again, and whether it ran since.
    restarted: Option<(Uptime, bool)>,
}

impl Seat {
    pub(crate) fn new(kind: AddressKind) -> Self {
        let role = match kind {
            AddressKind::Standalone => Role::Leading,
            AddressKind::Keepalived => Role::Standby,
        };
        Self {
            kind,
            seen: None,
            held_since: None,
            role,
            beginnings: VecDeque::new(),
            raises: VecDeque::new(),
            raise_at: None,
            yields: None,
            heard: Term(0),
            leaving: None,
            restarted: None,
        }
    }

    pub(crate) const fn kind(&self) -> AddressKind {
        self.kind
    }

    pub(crate) const fn seen(&self) -> Option<Sighting> {
        self.seen
    }

    /// Whether this host holds an address that another could take.
    pub(crate) fn holds(&self) -> bool {
        self.kind == AddressKind::Keepalived && self.role == Role::Leading
    }

    /// A step waits for the address to move.
    pub(crate) fn want_to_leave(&mut self, now: Uptime) {
        let since = match self.leaving {
            Some((since, tried)) if now.since(tried) < LEAVE_WANTED_FOR => since,
            _ => now,
        };
        self.leaving = Some((since, now));
    }

    /// Whether a step waits for the address to move.
    pub(crate) fn is_leaving(&self, now: Uptime) -> bool {
        self.leaving.is_some_and(|(_, tried)| now.since(tried) < LEAVE_WANTED_FOR)
    }

    /// Whether the address had time enough to move.
    pub(crate) fn waited_enough(&self, now: Uptime) -> bool {
        self.is_leaving(now) && self.leaving.is_some_and(|(since, _)| now.since(since) >= LEAVE_WITHIN)
    }

    /// Whether keepalived is to be started (again) now.
    pub(crate) fn restart_is_due(&mut self, now: Uptime) -> bool {
        let gone = self.seen.is_some_and(|seen| !seen.keepalived_runs);
        let wait = |ran| if ran { RESTART_SPACING } else { RESTART_EVERY };
        let due = gone && self.restarted.is_none_or(|(at, ran)| now.since(at) >= wait(ran));
        if due {
            self.restarted = Some((now, false));
        }
        due
    }

    pub(crate) const fn role(&self) -> Role {
        self.role
    }

    /// The greatest term that agents spoke of.
    pub(crate) const fn heard(&self) -> Term {
        self.heard
    }

    /// An agent spoke of a term.
    pub(crate) fn hear(&mut self, term: Term) {
        self.heard = self.heard.max(term);
    }

    /// Takes in what was seen; whether keepalived came or went since the last time.
    pub(crate) fn see(&mut self, now: Uptime, sighting: Sighting) -> bool {
        let before = self.seen.replace(sighting);
        if let Some((_, ran)) = &mut self.restarted {
            *ran |= sighting.keepalived_runs;
        }
        if sighting.held && sighting.keepalived_runs {
            self.held_since.get_or_insert(now);
        } else {
            // Who does not hold the address contests nothing.
            (self.held_since, self.yields, self.raise_at) = (None, None, None);
            self.raises.clear();
        }
        before.map_or(!sighting.keepalived_runs, |before| before.keepalived_runs != sighting.keepalived_runs)
    }

    /// Whether another's term is answered with a greater one now. Too soon after the last one it is at [`Self::next_wake`];
    /// too often, and this supervisor yields.
    pub(crate) fn may_raise(&mut self, over: Term, now: Uptime) -> bool {
        if self.kind == AddressKind::Standalone {
            return true;
        }
        if let Some(last) = self.raises.back().filter(|last| now.since(**last) < RAISE_SPACING) {
            self.raise_at.get_or_insert(*last + RAISE_SPACING);
            return false;
        }
        self.raise_at = None;
        while self.raises.front().is_some_and(|at| now.since(*at) >= RAISED_WITHIN) {
            self.raises.pop_front();
        }
        if self.raises.len() < RAISES_MAX {
            self.raises.push_back(now);
            return true;
        }
        self.yields = Some((over, now + YIELD_FOR));
        false
    }

    /// Whether a raise that had to wait is due.
    pub(crate) fn raise_is_due(&self, now: Uptime) -> bool {
        self.raise_at.is_some_and(|at| now >= at)
    }

    /// Why it does not lead; `None` if it may.
    pub(crate) fn standby(&self, now: Uptime) -> Option<Standby> {
        if self.kind == AddressKind::Standalone {
            return None;
        }
        match (self.seen, self.held_since) {
            (None, _) => Some(Standby::NotLooked),
            (Some(seen), _) if !seen.held => Some(Standby::NotHeld),
            (Some(_), None) => Some(Standby::KeepalivedGone),
            (Some(_), Some(since)) => match self.yields {
                Some((term, until)) if now < until => Some(Standby::Contested { term }),
                _ => self.is_unsteady(since, now).then_some(Standby::Unsteady),
            },
        }
    }

    fn is_unsteady(&self, since: Uptime, now: Uptime) -> bool {
        let recent = self.beginnings.iter().filter(|at| now.since(**at) < UNSTEADY_WITHIN).count();
        self.role == Role::Standby && recent >= BEGINNINGS_MAX && now.since(since) < STEADY_AFTER
    }

    /// Judges the role anew; says when it changed.
    pub(crate) fn judge(&mut self, now: Uptime) -> Option<Role> {
        let role = if self.standby(now).is_none() { Role::Leading } else { Role::Standby };
        if role == self.role {
            return None;
        }
        self.role = role;
        if role == Role::Leading {
            self.yields = None;
            self.raises.clear();
            if self.beginnings.len() == BEGINNINGS_MAX {
                self.beginnings.pop_front();
            }
            self.beginnings.push_back(now);
        }
        Some(role)
    }

    /// When the role must be judged again though nothing happens.
    pub(crate) fn next_wake(&self) -> Option<Uptime> {
        if self.role == Role::Leading {
            return self.raise_at;
        }
        let steady = self.held_since.map(|since| since + STEADY_AFTER);
        let quiet = self.yields.map(|(_, until)| until);
        steady.max(quiet).filter(|_| self.held_since.is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HELD: Sighting = Sighting { held: true, keepalived_runs: true };
    const GONE: Sighting = Sighting { held: false, keepalived_runs: true };

    fn at(seconds: u64) -> Uptime {
        Uptime::from_secs(seconds)
    }

    #[test]
    fn a_standalone_supervisor_leads_whatever_is_seen() {
        let mut seat = Seat::new(AddressKind::Standalone);
        seat.see(at(1), GONE);
        assert_eq!((seat.judge(at(1)), seat.role()), (None, Role::Leading));
    }

    #[test]
    fn it_leads_while_it_holds_the_address_and_keepalived_keeps_it_there() {
        let mut seat = Seat::new(AddressKind::Keepalived);
        assert_eq!((seat.judge(at(1)), seat.standby(at(1))), (None, Some(Standby::NotLooked)));
        seat.see(at(2), HELD);
        assert_eq!(seat.judge(at(2)), Some(Role::Leading), "within the same event");
        seat.see(at(3), Sighting { held: true, keepalived_runs: false });
        assert_eq!(seat.judge(at(3)), Some(Role::Standby), "an address that is left behind is no leadership");
        assert_eq!(seat.standby(at(3)), Some(Standby::KeepalivedGone));
    }

    #[test]
    fn an_address_that_comes_and_goes_leads_only_after_it_stayed() {
        let mut seat = Seat::new(AddressKind::Keepalived);
        for second in 0..8 {
            seat.see(at(second), HELD);
            assert_eq!(seat.judge(at(second)), Some(Role::Leading));
            seat.see(at(second), GONE);
            assert_eq!(seat.judge(at(second)), Some(Role::Standby));
        }
        seat.see(at(10), HELD);
        assert_eq!((seat.judge(at(10)), seat.standby(at(10))), (None, Some(Standby::Unsteady)));
        assert_eq!(seat.next_wake(), Some(at(20)));
        assert_eq!(seat.judge(at(20)), Some(Role::Leading));
    }

    #[test]
    fn a_contest_of_terms_ends_with_one_of_the_two_being_quiet() {
        let mut seat = Seat::new(AddressKind::Keepalived);
        seat.see(at(0), HELD);
        seat.judge(at(0));
        assert!((1..4).all(|second| seat.may_raise(Term(second), at(second))));
        assert!(!seat.may_raise(Term(9), at(4)));
        assert_eq!(seat.judge(at(4)), Some(Role::Standby));
        assert_eq!(seat.standby(at(4)), Some(Standby::Contested { term: Term(9) }));
        assert_eq!(seat.next_wake(), Some(at(604)));
        assert_eq!(seat.judge(at(604)), Some(Role::Leading), "and looks again later");
    }

    #[test]
    fn a_burst_of_terms_while_a_split_heals_is_one_raise_and_another_that_waits() {
        let mut seat = Seat::new(AddressKind::Keepalived);
        seat.see(at(0), HELD);
        seat.judge(at(0));
        let tries =
            (0..50).filter(|millis| seat.may_raise(Term(9), Uptime::from_millis(5_000 + millis))).count();
        assert_eq!(tries, 1);
        assert_eq!((seat.judge(at(5)), seat.next_wake()), (None, Some(at(6))), "it leads on");
        assert!(!seat.raise_is_due(at(5)) && seat.raise_is_due(at(6)));
    }

    #[test]
    fn who_lost_the_address_after_a_contest_leads_at_once_when_it_comes_again() {
        let mut seat = Seat::new(AddressKind::Keepalived);
        seat.see(at(0), HELD);
        seat.judge(at(0));
        assert!(!(1..5).all(|second| seat.may_raise(Term(second), at(second))));
        seat.judge(at(5));
        seat.see(at(6), GONE);
        seat.see(at(60), HELD);
        assert_eq!(seat.judge(at(60)), Some(Role::Leading));
    }

    #[test]
    fn raises_far_apart_are_no_contest() {
        let mut seat = Seat::new(AddressKind::Keepalived);
        assert!((0..9).all(|turn| seat.may_raise(Term(turn), at(turn * 31))));
    }
}
