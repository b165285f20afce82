//! The INA219 as its datasheet describes it (TI SBOS448). The comments name that document's registers and sections.

use protocol::{Current, Resistance, Uptime, Voltage};

use super::front::{Front, Imperfection, quantise};
use super::pointer;
use crate::sim::bus::SimChip;

/// Summary of register set: pointer addresses.
mod register {
    pub(super) const CONFIGURATION: u8 = 0x00;
    pub(super) const SHUNT: u8 = 0x01;
    pub(super) const BUS: u8 = 0x02;
    pub(super) const POWER: u8 = 0x03;
    pub(super) const CURRENT: u8 = 0x04;
    pub(super) const CALIBRATION: u8 = 0x05;
}

/// Configuration register (00h): power-on value.
const CONFIGURATION_RESET: u16 = 0x399f;
/// Bit 15 of the configuration register: resets the chip, and clears itself.
const RESET_BIT: u16 = 1 << 15;
/// Bit 14 of the configuration register has no meaning and reads 0.
const UNUSED: u16 = 1 << 14;
/// BRNG: 32 V full scale instead of 16 V.
const BUS_RANGE_32: u16 = 1 << 13;
/// Bits of the bus voltage register beside the voltage: CNVR and OVF.
const CONVERSION_READY: u16 = 1 << 1;
const OVERFLOW: u16 = 1;

/// Shunt voltage register (01h): its step. Full scale is +-40 mV to +-320 mV, by the gain PG.
const SHUNT_STEP: Voltage = Voltage::from_volts(10e-6);
/// Steps of the shunt voltage at full scale with PG = 0 (+-40 mV); each step of PG doubles it.
const SHUNT_FULL_SCALE: i32 = 4000;
/// Bus voltage register (02h): its step.
const BUS_STEP: Voltage = Voltage::from_volts(4e-3);
/// Steps of the bus voltage at full scale: 16 V and 32 V.
const BUS_FULL_SCALE_16: i32 = 4000;
const BUS_FULL_SCALE_32: i32 = 8000;

/// Configuration register, what the four bits of BADC or SADC mean: the bits of resolution lost to 12, and the microseconds taken.
fn conversion(field: u16) -> (u32, u64) {
    match field & 0b1111 {
        0b0000 | 0b0100 => (3, 84),
        0b0001 | 0b0101 => (2, 148),
        0b0010 | 0b0110 => (1, 276),
        0b1001 => (0, 1060),
        0b1010 => (0, 2130),
        0b1011 => (0, 4260),
        0b1100 => (0, 8510),
        0b1101 => (0, 17_020),
        0b1110 => (0, 34_050),
        0b1111 => (0, 68_100),
        _ => (0, 532),
    }
}

/// A simulated INA219 with its shunt.
#[derive(Debug, Clone)]
pub struct SimIna219 {
    front: Front,
    frozen: bool,
    pointer: u8,
    configuration: u16,
    shunt: i16,
    /// In steps, before its place in the register.
    bus: u16,
    power: u16,
    current: i16,
    calibration: u16,
    ready: bool,
    overflow: bool,
    /// A conversion runs. False in power-down, and after a triggered one has ended.
    converting: bool,
}

impl SimIna219 {
    /// A chip that has just been powered, with a shunt of this true resistance.
    pub fn new(shunt: Resistance) -> Self {
        Self {
            front: Front::new(shunt),
            frozen: false,
            pointer: 0,
            configuration: CONFIGURATION_RESET,
            shunt: 0,
            bus: 0,
            power: 0,
            current: 0,
            calibration: 0,
            ready: false,
            overflow: false,
            converting: true,
        }
    }

    /// The same chip, as far from ideal as this, with noise from a seed.
    #[must_use]
    pub fn imperfect(mut self, imperfection: Imperfection, seed: u64) -> Self {
        self.front.imperfect(imperfection, seed);
        self
    }

    /// What is true from `now` on: the bus voltage, and the current through the shunt. The registers follow when a
    /// conversion ends, so at the earliest one conversion time after the last.
    pub fn measure(&mut self, now: Uptime, bus: Voltage, current: Current) {
        self.front.feed(now, bus, current);
        if !self.converting || !self.front.ended(self.conversion_us()) {
            return;
        }
        // Mode bit 2 is "continuous"; a triggered conversion ends there (configuration register, MODE).
        self.converting = self.mode() & 0b100 != 0;
        self.latch();
    }

    /// As if the chip had been powered under these conditions for a while: its registers show them at once.
    pub fn settle(&mut self, bus: Voltage, current: Current) {
        self.front.hold(bus, current);
        self.latch();
    }

    fn mode(&self) -> u16 {
        self.configuration & 0b111
    }

    fn converts_bus(&self) -> bool {
        self.mode() & 0b010 != 0
    }

    fn converts_shunt(&self) -> bool {
        self.mode() & 0b001 != 0
    }

    /// Whether the mode converts at all: neither power-down (000) nor ADC off (100).
    fn converts(&self) -> bool {
        self.mode() & 0b011 != 0
    }

    /// How long one round of the selected conversions takes.
    fn conversion_us(&self) -> u64 {
        let bus = if self.converts_bus() { conversion(self.configuration >> 7).1 } else { 0 };
        let shunt = if self.converts_shunt() { conversion(self.configuration >> 3).1 } else { 0 };
        bus + shunt
    }

    /// A conversion ended: the registers take its result.
    fn latch(&mut self) {
        if !self.frozen {
            if self.converts_shunt() {
                let lost = conversion(self.configuration >> 3).0;
                let full = SHUNT_FULL_SCALE << (self.configuration >> 11 & 0b11);
                let coarse = SHUNT_STEP * f64::from(1_u32 << lost);
                let seen = self.front.shunt_seen();
                self.shunt = quantise(seen, coarse, -full >> lost, full >> lost).wrapping_shl(lost) as i16;
            }
            if self.converts_bus() {
                let lost = conversion(self.configuration >> 7).0;
                let wide = self.configuration & BUS_RANGE_32 != 0;
                let full = if wide { BUS_FULL_SCALE_32 } else { BUS_FULL_SCALE_16 };
                let coarse = BUS_STEP * f64::from(1_u32 << lost);
                self.bus = quantise(self.front.bus_seen(), coarse, 0, full >> lost).wrapping_shl(lost) as u16;
            }
        }
        self.calculate();
        self.ready = true;
    }

    /// "Programming the calibration register": current = shunt * calibration / 4096, power = |current| * bus / 5000. Overflow leaves the
    /// results at the end of their range.
    fn calculate(&mut self) {
        let current = i64::from(self.shunt) * i64::from(self.calibration) / 4096;
        let power = current.abs() * i64::from(self.bus) / 5000;
        let clipped = current.clamp(i16::MIN.into(), i16::MAX.into());
        self.overflow = clipped != current || power > i64::from(u16::MAX);
        self.current = clipped as i16;
        self.power = power.min(u16::MAX.into()) as u16;
    }

    fn configure(&mut self, value: u16) {
        if value & RESET_BIT != 0 {
            self.power_on_reset();
            return;
        }
        self.configuration = value & !UNUSED;
        self.converting = self.converts();
        if self.converting {
            // A new mode, other than power-down or ADC off, clears the ready bit (bus voltage register, CNVR).
            self.ready = false;
            self.front.start();
        }
    }

    fn write_register(&mut self, value: u16) {
        match self.pointer {
            register::CONFIGURATION => self.configure(value),
            // Bit 0 cannot be set (calibration register, 05h). As with the INA226, the next conversion is taken to have ended
            // with the same shunt voltage, because simulated time may stand still between two transactions.
            register::CALIBRATION => {
                self.calibration = value & !1;
                self.calculate();
            }
            _ => {} // read-only, or not there
        }
    }

    fn read_register(&mut self) -> u16 {
        match self.pointer {
            register::CONFIGURATION => self.configuration,
            register::SHUNT => self.shunt.cast_unsigned(),
            register::BUS => {
                let ready = if self.ready { CONVERSION_READY } else { 0 };
                let overflow = if self.overflow { OVERFLOW } else { 0 };
                self.bus << 3 | ready | overflow
            }
            register::POWER => {
                self.ready = false; // CNVR: reading the power register clears the ready bit
                self.power
            }
            register::CURRENT => self.current.cast_unsigned(),
            register::CALIBRATION => self.calibration,
            _ => 0,
        }
    }
}

impl SimChip for SimIna219 {
    fn write(&mut self, bytes: &[u8]) {
        let Some((pointer, value)) = pointer::parse(bytes) else { return };
        self.pointer = pointer;
        if let Some(value) = value {
            self.write_register(value);
        }
    }

    fn read(&mut self, buffer: &mut [u8]) {
        if !buffer.is_empty() {
            pointer::answer(self.read_register(), buffer);
        }
    }

    fn power_on_reset(&mut self) {
        let mut front = self.front.clone();
        front.start();
        *self = Self { front, frozen: self.frozen, ..Self::new(Resistance::ZERO) };
    }

    fn set_frozen(&mut self, frozen: bool) {
        self.frozen = frozen;
    }
}

#[cfg(test)]
#[path = "ina219_tests.rs"]
mod tests;
