//! When a source that failed is tried again, and what is said of it meanwhile.

use std::fmt::Display;
use std::time::Duration;

use protocol::{Fault, Uptime};
use tracing::warn;

/// The first wait after a loss, doubling to the second.
const WAITS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(10));

/// A source's troubles.
#[derive(Debug)]
pub(super) struct BackOff {
    sensor: usize,
    fault: Fault,
    wait: Duration,
    retry_at: Uptime,
}

impl BackOff {
    /// Nothing was read yet.
    pub(super) fn new(sensor: usize) -> Self {
        Self { sensor, fault: Fault::NotYet, wait: WAITS.0, retry_at: Uptime::START }
    }

    /// The fault that still stands, while the source is not to be tried.
    pub(super) fn holds(&self, now: Uptime) -> Option<Fault> {
        (now < self.retry_at).then_some(self.fault)
    }

    /// Why there is nothing, while there is nothing new to say: the fault that was last told, or that nothing was read yet.
    pub(super) const fn standing(&self) -> Fault {
        self.fault
    }

    /// The source is not to be read before `moment`; what stood stands until then.
    pub(super) fn not_before(&mut self, moment: Uptime) {
        self.retry_at = moment;
    }

    /// A good reading: the next failure is a new one.
    pub(super) fn well(&mut self) {
        self.wait = WAITS.0;
        self.fault = Fault::NotYet;
    }

    /// A failed one. What is gone altogether is left alone for a while; the rest is tried again at the next reading.
    pub(super) fn failed(&mut self, now: Uptime, fault: Fault, words: &dyn Display) -> Fault {
        if std::mem::discriminant(&fault) != std::mem::discriminant(&self.fault) {
            warn!(sensor = self.sensor, "{words}");
        }
        self.fault = fault;
        if matches!(fault, Fault::BusGone | Fault::BusError) {
            self.retry_at = now + self.wait;
            self.wait = (self.wait * 2).min(WAITS.1);
        }
        fault
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_gone_is_tried_again_ever_more_seldom_and_at_once_after_it_was_well() {
        let mut back_off = BackOff::new(0);
        let mut now = Uptime::START;
        let mut tries = 0;
        while now < Uptime::from_secs(100) {
            if back_off.holds(now).is_none() {
                tries += 1;
                back_off.failed(now, Fault::BusGone, &"gone");
            }
            now += Duration::from_millis(100);
        }
        assert_eq!(tries, 4 + 9, "after 0, 1, 3, 7, 15 s, then every 10 s");
        assert_eq!(back_off.holds(now), Some(Fault::BusGone));
        back_off.well();
        let later = now + Duration::from_mins(1);
        back_off.failed(later, Fault::BusGone, &"gone");
        assert!(back_off.holds(later + Duration::from_secs(1)).is_none(), "the first wait again");
    }

    #[test]
    fn a_chip_that_does_not_answer_is_asked_again_at_the_next_reading() {
        let mut back_off = BackOff::new(0);
        back_off.failed(Uptime::START, Fault::NoAcknowledge, &"no answer");
        assert_eq!(back_off.holds(Uptime::START), None);
    }
}
