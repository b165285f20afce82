//! Sensor faults that the readings give away by themselves.
//!
//! Swapped sign: when a load comes on, the voltage of every battery falls; where it rises with the current, the shunt
//! is wired the other way round. Clipped shunt: a current that stands still to the last bit, at the end of a usual
//! shunt's range, while the voltage goes on moving. A wrong gain shows only against a battery that is known.

use protocol::{Charge, Current, Voltage};

/// A fault of the sensor or of the settings, found in the readings: a person should look.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Advisory {
    /// The current stands still at one end: the shunt is too large for it. What flows beyond is not counted.
    ShuntClipped {
        /// The end of the range.
        limit: Current,
    },
    /// From full to empty another charge was counted than the label says, by this factor, too near to it for an old
    /// battery: the current's gain is likely off (1.05: reads 5 % too much), or the battery is a little larger.
    CurrentGain {
        /// Counted over label.
        factor: f64,
    },
    /// The voltage rises with the discharge current: the shunt is wired the other way round. The sign is turned here.
    CurrentReversed,
    /// The voltage lies off what this chemistry can show, by this much: the voltmeter's gain, or the wrong chemistry.
    VoltageOffset {
        /// Read above expected.
        offset: Voltage,
    },
    /// The battery holds much less than its label says: it is old, or the label is wrong.
    CapacityLow {
        /// What it holds.
        learned: Charge,
        /// What the label says.
        label: Charge,
    },
}

/// Changes of current smaller than this part of the label's capacity an hour say nothing.
const STEP_LEAST: f64 = 0.0015;
/// How many changes must be seen before the sign is judged.
const STEPS: f64 = 24.0;
/// How alike changes of current and voltage must be (a correlation) before the sign is judged.
const ALIKE: f64 = 0.6;

/// Full scales of usual shunts behind an INA226 (81.92 mV) or INA219 (320 mV), amperes.
const FULL_SCALES: [f64; 13] =
    [0.8192, 1.6384, 3.2, 3.2768, 4.096, 5.4613, 8.192, 16.384, 40.96, 54.613, 81.92, 109.23, 163.84];

/// Watches the readings.
#[derive(Debug, Clone, Default)]
pub(super) struct Suspect {
    last: Option<(f64, f64)>,
    steps: f64,
    volts_volts: f64,
    amps_amps: f64,
    volts_amps: f64,
    still: Still,
    most: f64,
    clipped: Option<f64>,
    gathered: (f64, f64),
}

/// A run of readings with the very same current.
#[derive(Debug, Clone, Copy, Default)]
struct Still {
    amps: f64,
    readings: u32,
    volts_low: f64,
    volts_high: f64,
}

impl Suspect {
    /// One reading as it came, and the seconds since the last.
    pub(super) fn observe(&mut self, volts: f64, amps: f64, seconds: f64, label: f64) {
        if let Some((volts_last, amps_last)) = self.last
            && seconds <= 60.0
        {
            let (up, more) = (volts - volts_last, amps - amps_last);
            if more.abs() > STEP_LEAST * label {
                self.steps += 1.0;
                self.volts_volts += up * up;
                self.amps_amps += more * more;
                self.volts_amps += up * more;
                // A charge meets another resistance, and a charger that holds its voltage none at all.
                if amps > 0.0 && amps_last > 0.0 {
                    self.gathered.0 -= up * more;
                    self.gathered.1 += more * more;
                }
                if self.steps > 400.0 {
                    self.forget();
                }
            }
        }
        self.last = Some((volts, amps));
        self.watch_clip(volts, amps);
    }

    /// Old changes count less, so that a repaired wire is noticed too.
    fn forget(&mut self) {
        self.steps *= 0.5;
        self.volts_volts *= 0.5;
        self.amps_amps *= 0.5;
        self.volts_amps *= 0.5;
    }

    fn watch_clip(&mut self, volts: f64, amps: f64) {
        self.most = self.most.max(amps.abs());
        let still = &mut self.still;
        if (amps - still.amps).abs() > 1e-9 {
            *still = Still { amps, readings: 1, volts_low: volts, volts_high: volts };
            return;
        }
        still.readings = still.readings.saturating_add(1);
        still.volts_low = still.volts_low.min(volts);
        still.volts_high = still.volts_high.max(volts);
        let moves = still.volts_high - still.volts_low > 0.008;
        let near = |scale: &f64| (amps.abs() / scale - 1.0).abs() < 0.0006;
        let end = amps.abs() >= self.most && FULL_SCALES.iter().any(near);
        if still.readings >= 12 && moves && end {
            self.clipped = Some(amps);
        }
    }

    /// The driver itself said that the shunt is clipped.
    pub(super) fn told_clipped(&mut self, limit: f64) {
        self.clipped = Some(limit);
    }

    /// The end of the range, once it was seen, A.
    pub(super) fn clipped(&self) -> Option<f64> {
        self.clipped
    }

    /// Whether the current's sign is the wrong one.
    pub(super) fn is_reversed(&self) -> bool {
        self.alike() > ALIKE
    }

    /// Whether this current stands at the end of the range: what flows beyond it is not seen.
    pub(super) fn is_at_end(&self, amps: f64) -> bool {
        self.clipped.is_some_and(|limit| limit * amps > 0.0 && amps.abs() >= 0.999 * limit.abs())
    }

    /// Correlation of the changes of voltage and current; 0 while too few were seen.
    fn alike(&self) -> f64 {
        if self.steps < STEPS {
            return 0.0;
        }
        self.volts_amps / libm::sqrt((self.volts_volts * self.amps_amps).max(1e-12))
    }

    /// The sign was turned: what was gathered has the wrong one.
    pub(super) fn turned(&mut self) {
        *self = Self { clipped: self.clipped, ..Self::default() };
    }

    /// Resistance over all changes since the last call, ohms, with its variance; `None` until enough was seen.
    pub(super) fn take_resistance(&mut self) -> Option<(f64, f64)> {
        let (product, square) = self.gathered;
        if square < 0.5 {
            return None;
        }
        self.gathered = (0.0, 0.0);
        Some((product / square, 3.2e-5 / square))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::energy::chance::mixed;

    /// Ten minutes of a wavering load on a battery of 30 mOhm, the current read with this sign.
    fn wavering(sign: f64) -> Suspect {
        let mut suspect = Suspect::default();
        for step in 0..120 {
            let amps = 2.0 + mixed(step);
            suspect.observe(12.4 - 0.03 * amps + 0.002 * mixed(1000 + step), sign * amps, 10.0, 70.0);
        }
        suspect
    }

    #[test]
    fn a_swapped_sign_is_told_from_a_right_one() {
        assert!(wavering(-1.0).is_reversed());
        assert!(!wavering(1.0).is_reversed());
    }

    #[test]
    fn the_resistance_comes_out_of_the_wavering() {
        let (ohms, _) = wavering(1.0).take_resistance().unwrap();
        assert!((ohms - 0.03).abs() < 0.004, "{ohms} Ohm");
    }

    #[test]
    fn a_still_current_is_clipped_only_at_the_end_of_a_shunt_and_under_a_moving_voltage() {
        let run = |amps: f64, volts_step: f64| {
            let mut suspect = Suspect::default();
            for step in 0..60 {
                suspect.observe(13.0 + volts_step * f64::from(step), amps, 10.0, 70.0);
            }
            suspect.clipped()
        };
        assert_eq!(run(-8.192, 0.001), Some(-8.192));
        assert_eq!(run(-5.0, 0.001), None, "a steady charger");
        assert_eq!(run(-8.192, 0.0), None, "a steady charger of just that current");
    }
}
