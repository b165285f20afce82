//! A solar charger: three phases of charging, and a load output that it cuts before the battery is harmed.
//!
//! The cut is hardware, apart from all software: what it does while a node is up is what Heliostat exists to prevent.

use std::time::Duration;

use protocol::{Charge, Current, Power, Temperature, Voltage};

use crate::battery::Chemistry;

/// For which temperature the set points speak.
const SET_TEMPERATURE: Temperature = Temperature::from_celsius(25.0);

/// The tail that ends absorption, in parts of the label's capacity an hour. Below what counts as full to a monitor: it should be
/// in sync before the charger goes to float (Victron's manuals: 4 % for the monitor, 1 to 2 A for the charger).
const TAIL_PER_HOUR: f64 = 0.02;

/// What the charger does with the sun it gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// All that the panel gives.
    Bulk,
    /// As much as holds the absorption voltage.
    Absorption,
    /// As much as holds the float voltage.
    Float,
}

/// How a charger is set.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// Held until the battery is full ...
    pub absorption: Voltage,
    /// ... which it is below this current ...
    pub tail: Current,
    /// ... or after this time.
    pub absorption_time: Duration,
    /// Held from then on.
    pub float: Voltage,
    /// Under this far below float, charging starts anew.
    pub rebulk_below_float: Voltage,
    /// Both set points shift so much for each kelvin above 25 C.
    pub per_kelvin: Voltage,
    /// The load output opens below this ...
    pub cutoff: Voltage,
    /// ... held for this long ...
    pub cutoff_hold: Duration,
    /// ... and closes again above this ...
    pub reconnect: Voltage,
    /// ... held for this long.
    pub reconnect_hold: Duration,
    /// What the charger itself draws from the battery, day and night.
    pub own: Power,
}

impl Settings {
    /// The usual ones for a battery.
    pub fn usual(chemistry: Chemistry, label: Charge) -> Self {
        let usual = chemistry.usual();
        Self {
            absorption: usual.absorption,
            tail: Current::from_amps(label.amp_hours() * TAIL_PER_HOUR),
            absorption_time: Duration::from_hours(2),
            float: usual.float,
            rebulk_below_float: Voltage::from_volts(0.8),
            per_kelvin: usual.charge_per_kelvin,
            cutoff: usual.cutoff,
            cutoff_hold: Duration::from_secs(10),
            reconnect: usual.reconnect,
            reconnect_hold: Duration::from_secs(30),
            own: Power::from_watts(0.15),
        }
    }
}

/// A charger at work.
#[derive(Debug, Clone)]
pub struct Charger {
    settings: Settings,
    phase: Phase,
    /// How long the absorption voltage was held.
    absorbed: Duration,
    load_closed: bool,
    /// How long the voltage has asked for the load output's other state.
    contrary: Duration,
}

impl Charger {
    /// In the morning, with the load on.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            phase: Phase::Bulk,
            absorbed: Duration::ZERO,
            load_closed: true,
            contrary: Duration::ZERO,
        }
    }

    /// How it is set.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// What it does.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// Whether the load output is on.
    pub fn load_closed(&self) -> bool {
        self.load_closed
    }

    /// The voltage that it does not charge beyond.
    pub fn ceiling(&self, battery: Temperature) -> Voltage {
        let base = if self.phase == Phase::Float { self.settings.float } else { self.settings.absorption };
        base + self.settings.per_kelvin * (battery - SET_TEMPERATURE).celsius()
    }

    /// What it saw during a stretch of time: the battery's voltage and current (negative while it charges), and the
    /// power that the panel could give.
    pub fn observe(
        &mut self,
        dt: Duration,
        voltage: Voltage,
        current: Current,
        available: Power,
        at: Temperature,
    ) {
        self.charge(dt, voltage, current, available, at);
        self.switch_load(dt, voltage);
    }

    fn charge(
        &mut self,
        dt: Duration,
        voltage: Voltage,
        current: Current,
        available: Power,
        at: Temperature,
    ) {
        if available <= self.settings.own {
            self.phase = Phase::Bulk; // night: the next morning starts anew
            self.absorbed = Duration::ZERO;
            return;
        }
        // A converter's ripple is no reason to believe that the set point is not reached.
        let reached = voltage >= self.ceiling(at) - Voltage::from_volts(0.02);
        match self.phase {
            Phase::Bulk if reached => self.phase = Phase::Absorption,
            Phase::Absorption if reached => {
                self.absorbed += dt;
                let full = -current < self.settings.tail || self.absorbed >= self.settings.absorption_time;
                // A cloud makes the current small as well, but then the voltage is not reached.
                if full {
                    self.phase = Phase::Float;
                }
            }
            Phase::Float if voltage < self.ceiling(at) - self.settings.rebulk_below_float => {
                self.phase = Phase::Bulk;
                self.absorbed = Duration::ZERO;
            }
            Phase::Bulk | Phase::Absorption | Phase::Float => {}
        }
    }

    fn switch_load(&mut self, dt: Duration, voltage: Voltage) {
        let (contrary, hold) = if self.load_closed {
            (voltage < self.settings.cutoff, self.settings.cutoff_hold)
        } else {
            (voltage > self.settings.reconnect, self.settings.reconnect_hold)
        };
        self.contrary = if contrary { self.contrary + dt } else { Duration::ZERO };
        if self.contrary >= hold {
            self.load_closed = !self.load_closed;
            self.contrary = Duration::ZERO;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const WARM: Temperature = SET_TEMPERATURE;

    fn charger() -> Charger {
        Charger::new(Settings::usual(Chemistry::Agm, Charge::from_amp_hours(70.0)))
    }

    fn see(charger: &mut Charger, volts: f64, amps: f64, watts: f64, times: u64) {
        for _ in 0..times {
            let (voltage, current) = (Voltage::from_volts(volts), Current::from_amps(amps));
            charger.observe(SECOND, voltage, current, Power::from_watts(watts), WARM);
        }
    }

    #[test]
    fn goes_from_bulk_over_absorption_to_float_when_the_current_is_small() {
        let mut charger = charger();
        see(&mut charger, 13.0, -8.0, 150.0, 10);
        assert_eq!(charger.phase(), Phase::Bulk);
        see(&mut charger, 14.4, -5.0, 150.0, 60);
        assert_eq!(charger.phase(), Phase::Absorption);
        see(&mut charger, 13.5, -0.5, 10.0, 600);
        assert_eq!(charger.phase(), Phase::Absorption, "a cloud is not a full battery");
        see(&mut charger, 14.4, -1.0, 150.0, 2);
        assert_eq!(charger.phase(), Phase::Float);
        assert!(charger.ceiling(WARM) < Voltage::from_volts(14.0));
    }

    #[test]
    fn absorption_ends_with_its_time_and_a_night_starts_anew() {
        let mut charger = charger();
        see(&mut charger, 14.4, -5.0, 150.0, 7202);
        assert_eq!(charger.phase(), Phase::Float);
        see(&mut charger, 12.7, 2.0, 0.0, 1);
        assert_eq!(charger.phase(), Phase::Bulk);
    }

    #[test]
    fn cold_raises_the_set_point() {
        let charger = charger();
        let rise = charger.ceiling(Temperature::from_celsius(5.0)) - charger.ceiling(WARM);
        assert!((rise.volts() - 0.36).abs() < 1e-9);
    }

    #[test]
    fn cuts_the_load_only_after_its_delay_and_reconnects_high() {
        let mut charger = charger();
        see(&mut charger, 10.9, 3.0, 0.0, 9);
        see(&mut charger, 11.1, 3.0, 0.0, 1);
        see(&mut charger, 10.9, 3.0, 0.0, 9);
        assert!(charger.load_closed(), "the delay starts anew after a rise");
        see(&mut charger, 10.9, 3.0, 0.0, 1);
        assert!(!charger.load_closed());
        see(&mut charger, 12.5, 0.0, 0.0, 600);
        assert!(!charger.load_closed(), "the rebound of an unloaded battery is not enough");
        see(&mut charger, 12.7, -5.0, 150.0, 30);
        assert!(charger.load_closed());
    }
}
