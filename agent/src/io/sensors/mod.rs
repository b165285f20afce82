//! The sensors: one trait, one file a kind.
//!
//! A reading blocks the loop. Two registers over a 400 kHz bus take a quarter of a millisecond, over a 100 kHz bus
//! 1.4 ms: less than handing them to another thread and back costs in wake-ups, and nothing the loop does is so urgent.
//! A bus that hangs is ended by its driver after a time-out (one second on a Pi) and is then left alone for a while.
//!
//! Serial lines and sockets are never waited for. A device that talks by itself is heard from the kernel's buffer when a
//! reading is due; one that must be asked is asked at one reading and heard at the next. So no sensor wakes the processor
//! but when a reading is due.

mod back_off;
mod hwmon;
mod kernel;
mod modbus;
mod nut;
#[cfg(test)]
mod pty;
mod replay;
mod shunt;
mod told;
mod ve_direct;

use hardware::devices::epever::EPEVER;
use hardware::devices::renogy::RENOGY;
use hardware::sim::trace::TraceError;
use protocol::{Uptime, Voltage};

use super::outside::Outside;
use crate::config::Sensor;
use crate::core::event::{ActionError, Event};
use crate::core::reading::{Reading, SensorId};
use shunt::Shunt;

/// What can be read. A source mends itself: what was gone is looked for again.
trait Source {
    /// One reading, or why there is none.
    fn read(&mut self, now: Uptime) -> Reading;

    /// Sets the chip to pull its ALERT pin once the terminals are under this, and lets the pin go.
    fn arm(&mut self, _below: Voltage) -> Result<(), ActionError> {
        Err(ActionError::Unsupported)
    }
}

/// All configured sensors.
pub struct Sensors(Vec<Box<dyn Source>>);

impl Sensors {
    /// Prepares them. A chip that is not there yet is no error: its readings say so, until it is.
    ///
    /// # Errors
    /// A recorded trace that cannot be read: no waiting would mend that.
    pub fn open(outside: &impl Outside, sensors: &[Sensor]) -> Result<Self, TraceError> {
        sensors
            .iter()
            .enumerate()
            .map(|(place, sensor)| open(outside, place, sensor))
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// Reads one of them.
    pub fn read_one(&mut self, now: Uptime, sensor: SensorId) -> Option<Event> {
        let reading = self.0.get_mut(usize::from(sensor.0))?.read(now);
        Some(Event::Sensor { sensor, reading })
    }

    /// Arms one's ALERT pin.
    ///
    /// # Errors
    /// It has none, or does not answer.
    pub fn arm(&mut self, sensor: SensorId, below: Voltage) -> Result<(), ActionError> {
        self.0.get_mut(usize::from(sensor.0)).ok_or(ActionError::NotFound)?.arm(below)
    }

    /// Reads all of them, one after the other.
    pub fn read(&mut self, now: Uptime) -> impl Iterator<Item = Event> {
        self.0.iter_mut().enumerate().map(move |(index, source)| {
            let sensor = SensorId(index.try_into().unwrap_or(u8::MAX));
            Event::Sensor { sensor, reading: source.read(now) }
        })
    }
}

/// Prepares one.
fn open(outside: &impl Outside, place: usize, sensor: &Sensor) -> Result<Box<dyn Source>, TraceError> {
    let root = outside.root();
    let bus = |path: &std::path::Path| outside.bus(path);
    Ok(match sensor {
        Sensor::Ina219(config) => Box::new(Shunt::ina219(bus(&config.bus), place, config)),
        Sensor::Ina226(config) => Box::new(Shunt::ina226(bus(&config.bus), place, config)),
        Sensor::Ina228(config) => Box::new(Shunt::ina228(bus(&config.bus), place, config)),
        Sensor::Ina3221(config) => Box::new(Shunt::ina3221(bus(&config.bus), place, config)),
        Sensor::Ads1115(config) => Box::new(Shunt::ads1115(bus(&config.bus), place, config)),
        Sensor::Max17048(config) => Box::new(Shunt::max17048(bus(&config.bus), place, config)),
        Sensor::Hwmon(config) => Box::new(hwmon::Hwmon::new(root, place, config)),
        Sensor::PowerSupply(config) => Box::new(kernel::KernelSensor::power_supply(root, place, config)),
        Sensor::Iio(config) => Box::new(kernel::KernelSensor::iio(root, place, config)),
        Sensor::VeDirect(config) => Box::new(ve_direct::VeDirect::new(root, place, config)),
        Sensor::Epever(config) => Box::new(modbus::Modbus::new(root, place, config, &EPEVER)),
        Sensor::Renogy(config) => Box::new(modbus::Modbus::new(root, place, config, &RENOGY)),
        Sensor::Nut(config) => Box::new(nut::Nut::new(place, config)),
        Sensor::Replay(config) => Box::new(replay::Replay::open(place, config)?),
    })
}
