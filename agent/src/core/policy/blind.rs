//! No believable reading: what is not known gets worse, never neutral.
//!
//! From `stale_climb` on the node climbs one rung for each such span, from the stage in which the readings ended, up to
//! `Drain`. Whether to power off is another question: an estimate that existed is aged at the greatest load, and
//! `Halt` comes when the aged one is below its threshold. Where there never was one, the node counts from Drain's
//! threshold, so that a loose wire in full sun does not switch a field site off within minutes.

use std::time::Duration;

use protocol::{Fault, Reason, Stage, Uptime, Voltage};

use crate::config::{Battery, Policy};

/// The voltage at which `battery.load_max` is given.
const NOMINAL: Voltage = Voltage::from_volts(12.0);

/// How the node climbs without readings.
#[derive(Debug, Clone)]
pub(super) struct Blind {
    hold: Duration,
    climb: Duration,
    /// How long the battery lasts at the greatest load from Drain's threshold to Halt's.
    unknown_lasts: Duration,
    /// The floor when the readings ended.
    base: Option<Stage>,
}

impl Blind {
    pub(super) fn new(policy: &Policy, battery: &Battery) -> Self {
        let percent = |soc: Option<protocol::Soc>| soc.map_or(0.0, protocol::Soc::fraction);
        let part = (percent(policy.drain.enter.soc) - percent(policy.halt.enter.soc)).max(0.0);
        let unknown_lasts = (battery.capacity * part).lasts(battery.load_max / NOMINAL).unwrap_or_default();
        Self { hold: policy.stale_hold, climb: policy.stale_climb, unknown_lasts, base: None }
    }

    /// Remembers the stage in which the readings ended.
    pub(super) fn note(&mut self, age: Duration, floor: Stage) {
        if age < self.hold {
            self.base = None;
        } else {
            self.base.get_or_insert(floor);
        }
    }

    /// The stage that this age demands; `trusted` while an aged estimate decides about `Halt`.
    pub(super) fn demand(&self, age: Duration, trusted: bool, fault: Fault) -> Option<(Stage, Reason)> {
        let base = self.base.filter(|_| age >= self.climb)?;
        let reason = Reason::NoReading { fault, age: age.into() };
        if !trusted && age >= self.climb * 3 + self.unknown_lasts {
            return Some((Stage::Halt, reason));
        }
        let rungs = age.as_millis() / self.climb.as_millis().max(1);
        let climbed = (0..rungs.min(4)).fold(base, |stage, _| stage.climb());
        // What was deeper before stays; blindness alone leads to Drain at the most.
        Some((climbed.min(Stage::Drain.max(base)), reason))
    }

    /// When the next rung is due, if the last reading was at `read_at`.
    pub(super) fn next_wake(&self, read_at: Uptime, now: Uptime) -> Option<Uptime> {
        let age = now.since(read_at);
        if age < self.hold {
            return Some(read_at + self.hold);
        }
        let end = self.climb * 4 + self.unknown_lasts;
        let steps = u32::try_from(age.as_millis() / self.climb.as_millis().max(1)).unwrap_or(u32::MAX);
        (age < end).then(|| read_at + self.climb.saturating_mul(steps.saturating_add(1)))
    }
}
