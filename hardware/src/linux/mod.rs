//! What a Pi's kernel offers: buses, pins, lamps, clocks, thermometers, each behind one small adapter.
//!
//! Every path begins at a [`Root`], so that the same code runs on a made tree. An error names the path and says what to
//! do about it. The adapters decide nothing: they read, they write, they say what became of it.
//!
//! The tests here run on made trees, which are plain files. What only a Pi can show, and how to see it there:
//! - [`i2c`]: a chip on `/dev/i2c-1` that is unplugged and plugged in again; the address of a chip that the kernel's
//!   `ina2xx` driver holds; the bus's module unloaded and loaded. (`modprobe i2c-stub` gives the first on any Linux.)
//! - [`leds`]: that the kernel goes on blinking while the program is stopped with SIGSTOP. (`modprobe uleds`.)
//! - [`cpufreq`]: that the kernel takes the cap, `vcgencmd measure_clock arm`.
//! - [`gpio`]: that a relay stays as it is while the program ends and starts. Needs `/dev/gpiomem`.
//! - [`watchdog`]: that the board starts anew when the program is stopped with SIGSTOP. (`modprobe softdog`.)
//! - [`input`]: that an edge wakes. (`modprobe gpio-sim`, where the kernel has it.)
//! - [`hwmon`]: that the under-voltage alarm rises when the rail sags.

pub mod cpufreq;
mod file;
pub mod gpio;
pub mod host;
pub mod hwmon;
pub mod i2c;
pub mod iio;
pub mod input;
pub mod leds;
pub mod power_supply;
pub mod probe;
pub mod serial;
pub mod spare;
pub mod watchdog;

pub use file::{FileError, Root};
