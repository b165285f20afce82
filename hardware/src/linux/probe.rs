//! What this machine has, found by looking only: a typed inventory from which a config can be written.

use std::fmt::Display;
use std::path::{Path, PathBuf};

use embedded_hal::i2c::I2c;

use super::cpufreq::{Cpufreq, Policy};
use super::file::{FileError, Root, list, name, number_after, read_text};
use super::hwmon::{self, HwmonDevice};
use super::i2c::LinuxBus;
use super::iio::{self, IioDevice};
use super::{host, leds, power_supply};
use crate::boards::Board;
use crate::chips::detect::{self, Found};
use crate::chips::expander::{self, Looked};

/// udev's names of serial adapters: by maker and number, the same at every boot.
const SERIAL: &str = "/dev/serial/by-id";

/// All that was found, and what could not be looked at.
#[derive(Debug, Default)]
pub struct Inventory {
    /// The device tree's name of the board.
    pub model: Option<String>,
    /// The board, where it is one that is known.
    pub board: Option<&'static Board>,
    /// I2C buses and the family's chips on them.
    pub buses: Vec<Bus>,
    /// Kernel hwmon devices.
    pub hwmon: Vec<HwmonDevice>,
    /// Batteries among the kernel's power supplies, by name.
    pub power_supplies: Vec<String>,
    /// Kernel IIO devices with channels of voltage or current.
    pub iio: Vec<IioDevice>,
    /// USB serial adapters, by names that stay; any of them may be a charge controller's.
    pub serial: Vec<PathBuf>,
    /// Whether the firmware can tell of a low rail, and whether it is low now.
    pub rail_low: Option<bool>,
    /// LEDs, by name.
    pub leds: Vec<String>,
    /// Clock policies.
    pub cpufreq: Vec<Policy>,
    /// GPIO chips.
    pub gpiochips: Vec<GpioChip>,
    /// What could not be looked at, in words that say what to do.
    pub troubles: Vec<String>,
}

/// An I2C bus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bus {
    /// Its device file, as a config names it.
    pub path: PathBuf,
    /// The adapter's name, where the kernel tells.
    pub adapter: Option<String>,
    /// What answered at the family's addresses.
    pub chips: Vec<(u8, Found)>,
    /// What answered where port expanders can be.
    pub expanders: Vec<(u8, Looked)>,
}

/// A GPIO chip.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GpioChip {
    /// Its device file.
    pub path: PathBuf,
    /// Its label, by which it is to be found: numbers change.
    pub label: Option<String>,
}

/// Looks at everything.
pub fn probe(root: &Root) -> Inventory {
    probe_with(root, |path| LinuxBus::new(root, path))
}

/// Looks at everything, with another way to open a bus (by its path without the root).
pub fn probe_with<B: I2c<Error: Display>>(root: &Root, mut open: impl FnMut(&Path) -> B) -> Inventory {
    let mut troubles = Vec::new();
    let mut inventory = Inventory::default();
    if let Some(model) = kept(host::model(root), &mut troubles) {
        inventory.board = model.as_deref().and_then(Board::from_model);
        inventory.model = model;
    }
    inventory.hwmon = kept(hwmon::devices(root), &mut troubles).unwrap_or_default();
    inventory.power_supplies = kept(power_supply::batteries(root), &mut troubles).unwrap_or_default();
    inventory.iio = kept(iio::devices(root), &mut troubles).unwrap_or_default();
    let adapters = kept(list(&root.path(SERIAL), ""), &mut troubles).unwrap_or_default();
    inventory.serial = adapters.iter().map(|path| Path::new(SERIAL).join(name(path))).collect();
    inventory.rail_low = kept(hwmon::rail_low(root), &mut troubles).flatten();
    inventory.leds = kept(leds::names(root), &mut troubles).unwrap_or_default();
    inventory.cpufreq = kept(Cpufreq::new(root).policies(), &mut troubles).unwrap_or_default();
    for path in device_files(root, "i2c-", &mut troubles) {
        let (chips, expanders) = chips(&mut open, &path, &mut troubles);
        let adapter = format!("/sys/class/i2c-dev/{}/name", name(&path));
        inventory.buses.push(Bus {
            adapter: read_text(&root.path(adapter), "").ok(),
            chips,
            expanders,
            path,
        });
    }
    for path in device_files(root, "gpiochip", &mut troubles) {
        let label = gpio_label(root, &name(&path));
        inventory.gpiochips.push(GpioChip { path, label });
    }
    inventory.troubles = troubles;
    inventory
}

/// The value, or its error among the troubles.
fn kept<T>(result: Result<T, FileError>, troubles: &mut Vec<String>) -> Option<T> {
    result.map_err(|error| troubles.push(error.to_string())).ok()
}

/// The device files `/dev/PREFIXn`, without the root.
fn device_files(root: &Root, prefix: &str, troubles: &mut Vec<String>) -> Vec<PathBuf> {
    let found = kept(list(&root.path("/dev"), "is /dev mounted?"), troubles).unwrap_or_default();
    let names = found.iter().map(|path| name(path)).filter(|name| number_after(name, prefix).is_some());
    names.map(|name| Path::new("/dev").join(name)).collect()
}

/// After so many failures in a row the rest of a bus's addresses would only say the same, each after a time-out. One
/// failure alone may be an address that a kernel driver holds.
const FAILURES_MAX: u32 = 3;

/// What answered, by address.
type At<T> = Vec<(u8, T)>;

/// The family's chips on a bus, and its port expanders.
fn chips<B: I2c<Error: Display>>(
    open: &mut impl FnMut(&Path) -> B,
    path: &Path,
    troubles: &mut Vec<String>,
) -> (At<Found>, At<Looked>) {
    let mut bus = open(path);
    let chips = at_each(detect::addresses(), path, troubles, |address| detect::identify(&mut bus, address));
    let Some(chips) = chips else { return Default::default() };
    let expanders =
        at_each(expander::addresses(), path, troubles, |address| expander::look(&mut bus, address));
    (chips, expanders.unwrap_or_default())
}

/// What is found at each address; `None` for a bus that is no good.
fn at_each<T, E: Display>(
    addresses: impl Iterator<Item = u8>,
    path: &Path,
    troubles: &mut Vec<String>,
    mut look: impl FnMut(u8) -> Result<Option<T>, E>,
) -> Option<At<T>> {
    let mut all = Vec::new();
    let mut failures = 0;
    for address in addresses {
        match look(address) {
            Ok(found) => {
                failures = 0;
                all.extend(found.map(|found| (address, found)));
            }
            Err(error) => {
                troubles.push(format!("{} at {address:#04x}: {error}", path.display()));
                failures += 1;
                if failures == FAILURES_MAX {
                    return None;
                }
            }
        }
    }
    Some(all)
}

/// A GPIO chip's label. The device `gpiochip0` and the class's folder with the label are children of the same platform
/// device; `..` follows the link to it.
fn gpio_label(root: &Root, chip: &str) -> Option<String> {
    let class = root.path(format!("/sys/bus/gpio/devices/{chip}")).join("../gpio");
    let folder = list(&class, "").ok()?.into_iter().next()?;
    read_text(&folder.join("label"), "").ok()
}
