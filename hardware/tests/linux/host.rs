use hardware::linux::host::{CpuUse, board, model};
use hardware::linux::{FileError, hwmon};
use proptest::prelude::*;
use protocol::Temperature;

use super::Tree;

const STAT: &str = "/proc/stat";

#[test]
fn use_is_counted_from_one_look_to_the_next() {
    let tree = Tree::with(&[(STAT, "cpu  100 0 50 800 50 0 0 0 0 0\ncpu0 1 2 3 4\n")]);
    let mut cpu = CpuUse::new();
    assert_eq!(cpu.permille(&tree.root()).unwrap(), None, "one look is no span");
    // 400 jiffies more: 100 busy, 250 idle, 50 waiting for I/O.
    tree.write(STAT, "cpu  160 10 70 1050 100 4 6 0 0 0\n");
    assert_eq!(cpu.permille(&tree.root()).unwrap(), Some(250));
    assert_eq!(cpu.permille(&tree.root()).unwrap(), None, "no time has passed");
}

#[test]
fn guests_are_not_counted_twice() {
    let tree = Tree::with(&[(STAT, "cpu  0 0 0 0 0 0 0 0 0 0\n")]);
    let mut cpu = CpuUse::new();
    cpu.permille(&tree.root()).unwrap();
    tree.write(STAT, "cpu  50 0 0 50 0 0 0 0 50 0\n");
    assert_eq!(cpu.permille(&tree.root()).unwrap(), Some(500));
}

#[test]
fn counters_that_run_backwards_give_nothing_and_the_next_look_is_good() {
    let tree = Tree::with(&[(STAT, "cpu  500 0 0 500 0 0 0 0\n")]);
    let mut cpu = CpuUse::new();
    cpu.permille(&tree.root()).unwrap();
    tree.write(STAT, "cpu  1 0 0 1 0 0 0 0\n");
    assert_eq!(cpu.permille(&tree.root()).unwrap(), None);
    tree.write(STAT, "cpu  2 0 0 2 0 0 0 0\n");
    assert_eq!(cpu.permille(&tree.root()).unwrap(), Some(500));
}

proptest! {
    // Each case makes a tree on disk.
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn use_is_never_above_all_and_no_text_panics(
        first in prop::collection::vec(any::<u64>(), 0..12),
        second in ".{0,80}",
    ) {
        let line = |numbers: &[u64]| {
            let words: Vec<String> = numbers.iter().map(u64::to_string).collect();
            format!("cpu  {}\n", words.join(" "))
        };
        let tree = Tree::with(&[(STAT, &line(&[5, 0, 0, 5]))]);
        let mut cpu = CpuUse::new();
        cpu.permille(&tree.root()).unwrap();
        tree.write(STAT, &line(&first));
        if let Ok(Some(permille)) = cpu.permille(&tree.root()) {
            prop_assert!(permille <= 1000);
        }
        tree.write(STAT, &second);
        let _ = cpu.permille(&tree.root());
    }
}

#[test]
fn garbage_is_an_error_that_names_the_file() {
    let tree = Tree::with(&[(STAT, "intr 5 6 7\n")]);
    let error = CpuUse::new().permille(&tree.root()).unwrap_err();
    assert!(matches!(error, FileError::Garbled { .. }) && error.to_string().contains("proc/stat"), "{error}");
    let error = CpuUse::new().permille(&Tree::new().root()).unwrap_err();
    assert!(matches!(error, FileError::Missing { .. }), "{error}");
}

#[test]
fn the_model_loses_the_device_tree_s_zero() {
    let tree = Tree::with(&[("/proc/device-tree/model", "Raspberry Pi 4 Model B Rev 1.5\0")]);
    assert_eq!(model(&tree.root()).unwrap().as_deref(), Some("Raspberry Pi 4 Model B Rev 1.5"));
    assert_eq!(board(&tree.root()).unwrap().unwrap().model, "Raspberry Pi 4 Model B");
    assert_eq!(model(&Tree::new().root()).unwrap(), None, "a machine without a device tree");
}

#[test]
fn the_processor_s_zone_is_found_among_others() {
    let tree = Tree::with(&[
        ("/sys/class/thermal/thermal_zone0/type", "wifi\n"),
        ("/sys/class/thermal/thermal_zone0/temp", "20000\n"),
        ("/sys/class/thermal/thermal_zone1/type", "cpu-thermal\n"),
        ("/sys/class/thermal/thermal_zone1/temp", "48312\n"),
        ("/sys/class/thermal/cooling_device0/type", "pwm-fan\n"),
    ]);
    assert_eq!(hwmon::cpu_temperature(&tree.root()).unwrap(), Some(Temperature::from_celsius(48.312)));
    assert_eq!(hwmon::cpu_temperature(&Tree::new().root()).unwrap(), None);
    tree.write("/sys/class/thermal/thermal_zone1/temp", "-5500\n");
    assert_eq!(hwmon::cpu_temperature(&tree.root()).unwrap(), Some(Temperature::from_celsius(-5.5)));
    tree.write("/sys/class/thermal/thermal_zone1/temp", "hot\n");
    assert!(hwmon::cpu_temperature(&tree.root()).is_err(), "a zone that cannot be read is not a missing one");
}
