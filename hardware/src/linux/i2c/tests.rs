#![allow(clippy::disallowed_methods, reason = "the tests make their trees")]

use std::fs;

use embedded_hal::i2c::Error as _;

use super::*;

fn errno(number: i32) -> Trouble {
    Trouble::of(&io::Error::from_raw_os_error(number))
}

#[test]
fn the_pi_s_missing_acknowledge_is_one() {
    assert_eq!(errno(121), Trouble::NoAcknowledge, "EREMOTEIO, i2c-bcm2835");
    assert_eq!(errno(6), Trouble::NoAcknowledge, "ENXIO, most others");
}

#[test]
fn errors_that_mean_no_bus_are_told_from_those_of_a_bus() {
    for gone in [2, 19, 25, 95] {
        assert_eq!(errno(gone).fault(), Fault::BusGone, "{gone}");
    }
    for failed in [5, 110, 71, 22, 11] {
        assert_eq!(errno(failed).fault(), Fault::BusError, "{failed}");
    }
    assert_eq!(errno(16), Trouble::HeldByKernel);
    assert_eq!(Trouble::of(&io::Error::other("no errno")), Trouble::BusError);
}

#[test]
fn a_bus_that_is_not_there_is_gone_and_says_what_to_do() {
    let tree = tempfile::tempdir().unwrap();
    let mut bus = LinuxBus::new(&Root::at(tree.path()), "/dev/i2c-1");
    let error = bus.write_read(0x40, &[0], &mut [0; 2]).unwrap_err();
    assert_eq!((error.trouble, error.kind()), (Trouble::Gone, ErrorKind::Other));
    let text = error.to_string();
    assert!(text.contains("i2c-1") && text.contains("dtparam=i2c_arm=on"), "{text}");
}

#[test]
fn a_file_that_is_no_bus_is_gone_too_and_is_looked_for_again() {
    let tree = tempfile::tempdir().unwrap();
    fs::create_dir(tree.path().join("dev")).unwrap();
    let path = tree.path().join("dev/i2c-1");
    let mut bus = LinuxBus::new(&Root::at(tree.path()), "/dev/i2c-1");
    fs::write(&path, "").unwrap();
    assert_eq!(bus.write_read(0x40, &[0], &mut [0; 2]).unwrap_err().trouble, Trouble::Gone, "ENOTTY");
    fs::remove_file(&path).unwrap();
    assert_eq!(
        bus.write_read(0x40, &[0], &mut [0; 2]).unwrap_err().source.raw_os_error(),
        Some(2),
        "opened anew"
    );
}
