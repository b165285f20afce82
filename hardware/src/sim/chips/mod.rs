//! Simulated current and voltage monitors, and port expanders: they answer registers, not volts.
//!
//! Written from the datasheets (TI SBOS547 for the INA226, SBOS448 for the INA219, SLYS021 for the INA228, SBOS576 for the
//! INA3221, SBAS444 for the ADS1115, Maxim 19-6171 for the MAX17048, Microchip DS20001952 for the MCP23017, TI
//! SCPS068 for the PCF8574), apart from the drivers that they test: two readings of one datasheet that agree are worth more than one. Fed by
//! [`SimIna226::measure`] and [`SimIna219::measure`] with what is true at the shunt.

mod ads1115;
mod front;
mod ina219;
mod ina226;
mod ina228;
mod ina3221;
mod max17048;
mod mcp23017;
mod pcf8574;
mod pointer;

pub use ads1115::SimAds1115;
pub use front::Imperfection;
pub use ina219::SimIna219;
pub use ina226::SimIna226;
pub use ina228::SimIna228;
pub use ina3221::SimIna3221;
pub use max17048::SimMax17048;
pub use mcp23017::SimMcp23017;
pub use pcf8574::SimPcf8574;
