//! When a battery is full: voltage AND tail current AND duration, all at once.
//!
//! A cloud takes the voltage away, float is under the absorption voltage, a curtailed panel at absorption voltage means
//! that the battery itself takes no more. None of them alone counts.

use hardware::battery::Usual;

/// How far under the charger's absorption voltage still counts: meters, leads and settings differ.
const VOLTS_UNDER: f64 = 0.2;
/// A discharge above this part of the capacity an hour is no charging at all.
const DISCHARGE_MOST: f64 = 0.002;

/// Watches for a full battery.
#[derive(Debug, Clone, Default)]
pub(super) struct Full {
    held: f64,
    amps: f64,
    told: bool,
}

impl Full {
    /// Whether the battery became full just now. Told once a charge.
    pub(super) fn observe(
        &mut self,
        usual: &Usual,
        label: f64,
        volts: f64,
        amps: f64,
        celsius: f64,
        seconds: f64,
    ) -> bool {
        let compensation = usual.charge_per_kelvin.volts() * (celsius - 25.0).clamp(-25.0, 25.0);
        let least = usual.absorption.volts() + compensation - VOLTS_UNDER;
        self.amps += (amps - self.amps) * (seconds / 60.0).min(1.0);
        let tail = -self.amps < usual.tail_per_hour * label && self.amps < DISCHARGE_MOST * label;
        if volts < least || !tail {
            if volts < least - 0.5 {
                self.told = false;
            }
            self.held = 0.0;
            return false;
        }
        self.held += seconds.min(60.0);
        let full = !self.told && self.held >= usual.tail_hold.as_secs_f64();
        self.told |= full;
        full
    }
}
