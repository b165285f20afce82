//! A Linux I2C bus that survives being lost: opened when it is needed, opened again after it was gone.
//!
//! The controllers of the Pi report a missing acknowledge as `EREMOTEIO` (Linux, `drivers/i2c/busses/i2c-bcm2835.c`),
//! which `linux-embedded-hal` does not know for one; so the errno is sorted here.

use std::io;
use std::path::{Path, PathBuf};

use embedded_hal::i2c::{self, ErrorKind, I2c, NoAcknowledgeSource, Operation, SevenBitAddress};
use linux_embedded_hal::I2cdev;
use linux_embedded_hal::i2cdev::linux::LinuxI2CError;
use protocol::Fault;

use super::Root;

/// What an errno means on a bus (<https://docs.kernel.org/i2c/fault-codes.html>, and the drivers themselves).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// Nobody acknowledged.
    NoAcknowledge,
    /// The transaction failed in another way.
    BusError,
    /// Another master won.
    ArbitrationLost,
    /// A kernel driver holds the address: the chip is a hwmon device.
    HeldByKernel,
    /// This user may not.
    Denied,
    /// The bus is not there.
    Gone,
}

impl Trouble {
    /// From what the kernel said.
    pub fn of(error: &io::Error) -> Self {
        // Errno numbers are those of Linux on Arm and x86.
        match error.raw_os_error() {
            // ENXIO by most drivers, EREMOTEIO by the Pi's.
            Some(6 | 121) => Self::NoAcknowledge,
            // ENOENT, ENODEV; ENOTTY and EOPNOTSUPP: a file that is no such bus; EBADF.
            Some(2 | 19 | 25 | 95 | 9) => Self::Gone,
            Some(11) => Self::ArbitrationLost,
            Some(16) => Self::HeldByKernel,
            Some(1 | 13) => Self::Denied,
            // EIO, ETIMEDOUT, EPROTO, EBADMSG, EINVAL, ...
            _ => Self::BusError,
        }
    }

    /// The fault that it is to a sensor.
    pub fn fault(self) -> Fault {
        match self {
            Self::NoAcknowledge => Fault::NoAcknowledge,
            Self::BusError | Self::ArbitrationLost => Fault::BusError,
            Self::HeldByKernel | Self::Denied | Self::Gone => Fault::BusGone,
        }
    }

    /// What to do about it.
    const fn advice(self) -> &'static str {
        match self {
            Self::NoAcknowledge => "check the chip's power, wiring and address",
            Self::BusError => "check the wiring, pull-ups and the length of the bus",
            Self::ArbitrationLost => "another master uses the bus, or a line is held",
            Self::HeldByKernel => {
                "a kernel driver owns the address: use the hwmon sensor, or unbind the driver"
            }
            Self::Denied => "run as root, or add this user to the group i2c",
            Self::Gone => "enable I2C (dtparam=i2c_arm=on in config.txt) and load i2c-dev",
        }
    }
}

/// An error of a Linux bus.
#[derive(Debug, thiserror::Error)]
#[error("{}: {source}: {}", path.display(), trouble.advice())]
pub struct BusError {
    /// Which bus.
    pub path: PathBuf,
    /// What it means.
    pub trouble: Trouble,
    /// What the kernel said.
    source: io::Error,
}

impl i2c::Error for BusError {
    /// `Other` means that the bus is gone, as the drivers of [`crate::chips`] read it.
    fn kind(&self) -> ErrorKind {
        match self.trouble {
            Trouble::NoAcknowledge => ErrorKind::NoAcknowledge(NoAcknowledgeSource::Unknown),
            Trouble::BusError => ErrorKind::Bus,
            Trouble::ArbitrationLost => ErrorKind::ArbitrationLoss,
            Trouble::HeldByKernel | Trouble::Denied | Trouble::Gone => ErrorKind::Other,
        }
    }
}

/// A bus by its path.
pub struct LinuxBus {
    path: PathBuf,
    device: Option<I2cdev>,
}

impl std::fmt::Debug for LinuxBus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LinuxBus").field("path", &self.path).field("open", &self.device.is_some()).finish()
    }
}

impl LinuxBus {
    /// A bus such as `/dev/i2c-1`. Opened at the first transaction, so that a bus that comes late is no error.
    pub fn new(root: &Root, path: impl AsRef<Path>) -> Self {
        Self { path: root.path(path), device: None }
    }

    /// Sorts what the kernel said, and lets go of a bus that is gone, so that the next transaction opens it anew.
    fn failed(&mut self, error: io::Error) -> BusError {
        let trouble = Trouble::of(&error);
        if matches!(trouble, Trouble::Gone | Trouble::Denied) {
            self.device = None;
        }
        BusError { path: self.path.clone(), trouble, source: error }
    }

    fn device(&mut self) -> Result<&mut I2cdev, LinuxI2CError> {
        if self.device.is_none() {
            self.device = Some(I2cdev::new(&self.path)?);
        }
        // The line above made it.
        self.device.as_mut().ok_or(LinuxI2CError::Errno(19))
    }
}

/// The errno of the wrapped crate's error.
fn io_error(error: &LinuxI2CError) -> io::Error {
    match error {
        LinuxI2CError::Errno(errno) => io::Error::from_raw_os_error(*errno),
        LinuxI2CError::Io(error) => match error.raw_os_error() {
            Some(errno) => io::Error::from_raw_os_error(errno),
            None => io::Error::new(error.kind(), error.to_string()),
        },
    }
}

impl i2c::ErrorType for LinuxBus {
    type Error = BusError;
}

impl I2c<SevenBitAddress> for LinuxBus {
    fn transaction(&mut self, address: u8, operations: &mut [Operation<'_>]) -> Result<(), BusError> {
        let outcome = self.device().map_err(|error| io_error(&error)).and_then(|device| {
            device.transaction(address, operations).map_err(|error| io_error(error.inner()))
        });
        outcome.map_err(|error| self.failed(error))
    }
}

#[cfg(test)]
mod tests;
