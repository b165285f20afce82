use super::*;
use proptest::prelude::*;

fn read(chip: &mut SimIna228, register: u8, width: usize) -> u64 {
    chip.write(&[register]);
    let mut bytes = [0; 8];
    chip.read(&mut bytes[8 - width..]);
    u64::from_be_bytes(bytes)
}

fn write(chip: &mut SimIna228, register: u8, value: u16) {
    let [high, low] = value.to_be_bytes();
    chip.write(&[register, high, low]);
}

fn chip() -> SimIna228 {
    SimIna228::new(Resistance::from_ohms(0.002))
}

#[test]
fn wakes_with_the_datasheets_reset_values() {
    let mut chip = chip();
    for (register, value) in [(0, 0), (1, 0xfb68), (2, 0x1000), (0xb, 1), (0x3e, 0x5449), (0x3f, 0x2281)] {
        assert_eq!(read(&mut chip, register, 2), value, "register {register:#04x}");
    }
    for register in [4, 5, 7, 8] {
        assert_eq!(read(&mut chip, register, 3), 0);
    }
}

/// The datasheet's design example (8.2): 48 V, 6 A, 16.2 mOhm, 10 A at most: `SHUNT_CAL` 4050, `CURRENT_LSB` 19.0735 uA.
#[test]
fn calculates_the_datasheets_example() {
    let mut chip = SimIna228::new(Resistance::from_ohms(0.0162));
    write(&mut chip, 2, 4050);
    chip.settle(Voltage::from_volts(48.0), Current::from_amps(6.0));
    assert_eq!(read(&mut chip, 4, 3) >> 4, 311_040);
    assert_eq!(read(&mut chip, 5, 3) >> 4, 245_760);
    let current = read(&mut chip, 7, 3) >> 4;
    assert!((314_550..=314_580).contains(&current), "6 A in steps of 19.0735 uA: {current}");
    let power = read(&mut chip, 8, 3);
    assert!((power as f64 * 3.2 * 19.073_486e-6 - 288.0).abs() < 0.1, "{power}");
    // An hour of it, as table 8-2 has it: 1036.8 kJ, 21600 C.
    chip.measure(Uptime::from_secs(3600), Voltage::from_volts(48.0), Current::from_amps(6.0));
    let energy = read(&mut chip, 9, 5) as f64 * 16.0 * 3.2 * 19.073_486e-6;
    assert!((energy / 1_036_800.0 - 1.0).abs() < 1e-3, "{energy} J");
    let charge = read(&mut chip, 10, 5) as f64 * 19.073_486e-6;
    assert!((charge / 21_600.0 - 1.0).abs() < 1e-3, "{charge} C");
}

#[test]
fn charge_counts_down_while_charging_and_energy_only_up() {
    let mut chip = chip();
    chip.settle(Voltage::from_volts(13.0), Current::from_amps(-5.0));
    chip.measure(Uptime::from_secs(10), Voltage::from_volts(13.0), Current::from_amps(-5.0));
    let charge = (read(&mut chip, 10, 5) << 24).cast_signed() >> 24;
    assert_eq!(charge, -320_000, "5 A in steps of 156.25 uA, for 10 s");
    assert!(read(&mut chip, 9, 5) > 0);
    write(&mut chip, 0, 1 << 14);
    assert_eq!((read(&mut chip, 9, 5), read(&mut chip, 10, 5), read(&mut chip, 0, 2)), (0, 0, 0));
}

#[test]
fn both_ranges_clip_at_both_ends() {
    for (config, amps) in [(0, 90.0), (1 << 4, 25.0)] {
        let mut chip = chip();
        write(&mut chip, 0, config);
        chip.settle(Voltage::from_volts(120.0), Current::from_amps(amps));
        assert_eq!((read(&mut chip, 4, 3), read(&mut chip, 5, 3)), (0x7f_fff0, 0x7f_fff0));
        chip.settle(Voltage::from_volts(-1.0), Current::from_amps(-amps));
        assert_eq!((read(&mut chip, 4, 3), read(&mut chip, 5, 3)), (0x80_0000, 0));
    }
}

#[test]
fn values_are_held_until_a_conversion_ends_and_in_shutdown() {
    let mut chip = chip();
    write(&mut chip, 1, 0xb000 | 5 << 9 | 5 << 6 | 3); // 135 ms
    let volts = Voltage::from_volts(12.5);
    chip.measure(Uptime::from_millis(100), volts, Current::ZERO);
    assert_eq!(read(&mut chip, 5, 3), 0);
    chip.measure(Uptime::from_millis(140), volts, Current::ZERO);
    assert_eq!(read(&mut chip, 5, 3) >> 4, 64_000);
    write(&mut chip, 1, 0);
    chip.measure(Uptime::from_secs(10), volts * 2.0, Current::ZERO);
    assert_eq!(read(&mut chip, 5, 3) >> 4, 64_000);
}

#[test]
fn a_register_that_runs_over_is_told_until_it_is_read() {
    for amps in [80.0, -80.0] {
        let mut chip = chip();
        let (volts, amps) = (Voltage::from_volts(12.0), Current::from_amps(amps));
        chip.settle(volts, amps);
        assert_eq!(read(&mut chip, 0xb, 2), 0b11, "a conversion ended, the memory is well");
        assert_eq!(read(&mut chip, 0xb, 2), 0b01);
        // 40 bits with a sign are full after 12.4 days of 80 A in steps of 156.25 uA; without one, energy in steps of 8 mJ
        // takes 106.
        chip.measure(Uptime::from_secs(12 * 86_400), volts, amps);
        assert_eq!(read(&mut chip, 0xb, 2) & 0xc00, 0);
        chip.measure(Uptime::from_secs(13 * 86_400), volts, amps);
        assert_eq!(read(&mut chip, 0xb, 2) & 0xc00, 0x400);
        let charge = (read(&mut chip, 10, 5) << 24).cast_signed() >> 24;
        assert_eq!(charge > 0, amps.amps() < 0.0, "it goes on at the other end");
        assert_eq!(read(&mut chip, 0xb, 2) & 0xc00, 0, "it was read");
        chip.measure(Uptime::from_secs(110 * 86_400), volts, amps);
        assert_eq!(read(&mut chip, 0xb, 2) & 0x800, 0x800);
        read(&mut chip, 9, 5);
        assert_eq!(read(&mut chip, 0xb, 2) & 0x800, 0);
    }
}

#[test]
fn a_reset_forgets_settings_and_counts() {
    let mut chip = chip();
    write(&mut chip, 1, 0xb000);
    chip.settle(Voltage::from_volts(13.0), Current::from_amps(5.0));
    chip.measure(Uptime::from_secs(10), Voltage::from_volts(13.0), Current::from_amps(5.0));
    write(&mut chip, 0, 1 << 15);
    assert_eq!((read(&mut chip, 1, 2), read(&mut chip, 10, 5)), (0xfb68, 0));
}

proptest! {
    #[test]
    fn no_byte_sequence_panics(
        writes in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..5), 0..50),
        volts in any::<f64>(),
        amps in any::<f64>(),
    ) {
        let mut chip = chip();
        for (second, bytes) in writes.iter().enumerate() {
            chip.write(bytes);
            chip.measure(Uptime::from_secs(second as u64), Voltage::from_volts(volts), Current::from_amps(amps));
            chip.read(&mut [0; 9]);
            chip.read(&mut []);
        }
    }
}
