use std::time::Duration;

use hardware::linux::FileError;
use hardware::linux::leds::{Beat, Led, Rhythm, Shown, names};

use super::Tree;

const LED: &str = "/sys/class/leds/ACT";

/// An LED with these triggers and their files.
fn led(triggers: &str) -> Tree {
    let tree = Tree::with(&[
        ("/sys/class/leds/ACT/max_brightness", "255\n"),
        ("/sys/class/leds/ACT/brightness", "0\n"),
        ("/sys/class/leds/ACT/trigger", triggers),
    ]);
    for file in ["delay_on", "delay_off", "pattern"] {
        tree.write(&format!("{LED}/{file}"), "");
    }
    tree
}

/// The files that tell what the LED does.
fn shows(tree: &Tree) -> [String; 5] {
    ["trigger", "brightness", "delay_on", "delay_off", "pattern"]
        .map(|file| tree.read(&format!("{LED}/{file}")))
}

fn beats(beats: &[(u16, u64)]) -> Rhythm {
    let beat = |&(permille, millis)| Beat { permille, length: Duration::from_millis(millis) };
    Rhythm::Beats(beats.iter().map(beat).collect())
}

#[test]
fn a_steady_light_takes_the_led_from_its_trigger() {
    for (permille, level) in [(1000, "255"), (5000, "255"), (500, "127"), (1, "1"), (0, "0")] {
        let tree = led("none [mmc0] timer pattern\n");
        let led = Led::open(&tree.root(), "ACT").unwrap();
        assert_eq!(led.show(&Rhythm::Steady(permille)).unwrap(), Shown::Exactly);
        assert_eq!(shows(&tree)[..2], ["none", level], "{permille}: what is not dark stays lit");
    }
}

#[test]
fn an_even_blink_is_left_to_the_timer() {
    for rhythm in [beats(&[(1000, 100), (0, 1900)]), beats(&[(0, 1900), (1000, 60), (1000, 40)])] {
        let tree = led("none [mmc0] timer pattern\n");
        assert_eq!(Led::open(&tree.root(), "ACT").unwrap().show(&rhythm).unwrap(), Shown::Exactly);
        assert_eq!(shows(&tree), ["timer", "255", "100", "1900", ""]);
    }
}

#[test]
fn any_other_rhythm_is_left_to_the_pattern_with_sharp_edges() {
    let tree = led("[none] timer pattern\n");
    let two_flashes = beats(&[(1000, 100), (0, 200), (200, 100), (0, 1600)]);
    assert_eq!(Led::open(&tree.root(), "ACT").unwrap().show(&two_flashes).unwrap(), Shown::Exactly);
    assert_eq!(shows(&tree)[0], "pattern");
    assert_eq!(shows(&tree)[4], "255 100 255 0 0 200 0 0 51 100 51 0 0 1600 0 0");
}

#[test]
fn without_the_pattern_it_becomes_an_even_blink_with_the_same_share_of_light() {
    let tree = led("[none] timer\n");
    let two_flashes = beats(&[(1000, 100), (0, 200), (200, 100), (0, 1600)]);
    assert_eq!(Led::open(&tree.root(), "ACT").unwrap().show(&two_flashes).unwrap(), Shown::EvenBlink);
    assert_eq!(shows(&tree)[..4], ["timer", "255", "200", "1800"]);
}

#[test]
fn without_any_trigger_it_becomes_a_steady_light_and_says_so() {
    let tree = led("[none] mmc0\n");
    let led = Led::open(&tree.root(), "ACT").unwrap();
    assert_eq!(led.show(&beats(&[(0, 200), (300, 100)])).unwrap(), Shown::Steady);
    assert_eq!(shows(&tree)[..2], ["none", "76"]);
    tree.remove(&format!("{LED}/trigger"));
    assert_eq!(led.show(&beats(&[(0, 200), (1000, 100)])).unwrap(), Shown::Steady, "no trigger file at all");
    assert_eq!(tree.read(&format!("{LED}/brightness")), "255");
}

#[test]
fn a_rhythm_of_one_or_no_beat_is_steady() {
    for (rhythm, level) in
        [(beats(&[]), "0"), (beats(&[(1000, 0)]), "0"), (beats(&[(1000, 5), (1000, 7)]), "255")]
    {
        let tree = led("[none] timer pattern\n");
        assert_eq!(Led::open(&tree.root(), "ACT").unwrap().show(&rhythm).unwrap(), Shown::Exactly);
        assert_eq!(shows(&tree)[..2], ["none", level]);
    }
}

#[test]
fn the_led_is_given_back_to_what_drove_it() {
    let tree = led("none [mmc0] timer pattern\n");
    let led = Led::open(&tree.root(), "ACT").unwrap();
    led.show(&Rhythm::Steady(1000)).unwrap();
    led.give_back().unwrap();
    assert_eq!(shows(&tree)[0], "mmc0");
}

#[test]
fn a_write_that_fails_comes_back_with_its_file() {
    let tree = led("[none] timer pattern\n");
    let led = Led::open(&tree.root(), "ACT").unwrap();
    tree.remove(&format!("{LED}/delay_off"));
    let error = led.show(&beats(&[(1000, 100), (0, 1900)])).unwrap_err();
    assert!(matches!(error, FileError::Missing { .. }) && error.to_string().contains("delay_off"), "{error}");
    assert!(!tree.exists(&format!("{LED}/delay_off")), "the kernel makes its files, we never do");
}

#[test]
fn an_led_that_is_not_there_and_a_name_that_leads_elsewhere_are_refused() {
    let tree = led("[none]\n");
    for name in ["PWR", "../leds/ACT", "..", "", "ACT/../ACT"] {
        assert!(Led::open(&tree.root(), name).is_err(), "{name:?}");
    }
    tree.write(&format!("{LED}/max_brightness"), "0\n");
    assert!(matches!(Led::open(&tree.root(), "ACT"), Err(FileError::Garbled { .. })));
}

#[test]
fn leds_are_listed_by_name() {
    assert_eq!(names(&led("[none]\n").root()).unwrap(), ["ACT"]);
    assert_eq!(names(&Tree::new().root()).unwrap(), Vec::<String>::new());
}
