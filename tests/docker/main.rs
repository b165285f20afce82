//! The agent on a real Docker engine.

#![allow(clippy::disallowed_methods, reason = "tests touch clocks, files and processes: that is what they are for")]

mod engine;
