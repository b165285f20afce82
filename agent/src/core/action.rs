//! What the core wants done. Data, not closures: a decision is tested as a list of these.

use std::fmt;
use std::time::Duration;

use protocol::engine::{EngineOutcome, EngineReason};
use protocol::leader::Leading;
use protocol::message::{Goodbye, OrderOutcome};
use protocol::report::ContainerEntry;
use protocol::standing::Standing;
use protocol::{Frequency, NodeName, Reason, Report, Sequence, Stage, Voltage};

use serde::{Deserialize, Serialize};

use super::event::{ContainerId, CpuSettings, SupervisorId};
use super::reading::SensorId;
use super::state::State;
use crate::config::BoardPart;

/// A number by which an action's outcome finds back to it; unique while the agent runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ActionId(pub u32);

/// Gives out numbers, each once.
#[derive(Debug, Clone, Default)]
pub struct Ids(u32);

impl Ids {
    /// The next one. After four thousand million actions they begin anew; no action lives that long.
    pub const fn next(&mut self) -> ActionId {
        self.0 = self.0.wrapping_add(1);
        ActionId(self.0)
    }
}

/// Something is to be done. `io` begins actions in the order in which they are listed. Those that bear an id end as
/// an `Event::Outcome`.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Write the state file, durably.
    ///
    /// A container is changed only after the state that remembers its original was written.
    SaveState {
        /// For the outcome.
        id: ActionId,
        /// All of it.
        state: Box<State>,
    },
    /// Change a container through Docker, or freeze and thaw it without.
    Container {
        /// For the outcome.
        id: ActionId,
        /// Which one.
        container: ContainerId,
        /// What to do.
        change: ContainerChange,
        /// The stage that wants it, for the log.
        stage: Stage,
    },
    /// Ask Docker for all containers now: comes back as `DockerEvent::Containers` or `Down`.
    ListContainers,
    /// Cap the processor's clock; `None` takes the cap away.
    SetFrequencyCap {
        /// For the outcome.
        id: ActionId,
        /// The cap.
        cap: Option<FrequencyCap>,
    },
    /// Show this on the node's LEDs until told otherwise.
    ShowLamps {
        /// For the outcome.
        id: ActionId,
        /// What to show.
        lamps: Lamps,
    },
    /// Switch a part of the board off, or give it back as it was.
    SwitchPart {
        /// For the outcome.
        id: ActionId,
        /// Which part.
        part: BoardPart,
        /// Off, or as it was.
        off: bool,
    },
    /// Send a message on a link that is up; lost if the link breaks meanwhile (the core then sends a full report).
    Send {
        /// To whom.
        supervisor: SupervisorId,
        /// What.
        message: Outgoing,
    },
    /// Close a link that misbehaves; `io` connects again by itself, with back-off.
    CloseLink {
        /// Which.
        supervisor: SupervisorId,
    },
    /// Arm a chip's ALERT line, and listen to it: until one edge, which comes as an [`AlertEvent`](super::event::AlertEvent).
    Arm {
        /// For the outcome.
        id: ActionId,
        /// Whose.
        sensor: SensorId,
        /// The voltage at the terminals under which it is pulled.
        below: Voltage,
    },
    /// Read a sensor now, and not only when its turn comes.
    Read {
        /// Which one.
        sensor: SensorId,
    },
    /// Switch another node's power.
    Switch {
        /// For the outcome.
        id: ActionId,
        /// Which node's.
        node: NodeName,
        /// On or off.
        on: bool,
    },
    /// Restart the container engine, by the config's own command.
    RestartEngine {
        /// For the outcome.
        id: ActionId,
        /// Why a leader wants it.
        reason: EngineReason,
    },
    /// Sync the disks and power the node off, after all actions before it have ended.
    PowerOff {
        /// For the outcome, should it fail.
        id: ActionId,
        /// Why.
        reason: Reason,
    },
    /// The stage changed: for the log, the journal and systemd's status line. Has no outcome.
    Announce {
        /// The stage left.
        from: Stage,
        /// The stage entered.
        to: Stage,
        /// Why.
        reason: Reason,
    },
    /// Something went wrong that a person should read in the log. Has no outcome.
    Warn(Warning),
    /// All that had to be done before stopping is done: the program may end.
    Stop,
}

/// What to do to a container. Append only: the flight recorder keeps it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ContainerChange {
    /// Set the CPU settings: a cap of ours, or the originals again.
    SetCpu(CpuSettings),
    /// Freeze it.
    Pause,
    /// Thaw it.
    Unpause,
    /// Stop it: its stop signal, then SIGKILL after the time-out.
    Stop {
        /// How long it may take to end by itself.
        timeout: Duration,
    },
    /// Start it again.
    Start,
    /// Stop its processes by its control group alone, at once: Docker does not know, and is made to agree afterwards.
    Freeze,
    /// Undo [`Self::Freeze`].
    Thaw,
}

/// A cap on the processor's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrequencyCap {
    /// The lowest that the board offers.
    Lowest,
    /// This one, or the next lower that the board offers.
    At(Frequency),
}

/// What the LEDs say. Rhythm, not only colour, so that it reads without colour vision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lamps {
    /// The stage.
    pub stage: Stage,
    /// No fresh reading.
    pub stale: bool,
    /// A supervisor is linked.
    pub linked: bool,
    /// Something needs a person.
    pub fault: bool,
    /// Dimmed: energy is short.
    pub dim: bool,
}

/// A message to a supervisor, before encoding.
#[derive(Debug, Clone, PartialEq)]
pub enum Outgoing {
    /// The whole state.
    Full {
        /// Its number.
        sequence: Sequence,
        /// The state.
        report: Box<Report>,
    },
    /// What changed since an acknowledged report.
    Delta {
        /// Its number.
        sequence: Sequence,
        /// How many numbers back its base is.
        back: u16,
        /// The packed changes ([`protocol::delta`]).
        changes: Vec<u8>,
    },
    /// A container's name and class.
    Container(ContainerEntry),
    /// What became of an order.
    Outcome(OrderOutcome),
    /// The agent leaves on purpose.
    Goodbye(Goodbye),
    /// What a person asked of a node, passed on.
    Standing(Box<Standing>),
    /// What became of an order to restart the container engine.
    Engine(EngineOutcome),
    /// Who leads, to a supervisor that may stand by.
    Leading(Leading),
}

/// What a person should read in the log.
#[derive(Debug, Clone, PartialEq)]
pub enum Warning {
    /// A container's label is not understood; the safe default is used.
    BadLabel {
        /// The container's name.
        container: String,
        /// The label.
        label: String,
        /// Its value.
        value: String,
        /// What is assumed instead.
        assumed: String,
    },
    /// An action failed and will be tried again.
    ActionFailed {
        /// What was tried.
        what: String,
        /// Why it failed.
        why: String,
    },
    /// The state file cannot be written: what is changed now may not be restored after a crash.
    StateNotSaved {
        /// Why.
        why: String,
    },
    /// Power switches moved by themselves, cannot be relied on, or were not moved.
    Switches {
        /// Whose.
        nodes: Vec<NodeName>,
        /// In words.
        what: String,
    },
    /// A sensor's fault began or ended.
    Sensor {
        /// Which one, by its place in the config.
        sensor: u8,
        /// In words.
        what: String,
    },
    /// The terminals are under the level at which what can wait stands still: it is frozen until a reading tells more.
    Dip {
        /// What was read; `None`: the chip's ALERT line says so.
        voltage: Option<Voltage>,
        /// The level.
        level: Voltage,
    },
    /// What was frozen is thawed: the next reading was well above the level.
    FalseAlarm {
        /// What was read.
        voltage: Voltage,
        /// The level.
        level: Voltage,
    },
}

impl fmt::Display for Warning {
    /// In words, for the log and the recorder.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadLabel { container, label, value, assumed } => {
                write!(
                    f,
                    "container {container}: label {label}={value:?} is not understood, {assumed} is assumed"
                )
            }
            Self::ActionFailed { what, why } => write!(f, "{what} failed: {why}"),
            Self::StateNotSaved { why } => {
                write!(
                    f,
                    "the state is not saved ({why}): what is changed now may not be restored after a crash"
                )
            }
            Self::Switches { nodes, what } => {
                f.write_str("power of ")?;
                for (index, node) in nodes.iter().enumerate() {
                    write!(f, "{}{node}", if index > 0 { ", " } else { "" })?;
                }
                write!(f, ": {what}")
            }
            Self::Sensor { sensor, what } => write!(f, "sensor {sensor}: {what}"),
            Self::Dip { voltage: Some(voltage), level } => {
                write!(f, "{voltage} < {level} at the terminals: what can wait is frozen")
            }
            Self::Dip { voltage: None, level } => {
                write!(f, "ALERT: the terminals are under {level}: what can wait is frozen")
            }
            Self::FalseAlarm { voltage, level } => {
                write!(f, "false alarm: {voltage} at the terminals, well above {level}: thawed")
            }
        }
    }
}
