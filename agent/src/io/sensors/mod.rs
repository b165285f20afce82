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
use crate::config::{Sensor, Voltmeter};
use crate::core::event::{ActionError, Event};
use crate::core::reading::{Reading, Sample, SensorId};
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
    let source: Box<dyn Source> = match sensor {
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
    };
    Ok(match sensor.voltmeter().filter(|voltmeter| !voltmeter.is_trusted()) {
        Some(voltmeter) => Box::new(Corrected { source, voltmeter: voltmeter.clone() }),
        None => source,
    })
}

/// A sensor whose volts a person compared with a multimeter's.
struct Corrected {
    source: Box<dyn Source>,
    voltmeter: Voltmeter,
}

impl Source for Corrected {
    fn read(&mut self, now: Uptime) -> Reading {
        let sample = self.source.read(now)?;
        Ok(Sample { voltage: self.voltmeter.really(sample.voltage), ..sample })
    }

    fn arm(&mut self, below: Voltage) -> Result<(), ActionError> {
        self.source.arm(self.voltmeter.shows(below))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::{Current, Fault};

    /// A chip that shows 12.0 V, and remembers what it was armed for.
    #[derive(Clone, Default)]
    struct Chip(std::rc::Rc<std::cell::Cell<Option<Voltage>>>);

    impl Source for Chip {
        fn read(&mut self, _now: Uptime) -> Reading {
            Ok(Sample {
                voltage: Voltage::from_volts(12.0),
                current: Some(Current::from_amps(2.0)),
                temperature: None,
                reported: None,
                count: None,
                raw: 7,
            })
        }

        fn arm(&mut self, below: Voltage) -> Result<(), ActionError> {
            self.0.set(Some(below));
            Ok(())
        }
    }

    #[test]
    fn what_a_multimeter_said_corrects_the_volts_and_the_chip_s_own_threshold() {
        let voltmeter: Voltmeter =
            serde_json::from_str(r#"[{ "shows": "12.00 V", "really": "12.12 V" }]"#).unwrap();
        let chip = Chip::default();
        let mut source = Corrected { source: Box::new(chip.clone()), voltmeter };
        let sample = source.read(Uptime::START).unwrap();
        assert!((sample.voltage.volts() - 12.12).abs() < 1e-9, "{}", sample.voltage);
        assert_eq!((sample.current, sample.raw), (Some(Current::from_amps(2.0)), 7));
        source.arm(Voltage::from_volts(11.11)).unwrap();
        assert!((chip.0.get().unwrap().volts() - 11.0).abs() < 1e-9, "{:?}", chip.0.get());
    }

    #[test]
    fn a_sensor_that_fails_fails_as_it_did() {
        struct Gone;
        impl Source for Gone {
            fn read(&mut self, _now: Uptime) -> Reading {
                Err(Fault::BusGone)
            }
        }
        let mut source = Corrected { source: Box::new(Gone), voltmeter: Voltmeter::default() };
        assert_eq!(source.read(Uptime::START), Err(Fault::BusGone));
        assert_eq!(source.arm(Voltage::from_volts(11.0)), Err(ActionError::Unsupported));
    }
}
