//! Everything the agent decides. `Event -> core -> Action`: no clock, no I/O, no randomness, no async.
//!
//! A reading's way: [`reading::Reading`] -> `filter` (believable?) -> `energy` (how much is left?) -> `policy` (which
//! stage, why?) -> `shed` (which containers?), `lamp`, `report`. Orders of a leader enter at `orders` and can only
//! make a node more careful than its own floor.

pub mod action;
pub mod energy;
pub mod event;
pub mod reading;
pub mod state;
