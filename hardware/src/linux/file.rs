//! The kernel's small files: one value each, read and written whole, under a root that tests can move.

#![expect(clippy::disallowed_methods, reason = "reading and writing files is what this module is for")]

use std::fmt;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use protocol::Fault;

/// Where `/` is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Root(PathBuf);

impl Default for Root {
    /// The real one.
    fn default() -> Self {
        Self(PathBuf::from("/"))
    }
}

impl Root {
    /// A made tree.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// Where an absolute path is under this root.
    pub fn path(&self, absolute: impl AsRef<Path>) -> PathBuf {
        let path = absolute.as_ref();
        self.0.join(path.strip_prefix("/").unwrap_or(path))
    }
}

/// What went wrong with one of the kernel's files.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It is not there: the device, the driver or the kernel's option for it is missing.
    #[error("{} is not there: {hint}", path.display())]
    Missing {
        /// Which file.
        path: PathBuf,
        /// What would make it appear.
        hint: &'static str,
    },
    /// This user may not.
    #[error("{} is not permitted: run as root, or give this user the group that owns it", path.display())]
    Denied {
        /// Which file.
        path: PathBuf,
    },
    /// The device behind it did not answer.
    #[error("{} cannot be read: {source}", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// The kernel or the device refused the value.
    #[error("{} does not take {value:?}: {source}", path.display())]
    Write {
        /// Which file.
        path: PathBuf,
        /// The value.
        value: String,
        /// What the kernel said.
        source: io::Error,
    },
    /// It holds something else than it should.
    #[error("{} holds {text:?}, not {expected}", path.display())]
    Garbled {
        /// Which file.
        path: PathBuf,
        /// What it holds, shortened.
        text: String,
        /// What it should hold.
        expected: &'static str,
    },
}

impl FileError {
    /// The fault that this is to a sensor that lives in files.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Missing { .. } | Self::Denied { .. } => Fault::BusGone,
            Self::Read { source, .. } | Self::Write { source, .. } => super::i2c::Trouble::of(source).fault(),
            Self::Garbled { .. } => Fault::Garbled,
        }
    }

    /// Whether the file, or the device behind it, is not there (any more).
    pub fn is_missing(&self) -> bool {
        match self {
            Self::Missing { .. } => true,
            Self::Read { .. } | Self::Write { .. } => self.fault() == Fault::BusGone,
            Self::Denied { .. } | Self::Garbled { .. } => false,
        }
    }

    fn from_io(path: &Path, hint: &'static str, source: io::Error, value: Option<&str>) -> Self {
        let path = path.to_owned();
        match (source.kind(), value) {
            (io::ErrorKind::NotFound, _) => Self::Missing { path, hint },
            (io::ErrorKind::PermissionDenied, _) => Self::Denied { path },
            (_, None) => Self::Read { path, source },
            (_, Some(value)) => Self::Write { path, value: value.to_owned(), source },
        }
    }
}

/// A file's text, without white space around it.
pub(crate) fn read_text(path: &Path, hint: &'static str) -> Result<String, FileError> {
    let bytes = fs::read(path).map_err(|source| FileError::from_io(path, hint, source, None))?;
    // The device tree ends its texts with a zero.
    let text = String::from_utf8_lossy(&bytes);
    Ok(text.trim_matches(|c: char| c.is_whitespace() || c == '\0').to_owned())
}

/// A file's number.
pub(crate) fn read_number<T: FromStr>(path: &Path, hint: &'static str) -> Result<T, FileError> {
    let text = read_text(path, hint)?;
    text.parse().map_err(|_| garbled(path, &text, "a number"))
}

/// A file that holds something else.
pub(crate) fn garbled(path: &Path, text: &str, expected: &'static str) -> FileError {
    FileError::Garbled { path: path.to_owned(), text: text.chars().take(40).collect(), expected }
}

/// Writes a value into a file that must be there already (the kernel makes its files, we never do). The kernel's
/// refusal comes back from the write itself, so it goes out in one piece.
pub(crate) fn write_text(path: &Path, value: impl fmt::Display, hint: &'static str) -> Result<(), FileError> {
    let value = value.to_string();
    fs::OpenOptions::new()
        .write(true)
        .truncate(true)
        .open(path)
        .and_then(|mut file| file.write_all(value.as_bytes()))
        .map_err(|source| FileError::from_io(path, hint, source, Some(&value)))
}

/// Writes a file of our own so that it is whole or not there at all, whatever stops us.
pub(crate) fn replace_text(path: &Path, value: &str, hint: &'static str) -> Result<(), FileError> {
    let written = || -> io::Result<()> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let beside = path.with_extension("new");
        fs::write(&beside, value)?;
        fs::rename(&beside, path)
    };
    written().map_err(|source| FileError::from_io(path, hint, source, Some(value)))
}

/// Removes a file of our own; it may be gone already.
pub(crate) fn remove(path: &Path, hint: &'static str) -> Result<(), FileError> {
    match fs::remove_file(path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            Err(FileError::from_io(path, hint, source, Some("(removal)")))
        }
        _ => Ok(()),
    }
}

/// What a folder holds, by name, with numbers in the names in their own order (`hwmon2` before `hwmon10`). A folder that
/// is not there holds nothing.
pub(crate) fn list(folder: &Path, hint: &'static str) -> Result<Vec<PathBuf>, FileError> {
    let entries = match fs::read_dir(folder) {
        Err(source) if source.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other.map_err(|source| FileError::from_io(folder, hint, source, None))?,
    };
    let mut paths = Vec::new();
    for entry in entries {
        paths.push(entry.map_err(|source| FileError::from_io(folder, hint, source, None))?.path());
    }
    paths.sort_by_key(|path| order(&name(path)));
    Ok(paths)
}

/// The last part of a path.
pub(crate) fn name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// The number that a name ends with, after `prefix`.
pub(crate) fn number_after(name: &str, prefix: &str) -> Option<u32> {
    name.strip_prefix(prefix)?.parse().ok()
}

/// A name's letters, then the number at its end.
fn order(name: &str) -> (String, u64, String) {
    let letters = name.trim_end_matches(|c: char| c.is_ascii_digit());
    (letters.to_owned(), name[letters.len()..].parse().unwrap_or(0), name.to_owned())
}
