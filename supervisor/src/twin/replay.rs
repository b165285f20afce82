//! A recorded trace, fed through the registers of a simulated INA226, the real driver and a real agent's core.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use agent::config::{Config, PowerOffBy, ReplaySensor, Sensor, Voltmeter};
use agent::core::Agent;
use agent::core::action::Action;
use agent::core::event::{DockerEvent, Event};
use agent::core::outlook::Step;
use agent::core::reading::SensorId;
use agent::core::state::State;
use hardware::chips::ina226::{Ina226, Settings, SettingsError};
use hardware::sim::bus::SimBus;
use hardware::sim::replay::{Player, Playing};
use hardware::sim::trace::{Trace, TraceError};
use protocol::report::{Basis, TimeBand};
use protocol::{BootId, NodeName, Soc, Stage, Uptime};
use serde::Serialize;

use super::node::sample;

/// Between two lines, in the trace's time.
const LINE_STEP: Duration = Duration::from_mins(1);
/// A row is read again this often while it holds, as a sensor would be.
const READ_AGAIN: Duration = Duration::from_secs(10);
/// A row that holds for longer is no measurement any more but a hole in the recording: it is not read.
const ROW_HOLDS: Duration = Duration::from_mins(2);
/// Of the simulated chip's noise: every replay of a trace is the same.
const NOISE_SEED: u64 = 226;

/// Why a replay ends before its trace.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The trace cannot be read, or not be believed.
    #[error(transparent)]
    Trace(#[from] TraceError),
    /// The simulated chip cannot be set up.
    #[error(transparent)]
    Sensor(#[from] SettingsError),
}

/// What is known at one moment of the trace. `None` where there is no honest value.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Line {
    /// The trace's own time, in seconds.
    pub time_s: f64,
    /// Best estimate of the state of charge, 0 to 1.
    pub soc: Option<f64>,
    /// Its 10th percentile.
    pub soc_low: Option<f64>,
    /// Its 90th percentile.
    pub soc_high: Option<f64>,
    /// Time to usable empty, in seconds; also `None` while the battery charges.
    pub tte_s: Option<u32>,
    /// Its 10th percentile.
    pub tte_low_s: Option<u32>,
    /// Its 90th percentile.
    pub tte_high_s: Option<u32>,
    /// Until the lower bound of the state of charge meets the threshold of each stage further down, at the present
    /// load, in seconds.
    pub until_s: BTreeMap<Stage, u32>,
    /// How long it would last, at the least, at the load that each stage was seen to have, in seconds: the present
    /// stage's, and those further down.
    pub lasts_s: BTreeMap<Stage, u32>,
    /// The stage that the node would be in.
    pub stage: Stage,
    /// Why.
    pub reason: String,
    /// What the agent warned of since the last line: a fault of the sensor or of the settings.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// What one replay leaves to the next.
#[derive(Debug, Clone, PartialEq)]
pub struct Carried {
    /// What the agent wrote down.
    pub state: State,
    /// The trace's time when it did.
    pub ended: Duration,
}

/// A replay under way.
#[derive(Debug)]
pub struct Replay {
    player: Player,
    driver: Ina226<SimBus>,
    agent: Agent,
    /// The trace's time of its first row.
    origin: Duration,
    now: Uptime,
    /// When the row being played began.
    row_began: Uptime,
    read_at: Option<Uptime>,
    line_at: Uptime,
    saved: Option<State>,
    warnings: Vec<String>,
    ended: bool,
}

impl Replay {
    /// Begins at the first row.
    ///
    /// `known` is a state of charge that a person vouches for; `carried` what an earlier replay left behind.
    ///
    /// # Errors
    ///
    /// When the trace's first rows cannot be read.
    pub fn new(
        trace: Trace,
        mut config: Config,
        node: NodeName,
        carried: Option<Carried>,
        known: Option<Soc>,
    ) -> Result<Self, ReplayError> {
        let player = Player::open(trace, NOISE_SEED)?;
        let mut driver =
            Ina226::new(player.bus(), Player::ADDRESS, Settings::new(Player::SHUNT, Player::CURRENT_MAX))?;
        // A chip that is not there yet is a fault that the first reading tells; this one is there.
        let _ = driver.configure();
        // The trace goes on whatever the agent decides: nothing is switched off.
        config.halt.power_off = PowerOffBy::None;
        // Whatever the config's own sensors are: the trace is the one that is heard.
        config.sensors = vec![Sensor::Replay(ReplaySensor {
            trace: PathBuf::new(),
            speed: 1.0,
            voltmeter: Voltmeter::default(),
        })];
        config.sampling.interval = READ_AGAIN;
        config.supervisors.clear();
        let origin = player.row().time;
        // A trace that goes on where the earlier one ended says how long the battery was left alone; one whose clock
        // began anew does not.
        let goes_on = |carried: &&Carried| origin + LINE_STEP >= carried.ended;
        let off_for = carried.as_ref().filter(goes_on).map(|carried| origin.saturating_sub(carried.ended));
        let state = carried.map(|carried| carried.state);
        let mut agent = Agent::new(&config, node, BootId::default(), state, off_for);
        if let Some(soc) = known {
            agent.assume_soc(soc);
        }
        let mut replay = Self {
            player,
            driver,
            agent,
            origin,
            now: Uptime::START,
            row_began: Uptime::START,
            read_at: Some(Uptime::START),
            line_at: Uptime::START,
            saved: None,
            warnings: Vec::new(),
            ended: false,
        };
        replay.tell(Event::Docker(DockerEvent::Containers(Vec::new())));
        Ok(replay)
    }

    /// The next line; `None` after the end of the trace.
    ///
    /// # Errors
    ///
    /// When a row cannot be read or believed.
    pub fn next_line(&mut self) -> Result<Option<Line>, ReplayError> {
        while !self.ended {
            let next_row = self.player.next_row_at();
            let row_or_line = next_row.unwrap_or(self.line_at).min(self.line_at);
            let next =
                [self.read_at, self.agent.next_wake()].into_iter().flatten().fold(row_or_line, Uptime::min);
            self.now = next.max(self.now);
            if next_row.is_some_and(|row| row <= self.now) {
                self.row_began = self.now;
                self.read_at = Some(self.now);
            }
            if self.player.advance_to(self.now)? == Playing::Ended {
                self.ended = true;
                break;
            }
            if self.read_at.is_some_and(|at| at <= self.now) {
                self.read();
            }
            if self.agent.next_wake().is_some_and(|wake| wake <= self.now) {
                self.tell(Event::Tick);
            }
            if self.line_at <= self.now {
                self.line_at += LINE_STEP;
                return Ok(Some(self.line()));
            }
        }
        // What was warned of after the last full minute is told all the same.
        Ok((!self.warnings.is_empty()).then(|| self.line()))
    }

    /// Reads the chip as the agent's io would.
    fn read(&mut self) {
        let again = self.now + READ_AGAIN;
        let holds = again.since(self.row_began) <= ROW_HOLDS;
        self.read_at = holds.then_some(again);
        let temperature = self.player.temperature();
        let reading = sample(self.driver.read(), temperature);
        self.tell(Event::Sensor { sensor: SensorId(0), reading });
    }

    /// Tells the agent what happened; whatever it wants done succeeds at once, on nothing.
    fn tell(&mut self, event: Event) {
        let mut pending = vec![event];
        while let Some(event) = pending.pop() {
            let mut actions = Vec::new();
            self.agent.handle(self.now, event, &mut actions);
            for action in actions {
                let id = match action {
                    Action::SaveState { id, state } => {
                        self.saved = Some(*state);
                        id
                    }
                    Action::Warn(warning) => {
                        self.warnings.push(warning.to_string());
                        continue;
                    }
                    Action::Container { id, .. }
                    | Action::SetFrequencyCap { id, .. }
                    | Action::ShowLamps { id, .. }
                    | Action::Switch { id, .. }
                    | Action::SwitchPart { id, .. }
                    | Action::RestartEngine { id, .. }
                    | Action::PowerOff { id, .. } => id,
                    _ => continue,
                };
                pending.push(Event::Outcome { action: id, result: Ok(()) });
            }
        }
    }

    fn line(&mut self) -> Line {
        let energy = self.agent.energy(self.now);
        let fraction = |soc: Soc| (soc.fraction() * 10_000.0).round() / 10_000.0;
        Line {
            time_s: self.time().as_secs_f64(),
            // The middle of a band that rests on nothing is a guess, not a value.
            soc: energy.soc.filter(|_| energy.basis != Basis::Unknown).map(|soc| fraction(soc.best)),
            soc_low: energy.soc.map(|soc| fraction(soc.low)),
            soc_high: energy.soc.map(|soc| fraction(soc.high)),
            tte_s: energy.time_to_empty.map(|time| time.best.0),
            tte_low_s: energy.time_to_empty.map(|time| time.low.0),
            tte_high_s: energy.time_to_empty.map(|time| time.high.0),
            until_s: BTreeMap::new(),
            lasts_s: BTreeMap::new(),
            stage: self.agent.stage(),
            reason: self.agent.reason().to_string(),
            warnings: std::mem::take(&mut self.warnings),
        }
    }

    /// Adds what is to come to the line of this moment: it costs more than all that a minute's readings do.
    pub fn add_outlook(&self, line: &mut Line) {
        let outlook = self.agent.outlook();
        let steps = |time: fn(&Step) -> Option<TimeBand>| {
            outlook.steps.iter().filter_map(|step| Some((step.stage, time(step)?.low.0))).collect()
        };
        line.until_s = steps(|step| step.until);
        line.lasts_s = steps(|step| step.lasts);
    }

    /// The trace's own time.
    fn time(&self) -> Duration {
        self.origin + self.now.since(Uptime::START)
    }

    /// Ends: what the next replay should know.
    pub fn finish(mut self) -> Option<Carried> {
        self.tell(Event::Terminate);
        let ended = self.time();
        self.saved.map(|state| Carried { state, ended })
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;
    use std::path::Path;

    use super::*;

    const CONFIG: &str =
        "[node]\nname = \"n\"\nsupply = \"s\"\n[battery]\nchemistry = \"agm\"\ncapacity = \"70 Ah\"\n";

    /// A discharge at 3 A with a row every so many seconds, from one hour to another of one battery that shows 12.6 V
    /// at first and loses 60 mV an hour.
    fn falling(hours: std::ops::Range<u32>, step_s: u32) -> String {
        let mut text = "time_s,voltage_V,current_A,temp_C\n".to_owned();
        for time in (hours.start * 3600..hours.end * 3600).step_by(step_s as usize) {
            let volts = 12.6 - 0.06 * f64::from(time) / 3600.0;
            writeln!(text, "{time},{volts:.4},3.0,25").unwrap();
        }
        text
    }

    fn replay(text: String, carried: Option<Carried>, soc: Option<f64>) -> (Vec<Line>, Option<Carried>) {
        let config = Config::parse(CONFIG, Path::new("test")).unwrap();
        let trace = Trace::read(std::io::Cursor::new(text)).unwrap();
        let soc = soc.map(Soc::from_percent);
        let mut replay = Replay::new(trace, config, "n".parse().unwrap(), carried, soc).unwrap();
        let lines = std::iter::from_fn(|| replay.next_line().unwrap()).collect();
        (lines, replay.finish())
    }

    #[test]
    fn there_is_a_line_a_minute_whatever_the_rows_are_apart() {
        for step_s in [1, 10, 60] {
            let (lines, _) = replay(falling(0..1, step_s), None, Some(90.0));
            let times: Vec<f64> = lines.iter().map(|line| line.time_s).collect();
            let minutes: Vec<f64> = (0..60).map(|minute| f64::from(minute) * 60.0).collect();
            assert_eq!(times, minutes, "rows {step_s} s apart");
        }
    }

    #[test]
    fn times_are_the_traces_own() {
        let text = "time_s,voltage_V,current_A\n1000.5,12.6,3\n1010.5,12.6,3\n1070.5,12.6,3\n".to_owned();
        let (lines, _) = replay(text, None, None);
        let times: Vec<f64> = lines.iter().map(|line| line.time_s).collect();
        assert_eq!(times, [1000.5, 1060.5, 1120.5]);
    }

    #[test]
    fn a_discharge_takes_charge_out_and_ends_lower_on_the_ladder() {
        let (lines, _) = replay(falling(0..12, 10), None, Some(90.0));
        let first = lines.iter().find_map(|line| line.soc).unwrap();
        let last = lines.last().unwrap();
        // 36 Ah of 70.
        assert!((first - 0.9).abs() < 0.08, "starts at what was vouched for: {first}");
        assert!((first - last.soc.unwrap() - 0.51).abs() < 0.12, "{first} -> {:?}", last.soc);
        assert!(last.soc_low < last.soc && last.soc < last.soc_high);
        assert!(last.tte_s.is_some_and(|tte| tte > 0));
        assert!(last.stage >= Stage::Shed, "{last:?}");
    }

    #[test]
    fn a_trace_in_two_parts_is_the_same_story_as_in_one() {
        let (whole, _) = replay(falling(0..8, 10), None, Some(90.0));
        let (first, carried) = replay(falling(0..5, 10), None, Some(90.0));
        let (second, _) = replay(falling(5..8, 10), carried, None);
        let ended = |lines: &[Line]| lines.last().and_then(|line| line.soc).unwrap();
        let begun = second.iter().find_map(|line| line.soc).unwrap();
        assert!((ended(&first) - begun).abs() < 0.02, "ended at {}, begins at {begun}", ended(&first));
        assert!((ended(&whole) - ended(&second)).abs() < 0.04, "{} and {}", ended(&whole), ended(&second));
        assert_eq!(second.first().map(|line| line.time_s), Some(18_000.0));
    }

    #[test]
    fn what_the_readings_give_away_of_the_sensor_is_told_once() {
        let mut text = "time_s,voltage_V,current_A\n".to_owned();
        for row in 0..1440_u32 {
            // A load that comes and goes, and a shunt that is wired the other way round.
            let amps = if row % 7 < 3 { 4.0 } else { 1.5 };
            writeln!(text, "{},{:.4},{}", row * 10, 12.6 - 0.04 * amps, -amps).unwrap();
        }
        let (lines, _) = replay(text, None, None);
        let told: Vec<&String> = lines.iter().flat_map(|line| &line.warnings).collect();
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].contains("reversed"), "{told:?}");
    }

    #[test]
    fn a_shunt_that_was_clipped_in_the_recording_is_told() {
        let mut text = "time_s,voltage_V,current_A\n".to_owned();
        for row in 0..1440_u32 {
            // A panel that gives more, now and then, than a shunt of 10 mOhm shows: 81.92 mV is the chip's range.
            let sun = if row % 200 < 80 { 11.0 } else { 4.0 + f64::from(row % 7) * 0.1 };
            let volts = 13.0 + 0.002 * f64::from(row % 11) + 0.05 * sun;
            writeln!(text, "{},{volts:.4},{}", row * 10, -sun.min(8.192)).unwrap();
        }
        let (lines, _) = replay(text, None, Some(50.0));
        let told: Vec<&String> = lines.iter().flat_map(|line| &line.warnings).collect();
        assert!(told.iter().any(|told| told.contains("the shunt is too large")), "{told:?}");
    }

    #[test]
    fn a_hole_in_the_recording_is_no_reading() {
        let mut text = falling(0..1, 10);
        // Nobody wrote anything for four hours.
        writeln!(text, "18000,12.3,3.0,25\n18010,12.3,3.0,25").unwrap();
        let (lines, _) = replay(text, None, Some(90.0));
        let at = |minute: usize| lines.get(minute).unwrap();
        assert!(at(58).stage <= Stage::Throttle, "{:?}", at(58));
        assert!(at(200).stage > at(58).stage, "without readings the node saves: {:?}", at(200));
    }

    #[test]
    fn a_bad_row_ends_the_replay_after_the_good_ones() {
        let config = Config::parse(CONFIG, Path::new("test")).unwrap();
        let text = format!("{}9000,abc,3.0,25\n", falling(0..1, 10));
        let trace = Trace::read(std::io::Cursor::new(text)).unwrap();
        let mut replay = Replay::new(trace, config, "n".parse().unwrap(), None, None).unwrap();
        let mut lines = 0;
        let error = loop {
            match replay.next_line() {
                Ok(Some(_)) => lines += 1,
                Ok(None) => panic!("the bad row was passed over"),
                Err(error) => break error.to_string(),
            }
        };
        assert!(lines >= 59, "{lines}");
        assert!(error.contains("line 362: column `voltage_V`: \"abc\""), "{error}");
    }
}
