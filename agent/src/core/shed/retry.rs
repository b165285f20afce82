//! When a change that did not show may be tried again.

use std::time::Duration;

use protocol::Uptime;

use super::step::Kind;

/// The wait after the first try.
const FIRST: Duration = Duration::from_secs(5);
/// The longest wait.
const LONGEST: Duration = Duration::from_mins(5);

/// Without a try for this long, the next one is a first one again.
const CALM: Duration = Duration::from_mins(10);

/// The tries of one container, by kind of change.
///
/// A try counts when it is made, not when it fails: an engine that says "done" and shows no change (a dry run), and a
/// container that somebody starts again and again, are not hurried either.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Retry {
    tries: [u8; Kind::COUNT],
    not_before: [Uptime; Kind::COUNT],
}

impl Retry {
    /// Notes a try.
    pub(super) fn tried(&mut self, now: Uptime, kind: Kind) {
        let place = kind as usize;
        if now >= self.not_before[place] + CALM {
            self.tries[place] = 0;
        }
        let wait = FIRST * 2_u32.pow(u32::from(self.tries[place].min(8)));
        self.tries[place] = self.tries[place].saturating_add(1);
        self.not_before[place] = now + wait.min(LONGEST);
    }

    /// When the next try of this kind may be made.
    pub(super) const fn not_before(&self, kind: Kind) -> Uptime {
        self.not_before[kind as usize]
    }

    /// Whether this was tried more than a few times.
    pub(super) const fn is_troubled(&self, kind: Kind) -> bool {
        self.tries[kind as usize] > 3
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
        assert!(retry.is_troubled(Kind::Stop) && !retry.is_troubled(Kind::Unpause));
        retry.tried(Uptime::from_secs(300 + 600), Kind::Stop);
        assert_eq!(
            retry.not_before(Kind::Stop),
            Uptime::from_secs(905),
            "after a calm while it is a first try"
        );
    }
}
