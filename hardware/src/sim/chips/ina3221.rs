//! The INA3221 as its datasheet describes it (TI SBOS576). The comments name that document's registers.

use protocol::{Current, Resistance, Uptime, Voltage};

use super::front::{Front, Imperfection, quantise};
use super::pointer;
use crate::sim::bus::SimChip;

/// Configuration register (00h): power-on value, and the reset that clears itself.
const CONFIGURATION_RESET: u16 = 0x7127;
const RESET_BIT: u16 = 1 << 15;
/// Critical and warning limits (07h to 0Ch) after power-on.
const LIMIT_RESET: u16 = 0x7ff8;
const SHUNT_STEP: Voltage = Voltage::from_volts(40e-6);
const BUS_STEP: Voltage = Voltage::from_volts(8e-3);
/// 13 bits with a sign, in both registers above three bits that read 0.
const END: i32 = 4095;

/// One channel: what it sees, and its two registers.
#[derive(Debug, Clone)]
struct Channel {
    front: Front,
    shunt: i16,
    bus: i16,
}

/// A simulated INA3221 with its three shunts.
#[derive(Debug, Clone)]
pub struct SimIna3221 {
    channels: [Channel; 3],
    frozen: bool,
    pointer: u8,
    configuration: u16,
    converting: bool,
}

impl SimIna3221 {
    /// A chip that has just been powered, with shunts of these true resistances.
    pub fn new(shunts: [Resistance; 3]) -> Self {
        Self {
            channels: shunts.map(|shunt| Channel { front: Front::new(shunt), shunt: 0, bus: 0 }),
            frozen: false,
            pointer: 0,
            configuration: CONFIGURATION_RESET,
            converting: true,
        }
    }

    /// The same chip, every channel as far from ideal as this, with noise from a seed.
    #[must_use]
    pub fn imperfect(mut self, imperfection: Imperfection, seed: u64) -> Self {
        for (place, channel) in (0..).zip(&mut self.channels) {
            channel.front.imperfect(imperfection, seed.wrapping_add(place));
        }
        self
    }

    /// What is true from `now` on at each channel. The registers follow when a round of conversions ends.
    pub fn measure(&mut self, now: Uptime, inputs: [(Voltage, Current); 3]) {
        let length = self.conversion_us();
        let mut ended = false;
        for (channel, (bus, current)) in self.channels.iter_mut().zip(inputs) {
            channel.front.feed(now, bus, current);
            ended |= channel.front.ended(length);
        }
        if self.converting && ended {
            self.converting = self.configuration & 0b100 != 0;
            self.latch();
        }
    }

    /// As if the chip had been powered under these conditions for a while: its registers show them at once.
    pub fn settle(&mut self, inputs: [(Voltage, Current); 3]) {
        for (channel, (bus, current)) in self.channels.iter_mut().zip(inputs) {
            channel.front.hold(bus, current);
        }
        self.latch();
    }

    /// `CH1en` to `CH3en`: bits 14 to 12.
    fn is_enabled(configuration: u16, place: usize) -> bool {
        configuration & (1 << 14 >> place) != 0
    }

    fn conversion_us(&self) -> u64 {
        const MICROS: [u64; 8] = [140, 204, 332, 588, 1100, 2116, 4156, 8244];
        const AVERAGES: [u64; 8] = [1, 4, 16, 64, 128, 256, 512, 1024];
        let field = |shift: u16| usize::from(self.configuration >> shift & 0b111);
        let bus = if self.configuration & 0b010 == 0 { 0 } else { MICROS[field(6)] };
        let shunt = if self.configuration & 0b001 == 0 { 0 } else { MICROS[field(3)] };
        let enabled = (0..3).filter(|place| Self::is_enabled(self.configuration, *place)).count() as u64;
        (bus + shunt) * AVERAGES[field(9)] * enabled
    }

    fn latch(&mut self) {
        if self.frozen {
            return;
        }
        for (place, channel) in self.channels.iter_mut().enumerate() {
            if !Self::is_enabled(self.configuration, place) {
                continue;
            }
            if self.configuration & 0b001 != 0 {
                channel.shunt = quantise(channel.front.shunt_seen(), SHUNT_STEP, -END - 1, END) as i16;
            }
            if self.configuration & 0b010 != 0 {
                channel.bus = quantise(channel.front.bus_seen(), BUS_STEP, 0, END) as i16;
            }
        }
    }

    fn read_register(&self) -> u16 {
        match self.pointer {
            0x00 => self.configuration,
            place @ 0x01..=0x06 => {
                let channel = &self.channels[usize::from((place - 1) / 2)];
                let value = if place % 2 == 1 { channel.shunt } else { channel.bus };
                value.cast_unsigned() << 3
            }
            0x07..=0x0c => LIMIT_RESET,
            0xfe => 0x5449,
            0xff => 0x3220,
            _ => 0,
        }
    }
}

impl SimChip for SimIna3221 {
    fn write(&mut self, bytes: &[u8]) {
        let Some((pointer, value)) = pointer::parse(bytes) else { return };
        self.pointer = pointer;
        let (0x00, Some(value)) = (pointer, value) else { return };
        if value & RESET_BIT != 0 {
            self.power_on_reset();
            return;
        }
        self.configuration = value;
        self.converting = value & 0b011 != 0;
        self.channels.iter_mut().for_each(|channel| channel.front.start());
    }

    fn read(&mut self, buffer: &mut [u8]) {
        pointer::answer_wide(self.read_register().into(), 2, buffer);
    }

    fn power_on_reset(&mut self) {
        self.configuration = CONFIGURATION_RESET;
        (self.pointer, self.converting) = (0, true);
        for channel in &mut self.channels {
            channel.front.start();
            (channel.shunt, channel.bus) = (0, 0);
        }
    }

    fn set_frozen(&mut self, frozen: bool) {
        self.frozen = frozen;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(chip: &mut SimIna3221, register: u8) -> u16 {
        chip.write(&[register]);
        let mut bytes = [0; 2];
        chip.read(&mut bytes);
        u16::from_be_bytes(bytes)
    }

    fn inputs(volts: f64, amps: f64) -> [(Voltage, Current); 3] {
        [1.0, 0.5, -1.0].map(|part| (Voltage::from_volts(volts), Current::from_amps(amps * part)))
    }

    fn chip() -> SimIna3221 {
        SimIna3221::new([Resistance::from_ohms(0.01); 3])
    }

    #[test]
    fn wakes_with_the_datasheets_reset_values() {
        let mut chip = chip();
        for (register, value) in [(0, 0x7127), (1, 0), (6, 0), (7, 0x7ff8), (0xfe, 0x5449), (0xff, 0x3220)] {
            assert_eq!(read(&mut chip, register), value, "register {register:#04x}");
        }
    }

    #[test]
    fn each_channel_has_its_registers_above_three_zeros() {
        let mut chip = chip();
        chip.settle(inputs(12.0, 2.0));
        let places = [1, 2, 3, 4, 5, 6].map(|register| read(&mut chip, register));
        assert_eq!(
            places,
            [500 << 3, 1500 << 3, 250 << 3, 1500 << 3, (-500_i16 << 3).cast_unsigned(), 1500 << 3]
        );
        assert!(places.iter().all(|value| value % 8 == 0));
    }

    #[test]
    fn clips_at_both_ends_and_leaves_a_channel_that_is_off_as_it_was() {
        let mut chip = chip();
        chip.settle(inputs(40.0, 20.0));
        assert_eq!([1, 2, 5].map(|register| read(&mut chip, register)), [0x7ff8, 0x7ff8, 0x8000]);
        chip.write(&[0, 0x41, 0x27]); // channel 1 alone
        chip.settle(inputs(12.0, 0.0));
        assert_eq!([1, 5].map(|register| read(&mut chip, register)), [0, 0x8000]);
    }

    #[test]
    fn values_are_held_until_a_round_ends_and_a_reset_forgets() {
        let mut chip = chip();
        chip.write(&[0, 0x75, 0x27]); // 16 averages: 106 ms for six inputs
        chip.measure(Uptime::from_millis(100), inputs(12.0, 1.0));
        assert_eq!(read(&mut chip, 2), 0);
        chip.measure(Uptime::from_millis(110), inputs(12.0, 1.0));
        assert_eq!(read(&mut chip, 2), 12_000);
        chip.write(&[0, 0x80, 0]);
        assert_eq!((read(&mut chip, 0), read(&mut chip, 2)), (0x7127, 0));
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
                chip.measure(Uptime::from_secs(second as u64), inputs(volts, amps));
                chip.read(&mut [0; 3]);
            }
        }
    }
}
