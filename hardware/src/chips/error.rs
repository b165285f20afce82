//! Why settings are refused, and why a reading failed.

use embedded_hal::i2c::{self, ErrorKind};
use protocol::{Current, Fault, Resistance, Voltage};
use thiserror::Error;

/// Settings that cannot work. Every message holds both the asked and the possible number.
#[derive(Debug, Clone, Copy, PartialEq, Error)]
pub enum SettingsError {
    /// The address pins cannot make this address.
    #[error("the address is {address:#04x}, but the {chip} can only have {least:#04x} to {most:#04x}")]
    Address {
        /// Which kind of chip.
        chip: &'static str,
        /// The address asked for.
        address: u8,
        /// The least that its pins can make.
        least: u8,
        /// The most that its pins can make.
        most: u8,
    },
    /// No usable shunt.
    #[error("the shunt is {shunt}, but must be {least:.6} to {most:.0}")]
    Shunt {
        /// The shunt asked for.
        shunt: Resistance,
        /// The least that the arithmetic takes.
        least: Resistance,
        /// The most that the arithmetic takes.
        most: Resistance,
    },
    /// No usable greatest current.
    #[error("the greatest current is {current_max}, but must be above 0 A and at most {most:.0}")]
    CurrentMax {
        /// The current asked for.
        current_max: Current,
        /// The most that the arithmetic takes.
        most: Current,
    },
    /// The shunt would clip before the greatest current is reached.
    #[error(
        "{current_max} through {shunt} drops {drop:.4}, but the {chip} measures up to {range:.4}, \
         which is {reaches} here: take a smaller shunt, or state a smaller greatest current"
    )]
    DropTooLarge {
        /// Which kind of chip.
        chip: &'static str,
        /// The current asked for.
        current_max: Current,
        /// The shunt.
        shunt: Resistance,
        /// What the current drops across the shunt.
        drop: Voltage,
        /// The most that the chip measures.
        range: Voltage,
        /// The current at which this shunt reaches that.
        reaches: Current,
    },
    /// The whole span of current falls into a few steps of the converter.
    #[error(
        "{current_max} through {shunt} drops only {drop:.5}, which is {steps} steps of the {chip}: \
         at least {steps_least} are needed, so take a larger shunt"
    )]
    DropTooSmall {
        /// Which kind of chip.
        chip: &'static str,
        /// The current asked for.
        current_max: Current,
        /// The shunt.
        shunt: Resistance,
        /// What the current drops across the shunt.
        drop: Voltage,
        /// How many steps of the converter that is.
        steps: i64,
        /// How many there must be.
        steps_least: i64,
    },
    /// A divider that shows nothing useful at the converter's input.
    #[error("a divider of {top} over {bottom} {why}")]
    Divider {
        /// Between what is measured and the input.
        top: Resistance,
        /// Between the input and ground.
        bottom: Resistance,
        /// What is wrong with it.
        why: DividerTrouble,
    },
    /// An input that the converter does not have.
    #[error("input {channel} is outside 0 to {most}")]
    Channel {
        /// The input asked for.
        channel: u8,
        /// The last one.
        most: u8,
    },
    /// One input cannot be both.
    #[error("input {channel} cannot be both the voltage's and the current's")]
    SameChannel {
        /// Which.
        channel: u8,
    },
}

/// What is wrong with a divider.
#[derive(Debug, Clone, Copy, PartialEq, Error)]
pub enum DividerTrouble {
    /// A part of it is none.
    #[error("is none: both must be {least:.0} to {most:.0}")]
    Parts {
        /// The least that is taken.
        least: Resistance,
        /// The most that is taken.
        most: Resistance,
    },
    /// The greatest voltage would be more than the input bears.
    #[error(
        "makes {at_input:.2} of {highest:.2}, but the input bears {bears:.2}: take a larger upper resistor"
    )]
    TooHigh {
        /// What is to be measured.
        highest: Voltage,
        /// What that makes at the input.
        at_input: Voltage,
        /// The most that the input takes.
        bears: Voltage,
    },
}

/// Why a chip gave no reading. `E` is the bus's own error.
#[derive(Debug, Clone, Copy, PartialEq, Error)]
pub enum Error<E> {
    /// Nobody acknowledged: unplugged, unpowered, or another address.
    #[error("no acknowledge: {0}")]
    NoAcknowledge(E),
    /// The transaction failed in another way.
    #[error("bus error: {0}")]
    BusError(E),
    /// The bus itself is gone.
    #[error("the bus is gone: {0}")]
    BusGone(E),
    /// Another chip, or none of the kind, answers at the address. Nothing was written to it.
    #[error("no {chip} answers: register {register:#04x} reads {found:#06x}")]
    NotThisChip {
        /// Which kind of chip was expected.
        chip: &'static str,
        /// The register that told.
        register: u8,
        /// What it held.
        found: u16,
    },
    /// The chip had not our settings: after a brown-out, or because another program changed them. They were written
    /// again before this was returned; the next conversion is good.
    #[error("the settings were lost (a register holds {found}, not {expected}) and were written again")]
    SettingsLost {
        /// What the register that bears witness holds: after a power-on its reset value.
        found: u16,
        /// What we had written.
        expected: u16,
    },
    /// More current than the settings' greatest: the chip's own arithmetic overflowed.
    #[error("the chip's arithmetic overflowed: more than {limit} flows")]
    Overflow {
        /// The most that the chip's current register can hold.
        limit: Current,
    },
    /// The shunt's drop is at the end of the range: the true current may be any larger.
    #[error("the shunt is clipped: {limit} or more flows")]
    ShuntClipped {
        /// The current at the end of the range.
        limit: Current,
    },
    /// A converter's input is at the end of its range: the true voltage may be any larger.
    #[error("the input is clipped: {limit} or more")]
    InputClipped {
        /// The voltage at the end of the range, before the divider.
        limit: Voltage,
    },
}

impl<E> Error<E> {
    /// The fault that this is to the rest of the program.
    pub fn fault(&self) -> Fault {
        match self {
            Self::NoAcknowledge(_) => Fault::NoAcknowledge,
            Self::BusError(_) => Fault::BusError,
            Self::BusGone(_) => Fault::BusGone,
            Self::NotThisChip { .. } => Fault::Garbled,
            Self::SettingsLost { .. } => Fault::SettingsLost,
            Self::Overflow { .. } => Fault::Overflow,
            Self::ShuntClipped { limit } => Fault::ShuntClipped { limit: *limit },
            Self::InputClipped { limit } => {
                Fault::VoltageAbsurd { read: *limit, low: Voltage::ZERO, high: *limit }
            }
        }
    }
}

impl<E: i2c::Error> Error<E> {
    /// Sorts a bus's error by its kind.
    pub(crate) fn from_bus(error: E) -> Self {
        match error.kind() {
            ErrorKind::NoAcknowledge(_) => Self::NoAcknowledge(error),
            ErrorKind::Other => Self::BusGone(error),
            _ => Self::BusError(error),
        }
    }
}
