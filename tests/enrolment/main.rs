//! The built programs make a cluster, over loopback: joining, protected links, renewal, revocation, further supervisors,
//! and everybody who should not get in.

#![allow(
    clippy::disallowed_methods,
    reason = "tests touch clocks, files and processes: that is what they are for"
)]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on says so by panicking")]
#![allow(clippy::unnecessary_debug_formatting, reason = "a quoted path is what TOML wants")]

mod cluster;
mod further;
mod joining;
mod links;
mod strangers;
