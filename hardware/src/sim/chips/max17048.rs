//! The MAX17048 as its datasheet describes it (Maxim 19-6171). The comments name that document's registers.
//!
//! The model inside the chip is not simulated: what charge it reports is said from outside.

use protocol::{Soc, Voltage};

use super::front::quantise;
use super::pointer;
use crate::sim::bus::SimChip;

/// STATUS: RI, set at power-on until somebody clears it.
const RESET_INDICATOR: u16 = 1 << 8;
const CELL_STEP: Voltage = Voltage::from_volts(78.125e-6);
/// CONFIG after power-on.
const CONFIG_RESET: u16 = 0x971c;
/// CMD: this value resets the chip as at power-on.
const POWER_ON_COMMAND: u16 = 0x5400;

/// A simulated MAX17048.
#[derive(Debug, Clone)]
pub struct SimMax17048 {
    cell: Voltage,
    soc: Soc,
    frozen: bool,
    pointer: u8,
    vcell: u16,
    soc_register: u16,
    config: u16,
    status: u16,
}

impl Default for SimMax17048 {
    fn default() -> Self {
        Self::new()
    }
}

impl SimMax17048 {
    /// A chip that has just been powered.
    pub const fn new() -> Self {
        Self {
            cell: Voltage::ZERO,
            soc: Soc::EMPTY,
            frozen: false,
            pointer: 0,
            vcell: 0,
            soc_register: 0,
            config: CONFIG_RESET,
            status: RESET_INDICATOR,
        }
    }

    /// What the cell is at, and what the chip's model makes of it: the registers show it at once.
    pub fn settle(&mut self, cell: Voltage, soc: Soc) {
        (self.cell, self.soc) = (cell, soc);
        if !self.frozen {
            self.vcell = quantise(cell, CELL_STEP, 0, u16::MAX.into()) as u16;
            self.soc_register = (soc.percent() * 256.0) as u16;
        }
    }
}

impl SimChip for SimMax17048 {
    fn write(&mut self, bytes: &[u8]) {
        let Some((pointer, value)) = pointer::parse(bytes) else { return };
        self.pointer = pointer;
        match (pointer, value) {
            (0x0c, Some(value)) => self.config = value,
            // RI can only be cleared.
            (0x1a, Some(value)) => self.status = value & (self.status | !RESET_INDICATOR),
            (0xfe, Some(POWER_ON_COMMAND)) => self.power_on_reset(),
            _ => {}
        }
    }

    fn read(&mut self, buffer: &mut [u8]) {
        let value = match self.pointer {
            0x02 => self.vcell,
            0x04 => self.soc_register,
            0x08 => 0x0012,
            0x0a => 0x8030,
            0x0c => self.config,
            0x14 => 0x00ff,
            0x18 => 0x960c,
            0x1a => self.status,
            _ => 0,
        };
        pointer::answer_wide(value.into(), 2, buffer);
    }

    fn power_on_reset(&mut self) {
        let Self { cell, soc, frozen, .. } = *self;
        *self = Self { frozen, ..Self::new() };
        self.settle(cell, soc);
    }

    fn set_frozen(&mut self, frozen: bool) {
        self.frozen = frozen;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(chip: &mut SimMax17048, register: u8) -> u16 {
        chip.write(&[register]);
        let mut bytes = [0; 2];
        chip.read(&mut bytes);
        u16::from_be_bytes(bytes)
    }

    #[test]
    fn wakes_with_the_datasheets_reset_values_and_says_that_it_was_reset() {
        let mut chip = SimMax17048::new();
        let registers = [0x08, 0x0a, 0x0c, 0x14, 0x18].map(|register| read(&mut chip, register));
        assert_eq!(registers, [0x0012, 0x8030, 0x971c, 0x00ff, 0x960c]);
        assert_eq!(read(&mut chip, 0x1a) & RESET_INDICATOR, RESET_INDICATOR);
        chip.write(&[0x1a, 0, 0]);
        chip.write(&[0x1a, 1, 0]);
        assert_eq!(read(&mut chip, 0x1a) & RESET_INDICATOR, 0, "cleared for good");
        chip.write(&[0xfe, 0x54, 0x00]);
        assert_eq!(read(&mut chip, 0x1a) & RESET_INDICATOR, RESET_INDICATOR);
    }

    #[test]
    fn a_cell_and_its_charge_are_in_the_datasheets_steps() {
        let mut chip = SimMax17048::new();
        chip.settle(Voltage::from_volts(3.6), Soc::from_percent(54.5));
        assert_eq!((read(&mut chip, 0x02), read(&mut chip, 0x04)), (46_080, 54 * 256 + 128));
        chip.set_frozen(true);
        chip.settle(Voltage::from_volts(3.0), Soc::EMPTY);
        assert_eq!(read(&mut chip, 0x02), 46_080);
    }
}
