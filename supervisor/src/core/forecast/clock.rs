//! What time it is, and whether to believe it.
//!
//! A Pi before the 5 has no clock of its own: after a power cut it lives in the past until the network tells it better,
//! which on a field site may be never. A wrong time puts the sun in the wrong place, so a clock is believed only while
//! nothing speaks against it, and where it jumped the day that was being learned is thrown away.

use std::fmt;
use std::time::Duration;

use protocol::Uptime;
use protocol::time::Seconds;
use serde::{Deserialize, Serialize};

/// No clock that runs this software is right before 2026.
const UNSET_BEFORE: WallClock = WallClock(1_767_225_600);
/// A clock further off than it was a moment ago has jumped; less is being slewed.
const JUMP: i64 = 60;
/// The newest time that was seen moves on only with a clock that ran steadily for this long.
const STEADY: Duration = Duration::from_hours(1);
/// A clock may go back by this much without being doubted: it was set right.
const SET_RIGHT: i64 = 3 * 3600;

/// A time of day and date: seconds since 1970, UTC. What a machine says, right or wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct WallClock(i64);

impl WallClock {
    /// From seconds since 1970, UTC.
    pub const fn from_unix_seconds(seconds: i64) -> Self {
        Self(seconds)
    }

    /// Seconds since 1970, UTC.
    pub const fn unix_seconds(self) -> i64 {
        self.0
    }

    /// So many seconds later, to the nearest one.
    #[must_use]
    pub(super) fn later_by(self, seconds: f64) -> Self {
        Self(self.0.saturating_add(libm::round(seconds) as i64))
    }
}

fn seconds(uptime: Uptime) -> i64 {
    i64::try_from(uptime.as_millis() / 1000).unwrap_or(i64::MAX)
}

/// Why a clock is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Doubt {
    /// There is none.
    Absent,
    /// It shows a date before this software existed.
    Unset,
    /// It shows an earlier time than one it showed before, by this much.
    Behind(Seconds),
    /// The panel gave power while the sun, by this clock, was far below the horizon.
    SunAtNight,
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => f.write_str("there is no clock"),
            Self::Unset => f.write_str("the clock shows a date before this software"),
            Self::Behind(by) => write!(f, "the clock is {by} behind what it showed before"),
            Self::SunAtNight => f.write_str("the panel gives power at what the clock says is night"),
        }
    }
}

/// What came of asking the clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    /// Nothing new.
    Steady,
    /// It is another time than it would be by the time that has passed, or belief in the clock came or went: what was
    /// placed by it no longer fits.
    Shifted,
}

/// The wall clock, tied to the uptime.
#[derive(Debug, Clone)]
pub(super) struct Clock {
    /// Wall time at uptime zero, and since when it has been steady.
    origin: Option<(i64, Uptime)>,
    doubt: Option<Doubt>,
    newest: Option<WallClock>,
}

impl Clock {
    /// A clock not yet asked; `newest` is the latest time that an earlier life believed.
    pub(super) const fn new(newest: Option<WallClock>) -> Self {
        Self { origin: None, doubt: Some(Doubt::Absent), newest }
    }

    /// Takes what the machine says.
    pub(super) fn tell(&mut self, now: Uptime, wall: Option<WallClock>) -> Told {
        let Some(wall) = wall else { return self.believe(Some(Doubt::Absent)) };
        let origin = wall.0.saturating_sub(seconds(now));
        let jumped = match self.origin {
            Some((before, _)) => origin.abs_diff(before) > JUMP.unsigned_abs(),
            None => true,
        };
        let since = self.origin.filter(|_| !jumped).map_or(now, |(_, since)| since);
        self.origin = Some((origin, since));
        let doubt = match self.newest {
            _ if wall < UNSET_BEFORE => Some(Doubt::Unset),
            Some(newest) if newest.0.saturating_sub(wall.0) > SET_RIGHT => {
                let by = u32::try_from(newest.0 - wall.0).unwrap_or(u32::MAX);
                Some(Doubt::Behind(Seconds(by)))
            }
            _ if !jumped && self.doubt == Some(Doubt::SunAtNight) => Some(Doubt::SunAtNight),
            _ => None,
        };
        if doubt.is_none() && now.since(since) >= STEADY {
            self.newest = Some(wall);
        }
        let told = self.believe(doubt);
        if jumped { Told::Shifted } else { told }
    }

    fn believe(&mut self, doubt: Option<Doubt>) -> Told {
        let changed = doubt.is_some() != self.doubt.is_some();
        self.doubt = doubt;
        if changed { Told::Shifted } else { Told::Steady }
    }

    /// The panel saw the sun where this clock puts none. What it showed so far is no measure for what it shows next.
    pub(super) fn contradicted(&mut self) -> Told {
        self.newest = None;
        self.believe(Some(Doubt::SunAtNight))
    }

    /// The sun rose when this clock says it does: an earlier time is right after all, or its date is as good as right.
    pub(super) fn confirmed(&mut self, now: Uptime) -> Told {
        match (self.doubt, self.stated(now)) {
            (Some(Doubt::Behind(_) | Doubt::SunAtNight), Some(wall)) => {
                self.newest = Some(wall);
                self.believe(None)
            }
            _ => Told::Steady,
        }
    }

    /// The time, as far as it is believed.
    pub(super) fn wall(&self, now: Uptime) -> Option<WallClock> {
        if self.doubt.is_some() { None } else { self.stated(now) }
    }

    /// The time as last stated, believed or not.
    pub(super) fn stated(&self, now: Uptime) -> Option<WallClock> {
        self.origin.map(|(origin, _)| WallClock(origin.saturating_add(seconds(now))))
    }

    pub(super) const fn doubt(&self) -> Option<Doubt> {
        self.doubt
    }

    /// The latest time that was believed.
    pub(super) const fn newest(&self) -> Option<WallClock> {
        self.newest
    }
}
