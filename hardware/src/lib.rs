//! Everything that touches volts.
//!
//! [`chips`]: drivers on embedded-hal, the same code on a real bus and on a simulated one. [`devices`]: those that speak of
//! a battery by themselves. [`linux`]: what a Pi's
//! kernel offers, with the root of every path injectable. [`boards`]: Pis as data. [`battery`]: what chemistry says.
//! [`sim`]: the simulated site, whose chips answer registers, not volts.

pub mod battery;
pub mod boards;
pub mod chips;
pub mod devices;
pub mod line;
#[cfg(feature = "linux")]
pub mod linux;
#[cfg(feature = "sim")]
pub mod sim;
