//! What the readings give away about the sensor and the settings, told to a person once.

use std::time::Duration;

use protocol::Uptime;

use super::action::{Action, Warning};
use super::energy::{Advisory, Estimator};

/// The estimator is asked this often: it weighs all its hypotheses for the answer.
const INTERVAL: Duration = Duration::from_mins(5);

/// What was told.
#[derive(Debug, Clone, Default)]
pub struct Advice {
    asked: Option<Uptime>,
    told: Vec<std::mem::Discriminant<Advisory>>,
}

impl Advice {
    /// Whether anything was found: something for a person.
    pub const fn is_given(&self) -> bool {
        !self.told.is_empty()
    }

    /// Asks the estimator now and then, and tells what is new.
    pub fn step(&mut self, now: Uptime, estimator: &Estimator, actions: &mut Vec<Action>) {
        if self.asked.is_some_and(|asked| now.since(asked) < INTERVAL) {
            return;
        }
        self.asked = Some(now);
        for advisory in estimator.advisories() {
            let kind = std::mem::discriminant(&advisory);
            if !self.told.contains(&kind) {
                self.told.push(kind);
                actions.push(Action::Warn(Warning::Sensor { sensor: 0, what: words(advisory) }));
            }
        }
        let found =
            |kind: &_| estimator.advisories().any(|advisory| std::mem::discriminant(&advisory) == *kind);
        self.told.retain(found);
    }
}

/// In words.
fn words(advisory: Advisory) -> String {
    match advisory {
        Advisory::ShuntClipped { limit } => {
            format!("the current stands still at {limit}: the shunt is too large for it")
        }
        Advisory::CurrentGain { factor } => {
            let percent = (factor - 1.0) * 100.0;
            format!(
                "the current is counted {percent:+.0} % off the label's capacity: check the shunt's value"
            )
        }
        Advisory::CurrentReversed => "the current's sign is turned: set `reversed` of the sensor".to_owned(),
        Advisory::VoltageOffset { offset } => {
            format!(
                "the voltage lies {offset} off what this chemistry shows: check the chemistry and the wiring, then compare the \
                 sensor with a multimeter (`voltmeter` of its `[[sensor]]`)"
            )
        }
        Advisory::CapacityLow { learned, label } => {
            format!(
                "the battery holds {learned} of the {label} on its label: it is old, or the label is wrong"
            )
        }
    }
}
