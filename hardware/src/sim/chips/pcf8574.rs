//! The PCF8574 as its datasheet describes it (TI SCPS068): a byte in, a byte out, and what hangs on its eight pins.

use crate::sim::bus::SimChip;

/// A simulated PCF8574 or PCF8574A: they differ in their addresses only.
#[derive(Debug, Clone)]
pub struct SimPcf8574 {
    /// 0 is a strong low, 1 a weak high.
    latch: u8,
    /// What the world pulls low.
    pulled_low: u8,
    /// What the world holds high, whatever drives it.
    held_high: u8,
    frozen: Option<u8>,
    history: Vec<u8>,
}

impl Default for SimPcf8574 {
    fn default() -> Self {
        Self::new()
    }
}

impl SimPcf8574 {
    /// A chip that has just been powered: all lines weakly high.
    pub fn new() -> Self {
        Self { latch: 0xff, pulled_low: 0, held_high: 0, frozen: None, history: vec![0xff] }
    }

    /// Pulls these lines low: a button, a load that is too much for 100 uA.
    pub fn pull_low(&mut self, lines: u8) {
        self.pulled_low = lines;
        self.note();
    }

    /// Shorts these lines to the supply.
    pub fn hold_high(&mut self, lines: u8) {
        self.held_high = lines;
        self.note();
    }

    /// The levels at the pins.
    pub fn pins(&self) -> u8 {
        (self.latch & !self.pulled_low) | self.held_high
    }

    /// All levels that the pins have shown so far, each once as long as it stayed.
    pub fn history(&self) -> &[u8] {
        &self.history
    }

    fn note(&mut self) {
        let pins = self.pins();
        if self.history.last() != Some(&pins) {
            self.history.push(pins);
        }
    }
}

impl SimChip for SimPcf8574 {
    fn write(&mut self, bytes: &[u8]) {
        // What follows the first byte is ignored ("I2C Interface").
        if let Some(&byte) = bytes.first() {
            self.latch = byte;
            self.note();
        }
    }

    fn read(&mut self, buffer: &mut [u8]) {
        buffer.fill(self.frozen.unwrap_or_else(|| self.pins()));
    }

    fn power_on_reset(&mut self) {
        self.latch = 0xff;
        self.note();
    }

    fn set_frozen(&mut self, frozen: bool) {
        self.frozen = frozen.then(|| self.pins());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_written_is_an_output_and_high_is_weak() {
        let mut chip = SimPcf8574::new();
        let read = |chip: &mut SimPcf8574| {
            let mut bytes = [0; 2];
            chip.read(&mut bytes);
            bytes
        };
        assert_eq!(read(&mut chip), [0xff; 2]);
        chip.write(&[0x0f]);
        chip.write(&[0xfe, 0x00]);
        assert_eq!(read(&mut chip), [0xfe; 2]);
        chip.pull_low(0x80);
        assert_eq!(read(&mut chip), [0x7e; 2]);
        chip.power_on_reset();
        assert_eq!(read(&mut chip), [0x7f; 2]);
        assert_eq!(chip.history(), [0xff, 0x0f, 0xfe, 0x7e, 0x7f]);
    }
}
