use std::os::unix::fs::symlink;

use hardware::linux::spare::{Part, Spare, SpareError};

use super::Tree;

const STATUS: &str = "/sys/class/drm/card1-HDMI-A-1/status";
const WIFI: &str = "/sys/class/rfkill/rfkill0/soft";
const BLUETOOTH: &str = "/sys/class/rfkill/rfkill1/soft";
const BUSPOWER: &str = "/sys/devices/platform/soc/3f980000.usb/buspower";
const BEFORE: &str = "/run/heliostat/board.before";

fn pi() -> Tree {
    Tree::with(&[
        (STATUS, "disconnected\n"),
        ("/sys/class/drm/version", "drm 1.1.0 20060810\n"),
        ("/sys/class/rfkill/rfkill0/type", "wlan\n"),
        (WIFI, "0\n"),
        ("/sys/class/rfkill/rfkill1/type", "bluetooth\n"),
        (BLUETOOTH, "1\n"),
        ("/sys/class/rfkill/rfkill2/type", "gps\n"),
        ("/sys/class/rfkill/rfkill2/soft", "0\n"),
        (BUSPOWER, "Bus Power = 0x1\n"),
    ])
}

fn interface(tree: &Tree, name: &str, device: &str, operstate: &str) {
    let folder = format!("/sys/class/net/{name}");
    tree.write(&format!("{folder}/operstate"), operstate);
    std::fs::create_dir_all(tree.path(device)).unwrap();
    symlink(tree.path(device), tree.path(&format!("{folder}/device"))).unwrap();
}

#[test]
fn each_part_is_switched_off_and_given_back_as_it_was() {
    let tree = pi();
    let spare = Spare::new(&tree.root());
    for part in [Part::Hdmi, Part::Radio, Part::Usb] {
        spare.off(part).unwrap();
    }
    let read = |path| tree.read(path);
    assert_eq!([STATUS, WIFI, BLUETOOTH, BUSPOWER].map(read), ["off", "1", "1", "0"]);
    assert_eq!(tree.read("/sys/class/rfkill/rfkill2/soft"), "0\n", "a GPS is not ours");
    // A second life finds them off, and still knows what they were.
    tree.write(BUSPOWER, "Bus Power = 0x0\n");
    let second = Spare::new(&tree.root());
    for part in [Part::Usb, Part::Radio] {
        second.off(part).unwrap();
    }
    for part in [Part::Radio, Part::Usb, Part::Hdmi, Part::Hdmi] {
        second.back(part).unwrap();
    }
    assert_eq!([STATUS, WIFI, BLUETOOTH, BUSPOWER].map(read), ["detect", "0", "1", "1"]);
    assert!(!tree.path(BEFORE).exists());
}

#[test]
fn what_the_network_goes_through_stays_on() {
    let tree = pi();
    let spare = Spare::new(&tree.root());
    let usb = "/sys/devices/platform/soc/3f980000.usb/usb1/1-1/1-1.1/1-1.1:1.0";
    interface(&tree, "eth0", usb, "up\n");
    interface(&tree, "wlan0", "/sys/devices/platform/soc/3f300000.mmcnr/mmc1:0001:1", "up\n");
    tree.write("/sys/class/net/wlan0/phy80211/name", "phy0");
    let interface_of = |part| match spare.off(part).unwrap_err() {
        SpareError::NetworkInUse { interface, .. } => interface,
        other => panic!("{other}"),
    };
    assert_eq!([Part::Usb, Part::Radio].map(interface_of), ["eth0", "wlan0"]);
    assert_eq!(
        (tree.read(WIFI), tree.path(BEFORE).exists()),
        ("0\n".to_owned(), false),
        "nothing was touched"
    );
    spare.off(Part::Hdmi).unwrap();
    // An interface that is down needs nothing.
    tree.write("/sys/class/net/wlan0/operstate", "down\n");
    spare.off(Part::Radio).unwrap();
}

#[test]
fn a_board_without_and_a_file_that_refuses_say_so_and_what_is_noted_stays_noted() {
    let bare = Tree::new();
    for part in [Part::Hdmi, Part::Radio, Part::Usb] {
        assert!(matches!(Spare::new(&bare.root()).off(part), Err(SpareError::Unsupported(of)) if of == part));
        Spare::new(&bare.root()).back(part).unwrap();
    }
    let tree = pi();
    let spare = Spare::new(&tree.root());
    spare.off(Part::Radio).unwrap();
    // A folder in the file's place takes no text.
    std::fs::remove_file(tree.path(WIFI)).unwrap();
    std::fs::create_dir(tree.path(WIFI)).unwrap();
    assert!(matches!(spare.back(Part::Radio), Err(SpareError::File(_))));
    assert!(tree.read(BEFORE).contains("rfkill0/soft 0"));
    tree.write(BUSPOWER, "who knows");
    assert!(spare.off(Part::Usb).unwrap_err().to_string().contains("a bus power"));
    tree.write(BEFORE, "radio /etc/passwd 0\n");
    assert!(spare.back(Part::Radio).is_err(), "a note that is none of ours");
}
