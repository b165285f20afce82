//! The kernel's converters and meters that are no hwmon devices: found by name, because their numbers change.
//!
//! Files and units: Linux, `Documentation/ABI/testing/sysfs-bus-iio`: a channel's value is `(raw + offset) * scale`, in mV and in mA; scale
//! and offset are the channel's own (`in_voltage1_scale`) or shared by its kind (`in_voltage_scale`).

use std::path::{Path, PathBuf};

use protocol::{Current, Voltage};

use super::file::{FileError, Root, list, name, read_number, read_text};

const FOLDER: &str = "/sys/bus/iio/devices";
const HINT: &str = "is the chip's IIO driver loaded? `heliostat-agent probe` lists what there is";

/// One device as it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IioDevice {
    /// Its `name` file.
    pub name: String,
    /// Its channels of voltage and current, as a config names them: `voltage1`, `current3`.
    pub channels: Vec<String>,
}

/// Every device with such a channel, in the kernel's order. One that cannot be read is left out: it may just have gone.
///
/// # Errors
/// The folder cannot be read; its absence is an empty list.
pub fn devices(root: &Root) -> Result<Vec<IioDevice>, FileError> {
    let mut devices = Vec::new();
    for folder in list(&root.path(FOLDER), HINT)? {
        let Ok(label) = read_text(&folder.join("name"), HINT) else { continue };
        let files = list(&folder, HINT).unwrap_or_default();
        let channel = |path: &PathBuf| {
            let file = name(path);
            let channel = file.strip_prefix("in_")?.strip_suffix("_raw")?;
            (channel.starts_with("voltage") || channel.starts_with("current")).then(|| channel.to_owned())
        };
        let channels: Vec<String> = files.iter().filter_map(channel).collect();
        if !channels.is_empty() {
            devices.push(IioDevice { name: label, channels });
        }
    }
    Ok(devices)
}

/// What was measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Measured {
    /// At the input: a divider before it is the reader's.
    pub voltage: Voltage,
    /// With the kernel's sign.
    pub current: Option<Current>,
    /// Both raw numbers, current above voltage: changes with every noise bit.
    pub raw: u64,
}

/// A device as a battery's sensor.
#[derive(Debug)]
pub struct IioReader {
    root: Root,
    device: String,
    voltage: String,
    current: Option<String>,
    found: Option<PathBuf>,
}

impl IioReader {
    /// By the content of its `name` file and its channels' names. Looked up at the first reading, and again after a loss.
    pub fn new(root: &Root, device: &str, voltage: &str, current: Option<&str>) -> Self {
        Self {
            root: root.clone(),
            device: device.to_owned(),
            voltage: voltage.to_owned(),
            current: current.map(str::to_owned),
            found: None,
        }
    }

    /// Reads it: three files for each channel at the most.
    ///
    /// # Errors
    /// Whatever is wrong with its files; [`FileError::fault`] says what that is to a sensor.
    pub fn read(&mut self) -> Result<Measured, FileError> {
        let folder = match self.found.take() {
            Some(folder) => folder,
            None => self.look_up()?,
        };
        let (volts_raw, millivolts) = channel(&folder, &self.voltage)?;
        let current = self.current.as_deref().map(|current| channel(&folder, current)).transpose()?;
        // Kept only after it was good: after any error the next reading looks it up anew.
        self.found = Some(folder);
        let bits = |raw: i32| u64::from(raw.cast_unsigned());
        Ok(Measured {
            voltage: Voltage::from_volts(millivolts / 1000.0),
            current: current.map(|(_, milliamps)| Current::from_amps(milliamps / 1000.0)),
            raw: (current.map_or(0, |(raw, _)| bits(raw)) << 32) | bits(volts_raw),
        })
    }

    fn look_up(&self) -> Result<PathBuf, FileError> {
        let is_it =
            |folder: &PathBuf| read_text(&folder.join("name"), HINT).is_ok_and(|name| name == self.device);
        let missing = || FileError::Missing { path: self.root.path(FOLDER).join(&self.device), hint: HINT };
        list(&self.root.path(FOLDER), HINT)?.into_iter().find(is_it).ok_or_else(missing)
    }
}

/// A channel's raw number and its value in thousandths of the unit.
fn channel(folder: &Path, channel: &str) -> Result<(i32, f64), FileError> {
    let raw: i32 = read_number(&folder.join(format!("in_{channel}_raw")), HINT)?;
    let kind = channel.trim_end_matches(|c: char| c.is_ascii_digit());
    let part = |what: &str| -> Result<Option<f64>, FileError> {
        for file in [format!("in_{channel}_{what}"), format!("in_{kind}_{what}")] {
            match read_number(&folder.join(file), HINT) {
                Err(FileError::Missing { .. }) => {}
                other => return other.map(Some),
            }
        }
        Ok(None)
    };
    let (offset, scale) = (part("offset")?.unwrap_or(0.0), part("scale")?.unwrap_or(1.0));
    Ok((raw, (f64::from(raw) + offset) * scale))
}
