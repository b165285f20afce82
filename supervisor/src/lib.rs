//! The supervisor of the fleet, and the operator's tool.
//!
//! [`core`] decides and touches nothing; [`io`] touches and decides nothing; [`cli`] is what a person types; `twin` is
//! the simulated site behind `demo` and `replay`. Read [`core`] first, then `core/planner/mod.rs`.

pub mod cli;
pub mod config;
pub mod core;
pub mod io;
pub mod tui;
pub mod twin;
