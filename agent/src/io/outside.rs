//! Where the program ends and the machine begins: buses, lines and files, so that a test can be the machine.

use std::fmt::{Debug, Display};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;
use std::time::Duration;

use embedded_hal::i2c::I2c;
use hardware::line::LineAt;
use hardware::linux::Root;
use hardware::linux::i2c::LinuxBus;
use hardware::linux::input::{Edges, InputLine};
use rustix::time::{ClockId, clock_gettime};

/// The machine that the program runs on.
pub trait Outside {
    /// An I2C bus.
    type Bus: I2c<Error: Display + Debug> + 'static;

    /// Where its files begin.
    fn root(&self) -> &Root;

    /// A bus by its path; one that is not there says so when it is used.
    fn bus(&self, path: &Path) -> Self::Bus;

    /// Takes a GPIO line and waits for it to fall.
    ///
    /// # Errors
    /// In words that say what to do.
    fn line(&self, at: &LineAt) -> Result<Box<dyn EdgeLine>, String>;
}

/// A line that is waited for: readable while there are edges.
pub trait EdgeLine: AsFd + Debug + Send {
    /// The next falling edge: how long ago it was; `None` when there is none.
    ///
    /// # Errors
    /// The line is gone.
    fn take(&mut self) -> io::Result<Option<Duration>>;

    /// Whether it is low now.
    ///
    /// # Errors
    /// The line is gone.
    fn is_pulled(&self) -> io::Result<bool>;
}

/// The real machine, or a made tree of its files.
#[derive(Debug, Default)]
pub struct Machine(Root);

impl Outside for Machine {
    type Bus = LinuxBus;

    fn root(&self) -> &Root {
        &self.0
    }

    fn bus(&self, path: &Path) -> LinuxBus {
        LinuxBus::new(&self.0, path)
    }

    fn line(&self, at: &LineAt) -> Result<Box<dyn EdgeLine>, String> {
        let line = InputLine::open(at, Edges::Falling).map_err(|error| error.to_string())?;
        Ok(Box::new(KernelLine(line)))
    }
}

/// A line of the kernel's.
#[derive(Debug)]
struct KernelLine(InputLine);

impl AsFd for KernelLine {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl EdgeLine for KernelLine {
    fn take(&mut self) -> io::Result<Option<Duration>> {
        while let Some(edge) = self.0.take_edge().map_err(io::Error::other)? {
            if !edge.rising {
                let now = clock_gettime(ClockId::Monotonic);
                let now =
                    Duration::new(now.tv_sec.try_into().unwrap_or(0), now.tv_nsec.try_into().unwrap_or(0));
                return Ok(Some(now.saturating_sub(Duration::from_nanos(edge.at_ns))));
            }
        }
        Ok(None)
    }

    fn is_pulled(&self) -> io::Result<bool> {
        self.0.is_high().map(|high| !high).map_err(io::Error::other)
    }
}
