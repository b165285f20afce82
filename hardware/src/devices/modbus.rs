//! Modbus over a serial line (RTU): one question for registers, and the answer to it.
//!
//! After the Modbus Organization's "MODBUS over Serial Line" V1.02 (frames, CRC: section 2.5.1) and "MODBUS Application
//! Protocol" V1.1b3 (functions 3 and 4: sections 6.3 and 6.4; exceptions: section 7). The codec is our own because it is
//! two functions, and the crates that have it abort on a well-formed frame of bad content, which is outside input here.

use crc::{CRC_16_MODBUS, Crc};
use protocol::Fault;
use thiserror::Error;

const CRC: Crc<u16> = Crc::<u16>::new(&CRC_16_MODBUS);
/// The most registers that are asked for at once here; the protocol allows 125.
pub const REGISTERS_MAX: usize = 16;
/// Unit, function, byte count, and the CRC behind the registers.
const FRAME_AROUND: usize = 5;
/// Unit, function with its highest bit set, code, CRC.
const EXCEPTION_FRAME: usize = 5;
const EXCEPTION_BIT: u8 = 0x80;

/// What kind of registers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Function {
    /// Function 3.
    Holding = 3,
    /// Function 4.
    Input = 4,
}

/// A question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Query {
    /// Who is asked, 1 to 247.
    pub unit: u8,
    /// For what kind.
    pub function: Function,
    /// The first register.
    pub first: u16,
    /// How many, at most [`REGISTERS_MAX`].
    pub count: u8,
}

impl Query {
    /// Its bytes on the line.
    pub fn bytes(&self) -> [u8; 8] {
        let [first_high, first_low] = self.first.to_be_bytes();
        let mut bytes = [self.unit, self.function as u8, first_high, first_low, 0, self.count, 0, 0];
        let crc = CRC.checksum(&bytes[..6]).to_le_bytes();
        bytes[6..].copy_from_slice(&crc);
        bytes
    }

    /// The answer among what was heard since the question: noise before it, and the question's own echo, which some
    /// adapters hand back, are passed over.
    ///
    /// # Errors
    /// There is none that may be believed.
    pub fn answer(&self, heard: &[u8]) -> Result<Registers, AnswerError> {
        let echo = self.bytes();
        let heard = heard.strip_prefix(echo.as_slice()).unwrap_or(heard);
        let mut other = None;
        for start in 0..heard.len() {
            let Some(frame) = heard.get(start..).and_then(whole_frame) else { continue };
            match self.understand(frame) {
                Err(error @ AnswerError::Stranger { .. }) => other = other.or(Some(error)),
                understood => return understood,
            }
        }
        Err(other.unwrap_or(if heard.is_empty() { AnswerError::Silence } else { AnswerError::Damaged }))
    }

    /// A frame with a right CRC.
    fn understand(self, frame: &[u8]) -> Result<Registers, AnswerError> {
        let &[unit, function, third, ref rest @ ..] = frame else { return Err(AnswerError::Damaged) };
        if unit != self.unit {
            return Err(AnswerError::Stranger { asked: self.unit, answered: unit });
        }
        if function == self.function as u8 | EXCEPTION_BIT {
            return Err(AnswerError::Exception { first: self.first, code: third });
        }
        if function != self.function as u8 || usize::from(third) != 2 * usize::from(self.count) {
            return Err(AnswerError::Damaged);
        }
        let mut registers = Registers { values: [0; REGISTERS_MAX], count: self.count.into() };
        for (value, pair) in registers.values.iter_mut().zip(rest[..usize::from(third)].chunks_exact(2)) {
            *value = u16::from_be_bytes([pair[0], pair[1]]);
        }
        Ok(registers)
    }
}

/// The frame that begins here, if a whole one with a right CRC does.
fn whole_frame(bytes: &[u8]) -> Option<&[u8]> {
    let &[_, function, third, ..] = bytes else { return None };
    let length = match function {
        3 | 4 if usize::from(third) <= 2 * REGISTERS_MAX => usize::from(third) + FRAME_AROUND,
        0x83 | 0x84 => EXCEPTION_FRAME,
        _ => return None,
    };
    let (frame, crc) = bytes.get(..length)?.split_at(length - 2);
    (CRC.checksum(frame).to_le_bytes() == *crc).then_some(frame)
}

/// Why there is no answer to believe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum AnswerError {
    /// Nothing came.
    #[error("nobody answers: check the line (A and B may be swapped), its speed and the device's address")]
    Silence,
    /// Bytes came, and no whole frame of them fits the question.
    #[error("the answer is damaged: check the line's speed, its length and its termination")]
    Damaged,
    /// Another device spoke.
    #[error("unit {asked} was asked, unit {answered} answered")]
    Stranger {
        /// Who was asked.
        asked: u8,
        /// Who answered.
        answered: u8,
    },
    /// The device refuses.
    #[error("the device does not give register {first:#06x} (exception {code}): is it of another kind?")]
    Exception {
        /// The first register that was asked for.
        first: u16,
        /// Its code: 1 function, 2 address, 3 value, 4 the device failed, 6 it is busy.
        code: u8,
    },
    /// It answered with a number that is none.
    #[error("register {first:#06x} and on hold what cannot be")]
    Absurd {
        /// The first register that was asked for.
        first: u16,
    },
}

impl AnswerError {
    /// The fault that this is to the rest of the program.
    pub const fn fault(&self) -> Fault {
        match self {
            Self::Silence => Fault::NoAcknowledge,
            Self::Damaged | Self::Stranger { .. } | Self::Exception { .. } | Self::Absurd { .. } => {
                Fault::Garbled
            }
        }
    }
}

/// What was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Registers {
    values: [u16; REGISTERS_MAX],
    count: usize,
}

impl Registers {
    /// The one at this place, from 0.
    pub fn get(&self, place: usize) -> Option<u16> {
        self.values.get(..self.count)?.get(place).copied()
    }

    /// As [`Self::get`], with a sign.
    pub fn signed(&self, place: usize) -> Option<i16> {
        self.get(place).map(u16::cast_signed)
    }

    /// Two registers, the lower half first, with a sign.
    pub fn long(&self, place: usize) -> Option<i32> {
        let (low, high) = (self.get(place)?, self.get(place + 1)?);
        Some((u32::from(high) << 16 | u32::from(low)).cast_signed())
    }
}

/// Registers of one kind of device that are asked for together, and what they say.
#[derive(Debug, Clone, Copy)]
pub struct Part {
    /// What kind.
    pub function: Function,
    /// The first register.
    pub first: u16,
    /// How many.
    pub count: u8,
    /// Puts what they say into the account; `None` for what cannot be.
    pub read: fn(&Registers, &mut super::Account) -> Option<()>,
}

impl Part {
    /// The question for it.
    pub const fn query(&self, unit: u8) -> Query {
        Query { unit, function: self.function, first: self.first, count: self.count }
    }

    /// Takes the answer into the account.
    ///
    /// # Errors
    /// There is none, or what it holds cannot be; the account is then as before.
    pub fn take(&self, unit: u8, heard: &[u8], account: &mut super::Account) -> Result<(), AnswerError> {
        let registers = self.query(unit).answer(heard)?;
        let mut new = *account;
        (self.read)(&registers, &mut new).ok_or(AnswerError::Absurd { first: self.first })?;
        *account = new;
        Ok(())
    }
}

/// A maker's devices.
#[derive(Debug, Clone, Copy)]
pub struct Kind {
    /// The maker.
    pub name: &'static str,
    /// The line's speed as it is shipped.
    pub baud: u32,
    /// What is asked for: the first part, which holds the voltage, nearly each time, the others in turn now and then.
    pub parts: &'static [Part],
}

#[cfg(test)]
mod tests;
