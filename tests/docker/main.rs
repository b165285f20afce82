//! The agent on a real Docker engine.

#![allow(
    clippy::disallowed_methods,
    reason = "tests touch clocks, files and processes: that is what they are for"
)]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on says so by panicking")]
#![allow(clippy::unnecessary_debug_formatting, reason = "a quoted path is what TOML wants")]

mod alert;
mod crash;
mod dusk;
mod engine;
mod faults;
mod field;
mod release;
mod whole_loop;
