use hardware::linux::iio::{IioDevice, IioReader, devices};
use protocol::Fault;

use super::Tree;

const FOLDER: &str = "/sys/bus/iio/devices/iio:device1";

fn ads1115() -> Tree {
    let tree = Tree::with(&[("/sys/bus/iio/devices/iio:device0/name", "bme280\n")]);
    for (file, text) in [
        ("name", "ads1115\n"),
        ("in_voltage4_raw", "16667\n"),
        ("in_voltage4_scale", "0.125000000\n"),
        ("in_current3_raw", "-1500\n"),
        ("in_current_scale", "2\n"),
        ("in_current3_offset", "500\n"),
        ("in_temp_raw", "1\n"),
    ] {
        tree.write(&format!("{FOLDER}/{file}"), text);
    }
    tree
}

#[test]
fn a_channel_is_raw_and_offset_times_scale_its_own_or_its_kinds() {
    let tree = ads1115();
    let measured = IioReader::new(&tree.root(), "ads1115", "voltage4", Some("current3")).read().unwrap();
    assert!((measured.voltage.volts() - 2.083_375).abs() < 1e-9);
    assert!((measured.current.unwrap().amps() + 2.0).abs() < 1e-9);
    let alone = IioReader::new(&tree.root(), "ads1115", "voltage4", None).read().unwrap();
    assert_eq!(alone.current, None);
}

#[test]
fn a_device_that_goes_or_is_numbered_anew_is_found_again() {
    let tree = ads1115();
    let mut reader = IioReader::new(&tree.root(), "ads1115", "voltage4", None);
    reader.read().unwrap();
    std::fs::rename(tree.path(FOLDER), tree.path("/sys/bus/iio/devices/iio:device7")).unwrap();
    assert_eq!(reader.read().unwrap_err().fault(), Fault::BusGone);
    assert!(reader.read().is_ok());
    tree.write("/sys/bus/iio/devices/iio:device7/in_voltage4_raw", "x");
    assert_eq!(reader.read().unwrap_err().fault(), Fault::Garbled);
    let mut other = IioReader::new(&tree.root(), "ads1115", "voltage9", None);
    assert_eq!(other.read().unwrap_err().fault(), Fault::BusGone);
}

#[test]
fn devices_are_listed_with_what_a_config_may_name() {
    let channels = ["current3", "voltage4"].map(str::to_owned).to_vec();
    assert_eq!(devices(&ads1115().root()).unwrap(), [IioDevice { name: "ads1115".to_owned(), channels }]);
    assert_eq!(devices(&Tree::new().root()).unwrap(), []);
}
