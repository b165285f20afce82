//! Time as the cores see it: an argument, never a clock.

use core::fmt;
use core::ops::{Add, AddAssign, Sub};
use core::time::Duration;

use serde::{Deserialize, Serialize};

/// Monotonic time since the program's own start, in milliseconds. Each program has its own; two are never compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Uptime(u64);

impl Uptime {
    /// The moment the program started.
    pub const START: Self = Self(0);

    /// From milliseconds since the start.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// From seconds since the start; what milliseconds cannot count is the latest moment there is.
    pub const fn from_secs(secs: u64) -> Self {
        Self(secs.saturating_mul(1000))
    }

    /// Milliseconds since the start.
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// Seconds since the start, with fraction.
    pub const fn as_secs_f64(self) -> f64 {
        self.0 as f64 / 1000.0
    }

    /// How long ago `earlier` was; zero when it is not in the past.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Uptime {
    type Output = Self;
    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)))
    }
}

impl AddAssign<Duration> for Uptime {
    fn add_assign(&mut self, duration: Duration) {
        *self = *self + duration;
    }
}

/// See [`Uptime::since`]: never negative.
impl Sub for Uptime {
    type Output = Duration;
    fn sub(self, earlier: Self) -> Duration {
        self.since(earlier)
    }
}

/// A span in whole seconds, as it goes over the wire (one to five bytes) and into reasons.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seconds(pub u32);

impl From<Duration> for Seconds {
    fn from(duration: Duration) -> Self {
        Self(u32::try_from(duration.as_secs()).unwrap_or(u32::MAX))
    }
}

impl From<Seconds> for Duration {
    fn from(seconds: Seconds) -> Self {
        Self::from_secs(u64::from(seconds.0))
    }
}

/// Shown as a person would say it: `45 s`, `12 min`, `6 h 20 min`, `3 d 4 h`.
impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, minutes, hours) = (self.0, self.0 / 60, self.0 / 3600);
        match self.0 {
            0..=119 => write!(f, "{seconds} s"),
            120..=7199 if seconds % 60 == 0 || minutes >= 10 => write!(f, "{minutes} min"),
            120..=7199 => write!(f, "{minutes} min {} s", seconds % 60),
            7200..=172_799 if minutes % 60 == 0 => write!(f, "{hours} h"),
            7200..=172_799 => write!(f, "{hours} h {} min", minutes % 60),
            _ => write!(f, "{} d {} h", hours / 24, hours % 24),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(seconds: u32) -> heapless::String<24> {
        let mut text = heapless::String::new();
        fmt::Write::write_fmt(&mut text, format_args!("{}", Seconds(seconds))).unwrap();
        text
    }

    #[test]
    fn spans_are_shown_as_a_person_would_say_them() {
        for (seconds, text) in [
            (0, "0 s"),
            (119, "119 s"),
            (120, "2 min"),
            (150, "2 min 30 s"),
            (601, "10 min"),
            (7199, "119 min"),
            (7200, "2 h"),
            (22_800, "6 h 20 min"),
            (172_799, "47 h 59 min"),
            (172_800, "2 d 0 h"),
            (273_600, "3 d 4 h"),
            (u32::MAX, "49710 d 6 h"),
        ] {
            assert_eq!(shown(seconds), text);
        }
    }

    #[test]
    fn the_end_of_time_is_reached_and_not_passed() {
        let end = Uptime::from_millis(u64::MAX);
        assert_eq!(end + Duration::from_secs(1), end);
        assert_eq!(Uptime::START + Duration::MAX, end);
        assert_eq!(Uptime::from_secs(u64::MAX), end);
        assert_eq!(Seconds::from(Duration::MAX), Seconds(u32::MAX));
    }

    #[test]
    fn no_time_has_passed_since_the_future() {
        let (earlier, later) = (Uptime::from_secs(10), Uptime::from_secs(13));
        assert_eq!(later - earlier, Duration::from_secs(3));
        assert_eq!(earlier.since(later), Duration::ZERO);
    }
}
