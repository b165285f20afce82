//! The Microchip MCP23017: sixteen lines, each with a direction and a latch of its own.
//!
//! Cited by section of Microchip DS20001952. Only the map of `BANK = 0` is spoken, which is the one after power-on: registers of
//! ports A and B lie side by side, so that two bytes are one register of sixteen lines, whether the pointer counts on or
//! toggles within the pair (3.2.1, `SEQOP`). A chip that another program has set to `BANK = 1` is told from it by reading
//! and left alone.

use embedded_hal::i2c::I2c;

use super::super::error::{Error, SettingsError};
use super::super::port::Port;
use super::{ExpanderError, Kind, Lines};

/// The registers of port A with `BANK = 0`; port B's follows each (DS20001952 table 3-1).
pub(super) mod register {
    /// Direction: a set bit is an input, as all are after power-on (3.5.1).
    pub(in super::super) const IODIR: u8 = 0x00;
    /// GPINTENB with `BANK = 0`; with `BANK = 1` IOCON, of which bit 7 is then set (3.5.6).
    pub(in super::super) const GPINTENB: u8 = 0x05;
    /// Configuration, the same register at both places (3.5.6).
    pub(in super::super) const IOCON: u8 = 0x0a;
    /// The levels at the pins (3.5.10).
    pub(in super::super) const GPIO: u8 = 0x12;
    /// The output latches; 0 after power-on (3.5.11).
    pub(in super::super) const OLAT: u8 = 0x14;
}

/// Bits of IOCON that are never set in a chip that we can speak to: BANK, and bit 0, which there is not (3.5.6).
pub(super) const IOCON_NEVER: u8 = 0x81;

/// An MCP23017 on a bus.
#[derive(Debug)]
pub struct Mcp23017<I2C> {
    port: Port<I2C>,
    /// What may be driven.
    ours: Lines,
    /// What is driven by us: outputs, with the levels of `levels`.
    held: Lines,
    levels: u16,
    taken_over: bool,
    /// Put right and not yet told.
    forgot: Lines,
}

impl<I2C: I2c> Mcp23017<I2C> {
    /// At an address, with the lines to be driven. Touches nothing.
    ///
    /// # Errors
    /// Its pins cannot make this address.
    pub fn new(i2c: I2C, address: u8, ours: Lines) -> Result<Self, SettingsError> {
        let kind = Kind::Mcp23017;
        let port = Port::within(kind.name(), i2c, address, kind.addresses())?;
        Ok(Self { port, ours, held: Lines::NONE, levels: 0, taken_over: false, forgot: Lines::NONE })
    }

    /// As [`super::Expander::switch`]. The latch is written before the direction: the line never drives another level.
    ///
    /// # Errors
    /// The bus's; a line that does not follow, or is not ours.
    pub fn switch(&mut self, line: u8, high: bool) -> Result<(), ExpanderError<I2C::Error>> {
        if !self.ours.has(line) {
            return Err(ExpanderError::NotOurs { line });
        }
        let seen = self.see()?;
        let bit = Lines::one(line);
        let levels = if high { self.levels | bit.0 } else { self.levels & !bit.0 };
        self.drive(seen, self.held.and(bit), levels)
    }

    /// As [`super::Expander::check`]. Of ours only those lines are taken over that drive already.
    ///
    /// # Errors
    /// The bus's; a line that does not follow; what was forgotten.
    pub fn check(&mut self) -> Result<(), ExpanderError<I2C::Error>> {
        let seen = self.see()?;
        if self.lost(seen) == Lines::NONE {
            self.prove_levels()?;
        } else {
            self.drive(seen, self.held, self.levels)?;
        }
        match std::mem::take(&mut self.forgot) {
            Lines::NONE => Ok(()),
            lines => Err(ExpanderError::Forgot { lines }),
        }
    }

    /// Gives the bus back.
    pub fn release(self) -> I2C {
        self.port.release()
    }

    /// Directions and latches, of a chip that is the right one.
    fn see(&mut self) -> Result<Seen, ExpanderError<I2C::Error>> {
        let not_this = |register, found| Error::NotThisChip { chip: Kind::Mcp23017.name(), register, found };
        let found = self.port.read(register::GPINTENB)?;
        if found >> 15 != 0 {
            return Err(not_this(register::GPINTENB, found).into());
        }
        let found = self.port.read(register::IOCON)?;
        let [a, b] = found.to_be_bytes();
        if a != b || a & IOCON_NEVER != 0 {
            return Err(not_this(register::IOCON, found).into());
        }
        let seen = Seen { inputs: self.steady(register::IODIR)?, latch: self.steady(register::OLAT)? };
        if !self.taken_over {
            self.held = Lines(self.ours.0 & !seen.inputs);
            self.levels = seen.latch & self.held.0;
            self.taken_over = true;
        }
        Ok(seen)
    }

    /// Which of the held lines are not as they were left.
    fn lost(&self, seen: Seen) -> Lines {
        Lines(self.held.0 & (seen.inputs | (seen.latch ^ self.levels)))
    }

    /// Makes these lines outputs at these levels, and proves it.
    fn drive(&mut self, seen: Seen, held: Lines, levels: u16) -> Result<(), ExpanderError<I2C::Error>> {
        let lost = self.lost(seen);
        let latch = (seen.latch & !held.0) | (levels & held.0);
        let inputs = seen.inputs & !held.0;
        self.write(register::OLAT, latch)?;
        if inputs != seen.inputs {
            self.write(register::IODIR, inputs)?;
        }
        (self.held, self.levels) = (held, levels & held.0);
        for (register, written) in [(register::OLAT, latch), (register::IODIR, inputs)] {
            let found = self.read(register)?;
            if found != written {
                return Err(ExpanderError::DoesNotFollow { lines: Lines(found ^ written) });
            }
        }
        self.prove_levels()?;
        self.forgot = self.forgot.and(lost);
        Ok(())
    }

    /// Whether the pins show what the latches say.
    fn prove_levels(&mut self) -> Result<(), ExpanderError<I2C::Error>> {
        let wrong = (self.read(register::GPIO)? ^ self.levels) & self.held.0;
        if wrong == 0 { Ok(()) } else { Err(ExpanderError::DoesNotFollow { lines: Lines(wrong) }) }
    }

    fn steady(&mut self, register: u8) -> Result<u16, ExpanderError<I2C::Error>> {
        let (first, then) = (self.read(register)?, self.read(register)?);
        if first == then { Ok(first) } else { Err(ExpanderError::Unsteady { first, then }) }
    }

    /// Port A comes first and is the lower half.
    fn read(&mut self, register: u8) -> Result<u16, ExpanderError<I2C::Error>> {
        Ok(self.port.read(register)?.swap_bytes())
    }

    fn write(&mut self, register: u8, value: u16) -> Result<(), ExpanderError<I2C::Error>> {
        Ok(self.port.write(register, value.swap_bytes())?)
    }
}

/// What the chip's registers hold.
#[derive(Debug, Clone, Copy)]
struct Seen {
    inputs: u16,
    latch: u16,
}
