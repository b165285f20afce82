//! The board's watchdog: unless it is petted in time, the board starts anew.
//!
//! It runs from the moment it is opened (Linux, `Documentation/watchdog/watchdog-api.rst`). Only [`Watchdog::close`] stops it,
//! by the letter `V` before the file is closed ("magic close"): a program that crashes, or hangs, leaves it running. How long
//! it waits is the driver's own affair; the kernel says it under `/sys/class/watchdog`. To set it takes an ioctl, for which no
//! safe wrapper exists: it is the driver's option instead (`heartbeat=` of `bcm2835_wdt`, `soft_margin=` of `softdog`).

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::file::{Root, name, number_after, read_number, read_text};

const CLASS: &str = "/sys/class/watchdog";

/// Why the watchdog cannot be had, or was not petted.
#[derive(Debug, thiserror::Error)]
pub enum WatchdogError {
    /// There is none.
    #[error("{} is not there: load the board's driver (bcm2835_wdt on a Pi; softdog where there is none)", .0.display())]
    Missing(PathBuf),
    /// Another program holds it.
    #[error(
        "{} is held by another program, most likely by systemd (RuntimeWatchdogSec, `systemctl show -p RuntimeWatchdogUSec`): \
         one of both must go, and systemd is the better one", .0.display()
    )]
    Busy(PathBuf),
    /// This user may not.
    #[error("{} is not permitted: run as root", .0.display())]
    Denied(PathBuf),
    /// Anything else.
    #[error("{}: {source}", path.display())]
    Failed {
        /// The device.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
}

impl WatchdogError {
    fn of(path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        match source.kind() {
            io::ErrorKind::NotFound => Self::Missing(path),
            io::ErrorKind::ResourceBusy => Self::Busy(path),
            io::ErrorKind::PermissionDenied => Self::Denied(path),
            // A device file without a driver behind it: ENXIO, ENODEV.
            _ if matches!(source.raw_os_error(), Some(6 | 19)) => Self::Missing(path),
            _ => Self::Failed { path, source },
        }
    }
}

/// What the kernel says of a watchdog; `None` where it does not say.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Facts {
    /// Its driver.
    pub identity: Option<String>,
    /// How long it waits.
    pub timeout: Option<Duration>,
    /// It cannot be stopped once it runs, not even by an orderly close.
    pub nowayout: Option<bool>,
}

/// What the kernel says of the watchdog behind a device file such as `/dev/watchdog`, which is the first one, or
/// `/dev/watchdog1`. Opens nothing.
pub fn facts(root: &Root, device: &Path) -> Facts {
    let number = number_after(&name(device), "watchdog").unwrap_or(0);
    let folder = root.path(CLASS).join(format!("watchdog{number}"));
    let seconds: Option<u32> = read_number(&folder.join("timeout"), "").ok();
    let nowayout: Option<u8> = read_number(&folder.join("nowayout"), "").ok();
    Facts {
        identity: read_text(&folder.join("identity"), "").ok(),
        timeout: seconds.filter(|&seconds| seconds > 0).map(|seconds| Duration::from_secs(seconds.into())),
        nowayout: nowayout.map(|nowayout| nowayout != 0),
    }
}

/// A watchdog that runs. Dropped without [`Self::close`] it goes on running, and resets the board.
#[derive(Debug)]
pub struct Watchdog {
    device: File,
    path: PathBuf,
}

impl Watchdog {
    /// Opens it, which starts it.
    ///
    /// # Errors
    /// There is none, another program holds it, or this user may not.
    pub fn open(root: &Root, device: &Path) -> Result<Self, WatchdogError> {
        let path = root.path(device);
        let device =
            OpenOptions::new().write(true).open(&path).map_err(|error| WatchdogError::of(&path, error))?;
        Ok(Self { device, path })
    }

    /// Says that all is well: it begins to count anew.
    ///
    /// # Errors
    /// The driver's.
    pub fn pet(&mut self) -> Result<(), WatchdogError> {
        self.write(0)
    }

    /// Stops it, where the kernel lets it be stopped.
    ///
    /// # Errors
    /// The driver's; it then goes on running.
    pub fn close(mut self) -> Result<(), WatchdogError> {
        self.write(b'V')
    }

    fn write(&mut self, byte: u8) -> Result<(), WatchdogError> {
        self.device.write_all(&[byte]).map_err(|error| WatchdogError::of(&self.path, error))
    }
}
