//! The flight recorder: what is worth knowing after a power loss, and when it goes to disk.
//!
//! Fed beside the agent with what it did; decides only what to keep and when to write. Records gather in memory and go
//! out together, because an SD card writes whole blocks and dies of many: every [`CALM`] while all is well, every
//! [`TENSE`] in any other stage, and at once when something happened that the minutes before a cut must tell. Never
//! more than [`WRITES_A_DAY`], with [`BURST`] of them at once.
//!
//! What a sudden cut can take is what had gathered since the last write; a power off of ours takes nothing.

use std::time::Duration;

use protocol::engine::EngineReason;
use protocol::report::Energy;
use protocol::{BootId, Fault, NodeName, Reason, Stage, Uptime};
use serde::{Deserialize, Serialize};

use super::Agent;
use super::action::{Action, ContainerChange};

/// Between two records of what is known while nothing happens.
pub const KNOWN_EVERY: Duration = Duration::from_secs(10);
/// Between two writes in `Normal`.
pub const CALM: Duration = Duration::from_mins(2);
/// Between two writes in every other stage, or without a fresh reading.
pub const TENSE: Duration = Duration::from_secs(30);
/// The most writes in a day of one life, besides [`BURST`] once.
pub const WRITES_A_DAY: u32 = 2048;
/// The most writes at once.
pub const BURST: u32 = 64;
/// The most records of one write: what waits for longer than that loses its oldest.
pub const BATCH: usize = 16;
/// Words of a record are cut at so many bytes.
const WORDS: usize = 120;
const DAY: Duration = Duration::from_hours(24);

/// One line of the recorder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// When, in the life of the agent that wrote it.
    pub at: Uptime,
    /// What.
    pub what: Note,
}

/// What is recorded. Append only: an older recorder is read by a newer agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Note {
    /// An agent began.
    Began {
        /// This life.
        boot: BootId,
        /// The stage that it took up.
        stage: Stage,
    },
    /// What was known.
    Known {
        /// The stage.
        stage: Stage,
        /// The supply.
        energy: Energy,
        /// The 5 V rail's under-voltage flag, where the board has one.
        rail_low: Option<bool>,
    },
    /// The stage changed.
    Stage {
        /// From.
        from: Stage,
        /// To.
        to: Stage,
        /// Why.
        reason: Reason,
    },
    /// A container was to be changed.
    Container {
        /// Docker's id, as Docker shows it.
        container: String,
        /// What was asked for.
        change: ContainerChange,
    },
    /// Another node's power was to be switched.
    Switch {
        /// Whose.
        node: NodeName,
        /// On or off.
        on: bool,
    },
    /// Something for a person.
    Warning(String),
    /// The node was to be powered off.
    PowerOff(Reason),
    /// The agent ended on purpose.
    Ended,
    /// The container engine was to be restarted.
    EngineRestart(EngineReason),
}

/// Decides what is kept, and when it is written.
#[derive(Debug, Clone)]
pub struct Recorder {
    began: bool,
    waiting: Vec<Record>,
    known_at: Option<Uptime>,
    fault: Option<Fault>,
    written_at: Uptime,
    /// Something waits that should not.
    pressing: bool,
    budget: Budget,
}

/// Writes that may still be made: a bucket that refills.
#[derive(Debug, Clone)]
struct Budget {
    /// In fractions of a write.
    tokens: f64,
    at: Uptime,
}

impl Budget {
    fn refill(&mut self, now: Uptime) {
        let gained = now.since(self.at).as_secs_f64() / DAY.as_secs_f64() * f64::from(WRITES_A_DAY);
        self.tokens = (self.tokens + gained).min(f64::from(BURST));
        self.at = now;
    }
}

impl Default for Recorder {
    fn default() -> Self {
        Self::new()
    }
}

impl Recorder {
    /// Nothing kept yet. A life begins with few writes: one that crashes again and again must not wear the card out.
    pub const fn new() -> Self {
        Self {
            began: false,
            waiting: Vec::new(),
            known_at: None,
            fault: None,
            written_at: Uptime::START,
            pressing: false,
            budget: Budget { tokens: 4.0, at: Uptime::START },
        }
    }

    /// Looks at an agent that has just handled an event, and at what it wants done. Gives what is to be written now, as
    /// one batch of at most [`BATCH`] records; empty mostly.
    pub fn look(&mut self, now: Uptime, agent: &Agent, actions: &[Action]) -> Vec<Record> {
        if !self.began {
            self.began = true;
            self.keep(now, Note::Began { boot: agent.boot(), stage: agent.stage() });
        }
        let (mut known, mut last) = (false, false);
        for action in actions {
            let Some(note) = note(action) else { continue };
            last |= matches!(note, Note::PowerOff(_) | Note::Ended);
            self.pressing = true;
            known = true;
            self.keep(now, note);
        }
        let energy = agent.energy;
        if energy.fault != self.fault {
            // That a reading ended, or came back, is news; that it is another fault than before is not pressing.
            self.pressing |= energy.fault.is_some() != self.fault.is_some();
            self.fault = energy.fault;
            known = true;
        }
        if known || self.known_at.is_none_or(|at| now.since(at) >= KNOWN_EVERY) {
            self.known_at = Some(now);
            let rail_low = agent.reported_host().rail_low;
            self.keep(now, Note::Known { stage: agent.stage(), energy, rail_low });
        }
        let calm = agent.stage() == Stage::Normal && self.fault.is_none();
        self.write(now, if calm { CALM } else { TENSE }, last)
    }

    fn keep(&mut self, now: Uptime, what: Note) {
        if self.waiting.len() == BATCH {
            // The disk's budget is used up: the newest minutes are what is asked for later.
            self.waiting.remove(0);
        }
        self.waiting.push(Record { at: now, what });
    }

    fn write(&mut self, now: Uptime, every: Duration, last: bool) -> Vec<Record> {
        self.budget.refill(now);
        let due = self.pressing || now.since(self.written_at) >= every || self.waiting.len() == BATCH;
        // The last word is written whatever it costs; the bucket owes it.
        if self.waiting.is_empty() || !(last || (due && self.budget.tokens >= 1.0)) {
            return Vec::new();
        }
        self.budget.tokens -= 1.0;
        self.written_at = now;
        self.pressing = false;
        std::mem::take(&mut self.waiting)
    }
}

/// What of the agent's wishes is worth a record.
fn note(action: &Action) -> Option<Note> {
    Some(match action {
        Action::Announce { from, to, reason } => Note::Stage { from: *from, to: *to, reason: reason.clone() },
        Action::Container { container, change, .. } => {
            Note::Container { container: container.to_string(), change: *change }
        }
        Action::Switch { node, on, .. } => Note::Switch { node: node.clone(), on: *on },
        Action::RestartEngine { reason, .. } => Note::EngineRestart(*reason),
        Action::PowerOff { reason, .. } => Note::PowerOff(reason.clone()),
        Action::Warn(warning) => Note::Warning(cut(&warning.to_string())),
        Action::Stop => Note::Ended,
        _ => return None,
    })
}

/// The beginning of a text, at most [`WORDS`] bytes of whole characters.
fn cut(text: &str) -> String {
    text.chars()
        .scan(0, |bytes, character| {
            *bytes += character.len_utf8();
            (*bytes <= WORDS).then_some(character)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::Config;
    use crate::core::action::{ActionId, Warning};
    use crate::core::event::Event;
    use crate::core::reading::{Sample, SensorId};
    use protocol::{Current, Voltage};

    const CONFIG: &str = "[node]\nsupply = \"roof\"\n[battery]\nchemistry = \"agm\"\ncapacity = \"70 Ah\"\n\
         [[sensor]]\nkind = \"replay\"\ntrace = \"t.csv\"\n";

    struct Flight {
        agent: Agent,
        recorder: Recorder,
        now: Uptime,
        writes: Vec<(Uptime, Vec<Record>)>,
    }

    impl Flight {
        fn new() -> Self {
            let config = Config::parse(CONFIG, Path::new("test.toml")).unwrap();
            let agent = Agent::new(&config, "pi-1".parse().unwrap(), BootId(1), None, None);
            Self { agent, recorder: Recorder::new(), now: Uptime::START, writes: Vec::new() }
        }

        /// A second passes, with these wishes besides the agent's own.
        fn second(&mut self, volts: f64, more: &[Action]) {
            self.pass(Duration::from_secs(1), volts, more);
        }

        fn pass(&mut self, span: Duration, volts: f64, more: &[Action]) {
            self.now += span;
            // No two readings are alike, as no two of a chip are.
            let volts = volts + (self.now.as_secs_f64() % 7.0) * 0.001;
            let sample = Sample {
                voltage: Voltage::from_volts(volts),
                current: Some(Current::from_amps(0.5)),
                temperature: None,
                reported: None,
                count: None,
                raw: self.now.as_millis(),
            };
            let mut actions = Vec::new();
            self.agent.handle(
                self.now,
                Event::Sensor { sensor: SensorId(0), reading: Ok(sample) },
                &mut actions,
            );
            actions.extend_from_slice(more);
            let batch = self.recorder.look(self.now, &self.agent, &actions);
            if !batch.is_empty() {
                self.writes.push((self.now, batch));
            }
        }
    }

    fn warning() -> Action {
        Action::Warn(Warning::ActionFailed { what: "x".repeat(500), why: "no".to_owned() })
    }

    #[test]
    fn what_happened_is_written_at_once_with_what_was_known() {
        let mut flight = Flight::new();
        for _ in 0..20 {
            flight.second(12.9, &[]);
        }
        flight.writes.clear();
        flight.second(12.9, &[warning()]);
        let (at, batch) = flight.writes.last().unwrap();
        assert_eq!(*at, flight.now);
        assert!(matches!(&batch[batch.len() - 2].what, Note::Warning(words) if words.len() == WORDS));
        assert!(matches!(&batch[batch.len() - 1].what, Note::Known { .. }));
    }

    #[test]
    fn a_quiet_day_writes_every_two_minutes() {
        let mut flight = Flight::new();
        // A reading every ten seconds makes as many records as one every second, and a quick test.
        for _ in 0..8640 {
            flight.pass(KNOWN_EVERY, 12.9, &[]);
        }
        let records: usize = flight.writes.iter().map(|(_, batch)| batch.len()).sum();
        assert!(records >= 8600, "a record every ten seconds: {records}");
        assert!((700..760).contains(&flight.writes.len()), "{} writes", flight.writes.len());
    }

    #[test]
    fn a_day_full_of_events_keeps_to_the_budget_and_keeps_the_newest() {
        let mut flight = Flight::new();
        for _ in 0..8640 {
            flight.pass(KNOWN_EVERY, 12.9, &[warning()]);
        }
        let most = (WRITES_A_DAY + BURST) as usize;
        assert!(flight.writes.len() <= most, "{} writes", flight.writes.len());
        assert!(flight.writes.len() >= WRITES_A_DAY as usize / 2, "the budget is there to be used");
        for (at, batch) in &flight.writes {
            assert!(batch.len() <= BATCH);
            assert_eq!(batch.last().map(|record| record.at), Some(*at), "the newest is never left out");
        }
    }

    #[test]
    fn the_last_word_is_written_though_the_budget_is_used_up() {
        let mut flight = Flight::new();
        for _ in 0..200 {
            flight.second(12.9, &[warning()]);
        }
        flight.writes.clear();
        flight.second(12.9, &[Action::PowerOff { id: ActionId(1), reason: Reason::Clear }]);
        let (_, batch) = flight.writes.last().expect("written");
        assert!(batch.iter().any(|record| matches!(record.what, Note::PowerOff(_))));
    }

    #[test]
    fn words_are_cut_between_characters() {
        assert_eq!(cut(&"ä".repeat(100)).len(), WORDS);
        assert_eq!(cut("short"), "short");
    }
}
