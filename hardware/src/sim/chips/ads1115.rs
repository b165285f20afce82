//! The ADS1115 as its datasheet describes it (TI SBAS444). The comments name that document's registers.

use protocol::{Uptime, Voltage};

use super::front::quantise;
use super::pointer;
use crate::sim::bus::SimChip;

/// Config register: power-on value; OS, which starts one conversion in power-down and says that none runs.
const CONFIG_RESET: u16 = 0x8583;
const OS: u16 = 1 << 15;
const SINGLE_SHOT: u16 = 1 << 8;
/// Full scale by PGA, in volts.
const FULL_SCALES: [f64; 8] = [6.144, 4.096, 2.048, 1.024, 0.512, 0.256, 0.256, 0.256];
/// Microseconds of a conversion by DR.
const CONVERSIONS: [u64; 8] = [125_000, 62_500, 31_250, 15_625, 7_813, 4_000, 2_106, 1_163];

/// A simulated ADS1115.
#[derive(Debug, Clone)]
pub struct SimAds1115 {
    inputs: [Voltage; 4],
    frozen: bool,
    pointer: u8,
    conversion: i16,
    config: u16,
    thresholds: [u16; 2],
    now_us: u64,
    started_us: u64,
}

impl Default for SimAds1115 {
    fn default() -> Self {
        Self::new()
    }
}

impl SimAds1115 {
    /// A chip that has just been powered, its inputs at ground.
    pub const fn new() -> Self {
        Self {
            inputs: [Voltage::ZERO; 4],
            frozen: false,
            pointer: 0,
            conversion: 0,
            config: CONFIG_RESET,
            thresholds: [0x8000, 0x7fff],
            now_us: 0,
            started_us: 0,
        }
    }

    /// What is at AIN0 to AIN3 from `now` on. The result follows when a conversion ends.
    pub fn measure(&mut self, now: Uptime, inputs: [Voltage; 4]) {
        self.now_us = self.now_us.max(now.as_millis().saturating_mul(1000));
        self.inputs = inputs;
        let length = CONVERSIONS[usize::from(self.config >> 5 & 0b111)];
        if self.converts() && self.now_us - self.started_us >= length {
            self.started_us = self.now_us;
            self.latch();
        }
    }

    /// As if these had been at the inputs for a while.
    pub fn settle(&mut self, inputs: [Voltage; 4]) {
        self.inputs = inputs;
        self.latch();
    }

    fn converts(&self) -> bool {
        self.config & SINGLE_SHOT == 0
    }

    /// MUX: one input against ground (1xx), or against another (0xx).
    fn input(&self) -> Voltage {
        let [ain0, ain1, ain2, ain3] = self.inputs;
        match self.config >> 12 & 0b111 {
            0b000 => ain0 - ain1,
            0b001 => ain0 - ain3,
            0b010 => ain1 - ain3,
            0b011 => ain2 - ain3,
            single => self.inputs[usize::from(single & 0b11)],
        }
    }

    fn latch(&mut self) {
        if self.frozen || !self.converts() {
            return;
        }
        let full = FULL_SCALES[usize::from(self.config >> 9 & 0b111)];
        let step = Voltage::from_volts(full / 32768.0);
        self.conversion = quantise(self.input(), step, i16::MIN.into(), i16::MAX.into()) as i16;
    }

    fn write_register(&mut self, value: u16) {
        match self.pointer & 0b11 {
            0b01 => {
                self.config = value & !OS;
                if value & SINGLE_SHOT != 0 && value & OS != 0 && !self.frozen {
                    // Taken to end at once: simulated time may stand still between two transactions.
                    self.config &= !SINGLE_SHOT;
                    self.latch();
                    self.config |= SINGLE_SHOT;
                }
                self.started_us = self.now_us;
                // The next conversion is taken to have ended with the same input, for the same reason.
                self.latch();
            }
            0b10 => self.thresholds[0] = value,
            0b11 => self.thresholds[1] = value,
            _ => {} // read-only
        }
    }
}

impl SimChip for SimAds1115 {
    fn write(&mut self, bytes: &[u8]) {
        let Some((pointer, value)) = pointer::parse(bytes) else { return };
        self.pointer = pointer;
        if let Some(value) = value {
            self.write_register(value);
        }
    }

    fn read(&mut self, buffer: &mut [u8]) {
        // Address pointer register: the lowest two bits count.
        let value = match self.pointer & 0b11 {
            0b00 => self.conversion.cast_unsigned(),
            0b01 => self.config | if self.converts() { 0 } else { OS },
            0b10 => self.thresholds[0],
            _ => self.thresholds[1],
        };
        pointer::answer_wide(value.into(), 2, buffer);
    }

    fn power_on_reset(&mut self) {
        let (inputs, frozen, now_us) = (self.inputs, self.frozen, self.now_us);
        *self = Self { inputs, frozen, now_us, ..Self::new() };
    }

    fn set_frozen(&mut self, frozen: bool) {
        self.frozen = frozen;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(chip: &mut SimAds1115, register: u8) -> u16 {
        chip.write(&[register]);
        let mut bytes = [0; 2];
        chip.read(&mut bytes);
        u16::from_be_bytes(bytes)
    }

    fn volts(inputs: [f64; 4]) -> [Voltage; 4] {
        inputs.map(Voltage::from_volts)
    }

    #[test]
    fn wakes_with_the_datasheets_reset_values_and_does_not_convert() {
        let mut chip = SimAds1115::new();
        chip.measure(Uptime::from_secs(1), volts([1.0; 4]));
        assert_eq!([0, 1, 2, 3].map(|register| read(&mut chip, register)), [0, 0x8583, 0x8000, 0x7fff]);
    }

    /// SBAS444D table 3 and 9.4: 4.096 V full scale is 125 uV a step.
    #[test]
    fn each_input_is_converted_against_ground_at_its_scale() {
        let mut chip = SimAds1115::new();
        chip.settle(volts([1.0, 2.0, 0.5, 5.0]));
        for (config, result) in [(0x4223, 8000), (0x5223, 16_000), (0x6423, 8000), (0x7223, 0x7fff)] {
            let [high, low] = u16::to_be_bytes(config);
            chip.write(&[1, high, low]);
            assert_eq!(read(&mut chip, 0), result, "{config:#06x}");
            assert_eq!(read(&mut chip, 1), config, "no single shot runs");
        }
        chip.write(&[1, 0x02, 0x23]); // AIN0 against AIN1
        assert_eq!(read(&mut chip, 0).cast_signed(), -8000);
    }

    #[test]
    fn a_result_is_held_until_a_conversion_ends_and_a_single_shot_happens_once() {
        let mut chip = SimAds1115::new();
        chip.write(&[1, 0x42, 0x23]);
        chip.measure(Uptime::from_millis(60), volts([1.0; 4]));
        assert_eq!(read(&mut chip, 0), 0);
        chip.measure(Uptime::from_millis(70), volts([1.0; 4]));
        assert_eq!(read(&mut chip, 0), 8000);
        chip.write(&[1, 0xc3, 0x83]);
        chip.measure(Uptime::from_secs(9), volts([2.0; 4]));
        assert_eq!(read(&mut chip, 0), 8000);
        assert_eq!(read(&mut chip, 1) & OS, OS);
    }

    proptest! {
        #[test]
        fn no_byte_sequence_panics(
            writes in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..5), 0..50),
            input in any::<f64>(),
        ) {
            let mut chip = SimAds1115::new();
            for (second, bytes) in writes.iter().enumerate() {
                chip.write(bytes);
                chip.measure(Uptime::from_secs(second as u64), volts([input; 4]));
                chip.read(&mut [0; 3]);
            }
        }
    }
}
