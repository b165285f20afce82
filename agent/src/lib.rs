//! The agent of one node: reads its power, decides in stages, saves energy, reports.
//!
//! [`core`] decides and touches nothing; [`io`] touches and decides nothing; [`config`] is what the user wrote,
//! proved before anything runs; `cli` is what a person types. Read [`core`] first.

#[cfg(feature = "io")]
pub mod cli;
pub mod config;
pub mod core;
#[cfg(feature = "io")]
pub mod io;
