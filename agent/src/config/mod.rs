//! What the user wrote, proved before anything runs.
//!
//! One TOML file. A key that is not known, a value without its unit or a threshold that contradicts another is an
//! error that names the file, the line, the key and both numbers ([`error`]); all of a file's errors come at once.
//! Data only: reading files is `io`'s.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hardware::battery::Chemistry;
use protocol::{Charge, Cpus, NodeName, Power, Resistance, SupplyName, Temperature, Voltage};
use serde::Deserialize;

mod board;
mod check;
mod check_sensors;
mod document;
pub mod error;
mod nearest;
mod night;
mod parse;
pub mod policy;
mod sensor;
mod switch;
pub(crate) mod text;
mod voltmeter;

pub use board::{Board, BoardPart, Off};
pub use error::{ConfigError, Problem, What};
pub use night::Night;
pub use policy::Policy;
pub use sensor::{
    ChannelSensor, ChargerSensor, ConverterSensor, GaugeSensor, HwmonSensor, IioSensor, ModbusSensor,
    NutSensor, PowerSupplySensor, ReplaySensor, Sensor, ShuntSensor,
};
pub use switch::{ExpanderChip, Output, Switch};
pub use voltmeter::{Comparison, Voltmeter};

/// The whole file, with every default filled in.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Which node this is.
    pub node: Node,
    /// The battery it hangs on.
    pub battery: Battery,
    /// What measures the battery; empty on nodes whose supply is measured elsewhere.
    pub sensors: Vec<Sensor>,
    /// How the sensors are read.
    pub sampling: Sampling,
    /// When to climb and descend the ladder.
    pub policy: Policy,
    /// How containers are treated.
    pub containers: Containers,
    /// The supervisors to report to.
    pub supervisors: Vec<Supervisor>,
    /// What balancers are told, if they ask.
    pub agent_check: Option<AgentCheck>,
    /// Where Prometheus may read this node.
    pub metrics: Option<Metrics>,
    /// LEDs on the case.
    pub leds: Leds,
    /// What is kept on disk.
    pub state: StateFile,
    /// What of the board it does without.
    pub board: Board,
    /// What `Halt` ends with.
    pub halt: HaltAction,
    /// Power switches of other nodes.
    pub switches: Vec<Switch>,
    /// The board's watchdog, where the agent is to pet it.
    pub watchdog: Option<Watchdog>,
    /// What makes it one of a cluster.
    pub enrolment: Enrolment,
    /// What is wrong as long as it is none: links that nothing protects.
    pub unprotected: Vec<Problem>,
}

impl Config {
    /// Where this node's identity is: as configured, or beside the state file.
    pub fn identity(&self) -> PathBuf {
        self.enrolment.identity.clone().unwrap_or_else(|| self.state.path.with_extension("pem"))
    }

    /// Proves that nobody on the way can read or forge what is said: on this machine, under the cluster's certificates
    /// (`joined`), or as the file says.
    ///
    /// # Errors
    /// The supervisors that it is not so for.
    pub fn prove_links(&self, file: &Path, joined: bool) -> Result<(), ConfigError> {
        if joined || self.unprotected.is_empty() {
            return Ok(());
        }
        Err(ConfigError { file: file.to_owned(), problems: self.unprotected.clone() })
    }
}

/// Which node this is: `[node]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Node {
    /// Unique in the fleet; the host name when left out.
    pub name: Option<NodeName>,
    /// The supply it hangs on.
    pub supply: SupplyName,
    /// Its place among the nodes of its supply: greater sheds earlier and recovers later. 0 to 63.
    #[serde(default)]
    pub shed_order: u8,
    /// Whether it may run a supervisor or hold the address.
    #[serde(default)]
    pub master: bool,
}

/// The battery: `[battery]`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Battery {
    /// Its chemistry.
    pub chemistry: Chemistry,
    /// The label's capacity (C/20 for lead-acid).
    pub capacity: Charge,
    /// Where the charger, or a protector, cuts the load by itself; the chemistry's usual one when left out.
    pub cutoff: Option<Voltage>,
    /// Internal resistance with leads, if it was measured; learned otherwise.
    pub resistance: Option<Resistance>,
    /// The most that all nodes of the supply can draw together, at 12 V.
    #[serde(default = "Battery::load_max_default")]
    pub load_max: Power,
    /// Temperature where no probe measures it.
    #[serde(default = "Battery::temperature_default")]
    pub temperature: Temperature,
}

impl Battery {
    /// Ten Pi 3B with all cores busy, a switch, converter losses.
    fn load_max_default() -> Power {
        Power::from_watts(50.0)
    }

    /// The temperature at which labels and tables hold.
    fn temperature_default() -> Temperature {
        Temperature::from_celsius(25.0)
    }
}

/// How the sensors are read: `[sampling]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Sampling {
    /// Between two readings.
    #[serde(deserialize_with = "text::duration")]
    pub interval: Duration,
    /// Between two looks at the board (CPU, temperature, rail).
    #[serde(deserialize_with = "text::duration")]
    pub host_interval: Duration,
}

impl Default for Sampling {
    fn default() -> Self {
        Self { interval: Duration::from_secs(1), host_interval: Duration::from_secs(10) }
    }
}

/// How containers are treated: `[containers]`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Containers {
    /// Docker's socket.
    pub socket: PathBuf,
    /// Names that are never touched, whatever the stage.
    pub untouched: Vec<String>,
    /// The cap of a `deferrable` container at `Throttle`, where its label says nothing.
    pub throttle_deferrable: Cpus,
    /// The cap of a `standard` container at `Throttle`, where its label says nothing.
    pub throttle_standard: Cpus,
    /// How long a container may take to stop, where its label says nothing.
    #[serde(deserialize_with = "text::duration")]
    pub stop_timeout: Duration,
    /// The command that restarts the engine, for a leader that asks for it; empty: never.
    pub restart: Vec<String>,
}

impl Default for Containers {
    fn default() -> Self {
        Self {
            socket: PathBuf::from("/var/run/docker.sock"),
            untouched: Vec::new(),
            throttle_deferrable: Cpus::from_milli(250),
            throttle_standard: Cpus::from_milli(1000),
            stop_timeout: Duration::from_secs(10),
            restart: Vec::new(),
        }
    }
}

/// A supervisor to report to: `[[supervisor]]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Supervisor {
    /// Where it listens.
    pub address: SocketAddr,
    /// Whether an address beyond this machine may be spoken to without encryption.
    #[serde(default)]
    pub plaintext: bool,
}

/// What balancers are told, if they ask: `[agent_check]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgentCheck {
    /// Where they ask: HAProxy's `agent-port`.
    pub listen: SocketAddr,
    /// Between the beginning of `drain` and the first stop: so long balancers take to hear of it, and requests to end.
    #[serde(default = "AgentCheck::grace_default", deserialize_with = "text::duration")]
    pub grace: Duration,
}

impl AgentCheck {
    /// Two checks of HAProxy, and a request.
    fn grace_default() -> Duration {
        Duration::from_secs(3)
    }
}

/// What Prometheus may read: `[metrics]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Metrics {
    /// Where it asks, for `/metrics`.
    pub listen: SocketAddr,
}

/// LEDs on the case: `[leds]`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Leds {
    /// Names under `/sys/class/leds`: the stage's rhythm is shown on each.
    pub stage: Vec<String>,
    /// Lights while something needs a person.
    pub fault: Option<String>,
    /// Lights while a supervisor is linked.
    pub link: Option<String>,
    /// When a dark garden does not need bright lights, by the clock on the wall.
    pub night: Option<Night>,
}

impl Leds {
    /// The GPIO line that a name like `gpio24` means where the kernel has no LED of that name.
    pub fn gpio(name: &str) -> Option<u8> {
        name.strip_prefix("gpio")?.parse().ok()
    }
}

/// What is kept on disk: `[state]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StateFile {
    /// The state file.
    pub path: PathBuf,
    /// Between two writes while nothing but the estimate changes.
    #[serde(deserialize_with = "text::duration")]
    pub interval: Duration,
    /// Which containers are frozen behind Docker's back: on a file system that ends with the boot, as a freeze does.
    pub frozen: PathBuf,
}

impl Default for StateFile {
    fn default() -> Self {
        Self {
            path: PathBuf::from("/var/lib/heliostat/agent.state"),
            interval: Duration::from_mins(10),
            frozen: PathBuf::from("/run/heliostat/frozen"),
        }
    }
}

/// What `Halt` ends with: `[halt]`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HaltAction {
    /// How the node is powered off.
    pub power_off: PowerOffBy,
}

/// How the node is powered off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PowerOffBy {
    /// systemd's power off, and the kernel's if that hangs.
    #[default]
    Systemd,
    /// Not at all: containers are stopped, disks synced, the node stays up (no way to wake it, or a test).
    None,
}

/// The board's watchdog, where no systemd holds it: `[watchdog]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Watchdog {
    /// The device file.
    #[serde(default = "Watchdog::device_default")]
    pub device: PathBuf,
}

impl Watchdog {
    /// The first one.
    fn device_default() -> PathBuf {
        PathBuf::from("/dev/watchdog")
    }
}

/// What makes the node one of a cluster: `[enrolment]`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Enrolment {
    /// Its key and certificates, which `heliostat-agent join` writes; beside the state file when left out.
    pub identity: Option<PathBuf>,
}
