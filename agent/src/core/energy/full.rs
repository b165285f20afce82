//! When a battery is full: voltage AND tail current AND duration, all at once.
//!
//! Charger and monitor rarely agree on the last of it: so it is told as soon as it is nearly full, and again for half that tail.
//!
//! A cloud takes the voltage away, a curtailed panel at absorption voltage means that the battery itself takes no more. Float is
//! under the absorption voltage: there it needs an hour, and next to no current, since a charger that falls back to float
//! first stops the current of every battery for a while. LiFePO4 at float says nothing: its voltage is there long before.

use super::cell::Cell;

/// How far under the charger's absorption voltage still counts: meters, leads and settings differ.
const VOLTS_UNDER: f64 = 0.2;
/// A discharge above this part of the capacity an hour is no charging at all.
const DISCHARGE_MOST: f64 = 0.002;

/// Of a smaller tail nobody knows what part is gassing, in parts of the capacity an hour.
const TAIL_LEAST: f64 = 0.005;

/// How far under the usual float voltage still counts: chargers hold 13.5 to 13.8 V, and a voltmeter is off.
const FLOAT_UNDER: f64 = 0.35;
/// So long it must float, s ...
const FLOAT_HOLD: f64 = 3600.0;
/// ... and take less than this all the time, in parts of the capacity an hour: a current at float that falls no more is how a stationary battery is
/// known to be full (IEEE 450), and in a new one it is 0.001.
const FLOAT_TAIL: f64 = 0.003;
/// So far under float no charger holds it any more, however little it gives, V.
const NO_CHARGER: f64 = 0.5;
/// A battery takes so much more at absorption voltage, which lies about twice as far above its rest voltage.
const FLOAT_SLOWER: f64 = 2.0;

/// Watches for a full battery.
#[derive(Debug, Clone, Default)]
pub(super) struct Full {
    held: f64,
    amps: f64,
    /// The tail that was told last in this charge, in parts of the capacity an hour.
    told: Option<f64>,
    /// How long a charger has held it at float while it took next to nothing, s.
    floated: f64,
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
        cell: &Cell,
        volts: f64,
        amps: f64,
        celsius: f64,
        seconds: f64,
    ) -> Option<Found> {
        let usual = cell.usual;
        let volts = volts - usual.charge_per_kelvin.volts() * (celsius - 25.0).clamp(-25.0, 25.0);
        let least = usual.absorption.volts() - VOLTS_UNDER;
        self.amps += (amps - self.amps) * (seconds / 60.0).min(1.0);
        let draws = self.amps >= DISCHARGE_MOST * cell.label;
        let tail = (-self.amps / cell.label).max(TAIL_LEAST);
        if self.floats(cell, volts, seconds, draws) {
            let tail = (FLOAT_SLOWER * -self.amps / cell.label).max(TAIL_LEAST);
            return self.is_news(tail).then(|| self.found(tail));
        }
        if volts < least || draws || -self.amps >= usual.tail_per_hour * cell.label {
            if volts < usual.float.volts() - NO_CHARGER || volts < least - 0.5 && draws {
                self.told = None;
            }
            self.held = 0.0;
            return None;
        }
        self.held = if self.is_news(tail) { self.held + seconds.min(60.0) } else { 0.0 };
        (self.held >= usual.tail_hold.as_secs_f64()).then(|| self.found(tail))
    }

    /// Whether a charger has held it at float for long enough, and it took next to nothing. `volts` as they would be at 25 C.
    fn floats(&mut self, cell: &Cell, volts: f64, seconds: f64, draws: bool) -> bool {
        let takes = -self.amps >= FLOAT_TAIL * cell.label;
        if !cell.is_lead() || draws || takes || volts < cell.usual.float.volts() - FLOAT_UNDER {
            self.floated = 0.0;
            return false;
        }
        self.floated += seconds.min(60.0);
        self.floated >= FLOAT_HOLD
    }

    /// Whether such a tail was not told yet in this charge, nor one less than twice as large.
    fn is_news(&self, tail: f64) -> bool {
        self.told.is_none_or(|told| told > TAIL_LEAST && tail <= (0.5 * told).max(TAIL_LEAST))
    }

    fn found(&mut self, tail: f64) -> Found {
        let again = self.told.replace(tail).is_some();
        Found { tail, again }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::energy::tests::battery;
    use hardware::battery::Chemistry;

    fn cell(chemistry: Chemistry) -> Cell {
        Cell::new(&battery(chemistry, 70.0))
    }

    /// Feeds minutes of one reading; whether the battery was found full meanwhile.
    fn minutes(full: &mut Full, minutes: u32, volts: f64, amps: f64) -> bool {
        let cell = cell(Chemistry::Agm);
        (0..minutes * 6)
            .fold(false, |found, _| found | full.observe(&cell, volts, amps, 25.0, 10.0).is_some())
    }

    #[test]
    fn full_needs_voltage_and_tail_and_duration() {
        let mut full = Full::default();
        assert!(!minutes(&mut full, 60, 14.4, -9.0), "absorption voltage, still taking much");
        assert!(!minutes(&mut full, 600, 13.6, -0.5), "float, still taking something");
        assert!(!minutes(&mut full, 4, 14.4, -1.0), "not for long enough");
        assert!(!minutes(&mut full, 30, 12.9, 1.0), "a cloud came");
        assert!(minutes(&mut full, 15, 14.4, -1.0), "all three at once");
        assert!(!minutes(&mut full, 60, 14.4, -0.5), "told once a charge");
        assert!(!minutes(&mut full, 60, 12.7, 2.0), "a discharge");
        assert!(minutes(&mut full, 15, 14.4, -1.0), "the next charge");
    }

    #[test]
    fn a_tail_that_halves_is_told_again() {
        let cell = cell(Chemistry::Agm);
        let mut full = Full::default();
        let mut told = Vec::new();
        // From 7 A down by a hundredth a minute; half a percent an hour of 70 Ah is 0.35 A.
        let mut amps = 7.0;
        for _ in 0..600 {
            amps *= 0.99;
            told.extend((0..6).filter_map(|_| full.observe(&cell, 14.4, -amps, 25.0, 10.0)));
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
        let cell = cell(Chemistry::Agm);
        let mut full = Full::default();
        let found = (0..600).any(|_| full.observe(&cell, 14.3, -1.0, 0.0, 10.0).is_some());
        assert!(!found, "14.3 V is no absorption voltage at 0 C");
    }

    #[test]
    fn an_hour_at_float_without_a_current_is_full_and_told_once() {
        let mut full = Full::default();
        assert!(!minutes(&mut full, 55, 13.6, -0.05), "not for long enough");
        assert!(minutes(&mut full, 10, 13.6, -0.05), "an hour");
        assert!(!minutes(&mut full, 600, 13.6, -0.05), "told once a charge");
        assert!(!minutes(&mut full, 60, 12.7, 2.0), "a discharge");
        assert!(minutes(&mut full, 65, 13.6, -0.05), "the next charge");
    }

    #[test]
    fn after_a_night_without_a_load_the_next_charge_is_told_too() {
        let mut full = Full::default();
        assert!(minutes(&mut full, 65, 13.6, -0.05), "the first day");
        assert!(!minutes(&mut full, 600, 12.8, 0.05), "all nodes are parked");
        assert!(!minutes(&mut full, 60, 13.3, -7.0), "the sun is up");
        assert!(minutes(&mut full, 15, 14.4, -1.0), "the second day");
    }

    #[test]
    fn what_stops_the_current_at_float_for_less_than_an_hour_does_not_fake_it() {
        let mut full = Full::default();
        for _ in 0..20 {
            assert!(!minutes(&mut full, 50, 13.6, 0.0), "just fallen back to float");
            assert!(!minutes(&mut full, 40, 13.6, -0.7), "and takes again what it lacks");
        }
        assert!(!minutes(&mut full, 600, 13.0, 0.0), "resting, or a panel that gives just the load");
    }

    #[test]
    fn float_says_nothing_of_lithium() {
        let cell = cell(Chemistry::LiFePO4);
        let mut full = Full::default();
        let found = (0..3600).any(|_| full.observe(&cell, 13.5, -0.05, 25.0, 10.0).is_some());
        assert!(!found);
    }
}
