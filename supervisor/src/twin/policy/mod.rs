//! Policies that are no agents: what decides about the same boards in the same weather instead of Heliostat.
//!
//! A [`Controller`] is asked at every step of the physics, sees what is in [`Seen`], and answers with [`Command`]s. What
//! it may honestly look at is its own affair and is said in its docs: a voltage meter is fair to all, the true state of
//! charge only to an oracle.
//!
//! | policy | is |
//! |---|---|
//! | `heliostat` | the real agents and the real supervisor: no controller, see [`crate::twin::Twin`] |
//! | `none` | everything runs until the charger cuts the load, and again after it reconnects |
//! | `nut` | [`nut`]: everything off cleanly at low battery, everything on at recovery |
//! | `threshold` | [`threshold`]: each node alone on voltage, staggered, without hysteresis |
//! | `solar-protocol` | [`solar_protocol`]: traffic follows the supply with most sun |
//! | `climate` | [`crate::twin::oracle::climate`]: the best schedule for one who knows the climate and no weather to come |
//! | `oracle` | [`crate::twin::oracle`]: the best schedule for a year whose weather is known beforehand |

pub mod nut;
pub mod solar_protocol;
pub mod threshold;

use std::fmt;
use std::str::FromStr;

use hardware::sim::sun::SolarTime;
use protocol::{Class, Current, Frequency, Power, Soc, Stage, Uptime, Voltage};

/// Who decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Policy {
    /// Agents and supervisor.
    Heliostat,
    /// Each node alone on voltage.
    Threshold,
    /// All off at low battery, all on at recovery.
    Nut,
    /// Traffic to the supply with most sun.
    SolarProtocol,
    /// Nobody.
    None,
    /// One who knows the climate, and all but the weather to come.
    Climate,
    /// One who knows the weather.
    Oracle,
}

impl Policy {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Heliostat,
        Self::Threshold,
        Self::Nut,
        Self::SolarProtocol,
        Self::None,
        Self::Climate,
        Self::Oracle,
    ];

    /// As on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Heliostat => "heliostat",
            Self::Threshold => "threshold",
            Self::Nut => "nut",
            Self::SolarProtocol => "solar-protocol",
            Self::None => "none",
            Self::Climate => "climate",
            Self::Oracle => "oracle",
        }
    }
}

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Why a text is not a policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a policy is one of heliostat, threshold, nut, solar-protocol, none, climate, oracle")]
pub struct ParsePolicyError;

impl FromStr for Policy {
    type Err = ParsePolicyError;
    fn from_str(text: &str) -> Result<Self, ParsePolicyError> {
        Self::ALL.into_iter().find(|policy| policy.name() == text.trim()).ok_or(ParsePolicyError)
    }
}

/// Decides about the nodes of a site.
pub trait Controller {
    /// Its name in tables.
    fn name(&self) -> &'static str;

    /// Looks, and says what is to change from now on. Asked at every step of the physics; no command is no change.
    fn decide(&mut self, seen: &Seen<'_>, commands: &mut Vec<Command>);
}

/// What can be seen at a site at one moment.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    /// Since the start.
    pub now: Uptime,
    /// The moment of the solar year.
    pub time: SolarTime,
    /// At the battery's terminals.
    pub voltage: Voltage,
    /// Out of the battery.
    pub current: Current,
    /// What the panel could give.
    pub available: Power,
    /// Whether the charger feeds the load.
    pub connected: bool,
    /// What no sensor can see: for oracles only.
    pub true_soc: Soc,
    /// The nodes, in the order of the site.
    pub nodes: &'a [NodeSeen],
}

/// One node as a controller sees it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NodeSeen {
    /// What its board does.
    pub state: NodeState,
    /// What was last commanded of it.
    pub level: Level,
}

/// What a board does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NodeState {
    /// Its system starts.
    Booting,
    /// It works.
    Up,
    /// Its containers stop, then it powers itself off.
    Stopping,
    /// It is off, and its relay (where it has one) is open.
    Off,
    /// Its supply is cut.
    Dark,
}

/// How much of its work a node does.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Level {
    /// The part of what critical containers want that they may use, 0 to 1; at 0 they are stopped.
    pub critical: f64,
    /// Of standard ones.
    pub standard: f64,
    /// Of deferrable ones.
    pub deferrable: f64,
    /// The cap on the processor's clock.
    pub clock: Option<Frequency>,
}

impl Level {
    /// Everything runs.
    pub const ALL: Self = Self { critical: 1.0, standard: 1.0, deferrable: 1.0, clock: None };

    /// What Heliostat's ladder leaves a node in a stage, without the clock's cap: a quarter of the deferrable work, none
    /// of it, only critical work, nothing.
    pub const fn of(stage: Stage) -> Self {
        match stage {
            Stage::Normal => Self::ALL,
            Stage::Throttle => Self { deferrable: 0.25, ..Self::ALL },
            Stage::Shed => Self { deferrable: 0.0, ..Self::ALL },
            Stage::Drain => Self { standard: 0.0, deferrable: 0.0, ..Self::ALL },
            Stage::Halt => Self { critical: 0.0, standard: 0.0, deferrable: 0.0, clock: None },
        }
    }

    /// The part that a class may use.
    pub const fn part(&self, class: Class) -> f64 {
        match class {
            Class::Critical => self.critical,
            Class::Standard => self.standard,
            Class::Deferrable => self.deferrable,
        }
    }
}

/// What a controller wants done.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Command {
    /// A node does this much of its work from now on, and after its next boot.
    Run {
        /// Its place in the site.
        node: usize,
        /// How much.
        level: Level,
    },
    /// A node stops its containers, powers itself off, and its relay opens where it has one.
    Off {
        /// Its place in the site.
        node: usize,
    },
    /// A node that is off is given power again, and boots.
    On {
        /// Its place in the site.
        node: usize,
    },
}
