//! State of charge where only the voltage is measured: coarse, and its band says so.
//!
//! The rest-voltage table, entered with a slow mean of the voltage, lifted by the drop that a usual load causes. The
//! band spans what the battery's spread, the meter and the unknown load can do. A voltage that only a charger makes says
//! that the battery charges, not how full it is: then only the lower bound counts on.

use protocol::Soc;
use protocol::report::SocBand;

use super::cell::Cell;
use super::load::weight;

/// Mean over an hour: a burst or a cloud must not move it.
const MEAN_SECONDS: f64 = 3600.0;
/// A usual load, in parts of the capacity an hour, and how much of it is unknown.
const LOAD_USUAL: f64 = 0.03;
/// The meter: a divider of one-percent resistors, calibrated once. Volts, one standard deviation.
const METER_SPREAD: f64 = 0.05;

/// A voltage so far above its mean is on its way up.
const RISING: f64 = 0.1;

/// The slow mean.
#[derive(Debug, Clone, Default)]
pub(super) struct VoltageOnly {
    mean: Option<f64>,
    seen: f64,
    low: f64,
}

impl VoltageOnly {
    pub(super) fn observe(&mut self, cell: &Cell, volts: f64, seconds: f64) {
        self.seen += seconds;
        let part = weight(seconds, MEAN_SECONDS.min(self.seen.max(1.0)));
        let mean = self.mean.map_or(volts, |mean| mean + (volts - mean) * part);
        self.mean = Some(mean);
        // A voltage on its way up is a charge, or a load gone: no proof of more until it stands.
        if !charging(cell, volts) && volts < mean + RISING {
            self.low = Self::at(cell, mean, -1.28);
        }
    }

    /// The band; `None` before the first reading.
    pub(super) fn band(&self, cell: &Cell) -> Option<SocBand> {
        let mean = self.mean?;
        if charging(cell, mean) {
            let (low, high) = (self.low, 1.0);
            return Some(band(low, 0.5 * (low + high), high));
        }
        Some(band(self.low, Self::at(cell, mean, 0.0), Self::at(cell, mean, 1.28)))
    }

    /// The table's state of charge for a mean voltage that is so many standard deviations higher.
    fn at(cell: &Cell, mean: f64, deviations: f64) -> f64 {
        let drop = LOAD_USUAL * cell.label * cell.resistance * 1.5;
        let spread = cell.usual.rest_spread.volts();
        let spread = libm::sqrt(spread * spread + METER_SPREAD * METER_SPREAD + drop * drop);
        let rest = protocol::Voltage::from_volts(mean + drop + deviations * spread);
        cell.usual.rest.soc(rest).fraction()
    }
}

/// No battery of this kind shows that without a charger.
fn charging(cell: &Cell, volts: f64) -> bool {
    volts > cell.usual.rest.volts()[20] + 0.15
}

fn band(low: f64, best: f64, high: f64) -> SocBand {
    SocBand { low: Soc::from_fraction(low), best: Soc::from_fraction(best), high: Soc::from_fraction(high) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::energy::tests::battery;
    use hardware::battery::Chemistry;

    #[test]
    fn a_cloud_does_not_move_the_band_and_an_hour_does() {
        let cell = Cell::new(&battery(Chemistry::Agm, 70.0));
        let mut only = VoltageOnly::default();
        for _ in 0..360 {
            only.observe(&cell, 12.4, 10.0);
        }
        let before = only.band(&cell).unwrap();
        only.observe(&cell, 12.0, 10.0);
        let after = only.band(&cell).unwrap();
        assert!(before.best.points_above(after.best) < 1.0, "one reading");
        for _ in 0..720 {
            only.observe(&cell, 12.0, 10.0);
        }
        assert!(before.best.points_above(only.band(&cell).unwrap().best) > 20.0, "two hours");
    }

    #[test]
    fn a_charging_voltage_lifts_the_upper_bound_only() {
        let cell = Cell::new(&battery(Chemistry::Agm, 70.0));
        let mut only = VoltageOnly::default();
        for _ in 0..360 {
            only.observe(&cell, 12.2, 10.0);
        }
        let low = only.band(&cell).unwrap().low;
        for _ in 0..720 {
            only.observe(&cell, 13.9, 10.0);
        }
        let band = only.band(&cell).unwrap();
        assert!(band.high == Soc::FULL && band.low.points_above(low) < 1.0, "{band:?}");
    }
}
