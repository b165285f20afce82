//! The built `heliostat serve`, with agents that speak the real protocol over loopback: well-behaved ones, and others.

#![expect(clippy::disallowed_methods, reason = "tests start processes and read clocks")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod agent;
mod console;
mod intruders;
mod misuse;
mod operator;
mod person;
mod restart;
mod served;
mod terminal;
mod web;
mod week;
