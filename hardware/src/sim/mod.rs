//! A field site that exists only in memory: no wire, no sun, and yet nothing above the I2C trait can tell.
//!
//! [`bus`] is the I2C bus, with faults to inject; [`chips`] answer on it register by register, [`devices`] over a serial line; [`trace`] and
//! [`replay`] play a recorded battery through such a chip. [`battery`] is one with physics of its own;
//! [`ageing`] is what the years do to it; [`sun`], [`weather`] or a measured [`record`], [`panel`], all three in
//! [`outdoors`], [`charger`], [`converter`] and [`load`] are what surrounds it, and [`site`] steps them all together.
//!
//! Everything is deterministic: randomness comes from a seed, time is an argument. The chips are written from the
//! datasheets and the battery from its physics, both apart from the drivers and estimators that they test.

pub mod ageing;
pub mod battery;
pub mod bus;
pub mod charger;
pub mod chips;
pub mod converter;
pub mod devices;
pub mod load;
mod makeup;
pub mod noise;
pub mod outdoors;
pub mod panel;
pub mod record;
pub mod replay;
pub mod site;
pub mod sun;
pub mod trace;
pub mod weather;
