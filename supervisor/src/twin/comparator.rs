//! The masters' way back when everybody is off, and that of nodes without a relay: a comparator with a timer on each of
//! them, with hysteresis in level and time. docs/twin.md ("Who wakes the masters") says why it is set as it is.

use std::time::Duration;

use protocol::{Uptime, Voltage};

/// A node that was off at least this long ...
const OFF_MIN: Duration = Duration::from_mins(10);
/// ... is given a power cycle when the supply has been this far above the charger's reconnect level ...
const ABOVE: Voltage = Voltage::from_volts(0.25);
/// ... for this long. A level, not an edge: full sun wakes it however it got there. And a high one: a battery that is
/// being charged shows 12.6 V long before it is worth waking for, and a node woken too early halts again.
const HOLD: Duration = Duration::from_mins(20);

/// One of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Comparator {
    high_since: Option<Uptime>,
}

impl Comparator {
    /// Its level, where the charger gives the load back at this voltage.
    pub fn level(reconnect: Voltage) -> Voltage {
        reconnect + ABOVE
    }

    /// One look at a node that has been off for so long; whether it is woken now. `high`: the charger feeds the load, and the
    /// terminals are at the level.
    pub fn wakes(&mut self, now: Uptime, off_for: Duration, high: bool) -> bool {
        if !high {
            self.high_since = None;
            return false;
        }
        let since = *self.high_since.get_or_insert(now);
        let wakes = off_for >= OFF_MIN && now.since(since) >= HOLD;
        if wakes {
            self.high_since = None;
        }
        wakes
    }

    /// The node is not off, or has no power to be given: nothing is counted.
    pub fn rest(&mut self) {
        self.high_since = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_wakes_that_holds_after_a_while_off() {
        let mut comparator = Comparator::default();
        let mut at = |minute: u64, high: bool| {
            comparator.wakes(Uptime::from_secs(60 * minute), Duration::from_mins(minute), high)
        };
        assert!((0..15).all(|minute| !at(minute, true)), "not yet for 20 minutes");
        assert!(!at(15, false) && (16..36).all(|minute| !at(minute, true)), "it sank between");
        assert!(at(36, true) && !at(37, true), "once");
    }
}
