//! Sizing: what to expect of a site before anything is bought, and what to buy next.
//!
//! **The model.** A year of the twin with real agents takes most of a minute; a table of alternatives over several years would
//! take hours. So sizing steps the same sky, the same boards and converters, the same work and the battery's answer on a
//! grid ([`crate::twin::oracle::response`], which was asked of the simulated battery) in quarters of an hour under a simple
//! rule without foresight ([`rule`]), and the same wear ([`hardware::sim::ageing`]). A test lets the same rule decide in the
//! twin, and both must come to the same. What it leaves out: boots, cuts, faults, errors of the estimate, and the
//! capacity lost within the year. The rule is not Heliostat's planner: what that does better or worse, the twin says.
//!
//! [`expect`] makes the numbers, [`shop`] tries what could be bought, [`report`] draws them.

pub mod alternative;
pub mod expect;
pub mod report;
pub mod rule;
pub mod shop;
pub mod year;

#[cfg(test)]
mod tests;

pub use alternative::{Alternative, Choices, compare};
pub use expect::{Expected, Skies, Study, study};
pub use shop::{Gain, changes_of, what_next};
