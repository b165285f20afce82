//! A part of the day, as `"21:30 to 06:00"`: over midnight, or not.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error};

/// Minutes of a day.
const DAY: u16 = 24 * 60;

/// From one time of day to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Night {
    /// Minutes since midnight.
    from: u16,
    to: u16,
}

impl Night {
    /// Whether a time of day, in minutes since midnight, is within.
    pub fn has(self, minute: u16) -> bool {
        if self.from <= self.to {
            (self.from..self.to).contains(&minute)
        } else {
            minute >= self.from || minute < self.to
        }
    }

    fn parse(text: &str) -> Option<Self> {
        let (from, to) = text.split_once(" to ")?;
        let time = |text: &str| -> Option<u16> {
            let (hours, minutes) = text.trim().split_once(':')?;
            let digits = |text: &str| text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
            let whole = |text: &str| text.parse::<u16>().ok().filter(|_| digits(text));
            let (hours, minutes) = (whole(hours)?, whole(minutes)?);
            (minutes < 60 && hours * 60 + minutes < DAY).then_some(hours * 60 + minutes)
        };
        let (from, to) = (time(from)?, time(to)?);
        (from != to).then_some(Self { from, to })
    }
}

impl fmt::Display for Night {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = |minutes: u16| (minutes / 60, minutes % 60);
        let ((from_h, from_m), (to_h, to_m)) = (time(self.from), time(self.to));
        write!(f, "{from_h:02}:{from_m:02} to {to_h:02}:{to_m:02}")
    }
}

impl<'de> Deserialize<'de> for Night {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text)
            .ok_or_else(|| D::Error::custom(format!("{text:?} is no part of a day, like \"21:30 to 06:00\"")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_night_goes_over_midnight_and_a_noon_does_not() {
        let night = Night::parse("21:30 to 06:00").unwrap();
        let minutes = [(21, 29), (21, 30), (0, 0), (5, 59), (6, 0), (12, 0)].map(|(h, m)| h * 60 + m);
        assert_eq!(minutes.map(|minute| night.has(minute)), [false, true, true, true, false, false]);
        let noon = Night::parse("11:00 to 13:00").unwrap();
        assert_eq!([659, 660, 779, 780].map(|minute| noon.has(minute)), [false, true, true, false]);
        assert_eq!(night.to_string(), "21:30 to 06:00");
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "21:30",
            "21:30 to",
            "24:00 to 06:00",
            "21:60 to 06:00",
            "1:00 to 2:00",
            "06:00 to 06:00",
            "+1:00 to 02:00",
        ] {
            assert_eq!(Night::parse(text), None, "{text}");
        }
    }
}
