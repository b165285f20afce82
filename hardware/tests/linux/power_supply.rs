use hardware::linux::power_supply::{PowerSupply, batteries};
use protocol::Fault;

use super::Tree;

const FOLDER: &str = "/sys/class/power_supply/gauge";

fn battery(files: &[(&str, &str)]) -> Tree {
    let tree = Tree::with(&[("/sys/class/power_supply/gauge/type", "Battery\n")]);
    for (file, text) in files {
        tree.write(&format!("{FOLDER}/{file}"), text);
    }
    tree
}

#[test]
fn voltage_current_charge_and_temperature_are_in_the_kernels_units() {
    let tree = battery(&[
        ("voltage_now", "12480000\n"),
        ("current_now", "-1500000\n"),
        ("capacity", "74\n"),
        ("temp", "-35\n"),
    ]);
    let measured = PowerSupply::new(&tree.root(), "gauge").read().unwrap();
    assert!((measured.voltage.volts() - 12.48).abs() < 1e-9);
    assert!((measured.current.unwrap().amps() - 1.5).abs() < 1e-9, "the kernel's discharge is negative");
    assert!((measured.soc.unwrap().percent() - 74.0).abs() < 1e-9);
    assert!((measured.temperature.unwrap().celsius() + 3.5).abs() < 1e-9);
}

#[test]
fn a_driver_without_a_sign_is_understood_by_its_status() {
    for (current, status, amps) in [
        ("1500000", "Discharging", 1.5),
        ("1500000", "Charging", -1.5),
        ("-1500000", "Discharging", 1.5),
        ("-1500000", "Unknown", 1.5),
        ("0", "Full", 0.0),
    ] {
        let tree = battery(&[("voltage_now", "12480000"), ("current_now", current), ("status", status)]);
        let measured = PowerSupply::new(&tree.root(), "gauge").read().unwrap();
        assert!((measured.current.unwrap().amps() - amps).abs() < 1e-9, "{current} {status}");
    }
}

#[test]
fn what_is_out_missing_or_garbage_is_no_reading() {
    let fault = |tree: &Tree| PowerSupply::new(&tree.root(), "gauge").read().unwrap_err().fault();
    assert_eq!(fault(&battery(&[("voltage_now", "12480000"), ("present", "0")])), Fault::BusGone);
    assert_eq!(fault(&battery(&[])), Fault::BusGone);
    assert_eq!(fault(&battery(&[("voltage_now", "?")])), Fault::Garbled);
    assert_eq!(fault(&battery(&[("voltage_now", "12480000"), ("capacity", "180")])), Fault::Garbled);
    assert_eq!(fault(&battery(&[("voltage_now", "12480000"), ("current_now", "x")])), Fault::Garbled);
    let gone = PowerSupply::new(&Tree::new().root(), "gauge").read().unwrap_err();
    assert_eq!(gone.fault(), Fault::BusGone);
}

#[test]
fn only_batteries_with_a_voltage_are_listed() {
    let tree = battery(&[("voltage_now", "12480000")]);
    tree.write("/sys/class/power_supply/AC/type", "Mains");
    tree.write("/sys/class/power_supply/AC/voltage_now", "5000000");
    tree.write("/sys/class/power_supply/mouse/type", "Battery");
    assert_eq!(batteries(&tree.root()).unwrap(), ["gauge"]);
    assert_eq!(batteries(&Tree::new().root()).unwrap(), Vec::<String>::new());
}
