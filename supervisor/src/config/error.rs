//! Why a config file cannot be gone by: the file, the key, and both numbers.

use std::net::SocketAddr;
use std::path::PathBuf;

use protocol::SupplyName;

/// Why the file cannot be gone by.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// It is no TOML, a key is not known, or a value is not of its kind.
    #[error("{file}: {message}", file = file.display())]
    Syntax {
        /// The file.
        file: PathBuf,
        /// In the words of the reader, with line and key.
        message: String,
    },
    /// A number is outside what makes sense.
    #[error("{file}: {key} = {found}: must be {least} to {most}", file = file.display())]
    Range {
        /// The file.
        file: PathBuf,
        /// The key.
        key: &'static str,
        /// What is written.
        found: String,
        /// The least that makes sense.
        least: String,
        /// The most.
        most: String,
    },
    /// Two numbers contradict each other.
    #[error("{file}: {key} = {found} contradicts {other}: {rule}", file = file.display())]
    Contradiction {
        /// The file.
        file: PathBuf,
        /// The key.
        key: &'static str,
        /// What is written.
        found: String,
        /// The other key and its value.
        other: String,
        /// What must hold.
        rule: &'static str,
    },
    /// Other hosts could reach the supervisor, and nothing protects the links.
    #[error(
        "{file}: listen = \"{address}\" is open to other hosts, and this supervisor has no certificates: run \
         `heliostat init` here (or `heliostat join ADDRESS --token TOKEN`, if there is a cluster already), listen on \
         127.0.0.1 only, or say plaintext = true if the network is yours alone",
        file = file.display()
    )]
    Plaintext {
        /// The file.
        file: PathBuf,
        /// The address.
        address: SocketAddr,
    },
    /// A supply's site cannot be.
    #[error("{file}, line {line}: supply.{key}: {why}", file = file.display())]
    Site {
        /// The file.
        file: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The key.
        key: &'static str,
        /// What is wrong, with what is written and what would be right.
        why: String,
    },
    /// What is said of the balancer cannot be.
    #[error("{file}: balancer.{key}: {why}", file = file.display())]
    Balancer {
        /// The file.
        file: PathBuf,
        /// The key.
        key: &'static str,
        /// What is wrong, with what is written and what would be right.
        why: String,
    },
    /// A value cannot be, or is missing.
    #[error("{file}, line {line}: {key}: {why}", file = file.display())]
    Value {
        /// The file.
        file: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The key.
        key: &'static str,
        /// What is wrong, with what is written and what would be right.
        why: String,
    },
    /// A supply is named twice.
    #[error("{file}: [[supply]] name = \"{name}\" is there twice", file = file.display())]
    Twice {
        /// The file.
        file: PathBuf,
        /// The supply.
        name: SupplyName,
    },
}
