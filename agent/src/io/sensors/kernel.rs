//! The kernel's `power_supply` and IIO devices as sensors.

use hardware::linux::iio::IioReader;
use hardware::linux::power_supply::PowerSupply;
use hardware::linux::{FileError, Root};
use protocol::Uptime;

use super::Source;
use super::back_off::BackOff;
use crate::config::{IioSensor, PowerSupplySensor};
use crate::core::reading::{Reading, Sample};

/// Which of the two.
enum Device {
    /// Whether its own charge counts.
    PowerSupply(PowerSupply, bool),
    /// What its voltage was divided by, and whether its current's sign is turned.
    Iio(IioReader, f64, bool),
}

impl Device {
    fn read(&mut self) -> Result<Sample, FileError> {
        match self {
            Self::PowerSupply(device, charge) => {
                let told = device.read()?;
                let (voltage, current, temperature) = (told.voltage, told.current, told.temperature);
                let reported = told.soc.filter(|_| *charge);
                Ok(Sample { voltage, current, temperature, reported, count: None, raw: told.raw })
            }
            Self::Iio(device, divider, reversed) => {
                let told = device.read()?;
                let current = told.current.map(|current| if *reversed { -current } else { current });
                let voltage = told.voltage * *divider;
                Ok(Sample { voltage, current, temperature: None, reported: None, count: None, raw: told.raw })
            }
        }
    }
}

/// A device, looked up anew after each loss.
pub(super) struct KernelSensor {
    device: Device,
    back_off: BackOff,
}

impl KernelSensor {
    /// A `power_supply` device; nothing is touched yet.
    pub(super) fn power_supply(root: &Root, sensor: usize, config: &PowerSupplySensor) -> Self {
        let device = Device::PowerSupply(PowerSupply::new(root, &config.name), config.charge);
        Self { device, back_off: BackOff::new(sensor) }
    }

    /// An IIO device; nothing is touched yet.
    pub(super) fn iio(root: &Root, sensor: usize, config: &IioSensor) -> Self {
        let reader = IioReader::new(root, &config.device, &config.voltage, config.current.as_deref());
        let device = Device::Iio(reader, config.divider, config.reversed);
        Self { device, back_off: BackOff::new(sensor) }
    }
}

impl Source for KernelSensor {
    fn read(&mut self, now: Uptime) -> Reading {
        if let Some(fault) = self.back_off.holds(now) {
            return Err(fault);
        }
        match self.device.read() {
            Ok(sample) => {
                self.back_off.well();
                Ok(sample)
            }
            Err(error) => Err(self.back_off.failed(now, error.fault(), &error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use protocol::Fault;

    use super::*;
    use crate::config::Voltmeter;

    fn write(folder: &Path, files: &[(&str, &str)]) {
        fs::create_dir_all(folder).unwrap();
        for (file, text) in files {
            fs::write(folder.join(file), text).unwrap();
        }
    }

    #[test]
    fn a_converter_behind_a_divider_is_read_as_it_is_wired() {
        let tree = tempfile::tempdir().unwrap();
        let config = IioSensor {
            device: "ads1115".to_owned(),
            voltage: "voltage4".to_owned(),
            current: Some("current1".to_owned()),
            divider: 6.0,
            reversed: true,
            voltmeter: Voltmeter::default(),
        };
        let mut sensor = KernelSensor::iio(&Root::at(tree.path()), 0, &config);
        assert_eq!(sensor.read(Uptime::START), Err(Fault::BusGone));
        let files = [
            ("name", "ads1115"),
            ("in_voltage4_raw", "16667"),
            ("in_voltage4_scale", "0.125"),
            ("in_current1_raw", "-1500"),
        ];
        write(&tree.path().join("sys/bus/iio/devices/iio:device0"), &files);
        let sample = sensor.read(Uptime::from_secs(20)).unwrap();
        assert!((sample.voltage.volts() - 12.5).abs() < 1e-3, "{sample:?}");
        assert!((sample.current.unwrap().amps() - 1.5).abs() < 1e-9, "{sample:?}");
    }

    #[test]
    fn a_gauges_own_charge_counts_only_where_it_is_wanted() {
        let tree = tempfile::tempdir().unwrap();
        let files = [("voltage_now", "12500000"), ("capacity", "40"), ("current_now", "-2000000")];
        let folder = tree.path().join("sys/class/power_supply/gauge");
        write(&folder, &files);
        for charge in [false, true] {
            let config = PowerSupplySensor { name: "gauge".to_owned(), charge };
            let mut sensor = KernelSensor::power_supply(&Root::at(tree.path()), 0, &config);
            let sample = sensor.read(Uptime::START).unwrap();
            assert_eq!(sample.reported.is_some(), charge);
            assert!((sample.current.unwrap().amps() - 2.0).abs() < 1e-9);
        }
    }
}
