//! The supervisor's two clocks: a monotonic one, by which everything is decided, and the time of day, which only goes
//! into the journal and before people's eyes.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, Instant, SystemTime};

use protocol::Uptime;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::core::forecast::WallClock;

/// The monotonic clock.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    start: Instant,
}

impl Clock {
    /// Starts at [`Uptime::START`].
    pub fn start() -> Self {
        Self { start: Instant::now() }
    }

    /// Now, rounded down to a millisecond.
    pub fn now(&self) -> Uptime {
        Uptime::from_millis(u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX))
    }

    /// How long it is until `moment`; zero when it has come.
    pub fn until(&self, moment: Uptime) -> Duration {
        moment.since(self.now())
    }
}

/// A time of day, in milliseconds since 1970; shown in UTC, because a Pi's time zone is seldom the reader's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(jiff::Timestamp);

impl Timestamp {
    /// Now, as far as this machine knows: a Pi without a clock of its own is wrong until the network corrects it.
    pub fn now() -> Self {
        Self(jiff::Timestamp::try_from(SystemTime::now()).unwrap_or(jiff::Timestamp::UNIX_EPOCH))
    }

    /// From milliseconds since 1970; beyond the calendar, 1970.
    pub fn from_millis(millis: i64) -> Self {
        Self(jiff::Timestamp::from_millisecond(millis).unwrap_or(jiff::Timestamp::UNIX_EPOCH))
    }

    /// Milliseconds since 1970.
    pub fn as_millis(self) -> i64 {
        self.0.as_millisecond()
    }

    /// As the core takes it.
    pub fn wall_clock(self) -> WallClock {
        WallClock::from_unix_seconds(self.0.as_second())
    }

    /// So much earlier; 1970 at the earliest.
    #[must_use]
    pub fn earlier(self, by: Duration) -> Self {
        let by = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        Self::from_millis(self.as_millis().saturating_sub(by).max(0))
    }
}

/// With milliseconds, as RFC 3339 has it: `2026-11-22T21:05:10.123Z`.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3}", self.0)
    }
}

impl FromStr for Timestamp {
    type Err = jiff::Error;
    fn from_str(text: &str) -> Result<Self, jiff::Error> {
        text.parse().map(Self)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timestamp_survives_its_own_text() {
        let stamp = Timestamp::from_millis(1_795_381_510_123);
        assert_eq!(stamp.to_string().parse::<Timestamp>().unwrap(), stamp);
        assert!(stamp.to_string().contains(".123Z"), "{stamp}");
    }
}
