//! What holds for any message, any damage and any quantity; failing cases are kept in `proptest-regressions`.

#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

mod any;
mod framing;
mod messages;
mod reports;
mod units;
