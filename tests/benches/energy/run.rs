//! The agent's own estimator, fed with a trace as the agent feeds it.

use agent::config::Battery;
use agent::core::energy::{Advisory, Estimator, Learned};
use agent::core::reading::Sample;
use hardware::battery::Chemistry;
use protocol::report::Basis;
use protocol::{Charge, Current, Power, Soc, Temperature, Uptime, Voltage};

use super::baseline::{Baseline, Counter};
use super::score::{Estimate, Score};
use super::trace::{Row, Trace};

/// What the user configured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Known {
    pub(crate) chemistry: Chemistry,
    pub(crate) label: f64,
    /// The state of charge that a person vouches for, if one does.
    pub(crate) soc: Option<f64>,
}

impl Known {
    pub(crate) fn battery(&self) -> Battery {
        Battery {
            chemistry: self.chemistry,
            capacity: Charge::from_amp_hours(self.label),
            cutoff: None,
            resistance: None,
            load_max: Power::from_watts(50.0),
            temperature: Temperature::from_celsius(25.0),
        }
    }
}

/// What one run gave.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) score: Score,
    pub(crate) learned: Learned,
    #[allow(dead_code, reason = "the tests ask for it, the table does not")]
    pub(crate) advisories: Vec<Advisory>,
}

pub(crate) fn sample(row: &Row) -> Sample {
    Sample {
        voltage: Voltage::from_volts(row.volts),
        current: Some(Current::from_amps(row.amps)),
        temperature: Some(Temperature::from_celsius(row.celsius)),
        reported: None,
        count: None,
        raw: 0,
    }
}

/// Runs the agent's estimator over a trace; errors count from `settle_hours` on.
pub(crate) fn estimator(
    trace: &Trace,
    known: Known,
    learned: Option<&Learned>,
    settle_hours: f64,
    mut watch: impl FnMut(&Row, &Estimate, &Estimator),
) -> Outcome {
    let mut estimator = Estimator::new(known.battery(), learned, None);
    if let Some(soc) = known.soc {
        estimator.assume_soc(Soc::from_fraction(soc));
    }
    let mut score = Score::default();
    let begin = trace.rows.first().map_or(0.0, |row| row.seconds);
    for row in &trace.rows {
        let now = Uptime::from_millis(((row.seconds - begin) * 1000.0) as u64);
        estimator.observe(now, &sample(row));
        let energy = estimator.energy(now);
        let estimate = Estimate {
            soc: energy.soc.filter(|_| energy.basis != Basis::Unknown).map(|band| band.best.fraction()),
            band: energy.soc.map(|band| (band.low.fraction(), band.high.fraction())),
            seconds_left: energy.time_to_empty.map(|time| f64::from(time.best.0)),
        };
        watch(row, &estimate, &estimator);
        if row.seconds - begin >= settle_hours * 3600.0 {
            score.add(row, &estimate);
        }
    }
    Outcome { score, learned: estimator.learned(), advisories: estimator.advisories().collect() }
}

/// Runs a simple way over the same rows.
pub(crate) fn baseline(trace: &Trace, known: Known, kind: Baseline, settle_hours: f64) -> Score {
    let mut counter = Counter::new(kind, known.chemistry.usual(), known.label, known.soc.unwrap_or(0.5));
    let mut score = Score::default();
    let begin = trace.rows.first().map_or(0.0, |row| row.seconds);
    for row in &trace.rows {
        let estimate = counter.observe(row);
        if row.seconds - begin >= settle_hours * 3600.0 {
            score.add(row, &estimate);
        }
    }
    score
}

/// Who knows the charge that will really be drawn, and takes the load to go on as in the last hours: no estimator can
/// foretell its time better, because nobody knows the load to come.
#[allow(dead_code, reason = "the table has it, the tests do not ask for it")]
pub(crate) fn truth(trace: &Trace) -> Score {
    const MEAN_SECONDS: f64 = 3.0 * 3600.0;
    let end = trace.rows.last().map_or(0.0, |row| row.soc);
    let capacity = capacity(trace);
    let mut score = Score::default();
    let mut amps = trace.rows.first().map_or(0.0, |row| row.amps);
    let mut last = 0.0;
    for row in &trace.rows {
        amps += (row.amps - amps) * ((row.seconds - last) / MEAN_SECONDS).min(1.0);
        last = row.seconds;
        let seconds_left = (amps > 0.0).then(|| (row.soc - end) * capacity / amps * 3600.0);
        score.add(row, &Estimate { soc: Some(row.soc), band: None, seconds_left });
    }
    score
}

/// What the battery of a trace holds, Ah: the charge that moved for what the truth moved.
fn capacity(trace: &Trace) -> f64 {
    let moved: f64 = trace
        .rows
        .windows(2)
        .map(|pair| pair[1].amps.abs() * (pair[1].seconds - pair[0].seconds) / 3600.0)
        .sum();
    let truth: f64 = trace.rows.windows(2).map(|pair| (pair[1].soc - pair[0].soc).abs()).sum();
    moved / truth.max(1e-6)
}
