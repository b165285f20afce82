//! Who may give orders here: everybody who reached the dashboard, nobody, or who knows a PIN.

use std::time::Duration;

use protocol::Uptime;

/// An unlocked screen locks itself when nobody touched it for so long.
const UNLOCKED_FOR: Duration = Duration::from_mins(5);
/// After so many wrong PINs ...
const WRONG_MAX: u8 = 3;
/// ... none is taken for this long: four digits then take days to try.
const BLOCKED_FOR: Duration = Duration::from_mins(2);
/// No PIN is longer.
const PIN_MAX: usize = 32;

/// Who may give orders.
#[derive(Debug, Clone)]
pub enum Rights {
    /// Nobody.
    ReadOnly,
    /// Whoever sits here.
    Operator,
    /// Who knows the PIN.
    Pin(Lock),
}

/// A screen that a PIN opens.
#[derive(Clone)]
pub struct Lock {
    pin: String,
    typed: String,
    touched: Option<Uptime>,
    wrong: u8,
    blocked: Option<Uptime>,
}

/// The PIN stays out of every log.
impl std::fmt::Debug for Lock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lock").field("wrong", &self.wrong).finish_non_exhaustive()
    }
}

impl Lock {
    /// Locked, under this PIN; `None` for one of less than four characters, or too many.
    pub fn new(pin: &str) -> Option<Self> {
        let fits = (4..=PIN_MAX).contains(&pin.len()) && pin.chars().all(|c| c.is_ascii_graphic());
        fits.then(|| Self {
            pin: pin.to_owned(),
            typed: String::new(),
            touched: None,
            wrong: 0,
            blocked: None,
        })
    }

    /// Whether it is open; looking at it as a person who just pressed a key keeps it open.
    pub(super) fn is_open(&mut self, now: Uptime) -> bool {
        let open = self.touched.is_some_and(|touched| now.since(touched) < UNLOCKED_FOR);
        self.touched = open.then_some(now);
        open
    }

    /// How long no PIN is taken, if none is.
    pub(super) fn blocked(&self, now: Uptime) -> Option<Duration> {
        self.blocked.map(|until| until.since(now)).filter(|left| !left.is_zero())
    }

    pub(super) fn type_in(&mut self, character: char) {
        if self.typed.len() < PIN_MAX && character.is_ascii_graphic() {
            self.typed.push(character);
        }
    }

    pub(super) fn rub_out(&mut self) {
        self.typed.pop();
    }

    pub(super) fn forget(&mut self) {
        self.typed.clear();
    }

    /// How many characters were typed.
    pub(super) fn typed(&self) -> usize {
        self.typed.len()
    }

    /// Takes what was typed; whether it was right.
    pub(super) fn enter(&mut self, now: Uptime) -> bool {
        let typed = std::mem::take(&mut self.typed);
        if self.blocked(now).is_some() {
            return false;
        }
        // Looks at every byte, so that the time tells nothing of how far a guess was right.
        let differ = typed.bytes().zip(self.pin.bytes()).fold(0, |differ, (a, b)| differ | (a ^ b));
        if typed.len() == self.pin.len() && differ == 0 {
            (self.wrong, self.touched) = (0, Some(now));
            return true;
        }
        self.wrong += 1;
        if self.wrong >= WRONG_MAX {
            (self.wrong, self.blocked) = (0, Some(now + BLOCKED_FOR));
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn enter(lock: &mut Lock, pin: &str, now: Uptime) -> bool {
        pin.chars().for_each(|character| lock.type_in(character));
        lock.enter(now)
    }

    #[test]
    fn only_the_pin_opens_and_not_for_ever() {
        let mut lock = Lock::new("4711").unwrap();
        let now = Uptime::START;
        assert!(!enter(&mut lock, "471", now) && !enter(&mut lock, "47111", now) && !lock.is_open(now));
        assert!(enter(&mut lock, "4711", now) && lock.is_open(now));
        assert!(!lock.is_open(now + UNLOCKED_FOR + Duration::from_secs(1)));
    }

    #[test]
    fn after_three_wrong_ones_even_the_right_one_must_wait() {
        let mut lock = Lock::new("4711").unwrap();
        let now = Uptime::START;
        for _ in 0..3 {
            assert!(!enter(&mut lock, "0000", now));
        }
        assert!(lock.blocked(now).is_some() && !enter(&mut lock, "4711", now));
        assert!(enter(&mut lock, "4711", now + BLOCKED_FOR));
    }

    #[test]
    fn a_pin_that_is_none_is_refused() {
        assert!(["", "123", "12 34", "1234\n"].into_iter().all(|pin| Lock::new(pin).is_none()));
    }
}
