//! How long something has been true without a break.

use std::time::Duration;

use protocol::Uptime;

/// A condition's clock: runs while the condition holds, starts anew when it breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Hold {
    since: Option<Uptime>,
}

impl Hold {
    /// Notes whether the condition holds at `now`.
    pub(super) fn note(&mut self, now: Uptime, holds: bool) {
        if holds {
            self.since.get_or_insert(now);
        } else {
            self.since = None;
        }
    }

    /// Starts anew.
    pub(super) const fn reset(&mut self) {
        self.since = None;
    }

    /// Whether the condition holds at all.
    pub(super) const fn holds(&self) -> bool {
        self.since.is_some()
    }

    /// For how long, once it is at least `span`.
    pub(super) fn held(&self, now: Uptime, span: Duration) -> Option<Duration> {
        self.since.map(|since| now.since(since)).filter(|held| *held >= span)
    }

    /// When it will have held for `span`, if it holds now.
    pub(super) fn due(&self, span: Duration) -> Option<Uptime> {
        self.since.map(|since| since + span)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_break_starts_the_clock_anew() {
        let mut hold = Hold::default();
        let (at, span) = (Uptime::from_secs, Duration::from_secs(10));
        hold.note(at(0), true);
        hold.note(at(5), true);
        assert_eq!(hold.held(at(9), span), None);
        assert_eq!(hold.held(at(12), span), Some(Duration::from_secs(12)));
        assert_eq!(hold.due(span), Some(at(10)));
        hold.note(at(12), false);
        hold.note(at(13), true);
        assert_eq!(hold.held(at(20), span), None);
    }
}
