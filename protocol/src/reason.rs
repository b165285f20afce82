//! Why a decision was taken, with the numbers that took it.
//!
//! One value serves LEDs, dashboard, `why`, journal and metrics, so that none of them can tell another story.

use core::fmt;

use serde::{Deserialize, Serialize};

use crate::fault::Fault;
use crate::id::{NodeName, OrderId};
use crate::stage::Stage;
use crate::time::Seconds;
use crate::units::{Soc, Temperature, Voltage};

/// Why a node is in its stage.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Nothing forbids it: every reading is above its threshold.
    Clear,
    /// First start, and the state of charge is not known yet.
    SocUnknown,
    /// Taken up again after a restart, as the state file says.
    Resumed {
        /// The stage before the restart.
        stage: Stage,
    },
    /// The state of charge's lower bound fell below a threshold, for the hold time.
    SocBelow {
        /// The lower bound (10th percentile).
        soc: Soc,
        /// The threshold.
        threshold: Soc,
        /// For how long.
        held: Seconds,
    },
    /// The load-compensated voltage fell below a threshold, for the hold time.
    VoltageBelow {
        /// The compensated voltage (5 min mean).
        compensated: Voltage,
        /// The threshold.
        threshold: Voltage,
        /// For how long.
        held: Seconds,
    },
    /// The raw voltage fell below the emergency threshold.
    VoltageCollapsed {
        /// The voltage at the terminals.
        voltage: Voltage,
        /// The threshold.
        threshold: Voltage,
        /// For how long.
        held: Seconds,
    },
    /// The time to empty's lower bound fell below a threshold.
    TimeToEmptyBelow {
        /// The lower bound.
        time_to_empty: Seconds,
        /// The threshold.
        threshold: Seconds,
        /// For how long.
        held: Seconds,
    },
    /// No believable reading for too long: the energy is aged at its worst rate, and the ladder climbed.
    NoReading {
        /// Why there is none.
        fault: Fault,
        /// For how long.
        age: Seconds,
    },
    /// The firmware says that the 5 V rail is under 4.63 V.
    RailLow {
        /// For how long.
        held: Seconds,
    },
    /// The processor is too hot.
    Hot {
        /// Its temperature.
        temperature: Temperature,
        /// The threshold.
        threshold: Temperature,
    },
    /// The leader ordered it.
    Ordered {
        /// Which order.
        order: OrderId,
        /// The leader's own reason.
        why: OrderReason,
    },
    /// A rung was left, because its leaving conditions held.
    Recovered {
        /// The state of charge's lower bound, when known.
        soc: Option<Soc>,
        /// The compensated voltage.
        compensated: Voltage,
        /// For how long all conditions held.
        held: Seconds,
    },
    /// The leaving conditions hold, but the node waits: it woke and halted too often.
    BackingOff {
        /// How many times it had to climb again right after it recovered.
        relapses: u16,
        /// How long it still waits.
        wait: Seconds,
    },
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Clear => f.write_str("nothing to save"),
            Self::SocUnknown => f.write_str("state of charge not known yet"),
            Self::Resumed { stage } => write!(f, "resumed in {stage} after a restart"),
            Self::SocBelow { soc, threshold, held } => {
                write!(f, "SoC {soc} (lower bound) < {threshold:.0} for {held}")
            }
            Self::VoltageBelow { compensated, threshold, held } => {
                write!(f, "{compensated} compensated < {threshold} for {held}")
            }
            Self::VoltageCollapsed { voltage, threshold, held } => {
                write!(f, "{voltage} < {threshold} for {held}")
            }
            Self::TimeToEmptyBelow { time_to_empty, threshold, held } => {
                write!(f, "empty in {time_to_empty} (lower bound) < {threshold} for {held}")
            }
            Self::NoReading { fault, age } => write!(f, "no reading for {age}: {fault}"),
            Self::RailLow { held } => write!(f, "5 V rail under 4.63 V for {held}"),
            Self::Hot { temperature, threshold } => write!(f, "CPU at {temperature} > {threshold}"),
            Self::Ordered { order, why } => write!(f, "order {order}: {why}"),
            Self::Recovered { soc: Some(soc), compensated, held } => {
                write!(f, "recovered: SoC {soc} (lower bound), {compensated} compensated, for {held}")
            }
            Self::Recovered { soc: None, compensated, held } => {
                write!(f, "recovered: {compensated} compensated, for {held}")
            }
            Self::BackingOff { relapses, wait } => {
                write!(f, "recovered and fell back {relapses} times: waits another {wait}")
            }
        }
    }
}

/// Why the leader orders a stage.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderReason {
    /// The supply has energy enough for this node's work.
    EnoughEnergy,
    /// The supply runs low, and it is this node's turn.
    SupplyLow {
        /// The state of charge's lower bound.
        soc: Soc,
        /// Where this node's turn comes.
        threshold: Soc,
        /// This node's place in the shed order, from 1.
        place: u8,
        /// How many nodes hang on the supply.
        of: u8,
    },
    /// The supply recovers, and it is another node's turn first.
    Waiting {
        /// Whose turn it is.
        turn_of: NodeName,
        /// This node's place in the order of recovery, from 1.
        place: u8,
    },
    /// The supply's state is not known: nobody is ordered to spend more.
    SupplyUnknown {
        /// For how long.
        age: Seconds,
    },
    /// A person ordered it.
    Operator,
    /// The supply's time to empty is short, and it is this node's turn.
    SupplyShort {
        /// The time to empty's lower bound.
        time_to_empty: Seconds,
        /// Where this node's turn comes.
        threshold: Seconds,
        /// This node's place in the shed order, from 1.
        place: u8,
        /// How many nodes hang on the supply.
        of: u8,
    },
}

impl fmt::Display for OrderReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EnoughEnergy => f.write_str("the supply has energy enough"),
            Self::SupplyLow { soc, threshold, place, of } => {
                write!(f, "supply at {soc} (lower bound) < {threshold:.1}, turn {place} of {of}")
            }
            Self::Waiting { turn_of, place } => {
                write!(f, "{turn_of} recovers first, this node is number {place}")
            }
            Self::SupplyUnknown { age } => write!(f, "the supply's state is unknown for {age}"),
            Self::Operator => f.write_str("a person ordered it"),
            Self::SupplyShort { time_to_empty, threshold, place, of } => {
                write!(f, "supply empty in {time_to_empty} (lower bound) < {threshold}, turn {place} of {of}")
            }
        }
    }
}
