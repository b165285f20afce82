//! The INA228 as its datasheet describes it (TI SLYS021A). The comments name that document's registers.

use protocol::{Current, Resistance, Uptime, Voltage};

use super::front::{Front, Imperfection, quantise};
use super::pointer;
use crate::sim::bus::SimChip;

/// Register map: pointer addresses.
mod register {
    pub(super) const CONFIG: u8 = 0x00;
    pub(super) const ADC_CONFIG: u8 = 0x01;
    pub(super) const SHUNT_CAL: u8 = 0x02;
    pub(super) const VSHUNT: u8 = 0x04;
    pub(super) const VBUS: u8 = 0x05;
    pub(super) const DIETEMP: u8 = 0x06;
    pub(super) const CURRENT: u8 = 0x07;
    pub(super) const POWER: u8 = 0x08;
    pub(super) const ENERGY: u8 = 0x09;
    pub(super) const CHARGE: u8 = 0x0a;
    pub(super) const DIAG_ALRT: u8 = 0x0b;
    pub(super) const MANUFACTURER_ID: u8 = 0x3e;
    pub(super) const DEVICE_ID: u8 = 0x3f;
}

/// CONFIG: RST, RSTACC, and the bits that stay as they are written.
const RST: u16 = 1 << 15;
const RSTACC: u16 = 1 << 14;
const CONFIG_KEPT: u16 = 0x3ff0;
const ADCRANGE: u16 = 1 << 4;
/// Reset values of `ADC_CONFIG` and `SHUNT_CAL`.
const ADC_CONFIG_RESET: u16 = 0xfb68;
const SHUNT_CAL_RESET: u16 = 0x1000;
/// `DIAG_ALRT`: MEMSTAT, 1 while the trim memory is whole; CNVRF, a conversion ended since the flags were read; ENERGYOF and
/// CHARGEOF, the register ran over since it was read.
const MEMSTAT: u16 = 1;
const CNVRF: u16 = 1 << 1;
const CHARGEOF: u16 = 1 << 10;
const ENERGYOF: u16 = 1 << 11;
/// 25 C in steps of 7.8125 m°C.
const DIE_TEMPERATURE: u16 = 3200;
const BUS_STEP: Voltage = Voltage::from_volts(195.3125e-6);
const SHUNT_STEPS: [Voltage; 2] = [Voltage::from_volts(312.5e-9), Voltage::from_volts(78.125e-9)];
/// 20 bits with a sign.
const END: i32 = 0x7_ffff;
/// Microseconds to the second.
const MICRO: i128 = 1_000_000;

/// A simulated INA228 with its shunt.
#[derive(Debug, Clone)]
pub struct SimIna228 {
    front: Front,
    frozen: bool,
    pointer: u8,
    config: u16,
    adc_config: u16,
    shunt_cal: u16,
    /// VSHUNT and VBUS before their place in the register.
    shunt: i32,
    bus: i32,
    /// In steps of CURRENT and of ENERGY times microseconds.
    charge: i128,
    energy: i128,
    counted_at: Uptime,
    converting: bool,
    /// CNVRF, CHARGEOF and ENERGYOF.
    flags: u16,
}

impl SimIna228 {
    /// A chip that has just been powered, with a shunt of this true resistance.
    pub fn new(shunt: Resistance) -> Self {
        Self {
            front: Front::new(shunt),
            frozen: false,
            pointer: 0,
            config: 0,
            adc_config: ADC_CONFIG_RESET,
            shunt_cal: SHUNT_CAL_RESET,
            shunt: 0,
            bus: 0,
            charge: 0,
            energy: 0,
            counted_at: Uptime::START,
            converting: true,
            flags: 0,
        }
    }

    /// The same chip, as far from ideal as this, with noise from a seed.
    #[must_use]
    pub fn imperfect(mut self, imperfection: Imperfection, seed: u64) -> Self {
        self.front.imperfect(imperfection, seed);
        self
    }

    /// What is true from `now` on. The accumulators count what the last conversion saw until then; the registers follow
    /// when a conversion ends.
    pub fn measure(&mut self, now: Uptime, bus: Voltage, current: Current) {
        self.count(now);
        self.front.feed(now, bus, current);
        if !self.converting || !self.front.ended(self.conversion_us()) {
            return;
        }
        // Modes 8h and above are continuous (ADC_CONFIG, MODE).
        self.converting = self.mode() & 0b1000 != 0;
        self.latch();
    }

    /// As if the chip had been powered under these conditions for a while: its registers show them at once.
    pub fn settle(&mut self, bus: Voltage, current: Current) {
        self.front.hold(bus, current);
        self.latch();
    }

    fn mode(&self) -> u16 {
        self.adc_config >> 12
    }

    /// Of temperature, shunt and bus, those that the mode measures (MODE: bits 2, 1, 0).
    fn conversion_us(&self) -> u64 {
        const MICROS: [u64; 8] = [50, 84, 150, 280, 540, 1052, 2074, 4120];
        const AVERAGES: [u64; 8] = [1, 4, 16, 64, 128, 256, 512, 1024];
        let time = |shift: u16| MICROS[usize::from(self.adc_config >> shift & 0b111)];
        let (bus, shunt, temperature) = (time(9), time(6), time(3));
        let each = [(0b001, bus), (0b010, shunt), (0b100, temperature)];
        let once: u64 = each.iter().filter(|(bit, _)| self.mode() & bit != 0).map(|(_, time)| time).sum();
        once * AVERAGES[usize::from(self.adc_config & 0b111)]
    }

    fn latch(&mut self) {
        if self.frozen {
            return;
        }
        self.flags |= CNVRF;
        if self.mode() & 0b010 != 0 {
            let step = SHUNT_STEPS[usize::from(self.config & ADCRANGE != 0)];
            self.shunt = quantise(self.front.shunt_seen(), step, -END - 1, END);
        }
        if self.mode() & 0b001 != 0 {
            self.bus = quantise(self.front.bus_seen(), BUS_STEP, 0, END);
        }
    }

    /// CURRENT: the drop by the calibration of the whole range over `SHUNT_CAL` (8.1.2: both grow with the step of CURRENT).
    fn current(&self) -> i64 {
        if self.shunt_cal == 0 {
            return 0;
        }
        let current = i64::from(self.shunt) * i64::from(SHUNT_CAL_RESET) / i64::from(self.shunt_cal);
        current.clamp(-i64::from(END) - 1, i64::from(END))
    }

    /// POWER: `CURRENT * VBUS * 195.3125 uV / 3.2`.
    fn power(&self) -> i64 {
        self.current().abs() * i64::from(self.bus) / 16_384
    }

    fn count(&mut self, now: Uptime) {
        let micros = i128::try_from(now.since(self.counted_at).as_micros()).unwrap_or(0);
        self.counted_at = self.counted_at.max(now);
        if self.converting {
            let turns = |chip: &Self| {
                ((chip.charge / MICRO + (1 << 39)).div_euclid(1 << 40), chip.energy / MICRO / 16 / (1 << 40))
            };
            let before = turns(self);
            self.charge += i128::from(self.current()) * micros;
            self.energy += i128::from(self.power()) * micros;
            let after = turns(self);
            self.flags |= if after.0 == before.0 { 0 } else { CHARGEOF };
            self.flags |= if after.1 == before.1 { 0 } else { ENERGYOF };
        }
    }

    fn write_register(&mut self, value: u16) {
        match self.pointer {
            register::CONFIG if value & RST != 0 => self.power_on_reset(),
            register::CONFIG => {
                if value & RSTACC != 0 {
                    (self.charge, self.energy) = (0, 0);
                }
                let turned = (self.config ^ value) & ADCRANGE != 0;
                self.config = value & CONFIG_KEPT;
                if turned {
                    // The next conversion is taken to have ended, because simulated time may stand still meanwhile.
                    self.latch();
                }
            }
            register::ADC_CONFIG => {
                self.adc_config = value;
                self.converting = self.mode() & 0b111 != 0;
                self.front.start();
            }
            register::SHUNT_CAL => self.shunt_cal = value & 0x7fff,
            _ => {} // read-only, or limits that nothing here compares
        }
    }

    /// The register pointed at, and how many bytes it has.
    fn read_register(&self) -> (u64, usize) {
        let twenty = |value: i64| ((value.cast_unsigned() << 4) & 0xff_ffff, 3);
        let forty = |value: i128| ((value as u64) & 0xff_ffff_ffff, 5);
        match self.pointer {
            register::CONFIG => (self.config.into(), 2),
            register::ADC_CONFIG => (self.adc_config.into(), 2),
            register::SHUNT_CAL => (self.shunt_cal.into(), 2),
            register::VSHUNT => twenty(self.shunt.into()),
            register::VBUS => twenty(self.bus.into()),
            register::DIETEMP => (DIE_TEMPERATURE.into(), 2),
            register::CURRENT => twenty(self.current()),
            register::POWER => (self.power().cast_unsigned() & 0xff_ffff, 3),
            register::ENERGY => forty(self.energy / MICRO / 16),
            register::CHARGE => forty(self.charge / MICRO),
            register::DIAG_ALRT => ((MEMSTAT | self.flags).into(), 2),
            register::MANUFACTURER_ID => (0x5449, 2),
            register::DEVICE_ID => (0x2281, 2),
            _ => (0, 2),
        }
    }
}

impl SimChip for SimIna228 {
    fn write(&mut self, bytes: &[u8]) {
        let Some((pointer, value)) = pointer::parse(bytes) else { return };
        self.pointer = pointer;
        if let Some(value) = value {
            self.write_register(value);
        }
    }

    fn read(&mut self, buffer: &mut [u8]) {
        let (value, width) = self.read_register();
        self.flags &= match self.pointer {
            register::DIAG_ALRT => !CNVRF,
            register::CHARGE => !CHARGEOF,
            register::ENERGY => !ENERGYOF,
            _ => !0,
        };
        pointer::answer_wide(value, width, buffer);
    }

    fn power_on_reset(&mut self) {
        let mut front = self.front.clone();
        front.start();
        let (frozen, counted_at) = (self.frozen, self.counted_at);
        *self = Self { front, frozen, counted_at, ..Self::new(Resistance::ZERO) };
    }

    fn set_frozen(&mut self, frozen: bool) {
        self.frozen = frozen;
    }
}

#[cfg(test)]
#[path = "ina228_tests.rs"]
mod tests;
