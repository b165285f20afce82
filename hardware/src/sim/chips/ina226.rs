//! The INA226 as its datasheet describes it (TI SBOS547). The comments name that document's registers and sections.

use protocol::{Current, Resistance, Uptime, Voltage};

use super::front::{Front, Imperfection, quantise};
use super::pointer;
use crate::sim::bus::SimChip;

/// Register set summary: pointer addresses.
mod register {
    pub(super) const CONFIGURATION: u8 = 0x00;
    pub(super) const SHUNT: u8 = 0x01;
    pub(super) const BUS: u8 = 0x02;
    pub(super) const POWER: u8 = 0x03;
    pub(super) const CURRENT: u8 = 0x04;
    pub(super) const CALIBRATION: u8 = 0x05;
    pub(super) const MASK_ENABLE: u8 = 0x06;
    pub(super) const ALERT_LIMIT: u8 = 0x07;
    pub(super) const MANUFACTURER: u8 = 0xfe;
    pub(super) const DIE: u8 = 0xff;
}

/// Configuration register (00h): power-on value.
const CONFIGURATION_RESET: u16 = 0x4127;
/// Bit 15 of the configuration register: resets the chip, and clears itself.
const RESET_BIT: u16 = 1 << 15;
/// Bits 14 to 12 of the configuration register, which always read 100.
const FIXED: u16 = 0b100 << 12;
const FIXED_MASK: u16 = 0b111 << 12;
/// Manufacturer ID register (0xfe), which spells "TI", and die ID register (0xff).
const MANUFACTURER: u16 = 0x5449;
const DIE: u16 = 0x2260;

/// Mask/enable register (06h): one bit for each alert function; the highest one set wins.
const SHUNT_OVER: u16 = 1 << 15;
const SHUNT_UNDER: u16 = 1 << 14;
const BUS_OVER: u16 = 1 << 13;
const BUS_UNDER: u16 = 1 << 12;
const POWER_OVER: u16 = 1 << 11;
const CONVERSION_READY_ENABLE: u16 = 1 << 10;
const ALERT_FUNCTION: u16 = 1 << 4;
const CONVERSION_READY: u16 = 1 << 3;
const OVERFLOW: u16 = 1 << 2;
const POLARITY: u16 = 1 << 1;
const LATCH: u16 = 1;
/// The flags that the chip sets itself.
const FLAGS: u16 = ALERT_FUNCTION | CONVERSION_READY | OVERFLOW;
/// What a write to the mask/enable register changes.
const MASK_WRITABLE: u16 =
    SHUNT_OVER | SHUNT_UNDER | BUS_OVER | BUS_UNDER | POWER_OVER | CONVERSION_READY_ENABLE | POLARITY | LATCH;

/// Configuration register, AVG: conversions averaged.
const AVERAGES: [u64; 8] = [1, 4, 16, 64, 128, 256, 512, 1024];
/// Configuration register, VBUSCT and VSHCT: time of one conversion, in microseconds.
const CONVERSION_US: [u64; 8] = [140, 204, 332, 588, 1100, 2116, 4156, 8244];

/// Shunt voltage register (01h): its step. Full scale is +-81.92 mV.
const SHUNT_STEP: Voltage = Voltage::from_volts(2.5e-6);
/// Bus voltage register (02h): its step. Never negative; full scale is 40.96 V.
const BUS_STEP: Voltage = Voltage::from_volts(1.25e-3);

/// A simulated INA226 with its shunt.
#[derive(Debug, Clone)]
pub struct SimIna226 {
    front: Front,
    frozen: bool,
    pointer: u8,
    configuration: u16,
    shunt: i16,
    bus: u16,
    power: u16,
    current: i16,
    calibration: u16,
    mask_enable: u16,
    alert_limit: u16,
    /// A conversion runs. False in power-down, and after a triggered one has ended.
    converting: bool,
}

impl SimIna226 {
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
            mask_enable: 0,
            alert_limit: 0,
            converting: true,
        }
    }

    /// The same chip, as far from ideal as this, with noise from a seed.
    #[must_use]
    pub fn imperfect(mut self, imperfection: Imperfection, seed: u64) -> Self {
        self.front.imperfect(imperfection, seed);
        self
    }

    /// Its shunt's gain steps by this factor: a clamp worked loose, a shunt that was overheated.
    pub fn drift(&mut self, factor: f64) {
        self.front.drift(factor);
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

    /// The level of the ALERT pin (open drain with its pull-up): low while it asserts, unless APOL inverts it.
    pub fn alert_is_high(&self) -> bool {
        let ready =
            self.mask_enable & CONVERSION_READY_ENABLE != 0 && self.mask_enable & CONVERSION_READY != 0;
        let asserted = ready || self.mask_enable & ALERT_FUNCTION != 0;
        asserted == (self.mask_enable & POLARITY != 0)
    }

    /// As if the chip had been powered under these conditions for a while: its registers show them at once.
    pub fn settle(&mut self, bus: Voltage, current: Current) {
        self.front.hold(bus, current);
        self.latch();
    }

    fn mode(&self) -> u16 {
        self.configuration & 0b111
    }

    /// How long one averaged round of the selected conversions takes.
    fn conversion_us(&self) -> u64 {
        let field = |shift: u16| usize::from(self.configuration >> shift & 0b111);
        let bus = if self.mode() & 0b010 == 0 { 0 } else { CONVERSION_US[field(6)] };
        let shunt = if self.mode() & 0b001 == 0 { 0 } else { CONVERSION_US[field(3)] };
        AVERAGES[field(9)] * (bus + shunt)
    }

    /// A conversion ended: the registers take its result.
    fn latch(&mut self) {
        if !self.frozen {
            if self.mode() & 0b001 != 0 {
                let seen = self.front.shunt_seen();
                self.shunt = quantise(seen, SHUNT_STEP, i16::MIN.into(), i16::MAX.into()) as i16;
            }
            if self.mode() & 0b010 != 0 {
                self.bus = quantise(self.front.bus_seen(), BUS_STEP, 0, i16::MAX.into()) as u16;
            }
        }
        self.calculate();
        self.mask_enable |= CONVERSION_READY;
        self.alert();
    }

    /// "Programming the calibration register": current = shunt * calibration / 2048, power = |current| * bus / 20000. Overflow leaves the
    /// results at the end of their range.
    fn calculate(&mut self) {
        let current = i64::from(self.shunt) * i64::from(self.calibration) / 2048;
        let power = current.abs() * i64::from(self.bus) / 20_000;
        let clipped = current.clamp(i16::MIN.into(), i16::MAX.into());
        let overflow = clipped != current || power > i64::from(u16::MAX);
        self.current = clipped as i16;
        self.power = power.min(u16::MAX.into()) as u16;
        self.mask_enable = if overflow { self.mask_enable | OVERFLOW } else { self.mask_enable & !OVERFLOW };
    }

    /// "Alert pin": after a conversion its result is compared with the limit.
    fn alert(&mut self) {
        let limit = self.alert_limit;
        let beyond = match self.mask_enable {
            mask if mask & SHUNT_OVER != 0 => self.shunt > limit.cast_signed(),
            mask if mask & SHUNT_UNDER != 0 => self.shunt < limit.cast_signed(),
            mask if mask & BUS_OVER != 0 => self.bus > limit,
            mask if mask & BUS_UNDER != 0 => self.bus < limit,
            mask if mask & POWER_OVER != 0 => self.power > limit,
            _ => false,
        };
        if beyond {
            self.mask_enable |= ALERT_FUNCTION;
        } else if self.mask_enable & LATCH == 0 {
            self.mask_enable &= !ALERT_FUNCTION;
        }
    }

    fn configure(&mut self, value: u16) {
        if value & RESET_BIT != 0 {
            self.power_on_reset();
            return;
        }
        self.configuration = value & !FIXED_MASK | FIXED;
        self.converting = self.mode() & 0b011 != 0;
        if self.converting {
            // Writing anything but power-down starts anew and clears the ready flag (mask/enable, CVRF).
            self.mask_enable &= !CONVERSION_READY;
            self.front.start();
        }
    }

    fn write_register(&mut self, value: u16) {
        match self.pointer {
            register::CONFIGURATION => self.configure(value),
            // The chip calculates after its next conversion. Simulated time may stand still between two
            // transactions, so that conversion is taken to have ended with the same shunt voltage.
            register::CALIBRATION => {
                self.calibration = value & 0x7fff;
                self.calculate();
            }
            register::MASK_ENABLE => {
                self.mask_enable = value & MASK_WRITABLE | self.mask_enable & FLAGS;
            }
            register::ALERT_LIMIT => self.alert_limit = value,
            _ => {} // read-only, or not there
        }
    }

    fn read_register(&mut self) -> u16 {
        match self.pointer {
            register::CONFIGURATION => self.configuration,
            register::SHUNT => self.shunt.cast_unsigned(),
            register::BUS => self.bus,
            register::POWER => self.power,
            register::CURRENT => self.current.cast_unsigned(),
            register::CALIBRATION => self.calibration,
            register::MASK_ENABLE => {
                let value = self.mask_enable;
                // Reading clears the ready flag, and the alert flag where it is latched; a transparent one
                // follows the next conversion.
                self.mask_enable &= !CONVERSION_READY;
                if value & LATCH != 0 {
                    self.mask_enable &= !ALERT_FUNCTION;
                }
                value
            }
            register::ALERT_LIMIT => self.alert_limit,
            register::MANUFACTURER => MANUFACTURER,
            register::DIE => DIE,
            _ => 0,
        }
    }
}

impl SimChip for SimIna226 {
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
#[path = "ina226_tests.rs"]
mod tests;
