//! A recorded trace as a sensor: played through the registers of a simulated INA226, so that all but the bus is real.

use std::time::Duration;

use hardware::sim::bus::SimBus;
use hardware::sim::replay::{Player, Playing};
use hardware::sim::trace::{Trace, TraceError};
use protocol::{Fault, Uptime};

use super::Source;
use super::back_off::BackOff;
use super::shunt::Shunt;
use crate::config::{ReplaySensor, ShuntSensor, Voltmeter};
use crate::core::reading::Reading;

/// The simulated chip's noise is the same in every run.
const SEED: u64 = 0;

/// The trace and the driver that reads it.
pub(super) struct Replay {
    player: Player,
    chip: Shunt<SimBus>,
    back_off: BackOff,
}

impl Replay {
    /// Stands at the trace's first row.
    ///
    /// # Errors
    /// The trace cannot be read.
    pub(super) fn open(sensor: usize, settings: &ReplaySensor) -> Result<Self, TraceError> {
        let player = Player::open(Trace::open(&settings.trace)?, SEED)?;
        let wiring = ShuntSensor {
            bus: settings.trace.clone(),
            address: Player::ADDRESS,
            shunt: Player::SHUNT,
            current_max: Player::CURRENT_MAX,
            reversed: false,
            alert: None,
            voltmeter: Voltmeter::default(),
        };
        let mut chip = Shunt::ina226(player.bus(), sensor, &wiring);
        // The chip is set up before the clock starts, so that the first row is seen however short it is.
        let _not_yet = chip.read(Uptime::START);
        Ok(Self { player, chip, back_off: BackOff::new(sensor) })
    }
}

impl Source for Replay {
    fn read(&mut self, now: Uptime) -> Reading {
        match self.player.advance_to(now) {
            Ok(Playing::Going) => {
                let mut sample = self.chip.read(now.max(Uptime::START + Duration::from_secs(1)))?;
                sample.temperature = self.player.temperature();
                Ok(sample)
            }
            Ok(Playing::Ended) => {
                Err(self.back_off.failed(now, Fault::TraceEnded, &"the recorded trace has ended"))
            }
            Err(error) => Err(self.back_off.failed(now, Fault::Garbled, &error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn replay(rows: &str) -> Replay {
        let folder = tempfile::tempdir().unwrap();
        let trace = folder.path().join("trace.csv");
        fs::write(&trace, format!("time_s,voltage_V,current_A,temp_C\n{rows}")).unwrap();
        Replay::open(0, &ReplaySensor { trace, speed: 1.0, voltmeter: Voltmeter::default() }).unwrap()
    }

    #[test]
    fn the_first_row_is_seen_at_once_and_the_end_is_a_fault() {
        let mut replay = replay("0,12.6,2,21\n10,12.4,-1,22\n");
        let sample = replay.read(Uptime::START).unwrap();
        assert!((sample.voltage.volts() - 12.6).abs() < 0.01);
        assert!((sample.temperature.unwrap().celsius() - 21.0).abs() < 1e-9);
        let sample = replay.read(Uptime::from_secs(15)).unwrap();
        assert!((sample.current.unwrap().amps() + 1.0).abs() < 0.01, "charging");
        assert_eq!(replay.read(Uptime::from_secs(30)), Err(Fault::TraceEnded));
        assert_eq!(replay.read(Uptime::from_secs(31)), Err(Fault::TraceEnded));
    }

    #[test]
    fn a_row_that_is_no_row_is_no_reading() {
        let mut replay = replay("0,12.6,2,21\n10,12.5,2,21\n20,twelve,2,21\n");
        assert!(replay.read(Uptime::from_secs(5)).is_ok());
        assert_eq!(replay.read(Uptime::from_secs(15)), Err(Fault::Garbled));
    }
}
