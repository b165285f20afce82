//! Many real hosts: what the lab itself promises, and what the project promises on it.

#![allow(
    clippy::disallowed_methods,
    reason = "tests touch clocks, files and processes: that is what they are for"
)]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on says so by panicking")]

mod course;
mod crashes;
mod erp;
mod fleet;
mod harness;
mod held;
mod losses;
mod nights;
mod three_masters;
