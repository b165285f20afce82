use super::*;
use proptest::prelude::*;

struct Bench {
    chip: SimIna219,
    now_ms: u64,
}

impl Bench {
    fn new(shunt_mohm: f64) -> Self {
        Self { chip: SimIna219::new(Resistance::from_ohms(shunt_mohm / 1000.0)), now_ms: 0 }
    }

    /// Later by more than any conversion takes.
    fn show(&mut self, volts: f64, amps: f64) {
        self.now_ms += 200;
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
    let mut bench = Bench::new(100.0);
    for (register, value) in [(0, 0x399f), (1, 0), (2, 0), (3, 0), (4, 0), (5, 0), (6, 0)] {
        assert_eq!(bench.read(register), value, "register {register:#04x}");
    }
}

/// The example of the datasheet's "Programming the calibration register": 2 mOhm, 10 A, 11.98 V, 1 mA a step.
#[test]
fn calculates_the_datasheets_example() {
    let mut bench = Bench::new(2.0);
    bench.write(5, 20_480);
    bench.show(11.98, 10.0);
    assert_eq!(bench.read(1), 2000);
    assert_eq!(bench.read(2) >> 3, 2995);
    assert_eq!(bench.read(4), 10_000);
    assert_eq!(bench.read(3), 5990);
}

#[test]
fn each_gain_clips_at_its_own_range() {
    for (gain, full) in [(0, 4000), (1, 8000), (2, 16_000), (3, 32_000)] {
        let mut bench = Bench::new(100.0);
        bench.write(0, 1 << 13 | gain << 11 | 0b0011 << 7 | 0b0011 << 3 | 0b111);
        bench.show(12.0, 10.0);
        assert_eq!(bench.read(1).cast_signed(), full, "gain {gain}");
        bench.show(12.0, -10.0);
        assert_eq!(bench.read(1).cast_signed(), -full, "gain {gain}");
    }
}

#[test]
fn the_bus_range_clips_at_16_or_32_volts() {
    let mut bench = Bench::new(100.0);
    bench.show(40.0, 0.0);
    assert_eq!(bench.read(2) >> 3, 8000);
    bench.write(0, 0x399f & !(1 << 13));
    bench.show(20.0, 0.0);
    assert_eq!(bench.read(2) >> 3, 4000);
    bench.show(12.0, 0.0);
    assert_eq!(bench.read(2) >> 3, 3000);
}

#[test]
fn fewer_bits_give_coarser_steps() {
    let mut bench = Bench::new(100.0);
    bench.write(0, 1 << 13 | 3 << 11 | 0b111); // BADC and SADC 0: 9 bits
    bench.show(12.018, 0.013);
    assert_eq!(bench.read(2) >> 3, 3008, "steps of 32 mV");
    assert_eq!(bench.read(1), 128, "steps of 80 uV");
}

#[test]
fn the_ready_bit_goes_with_a_read_of_power_or_a_new_mode() {
    let mut bench = Bench::new(100.0);
    assert_eq!(bench.read(2) & 0b10, 0);
    bench.show(12.0, 0.1);
    assert_eq!(bench.read(2) & 0b10, 0b10);
    assert_eq!(bench.read(2) & 0b10, 0b10, "reading the bus voltage leaves it");
    bench.read(3);
    assert_eq!(bench.read(2) & 0b10, 0);
    bench.show(12.0, 0.1);
    bench.write(0, 0x399f);
    assert_eq!(bench.read(2) & 0b10, 0);
}

#[test]
fn too_great_a_calibration_sets_the_overflow_bit() {
    let mut bench = Bench::new(100.0);
    bench.write(5, 0xfffe);
    bench.show(12.0, 3.0);
    assert_eq!(bench.read(2) & 1, 1);
}

#[test]
fn calibration_bit_0_cannot_be_set_and_results_cannot_be_written() {
    let mut bench = Bench::new(100.0);
    bench.write(5, 0xffff);
    assert_eq!(bench.read(5), 0xfffe);
    bench.show(12.0, 0.0);
    bench.write(2, 0x1234);
    assert_eq!(bench.read(2) >> 3, 3000);
}

#[test]
fn a_triggered_conversion_happens_once_and_power_down_never() {
    let mut bench = Bench::new(100.0);
    bench.write(0, 0x3998 | 0b011);
    bench.show(12.0, 0.0);
    bench.show(13.0, 0.0);
    assert_eq!(bench.read(2) >> 3, 3000);
    for off in [0b000, 0b100] {
        bench.write(0, 0x3998 | off);
        bench.show(14.0, 0.0);
        assert_eq!(bench.read(2) >> 3, 3000, "mode {off:#05b}");
    }
}

#[test]
fn a_brown_out_clears_the_calibration_so_that_current_reads_zero() {
    let mut bench = Bench::new(2.0);
    bench.write(5, 20_480);
    bench.chip.power_on_reset();
    bench.show(12.0, 10.0);
    assert_eq!((bench.read(5), bench.read(4)), (0, 0));
    assert_eq!(bench.read(1), 2000, "the shunt is no register: it is still there");
}

proptest! {
    #[test]
    fn no_byte_sequence_panics(
        writes in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..5), 0..50),
        volts in any::<f64>(),
        amps in any::<f64>(),
    ) {
        let mut bench = Bench::new(100.0);
        for bytes in writes {
            bench.chip.write(&bytes);
            bench.show(volts, amps);
            let mut buffer = [0; 3];
            bench.chip.read(&mut buffer);
        }
    }
}
