//! The forecast as a whole, under simulated skies.

mod chance;
mod clocks;
mod learning;
mod load;
mod position;
mod skill;
mod world;
