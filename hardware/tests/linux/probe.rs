use hardware::chips::detect::Found;
use hardware::linux::probe::{GpioChip, probe, probe_with};
use hardware::sim::bus::{BusFault, SimBus};
use hardware::sim::chips::{SimIna219, SimIna226};
use protocol::Resistance;
use std::os::unix::fs::symlink;
use std::path::Path;

use super::Tree;

fn pi() -> Tree {
    let tree = Tree::with(&[
        ("/proc/device-tree/model", "Raspberry Pi 3 Model B Plus Rev 1.3\0"),
        ("/dev/i2c-1", ""),
        ("/dev/i2c-20", ""),
        ("/dev/i2c-notes", "no bus"),
        ("/dev/gpiochip0", ""),
        ("/sys/class/i2c-dev/i2c-1/name", "bcm2835 (i2c@7e804000)\n"),
        ("/sys/class/hwmon/hwmon0/name", "rpi_volt\n"),
        ("/sys/class/hwmon/hwmon0/in0_lcrit_alarm", "1\n"),
        ("/sys/class/leds/ACT/max_brightness", "255\n"),
        ("/sys/devices/platform/gpio/gpiochip0/dev", "254:0\n"),
        ("/sys/devices/platform/gpio/gpio/gpiochip512/label", "pinctrl-bcm2835\n"),
    ]);
    std::fs::create_dir_all(tree.path("/sys/bus/gpio/devices")).unwrap();
    let device = "../../../devices/platform/gpio/gpiochip0";
    symlink(device, tree.path("/sys/bus/gpio/devices/gpiochip0")).unwrap();
    tree
}

#[test]
fn the_other_chips_and_the_kernels_own_batteries_are_found() {
    use hardware::sim::chips::{SimAds1115, SimIna228, SimIna3221, SimMax17048};

    let tree = pi();
    tree.write("/dev/serial/by-id/usb-FTDI_VE_Direct_cable_VE7X1234-if00-port0", "");
    tree.write("/sys/class/power_supply/gauge/type", "Battery");
    tree.write("/sys/class/power_supply/gauge/voltage_now", "12400000");
    tree.write("/sys/bus/iio/devices/iio:device0/name", "ads1015");
    tree.write("/sys/bus/iio/devices/iio:device0/in_voltage4_raw", "1");
    let bus = SimBus::new();
    bus.attach(0x36, SimMax17048::new());
    bus.attach(0x40, SimIna228::new(Resistance::from_ohms(0.002)));
    bus.attach(0x41, SimIna3221::new([Resistance::from_ohms(0.1); 3]));
    bus.attach(0x48, SimAds1115::new());
    let inventory = probe_with(&tree.root(), |_| bus.clone());
    assert_eq!(inventory.troubles, Vec::<String>::new());
    let found =
        [(0x40, Found::Ina228), (0x41, Found::Ina3221), (0x48, Found::Ads1115), (0x36, Found::Max17048)];
    assert_eq!(inventory.buses[0].chips, found);
    assert_eq!(inventory.power_supplies, ["gauge"]);
    assert_eq!(inventory.iio[0].channels, ["voltage4"]);
    assert!(inventory.serial[0].starts_with("/dev/serial/by-id"), "{:?}", inventory.serial);
}

fn two_chips() -> SimBus {
    let bus = SimBus::new();
    bus.attach(0x40, SimIna226::new(Resistance::from_ohms(0.002)));
    bus.attach(0x4f, SimIna219::new(Resistance::from_ohms(0.1)));
    bus
}

#[test]
fn port_expanders_are_found_by_reading_alone() {
    use hardware::chips::expander::{Kind, Looked};
    use hardware::sim::chips::{SimMcp23017, SimPcf8574};

    let bus = SimBus::new();
    bus.attach(0x21, SimMcp23017::new());
    let pcf = bus.attach(0x38, SimPcf8574::new());
    let inventory = probe_with(&pi().root(), |_| bus.clone());
    let one_byte = Looked::OneByte { kind: Kind::Pcf8574a, byte: 0xff };
    assert_eq!(inventory.buses[0].expanders, [(0x21, Looked::Mcp23017), (0x38, one_byte)]);
    assert_eq!(inventory.buses[0].chips, []);
    assert_eq!(pcf.with(|chip| chip.history().to_vec()), [0xff], "no relay moved");
}

#[test]
fn everything_a_pi_has_is_found() {
    let tree = pi();
    let inventory =
        probe_with(
            &tree.root(),
            |path| {
                if path == Path::new("/dev/i2c-1") { two_chips() } else { SimBus::new() }
            },
        );
    assert_eq!(inventory.troubles, Vec::<String>::new());
    assert_eq!(inventory.model.as_deref(), Some("Raspberry Pi 3 Model B Plus Rev 1.3"));
    assert_eq!(inventory.board.unwrap().cores, 4);
    assert_eq!(inventory.rail_low, Some(true));
    assert_eq!(inventory.leds, ["ACT"]);
    assert_eq!(inventory.hwmon[0].name, "rpi_volt");
    let buses: Vec<_> = inventory.buses.iter().map(|bus| bus.path.to_str().unwrap()).collect();
    assert_eq!(buses, ["/dev/i2c-1", "/dev/i2c-20"], "as a config names them, without the root");
    assert_eq!(inventory.buses[0].adapter.as_deref(), Some("bcm2835 (i2c@7e804000)"));
    assert_eq!(inventory.buses[0].chips, [(0x40, Found::Ina226), (0x4f, Found::Ina219 { at_reset: true })]);
    assert_eq!(inventory.buses[1].chips, []);
    let gpio = GpioChip { path: "/dev/gpiochip0".into(), label: Some("pinctrl-bcm2835".to_owned()) };
    assert_eq!(inventory.gpiochips, [gpio]);
}

#[test]
fn a_broken_bus_is_a_trouble_that_is_soon_given_up_and_hides_nothing_else() {
    let tree = pi();
    let broken = two_chips();
    broken.inject(BusFault::HeldLine);
    let inventory =
        probe_with(
            &tree.root(),
            |path| {
                if path == Path::new("/dev/i2c-1") { broken.clone() } else { two_chips() }
            },
        );
    assert_eq!(inventory.buses[0].chips, []);
    assert_eq!(inventory.buses[1].chips.len(), 2);
    assert_eq!(inventory.troubles.len(), 3, "{:?}", inventory.troubles);
    assert!(
        inventory.troubles[0].contains("/dev/i2c-1 at 0x40")
            && inventory.troubles[0].contains("line is held")
    );
    assert_eq!(broken.transactions(), 3);
}

#[test]
fn on_a_machine_with_nothing_nothing_is_found_and_nothing_is_wrong() {
    let inventory = probe(&Tree::new().root());
    assert_eq!(inventory.troubles, Vec::<String>::new());
    assert!(inventory.model.is_none() && inventory.buses.is_empty() && inventory.hwmon.is_empty());
    assert!(inventory.leds.is_empty() && inventory.cpufreq.is_empty() && inventory.gpiochips.is_empty());
}

#[test]
fn a_file_that_is_no_bus_is_a_trouble_with_advice() {
    let tree = Tree::with(&[("/dev/i2c-1", "")]);
    let inventory = probe(&tree.root());
    assert!(inventory.troubles[0].contains("i2c-1") && inventory.troubles[0].contains("config.txt"));
}
