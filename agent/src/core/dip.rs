//! A dip of the terminals: the fast path's memory.
//!
//! ```text
//!           an edge of ALERT, or a reading under the level
//!   calm --------------------------------------------------> suspected: what can wait is frozen at once
//!    ^ ^                                                       |    |
//!    | +---- a reading above the level by MARGIN: false alarm -+    | a further reading under it, or
//!    |                                                              v no word of all being well for CONFIRM
//!    +------ a reading above the level by MARGIN ------------- confirmed: the floor is `Shed` at once
//! ```
//!
//! The freeze needs no proof: it costs nobody anything to stand still for a moment, and it is undone by the next good
//! reading. The floor needs a second witness. Silence is none of health: without a reading the dip is confirmed.

use std::time::Duration;

use protocol::{Fault, Reason, Uptime, Voltage};

use super::action::{Action, Warning};
use super::reading::SensorId;

/// All is well once the terminals show this much more than the level: more than noise, less than a freed battery's rebound.
pub const MARGIN: Voltage = Voltage::from_volts(0.2);
/// A suspicion that no reading answers counts as true after this.
pub const CONFIRM: Duration = Duration::from_secs(2);
/// A reading under the level so soon after a false alarm is no accident any more.
const REPEAT: Duration = Duration::from_secs(10);

#[derive(Debug, Clone, PartialEq)]
enum State {
    Calm,
    /// Since when, what was read under the level, if anything was, and who is still to be asked once more.
    Suspected {
        since: Uptime,
        low: Option<Voltage>,
        ask: Option<SensorId>,
    },
    Confirmed {
        since: Uptime,
        low: Option<Voltage>,
    },
}

/// Whether the terminals are under the level at which work that can wait stands still at once.
#[derive(Debug, Clone)]
pub struct Dip {
    level: Voltage,
    state: State,
    /// Why the newest reading was none.
    missed: Option<Fault>,
    false_alarm: Option<Uptime>,
}

impl Dip {
    /// For a level: the policy's `freeze`.
    pub const fn new(level: Voltage) -> Self {
        Self { level, state: State::Calm, missed: None, false_alarm: None }
    }

    /// Whether what can wait is to stand still.
    pub const fn holds(&self) -> bool {
        !matches!(self.state, State::Calm)
    }

    /// The chip says that the terminals fell under the level.
    pub fn edge(&mut self, now: Uptime, sensor: SensorId) {
        if self.state == State::Calm {
            self.state = State::Suspected { since: now, low: None, ask: Some(sensor) };
        }
    }

    /// A reading that failed: no answer to a suspicion.
    pub fn missed(&mut self, fault: Fault) {
        self.missed = Some(fault);
    }

    /// A believable reading of the terminals, by an own sensor or a relayed one.
    pub fn read(
        &mut self,
        now: Uptime,
        voltage: Voltage,
        sensor: Option<SensorId>,
        actions: &mut Vec<Action>,
    ) {
        let (under, well) = (voltage < self.level, voltage >= self.level + MARGIN);
        let low = Some(voltage);
        self.missed = None;
        match self.state {
            State::Calm if under => {
                let again = self.false_alarm.is_some_and(|at| now.since(at) < REPEAT);
                self.state = if again {
                    State::Confirmed { since: now, low }
                } else {
                    actions.push(Action::Warn(Warning::Dip { voltage: low, level: self.level }));
                    State::Suspected { since: now, low, ask: sensor }
                };
            }
            State::Suspected { since, .. } if under => self.state = State::Confirmed { since, low },
            State::Suspected { .. } if well => {
                actions.push(Action::Warn(Warning::FalseAlarm { voltage, level: self.level }));
                self.false_alarm = Some(now);
                self.state = State::Calm;
            }
            State::Confirmed { since, .. } if under => self.state = State::Confirmed { since, low },
            State::Confirmed { .. } if well => self.state = State::Calm,
            _ => {}
        }
    }

    /// Time passes: where readings are rare one is asked for, and a suspicion that nothing answered becomes a fact.
    pub fn step(&mut self, now: Uptime, actions: &mut Vec<Action>) {
        let State::Suspected { since, low, ask } = &mut self.state else { return };
        if now.since(*since) >= CONFIRM {
            self.state = State::Confirmed { since: *since, low: *low };
        } else if now.since(*since) >= CONFIRM / 2
            && let Some(sensor) = ask.take()
        {
            actions.push(Action::Read { sensor });
        }
    }

    /// Why the floor is `Shed`, while the dip is confirmed: what was read, or that the alarm was followed by nothing.
    pub fn reason(&self, now: Uptime, fault: Fault) -> Option<Reason> {
        let State::Confirmed { since, low } = self.state else { return None };
        let (held, threshold) = (now.since(since).into(), self.level);
        Some(match low {
            Some(voltage) => Reason::VoltageCollapsed { voltage, threshold, held },
            None => Reason::NoReading { fault: self.missed.unwrap_or(fault), age: held },
        })
    }

    /// When a suspicion becomes a fact.
    pub fn next_wake(&self) -> Option<Uptime> {
        match self.state {
            State::Suspected { since, ask: Some(_), .. } => Some(since + CONFIRM / 2),
            State::Suspected { since, ask: None, .. } => Some(since + CONFIRM),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LEVEL: Voltage = Voltage::from_volts(11.5);
    const SENSOR: SensorId = SensorId(0);

    fn at(millis: u64) -> Uptime {
        Uptime::from_millis(millis)
    }

    fn read(dip: &mut Dip, now: Uptime, volts: f64) -> Vec<Action> {
        let mut actions = Vec::new();
        dip.read(now, Voltage::from_volts(volts), Some(SENSOR), &mut actions);
        actions
    }

    #[test]
    fn an_edge_freezes_and_the_reading_after_it_decides() {
        let mut dip = Dip::new(LEVEL);
        dip.edge(at(100), SENSOR);
        assert!(dip.holds());
        assert_eq!(dip.reason(at(100), Fault::NotYet), None, "an edge alone moves no floor");
        let voltage = Voltage::from_volts(12.4);
        assert_eq!(
            read(&mut dip, at(101), 12.4),
            [Action::Warn(Warning::FalseAlarm { voltage, level: LEVEL })]
        );
        assert!(!dip.holds());
        dip.edge(at(20_000), SENSOR);
        assert_eq!(read(&mut dip, at(20_001), 11.31), []);
        let reason = dip.reason(at(20_001), Fault::NotYet).unwrap();
        assert_eq!(reason.to_string(), "11.31 V < 11.50 V for 0 s");
    }

    #[test]
    fn one_low_reading_freezes_and_a_second_one_confirms() {
        let mut dip = Dip::new(LEVEL);
        let voltage = Some(Voltage::from_volts(11.4));
        assert_eq!(read(&mut dip, at(0), 11.4), [Action::Warn(Warning::Dip { voltage, level: LEVEL })]);
        assert!(dip.holds() && dip.reason(at(0), Fault::NotYet).is_none());
        read(&mut dip, at(100), 11.4);
        assert!(dip.reason(at(100), Fault::NotYet).is_some());
        read(&mut dip, at(200), 11.6);
        assert!(dip.holds(), "within the margin nothing is well yet");
        read(&mut dip, at(300), 11.7);
        assert!(!dip.holds());
    }

    #[test]
    fn silence_after_an_edge_is_no_health() {
        let mut dip = Dip::new(LEVEL);
        dip.edge(at(0), SENSOR);
        let mut asked = Vec::new();
        assert_eq!(dip.next_wake(), Some(at(1_000)));
        dip.step(at(1_000), &mut asked);
        assert_eq!(dip.next_wake(), Some(at(2_000)));
        dip.step(at(1_999), &mut asked);
        assert_eq!(asked, [Action::Read { sensor: SENSOR }], "once, should readings be rare");
        assert_eq!(dip.reason(at(1_999), Fault::NoAcknowledge), None);
        dip.step(at(2_000), &mut asked);
        let reason = dip.reason(at(2_000), Fault::NoAcknowledge).unwrap();
        assert_eq!(reason.to_string(), "no reading for 2 s: the chip does not answer (NAK)");
        assert_eq!(dip.next_wake(), None);
    }

    #[test]
    fn readings_that_swing_through_the_level_are_believed_the_second_time() {
        let mut dip = Dip::new(LEVEL);
        read(&mut dip, at(0), 11.4);
        read(&mut dip, at(100), 12.0);
        assert!(!dip.holds());
        assert_eq!(read(&mut dip, at(200), 11.4), []);
        assert!(dip.reason(at(200), Fault::NotYet).is_some(), "no freezing and thawing ten times a second");
    }

    proptest! {
        /// Whatever comes: while the last reading is under the level it holds, and it ends only by a good reading.
        #[test]
        fn it_holds_under_the_level_and_ends_only_when_all_is_well(
            steps in prop::collection::vec((0_u64..3_000, prop::option::of(10.5_f64..13.0)), 1..200)
        ) {
            let (mut dip, mut now) = (Dip::new(LEVEL), at(0));
            for (wait, volts) in steps {
                now += Duration::from_millis(wait);
                dip.step(now, &mut Vec::new());
                let held = dip.holds();
                match volts {
                    None => dip.edge(now, SENSOR),
                    Some(volts) => { read(&mut dip, now, volts); }
                }
                match volts {
                    Some(volts) if volts < 11.5 => prop_assert!(dip.holds()),
                    Some(volts) if volts >= 11.7 => prop_assert!(!dip.holds()),
                    Some(_) => prop_assert_eq!(dip.holds(), held),
                    None => prop_assert!(dip.holds()),
                }
                prop_assert!(dip.holds() || dip.reason(now, Fault::NotYet).is_none());
            }
        }
    }
}
