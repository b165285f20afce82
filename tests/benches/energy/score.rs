//! How far an estimate is from the truth.

use super::trace::Row;

/// One estimate at one row; parts of the capacity, seconds. `None` where there is no honest value.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Estimate {
    pub(crate) soc: Option<f64>,
    pub(crate) band: Option<(f64, f64)>,
    pub(crate) seconds_left: Option<f64>,
}

/// Where the time to empty is judged: this much left.
pub(crate) const LEFT: [f64; 3] = [0.5, 0.25, 0.1];

/// Sums over a trace.
#[derive(Debug, Clone, Default)]
pub(crate) struct Score {
    squares: f64,
    count: f64,
    /// Worst error in points.
    pub(crate) worst: f64,
    inside: f64,
    banded: f64,
    width: f64,
    rows: f64,
    last_soc: Option<f64>,
    /// Error of the time to empty at each of [`LEFT`], percent of the true one; positive promises too much.
    pub(crate) left: [Option<f64>; 3],
}

impl Score {
    pub(crate) fn add(&mut self, row: &Row, estimate: &Estimate) {
        self.rows += 1.0;
        let truth = row.soc.clamp(0.0, 1.0);
        if let Some(soc) = estimate.soc {
            let error = (soc - truth) * 100.0;
            self.squares += error * error;
            self.count += 1.0;
            self.worst = self.worst.max(error.abs());
        }
        if let Some((low, high)) = estimate.band {
            self.banded += 1.0;
            self.width += (high - low) * 100.0;
            self.inside += f64::from(u8::from(low <= truth && truth <= high));
        }
        if let (Some(last), Some(truth_left)) = (self.last_soc, row.seconds_left) {
            for (slot, level) in self.left.iter_mut().zip(LEFT) {
                if last > level && row.soc <= level && truth_left > 0.0 {
                    *slot = estimate.seconds_left.map(|left| (left / truth_left - 1.0) * 100.0);
                }
            }
        }
        self.last_soc = Some(row.soc);
    }

    /// Root of the mean square error, points.
    pub(crate) fn rmse(&self) -> f64 {
        (self.squares / self.count.max(1.0)).sqrt()
    }

    /// The part of the trace with a state of charge at all, percent.
    pub(crate) fn answered(&self) -> f64 {
        self.count / self.rows.max(1.0) * 100.0
    }

    /// How often the truth lay inside the band, percent.
    pub(crate) fn coverage(&self) -> f64 {
        self.inside / self.banded.max(1.0) * 100.0
    }

    /// Mean width of the band, points.
    pub(crate) fn width(&self) -> f64 {
        self.width / self.banded.max(1.0)
    }
}
