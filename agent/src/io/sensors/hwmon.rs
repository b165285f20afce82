//! A kernel hwmon device as a sensor.

use hardware::linux::Root;
use hardware::linux::hwmon::HwmonSensor as Device;
use protocol::Uptime;

use super::Source;
use super::back_off::BackOff;
use crate::config::HwmonSensor;
use crate::core::reading::{Reading, Sample};

/// The device, looked up anew after each loss.
pub(super) struct Hwmon {
    device: Device,
    reversed: bool,
    back_off: BackOff,
}

impl Hwmon {
    /// By its name; nothing is touched yet.
    pub(super) fn new(root: &Root, sensor: usize, settings: &HwmonSensor) -> Self {
        let device = Device::new(root, settings.chip.as_str());
        Self { device, reversed: settings.reversed, back_off: BackOff::new(sensor) }
    }
}

impl Source for Hwmon {
    fn read(&mut self, now: Uptime) -> Reading {
        if let Some(fault) = self.back_off.holds(now) {
            return Err(fault);
        }
        match self.device.read() {
            Ok(measured) => {
                self.back_off.well();
                let current = measured.current.map(|current| if self.reversed { -current } else { current });
                Ok(Sample {
                    voltage: measured.voltage,
                    current,
                    temperature: None,
                    reported: None,
                    count: None,
                    raw: measured.raw,
                })
            }
            Err(error) => Err(self.back_off.failed(now, error.fault(), &error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use protocol::Fault;

    use super::*;
    use crate::config::Voltmeter;

    #[test]
    fn a_device_that_comes_late_or_goes_is_found_again() {
        let tree = tempfile::tempdir().unwrap();
        let root = Root::at(tree.path());
        let settings =
            HwmonSensor { chip: "ina226".to_owned(), reversed: true, voltmeter: Voltmeter::default() };
        let mut sensor = Hwmon::new(&root, 0, &settings);
        assert_eq!(sensor.read(Uptime::START), Err(Fault::BusGone));
        let folder = tree.path().join("sys/class/hwmon/hwmon3");
        fs::create_dir_all(&folder).unwrap();
        for (file, text) in [("name", "ina226\n"), ("in1_input", "12480\n"), ("curr1_input", "-1500\n")] {
            fs::write(folder.join(file), text).unwrap();
        }
        let sample = sensor.read(Uptime::from_secs(20)).unwrap();
        assert!((sample.voltage.volts() - 12.48).abs() < 1e-9);
        assert!((sample.current.unwrap().amps() - 1.5).abs() < 1e-9, "positive is discharge");
        fs::write(folder.join("in1_input"), "?").unwrap();
        assert_eq!(sensor.read(Uptime::from_secs(21)), Err(Fault::Garbled));
        fs::remove_dir_all(&folder).unwrap();
        assert_eq!(sensor.read(Uptime::from_secs(22)), Err(Fault::BusGone));
    }
}
