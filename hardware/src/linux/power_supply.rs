//! A battery that the kernel knows: a fuel gauge, a HAT, a UPS with a kernel driver.
//!
//! Files and units: Linux, `Documentation/ABI/testing/sysfs-class-power` (`voltage_now` in uV, `current_now` in uA, `capacity` in %, `temp` in
//! tenths of a degree). By that rule a discharging battery's current is negative; many drivers give it no sign at all.
//! So where `status` says which way it flows, that decides.

use std::path::PathBuf;

use protocol::{Current, Soc, Temperature, Voltage};

use super::file::{FileError, Root, garbled, list, name, read_number, read_text};

const FOLDER: &str = "/sys/class/power_supply";
const HINT: &str = "is the device's driver loaded? `heliostat-agent probe` lists what there is";
const HINT_PRESENT: &str = "the battery is taken out";

/// What a device tells.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Measured {
    /// At its terminals.
    pub voltage: Voltage,
    /// Out of the battery; `None` where the driver does not tell.
    pub current: Option<Current>,
    /// Of the battery.
    pub temperature: Option<Temperature>,
    /// As the device holds it.
    pub soc: Option<Soc>,
    /// The files' integers folded together: changes with every noise bit.
    pub raw: u64,
}

/// The batteries that there are, by name: devices of that type which tell a voltage.
///
/// # Errors
/// The folder cannot be read; its absence is an empty list.
pub fn batteries(root: &Root) -> Result<Vec<String>, FileError> {
    let mut batteries = list(&root.path(FOLDER), HINT)?;
    batteries.retain(|folder| {
        read_text(&folder.join("type"), HINT).is_ok_and(|kind| matches!(kind.as_str(), "Battery" | "UPS"))
            && read_text(&folder.join("voltage_now"), HINT).is_ok()
    });
    Ok(batteries.iter().map(|folder| name(folder)).collect())
}

/// A device as a battery's sensor.
#[derive(Debug)]
pub struct PowerSupply {
    folder: PathBuf,
}

impl PowerSupply {
    /// By its folder's name. Touches nothing.
    pub fn new(root: &Root, name: &str) -> Self {
        Self { folder: root.path(FOLDER).join(name) }
    }

    /// Reads it: up to six small files.
    ///
    /// # Errors
    /// The voltage cannot be read, the battery is taken out, or a file holds what it should not.
    pub fn read(&self) -> Result<Measured, FileError> {
        let present = self.folder.join("present");
        if self.there(read_text(&present, HINT))?.is_some_and(|text| text == "0") {
            return Err(FileError::Missing { path: present, hint: HINT_PRESENT });
        }
        let microvolts: i64 = read_number(&self.folder.join("voltage_now"), HINT)?;
        let microamps: Option<i64> = self.number("current_now")?;
        let status = self.there(read_text(&self.folder.join("status"), HINT))?;
        let current = microamps.map(|microamps| {
            let amps = microamps as f64 / 1e6;
            Current::from_amps(match status.as_deref() {
                Some("Discharging") => amps.abs(),
                Some("Charging") => -amps.abs(),
                _ => -amps,
            })
        });
        let temperature: Option<i64> = self.number("temp")?;
        let percent: Option<i64> = self.number("capacity")?;
        if let Some(percent) = percent.filter(|percent| !(0..=100).contains(percent)) {
            return Err(garbled(&self.folder.join("capacity"), &percent.to_string(), "a percentage"));
        }
        let raw = [microvolts, microamps.unwrap_or(0), percent.unwrap_or(0)];
        Ok(Measured {
            voltage: Voltage::from_volts(microvolts as f64 / 1e6),
            current,
            temperature: temperature.map(|tenths| Temperature::from_celsius(tenths as f64 / 10.0)),
            soc: percent.map(|percent| Soc::from_percent(percent as f64)),
            raw: raw.iter().fold(0, |raw, part| raw.rotate_left(24) ^ part.cast_unsigned()),
        })
    }

    fn number(&self, file: &str) -> Result<Option<i64>, FileError> {
        self.there(read_number(&self.folder.join(file), HINT))
    }

    /// What a file holds, where the device has such a file and a value for it (a driver without one says ENODATA).
    fn there<T>(&self, read: Result<T, FileError>) -> Result<Option<T>, FileError> {
        const ENODATA: i32 = 61;
        match read {
            Ok(value) => Ok(Some(value)),
            Err(FileError::Missing { .. }) if self.folder.exists() => Ok(None),
            Err(FileError::Read { source, .. }) if source.raw_os_error() == Some(ENODATA) => Ok(None),
            Err(error) => Err(error),
        }
    }
}
