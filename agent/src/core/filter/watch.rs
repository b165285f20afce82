//! One sensor: is it alive, and is what it says possible?
//!
//! ```text
//!            good                 bad, DOUBTS times or DOUBT_TIME
//!  Waiting --------> Good <----> Doubted ----------------------> Faulty
//!                     ^     good                                   |
//!                     +---------- GOOD_IN_A_ROW good ones ---------+
//! ```
//!
//! A single bad transaction on a long wire is nothing: the next reading makes it forgotten. A sensor that fails for
//! longer is faulty, and is believed again only after several good readings in a row.

use std::time::Duration;

use protocol::{Current, Fault, Seconds, Uptime, Voltage};

use crate::core::reading::{Reading, Sample};

/// So many bad readings in a row make a fault ...
const DOUBTS: u8 = 3;
/// ... or one bad reading and nothing good for this long.
const DOUBT_TIME: Duration = Duration::from_secs(10);
/// So many good readings in a row end it.
const GOOD_IN_A_ROW: u8 = 3;
/// So many samples at a new level make a jump believable: something was switched.
const JUMP_CONFIRMED: u8 = 3;
/// A jump is judged only against a sample of this age: a battery moves in longer gaps.
const JUMP_WITHIN: Duration = Duration::from_mins(1);

/// What a sensor may show.
#[derive(Debug, Clone)]
pub(super) struct Limits {
    /// The least believable voltage.
    pub(super) low: Voltage,
    /// The most believable voltage.
    pub(super) high: Voltage,
    /// The greatest believable current, in either direction.
    pub(super) current: Current,
    /// The most by which the voltage moves between two samples.
    pub(super) jump: Voltage,
    /// The same raw value for longer than this is a stuck sensor.
    pub(super) stuck_after: Duration,
    /// As above, where only a voltage is measured.
    pub(super) stuck_after_voltage_only: Duration,
}

/// A fault began or ended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Change {
    /// The sensor is no longer believed.
    Began(Fault),
    /// It is believed again.
    Ended { fault: Fault, since: Uptime },
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Health {
    /// Nothing read yet: as good as a fault, without the alarm.
    Waiting,
    Good,
    Doubted {
        since: Uptime,
        times: u8,
    },
    Faulty {
        fault: Fault,
        since: Uptime,
        good: u8,
    },
}

/// One sensor's course.
#[derive(Debug, Clone)]
pub(super) struct Watch {
    limits: Limits,
    health: Health,
    /// The newest believed sample.
    last: Option<(Uptime, Sample)>,
    /// The raw value, and since when it has been the same.
    raw: Option<(u64, Uptime)>,
    /// A level beyond a jump, and how many samples were there.
    jumped: Option<(Voltage, u8)>,
    /// When the sensor last said anything.
    heard: Option<Uptime>,
}

impl Watch {
    pub(super) const fn new(limits: Limits) -> Self {
        Self { limits, health: Health::Waiting, last: None, raw: None, jumped: None, heard: None }
    }

    /// Why the sensor is not believed.
    pub(super) fn fault(&self) -> Option<Fault> {
        match self.health {
            Health::Faulty { fault, .. } => Some(fault),
            Health::Waiting => Some(Fault::NotYet),
            Health::Good | Health::Doubted { .. } => None,
        }
    }

    /// Whether it failed; a sensor that was not read yet did not fail.
    pub(super) const fn is_faulty(&self) -> bool {
        matches!(self.health, Health::Faulty { .. })
    }

    /// Whether anything was ever believed.
    pub(super) const fn has_read(&self) -> bool {
        self.last.is_some()
    }

    /// Whether it measures a current.
    pub(super) fn has_current(&self) -> bool {
        self.last.is_some_and(|(_, sample)| sample.current.is_some())
    }

    /// The newest believed voltage, for comparisons; zero before the first.
    pub(super) fn volts(&self) -> f64 {
        self.last.map_or(0.0, |(_, sample)| sample.voltage.volts())
    }

    /// The greatest believable current.
    pub(super) const fn most(&self) -> Current {
        self.limits.current
    }

    /// When the sensor last said anything.
    pub(super) const fn heard_at(&self) -> Option<Uptime> {
        self.heard
    }

    /// Begins to wait for the sensor, unless it has spoken.
    pub(super) fn expect(&mut self, now: Uptime) {
        self.heard.get_or_insert(now);
    }

    /// The sample believed at this very moment.
    pub(super) fn fresh(&self, now: Uptime) -> Option<Sample> {
        self.last.filter(|(at, _)| *at == now).map(|(_, sample)| sample)
    }

    /// The newest believed sample, if it is no older than this.
    pub(super) fn believed_within(&self, now: Uptime, age: Duration) -> Option<Sample> {
        self.last.filter(|(at, _)| now.since(*at) <= age).map(|(_, sample)| sample)
    }

    /// Takes a reading.
    pub(super) fn take(&mut self, now: Uptime, reading: Reading) -> Option<Change> {
        self.heard = Some(now);
        match reading.and_then(|sample| self.judge(now, sample)) {
            Ok(sample) => self.good(now, sample),
            Err(fault) => self.bad(now, fault),
        }
    }

    fn good(&mut self, now: Uptime, sample: Sample) -> Option<Change> {
        if let Health::Faulty { fault, since, good } = self.health {
            if good + 1 < GOOD_IN_A_ROW {
                self.health = Health::Faulty { fault, since, good: good + 1 };
                return None;
            }
            self.believe(now, sample);
            return Some(Change::Ended { fault, since });
        }
        self.believe(now, sample);
        None
    }

    fn believe(&mut self, now: Uptime, sample: Sample) {
        self.health = Health::Good;
        self.last = Some((now, sample));
    }

    fn bad(&mut self, now: Uptime, fault: Fault) -> Option<Change> {
        let (since, times) = match self.health {
            Health::Faulty { fault: known, since, .. } => {
                // The numbers of a fault are those of its beginning; only another kind of fault is news.
                let same = std::mem::discriminant(&known) == std::mem::discriminant(&fault);
                self.health = Health::Faulty { fault: if same { known } else { fault }, since, good: 0 };
                return (!same).then_some(Change::Began(fault));
            }
            Health::Doubted { since, times } => (since, times.saturating_add(1)),
            Health::Waiting | Health::Good => (now, 1),
        };
        let certain = matches!(fault, Fault::Stuck { .. } | Fault::TraceEnded);
        if certain || times >= DOUBTS || now.since(since) >= DOUBT_TIME {
            self.health = Health::Faulty { fault, since, good: 0 };
            return Some(Change::Began(fault));
        }
        self.health = Health::Doubted { since, times };
        None
    }

    /// Whether a sample is possible at all.
    fn judge(&mut self, now: Uptime, sample: Sample) -> Reading {
        let Limits { low, high, current: limit, .. } = self.limits;
        let stuck = self.stuck(now, &sample);
        if !sample.voltage.is_finite() {
            return Err(Fault::Garbled);
        }
        if sample.voltage < low || sample.voltage > high {
            return Err(Fault::VoltageAbsurd { read: sample.voltage, low, high });
        }
        if let Some(read) = sample.current {
            if !read.is_finite() {
                return Err(Fault::Garbled);
            }
            if read.abs() > limit {
                return Err(Fault::CurrentAbsurd { read, limit });
            }
        }
        if let Some(held) = stuck {
            return Err(Fault::Stuck { held: Seconds::from(held) });
        }
        self.jump(now, &sample)?;
        Ok(sample)
    }

    /// How long the raw value has been the same, once that is too long.
    fn stuck(&mut self, now: Uptime, sample: &Sample) -> Option<Duration> {
        let since = match self.raw {
            Some((raw, since)) if raw == sample.raw => since,
            _ => now,
        };
        self.raw = Some((sample.raw, since));
        let limits = &self.limits;
        let after =
            if sample.current.is_some() { limits.stuck_after } else { limits.stuck_after_voltage_only };
        let held = now.since(since);
        (held >= after).then_some(held)
    }

    /// Doubts a voltage far from the last one, until several samples agree on it.
    fn jump(&mut self, now: Uptime, sample: &Sample) -> Result<(), Fault> {
        let jump = self.limits.jump;
        let near = |level: Voltage| (sample.voltage - level).abs() <= jump;
        let Some(last) = self.believed_within(now, JUMP_WITHIN).filter(|last| !near(last.voltage)) else {
            self.jumped = None;
            return Ok(());
        };
        let times = match self.jumped {
            Some((level, times)) if near(level) => times + 1,
            _ => 1,
        };
        self.jumped = Some((sample.voltage, times));
        if times >= JUMP_CONFIRMED {
            self.jumped = None;
            return Ok(());
        }
        Err(Fault::VoltageAbsurd {
            read: sample.voltage,
            low: last.voltage - jump,
            high: last.voltage + jump,
        })
    }
}
