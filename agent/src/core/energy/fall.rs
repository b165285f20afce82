//! How steeply the voltage falls, near the end: what no equation may promise away.
//!
//! Towards its end the voltage of every battery falls ever more steeply. So the straight line through the last views
//! meets the cut-off later than the battery will: it bounds what can still be drawn, whatever the datasheet, the cold
//! and the age, and a battery that is at its cut-off is empty.

use libm::exp;

/// Over how much charge (parts of the capacity) the line reaches back.
const REACH: f64 = 0.02;
/// Before so much was drawn (parts of the capacity) there is no line.
const DRAWN_LEAST: f64 = 0.015;

/// A running straight line of voltage against charge drawn, old views fading.
#[derive(Debug, Clone, Default)]
pub(super) struct Fall {
    last: Option<f64>,
    seen: f64,
    weight: f64,
    drawn: f64,
    volts: f64,
    drawn_drawn: f64,
    drawn_volts: f64,
    /// Resistance seen in quick changes of the current of late, ohms, and what it weighs.
    ohms: f64,
    ohms_weight: f64,
}

impl Fall {
    /// One view: this much drawn since the count began (parts of the capacity), these volts at the usual load.
    pub(super) fn observe(&mut self, drawn: f64, volts: f64) {
        let moved = self.last.map_or(0.0, |last| drawn - last);
        if moved < 0.0 {
            *self = Self { ohms: self.ohms, ohms_weight: self.ohms_weight, ..Self::default() };
        }
        self.last = Some(drawn);
        self.seen += moved.max(0.0);
        // All that is held lies relative to the newest view, so that nothing grows.
        let keep = exp(-moved.max(0.0) / REACH);
        self.ohms_weight *= keep;
        let (weight, drawn_sum) = (self.weight, self.drawn);
        self.drawn_drawn = keep * (self.drawn_drawn - 2.0 * moved * drawn_sum + moved * moved * weight);
        self.drawn_volts = keep * (self.drawn_volts - moved * self.volts);
        self.drawn = keep * (drawn_sum - moved * weight);
        self.volts = keep * self.volts + volts;
        self.weight = keep * weight + 1.0;
    }

    /// The resistance as seen in quick changes of the current, with its variance.
    pub(super) fn see_resistance(&mut self, ohms: f64, variance: f64) {
        let weight = 1.0 / variance.max(1e-9);
        self.ohms_weight += weight;
        self.ohms += (ohms - self.ohms) * weight / self.ohms_weight;
    }

    /// What it was of late, ohms; rising towards the end, when the mean of a whole discharge says too little.
    pub(super) fn resistance(&self) -> Option<f64> {
        (self.ohms_weight > 0.0).then_some(self.ohms.max(0.0))
    }

    /// So much can be drawn at the most (parts of the capacity) until these volts are met; `None` without a line that
    /// falls.
    pub(super) fn most(&self, volts: f64) -> Option<f64> {
        if self.seen < DRAWN_LEAST {
            return None;
        }
        let spread = self.drawn_drawn - self.drawn * self.drawn / self.weight;
        let slope = (self.drawn_volts - self.drawn * self.volts / self.weight) / spread;
        let now = (self.volts - slope * self.drawn) / self.weight;
        (slope < 0.0).then(|| ((now - volts) / -slope).max(0.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A curve that falls ever more steeply and meets 10.5 V at 1.
    fn knee(drawn: f64) -> f64 {
        12.0 - 0.5 * drawn - libm::pow(drawn, 12.0)
    }

    fn fallen_to(until: f64) -> Fall {
        let mut fall = Fall::default();
        let steps = (until / 0.005) as u32;
        (0..=steps).for_each(|step| fall.observe(f64::from(step) * 0.005, knee(f64::from(step) * 0.005)));
        fall
    }

    #[test]
    fn the_line_never_promises_less_than_a_knee_holds_and_closes_in_on_it() {
        for until in [0.5, 0.8, 0.9, 0.95, 0.99] {
            let most = fallen_to(until).most(10.5).unwrap();
            assert!(most > 1.0 - until - 0.005, "{most} at {until}");
        }
        assert!(fallen_to(0.95).most(10.5).unwrap() < 0.2);
        assert!(fallen_to(0.99).most(10.5).unwrap() < 0.06);
    }

    #[test]
    fn a_charge_begins_a_new_line() {
        let mut fall = fallen_to(0.9);
        fall.observe(0.5, 12.4);
        assert_eq!(fall.most(10.5), None);
    }

    #[test]
    fn the_resistance_near_the_end_is_not_that_of_the_whole_discharge() {
        let mut fall = Fall::default();
        for step in 0..=190 {
            let drawn = f64::from(step) * 0.005;
            fall.observe(drawn, knee(drawn));
            fall.see_resistance(0.02 + 0.08 * drawn, 1e-4);
        }
        let ohms = fall.resistance().unwrap();
        assert!((ohms - 0.0944).abs() < 0.003, "{ohms} ohms");
    }
}
