//! What both chips have before their registers: a shunt, an imperfect converter, and conversions that take time.

use protocol::{Current, Resistance, Uptime, Voltage};

use crate::sim::noise::Gaussian;

/// How far a chip and its shunt are from ideal. The default is ideal.
///
/// A genuine INA226 is within 0.1 % of gain and 10 uV / 7.5 mV of offset (SBOS547, electrical characteristics); clones in the field
/// were 1.5 % to 5 % off, and shunts of twice the printed value were sold.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Imperfection {
    /// Factor on the bus voltage.
    pub voltage_gain: f64,
    /// Added to the bus voltage.
    pub voltage_offset: Voltage,
    /// Standard deviation on the bus voltage, as it is left after averaging.
    pub voltage_noise: Voltage,
    /// Factor on the shunt voltage: the chip's gain times the true shunt over the printed one.
    pub shunt_gain: f64,
    /// Added to the shunt voltage.
    pub shunt_offset: Voltage,
    /// Standard deviation on the shunt voltage, as it is left after averaging.
    pub shunt_noise: Voltage,
}

impl Default for Imperfection {
    fn default() -> Self {
        Self {
            voltage_gain: 1.0,
            voltage_offset: Voltage::ZERO,
            voltage_noise: Voltage::ZERO,
            shunt_gain: 1.0,
            shunt_offset: Voltage::ZERO,
            shunt_noise: Voltage::ZERO,
        }
    }
}

/// The analogue side of a chip, and the time that its conversions take.
#[derive(Debug, Clone)]
pub(super) struct Front {
    shunt: Resistance,
    imperfection: Imperfection,
    noise: Gaussian,
    bus: Voltage,
    current: Current,
    now_us: u64,
    started_us: u64,
}

impl Front {
    pub(super) fn new(shunt: Resistance) -> Self {
        Self {
            shunt,
            imperfection: Imperfection::default(),
            noise: Gaussian::new(0),
            bus: Voltage::ZERO,
            current: Current::ZERO,
            now_us: 0,
            started_us: 0,
        }
    }

    pub(super) fn imperfect(&mut self, imperfection: Imperfection, seed: u64) {
        self.imperfection = imperfection;
        self.noise = Gaussian::new(seed);
    }

    /// The shunt's gain steps by this factor.
    pub(super) fn drift(&mut self, factor: f64) {
        self.imperfection.shunt_gain *= factor;
    }

    /// What is true from here on. Time never runs backwards: an earlier `now` counts as no time passed.
    pub(super) fn feed(&mut self, now: Uptime, bus: Voltage, current: Current) {
        self.now_us = self.now_us.max(now.as_millis().saturating_mul(1000));
        self.hold(bus, current);
    }

    /// What is true, without time passing.
    pub(super) fn hold(&mut self, bus: Voltage, current: Current) {
        self.bus = bus;
        self.current = current;
    }

    /// A conversion begins now (a write to the configuration register aborts the running one).
    pub(super) fn start(&mut self) {
        self.started_us = self.now_us;
    }

    /// Whether at least one conversion of this length has ended since the last was taken. Those that ended unseen
    /// in between are skipped: nobody could have read them.
    pub(super) fn ended(&mut self, length_us: u64) -> bool {
        let completed = (self.now_us - self.started_us) / length_us.max(1);
        self.started_us += completed * length_us.max(1);
        completed > 0
    }

    /// The bus voltage as the converter sees it.
    pub(super) fn bus_seen(&mut self) -> Voltage {
        let Imperfection { voltage_gain, voltage_offset, voltage_noise, .. } = self.imperfection;
        let noise = if voltage_noise == Voltage::ZERO { 0.0 } else { self.noise.draw() };
        self.bus * voltage_gain + voltage_offset + voltage_noise * noise
    }

    /// The shunt voltage as the converter sees it.
    pub(super) fn shunt_seen(&mut self) -> Voltage {
        let Imperfection { shunt_gain, shunt_offset, shunt_noise, .. } = self.imperfection;
        let noise = if shunt_noise == Voltage::ZERO { 0.0 } else { self.noise.draw() };
        self.current * self.shunt * shunt_gain + shunt_offset + shunt_noise * noise
    }
}

/// A voltage in steps of the converter, clipped to its range (`f64 as i32` saturates, and NaN is 0).
pub(super) fn quantise(value: Voltage, step: Voltage, low: i32, high: i32) -> i32 {
    (libm::round(value / step) as i32).clamp(low, high)
}
