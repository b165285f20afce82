//! An INA219 or INA226 on any bus.

use std::fmt::{Debug, Display};
use std::time::Duration;

use embedded_hal::i2c::I2c;
use hardware::chips::ina219::{self, Ina219};
use hardware::chips::ina226::{self, Ina226};
use hardware::chips::{Error, Measurement, SettingsError};
use hardware::linux::Root;
use hardware::linux::i2c::LinuxBus;
use protocol::{Fault, Uptime};

use super::Source;
use super::back_off::BackOff;
use crate::config::ShuntSensor;
use crate::core::reading::{Reading, Sample};

/// The chip behind the registers.
enum Chip<B> {
    Ina219(Ina219<B>),
    Ina226(Ina226<B>),
}

impl<B: I2c> Chip<B> {
    fn configure(&mut self) -> Result<(), Error<B::Error>> {
        match self {
            Self::Ina219(chip) => chip.configure(),
            Self::Ina226(chip) => chip.configure(),
        }
    }

    fn read(&mut self) -> Result<Measurement, Error<B::Error>> {
        match self {
            Self::Ina219(chip) => chip.read(),
            Self::Ina226(chip) => chip.read(),
        }
    }

    /// From one result to the next.
    fn update_time(&self) -> Duration {
        match self {
            Self::Ina219(chip) => chip.settings().update_time(),
            Self::Ina226(chip) => chip.settings().update_time(),
        }
    }
}

/// A chip as a sensor.
pub(super) struct Shunt<B> {
    chip: Result<Chip<B>, SettingsError>,
    reversed: bool,
    configured: bool,
    back_off: BackOff,
}

/// An INA219 on a bus of this machine.
pub(super) fn ina219(root: &Root, sensor: usize, settings: &ShuntSensor) -> Shunt<LinuxBus> {
    let bus = LinuxBus::new(root, &settings.bus);
    let chip =
        Ina219::new(bus, settings.address, ina219::Settings::new(settings.shunt, settings.current_max));
    Shunt::new(chip.map(Chip::Ina219), sensor, settings.reversed)
}

/// An INA226 on a bus of this machine.
pub(super) fn ina226(root: &Root, sensor: usize, settings: &ShuntSensor) -> Shunt<LinuxBus> {
    Shunt::ina226(LinuxBus::new(root, &settings.bus), sensor, settings)
}

impl<B: I2c<Error: Display + Debug>> Shunt<B> {
    /// An INA226 on any bus.
    pub(super) fn ina226(bus: B, sensor: usize, settings: &ShuntSensor) -> Self {
        let chip =
            Ina226::new(bus, settings.address, ina226::Settings::new(settings.shunt, settings.current_max));
        Self::new(chip.map(Chip::Ina226), sensor, settings.reversed)
    }

    /// The config has proved the settings; should they be refused all the same, every reading says so.
    fn new(chip: Result<Chip<B>, SettingsError>, sensor: usize, reversed: bool) -> Self {
        Self { chip, reversed, configured: false, back_off: BackOff::new(sensor) }
    }
}

/// What a person reads in the log: the bus's own words hold the path and the advice.
fn words<E: Display + Debug>(error: &Error<E>) -> String {
    match error {
        Error::NoAcknowledge(bus) | Error::BusError(bus) | Error::BusGone(bus) => bus.to_string(),
        _ => error.to_string(),
    }
}

impl<B: I2c<Error: Display + Debug>> Source for Shunt<B> {
    fn read(&mut self, now: Uptime) -> Reading {
        if let Some(fault) = self.back_off.holds(now) {
            return Err(fault);
        }
        let chip = match &mut self.chip {
            Ok(chip) => chip,
            Err(error) => return Err(self.back_off.failed(now, Fault::Garbled, error)),
        };
        if !self.configured {
            if let Err(error) = chip.configure() {
                return Err(self.back_off.failed(now, error.fault(), &words(&error)));
            }
            self.configured = true;
            // Its first result is not there yet: the reason that there was none until now still stands.
            let ready = now + chip.update_time();
            self.back_off.not_before(ready);
            return Err(self.back_off.holds(now).unwrap_or(Fault::NotYet));
        }
        match chip.read() {
            Ok(measured) => {
                self.back_off.well();
                let current = if self.reversed { -measured.current } else { measured.current };
                Ok(Sample {
                    voltage: measured.voltage,
                    current: Some(current),
                    temperature: None,
                    raw: measured.raw,
                })
            }
            Err(error) => {
                let fault = self.back_off.failed(now, error.fault(), &words(&error));
                match error {
                    // Set again just now: the next result is the first good one.
                    Error::SettingsLost { .. } => self.back_off.not_before(now + chip.update_time()),
                    // Whatever comes back may be another chip.
                    Error::BusGone(_) | Error::NotThisChip { .. } => self.configured = false,
                    _ => {}
                }
                Err(fault)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use hardware::sim::bus::{BusFault, SimBus};
    use hardware::sim::chips::SimIna226;
    use protocol::{Current, Resistance, Voltage};

    use super::*;

    const SHUNT: Resistance = Resistance::from_ohms(0.002);

    fn settings(reversed: bool) -> ShuntSensor {
        ShuntSensor {
            bus: "/dev/i2c-1".into(),
            address: 0x40,
            shunt: SHUNT,
            current_max: Current::from_amps(20.0),
            reversed,
        }
    }

    /// A bus with a chip that shows 12.5 V and 3 A of discharge.
    fn bus() -> SimBus {
        let bus = SimBus::new();
        let chip = bus.attach(0x40, SimIna226::new(SHUNT));
        chip.with(|chip| chip.settle(Voltage::from_volts(12.5), Current::from_amps(3.0)));
        bus
    }

    fn amps(reading: Reading) -> f64 {
        reading.unwrap().current.unwrap().amps()
    }

    #[test]
    fn a_reading_comes_once_the_first_result_is_there_with_the_wirings_sign() {
        let mut sensor = Shunt::ina226(bus(), 0, &settings(false));
        assert_eq!(sensor.read(Uptime::START), Err(Fault::NotYet));
        assert_eq!(sensor.read(Uptime::from_millis(10)), Err(Fault::NotYet), "a result takes 35 ms");
        let reading = sensor.read(Uptime::from_secs(1));
        assert!((reading.unwrap().voltage.volts() - 12.5).abs() < 0.01);
        assert!((amps(reading) - 3.0).abs() < 0.01);
        let mut reversed = Shunt::ina226(bus(), 0, &settings(true));
        let _ = reversed.read(Uptime::START);
        assert!((amps(reversed.read(Uptime::from_secs(1))) + 3.0).abs() < 0.01, "wired the other way round");
    }

    #[test]
    fn every_fault_of_the_bus_is_told_as_it_is_and_mends_by_itself() {
        let bus = bus();
        let mut sensor = Shunt::ina226(bus.clone(), 0, &settings(false));
        let _ = sensor.read(Uptime::START);
        let mut now = Uptime::from_secs(1);
        for (fault, wanted) in [
            (BusFault::Nak, Fault::NoAcknowledge),
            (BusFault::BusGone, Fault::BusGone),
            (BusFault::Garbage, Fault::Garbled),
        ] {
            bus.inject(fault);
            assert_eq!(sensor.read(now), Err(wanted));
            bus.heal();
            let mended = (0..200).any(|_| {
                now += Duration::from_millis(100);
                sensor.read(now).is_ok()
            });
            assert!(mended, "{fault:?}");
        }
    }
}
