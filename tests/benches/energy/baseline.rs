//! What simpler tools do, on the same readings: the raw rest-voltage table, coulombs alone, coulombs with rest voltage.

use hardware::battery::Usual;
use protocol::Voltage;

use super::score::Estimate;
use super::trace::Row;

/// Which simple way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Baseline {
    /// The rest-voltage table, read at whatever load.
    Table,
    /// Charge counted against the label's capacity.
    Coulombs,
    /// The same, set to the table's value after an hour of rest.
    CoulombsAndRest,
}

impl Baseline {
    pub(crate) const ALL: [Self; 3] = [Self::Table, Self::Coulombs, Self::CoulombsAndRest];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Table => "table",
            Self::Coulombs => "coulombs",
            Self::CoulombsAndRest => "coulombs+rest",
        }
    }
}

/// A simple estimator at work.
#[derive(Debug)]
pub(crate) struct Counter {
    kind: Baseline,
    usual: &'static Usual,
    label: f64,
    soc: f64,
    rested: f64,
    amps: f64,
    last: Option<f64>,
}

impl Counter {
    pub(crate) fn new(kind: Baseline, usual: &'static Usual, label: f64, soc: f64) -> Self {
        Self { kind, usual, label, soc, rested: 0.0, amps: 0.0, last: None }
    }

    pub(crate) fn observe(&mut self, row: &Row) -> Estimate {
        let seconds = self.last.map_or(0.0, |last| row.seconds - last);
        self.last = Some(row.seconds);
        self.soc = (self.soc - row.amps * seconds / 3600.0 / self.label).clamp(0.0, 1.0);
        self.amps += (row.amps - self.amps) * (seconds / 300.0).min(1.0);
        self.rested = if row.amps.abs() < 0.01 * self.label { self.rested + seconds } else { 0.0 };
        let table = self.usual.rest.soc(Voltage::from_volts(row.volts)).fraction();
        match self.kind {
            Baseline::Table => self.soc = table,
            Baseline::CoulombsAndRest if self.rested > 3600.0 => self.soc = table,
            Baseline::Coulombs | Baseline::CoulombsAndRest => {}
        }
        let left = (self.amps > 0.0).then(|| self.soc * self.label / self.amps * 3600.0);
        Estimate { soc: Some(self.soc), band: None, seconds_left: left }
    }
}
