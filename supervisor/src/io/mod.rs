//! Everything the supervisor touches: agents' links, the cluster's trust, the operators' socket, the journal, the clock.
//! Decides nothing.
//!
//! One loop ([`run`]) turns all of it into events for the core, in one order, and carries out the core's actions.

#![expect(clippy::disallowed_methods, reason = "clocks, files, tasks and threads are what io is for")]

mod address;
pub mod ask;
mod balancer;
mod clock;
pub mod enrolment;
pub mod feed;
pub mod history;
pub mod journal;
pub mod line;
mod links;
mod notify;
pub mod operator;
mod orchestrator;
pub mod run;
mod steering;
mod tell;
mod web;

pub use clock::{Clock, Timestamp};
