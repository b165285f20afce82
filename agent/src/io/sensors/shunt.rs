//! A chip on any I2C bus.

use std::fmt::{Debug, Display};
use std::time::Duration;

use embedded_hal::i2c::I2c;
use hardware::chips::ads1115::{self, Ads1115};
use hardware::chips::ina219::{self, Ina219};
use hardware::chips::ina226::{self, Ina226};
use hardware::chips::ina228::{self, Ina228};
use hardware::chips::ina3221::{self, Ina3221};
use hardware::chips::max17048::Max17048;
use hardware::chips::{Error, Measurement, SettingsError};
use protocol::{Fault, Uptime, Voltage};

use super::Source;
use super::back_off::BackOff;
use crate::config::{ChannelSensor, ConverterSensor, GaugeSensor, ShuntSensor};
use crate::core::event::ActionError;
use crate::core::reading::{Count, Reading, Sample};

/// The chip behind the registers.
enum Chip<B> {
    Ina219(Ina219<B>),
    Ina226(Ina226<B>),
    Ina228(Ina228<B>),
    Ina3221(Ina3221<B>),
    Ads1115(Ads1115<B>),
    /// Behind one of so many cells; whether its charge counts.
    Max17048(Max17048<B>, u8, bool),
}

impl<B: I2c> Chip<B> {
    fn configure(&mut self) -> Result<(), Error<B::Error>> {
        match self {
            Self::Ina219(chip) => chip.configure(),
            Self::Ina226(chip) => chip.configure(),
            Self::Ina228(chip) => chip.configure(),
            Self::Ina3221(chip) => chip.configure(),
            Self::Ads1115(chip) => chip.configure(),
            Self::Max17048(chip, ..) => chip.configure(),
        }
    }

    /// A sample with the chip's own sign of the current; `place` is the sensor's in the config.
    fn read(&mut self, place: u8) -> Result<Sample, Error<B::Error>> {
        match self {
            Self::Ina219(chip) => chip.read().map(sample),
            Self::Ina226(chip) => chip.read().map(sample),
            Self::Ina228(chip) => {
                let (measured, ina228::Counted { epoch, charge }) = chip.read_counting()?;
                Ok(Sample { count: Some(Count { epoch: (place, epoch), out: charge }), ..sample(measured) })
            }
            Self::Ina3221(chip) => chip.read().map(sample),
            Self::Ads1115(chip) => {
                let ads1115::Measured { voltage, current, raw } = chip.read()?;
                Ok(Sample { voltage, current, temperature: None, reported: None, count: None, raw })
            }
            Self::Max17048(chip, cells, counts) => {
                let measured = chip.read()?;
                Ok(Sample {
                    voltage: measured.cell * f64::from(*cells),
                    current: None,
                    temperature: None,
                    reported: counts.then_some(measured.soc),
                    count: None,
                    raw: measured.raw,
                })
            }
        }
    }

    /// From one result to the next.
    fn update_time(&self) -> Duration {
        match self {
            Self::Ina219(chip) => chip.settings().update_time(),
            Self::Ina226(chip) => chip.settings().update_time(),
            Self::Ina228(chip) => chip.settings().update_time(),
            Self::Ina3221(chip) => chip.settings().update_time(),
            Self::Ads1115(chip) => chip.settings().update_time(),
            Self::Max17048(..) => Max17048::<B>::UPDATE_TIME,
        }
    }
}

fn sample(measured: Measurement) -> Sample {
    let Measurement { voltage, current, raw, .. } = measured;
    Sample { voltage, current: Some(current), temperature: None, reported: None, count: None, raw }
}

/// A chip as a sensor.
pub(super) struct Shunt<B> {
    chip: Result<Chip<B>, SettingsError>,
    place: u8,
    reversed: bool,
    configured: bool,
    back_off: BackOff,
}

impl<B: I2c<Error: Display + Debug>> Shunt<B> {
    /// An INA219.
    pub(super) fn ina219(bus: B, sensor: usize, config: &ShuntSensor) -> Self {
        let settings = ina219::Settings::new(config.shunt, config.current_max);
        Self::new(Ina219::new(bus, config.address, settings).map(Chip::Ina219), sensor, config.reversed)
    }

    /// An INA226.
    pub(super) fn ina226(bus: B, sensor: usize, config: &ShuntSensor) -> Self {
        let settings = ina226::Settings::new(config.shunt, config.current_max);
        Self::new(Ina226::new(bus, config.address, settings).map(Chip::Ina226), sensor, config.reversed)
    }

    /// An INA228.
    pub(super) fn ina228(bus: B, sensor: usize, config: &ShuntSensor) -> Self {
        let settings = ina228::Settings::new(config.shunt, config.current_max);
        Self::new(Ina228::new(bus, config.address, settings).map(Chip::Ina228), sensor, config.reversed)
    }

    /// One channel of an INA3221.
    pub(super) fn ina3221(bus: B, sensor: usize, config: &ChannelSensor) -> Self {
        let settings = ina3221::Settings::new(config.shunt, config.current_max);
        let channel = ina3221::Channel::from_number(config.channel);
        let most = 3;
        let channel = channel.ok_or(SettingsError::Channel { channel: config.channel, most });
        let chip = channel.and_then(|channel| Ina3221::new(bus, config.address, channel, settings));
        Self::new(chip.map(Chip::Ina3221), sensor, config.reversed)
    }

    /// An ADS1115 behind a divider.
    pub(super) fn ads1115(bus: B, sensor: usize, config: &ConverterSensor) -> Self {
        let chip = Ads1115::new(bus, config.address, config.settings());
        Self::new(chip.map(Chip::Ads1115), sensor, config.reversed)
    }

    /// A MAX17048 on one cell.
    pub(super) fn max17048(bus: B, sensor: usize, config: &GaugeSensor) -> Self {
        let (cells, charge) = (config.cells, config.charge);
        Self::new(Max17048::new(bus).map(|chip| Chip::Max17048(chip, cells, charge)), sensor, false)
    }

    /// The config has proved the settings; should they be refused all the same, every reading says so.
    fn new(chip: Result<Chip<B>, SettingsError>, sensor: usize, reversed: bool) -> Self {
        // There are no 256 sensors; the last would share a number, never a count.
        let place = u8::try_from(sensor).unwrap_or(u8::MAX);
        Self { chip, place, reversed, configured: false, back_off: BackOff::new(sensor) }
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
    fn arm(&mut self, below: Voltage) -> Result<(), ActionError> {
        let Ok(Chip::Ina226(chip)) = &mut self.chip else { return Err(ActionError::Unsupported) };
        if !self.configured {
            // It is armed after its first reading, which configures it.
            return Err(ActionError::Unreachable);
        }
        let refused = |words: String| ActionError::Refused(words);
        chip.arm_bus_under(below).map_err(|error| match error {
            ina226::ArmError::Chip(error) => refused(words(&error)),
            limit @ ina226::ArmError::Limit(_) => refused(limit.to_string()),
        })?;
        // What it saw before it was armed is no news: a pin that is still latched is let go.
        chip.take_flags().map(drop).map_err(|error| refused(words(&error)))
    }

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
        match chip.read(self.place) {
            Ok(mut sample) => {
                self.back_off.well();
                if self.reversed {
                    sample.current = sample.current.map(|current| -current);
                    sample.count = sample.count.map(|count| Count { out: -count.out, ..count });
                }
                Ok(sample)
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
    use protocol::{Current, Resistance};

    use super::*;
    use crate::config::Voltmeter;

    const SHUNT: Resistance = Resistance::from_ohms(0.002);

    fn settings(reversed: bool) -> ShuntSensor {
        ShuntSensor {
            bus: "/dev/i2c-1".into(),
            address: 0x40,
            shunt: SHUNT,
            current_max: Current::from_amps(20.0),
            reversed,
            alert: None,
            voltmeter: Voltmeter::default(),
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

    #[test]
    fn an_ina228s_own_count_comes_with_the_wirings_sign_and_not_over_a_reset() {
        use hardware::sim::chips::SimIna228;

        for (reversed, sign) in [(false, 1.0), (true, -1.0)] {
            let bus = SimBus::new();
            let chip = bus.attach(0x40, SimIna228::new(SHUNT));
            let flow = |second: u64| {
                let amps = Current::from_amps(6.0);
                chip.with(|chip| chip.measure(Uptime::from_secs(second), Voltage::from_volts(12.5), amps));
            };
            let mut sensor = Shunt::ina228(bus.clone(), 3, &settings(reversed));
            let mut read = |second: u64| {
                flow(second);
                sensor.read(Uptime::from_secs(second)).map(|sample| sample.count.unwrap())
            };
            assert_eq!(read(1), Err(Fault::NotYet));
            let (first, second) = (read(10).unwrap(), read(610).unwrap());
            let since = second.since(first).unwrap().amp_hours();
            assert!((since - sign).abs() < 0.001, "600 s of 6 A are an ampere-hour, not {since}");
            assert_eq!(second.epoch.0, 3);
            bus.inject(BusFault::ForgetSettings);
            assert_eq!(read(620), Err(Fault::SettingsLost));
            bus.heal();
            let after = (630..700).find_map(|second| read(second).ok()).unwrap();
            assert_eq!(after.since(second), None, "it began at nothing again");
        }
    }

    #[test]
    fn every_chip_reads_as_it_is_wired_and_heals() {
        use hardware::sim::chips::{SimAds1115, SimIna219, SimIna228, SimIna3221, SimMax17048};
        use protocol::Soc;

        let bus = SimBus::new();
        let (volts, amps) = (Voltage::from_volts(12.5), Current::from_amps(3.0));
        bus.attach(0x40, SimIna228::new(SHUNT)).with(|chip| chip.settle(volts, amps));
        let low = bus.attach(0x44, SimIna219::new(SHUNT));
        let usual = bus.attach(0x45, SimIna226::new(SHUNT));
        let triple = bus.attach(0x41, SimIna3221::new([Resistance::from_ohms(0.01); 3]));
        let inputs = [(volts, -amps), (volts, amps), (Voltage::ZERO, Current::ZERO)];
        let settle = || {
            triple.with(|chip| chip.settle(inputs));
            low.with(|chip| chip.settle(volts, -amps));
            usual.with(|chip| chip.settle(volts, -amps));
        };
        let inputs = [volts / 6.0, Voltage::ZERO, Voltage::from_volts(1.65 + 3.0 * 0.066), Voltage::ZERO];
        bus.attach(0x48, SimAds1115::new()).with(|chip| chip.measure(Uptime::START, inputs));
        let cell = Voltage::from_volts(3.125);
        bus.attach(0x36, SimMax17048::new()).with(|chip| chip.settle(cell, Soc::from_percent(60.0)));

        let path = std::path::PathBuf::from("/dev/i2c-1");
        let channel = ChannelSensor {
            bus: path.clone(),
            address: 0x41,
            channel: 2,
            shunt: Resistance::from_ohms(0.01),
            current_max: Current::from_amps(8.0),
            reversed: true,
            voltmeter: Voltmeter::default(),
        };
        let converter = ConverterSensor {
            bus: path.clone(),
            address: 0x48,
            channel: 0,
            divider_top: Resistance::from_ohms(100e3),
            divider_bottom: Resistance::from_ohms(20e3),
            current_channel: Some(2),
            current_zero: Voltage::from_volts(1.65),
            current_scale: Some(Resistance::from_ohms(0.066)),
            current_max: Some(Current::from_amps(20.0)),
            reversed: false,
            voltmeter: Voltmeter::default(),
        };
        let gauge = GaugeSensor { bus: path, cells: 4, charge: true };
        let at = |address| ShuntSensor { address, ..settings(false) };
        for (mut sensor, current, reported) in [
            (Shunt::ina219(bus.clone(), 0, &at(0x44)), Some(-3.0), None),
            (Shunt::ina226(bus.clone(), 0, &at(0x45)), Some(-3.0), None),
            (Shunt::ina228(bus.clone(), 0, &settings(false)), Some(3.0), None),
            (Shunt::ina3221(bus.clone(), 0, &channel), Some(-3.0), None),
            (Shunt::ads1115(bus.clone(), 0, &converter), Some(3.0), None),
            (Shunt::max17048(bus.clone(), 0, &gauge), None, Some(Soc::from_percent(60.0))),
        ] {
            // A brown-out of an earlier turn emptied its registers.
            settle();
            let mut now = Uptime::START;
            let mut settled = |sensor: &mut Shunt<SimBus>| {
                (0..60)
                    .filter_map(|_| {
                        now += Duration::from_secs(1);
                        sensor.read(now).ok()
                    })
                    .nth(3)
            };
            let sample = settled(&mut sensor).unwrap();
            assert!((sample.voltage.volts() - 12.5).abs() < 0.02, "{sample:?}");
            assert_eq!(sample.reported, reported);
            let seen = sample.current.map(Current::amps);
            assert_eq!(seen.is_some(), current.is_some());
            assert!(
                seen.zip(current).is_none_or(|(seen, current)| (seen - current).abs() < 0.01),
                "{sample:?}"
            );
            for fault in [
                BusFault::Nak,
                BusFault::HeldLine,
                BusFault::BusGone,
                BusFault::Garbage,
                BusFault::ForgetSettings,
            ] {
                bus.inject(fault);
                let broken = sensor.read(Uptime::from_secs(10_000));
                assert!(broken.is_err(), "{fault:?}: {broken:?}");
                bus.heal();
                let mut later = Uptime::from_secs(10_000);
                let mended = (0..300).any(|_| {
                    later += Duration::from_millis(100);
                    sensor.read(later).is_ok()
                });
                assert!(mended, "{fault:?}");
            }
        }
    }
}
