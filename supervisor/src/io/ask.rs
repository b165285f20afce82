//! The operator's side of the socket: asks a running supervisor.

use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::operator::{Answer, Request};

/// A supervisor that does not answer for so long is not well.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// Nobody listens on the socket.
    #[error(
        "no supervisor answers on {path} ({cause})\n\
         start one with: heliostat serve   (or name its socket: --socket PATH)",
        path = path.display()
    )]
    NotRunning {
        /// The socket.
        path: PathBuf,
        /// Why.
        cause: io::Error,
    },
    /// The socket may not be opened.
    #[error("{path} may not be opened: {cause}\ntry it with sudo, or join the socket's group", path = path.display())]
    Forbidden {
        /// The socket.
        path: PathBuf,
        /// Why.
        cause: io::Error,
    },
    /// The connection broke, or took too long.
    #[error(
        "the supervisor on {path} did not answer ({cause})\n\
         look whether it is well: systemctl status heliostat",
        path = path.display()
    )]
    Broken {
        /// The socket.
        path: PathBuf,
        /// Why.
        cause: io::Error,
    },
    /// The answer is none that this program knows.
    #[error(
        "what answers on {path} is no supervisor, or one of another version ({cause})\n\
         name its socket (--socket PATH), or restart it after an update: systemctl restart heliostat",
        path = path.display()
    )]
    Strange {
        /// The socket.
        path: PathBuf,
        /// Why.
        cause: serde_json::Error,
    },
}

/// A connection to a running supervisor.
#[derive(Debug)]
pub struct Asker {
    path: PathBuf,
    connection: BufReader<UnixStream>,
}

impl Asker {
    /// Connects.
    ///
    /// # Errors
    ///
    /// [`AskError::NotRunning`] or [`AskError::Forbidden`].
    pub fn connect(path: &Path) -> Result<Self, AskError> {
        let path = path.to_owned();
        match UnixStream::connect(&path) {
            Ok(connection) => Ok(Self { path, connection: BufReader::new(connection) }),
            Err(cause) if cause.kind() == io::ErrorKind::PermissionDenied => {
                Err(AskError::Forbidden { path, cause })
            }
            Err(cause) => Err(AskError::NotRunning { path, cause }),
        }
    }

    /// Asks, and waits for the first answer.
    ///
    /// # Errors
    ///
    /// [`AskError::Broken`] or [`AskError::Strange`].
    pub fn ask(&mut self, request: &Request) -> Result<Answer, AskError> {
        let ask = |connection: &mut UnixStream| {
            connection.set_read_timeout(Some(PATIENCE))?;
            connection.set_write_timeout(Some(PATIENCE))?;
            let mut line = serde_json::to_vec(request).map_err(io::Error::other)?;
            line.push(b'\n');
            connection.write_all(&line)
        };
        if let Err(cause) = ask(self.connection.get_mut()) {
            return Err(AskError::Broken { path: self.path.clone(), cause });
        }
        match self.read() {
            Ok(Some(answer)) => Ok(answer),
            Ok(None) => {
                let cause = io::Error::from(io::ErrorKind::UnexpectedEof);
                Err(AskError::Broken { path: self.path.clone(), cause })
            }
            Err(error) => Err(error),
        }
    }

    /// Waits for one more answer to the same request, however long it takes; `None` when the supervisor has ended.
    ///
    /// # Errors
    ///
    /// [`AskError::Broken`] or [`AskError::Strange`].
    pub fn another(&mut self) -> Result<Option<Answer>, AskError> {
        if let Err(cause) = self.connection.get_mut().set_read_timeout(None) {
            return Err(AskError::Broken { path: self.path.clone(), cause });
        }
        self.read()
    }

    fn read(&mut self) -> Result<Option<Answer>, AskError> {
        let mut line = String::new();
        match self.connection.read_line(&mut line) {
            Ok(0) => Ok(None),
            Ok(_) => serde_json::from_str(&line)
                .map(Some)
                .map_err(|cause| AskError::Strange { path: self.path.clone(), cause }),
            // The system's word for a timeout of a socket is "try again".
            Err(cause) if cause.kind() == io::ErrorKind::WouldBlock => {
                let words = format!("nothing within {} s", PATIENCE.as_secs());
                Err(AskError::Broken { path: self.path.clone(), cause: io::Error::other(words) })
            }
            Err(cause) => Err(AskError::Broken { path: self.path.clone(), cause }),
        }
    }
}
