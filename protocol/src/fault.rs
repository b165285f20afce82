//! Why there is no reading. A missing reading is never a number and never health: it is one of these.

use core::fmt;

use serde::{Deserialize, Serialize};

use crate::time::Seconds;
use crate::units::{Current, Voltage};

/// The typed reason why a sensor gave nothing that may be believed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// Nothing was read since the agent started.
    NotYet,
    /// The chip did not acknowledge its address: unplugged, unpowered, or another address.
    NoAcknowledge,
    /// The bus transaction failed in another way (arbitration, time-out, a held line).
    BusError,
    /// The bus, file or device itself is not there.
    BusGone,
    /// The chip lost its settings (a brown-out clears the calibration); they are being written again.
    SettingsLost,
    /// The chip's arithmetic overflowed: current and power are meaningless.
    Overflow,
    /// The current is at the end of the shunt's range: the true one may be larger.
    ShuntClipped {
        /// The end of the range.
        limit: Current,
    },
    /// A voltage that this battery cannot have.
    VoltageAbsurd {
        /// What was read.
        read: Voltage,
        /// The least believable.
        low: Voltage,
        /// The most believable.
        high: Voltage,
    },
    /// A current that this site cannot have.
    CurrentAbsurd {
        /// What was read.
        read: Current,
        /// The most believable, in either direction.
        limit: Current,
    },
    /// The same raw value for longer than noise allows.
    Stuck {
        /// For how long.
        held: Seconds,
    },
    /// Two sensors of one supply differ by more than their errors explain; the worse one rules.
    Disagrees {
        /// What this one reads.
        ours: Voltage,
        /// What the other reads.
        other: Voltage,
    },
    /// The recorded trace that feeds this sensor has ended.
    TraceEnded,
    /// The source answered with something that is no reading.
    Garbled,
    /// The readings of this supply come through a supervisor, and no link to one is up.
    LinkLost,
    /// No sensor and no relay is configured for this supply.
    NoSensor,
    /// The current does not fit the voltage's course: its sign, or the shunt's value, is likely wrong.
    CurrentImplausible {
        /// What was read.
        read: Current,
    },
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotYet => f.write_str("no reading since the start"),
            Self::NoAcknowledge => f.write_str("the chip does not answer (NAK)"),
            Self::BusError => f.write_str("the bus transaction failed"),
            Self::BusGone => f.write_str("the bus or device is gone"),
            Self::SettingsLost => f.write_str("the chip lost its calibration"),
            Self::Overflow => f.write_str("the chip's arithmetic overflowed"),
            Self::ShuntClipped { limit } => write!(f, "the shunt is clipped at {limit}"),
            Self::VoltageAbsurd { read, low, high } => {
                write!(f, "{read} is outside what this battery can have ({low} to {high})")
            }
            Self::CurrentAbsurd { read, limit } => {
                write!(f, "{read} is beyond what this site can have ({limit})")
            }
            Self::Stuck { held } => write!(f, "the same raw value for {held}"),
            Self::Disagrees { ours, other } => write!(f, "{ours} here but {other} on the other sensor"),
            Self::TraceEnded => f.write_str("the recorded trace has ended"),
            Self::Garbled => f.write_str("the source answers with garbage"),
            Self::LinkLost => f.write_str("no supervisor relays this supply"),
            Self::NoSensor => f.write_str("no sensor is configured"),
            Self::CurrentImplausible { read } => {
                write!(f, "{read} does not fit the voltage's course (sign or shunt value?)")
            }
        }
    }
}
