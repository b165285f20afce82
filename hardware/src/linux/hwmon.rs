//! The kernel's hardware monitors: found by name, because their numbers change from boot to boot.
//!
//! Files and units: Linux, `Documentation/hwmon/sysfs-interface.rst` (`in*_input` in mV, `curr*_input` in mA, `power*_input`
//! in uW, `temp*_input` in m°C).

use std::path::{Path, PathBuf};

use protocol::{Current, Temperature, Voltage};

use super::file::{FileError, Root, garbled, list, name, number_after, read_number, read_text};

/// Where they are.
const FOLDER: &str = "/sys/class/hwmon";
const HINT: &str = "is the chip's driver loaded? `heliostat-agent probe` lists what there is";
/// Drivers whose `in0` is the shunt's drop and whose `in1` is the bus voltage (Linux, `Documentation/hwmon/ina2xx.rst`).
const SHUNT_MONITORS: [&str; 7] = ["ina209", "ina219", "ina220", "ina226", "ina230", "ina231", "ina260"];
/// The Pi firmware's under-voltage monitor (Linux, `drivers/hwmon/raspberrypi-hwmon.c`).
const RAIL_MONITOR: &str = "rpi_volt";
const RAIL_ALARM: &str = "in0_lcrit_alarm";
/// Linux for the Raspberry Pi, `drivers/firmware/raspberrypi.c`.
const THROTTLED: &str = "/sys/devices/platform/soc/soc:firmware/get_throttled";

/// One device as it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HwmonDevice {
    /// Its folder.
    pub folder: PathBuf,
    /// Its `name` file.
    pub name: String,
    /// Its files that end in `_input` or `_alarm`.
    pub files: Vec<String>,
}

/// Every device, in the kernel's order. One that cannot be read is left out: it may just have gone.
///
/// # Errors
/// The folder cannot be read; its absence is an empty list.
pub fn devices(root: &Root) -> Result<Vec<HwmonDevice>, FileError> {
    let mut devices = Vec::new();
    for folder in list(&root.path(FOLDER), HINT)? {
        let Ok(label) = read_text(&folder.join("name"), HINT) else { continue };
        let mut files: Vec<String> =
            list(&folder, HINT).unwrap_or_default().iter().map(|path| name(path)).collect();
        files.retain(|file| file.ends_with("_input") || file.ends_with("_alarm"));
        devices.push(HwmonDevice { folder, name: label, files });
    }
    Ok(devices)
}

/// The folder of the first device of that name.
fn find(root: &Root, wanted: &str) -> Result<PathBuf, FileError> {
    devices(root)?
        .into_iter()
        .find(|device| device.name == wanted)
        .map(|device| device.folder)
        .ok_or_else(|| FileError::Missing { path: root.path(FOLDER).join(wanted), hint: HINT })
}

/// What a device measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HwmonMeasurement {
    /// The bus voltage.
    pub voltage: Voltage,
    /// The current, with the kernel's sign; `None` where the device has none.
    pub current: Option<Current>,
    /// The files' integers, current above voltage: changes with every noise bit.
    pub raw: u64,
}

/// A kernel hwmon device as a battery's sensor.
#[derive(Debug)]
pub struct HwmonSensor {
    root: Root,
    chip: String,
    found: Option<Channels>,
}

/// Which files it is read from.
#[derive(Debug, Clone)]
struct Channels {
    voltage: PathBuf,
    current: Option<PathBuf>,
}

impl HwmonSensor {
    /// By the content of its `name` file, such as `ina226`. Looked up at the first reading, and again after a loss.
    pub fn new(root: &Root, chip: impl Into<String>) -> Self {
        Self { root: root.clone(), chip: chip.into(), found: None }
    }

    /// Reads it: one file for the voltage, one for the current where there is one.
    ///
    /// # Errors
    /// Whatever is wrong with its files; [`FileError::fault`] says what that is to a sensor.
    pub fn read(&mut self) -> Result<HwmonMeasurement, FileError> {
        let channels = match self.found.take() {
            Some(channels) => channels,
            None => self.look_up()?,
        };
        let millivolts: i32 = read_number(&channels.voltage, HINT)?;
        let milliamps: Option<i32> =
            channels.current.as_deref().map(|path| read_number(path, HINT)).transpose()?;
        // Kept only after it was good: after any error the next reading looks it up anew.
        self.found = Some(channels);
        let bits = |number: i32| u64::from(number.cast_unsigned());
        Ok(HwmonMeasurement {
            voltage: Voltage::from_volts(f64::from(millivolts) / 1000.0),
            current: milliamps.map(|number| Current::from_amps(f64::from(number) / 1000.0)),
            raw: (milliamps.map_or(0, bits) << 32) | bits(millivolts),
        })
    }

    fn look_up(&self) -> Result<Channels, FileError> {
        let folder = find(&self.root, &self.chip)?;
        let preferred = SHUNT_MONITORS.contains(&self.chip.as_str()).then(|| folder.join("in1_input"));
        let voltage = match preferred {
            Some(path) => path,
            None => first_input(&folder, "in")?
                .ok_or_else(|| FileError::Missing { path: folder.join("in*_input"), hint: HINT })?,
        };
        Ok(Channels { voltage, current: first_input(&folder, "curr")? })
    }
}

/// The lowest-numbered `KIND*_input` of a device.
fn first_input(folder: &Path, kind: &str) -> Result<Option<PathBuf>, FileError> {
    let channel = |path: &PathBuf| number_after(name(path).strip_suffix("_input")?, kind);
    Ok(list(folder, HINT)?.into_iter().filter(|path| channel(path).is_some()).min_by_key(channel))
}

/// The firmware's under-voltage flag: whether the 5 V rail was under 4.63 V within the last 2 s (the kernel asks the
/// firmware that often, and clears the flag as it asks). Where the kernel has no monitor for it, the firmware's own word
/// for this moment, if the kernel passes that on. `None` on a board that cannot tell.
///
/// # Errors
/// The flag is there but cannot be read.
pub fn rail_low(root: &Root) -> Result<Option<bool>, FileError> {
    let folder = match find(root, RAIL_MONITOR) {
        Err(error) if error.is_missing() => return throttled(root),
        other => other?,
    };
    Ok(Some(read_number::<u8>(&folder.join(RAIL_ALARM), HINT)? != 0))
}

/// The firmware's word, as the Raspberry Pi kernel passes it on: hexadecimal bits, of which the lowest says "under-voltage
/// now" (Raspberry Pi documentation, `vcgencmd get_throttled`).
fn throttled(root: &Root) -> Result<Option<bool>, FileError> {
    const UNDER_VOLTAGE: u32 = 1;
    let path = root.path(THROTTLED);
    let text = match read_text(&path, HINT) {
        Err(FileError::Missing { .. }) => return Ok(None),
        other => other?,
    };
    let bits = u32::from_str_radix(text.trim_start_matches("0x"), 16);
    let bits = bits.map_err(|_| garbled(&path, &text, "the firmware's bits"))?;
    Ok(Some(bits & UNDER_VOLTAGE != 0))
}

/// The processor's temperature: the thermal zone whose type begins with `cpu`, else the first. `None` where there is none.
///
/// # Errors
/// The zone is there but cannot be read.
pub fn cpu_temperature(root: &Root) -> Result<Option<Temperature>, FileError> {
    const HINT: &str = "the kernel has no thermal zone for the processor";
    let zones: Vec<_> = list(&root.path("/sys/class/thermal"), HINT)?
        .into_iter()
        .filter(|path| number_after(&name(path), "thermal_zone").is_some())
        .collect();
    let is_cpu =
        |zone: &&PathBuf| read_text(&zone.join("type"), HINT).is_ok_and(|text| text.starts_with("cpu"));
    let Some(zone) = zones.iter().find(is_cpu).or(zones.first()) else { return Ok(None) };
    let millidegrees: i32 = read_number(&zone.join("temp"), HINT)?;
    Ok(Some(Temperature::from_celsius(f64::from(millidegrees) / 1000.0)))
}
