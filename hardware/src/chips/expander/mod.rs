//! I2C port expanders that drive relays: the power switches of other nodes where GPIO lines are too few or too far.
//!
//! **Nothing flips by itself.** A chip holds its lines when the program ends, crashes or starts again. [`Expander::check`]
//! first takes over what it finds, without a write; [`Expander::switch`] changes one line and leaves the others as they are.
//!
//! **A chip that lost its power forgets.** Its lines are inputs again, or weakly high, and whatever a person wired is what the
//! relays do. Each `check` reads back; what was forgotten is written again and told once ([`ExpanderError::Forgot`]).
//!
//! **Garbage is no level.** What a write depends on is read until two answers agree, and every write is read back whole.
//! What is remembered changes only after the bus took the write.

mod look;
mod mcp23017;
mod pcf8574;

use core::fmt;
use core::ops::RangeInclusive;

use embedded_hal::i2c::I2c;
use serde::Deserialize;
use thiserror::Error;

use super::{Error, SettingsError};
pub use look::{Looked, addresses, look};
pub use mcp23017::Mcp23017;
pub use pcf8574::Pcf8574;

/// Which chip it is, as a config names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Microchip MCP23017: sixteen lines.
    Mcp23017,
    /// TI or NXP PCF8574: eight lines, strong only towards low.
    Pcf8574,
    /// The same with other addresses.
    Pcf8574a,
}

impl Kind {
    /// As a config names it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mcp23017 => "mcp23017",
            Self::Pcf8574 => "pcf8574",
            Self::Pcf8574a => "pcf8574a",
        }
    }

    /// What its three address pins can make (DS20001952 3.3.1; "Interface Definition" in SCPS068 for the PCF8574, in
    /// SCPS069 for the PCF8574A).
    pub const fn addresses(self) -> RangeInclusive<u8> {
        match self {
            Self::Mcp23017 | Self::Pcf8574 => 0x20..=0x27,
            Self::Pcf8574a => 0x38..=0x3f,
        }
    }

    /// Its last line, counted from 0. An MCP23017 has GPA0 to GPA7 as 0 to 7, GPB0 to GPB7 as 8 to 15.
    pub const fn last_line(self) -> u8 {
        match self {
            Self::Mcp23017 => 15,
            Self::Pcf8574 | Self::Pcf8574a => 7,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Some lines of a chip: bit 0 is line 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Lines(u16);

impl Lines {
    /// No line.
    pub const NONE: Self = Self(0);

    /// One line; none for a line that no chip has.
    pub const fn one(line: u8) -> Self {
        Self(if line < 16 { 1 << line } else { 0 })
    }

    /// These and those.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether a line is among them.
    pub const fn has(self, line: u8) -> bool {
        self.0 & Self::one(line).0 != 0
    }
}

impl fmt::Display for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut word = if self.0.is_power_of_two() { "line " } else { "lines " };
        for line in (0..16).filter(|&line| self.has(line)) {
            write!(f, "{word}{line}")?;
            word = ", ";
        }
        Ok(())
    }
}

/// Why a line did not move, or is not what it was. `E` is the bus's own error.
#[derive(Debug, Clone, Copy, PartialEq, Error)]
pub enum ExpanderError<E> {
    /// The bus's, or another chip answers; nothing was written then.
    #[error("{0}")]
    Chip(Error<E>),
    /// Two answers to one question differ: a loose wire, or a line that another device drives.
    #[error(
        "two readings differ ({first:#06x}, then {then:#06x}): a loose wire, or somebody else drives its lines"
    )]
    Unsteady {
        /// The first.
        first: u16,
        /// The one after it.
        then: u16,
    },
    /// What was written does not read back.
    #[error("{lines} {} not follow: a short, a load that pulls it, or a lost write", does(*lines))]
    DoesNotFollow {
        /// Which lines.
        lines: Lines,
    },
    /// Its power was away, or another program wrote to it. The levels are written again and read back.
    #[error("it had forgotten {lines} (its power was away, or another program wrote to it); set again")]
    Forgot {
        /// Which lines.
        lines: Lines,
    },
    /// A line that this chip has not, or that is not ours.
    #[error("line {line} is none of those taken")]
    NotOurs {
        /// Which.
        line: u8,
    },
}

const fn does(lines: Lines) -> &'static str {
    if lines.0.is_power_of_two() { "does" } else { "do" }
}

impl<E> From<Error<E>> for ExpanderError<E> {
    fn from(error: Error<E>) -> Self {
        Self::Chip(error)
    }
}

/// An expander of either kind.
#[derive(Debug)]
pub enum Expander<I2C> {
    /// An MCP23017.
    Mcp23017(Mcp23017<I2C>),
    /// A PCF8574 or PCF8574A.
    Pcf8574(Pcf8574<I2C>),
}

impl<I2C: I2c> Expander<I2C> {
    /// A chip at an address, of which `ours` are to be driven. Touches nothing.
    ///
    /// # Errors
    /// The address is none that this kind can have.
    pub fn new(kind: Kind, i2c: I2C, address: u8, ours: Lines) -> Result<Self, SettingsError> {
        Ok(match kind {
            Kind::Mcp23017 => Self::Mcp23017(Mcp23017::new(i2c, address, ours)?),
            Kind::Pcf8574 | Kind::Pcf8574a => Self::Pcf8574(Pcf8574::new(kind, i2c, address, ours)?),
        })
    }

    /// Sets one line, true for high, and reads it back. The other lines stay as they are.
    ///
    /// # Errors
    /// The bus's; a line that does not follow, or is not ours.
    pub fn switch(&mut self, line: u8, high: bool) -> Result<(), ExpanderError<I2C::Error>> {
        match self {
            Self::Mcp23017(chip) => chip.switch(line, high),
            Self::Pcf8574(chip) => chip.switch(line, high),
        }
    }

    /// Looks whether all is as it was left, and puts right what is not. The first time it takes over what it finds.
    ///
    /// # Errors
    /// As for [`Self::switch`]; and [`ExpanderError::Forgot`] once for what was put right again.
    pub fn check(&mut self) -> Result<(), ExpanderError<I2C::Error>> {
        match self {
            Self::Mcp23017(chip) => chip.check(),
            Self::Pcf8574(chip) => chip.check(),
        }
    }
}

#[cfg(test)]
mod tests;
