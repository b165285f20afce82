//! A charge controller that is asked by Modbus: asked at one reading, heard at the next.

use std::time::Duration;

use hardware::devices::Account;
use hardware::devices::modbus::{AnswerError, Kind, Part};
use hardware::linux::Root;
use hardware::linux::serial::SerialLine;
use protocol::{Fault, Uptime};

use super::Source;
use super::back_off::BackOff;
use super::told::Told;
use crate::config::ModbusSensor;
use crate::core::reading::Reading;

/// Each so-many-th question is for one of the other parts: temperature, charge and errors change slowly.
const OTHERS_EVERY: u32 = 8;
/// A device answers well within this; a reading that comes sooner after the question says what the last one said.
const ANSWER_WITHIN: Duration = Duration::from_millis(500);
/// An account older than this is none.
const OLD_AFTER: Duration = Duration::from_secs(25);

/// The line, and what was asked on it.
pub(super) struct Modbus {
    line: SerialLine,
    kind: &'static Kind,
    unit: u8,
    told: Told,
    account: Account,
    /// When the voltage in the account was answered.
    answered_at: Option<Uptime>,
    /// The part that was asked for, and when.
    asked: Option<(&'static Part, Uptime)>,
    questions: u32,
    heard: Vec<u8>,
    back_off: BackOff,
}

impl Modbus {
    /// Touches nothing yet.
    pub(super) fn new(root: &Root, sensor: usize, config: &ModbusSensor, kind: &'static Kind) -> Self {
        Self {
            line: SerialLine::new(root, &config.port, config.baud.unwrap_or(kind.baud)),
            kind,
            unit: config.unit,
            told: Told::new(sensor, config.load_output, config.charge),
            account: Account::default(),
            answered_at: None,
            asked: None,
            questions: 0,
            heard: Vec::new(),
            back_off: BackOff::new(sensor),
        }
    }

    /// Whose turn it is: after the start each part once, then the first nearly each time.
    fn next(&self) -> Option<&'static Part> {
        let (first, others) = self.kind.parts.split_first()?;
        let count = self.questions;
        let place = if (1..=others.len() as u32).contains(&count) {
            Some(count - 1)
        } else {
            (count % OTHERS_EVERY == OTHERS_EVERY - 1).then_some(count / OTHERS_EVERY)
        };
        place.and_then(|place| others.get(place as usize % others.len().max(1))).or(Some(first))
    }

    /// What came to the question that stands.
    fn hear(&mut self, part: &Part, asked_at: Uptime) -> Result<(), Fault> {
        let is_first = self.kind.parts.first().is_some_and(|first| first.first == part.first);
        match part.take(self.unit, &self.heard, &mut self.account) {
            Ok(()) if is_first => self.answered_at = Some(asked_at),
            Ok(()) => {}
            // Not every model has every register; the voltage each has.
            Err(AnswerError::Exception { .. } | AnswerError::Absurd { .. }) if !is_first => {}
            Err(error) => {
                let words = format!("{}: {error}", self.kind.name);
                return Err(self.back_off.failed(asked_at, error.fault(), &words));
            }
        }
        Ok(())
    }
}

impl Source for Modbus {
    fn read(&mut self, now: Uptime) -> Reading {
        if let Some(fault) = self.back_off.holds(now) {
            return Err(fault);
        }
        let waits = self.asked.is_some_and(|(_, at)| now.since(at) < ANSWER_WITHIN);
        let mut heard = Ok(());
        if !waits {
            self.heard.clear();
            if self.asked.is_some()
                && let Err(error) = self.line.take(&mut self.heard)
            {
                (self.asked, self.answered_at) = (None, None);
                return Err(self.back_off.failed(now, error.fault(), &error));
            }
            if let Some((part, at)) = self.asked.take() {
                heard = self.hear(part, at);
            }
            if let Some(part) = self.next() {
                if let Err(error) = self.line.ask(&part.query(self.unit).bytes()) {
                    self.answered_at = None;
                    return Err(self.back_off.failed(now, error.fault(), &error));
                }
                self.questions = self.questions.wrapping_add(1);
                self.asked = Some((part, now));
            }
        }
        heard?;
        let Some(at) = self.answered_at.filter(|at| now.since(*at) <= OLD_AFTER) else {
            return Err(self.back_off.standing());
        };
        self.back_off.well();
        Ok(self.told.sample(&self.account, at.as_millis()))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write;

    use hardware::devices::epever::EPEVER;
    use hardware::devices::renogy::RENOGY;
    use hardware::sim::devices::{ModbusFault, SimModbus};

    use super::super::pty::Pty;
    use super::*;

    /// A sensor on a pty, a device on the other end, and a clock.
    struct Bench {
        tree: tempfile::TempDir,
        pty: Pty,
        device: SimModbus,
        sensor: Modbus,
        now: Uptime,
    }

    impl Bench {
        fn new(kind: &'static Kind, device: SimModbus) -> Self {
            let tree = tempfile::tempdir().unwrap();
            let pty = Pty::linked(&tree.path().join("dev/ttyUSB0"));
            let config = ModbusSensor {
                port: "/dev/ttyUSB0".into(),
                baud: None,
                unit: 1,
                load_output: true,
                charge: true,
            };
            let sensor = Modbus::new(&Root::at(tree.path()), 0, &config, kind);
            Self { tree, pty, device, sensor, now: Uptime::START }
        }

        /// A second later: a reading, and the device answers what was asked.
        fn second(&mut self) -> Reading {
            self.now += Duration::from_secs(1);
            let reading = self.sensor.read(self.now);
            let asked = self.pty.sent();
            let answer = self.device.answer(&asked);
            self.pty.write_all(&answer).unwrap();
            reading
        }

        fn seconds(&mut self, count: u32) -> Reading {
            (0..count).map(|_| self.second()).last().unwrap()
        }
    }

    #[test]
    fn both_makers_are_read_with_both_signs() {
        for (kind, device, volts, amps) in [
            (&EPEVER, SimModbus::epever(1268, -200, 350), 12.68, 2.0),
            (&EPEVER, SimModbus::epever(1268, 500, 150), 12.68, -5.0),
            (&RENOGY, SimModbus::renogy(133, 541, 210), 13.3, -3.31),
            (&RENOGY, SimModbus::renogy(125, 0, 210), 12.5, 2.1),
        ] {
            let mut bench = Bench::new(kind, device);
            assert_eq!(bench.second(), Err(Fault::NotYet), "asked, not answered");
            let sample = bench.seconds(20).unwrap();
            assert!((sample.voltage.volts() - volts).abs() < 1e-9, "{sample:?}");
            assert!((sample.current.unwrap().amps() - amps).abs() < 1e-9, "{sample:?}");
            assert!(
                sample.temperature.is_some() && sample.reported.is_some(),
                "the other parts too: {sample:?}"
            );
            let next = bench.second().unwrap();
            assert!(next.raw > sample.raw || bench.second().unwrap().raw > sample.raw, "signs of life");
        }
    }

    #[test]
    fn what_is_wrong_with_the_unit_or_the_line_is_told_and_passes() {
        let mut bench = Bench::new(&EPEVER, SimModbus::epever(1268, -200, 350));
        bench.seconds(10).unwrap();
        for (fault, wanted) in [
            (ModbusFault::Silent, Fault::NoAcknowledge),
            (ModbusFault::WrongCrc, Fault::Garbled),
            (ModbusFault::WrongUnit, Fault::Garbled),
            (ModbusFault::Cut, Fault::Garbled),
        ] {
            bench.device.fault = Some(fault);
            bench.second().unwrap();
            assert_eq!(bench.second(), Err(wanted), "{fault:?}");
            bench.device.fault = None;
            bench.second().unwrap_err();
            assert!(bench.seconds(3).is_ok(), "{fault:?}");
        }
    }

    #[test]
    fn a_device_that_does_not_have_the_voltage_is_of_another_kind() {
        let mut bench = Bench::new(&EPEVER, SimModbus::renogy(133, 541, 210));
        bench.second().unwrap_err();
        assert_eq!(bench.second(), Err(Fault::Garbled), "an exception is no reading");
        let mut without_soc = SimModbus::epever(1268, -200, 350);
        without_soc.registers.remove(&0x311a);
        let mut bench = Bench::new(&EPEVER, without_soc);
        bench.second().unwrap_err();
        let readings: Vec<Reading> = (0..20).map(|_| bench.second()).collect();
        assert!(
            readings.iter().all(Result::is_ok),
            "a model without a charge of its own is read all the same"
        );
    }

    #[test]
    fn a_line_that_is_pulled_out_and_plugged_in_again_is_read_again() {
        let mut bench = Bench::new(&RENOGY, SimModbus::renogy(133, 541, 210));
        bench.seconds(5).unwrap();
        let place = bench.tree.path().join("dev/ttyUSB0");
        fs::remove_file(&place).unwrap();
        bench.pty = Pty::linked(&bench.tree.path().join("dev/elsewhere"));
        assert_eq!(bench.second(), Err(Fault::BusGone));
        bench.pty = Pty::linked(&place);
        assert!((0..60).any(|_| bench.second().is_ok()));
    }
}
