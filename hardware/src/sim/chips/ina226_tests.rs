use super::*;
use proptest::prelude::*;

/// Default settings convert once in 2.2 ms; every read below comes at least that much later.
const STEP_MS: u64 = 10;

struct Bench {
    chip: SimIna226,
    now_ms: u64,
}

impl Bench {
    fn new(shunt_mohm: f64) -> Self {
        Self { chip: SimIna226::new(Resistance::from_ohms(shunt_mohm / 1000.0)), now_ms: 0 }
    }

    fn show(&mut self, volts: f64, amps: f64) {
        self.now_ms += STEP_MS;
        let now = Uptime::from_millis(self.now_ms);
        self.chip.measure(now, Voltage::from_volts(volts), Current::from_amps(amps));
    }

    fn write(&mut self, register: u8, value: u16) {
        let [high, low] = value.to_be_bytes();
        self.chip.write(&[register, high, low]);
    }

    fn read(&mut self, register: u8) -> u16 {
        self.chip.write(&[register]);
        let mut bytes = [0; 2];
        self.chip.read(&mut bytes);
        u16::from_be_bytes(bytes)
    }
}

#[test]
fn wakes_with_the_datasheets_reset_values() {
    let mut bench = Bench::new(2.0);
    for (register, value) in [(0, 0x4127), (1, 0), (2, 0), (3, 0), (4, 0), (5, 0), (6, 0), (7, 0)] {
        assert_eq!(bench.read(register), value, "register {register:#04x}");
    }
    assert_eq!((bench.read(0xfe), bench.read(0xff)), (0x5449, 0x2260));
    assert!(bench.chip.alert_is_high());
}

/// The example of the datasheet's "Programming the INA226": 2 mOhm, 10 A, 11.98 V, 1 mA a step.
#[test]
fn calculates_the_datasheets_example() {
    let mut bench = Bench::new(2.0);
    bench.write(5, 2560);
    bench.show(11.98, 10.0);
    assert_eq!(bench.read(1), 8000);
    assert_eq!(bench.read(2), 9584);
    assert_eq!(bench.read(4), 10_000);
    assert_eq!(bench.read(3), 4792);
}

#[test]
fn a_charging_current_is_negative_and_its_power_is_not() {
    let mut bench = Bench::new(2.0);
    bench.write(5, 2560);
    bench.show(13.8, -5.0);
    assert_eq!(bench.read(1).cast_signed(), -4000);
    assert_eq!(bench.read(4).cast_signed(), -5000);
    assert_eq!(bench.read(3), 2760);
}

#[test]
fn clips_at_both_ends_of_the_shunts_range() {
    let mut bench = Bench::new(10.0);
    bench.show(12.0, 20.0);
    assert_eq!(bench.read(1), 0x7fff);
    bench.show(12.0, -20.0);
    assert_eq!(bench.read(1), 0x8000);
    bench.show(60.0, 0.0);
    assert_eq!(bench.read(2), 0x7fff);
    bench.show(-5.0, 0.0);
    assert_eq!(bench.read(2), 0, "the bus voltage is never negative");
}

#[test]
fn without_calibration_current_and_power_read_zero() {
    let mut bench = Bench::new(2.0);
    bench.show(12.0, 10.0);
    assert_eq!((bench.read(4), bench.read(3)), (0, 0));
    bench.write(5, 2560);
    assert_eq!(bench.read(4), 10_000, "calibrated, the shunt voltage on hand counts");
}

#[test]
fn too_great_a_calibration_sets_the_overflow_flag() {
    let mut bench = Bench::new(2.0);
    bench.write(5, 0x7fff);
    bench.show(12.0, 10.0);
    assert_ne!(bench.read(6) & 1 << 2, 0);
    bench.write(5, 2560);
    bench.show(12.0, 10.0);
    assert_eq!(bench.read(6) & 1 << 2, 0, "goes with its cause");
}

#[test]
fn values_are_held_until_a_conversion_ends() {
    let mut bench = Bench::new(2.0);
    // 64 averages of 8.244 ms on both inputs: 1.06 s.
    bench.write(0, 0b011 << 9 | 0b111 << 6 | 0b111 << 3 | 0b111);
    bench.show(12.0, 1.0);
    assert_eq!(bench.read(2), 0);
    assert_eq!(bench.read(6) & 1 << 3, 0, "not ready");
    bench.now_ms = 1050;
    bench.show(12.0, 1.0);
    assert_eq!(bench.read(2), 9600);
    assert_eq!(bench.read(6) & 1 << 3, 1 << 3, "ready");
    assert_eq!(bench.read(6) & 1 << 3, 0, "reading cleared it");
    bench.show(13.0, 1.0);
    assert_eq!(bench.read(2), 9600, "the next conversion still runs");
}

#[test]
fn a_triggered_conversion_happens_once() {
    let mut bench = Bench::new(2.0);
    bench.write(0, 0x4120 | 0b011);
    bench.show(12.0, 0.0);
    bench.show(13.0, 0.0);
    assert_eq!(bench.read(2), 9600);
    bench.write(0, 0x4120 | 0b011);
    bench.show(13.0, 0.0);
    assert_eq!(bench.read(2), 10_400);
    bench.write(0, 0x4120);
    bench.show(14.0, 0.0);
    assert_eq!(bench.read(2), 10_400, "powered down");
}

#[test]
fn read_only_registers_stay_and_fixed_bits_too() {
    let mut bench = Bench::new(2.0);
    bench.show(12.0, 1.0);
    for register in [1, 2, 3, 4, 0xfe, 0xff] {
        let before = bench.read(register);
        bench.write(register, 0x1234);
        assert_eq!(bench.read(register), before, "register {register:#04x}");
    }
    bench.write(0, 0x0127);
    assert_eq!(bench.read(0), 0x4127);
    bench.write(5, 0xffff);
    assert_eq!(bench.read(5), 0x7fff);
}

#[test]
fn the_reset_bit_resets_all_and_clears_itself() {
    let mut bench = Bench::new(2.0);
    bench.write(5, 2560);
    bench.write(7, 1);
    bench.write(0, 0x8000);
    assert_eq!((bench.read(0), bench.read(5), bench.read(7)), (0x4127, 0, 0));
    bench.show(12.0, 10.0);
    assert_eq!(bench.read(1), 8000, "the shunt is no register: it is still there");
}

#[test]
fn a_transparent_alert_follows_its_cause_and_a_latched_one_waits_to_be_read() {
    for latch in [0, 1] {
        let mut bench = Bench::new(2.0);
        bench.write(6, 1 << 12 | latch);
        bench.write(7, 9600); // 12.00 V
        bench.show(12.5, 0.0);
        assert!(bench.chip.alert_is_high());
        bench.show(11.9, 0.0);
        assert!(!bench.chip.alert_is_high());
        bench.show(12.5, 0.0);
        assert_eq!(bench.chip.alert_is_high(), latch == 0, "latch {latch}");
        bench.read(6);
        assert!(bench.chip.alert_is_high(), "read: free again");
    }
}

#[test]
fn every_alert_function_watches_its_own_register() {
    // (mask, limit, quiet, loud) in volts and amperes at 2 mOhm
    let limit = |millivolts: f64| ((millivolts * 400.0) as i16).cast_unsigned();
    for (mask, limit, quiet, loud) in [
        (1 << 15, limit(10.0), (12.0, 4.9), (12.0, 5.1)),
        (1 << 14, limit(-10.0), (12.0, -4.9), (12.0, -5.1)),
        (1 << 13, 11_520, (14.3, 0.0), (14.5, 0.0)),
        (1 << 12, 9600, (12.1, 0.0), (11.9, 0.0)),
        (1 << 11, 2400, (12.0, 4.9), (12.0, 5.1)),
        (1 << 15 | 1 << 12, limit(10.0), (11.0, 4.9), (12.5, 5.1)), // the highest bit wins
    ] {
        let mut bench = Bench::new(2.0);
        bench.write(5, 2560);
        bench.write(7, limit);
        bench.write(6, mask | 1 << 1); // active high
        bench.show(quiet.0, quiet.1);
        assert!(!bench.chip.alert_is_high(), "mask {mask:#06x} is quiet at {quiet:?}");
        bench.show(loud.0, loud.1);
        assert!(bench.chip.alert_is_high(), "mask {mask:#06x} asserts at {loud:?}");
        assert_ne!(bench.read(6) & 1 << 4, 0, "and flags itself");
    }
}

#[test]
fn conversion_ready_can_assert_the_pin_without_the_alert_flag() {
    let mut bench = Bench::new(2.0);
    bench.write(6, 1 << 10);
    bench.show(12.0, 0.0);
    assert!(!bench.chip.alert_is_high());
    assert_eq!(bench.read(6) & 1 << 4, 0);
    assert!(bench.chip.alert_is_high());
}

#[test]
fn frozen_measurements_stay_while_settings_can_be_written() {
    let mut bench = Bench::new(2.0);
    bench.show(12.0, 1.0);
    bench.chip.set_frozen(true);
    bench.show(13.0, 2.0);
    bench.write(7, 42);
    assert_eq!((bench.read(2), bench.read(7)), (9600, 42));
    bench.chip.set_frozen(false);
    bench.show(13.0, 2.0);
    assert_eq!(bench.read(2), 10_400);
}

#[test]
fn gain_offset_and_noise_show_in_the_registers() {
    let flawed = Imperfection { voltage_gain: 1.05, shunt_gain: 2.0, ..Imperfection::default() };
    let mut bench = Bench::new(2.0);
    bench.chip = bench.chip.imperfect(flawed, 1);
    bench.show(12.0, 5.0);
    assert_eq!((bench.read(2), bench.read(1)), (10_080, 8000));

    let noisy = Imperfection { voltage_noise: Voltage::from_volts(0.01), ..Imperfection::default() };
    let mut values = std::collections::BTreeSet::new();
    bench.chip = bench.chip.imperfect(noisy, 1);
    for _ in 0..50 {
        bench.show(12.0, 5.0);
        values.insert(bench.read(2));
    }
    assert!(values.len() > 10);
}

proptest! {
    #[test]
    fn no_byte_sequence_panics(
        writes in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..5), 0..50),
        volts in any::<f64>(),
        amps in any::<f64>(),
    ) {
        let mut bench = Bench::new(2.0);
        for bytes in writes {
            bench.chip.write(&bytes);
            bench.show(volts, amps);
            let mut buffer = [0; 3];
            bench.chip.read(&mut buffer);
            bench.chip.read(&mut []);
        }
    }

    #[test]
    fn the_registers_are_within_half_a_step_of_the_truth(volts in 0.0..40.0_f64, amps in -40.0..40.0_f64) {
        let mut bench = Bench::new(2.0);
        bench.show(volts, amps);
        prop_assert!((f64::from(bench.read(2)) * 1.25e-3 - volts).abs() <= 0.626e-3);
        let shunt = f64::from(bench.read(1).cast_signed()) * 2.5e-6;
        prop_assert!((shunt - amps * 0.002).abs() <= 1.251e-6);
    }
}
