//! What a person's multimeter says of a sensor's volts: one or two points, and the line through them.
//!
//! A voltmeter that is half a percent off shows a lead-acid battery five points of charge beside the truth. Boards with a
//! clone of the chip, and dividers of one-percent resistors, are farther off than that; nothing but another meter can tell.

use std::fmt;

use protocol::Voltage;
use serde::Deserialize;

use super::check::complain;
use super::document::{Document, Section};
use super::error::What;

/// What a 12 V battery shows anywhere between empty and equalised.
const RANGE: (Voltage, Voltage) = (Voltage::from_volts(6.0), Voltage::from_volts(17.0));
/// Farther off than this part no voltmeter is: the numbers are swapped, or the wiring is wrong.
const OFF_MOST: f64 = 0.2;
/// Two points closer than this draw no line: a multimeter reads to a hundredth of a volt.
const APART_LEAST: Voltage = Voltage::from_volts(1.0);

/// The two meters at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Comparison {
    /// What the sensor showed.
    pub shows: Voltage,
    /// What the multimeter showed at the battery.
    pub really: Voltage,
}

/// How a sensor's volts are corrected: not at all, by a factor (one comparison), or by a line (two).
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(transparent)]
pub struct Voltmeter(Vec<Comparison>);

impl Voltmeter {
    /// Whether the sensor's own volts are taken as they are.
    pub fn is_trusted(&self) -> bool {
        self.0.is_empty()
    }

    /// The voltage when the sensor shows this.
    pub fn really(&self, shows: Voltage) -> Voltage {
        let (factor, base) = self.line();
        base + shows * factor
    }

    /// What the sensor shows at this voltage: a chip's own threshold is compared with that.
    pub fn shows(&self, really: Voltage) -> Voltage {
        let (factor, base) = self.line();
        (really - base) / factor
    }

    /// The factor, and the voltage where the sensor shows none.
    fn line(&self) -> (f64, Voltage) {
        match self.0[..] {
            [] => (1.0, Voltage::ZERO),
            [one] => (one.really / one.shows, Voltage::ZERO),
            [one, other, ..] => {
                let factor = (other.really - one.really) / (other.shows - one.shows);
                (factor, one.really - one.shows * factor)
            }
        }
    }

    /// Notes comparisons that no two meters could give.
    pub(super) fn check(&self, document: &mut Document<'_>, section: &Section<'_>) {
        if let Some(words) = self.objection() {
            complain(document, section, "voltmeter", What::Value(words));
        }
    }

    fn objection(&self) -> Option<String> {
        let (low, high) = RANGE;
        for Comparison { shows, really } in &self.0 {
            if let Some(volts) = [shows, really].into_iter().find(|volts| !(low..=high).contains(volts)) {
                return Some(format!("{volts} is outside {low} to {high}: compare the two at the battery"));
            }
            if (*really / *shows - 1.0).abs() > OFF_MOST {
                return Some(format!(
                    "{shows} for {really}: no voltmeter is so far off, check both numbers and the wiring"
                ));
            }
        }
        match self.0[..] {
            [] | [_] => None,
            [one, other] => {
                let apart = |a: Voltage, b: Voltage| if a > b { a - b } else { b - a };
                let least = [apart(one.shows, other.shows), apart(one.really, other.really)];
                let near = least.into_iter().find(|apart| *apart < APART_LEAST)?;
                Some(format!(
                    "the two comparisons are {near} apart, and a line needs {APART_LEAST}, as of a night and a charge: \
                     write one of them alone"
                ))
            }
            _ => Some(format!(
                "{} comparisons: one makes a factor, two make a line, more are not used",
                self.0.len()
            )),
        }
    }
}

impl fmt::Display for Voltmeter {
    /// To follow a sensor's own words; nothing where it is trusted.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|one| write!(f, ", shows {} at {}", one.shows, one.really))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn voltmeter(points: &[(f64, f64)]) -> Voltmeter {
        let volts = Voltage::from_volts;
        Voltmeter(
            points
                .iter()
                .map(|&(shows, really)| Comparison { shows: volts(shows), really: volts(really) })
                .collect(),
        )
    }

    fn really(points: &[(f64, f64)], shows: f64) -> f64 {
        voltmeter(points).really(Voltage::from_volts(shows)).volts()
    }

    #[test]
    fn none_one_and_two_comparisons_are_nothing_a_factor_and_a_line() {
        assert!((really(&[], 12.3) - 12.3).abs() < 1e-12);
        assert!((really(&[(12.0, 12.12)], 11.0) - 11.11).abs() < 1e-9);
        let line = [(11.9, 12.0), (14.2, 14.4)];
        for (shows, wanted) in [(11.9, 12.0), (14.2, 14.4), (13.05, 13.2)] {
            assert!((really(&line, shows) - wanted).abs() < 1e-9, "{shows}");
        }
    }

    #[test]
    fn a_threshold_is_put_where_the_sensor_shows_it() {
        for points in [&[][..], &[(12.0, 12.12)], &[(11.9, 12.0), (14.2, 14.4)]] {
            let meter = voltmeter(points);
            let there = meter.shows(Voltage::from_volts(11.3));
            assert!((meter.really(there).volts() - 11.3).abs() < 1e-9, "{points:?}");
        }
    }

    #[test]
    fn what_no_two_meters_could_give_is_refused_with_its_numbers() {
        for (points, wanted) in [
            (&[(12.0, 1.2)][..], "1.2"),
            (&[(12.0, 15.0)], "15.0"),
            (&[(12.0, 12.1), (12.4, 12.5)], "0.4"),
            (&[(12.0, 12.1), (14.0, 14.1), (13.0, 13.1)], "3 comparisons"),
            (&[(f64::NAN, 12.1)], "NaN"),
        ] {
            let said = voltmeter(points).objection().expect(wanted);
            assert!(said.contains(wanted), "{said}");
        }
        assert_eq!(voltmeter(&[(12.38, 12.45), (14.1, 14.2)]).objection(), None);
    }
}
