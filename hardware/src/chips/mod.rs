//! Drivers for chips that measure a battery: how its volts and amperes get into the program; and for those that drive
//! relays ([`expander`]).
//!
//! TI's shunt monitors [`ina226`], [`ina219`], [`ina228`] and [`ina3221`] have one shape, which the converter [`ads1115`] and
//! the fuel gauge [`max17048`] follow. `new` proves the settings and touches nothing; `configure` checks that the
//! right chip answers and writes the settings; `read` gives a [`Measurement`], or an [`Error`] that says as a
//! [`protocol::Fault`] why there is none. Reading heals: a chip that lost its settings in a brown-out gets them again.
//! [`detect`] tells which chip answers at an address, without a write.
//!
//! **What a reading costs.** `read` is three bus transactions (shunt, bus, calibration), each a pointer write and a
//! two-byte read with a repeated start: 45 clocks, so 1.4 ms of a 100 kHz bus in all. They are not joined into one
//! transaction, because the Pi's controller refuses a second read in it (Linux, `drivers/i2c/busses/i2c-bcm2835.c`:
//! "only one read message supported, has to be last").
//! Current and power are not fetched: the chip derives them from the same two registers (`current = shunt * calibration
//! / 2048`), so the driver does that sum itself in 64-bit integers, on one conversion instead of two, with no rounding
//! of the calibration. The calibration register is read last: power-on leaves 0 in it, so it shows whether the two
//! values before it come from a chip that still had its settings.
//!
//! **What a bus says.** Any `embedded_hal::i2c::I2c` will do. Its error kinds become faults in [`Error`]:
//! `NoAcknowledge` is an absent chip, `Other` is a bus that is gone (which is how [`crate::linux::i2c`] and
//! [`crate::sim`] use it), the rest is a bus error.

pub mod ads1115;
mod arithmetic;
pub mod detect;
mod error;
pub mod expander;
pub mod ina219;
pub mod ina226;
pub mod ina228;
pub mod ina3221;
pub mod max17048;
mod port;

use protocol::{Current, Power, Voltage};

pub use error::{DividerTrouble, Error, SettingsError};

/// What a chip measured, with the sign of the shunt's drop: positive current flows from IN+ to IN-.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Measurement {
    /// At the bus input against the chip's ground.
    pub voltage: Voltage,
    /// Through the shunt.
    pub current: Current,
    /// Voltage times current, with the current's sign (the chip's own power register has none).
    pub power: Power,
    /// The shunt and bus registers as they were read, shunt above bus, flags masked out: changes with every noise bit.
    pub raw: u64,
}

impl Measurement {
    /// From the two results and the registers behind them.
    fn new(voltage: Voltage, current: Current, shunt: u16, bus: u16) -> Self {
        Self { voltage, current, power: voltage * current, raw: (u64::from(shunt) << 16) | u64::from(bus) }
    }
}
