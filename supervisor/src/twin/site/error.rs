//! Why a site file cannot be gone by.

use std::path::PathBuf;

use agent::config::ConfigError;
use hardware::sim::record::RecordError;

/// Why a site file cannot be gone by. Names the file, the line and the key, and both numbers where there are two.
#[derive(Debug, thiserror::Error)]
pub enum SiteError {
    /// A file cannot be read.
    #[error("{file}: cannot be read: {why}", file = file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// Why.
        why: std::io::Error,
    },
    /// It is no TOML, a key is not known or missing, or a value is not of its kind.
    #[error("{file}: {message}", file = file.display())]
    Syntax {
        /// The file.
        file: PathBuf,
        /// In the words of the reader, with line and key.
        message: String,
    },
    /// A number is outside what makes sense.
    #[error("{file}:{line}: {key} = {found}: must be {bounds}", file = file.display())]
    Range {
        /// The file.
        file: PathBuf,
        /// The key's line, or its section's where it is left out.
        line: usize,
        /// The key with its section.
        key: String,
        /// What is written.
        found: String,
        /// From the least to the most that makes sense.
        bounds: String,
    },
    /// A word is none of those known there.
    #[error("{file}:{line}: {key} = {found:?} is not known; known are: {known}", file = file.display())]
    Unknown {
        /// The file.
        file: PathBuf,
        /// The key's line.
        line: usize,
        /// The key with its section.
        key: String,
        /// What is written.
        found: String,
        /// What could be.
        known: String,
    },
    /// Two things in it cannot both be.
    #[error("{file}:{line}: {key}: {rule}", file = file.display())]
    Contradiction {
        /// The file.
        file: PathBuf,
        /// The key's line.
        line: usize,
        /// The key with its section.
        key: String,
        /// What must hold, with what was found.
        rule: String,
    },
    /// The weather's file is no record of a sky.
    #[error("{file}: {what}", file = file.display())]
    Record {
        /// The weather's file.
        file: PathBuf,
        /// What is wrong, with line and column.
        what: RecordError,
    },
    /// A node's config, made from the file, contradicts itself: its policy does not fit its battery or charger.
    #[error("{file}: the agents of this site would refuse their config: {refusal}", file = file.display())]
    Node {
        /// The file.
        file: PathBuf,
        /// In the agent's words.
        refusal: Box<ConfigError>,
    },
}
