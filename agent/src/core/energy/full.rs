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

#[cfg(test)]
mod tests {
    use super::*;
    use hardware::battery::Chemistry;

    /// Feeds minutes of one reading; whether the battery was found full meanwhile.
    fn minutes(full: &mut Full, minutes: u32, volts: f64, amps: f64) -> bool {
        let usual = Chemistry::Agm.usual();
        (0..minutes * 6).fold(false, |found, _| found | full.observe(usual, 70.0, volts, amps, 25.0, 10.0))
    }

    #[test]
    fn full_needs_voltage_and_tail_and_duration() {
        let mut full = Full::default();
        assert!(!minutes(&mut full, 60, 14.4, -9.0), "absorption voltage, still taking much");
        assert!(!minutes(&mut full, 600, 13.6, -0.1), "float, hardly taking anything");
        assert!(!minutes(&mut full, 4, 14.4, -1.0), "not for long enough");
        assert!(!minutes(&mut full, 30, 12.9, 1.0), "a cloud came");
        assert!(minutes(&mut full, 15, 14.4, -1.0), "all three at once");
        assert!(!minutes(&mut full, 60, 14.4, -0.5), "told once a charge");
        assert!(!minutes(&mut full, 60, 12.7, 2.0), "a discharge");
        assert!(minutes(&mut full, 15, 14.4, -1.0), "the next charge");
    }

    #[test]
    fn clouds_that_come_and_go_do_not_fake_it() {
        let mut full = Full::default();
        for _ in 0..50 {
            assert!(!minutes(&mut full, 3, 14.4, -2.0));
            assert!(!minutes(&mut full, 2, 13.0, 0.5));
        }
    }

    #[test]
    fn a_cold_battery_needs_a_higher_voltage() {
        let usual = Chemistry::Agm.usual();
        let mut full = Full::default();
        let found = (0..600).any(|_| full.observe(usual, 70.0, 14.3, -1.0, 0.0, 10.0));
        assert!(!found, "14.3 V is no absorption voltage at 0 C");
    }
}
