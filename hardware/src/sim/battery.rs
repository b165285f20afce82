//! A battery that exists only in memory, with the physics of its own: what an estimator sees is its terminals.
//!
//! Two wells of charge (the kinetic battery model: J. F. Manwell and J. G. `McGowan`, "Lead acid battery storage model for hybrid
//! energy systems", Solar Energy 50, 1993): current is drawn from the available one, the bound one refills it slowly.
//! That gives sag and recovery over an hour, and less capacity at a higher rate, as Peukert found. Around it:
//!
//! - an electromotive force that follows the available well's filling;
//! - a series resistance that rises with cold and near empty, another one for charging that rises near full, so that
//!   the current tapers at the charger's voltage;
//! - one RC element for the minutes between the instant sag and the wells;
//! - a parallel gassing current, exponential in voltage and temperature (Schiffer et al., J. Power Sources 168,
//!   2007), which is the charging loss near full and the self-discharge at rest.
//!
//! Every watt-hour is accounted for: what enters the terminals is stored, or lost in one of the four places above.
//! Not modelled: stratification, hysteresis, cells that drift apart, heat that warms the battery.

use std::time::Duration;

use protocol::{Charge, Current, Energy, Power, Resistance, Soc, Temperature, Voltage};

use super::makeup::Makeup;
use crate::battery::Chemistry;

/// The temperature for which a label speaks.
const LABEL_TEMPERATURE: Temperature = Temperature::from_celsius(25.0);

/// How a particular battery differs from its label.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Condition {
    /// Its true capacity over the label's. An old one has 0.7.
    pub capacity: f64,
    /// Its resistance over that of a new one. An old one has 3 to 4.
    pub resistance: f64,
}

impl Condition {
    /// As it left the factory.
    pub const NEW: Self = Self { capacity: 1.0, resistance: 1.0 };
    /// Some years in the field.
    pub const AGED: Self = Self { capacity: 0.72, resistance: 3.5 };
}

/// A simulated 12 V battery.
#[derive(Debug, Clone)]
pub struct Battery {
    makeup: &'static Makeup,
    /// What a 20 h discharge at 25 C yields: what "full" means to its owner.
    nominal: Charge,
    /// What both wells hold together; a little more, because some always stays behind.
    capacity: Charge,
    ohmic: Resistance,
    temperature: Temperature,
    /// Filling of the wells, 1 is full. The available one goes below 0 for moments only: its force then collapses.
    available: f64,
    bound: f64,
    polarisation: Voltage,
    lost: Energy,
}

impl Battery {
    /// A rested battery.
    pub fn new(chemistry: Chemistry, label: Charge, condition: Condition, soc: Soc) -> Self {
        let makeup = Makeup::of(chemistry);
        let nominal = label * condition.capacity;
        let capacity = nominal / (1.0 - makeup.lag_hours / 20.0);
        let filling = 1.0 - (1.0 - soc.fraction()) * (nominal / capacity);
        Self {
            makeup,
            nominal,
            capacity,
            ohmic: makeup.resistance(label) * condition.resistance,
            temperature: LABEL_TEMPERATURE,
            available: filling,
            bound: filling,
            polarisation: Voltage::ZERO,
            lost: Energy::ZERO,
        }
    }

    /// Takes this condition at once, against the same label: both wells shrink with what is in them, and what was stored in
    /// the part that is gone counts as lost.
    pub fn set_condition(&mut self, label: Charge, condition: Condition) {
        let before = self.stored();
        self.nominal = label * condition.capacity;
        self.capacity = self.nominal / (1.0 - self.makeup.lag_hours / 20.0);
        self.ohmic = self.makeup.resistance(label) * condition.resistance;
        self.lost += before - self.stored();
    }

    /// Takes this temperature at once.
    pub fn set_temperature(&mut self, temperature: Temperature) {
        self.temperature = temperature;
    }

    /// Its temperature.
    pub fn temperature(&self) -> Temperature {
        self.temperature
    }

    /// What no sensor can see: the part of the nominal capacity that is left.
    pub fn true_soc(&self) -> Soc {
        let filling = self.makeup.available_part * self.available + self.bound_part() * self.bound;
        Soc::from_fraction(1.0 - (1.0 - filling) * (self.capacity / self.nominal))
    }

    /// What a 20 h discharge at 25 C from full yields.
    pub fn nominal(&self) -> Charge {
        self.nominal
    }

    /// The energy in it, at its electromotive force: more than can be drawn.
    pub fn stored(&self) -> Energy {
        let wells = self.well(self.makeup.available_part) * self.makeup.emf_integral(self.available)
            + self.well(self.bound_part()) * self.makeup.emf_integral(self.bound);
        wells + self.polarisation_energy()
    }

    /// All that was lost inside since the start: heat, gas, self-discharge.
    pub fn lost(&self) -> Energy {
        self.lost
    }

    /// The terminals' voltage at this current (positive = discharge).
    pub fn voltage(&self, current: Current) -> Voltage {
        let resistance = if current < Current::ZERO { self.charging_resistance() } else { self.resistance() };
        self.force() - current * resistance
    }

    /// The current at which the terminals show this voltage.
    pub fn current_at(&self, voltage: Voltage) -> Current {
        let over = self.force() - voltage;
        if over >= Voltage::ZERO {
            over / self.resistance()
        } else if self.refuses_charge() {
            Current::ZERO
        } else {
            over / self.charging_resistance()
        }
    }

    /// The current at which it delivers this power (negative = it takes it); `None` when it cannot deliver as much.
    pub fn current_for(&self, power: Power) -> Option<Current> {
        if power < Power::ZERO && self.refuses_charge() {
            return Some(Current::ZERO);
        }
        let resistance = if power < Power::ZERO { self.charging_resistance() } else { self.resistance() };
        // power = (force - current * resistance) * current, the smaller root.
        let (e, r) = (self.force().volts(), resistance.ohms());
        let discriminant = e * e - 4.0 * r * power.watts();
        (e > 0.0 && discriminant >= 0.0)
            .then(|| Current::from_amps((e - libm::sqrt(discriminant)) / (2.0 * r)))
    }

    /// A stretch of time at this current (positive = discharge). Good up to a minute.
    pub fn step(&mut self, dt: Duration, current: Current) {
        let terminals = self.voltage(current);
        let emf = self.makeup.emf(self.available);
        let gassing = self.gassing(terminals);
        let heat = (self.force() - terminals) * current;
        let refill = self.refill();
        let mixing = (self.makeup.emf(self.bound) - emf) * refill;
        let polarising = self.polarise(dt, current);
        self.lost += (heat + mixing + emf * gassing) * dt + polarising;

        self.available += (refill - current - gassing) * dt / self.well(self.makeup.available_part);
        self.bound -= refill * dt / self.well(self.bound_part());
        // What a full well cannot take becomes gas.
        let surplus = (self.available - 1.0).max(0.0);
        self.available -= surplus;
        self.lost += self.well(self.makeup.available_part) * surplus * self.makeup.emf(1.0);
    }

    /// Electromotive force less the polarisation: what an ideal voltmeter would see behind the resistance.
    fn force(&self) -> Voltage {
        self.makeup.emf(self.available) - self.polarisation
    }

    fn bound_part(&self) -> f64 {
        1.0 - self.makeup.available_part
    }

    fn well(&self, part: f64) -> Charge {
        self.capacity * part
    }

    /// Kelvin below the label's temperature; nothing changes above it.
    fn cold(&self) -> f64 {
        (LABEL_TEMPERATURE - self.temperature).celsius().max(0.0)
    }

    /// Lithium iron phosphate plates metal when charged below freezing: its protection does not let it happen.
    fn refuses_charge(&self) -> bool {
        self.makeup.cells == 4 && self.temperature < Temperature::ZERO
    }

    /// For discharge. Electrolytes conduct about 1.5 % less for each kelvin; near empty the plates run out of acid.
    fn resistance(&self) -> Resistance {
        let cold = 1.0 + 0.015 * self.cold();
        let empty = 1.0 + self.makeup.empty_rise / (self.available.max(0.0) + 0.004);
        self.ohmic * (cold * empty)
    }

    /// For charge: rises near full, where the last sulphate is slow to convert.
    fn charging_resistance(&self) -> Resistance {
        let cold = 1.0 + 0.015 * self.cold();
        let room = (1.0 - self.available).max(0.0) + self.makeup.full_room;
        self.ohmic * cold + Resistance::from_ohms(self.makeup.full_rise / self.capacity.amp_hours() / room)
    }

    /// The flow from the bound to the available well. Diffusion slows with cold.
    fn refill(&self) -> Current {
        let hours =
            self.makeup.lag_hours / (self.bound_part() * self.bound_part()) * libm::exp(0.05 * self.cold());
        Current::from_amps(self.capacity.amp_hours() / hours * (self.bound - self.available))
    }

    /// The parallel side reaction.
    fn gassing(&self, terminals: Voltage) -> Current {
        let cell = terminals.volts() / f64::from(self.makeup.cells);
        let over = cell - self.makeup.gassing_volts;
        let warm = (self.temperature - LABEL_TEMPERATURE).celsius();
        let rate = self.makeup.gassing_rate * libm::exp(11.0 * over.clamp(-1.0, 0.5) + 0.06 * warm);
        Current::from_amps(self.capacity.amp_hours() * rate)
    }

    fn polarisation_resistance(&self) -> Resistance {
        self.ohmic * self.makeup.polarisation_part
    }

    /// Half the capacitance times the voltage squared.
    fn polarisation_energy(&self) -> Energy {
        let volts = self.polarisation.volts();
        let farads = self.makeup.polarisation_seconds / self.polarisation_resistance().ohms();
        Energy::from_watt_hours(0.5 * farads * volts * volts / 3600.0)
    }

    /// Moves the RC element, exactly for a constant current; gives what it lost as heat.
    fn polarise(&mut self, dt: Duration, current: Current) -> Energy {
        let before = self.polarisation_energy();
        let started = self.polarisation;
        let target = current * self.polarisation_resistance();
        let tau = self.makeup.polarisation_seconds;
        let left = libm::exp(-dt.as_secs_f64() / tau);
        self.polarisation = target + (started - target) * left;
        started * current * dt - (self.polarisation_energy() - before)
    }
}

#[cfg(test)]
#[path = "battery_tests.rs"]
mod tests;
