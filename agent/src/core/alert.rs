//! The chips' ALERT lines: armed while all is well, heard once, armed again only when all is well again.
//!
//! ```text
//!   off --(terminals well, waited)--> arming --> armed --edge--> off, for FIRST, doubling to LONGEST while edges keep coming
//!    ^                                  |          |
//!    +------- refused, or lost: told once, tried again --------+
//! ```
//!
//! A line that is off is not listened to at all, so that one that flaps wakes nobody: every arming costs one waking at the
//! most. A line that cannot be had is something for a person, and never health: the sensor is read as ever.

use std::time::Duration;

use protocol::{Uptime, Voltage};

use super::action::{Action, ActionId, Ids, Warning};
use super::dip::MARGIN;
use super::event::{ActionError, AlertEvent};
use super::reading::SensorId;
use crate::config::{Config, Sensor};

/// From an edge to the next arming, and from a refusal to the next try.
const FIRST: Duration = Duration::from_secs(10);
/// The longest wait.
const LONGEST: Duration = Duration::from_mins(10);
/// Armed for so long without an edge, the next one is a first one again.
const CALM: Duration = Duration::from_mins(10);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Off { not_before: Uptime },
    Arming(ActionId),
    Armed { since: Uptime },
}

#[derive(Debug, Clone)]
struct Line {
    sensor: SensorId,
    state: State,
    wait: Duration,
    /// What was last told to be wrong.
    trouble: Option<String>,
}

impl Line {
    /// Not to be armed for a while, and longer the next time.
    fn rest(&mut self, now: Uptime) {
        self.state = State::Off { not_before: now + self.wait };
        self.wait = (self.wait * 2).min(LONGEST);
    }

    fn failed(&mut self, now: Uptime, why: String, actions: &mut Vec<Action>) {
        self.rest(now);
        if self.trouble.as_ref() != Some(&why) {
            let what = format!("its ALERT line is not heard, it is only read: {why}");
            actions.push(Action::Warn(Warning::Sensor { sensor: self.sensor.0, what }));
            self.trouble = Some(why);
        }
    }
}

/// All ALERT lines of the node.
#[derive(Debug, Clone)]
pub struct Alerts {
    level: Voltage,
    lines: Vec<Line>,
    /// The newest reading lies above the level, with its margin.
    well: bool,
}

impl Alerts {
    /// The lines of a config.
    pub fn new(config: &Config) -> Self {
        let places = config.sensors.iter().enumerate();
        let lines = places.filter_map(|(place, sensor)| match sensor {
            Sensor::Ina226(shunt) if shunt.alert.is_some() => Some(Line {
                sensor: SensorId(u8::try_from(place).ok()?),
                state: State::Off { not_before: Uptime::START },
                wait: FIRST,
                trouble: None,
            }),
            _ => None,
        });
        Self { level: config.policy.freeze, lines: lines.collect(), well: false }
    }

    /// Whether a line cannot be heard: something for a person.
    pub fn is_troubled(&self) -> bool {
        self.lines.iter().any(|line| line.trouble.is_some())
    }

    /// Takes what a line says; whether the chip says that the terminals are under the level.
    pub fn take(
        &mut self,
        now: Uptime,
        sensor: SensorId,
        event: AlertEvent,
        actions: &mut Vec<Action>,
    ) -> bool {
        let Some(line) = self.lines.iter_mut().find(|line| line.sensor == sensor) else { return false };
        let State::Armed { since } = line.state else { return false };
        match event {
            AlertEvent::Pulled { .. } => {
                if now.since(since) >= CALM {
                    line.wait = FIRST;
                }
                line.rest(now);
                self.well = false;
                actions.push(Action::Warn(Warning::Dip { voltage: None, level: self.level }));
                true
            }
            AlertEvent::Lost { why } => {
                line.failed(now, why, actions);
                false
            }
        }
    }

    /// A believable reading of the terminals.
    pub fn read(&mut self, voltage: Voltage) {
        self.well = voltage >= self.level + MARGIN;
    }

    /// Arms what may be armed.
    pub fn step(&mut self, now: Uptime, ids: &mut Ids, actions: &mut Vec<Action>) {
        if !self.well {
            return;
        }
        for line in &mut self.lines {
            if matches!(line.state, State::Off { not_before } if not_before <= now) {
                let id = ids.next();
                actions.push(Action::Arm { id, sensor: line.sensor, below: self.level });
                line.state = State::Arming(id);
            }
        }
    }

    /// Takes an arming's outcome; `false` when the action is none.
    pub fn outcome(
        &mut self,
        now: Uptime,
        action: ActionId,
        result: &Result<(), ActionError>,
        actions: &mut Vec<Action>,
    ) -> bool {
        let Some(line) = self.lines.iter_mut().find(|line| line.state == State::Arming(action)) else {
            return false;
        };
        match result {
            Ok(()) => {
                line.state = State::Armed { since: now };
                if line.trouble.take().is_some() {
                    line.wait = FIRST;
                    let what = "its ALERT line is heard".to_owned();
                    actions.push(Action::Warn(Warning::Sensor { sensor: line.sensor.0, what }));
                }
            }
            Err(error) => line.failed(now, error.to_string(), actions),
        }
        true
    }

    /// When a line may be armed again.
    pub fn next_wake(&self) -> Option<Uptime> {
        let off = self.lines.iter().filter_map(|line| match line.state {
            State::Off { not_before } => Some(not_before),
            _ => None,
        });
        off.min().filter(|_| self.well)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    const CONFIG: &str = "[node]\nsupply = \"roof\"\n[battery]\nchemistry = \"agm\"\ncapacity = \"70 Ah\"\n[[sensor]]\n\
        kind = \"ina226\"\nbus = \"/dev/i2c-1\"\nshunt = \"2 mOhm\"\ncurrent_max = \"40 A\"\nalert = { line = 17 }\n";
    const SENSOR: SensorId = SensorId(0);
    const PULLED: AlertEvent = AlertEvent::Pulled { age: Duration::ZERO };

    struct Bench {
        alerts: Alerts,
        ids: Ids,
    }

    impl Bench {
        fn new() -> Self {
            Self {
                alerts: Alerts::new(&Config::parse(CONFIG, Path::new("a.toml")).unwrap()),
                ids: Ids::default(),
            }
        }

        /// Arms if the core wants it, with this result; what was wanted.
        fn step(&mut self, seconds: u64, result: &Result<(), ActionError>) -> Vec<Action> {
            let (now, mut actions) = (Uptime::from_secs(seconds), Vec::new());
            self.alerts.step(now, &mut self.ids, &mut actions);
            let armed: Vec<ActionId> = actions
                .iter()
                .filter_map(|action| match action {
                    Action::Arm { id, .. } => Some(*id),
                    _ => None,
                })
                .collect();
            for id in armed {
                assert!(self.alerts.outcome(now, id, result, &mut actions));
            }
            actions
        }
    }

    fn arm(id: u32) -> Action {
        Action::Arm { id: ActionId(id), sensor: SENSOR, below: Voltage::from_volts(11.5) }
    }

    #[test]
    fn it_is_armed_once_the_terminals_are_well_and_not_before() {
        let mut bench = Bench::new();
        assert_eq!(bench.step(0, &Ok(())), [], "nothing is known yet");
        bench.alerts.read(Voltage::from_volts(11.6));
        assert_eq!(bench.step(1, &Ok(())), [], "it would fall at once");
        bench.alerts.read(Voltage::from_volts(12.6));
        assert_eq!(bench.step(2, &Ok(())), [arm(1)]);
        assert_eq!(bench.step(3, &Ok(())), [], "it is armed");
    }

    #[test]
    fn a_line_that_flaps_is_heard_ever_more_seldom() {
        let mut bench = Bench::new();
        let mut heard = Vec::new();
        for second in 0..3_000 {
            bench.alerts.read(Voltage::from_volts(12.6));
            bench.step(second, &Ok(()));
            // It flaps all the time.
            if bench.alerts.take(Uptime::from_secs(second), SENSOR, PULLED, &mut Vec::new()) {
                heard.push(second);
                bench.alerts.read(Voltage::from_volts(12.6));
            }
        }
        assert_eq!(heard, [0, 10, 30, 70, 150, 310, 630, 1_230, 1_830, 2_430]);
    }

    #[test]
    fn while_the_terminals_are_low_it_is_not_armed_again() {
        let mut bench = Bench::new();
        bench.alerts.read(Voltage::from_volts(12.6));
        bench.step(0, &Ok(()));
        assert!(bench.alerts.take(Uptime::from_secs(5), SENSOR, PULLED, &mut Vec::new()));
        assert_eq!(bench.alerts.next_wake(), None);
        bench.alerts.read(Voltage::from_volts(11.2));
        assert_eq!(bench.step(60, &Ok(())), []);
        bench.alerts.read(Voltage::from_volts(12.3));
        assert_eq!(bench.step(61, &Ok(())), [arm(2)]);
    }

    #[test]
    fn a_line_that_cannot_be_had_is_told_once_and_tried_again() {
        let mut bench = Bench::new();
        bench.alerts.read(Voltage::from_volts(12.6));
        let refused = Err(ActionError::Refused("taken by spi0".to_owned()));
        let mut told = Vec::new();
        for second in 0..100 {
            told.extend(bench.step(second, &refused).into_iter().filter(|a| matches!(a, Action::Warn(_))));
        }
        let what = "its ALERT line is not heard, it is only read: refused: taken by spi0".to_owned();
        assert_eq!(told, [Action::Warn(Warning::Sensor { sensor: 0, what })]);
        assert!(bench.alerts.is_troubled());
        bench.step(1_000, &Ok(()));
        assert!(!bench.alerts.is_troubled());
        assert!(!bench.alerts.take(Uptime::START, SensorId(3), PULLED, &mut Vec::new()), "nobody's line");
    }
}
