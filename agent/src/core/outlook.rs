//! What is to come if nothing changes, and what stepping down a stage would give: "empty in 3 h; shed in 40 min; if we
//! shed now: 6 h 20 min".
//!
//! The load is the supply's own, as its sensor sees it: all nodes that hang on it, converters and network included.
//! What it is in a stage is learned while the node is in that stage; before that, nothing is claimed for it.

use std::fmt;
use std::time::Duration;

use protocol::report::TimeBand;
use protocol::{Power, Stage, Uptime};

use super::energy::Estimator;
use crate::config::Policy;

/// A stage's own load shows only after the means of the load have left the stage before behind.
const SETTLED: Duration = Duration::from_mins(20);
/// The load of a stage is a mean over this much time in it.
const MEAN_SECONDS: f64 = 4.0 * 3600.0;
/// Every stage, from the lightest.
const STAGES: [Stage; 5] = [Stage::Normal, Stage::Throttle, Stage::Shed, Stage::Drain, Stage::Halt];

/// What the supply gives out in each stage of this node, as far as it was seen.
#[derive(Debug, Clone, Default)]
pub struct StageLoads {
    watts: [Option<f64>; STAGES.len()],
    stage: Option<(Stage, Uptime)>,
    last: Option<Uptime>,
}

impl StageLoads {
    /// The load now, in this stage; `None` while the battery charges or nothing is read.
    pub fn observe(&mut self, now: Uptime, stage: Stage, load: Option<Power>) {
        let (_, since) = *self.stage.insert(match self.stage {
            Some((same, since)) if same == stage => (same, since),
            _ => (stage, now),
        });
        let seconds = self.last.replace(now).map_or(0.0, |last| now.since(last).as_secs_f64());
        let Some(load) = load.filter(|_| now.since(since) >= SETTLED) else { return };
        let slot = &mut self.watts[stage as usize];
        let mean = slot.get_or_insert(load.watts());
        *mean += (load.watts() - *mean) * (seconds / MEAN_SECONDS).min(1.0);
    }

    /// The mean in a stage, once it was seen.
    pub fn of(&self, stage: Stage) -> Option<Power> {
        self.watts[stage as usize].map(Power::from_watts)
    }
}

/// What is to be expected of one stage.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    /// Which.
    pub stage: Stage,
    /// How long until the state of charge meets the stage's threshold, at the present load: its lower bound is when this
    /// node goes there. `None` for a stage that has no such threshold, and while nothing is drawn or known.
    pub until: Option<TimeBand>,
    /// What the supply gives out in that stage; `None` where it was never seen.
    pub load: Option<Power>,
    /// How long it would last at that load, until it is usably empty or at the cut-off.
    pub lasts: Option<TimeBand>,
}

/// The outlook from now on.
#[derive(Debug, Clone, PartialEq)]
pub struct Outlook {
    /// Until it is usably empty, at the present load.
    pub empty: Option<TimeBand>,
    /// The present stage first, then every one further down.
    pub steps: Vec<Step>,
}

impl Outlook {
    /// Of a node in this stage. Asks the estimator once a stage: some tens of microseconds.
    pub fn new(estimator: &Estimator, policy: &Policy, loads: &StageLoads, stage: Stage) -> Self {
        let now = estimator.load();
        let steps = STAGES.into_iter().filter(|step| *step >= stage).map(|step| {
            let threshold = policy.rung(step).and_then(|rung| rung.enter.soc).filter(|_| step > stage);
            let load = loads.of(step);
            Step {
                stage: step,
                until: threshold.zip(now).and_then(|(soc, load)| estimator.time_until(soc, load)),
                load,
                lasts: load.and_then(|load| estimator.time_to_empty_at(load)),
            }
        });
        Self { empty: now.and_then(|load| estimator.time_to_empty_at(load)), steps: steps.collect() }
    }
}

/// The lower bounds, which are what is acted by.
impl fmt::Display for Outlook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(empty) = self.empty else { return f.write_str("nothing is drawn, or not enough is known") };
        write!(f, "empty in {} at the least, {} likely", empty.low, empty.best)?;
        for step in &self.steps {
            if let Some(until) = step.until {
                write!(f, "; {} in {}", step.stage, until.low)?;
            }
        }
        for step in self.steps.iter().skip(1) {
            if let Some((lasts, load)) = step.lasts.zip(step.load) {
                write!(f, "; in {} from now on ({load}): {}", step.stage, lasts.low)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Battery;
    use crate::core::reading::Sample;
    use hardware::battery::Chemistry;
    use protocol::{Charge, Current, Soc, Temperature, Voltage};

    /// An hour at this current from 80 % on, the node in `Normal`; and what was learned of the loads.
    fn drawing(amps: f64) -> (Estimator, StageLoads) {
        let battery = Battery {
            chemistry: Chemistry::Agm,
            capacity: Charge::from_amp_hours(70.0),
            cutoff: None,
            resistance: None,
            load_max: Power::from_watts(50.0),
            temperature: Temperature::from_celsius(25.0),
        };
        let mut estimator = Estimator::new(battery, None, None);
        estimator.assume_soc(Soc::from_percent(80.0));
        let mut loads = StageLoads::default();
        for step in 0..360_u64 {
            let now = Uptime::from_secs(step * 10);
            let voltage = Voltage::from_volts(12.55 - 0.0002 * step as f64);
            let current = Some(Current::from_amps(amps));
            estimator.observe(
                now,
                &Sample { voltage, current, temperature: None, reported: None, count: None, raw: step },
            );
            loads.observe(now, Stage::Normal, estimator.load());
        }
        (estimator, loads)
    }

    #[test]
    fn each_stage_comes_later_than_the_one_before_and_empty_last() {
        let (estimator, loads) = drawing(2.2);
        let policy = Policy::for_chemistry(Chemistry::Agm);
        let outlook = Outlook::new(&estimator, &policy, &loads, Stage::Normal);
        let until: Vec<_> = outlook.steps.iter().filter_map(|step| step.until).collect();
        assert_eq!(until.len(), 4, "{outlook:?}");
        assert!(until.windows(2).all(|pair| pair[0].low < pair[1].low), "{outlook}");
        let halt = until[3];
        assert!(halt.low <= halt.best && halt.best <= halt.high, "{halt:?}");
        // From 77 % to 35 % of 70 Ah at 2.2 A.
        let hours = f64::from(halt.best.0) / 3600.0;
        assert!((hours - 13.4).abs() < 1.5, "{hours} h to the halt");
        assert!(halt.best < outlook.empty.unwrap().best, "{outlook}");
    }

    #[test]
    fn a_stage_seen_before_says_what_it_would_give_and_an_unseen_one_says_nothing() {
        let (estimator, mut loads) = drawing(2.2);
        let begin = Uptime::from_secs(3600);
        for minute in 0..60_u64 {
            let now = begin + Duration::from_mins(minute);
            loads.observe(now, Stage::Shed, Some(Power::from_watts(13.0)));
        }
        let policy = Policy::for_chemistry(Chemistry::Agm);
        let outlook = Outlook::new(&estimator, &policy, &loads, Stage::Normal);
        let lasts = |stage: Stage| outlook.steps.iter().find(|step| step.stage == stage).unwrap().lasts;
        let (stay, shed) = (lasts(Stage::Normal).unwrap(), lasts(Stage::Shed).unwrap());
        assert!(shed.low.0 > 2 * stay.low.0, "{outlook}");
        assert_eq!(lasts(Stage::Drain), None);
        assert!(outlook.to_string().contains("in shed from now on"), "{outlook}");
    }

    #[test]
    fn while_it_charges_nothing_is_promised() {
        let (estimator, loads) = drawing(-3.0);
        let policy = Policy::for_chemistry(Chemistry::Agm);
        let outlook = Outlook::new(&estimator, &policy, &loads, Stage::Normal);
        assert!(
            outlook.empty.is_none() && outlook.steps.iter().all(|step| step.until.is_none()),
            "{outlook:?}"
        );
    }
}
