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
        if !charging(cell, mean) {
            self.low = self.at(cell, mean, -1.28);
        }
    }

    /// The band; `None` before the first reading.
    pub(super) fn band(&self, cell: &Cell) -> Option<SocBand> {
        let mean = self.mean?;
        if charging(cell, mean) {
            let (low, high) = (self.low, 1.0);
            return Some(band(low, 0.5 * (low + high), high));
        }
        Some(band(self.low, self.at(cell, mean, 0.0), self.at(cell, mean, 1.28)))
    }

    /// The table's state of charge for a mean voltage that is so many standard deviations higher.
    fn at(&self, cell: &Cell, mean: f64, deviations: f64) -> f64 {
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
