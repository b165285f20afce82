//! The sensors: one trait, one file a kind.
//!
//! A reading blocks the loop. Two registers over a 400 kHz bus take a quarter of a millisecond, over a 100 kHz bus
//! 1.4 ms: less than handing them to another thread and back costs in wake-ups, and nothing the loop does is so urgent.
//! A bus that hangs is ended by its driver after a time-out (one second on a Pi) and is then left alone for a while.

mod back_off;
mod hwmon;
mod replay;
mod shunt;

use hardware::linux::Root;
use hardware::sim::trace::TraceError;
use protocol::Uptime;

use crate::config::Sensor;
use crate::core::event::Event;
use crate::core::reading::{Reading, SensorId};

/// What can be read. A source mends itself: what was gone is looked for again.
trait Source {
    /// One reading, or why there is none.
    fn read(&mut self, now: Uptime) -> Reading;
}

/// All configured sensors.
pub struct Sensors(Vec<Box<dyn Source>>);

impl Sensors {
    /// Prepares them. A chip that is not there yet is no error: its readings say so, until it is.
    ///
    /// # Errors
    /// A recorded trace that cannot be read: no waiting would mend that.
    pub fn open(root: &Root, sensors: &[Sensor]) -> Result<Self, TraceError> {
        let open = |(index, sensor): (usize, &Sensor)| -> Result<Box<dyn Source>, TraceError> {
            Ok(match sensor {
                Sensor::Ina219(settings) => Box::new(shunt::ina219(root, index, settings)),
                Sensor::Ina226(settings) => Box::new(shunt::ina226(root, index, settings)),
                Sensor::Hwmon(settings) => Box::new(hwmon::Hwmon::new(root, index, settings)),
                Sensor::Replay(settings) => Box::new(replay::Replay::open(index, settings)?),
            })
        };
        sensors.iter().enumerate().map(open).collect::<Result<_, _>>().map(Self)
    }

    /// Reads all of them, one after the other.
    pub fn read(&mut self, now: Uptime) -> impl Iterator<Item = Event> {
        self.0.iter_mut().enumerate().map(move |(index, source)| {
            let sensor = SensorId(index.try_into().unwrap_or(u8::MAX));
            Event::Sensor { sensor, reading: source.read(now) }
        })
    }
}
