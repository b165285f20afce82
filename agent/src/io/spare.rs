//! Parts of the board that the node does without.

use hardware::linux::Root;
use hardware::linux::spare::{Part, Spare as Parts, SpareError};

use super::refusal;
use crate::config::BoardPart;
use crate::core::event::ActionError;

/// The parts of this board.
#[derive(Debug)]
pub struct Spare(Parts);

impl Spare {
    /// Of this root; nothing is touched yet.
    pub fn new(root: &Root) -> Self {
        Self(Parts::new(root))
    }

    /// Switches a part off, or gives it back as it was.
    ///
    /// # Errors
    /// The board has no such switch, the node needs the part, or a file was refused.
    pub fn set(&self, part: BoardPart, off: bool) -> Result<(), ActionError> {
        let part = match part {
            BoardPart::Hdmi => Part::Hdmi,
            BoardPart::Radio => Part::Radio,
            BoardPart::Usb => Part::Usb,
        };
        let result = if off { self.0.off(part) } else { self.0.back(part) };
        result.map_err(|error| match &error {
            SpareError::Unsupported(_) => ActionError::Unsupported,
            SpareError::File(file) => refusal(file),
            SpareError::NetworkInUse { .. } => ActionError::Refused(error.to_string()),
        })
    }

    /// Gives all back.
    ///
    /// # Errors
    /// The last part that would not; the others are given back all the same.
    pub fn give_back(&self) -> Result<(), ActionError> {
        BoardPart::ALL.into_iter().map(|part| self.set(part, false)).fold(Ok(()), Result::and)
    }
}
