//! A serial line: opened, set, read, written; and opened again when it comes back.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::OFlags;
use rustix::termios::{
    InputModes, OptionalActions, QueueSelector, SpecialCodeIndex, Termios, isatty, tcflush, tcgetattr,
    tcsetattr,
};

/// Why a line cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LineError {
    /// It cannot be opened.
    #[error("{path}: {cause}", path = path.display())]
    Open {
        /// The device.
        path: PathBuf,
        /// Why.
        cause: io::Error,
    },
    /// What is there is no serial line.
    #[error("{path}: this is no serial line and no terminal", path = path.display())]
    NoLine {
        /// The device.
        path: PathBuf,
    },
    /// It cannot be set to that speed.
    #[error("{path}: {baud} baud cannot be set: {cause}", path = path.display())]
    Speed {
        /// The device.
        path: PathBuf,
        /// The speed.
        baud: u32,
        /// Why.
        cause: io::Error,
    },
}

/// An open line. It is given back as it was.
#[derive(Debug)]
pub struct Line {
    file: File,
    before: Termios,
}

impl Line {
    /// Opens and sets it: raw, eight bits, no parity, no flow control (noise could stop us with it), whatever the modem
    /// lines say.
    ///
    /// # Errors
    ///
    /// [`LineError`].
    pub fn open(path: &Path, baud: u32) -> Result<Self, LineError> {
        let flags = OFlags::NOCTTY | OFlags::NONBLOCK;
        let flags = i32::try_from(flags.bits()).unwrap_or_default();
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(flags)
            .open(path)
            .map_err(|cause| LineError::Open { path: path.to_owned(), cause })?;
        if !isatty(&file) {
            return Err(LineError::NoLine { path: path.to_owned() });
        }
        let set =
            |cause: rustix::io::Errno| LineError::Speed { path: path.to_owned(), baud, cause: cause.into() };
        let before = tcgetattr(&file).map_err(set)?;
        let mut wanted = before.clone();
        wanted.make_raw();
        wanted.input_modes.remove(InputModes::IXON | InputModes::IXOFF);
        wanted
            .control_modes
            .insert(rustix::termios::ControlModes::CLOCAL | rustix::termios::ControlModes::CREAD);
        wanted.special_codes[SpecialCodeIndex::VMIN] = 0;
        wanted.special_codes[SpecialCodeIndex::VTIME] = 0;
        wanted.set_speed(baud).map_err(set)?;
        tcsetattr(&file, OptionalActions::Now, &wanted).map_err(set)?;
        // What was typed before nobody meant for us.
        tcflush(&file, QueueSelector::IOFlush).map_err(set)?;
        Ok(Self { file, before })
    }

    /// Waits until something can be read, at most so long, and reads it. Nothing is no error.
    ///
    /// # Errors
    ///
    /// When the line is gone.
    pub fn read(&mut self, wait: Duration) -> io::Result<Vec<u8>> {
        let mut polled = [PollFd::new(&self.file, PollFlags::IN)];
        let wait = Timespec::try_from(wait).unwrap_or(Timespec { tv_sec: 0, tv_nsec: 50_000_000 });
        match poll(&mut polled, Some(&wait)) {
            Ok(0) | Err(rustix::io::Errno::INTR) => return Ok(Vec::new()),
            Ok(_) => {}
            Err(error) => return Err(error.into()),
        }
        let seen = polled.map(|polled| polled.revents())[0];
        let mut bytes = [0; 256];
        match self.file.read(&mut bytes) {
            // Readable, and nothing there: the other end hung up.
            Ok(0) if seen.intersects(PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL) => {
                Err(io::ErrorKind::BrokenPipe.into())
            }
            Ok(count) => Ok(bytes.get(..count).unwrap_or_default().to_vec()),
            Err(error) if is_patience(&error) => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    /// Writes as much as the line takes now; returns how much.
    ///
    /// # Errors
    ///
    /// When the line is gone.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.file.write(bytes) {
            Ok(count) => Ok(count),
            Err(error) if is_patience(&error) => Ok(0),
            Err(error) => Err(error),
        }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        // A line that is gone takes nothing back.
        let _ = tcsetattr(&self.file, OptionalActions::Now, &self.before);
    }
}

/// Whether it is only "not now".
fn is_patience(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}
