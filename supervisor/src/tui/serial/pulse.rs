//! Whether the far screen is still the one that was written: asked of it every two seconds, in twelve bytes.
//!
//! The last row lies below the scrolling region, and a cursor that is sent down stops where the region ends. A terminal that was
//! switched off and on, or another one in its place, has no such region, and its cursor goes on to the last row: its answer
//! differs, and the picture is written again at once instead of row by row. Terminals that never answer are asked more rarely:
//! nobody can know what they lost, so all their bytes belong to the rows ([`Pulse::is_mute`]).

use std::io::Write as _;
use std::time::Duration;

use protocol::Uptime;

/// It is asked this often.
const EVERY: Duration = Duration::from_secs(2);
/// One that does not answer is asked this often: it may be another by then, or be switched on again; until it says so, the
/// rows' turns bring its picture as fast.
const EVERY_MUTE: Duration = Duration::from_secs(10);
/// After so many questions in a row without an answer it counts as one that never does.
const MUTE_AFTER: u8 = 3;
/// An answer that takes longer does not come: 9600 baud carry both in a fiftieth of that.
const WITHIN: Duration = Duration::from_secs(1);
/// A screen that was written anew so often in a row and still answers otherwise has no regions.
const GIVE_UP: u8 = 3;

/// What is known of the far end.
#[derive(Debug, Default)]
pub struct Pulse {
    asked: Option<Uptime>,
    last: Option<Uptime>,
    answers: Answers,
    wrong: u8,
    /// Questions since the last answer.
    unanswered: u8,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Answers {
    /// None yet.
    #[default]
    Unknown,
    Heard,
    /// It answered once, and does not any more.
    Missed,
}

impl Pulse {
    /// The question, when it is time for it.
    pub fn ask(&mut self, now: Uptime) -> Option<Vec<u8>> {
        if self.asked.is_some_and(|asked| now.since(asked) >= WITHIN) {
            self.asked = None;
            self.unanswered = self.unanswered.saturating_add(1);
            if self.answers == Answers::Heard {
                self.answers = Answers::Missed;
            }
        }
        let every = if self.is_mute() { EVERY_MUTE } else { EVERY };
        let due = self.last.is_none_or(|last| now.since(last) >= every);
        if self.asked.is_some() || !due || self.wrong >= GIVE_UP {
            return None;
        }
        (self.asked, self.last) = (Some(now), Some(now));
        let mut bytes = Vec::new();
        // Writing to a Vec cannot fail.
        let _ = write!(bytes, "\x1b[H\x1b[999B\x1b[6n");
        Some(bytes)
    }

    /// Whether the far end never says where its cursor is, or has ceased to.
    pub const fn is_mute(&self) -> bool {
        self.unanswered >= MUTE_AFTER
    }

    /// The cursor is in this row, counted from one, of a screen with so many. Whether the picture that was written is gone.
    pub fn answered(&mut self, row: u16, height: u16) -> bool {
        if self.asked.take().is_none() {
            return false;
        }
        self.unanswered = 0;
        let missed = std::mem::replace(&mut self.answers, Answers::Heard) == Answers::Missed;
        let right = row == region_end(height);
        self.wrong = if right { 0 } else { self.wrong + 1 };
        missed || !right
    }
}

/// The last row of the scrolling region of a screen with so many rows, counted from one.
pub(super) fn region_end(height: u16) -> u16 {
    height.saturating_sub(1).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Uptime {
        Uptime::START + Duration::from_secs(seconds)
    }

    #[test]
    fn a_screen_that_keeps_its_region_is_left_as_it_is() {
        let mut pulse = Pulse::default();
        for second in (0..60).step_by(2) {
            assert!(pulse.ask(at(second)).is_some());
            assert!(pulse.ask(at(second)).is_none(), "one question at a time");
            assert!(!pulse.answered(23, 24));
        }
    }

    #[test]
    fn a_screen_that_lost_its_region_lost_the_picture_too() {
        let mut pulse = Pulse::default();
        assert!(pulse.ask(at(0)).is_some());
        assert!(!pulse.answered(23, 24));
        assert!(pulse.ask(at(2)).is_some());
        assert!(pulse.answered(24, 24));
    }

    #[test]
    fn one_that_answers_again_after_a_silence_may_be_another() {
        let mut pulse = Pulse::default();
        assert!(pulse.ask(at(0)).is_some());
        assert!(!pulse.answered(23, 24));
        let asked = (2..30).filter(|second| pulse.ask(at(*second)).is_some()).count();
        assert!(asked >= 5, "it goes on asking");
        assert!((30..45).any(|second| pulse.ask(at(second)).is_some()));
        assert!(pulse.answered(23, 24));
    }

    #[test]
    fn one_that_never_answers_is_mute_and_asked_rarely_until_it_does() {
        let mut pulse = Pulse::default();
        let asked = (0..60).filter(|second| pulse.ask(at(*second)).is_some()).count();
        assert!(pulse.is_mute() && (7..=9).contains(&asked), "{asked} times");
        let next = (60..80).find(|second| pulse.ask(at(*second)).is_some());
        assert!(next.is_some() && !pulse.answered(23, 24));
        assert!(!pulse.is_mute());
    }

    #[test]
    fn one_that_never_answers_or_knows_no_regions_is_not_written_to_for_ever() {
        let mut pulse = Pulse::default();
        let mut repaints = 0;
        for second in 0..600 {
            if pulse.ask(at(second)).is_some() && pulse.answered(24, 24) {
                repaints += 1;
            }
        }
        assert_eq!(repaints, GIVE_UP);
        assert!(!Pulse::default().answered(1, 24), "what nobody asked for says nothing");
    }
}
