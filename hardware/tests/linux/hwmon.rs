use hardware::linux::hwmon::{HwmonSensor, devices, rail_low};
use protocol::{Current, Fault, Voltage};

use super::Tree;

const INA: &str = "/sys/class/hwmon/hwmon2";

/// A Pi whose kernel drives an INA226 (after a thermometer and the firmware's rail monitor).
fn pi() -> Tree {
    Tree::with(&[
        ("/sys/class/hwmon/hwmon0/name", "cpu_thermal\n"),
        ("/sys/class/hwmon/hwmon0/temp1_input", "48312\n"),
        ("/sys/class/hwmon/hwmon1/name", "rpi_volt\n"),
        ("/sys/class/hwmon/hwmon1/in0_lcrit_alarm", "0\n"),
        ("/sys/class/hwmon/hwmon2/name", "ina226\n"),
        ("/sys/class/hwmon/hwmon2/in0_input", "6\n"),
        ("/sys/class/hwmon/hwmon2/in1_input", "12504\n"),
        ("/sys/class/hwmon/hwmon2/curr1_input", "-3125\n"),
        ("/sys/class/hwmon/hwmon2/power1_input", "39000000\n"),
        ("/sys/class/hwmon/hwmon2/shunt_resistor", "2000\n"),
    ])
}

#[test]
fn an_ina226_s_bus_voltage_is_taken_and_not_its_shunt_s_drop() {
    let tree = pi();
    let measurement = HwmonSensor::new(&tree.root(), "ina226").read().unwrap();
    assert_eq!(measurement.voltage, Voltage::from_volts(12.504));
    assert_eq!(measurement.current, Some(Current::from_amps(-3.125)));
}

#[test]
fn the_raw_value_changes_with_either_file() {
    let tree = pi();
    let mut sensor = HwmonSensor::new(&tree.root(), "ina226");
    let first = sensor.read().unwrap().raw;
    tree.write("/sys/class/hwmon/hwmon2/in1_input", "12503\n");
    let second = sensor.read().unwrap().raw;
    tree.write("/sys/class/hwmon/hwmon2/curr1_input", "-3124\n");
    let third = sensor.read().unwrap().raw;
    assert!(first != second && second != third && first != third);
    assert_eq!(sensor.read().unwrap().raw, third);
}

#[test]
fn another_device_gives_its_first_input_and_perhaps_no_current() {
    let tree = Tree::with(&[
        ("/sys/class/hwmon/hwmon0/name", "adc\n"),
        ("/sys/class/hwmon/hwmon0/in10_input", "1\n"),
        ("/sys/class/hwmon/hwmon0/in3_input", "12100\n"),
        ("/sys/class/hwmon/hwmon0/in2_label", "not an input\n"),
    ]);
    let measurement = HwmonSensor::new(&tree.root(), "adc").read().unwrap();
    assert_eq!((measurement.voltage, measurement.current), (Voltage::from_volts(12.1), None));
}

#[test]
fn a_device_that_comes_back_under_another_number_is_found_again() {
    let tree = pi();
    let mut sensor = HwmonSensor::new(&tree.root(), "ina226");
    sensor.read().unwrap();
    std::fs::rename(tree.path(INA), tree.path("/sys/class/hwmon/hwmon7")).unwrap();
    assert_eq!(sensor.read().unwrap_err().fault(), Fault::BusGone);
    assert_eq!(sensor.read().unwrap().voltage, Voltage::from_volts(12.504));
}

#[test]
fn a_device_that_is_not_there_is_gone_and_the_error_says_what_to_do() {
    let error = HwmonSensor::new(&pi().root(), "ina219").read().unwrap_err();
    assert_eq!(error.fault(), Fault::BusGone);
    assert!(error.to_string().contains("ina219") && error.to_string().contains("driver"), "{error}");
}

#[test]
fn what_is_no_number_is_garbled_and_never_zero() {
    let tree = pi();
    for text in ["", "\n", "12.5", "nan", "0x10", "99999999999"] {
        tree.write("/sys/class/hwmon/hwmon2/in1_input", text);
        let error = HwmonSensor::new(&tree.root(), "ina226").read().unwrap_err();
        assert_eq!(error.fault(), Fault::Garbled, "{text:?}");
    }
}

#[test]
fn half_a_measurement_is_none() {
    let tree = pi();
    tree.write("/sys/class/hwmon/hwmon2/curr1_input", "?\n");
    assert!(HwmonSensor::new(&tree.root(), "ina226").read().is_err());
}

#[test]
fn the_rail_s_flag_is_low_high_or_not_to_be_had() {
    let tree = pi();
    assert_eq!(rail_low(&tree.root()).unwrap(), Some(false));
    tree.write("/sys/class/hwmon/hwmon1/in0_lcrit_alarm", "1\n");
    assert_eq!(rail_low(&tree.root()).unwrap(), Some(true));
    tree.remove("/sys/class/hwmon/hwmon1/in0_lcrit_alarm");
    assert!(rail_low(&tree.root()).is_err(), "a monitor without its flag is not a healthy rail");
    assert_eq!(rail_low(&Tree::new().root()).unwrap(), None);
}

#[test]
fn devices_are_listed_in_the_order_of_their_numbers() {
    let tree = pi();
    tree.write("/sys/class/hwmon/hwmon10/name", "tenth\n");
    let names: Vec<_> = devices(&tree.root()).unwrap().into_iter().map(|device| device.name).collect();
    assert_eq!(names, ["cpu_thermal", "rpi_volt", "ina226", "tenth"]);
    let ina = devices(&tree.root()).unwrap().swap_remove(2);
    assert_eq!(ina.files, ["curr1_input", "in0_input", "in1_input", "power1_input"]);
}

#[test]
fn where_the_kernel_has_no_monitor_the_firmwares_own_bits_tell() {
    const PATH: &str = "/sys/devices/platform/soc/soc:firmware/get_throttled";
    for (bits, low) in [("50005\n", true), ("50000\n", false), ("0\n", false), ("0x1", true)] {
        assert_eq!(rail_low(&Tree::with(&[(PATH, bits)]).root()).unwrap(), Some(low), "{bits}");
    }
    assert!(rail_low(&Tree::with(&[(PATH, "?")]).root()).is_err());
    let monitored = Tree::with(&[
        (PATH, "0"),
        ("/sys/class/hwmon/hwmon0/name", "rpi_volt"),
        ("/sys/class/hwmon/hwmon0/in0_lcrit_alarm", "1"),
    ]);
    assert_eq!(rail_low(&monitored.root()).unwrap(), Some(true), "the monitor remembers two seconds");
}
