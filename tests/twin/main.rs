//! A whole site over weeks and years, under each policy.

#![allow(clippy::disallowed_methods, reason = "tests touch files and processes: that is what they are for")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on says so by panicking")]

mod command;
mod estimate;
mod oracle;
mod policies;
mod site;
