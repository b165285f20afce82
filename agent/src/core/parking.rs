//! How `Halt` ends: containers stopped in order, state saved, good-byes said, power off.
//!
//! ```text
//!            halting              all stopped, or out of time             outcome: it failed
//!  Up  -----------------> Stopping -------------------------> Off -----------------------> Stays
//!   ^                        |                (power off by: none) -------------------------> |
//!   +------------------------+------- no longer halting -------------------------------------+
//! ```
//!
//! * `Stopping`: the containers' part of the halt budget runs. When it is over, the node goes on all the same: a
//!   container that resists must not cost the SD card.
//! * `Off`: asked for once. Nothing more is decided, unless it fails.
//! * `Stays`: the node is up in `Halt` and recovers like from any other stage.

use std::time::Duration;

use protocol::Uptime;

use super::action::ActionId;

/// The containers' part of the halt budget, in quarters; the rest is for saving, syncing and the power off.
const STOPPING_QUARTERS: u32 = 3;

/// The end of `Halt`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Phase {
    #[default]
    Up,
    Stopping {
        deadline: Uptime,
    },
    Off {
        action: ActionId,
    },
    Stays,
}

/// Sees to the end of `Halt`.
#[derive(Debug, Clone)]
pub struct Parking {
    phase: Phase,
    stopping: Duration,
}

/// What is due now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// Nothing.
    Nothing,
    /// The power off; whether every container ended in time.
    PowerOff {
        /// All had ended.
        in_time: bool,
    },
}

impl Parking {
    /// For a halt budget.
    pub fn new(halt_budget: Duration) -> Self {
        Self { phase: Phase::Up, stopping: halt_budget * STOPPING_QUARTERS / 4 }
    }

    /// Looks whether the node is to end now. `halting`: the readings or orders of this life demand `Halt`.
    /// `stopped`: nothing is left to stop.
    pub fn step(&mut self, now: Uptime, halting: bool, stopped: bool) -> Due {
        if !halting {
            if !matches!(self.phase, Phase::Off { .. }) {
                self.phase = Phase::Up;
            }
            return Due::Nothing;
        }
        if self.phase == Phase::Up {
            self.phase = Phase::Stopping { deadline: now + self.stopping };
        }
        match self.phase {
            Phase::Stopping { .. } if stopped => Due::PowerOff { in_time: true },
            Phase::Stopping { deadline } if now >= deadline => Due::PowerOff { in_time: false },
            _ => Due::Nothing,
        }
    }

    /// The power off was asked for.
    pub const fn asked(&mut self, action: ActionId) {
        self.phase = Phase::Off { action };
    }

    /// The node has no power off, or it failed: it stays up.
    pub const fn stay(&mut self) {
        self.phase = Phase::Stays;
    }

    /// Whether the power off is under way: nothing else matters any more.
    pub const fn is_off(&self) -> bool {
        matches!(self.phase, Phase::Off { .. })
    }

    /// Whether this is the power off's action.
    pub fn is_mine(&self, action: ActionId) -> bool {
        self.phase == Phase::Off { action }
    }

    /// By when all containers should have ended.
    pub const fn deadline(&self) -> Option<Uptime> {
        match self.phase {
            Phase::Stopping { deadline } => Some(deadline),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn power_is_cut_when_all_has_ended_and_only_once() {
        let mut parking = Parking::new(Duration::from_mins(3));
        let at = Uptime::from_secs;
        assert_eq!(parking.step(at(0), true, false), Due::Nothing);
        assert_eq!(parking.deadline(), Some(at(135)));
        assert_eq!(parking.step(at(20), true, true), Due::PowerOff { in_time: true });
        parking.asked(ActionId(7));
        assert_eq!(parking.step(at(30), true, true), Due::Nothing);
        assert!(parking.is_mine(ActionId(7)));
    }

    #[test]
    fn a_container_that_resists_does_not_hold_the_node_up() {
        let mut parking = Parking::new(Duration::from_mins(3));
        parking.step(Uptime::START, true, false);
        assert_eq!(parking.step(Uptime::from_secs(134), true, false), Due::Nothing);
        assert_eq!(parking.step(Uptime::from_secs(135), true, false), Due::PowerOff { in_time: false });
    }

    #[test]
    fn what_stayed_up_can_recover_and_halt_again() {
        let mut parking = Parking::new(Duration::from_mins(3));
        parking.step(Uptime::START, true, true);
        parking.stay();
        assert_eq!(parking.step(Uptime::from_secs(999), true, true), Due::Nothing);
        parking.step(Uptime::from_secs(1000), false, true);
        assert_eq!(parking.step(Uptime::from_secs(2000), true, true), Due::PowerOff { in_time: true });
    }
}
