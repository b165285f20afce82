//! Simulated current and voltage monitors: they answer registers, not volts.
//!
//! Written from the datasheets (TI SBOS547 for the INA226, SBOS448 for the INA219), apart from the drivers that
//! they test: two readings of one datasheet that agree are worth more than one. Fed by
//! [`SimIna226::measure`] and [`SimIna219::measure`] with what is true at the shunt.

mod front;
mod ina219;
mod ina226;
mod pointer;

pub use front::Imperfection;
pub use ina219::SimIna219;
pub use ina226::SimIna226;
