//! Reads the config file, and says what is wrong with it before anyone asks what is wrong in it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::config::{Config, ConfigError};

/// Longer than any config that a person writes.
const BYTES_MAX: u64 = 1 << 20;

/// Why there is no config.
#[derive(Debug, Error)]
pub enum LoadError {
    /// No such file.
    #[error("{}: there is no such file; `heliostat-agent probe` prints one to start from", .0.display())]
    Missing(PathBuf),
    /// A folder, a device, a pipe.
    #[error("{}: is not a file", .0.display())]
    NotAFile(PathBuf),
    /// It cannot be read.
    #[error("{}: cannot be read: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is no text.
    #[error("{}: is not text: byte {at} ({byte:#04x}) belongs to no UTF-8 character", path.display())]
    NotText {
        /// The file.
        path: PathBuf,
        /// Where, from 0.
        at: usize,
        /// The byte.
        byte: u8,
    },
    /// It is far too long.
    #[error("{}: is {bytes} bytes long; a config has at most {BYTES_MAX}", path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
        /// Its length.
        bytes: u64,
    },
    /// It is text, and wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
}

/// Reads and proves a config.
///
/// # Errors
/// What is wrong with the file, or everything that is wrong in it.
pub fn load(path: &Path) -> Result<Config, LoadError> {
    let config = load_before_joining(path)?;
    let joined = fs::symlink_metadata(config.identity()).is_ok();
    config.prove_links(path, joined)?;
    Ok(config)
}

/// As [`load`], for a node whose links may not be protected yet.
///
/// # Errors
/// As [`load`].
pub fn load_before_joining(path: &Path) -> Result<Config, LoadError> {
    let unreadable = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound => LoadError::Missing(path.to_owned()),
        _ => LoadError::Unreadable { path: path.to_owned(), source },
    };
    let metadata = fs::metadata(path).map_err(unreadable)?;
    if !metadata.is_file() {
        return Err(LoadError::NotAFile(path.to_owned()));
    }
    if metadata.len() > BYTES_MAX {
        return Err(LoadError::TooLong { path: path.to_owned(), bytes: metadata.len() });
    }
    let bytes = fs::read(path).map_err(unreadable)?;
    let text = std::str::from_utf8(&bytes).map_err(|error| {
        let at = error.valid_up_to();
        LoadError::NotText { path: path.to_owned(), at, byte: bytes.get(at).copied().unwrap_or_default() }
    })?;
    Ok(Config::parse(text, path)?)
}
