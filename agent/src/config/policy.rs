//! When to climb and descend the ladder: thresholds, delays, defaults by chemistry, and the proof that they hang together.

use std::time::Duration;

use hardware::battery::Chemistry;
use protocol::{Soc, Temperature, Voltage};

/// What makes a node climb to a stage: any one condition, held for the delay.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Enter {
    /// State of charge, lower bound, below this.
    pub soc: Option<Soc>,
    /// Load-compensated voltage below this.
    pub voltage: Option<Voltage>,
    /// Time to empty, lower bound, below this.
    pub time_to_empty: Option<Duration>,
    /// How long the condition must hold.
    pub hold: Duration,
}

/// What lets a node leave a stage for the one above: all conditions, held for the delay.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Leave {
    /// State of charge, lower bound, above this.
    pub soc: Option<Soc>,
    /// Load-compensated voltage above this.
    pub voltage: Option<Voltage>,
    /// The battery must be charging: the panel gives more than the load takes.
    pub charging: bool,
    /// How long all conditions must hold.
    pub hold: Duration,
}

/// One rung of the ladder.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Rung {
    /// Into the stage.
    pub enter: Enter,
    /// Out of the stage, to the one above.
    pub leave: Leave,
}

/// The whole ladder.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    /// Into and out of `Throttle`.
    pub throttle: Rung,
    /// Into and out of `Shed`.
    pub shed: Rung,
    /// Into and out of `Drain`.
    pub drain: Rung,
    /// Into and out of `Halt`.
    pub halt: Rung,
    /// `Halt` at once below this raw voltage ...
    pub collapse: Voltage,
    /// ... for this long.
    pub collapse_hold: Duration,
    /// Each place in the shed order adds this to the delays, so that nodes on one battery never step at once.
    pub stagger: Duration,
    /// The least time in a stage before it may be left for the one above.
    pub settle: Duration,
    /// A missing reading changes nothing for this long ...
    pub stale_hold: Duration,
    /// ... and from this age on the node climbs one rung for each such span more.
    pub stale_climb: Duration,
    /// `Throttle` above this processor temperature; left 5 K below.
    pub hot: Temperature,
    /// The time that `Drain` may take.
    pub drain_budget: Duration,
    /// The time that `Halt` may take, power off included.
    pub halt_budget: Duration,
}

impl Policy {
    /// The defaults for a chemistry.
    pub fn for_chemistry(_chemistry: Chemistry) -> Self {
        todo!("owned by the policy's author")
    }
}
