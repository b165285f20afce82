//! The MCP23017 as its datasheet describes it (Microchip DS20001952): registers, both maps (`BANK`), both ways of the pointer
//! (`SEQOP`), and what hangs on its sixteen pins. Interrupts are registers only.

use crate::sim::bus::SimChip;

/// Registers of one port, in the order of table 3-1.
const OF_A_PORT: usize = 11;
const IODIR: usize = 0;
const IPOL: usize = 1;
const IOCON: usize = 5;
const INTF: usize = 7;
const INTCAP: usize = 8;
const GPIO: usize = 9;
const OLAT: usize = 10;
/// IOCON's bits (3.5.6): the map, and a pointer that does not count.
const BANK: u8 = 1 << 7;
const SEQOP: u8 = 1 << 5;

/// A simulated MCP23017.
#[derive(Debug, Clone)]
pub struct SimMcp23017 {
    /// By port, then in the table's order.
    registers: [[u8; OF_A_PORT]; 2],
    pointer: u8,
    /// What the world makes of a line that nobody drives.
    outside: u16,
    /// Lines that are held at a level whatever the chip does, and at which.
    shorted: (u16, u16),
    /// The pins as the bus goes on showing them.
    frozen: Option<u16>,
    /// Every level that the driven lines ever showed, one after the other.
    history: Vec<u16>,
}

impl Default for SimMcp23017 {
    fn default() -> Self {
        Self::new()
    }
}

impl SimMcp23017 {
    /// A chip that has just been powered, with nothing on its lines: they read low.
    pub fn new() -> Self {
        let mut chip = Self {
            registers: [[0; OF_A_PORT]; 2],
            pointer: 0,
            outside: 0,
            shorted: (0, 0),
            frozen: None,
            history: Vec::new(),
        };
        chip.power_on_reset();
        chip
    }

    /// What pull-ups and relay boards make of lines that are not driven; bit 0 is GPA0, bit 8 GPB0.
    pub fn set_outside(&mut self, levels: u16) {
        self.outside = levels;
        self.note();
    }

    /// Holds these lines at these levels, whatever drives them.
    pub fn short(&mut self, lines: u16, levels: u16) {
        self.shorted = (lines, levels & lines);
        self.note();
    }

    /// The levels at the pins.
    pub fn pins(&self) -> u16 {
        let (inputs, latch) = (self.both(IODIR), self.both(OLAT));
        let driven = (self.outside & inputs) | (latch & !inputs);
        (driven & !self.shorted.0) | self.shorted.1
    }

    /// All levels that the pins have shown so far, each once as long as it stayed.
    pub fn history(&self) -> &[u16] {
        &self.history
    }

    /// Both ports' register, B above A.
    fn both(&self, register: usize) -> u16 {
        u16::from_le_bytes([self.registers[0][register], self.registers[1][register]])
    }

    fn note(&mut self) {
        let pins = self.pins();
        if self.history.last() != Some(&pins) {
            self.history.push(pins);
        }
    }

    fn is_banked(&self) -> bool {
        self.registers[0][IOCON] & BANK != 0
    }

    /// Port and register at an address; `None` where there is none.
    fn place(&self, address: u8) -> Option<(usize, usize)> {
        let address = usize::from(address);
        let (port, register) =
            if self.is_banked() { (address >> 4, address & 0xf) } else { (address & 1, address >> 1) };
        (port < 2 && register < OF_A_PORT).then_some((port, register))
    }

    /// Where the pointer goes after a byte (3.2.1).
    fn advance(&mut self) {
        let sequential = self.registers[0][IOCON] & SEQOP == 0;
        self.pointer = match (sequential, self.is_banked()) {
            (true, banked) => {
                let last = if banked { 0x1a } else { 0x15 };
                if self.pointer >= last { 0 } else { self.pointer + 1 }
            }
            (false, false) => self.pointer ^ 1,
            (false, true) => self.pointer,
        };
    }

    fn set(&mut self, address: u8, value: u8) {
        let Some((port, register)) = self.place(address) else { return };
        match register {
            // One register at two places; bit 0 reads as 0.
            IOCON => self.registers.iter_mut().for_each(|port| port[IOCON] = value & !1),
            INTF | INTCAP => {}
            // To write a port is to write its latch (3.5.10).
            GPIO => self.registers[port][OLAT] = value,
            _ => self.registers[port][register] = value,
        }
        self.note();
    }

    fn get(&self, address: u8) -> u8 {
        let Some((port, register)) = self.place(address) else { return 0 };
        if register != GPIO {
            return self.registers[port][register];
        }
        let pins = self.frozen.unwrap_or_else(|| self.pins()).to_le_bytes()[port];
        // The polarity of inputs alone is turned (3.5.2).
        pins ^ (self.registers[port][IPOL] & self.registers[port][IODIR])
    }
}

impl SimChip for SimMcp23017 {
    fn write(&mut self, bytes: &[u8]) {
        let Some((&pointer, values)) = bytes.split_first() else { return };
        self.pointer = pointer;
        for &value in values {
            self.set(self.pointer, value);
            self.advance();
        }
    }

    fn read(&mut self, buffer: &mut [u8]) {
        for byte in buffer {
            *byte = self.get(self.pointer);
            self.advance();
        }
    }

    fn power_on_reset(&mut self) {
        self.registers = [[0; OF_A_PORT]; 2];
        self.registers.iter_mut().for_each(|port| port[IODIR] = 0xff);
        self.pointer = 0;
        self.note();
    }

    fn set_frozen(&mut self, frozen: bool) {
        self.frozen = frozen.then(|| self.pins());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<const N: usize>(chip: &mut SimMcp23017, pointer: u8) -> [u8; N] {
        chip.write(&[pointer]);
        let mut bytes = [0; N];
        chip.read(&mut bytes);
        bytes
    }

    #[test]
    fn wakes_with_all_lines_as_inputs_and_all_else_zero_and_reads_round_and_round() {
        let mut chip = SimMcp23017::new();
        let mut wanted = [0; 24];
        for place in [0, 1, 22, 23] {
            wanted[place] = 0xff;
        }
        assert_eq!(read(&mut chip, 0), wanted, "after OLATB at 0x15 comes IODIRA again");
        chip.set_outside(0x8001);
        assert_eq!(read(&mut chip, 0x12), [0x01, 0x80]);
    }

    #[test]
    fn an_output_shows_its_latch_and_what_it_showed_is_remembered() {
        let mut chip = SimMcp23017::new();
        chip.write(&[0x14, 0x01, 0x80]);
        assert_eq!(chip.pins(), 0, "still inputs");
        chip.write(&[0x00, 0xfe, 0x7f]);
        assert_eq!(chip.pins(), 0x8001);
        chip.write(&[0x12, 0x00, 0x80]);
        assert_eq!(read(&mut chip, 0x14), [0x00, 0x80], "a port's write is its latch's");
        chip.short(0x8000, 0);
        assert_eq!(read(&mut chip, 0x12), [0, 0], "a shorted line");
        assert_eq!(chip.history(), [0, 0x0001, 0x8001, 0x8000, 0], "byte by byte, as the bus brings them");
    }

    #[test]
    fn the_other_map_and_a_pointer_that_stands_are_the_datasheets() {
        let mut chip = SimMcp23017::new();
        chip.write(&[0x0a, 0x20]);
        assert_eq!(read(&mut chip, 0x00), [0xff; 5], "toggles within the pair");
        chip.write(&[0x0a, 0xa1]);
        assert_eq!(read(&mut chip, 0x05), [0xa0, 0xa0], "IOCON is elsewhere, and stands");
        chip.write(&[0x05, 0x00]);
        assert_eq!(read(&mut chip, 0x0a), [0, 0], "back again");
    }
}
