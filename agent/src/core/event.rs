//! What happens to the agent. `io` turns the world into these, in one total order, each with its `Uptime`.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use protocol::engine::EngineOrder;
use protocol::leader::Leading;
use protocol::message::{Order, Refusal, SupplyReport, SwitchOrder, Welcome};
use protocol::standing::Standing;
use protocol::{Frequency, NodeName, Sequence, Temperature};

use super::action::ActionId;
use super::reading::{Reading, SensorId};

/// Something happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The moment that `Agent::next_wake` asked for has come (or a little later).
    Tick,
    /// A sensor was read, or could not be.
    Sensor {
        /// Which one.
        sensor: SensorId,
        /// What it gave.
        reading: Reading,
    },
    /// A chip's ALERT line, which was armed, says something. It is not listened to any more.
    Alert {
        /// Whose.
        sensor: SensorId,
        /// What.
        event: AlertEvent,
    },
    /// Containers that an earlier life of the agent froze behind Docker's back, and did not thaw: before anything else.
    Frozen(Vec<ContainerId>),
    /// The board was looked at.
    Host(HostSample),
    /// Docker said something.
    Docker(DockerEvent),
    /// A link to a supervisor changed or carried a message.
    Link {
        /// Which supervisor.
        supervisor: SupervisorId,
        /// What happened.
        event: LinkEvent,
    },
    /// The power switches of these nodes are not as they were left, or are again.
    Switches {
        /// Whose.
        nodes: Vec<NodeName>,
        /// What is new.
        news: SwitchNews,
    },
    /// An action ended. Every action ends, within a bound, exactly once.
    Outcome {
        /// Which action.
        action: ActionId,
        /// How.
        result: Result<(), ActionError>,
    },
    /// The program is asked to stop (SIGTERM): leave the node as its stage needs it, say goodbye.
    Terminate,
}

/// What is new of power switches that can forget or fall silent: those behind a port expander.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SwitchNews {
    /// They had moved by themselves, for example when the chip's power was away, and are put right again.
    Forgotten(String),
    /// They cannot be read or do not follow; how they stand is not known.
    Trouble(String),
    /// The trouble is over, and they are as they were left.
    Well,
}

/// What an ALERT line says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AlertEvent {
    /// It was pulled: the terminals fell under the level that it was armed with.
    Pulled {
        /// How long ago, by the kernel's clock.
        age: Duration,
    },
    /// It cannot be listened to any more.
    Lost {
        /// Why.
        why: String,
    },
}

/// Which configured supervisor: its place in the config, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SupervisorId(pub u8);

/// The board at one moment. `None` where the board has no such thing.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct HostSample {
    /// Processor use since the last sample, per mille of all CPUs.
    pub cpu_permille: Option<u16>,
    /// Processor temperature.
    pub temperature: Option<Temperature>,
    /// The firmware's under-voltage flag: the 5 V rail was under 4.63 V within the last 2 s.
    pub rail_low: Option<bool>,
    /// The time of day where the node is, in minutes since midnight; `None` while the clock is not to be trusted.
    pub minute_of_day: Option<u16>,
    /// The cap on the processor's clock that is in force, while it is below the board's own maximum.
    pub frequency_cap: Option<Frequency>,
}

/// What Docker says.
#[derive(Debug, Clone, PartialEq)]
pub enum DockerEvent {
    /// The engine does not answer (any more).
    Down,
    /// All containers, running or not: on connect, after each change, and now and then to be sure.
    Containers(Vec<ContainerSeen>),
}

/// Docker's id of a container: 64 hex digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct ContainerId(pub String);

impl fmt::Display for ContainerId {
    /// The twelve digits that Docker shows.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.get(..12).unwrap_or(&self.0))
    }
}

/// The label of a container that is a Swarm task's.
pub const SWARM_TASK: &str = "com.docker.swarm.task.id";

/// A container as Docker shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerSeen {
    /// Docker's id.
    pub id: ContainerId,
    /// Docker's name, without the leading slash.
    pub name: String,
    /// Its labels that begin with `heliostat.`, and [`SWARM_TASK`].
    pub labels: BTreeMap<String, String>,
    /// What it is doing.
    pub status: ContainerStatus,
    /// Its CPU settings in Docker's own terms.
    pub cpu: CpuSettings,
}

/// What a container is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContainerStatus {
    /// Running.
    Running,
    /// Paused: frozen by its cgroup.
    Paused,
    /// On its way: created, restarting or being removed; not to be touched now.
    Transient,
    /// Exited or dead.
    Exited,
}

/// The CPU limit of a container as `docker inspect` shows it. All zero: none was ever set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct CpuSettings {
    /// `HostConfig.NanoCpus`: 10^-9 CPUs; 0 means unset. Excludes the other two.
    pub nano_cpus: i64,
    /// `HostConfig.CpuQuota`: microseconds a period; 0 means unset, -1 unlimited.
    pub quota: i64,
    /// `HostConfig.CpuPeriod`: microseconds; 0 means unset (the kernel's 100 ms).
    pub period: i64,
}

/// What happened on a link.
#[derive(Debug, Clone, PartialEq)]
pub enum LinkEvent {
    /// The supervisor welcomed us.
    Up(Welcome),
    /// The link is gone; `io` tries again by itself.
    Down {
        /// The supervisor's refusal, if that was the end of it.
        refusal: Option<Refusal>,
    },
    /// A report arrived there.
    Ack(Sequence),
    /// A delta's base is unknown there.
    RequestFull,
    /// An order.
    Order(Order),
    /// The supply's state, relayed.
    Supply(SupplyReport),
    /// Another node's power is to be switched.
    Switch(SwitchOrder),
    /// What a person asked of a node, to be passed on.
    Standing(Standing),
    /// The container engine is to be restarted.
    RestartEngine(EngineOrder),
    /// That supervisor leads.
    Leading(Leading),
}

/// Why an action failed. The core decides whether to try again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ActionError {
    /// The target does not exist (any more): a container that was removed, a file that is not there.
    NotFound,
    /// The engine, file or device did not answer in time.
    TimedOut,
    /// The engine or device cannot be reached at all.
    Unreachable,
    /// It was refused, with the words of who refused it.
    Refused(String),
    /// There is no such thing on this board (no cpufreq, no LEDs, no power switch).
    Unsupported,
}

impl fmt::Display for ActionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound => f.write_str("it does not exist any more"),
            Self::TimedOut => f.write_str("no answer in time"),
            Self::Unreachable => f.write_str("it cannot be reached"),
            Self::Refused(words) => write!(f, "refused: {words}"),
            Self::Unsupported => f.write_str("this board has no such thing"),
        }
    }
}
