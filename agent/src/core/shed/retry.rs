//! When a change that did not show may be tried again.

use std::time::Duration;

use protocol::Uptime;

use super::step::Kind;

/// The wait after the first try.
const FIRST: Duration = Duration::from_secs(5);
/// The longest wait.
const LONGEST: Duration = Duration::from_mins(5);

/// The tries of one container, by kind of change. Forgotten once Docker shows what is wanted.
///
/// A try counts when it is made, not when it fails: an engine that says "done" and shows no change (a dry run, a
/// container that a person starts again and again) is not hurried either.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Retry {
    tries: [u8; Kind::COUNT],
    not_before: [Uptime; Kind::COUNT],
}

impl Retry {
    /// Notes a try.
    pub(super) fn tried(&mut self, now: Uptime, kind: Kind) {
        let place = kind as usize;
        let wait = FIRST * 2_u32.pow(u32::from(self.tries[place].min(8)));
        self.tries[place] = self.tries[place].saturating_add(1);
        self.not_before[place] = now + wait.min(LONGEST);
    }

    /// When the next try of this kind may be made.
    pub(super) const fn not_before(&self, kind: Kind) -> Uptime {
        self.not_before[kind as usize]
    }

    /// Whether anything was tried more than a few times in vain.
    pub(super) fn is_troubled(&self) -> bool {
        self.tries.iter().any(|tries| *tries > 3)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_their_bound_and_kinds_do_not_hinder_each_other() {
        let mut retry = Retry::default();
        let mut waits = Vec::new();
        for _ in 0..9 {
            retry.tried(Uptime::START, Kind::Stop);
            waits.push(retry.not_before(Kind::Stop).as_millis() / 1000);
        }
        assert_eq!(waits, [5, 10, 20, 40, 80, 160, 300, 300, 300]);
        assert_eq!(retry.not_before(Kind::Unpause), Uptime::START);
        assert!(retry.is_troubled());
    }
}
