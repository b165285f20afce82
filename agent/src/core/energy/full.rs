//! When a battery is full: voltage AND tail current AND duration, all at once.
//!
//! Charger and monitor rarely agree on the last of it: so it is told as soon as it is nearly full, and again for half that tail.
//!
//! A cloud takes the voltage away, float is under the absorption voltage, a curtailed panel at absorption voltage means
//! that the battery itself takes no more. None of them alone counts.

use hardware::battery::Usual;

/// How far under the charger's absorption voltage still counts: meters, leads and settings differ.
const VOLTS_UNDER: f64 = 0.2;
/// A discharge above this part of the capacity an hour is no charging at all.
const DISCHARGE_MOST: f64 = 0.002;

/// Of a smaller tail nobody knows what part is gassing, in parts of the capacity an hour.
const TAIL_LEAST: f64 = 0.005;

/// Watches for a full battery.
#[derive(Debug, Clone, Default)]
pub(super) struct Full {
    held: f64,
    amps: f64,
    /// The tail that was told last in this charge, in parts of the capacity an hour.
    told: Option<f64>,
}

/// A battery found full.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Found {
    /// Its tail current, in parts of the label's capacity an hour.
    pub(super) tail: f64,
    /// Whether it was found in this charge before, with twice the tail.
    pub(super) again: bool,
}

impl Full {
    /// Whether the battery was found full just now. Told once a charge, and again whenever the tail has halved.
    pub(super) fn observe(
        &mut self,
        usual: &Usual,
        label: f64,
        volts: f64,
        amps: f64,
        celsius: f64,
        seconds: f64,
    ) -> Option<Found> {
        let compensation = usual.charge_per_kelvin.volts() * (celsius - 25.0).clamp(-25.0, 25.0);
        let least = usual.absorption.volts() + compensation - VOLTS_UNDER;
        self.amps += (amps - self.amps) * (seconds / 60.0).min(1.0);
        let tail = -self.amps < usual.tail_per_hour * label && self.amps < DISCHARGE_MOST * label;
        if volts < least || !tail {
            if volts < least - 0.5 {
                self.told = None;
            }
            self.held = 0.0;
            return None;
        }
        let tail = (-self.amps / label).max(TAIL_LEAST);
        let news = self.told.is_none_or(|told| told > TAIL_LEAST && tail <= (0.5 * told).max(TAIL_LEAST));
        self.held = if news { self.held + seconds.min(60.0) } else { 0.0 };
        if self.held < usual.tail_hold.as_secs_f64() {
            return None;
        }
        let again = self.told.replace(tail).is_some();
        Some(Found { tail, again })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hardware::battery::Chemistry;

    /// Feeds minutes of one reading; whether the battery was found full meanwhile.
    fn minutes(full: &mut Full, minutes: u32, volts: f64, amps: f64) -> bool {
        let usual = Chemistry::Agm.usual();
        (0..minutes * 6)
            .fold(false, |found, _| found | full.observe(usual, 70.0, volts, amps, 25.0, 10.0).is_some())
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
    fn a_tail_that_halves_is_told_again() {
        let usual = Chemistry::Agm.usual();
        let mut full = Full::default();
        let mut told = Vec::new();
        // From 7 A down by a hundredth a minute; half a percent an hour of 70 Ah is 0.35 A.
        let mut amps = 7.0;
        for _ in 0..600 {
            amps *= 0.99;
            told.extend((0..6).filter_map(|_| full.observe(usual, 70.0, 14.4, -amps, 25.0, 10.0)));
        }
        assert!(!told[0].again && told[1..].iter().all(|found| found.again), "{told:?}");
        assert!(told.windows(2).all(|pair| pair[1].tail <= 0.51 * pair[0].tail.max(0.01)), "{told:?}");
        assert!((3..=5).contains(&told.len()), "{told:?}");
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
        let found = (0..600).any(|_| full.observe(usual, 70.0, 14.3, -1.0, 0.0, 10.0).is_some());
        assert!(!found, "14.3 V is no absorption voltage at 0 C");
    }
}
