//! The ladder of stages, and how much a container matters.

use core::fmt;
use core::str::FromStr;
use core::time::Duration;

use serde::{Deserialize, Serialize};

/// What a node does about its power. Greater is more careful: `floor.max(ordered)` is the safe one of two.
///
/// ```text
///            energy falls  ----->
///  Normal -> Throttle -> Shed -> Drain -> Halt
///            <-----  energy returns, one rung at a time, each held
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// Everything runs.
    #[default]
    Normal,
    /// CPU frequency capped; `deferrable` containers capped, then `standard`.
    Throttle,
    /// `deferrable` containers paused in their order; LEDs dimmed.
    Shed,
    /// No new work or traffic; `deferrable` and `standard` containers stop in their order.
    Drain,
    /// `critical` containers stop last; disks synced; power off before the charger cuts the load.
    Halt,
}

impl Stage {
    /// All of them, from the most work to the least.
    pub const ALL: [Self; 5] = [Self::Normal, Self::Throttle, Self::Shed, Self::Drain, Self::Halt];

    /// One rung more careful; `Halt` stays.
    #[must_use]
    pub const fn climb(self) -> Self {
        match self {
            Self::Normal => Self::Throttle,
            Self::Throttle => Self::Shed,
            Self::Shed => Self::Drain,
            Self::Drain | Self::Halt => Self::Halt,
        }
    }

    /// One rung less careful; `Normal` stays.
    #[must_use]
    pub const fn descend(self) -> Self {
        match self {
            Self::Normal | Self::Throttle => Self::Normal,
            Self::Shed => Self::Throttle,
            Self::Drain => Self::Shed,
            Self::Halt => Self::Drain,
        }
    }

    /// The longest that a node in this stage stays silent: with nothing new to say it reports this often.
    ///
    /// Both sides count with it: a report's stage announces when the next report is due at the latest. The less
    /// energy there is, the less is said.
    pub const fn heartbeat(self) -> Duration {
        match self {
            Self::Normal | Self::Throttle => Duration::from_secs(10),
            Self::Shed => Duration::from_secs(20),
            Self::Drain | Self::Halt => Duration::from_secs(30),
        }
    }

    /// Its name, in lower case.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Throttle => "throttle",
            Self::Shed => "shed",
            Self::Drain => "drain",
            Self::Halt => "halt",
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// How much a container matters: the container label `heliostat.class`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// Can wait for the sun: capped first, paused at `Shed`.
    Deferrable,
    /// What carries no label: capped after the deferrable ones, stopped at `Drain`.
    #[default]
    Standard,
    /// Runs as long as the node does: stopped only at `Halt`, last.
    Critical,
}

impl Class {
    /// Its name, as in the label.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Deferrable => "deferrable",
            Self::Standard => "standard",
            Self::Critical => "critical",
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The text is no class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParseClassError;

impl fmt::Display for ParseClassError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a class is critical, standard or deferrable")
    }
}

impl core::error::Error for ParseClassError {}

impl FromStr for Class {
    type Err = ParseClassError;
    fn from_str(text: &str) -> Result<Self, ParseClassError> {
        match text {
            "deferrable" => Ok(Self::Deferrable),
            "standard" => Ok(Self::Standard),
            "critical" => Ok(Self::Critical),
            _ => Err(ParseClassError),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ladder_is_climbed_and_descended_one_rung_at_a_time() {
        for pair in Stage::ALL.windows(2) {
            assert!(pair[0] < pair[1], "the more careful stage is the greater");
            assert_eq!(pair[0].climb(), pair[1]);
            assert_eq!(pair[1].descend(), pair[0]);
        }
        assert_eq!(Stage::Halt.climb(), Stage::Halt);
        assert_eq!(Stage::Normal.descend(), Stage::Normal);
    }

    #[test]
    fn a_class_is_read_from_the_name_that_it_shows() {
        for class in [Class::Deferrable, Class::Standard, Class::Critical] {
            assert_eq!(class.name().parse(), Ok(class));
        }
        for bad in ["", "Critical", "critical ", "important"] {
            assert_eq!(bad.parse::<Class>(), Err(ParseClassError), "{bad:?}");
        }
    }

    #[test]
    fn what_matters_less_comes_first() {
        assert!(Class::Deferrable < Class::Standard && Class::Standard < Class::Critical);
        assert_eq!(Class::default(), Class::Standard, "no label");
    }
}
