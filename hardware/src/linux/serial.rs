//! A serial line that may be unplugged: opened when it is needed, opened again after it was gone, and never waited for.
//!
//! Raw bytes, 8 bits, no parity, one stop bit, no flow control, and no controlling terminal. Reading takes what the kernel
//! has collected since the last time (its buffers hold many seconds of 19200 baud) and returns at once, so a device that talks all the time
//! wakes nobody.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use protocol::Fault;
use rustix::fs::{Mode, OFlags};
use rustix::termios::{self, ControlModes, OptionalActions};

use super::Root;

/// What is read at once.
const PIECE: usize = 1024;
/// More than this is not taken at one time: a line that never stops must not hold the program.
const TAKE_MAX: usize = 64 * 1024;

/// What is wrong with a line.
#[derive(Debug, thiserror::Error)]
#[error("{}: {source}: {}", path.display(), advice(source))]
pub struct SerialError {
    /// Which line.
    pub path: PathBuf,
    /// What the kernel said.
    source: io::Error,
}

impl SerialError {
    /// The fault that this is to a sensor: an adapter that was pulled out is gone.
    pub const fn fault(&self) -> Fault {
        Fault::BusGone
    }
}

fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::NotFound => "is the adapter plugged in? /dev/serial/by-id lists those that are",
        io::ErrorKind::PermissionDenied => "run as root, or add this user to the group dialout",
        io::ErrorKind::ResourceBusy => "another program has it open",
        _ => "unplugged, or no serial line",
    }
}

/// A line by its path.
#[derive(Debug)]
pub struct SerialLine {
    path: PathBuf,
    baud: u32,
    open: Option<File>,
}

impl SerialLine {
    /// A line such as `/dev/ttyUSB0`. Opened at the first use, so that one that comes late is no error.
    pub fn new(root: &Root, path: impl AsRef<Path>, baud: u32) -> Self {
        Self { path: root.path(path), baud, open: None }
    }

    /// Whether the next use opens it anew.
    pub const fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// Appends what came since the last time; returns at once. What came before the line was opened is thrown away.
    ///
    /// # Errors
    /// The line is gone or cannot be opened; the next use tries again.
    pub fn take(&mut self, into: &mut Vec<u8>) -> Result<(), SerialError> {
        let taken = self.file().and_then(|file| drain(file, into));
        taken.map_err(|error| self.failed(error))
    }

    /// Throws away what came since the last time, and sends these bytes. They are few enough for the kernel's buffer.
    ///
    /// # Errors
    /// As [`Self::take`].
    pub fn ask(&mut self, bytes: &[u8]) -> Result<(), SerialError> {
        let asked = self.file().and_then(|file| {
            drain(file, &mut Vec::new())?;
            file.write_all(bytes)
        });
        asked.map_err(|error| self.failed(error))
    }

    fn failed(&mut self, source: io::Error) -> SerialError {
        self.open = None;
        SerialError { path: self.path.clone(), source }
    }

    fn file(&mut self) -> io::Result<&mut File> {
        if self.open.is_none() {
            self.open = Some(open(&self.path, self.baud)?);
        }
        // The line above made it.
        self.open.as_mut().ok_or_else(|| io::Error::from(io::ErrorKind::NotConnected))
    }
}

fn open(path: &Path, baud: u32) -> io::Result<File> {
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let line = rustix::fs::open(path, flags, Mode::empty())?;
    let mut settings = termios::tcgetattr(&line)?;
    settings.make_raw();
    settings.control_modes.remove(ControlModes::CSTOPB | ControlModes::CRTSCTS);
    settings.control_modes.insert(ControlModes::CLOCAL | ControlModes::CREAD);
    settings.set_speed(baud)?;
    termios::tcsetattr(&line, OptionalActions::Now, &settings)?;
    // Two programs that share a line each hear half of it.
    termios::ioctl_tiocexcl(&line)?;
    termios::tcflush(&line, termios::QueueSelector::IOFlush)?;
    Ok(File::from(line))
}

fn drain(file: &mut File, into: &mut Vec<u8>) -> io::Result<()> {
    let mut piece = [0; PIECE];
    let end = into.len() + TAKE_MAX;
    while into.len() < end {
        match file.read(&mut piece) {
            // A terminal whose other end is gone reads nothing for ever.
            Ok(0) => return Err(io::Error::from(io::ErrorKind::UnexpectedEof)),
            Ok(length) => into.extend_from_slice(&piece[..length]),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
