//! A Victron device on a serial line: it talks once a second, and is heard when a reading is due.

use std::time::Duration;

use hardware::devices::Account;
use hardware::devices::ve_direct::{BAUD, Decoder};
use hardware::linux::Root;
use hardware::linux::serial::SerialLine;
use protocol::{Fault, Uptime};

use super::Source;
use super::back_off::BackOff;
use super::told::Told;
use crate::config::ChargerSensor;
use crate::core::reading::Reading;

/// A block comes each second, and now and then one is lost. After this long without one the device is silent.
const SILENT_AFTER: Duration = Duration::from_secs(5);

/// The line, and what was heard on it.
pub(super) struct VeDirect {
    line: SerialLine,
    decoder: Decoder,
    heard: Vec<u8>,
    told: Told,
    /// The newest block, and when it was heard; first of all, when listening began.
    last: Option<Account>,
    heard_at: Uptime,
    damaged: u32,
    back_off: BackOff,
}

impl VeDirect {
    /// Touches nothing yet.
    pub(super) fn new(root: &Root, sensor: usize, config: &ChargerSensor) -> Self {
        Self {
            line: SerialLine::new(root, &config.port, BAUD),
            decoder: Decoder::new(),
            heard: Vec::new(),
            told: Told::new(sensor, config.load_output, config.charge),
            last: None,
            heard_at: Uptime::START,
            damaged: 0,
            back_off: BackOff::new(sensor),
        }
    }
}

impl Source for VeDirect {
    fn read(&mut self, now: Uptime) -> Reading {
        if let Some(fault) = self.back_off.holds(now) {
            return Err(fault);
        }
        if !self.line.is_open() {
            (self.decoder, self.last, self.heard_at, self.damaged) = (Decoder::new(), None, now, 0);
        }
        self.heard.clear();
        if let Err(error) = self.line.take(&mut self.heard) {
            return Err(self.back_off.failed(now, error.fault(), &error));
        }
        if let Some(account) = self.decoder.push_all(&self.heard) {
            (self.last, self.heard_at) = (Some(account), now);
        }
        let silent = now.since(self.heard_at) > SILENT_AFTER;
        match self.last.filter(|_| !silent) {
            Some(account) => {
                self.back_off.well();
                self.damaged = self.decoder.counts().damaged;
                Ok(self.told.sample(&account, u64::from(self.decoder.counts().blocks)))
            }
            None if !silent => Err(self.back_off.standing()),
            None if self.decoder.counts().damaged > self.damaged.wrapping_add(1) => {
                let words =
                    "VE.Direct: every block is damaged: check the cable, or whether it is another device";
                Err(self.back_off.failed(now, Fault::Garbled, &words))
            }
            None => {
                let words = "VE.Direct: nothing is said on the line: check the cable and the device's power";
                Err(self.back_off.failed(now, Fault::NoAcknowledge, &words))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write;

    use hardware::sim::devices::{bmv_block, mppt_block};

    use super::super::pty::Pty;
    use super::*;

    /// A sensor on a pty under a made root, and the pty's other end.
    fn bench(load_output: bool) -> (tempfile::TempDir, Pty, VeDirect) {
        let tree = tempfile::tempdir().unwrap();
        let pty = Pty::linked(&tree.path().join("dev/ttyUSB0"));
        let config = ChargerSensor { port: "/dev/ttyUSB0".into(), load_output, charge: true };
        let sensor = VeDirect::new(&Root::at(tree.path()), 0, &config);
        (tree, pty, sensor)
    }

    fn amps(reading: Reading) -> Option<f64> {
        reading.unwrap().current.map(protocol::Current::amps)
    }

    #[test]
    fn a_monitor_and_a_charger_are_heard_with_their_signs() {
        let (_tree, mut pty, mut sensor) = bench(true);
        assert_eq!(sensor.read(Uptime::START), Err(Fault::NotYet));
        pty.write_all(&bmv_block(12_450, -2500, Some(874))).unwrap();
        let sample = sensor.read(Uptime::from_secs(1)).unwrap();
        assert!((sample.voltage.volts() - 12.45).abs() < 1e-9);
        assert!((sample.reported.unwrap().percent() - 87.4).abs() < 1e-9);
        assert!((sample.current.unwrap().amps() - 2.5).abs() < 1e-9);
        pty.write_all(&mppt_block(12_800, 1500, Some(700), 30, 0)).unwrap();
        assert!((amps(sensor.read(Uptime::from_secs(2))).unwrap() + 1.5).abs() < 1e-9, "charging");
    }

    #[test]
    fn blocks_that_say_the_same_are_still_signs_of_life() {
        let (_tree, mut pty, mut sensor) = bench(false);
        let mut raws = std::collections::BTreeSet::new();
        let _ = sensor.read(Uptime::START);
        for second in 1..10 {
            pty.write_all(&mppt_block(12_300, 0, None, 0, 0)).unwrap();
            raws.insert(sensor.read(Uptime::from_secs(second)).unwrap().raw);
        }
        assert_eq!(raws.len(), 9);
    }

    #[test]
    fn silence_and_garbage_are_told_apart_and_pass() {
        let (_tree, mut pty, mut sensor) = bench(false);
        let _ = sensor.read(Uptime::START);
        assert_eq!(sensor.read(Uptime::from_secs(6)), Err(Fault::NoAcknowledge));
        let block = bmv_block(12_450, -2500, None);
        let mut damaged = block.clone();
        damaged[10] ^= 1;
        for second in 7..12 {
            pty.write_all(&damaged).unwrap();
            let _ = sensor.read(Uptime::from_secs(second));
        }
        assert_eq!(sensor.read(Uptime::from_secs(12)), Err(Fault::Garbled));
        pty.write_all(&block).unwrap();
        assert!(sensor.read(Uptime::from_secs(13)).is_ok());
        assert!(sensor.read(Uptime::from_secs(16)).is_ok(), "the newest block still stands");
        assert!(sensor.read(Uptime::from_secs(20)).is_err(), "and is too old now");
    }

    #[test]
    fn an_adapter_that_is_pulled_out_and_plugged_in_again_is_heard_again() {
        let (tree, pty, mut sensor) = bench(false);
        let _ = sensor.read(Uptime::START);
        drop(pty);
        fs::remove_file(tree.path().join("dev/ttyUSB0")).unwrap();
        assert_eq!(sensor.read(Uptime::from_secs(1)), Err(Fault::BusGone));
        let mut pty = Pty::linked(&tree.path().join("dev/ttyUSB0"));
        let mut now = Uptime::from_secs(1);
        let heard = (0..30).any(|_| {
            now += Duration::from_secs(1);
            pty.write_all(&bmv_block(12_450, -2500, None)).unwrap();
            sensor.read(now).is_ok()
        });
        assert!(heard);
    }
}
