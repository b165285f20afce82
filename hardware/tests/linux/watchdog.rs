use std::path::Path;
use std::time::Duration;

use hardware::linux::watchdog::{Facts, Watchdog, WatchdogError, facts};

use super::Tree;

const DEVICE: &str = "/dev/watchdog";

#[test]
fn it_is_petted_with_anything_but_the_letter_that_stops_it() {
    let tree = Tree::with(&[(DEVICE, "")]);
    let mut dog = Watchdog::open(&tree.root(), Path::new(DEVICE)).unwrap();
    dog.pet().unwrap();
    dog.pet().unwrap();
    assert_eq!(std::fs::read(tree.path(DEVICE)).unwrap(), [0, 0]);
    dog.close().unwrap();
    assert_eq!(std::fs::read(tree.path(DEVICE)).unwrap(), [0, 0, b'V']);
    // A crash drops it without a word.
    tree.write(DEVICE, "");
    drop(Watchdog::open(&tree.root(), Path::new(DEVICE)).unwrap());
    assert_eq!(std::fs::read(tree.path(DEVICE)).unwrap(), b"");
}

#[test]
fn what_the_kernel_says_of_it_is_read_without_opening_it() {
    let tree = Tree::with(&[
        ("/sys/class/watchdog/watchdog0/timeout", "15\n"),
        ("/sys/class/watchdog/watchdog0/identity", "Broadcom BCM2835 Watchdog timer\n"),
        ("/sys/class/watchdog/watchdog0/nowayout", "0\n"),
        ("/sys/class/watchdog/watchdog1/nowayout", "1\n"),
    ]);
    let first = Facts {
        identity: Some("Broadcom BCM2835 Watchdog timer".to_owned()),
        timeout: Some(Duration::from_secs(15)),
        nowayout: Some(false),
    };
    assert_eq!(facts(&tree.root(), Path::new(DEVICE)), first);
    assert_eq!(facts(&tree.root(), Path::new("/dev/watchdog0")), first);
    let second = facts(&tree.root(), Path::new("/dev/watchdog1"));
    assert_eq!(second, Facts { nowayout: Some(true), ..Facts::default() });
    assert_eq!(facts(&tree.root(), Path::new("/dev/watchdog2")), Facts::default());
}

#[test]
fn a_board_without_one_says_which_driver_is_missing() {
    let error = Watchdog::open(&Tree::new().root(), Path::new(DEVICE)).unwrap_err();
    assert!(matches!(error, WatchdogError::Missing(_)));
    assert!(error.to_string().contains("bcm2835_wdt"), "{error}");
}
