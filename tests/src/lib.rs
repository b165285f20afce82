//! What the end-to-end tests share: a private Docker engine, the built programs, waiting for conditions.
//!
//! Everything here cleans up after itself by construction: an engine lives in its own process, mount and network
//! namespaces, and the kernel ends all of it with one SIGKILL, also when a test panics.

#![allow(
    clippy::disallowed_methods,
    reason = "tests touch clocks, files and processes: that is what they are for"
)]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on says so by panicking")]

pub mod board;
pub mod engine;
pub mod footprint;
pub mod lab;
pub mod program;
pub mod require;
pub mod trace;
pub mod wait;
pub mod watcher;
