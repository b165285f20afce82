//! What Prometheus reads of this node alone: base units, a name that ends in its unit, one state a label. What is not known
//! has no sample.
//!
//! A supervisor serves most of it for the whole fleet. This is for a node whose supervisors are gone, and for whoever wants to
//! see what a node knows by itself. Read-only: of what a peer sends, the first line is looked at and no more; so many may be
//! served at one moment, each for a bounded time.

use std::fmt::Write as _;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use protocol::report::{ContainerState, Energy, Host};
use protocol::{Class, NodeName, Stage, SupplyName, Uptime};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::time::{sleep, timeout};
use tracing::{debug, info};

use crate::core::Agent;

/// So many are answered at one moment.
const PEERS_MAX: usize = 8;
/// A question is asked, and its answer taken, within this.
const PATIENCE: Duration = Duration::from_secs(5);
/// A question's head is no longer.
const HEAD_MAX: usize = 4096;
/// After a connection could not be accepted (no descriptors): a pause rather than a spin.
const PAUSE: Duration = Duration::from_millis(200);
/// Containers are counted by these.
const STATES: [&str; 5] = ["running", "capped", "paused", "stopped", "down"];
const CLASSES: [Class; 3] = [Class::Critical, Class::Standard, Class::Deferrable];

/// What the node knows at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Moment {
    node: NodeName,
    supply: SupplyName,
    stage: Stage,
    floor: Stage,
    energy: Energy,
    host: Host,
    has_sensor: bool,
    read_ago: Option<Duration>,
    docker_up: bool,
    containers: [[u16; STATES.len()]; CLASSES.len()],
    linked: bool,
    relapses: u16,
}

impl Moment {
    /// As the agent is at `now`.
    pub fn of(agent: &Agent, now: Uptime) -> Self {
        let mut containers = [[0_u16; STATES.len()]; CLASSES.len()];
        for (class, state) in agent.containers() {
            let row = CLASSES.iter().position(|known| *known == class).unwrap_or(0);
            let count = &mut containers[row][state_index(state)];
            *count = count.saturating_add(1);
        }
        let hello = agent.hello();
        Self {
            stage: agent.stage(),
            floor: agent.floor(),
            energy: agent.energy(now),
            host: agent.reported_host(),
            has_sensor: hello.has_sensor,
            read_ago: agent.read_at().map(|at| now.since(at)),
            docker_up: agent.docker_up(),
            containers,
            linked: agent.is_linked(),
            relapses: agent.relapses(),
            node: hello.node,
            supply: hello.supply,
        }
    }

    /// In Prometheus' text format.
    fn text(&self) -> String {
        let mut out = Text::default();
        let (node, supply) = (self.node.as_str(), self.supply.as_str());
        let info = [("version", env!("CARGO_PKG_VERSION")), ("node", node), ("supply", supply)];
        out.family("heliostat_agent_info", "The agent's version, its node and its supply, as labels.");
        out.sample(&info, Some(1.0));
        out.stage("heliostat_agent_stage", "What the node does: 1 at the stage that holds.", self.stage);
        out.stage(
            "heliostat_agent_floor",
            "The least careful stage that its own readings allow.",
            self.floor,
        );
        self.energy(&mut out);
        self.board(&mut out);
        out.one("heliostat_agent_docker_up", "Whether Docker answers.", Some(flag(self.docker_up)));
        out.family("heliostat_agent_containers", "Managed containers, by class and by what they do.");
        for (class, row) in CLASSES.iter().zip(&self.containers) {
            for (state, count) in STATES.iter().zip(row) {
                out.sample(&[("class", class.name()), ("state", state)], Some(f64::from(*count)));
            }
        }
        out.one("heliostat_agent_linked", "Whether a supervisor is linked.", Some(flag(self.linked)));
        out.one(
            "heliostat_agent_relapses",
            "How often it fell again right after it recovered, until it stayed up.",
            Some(f64::from(self.relapses)),
        );
        out.0
    }

    fn energy(&self, out: &mut Text) {
        let energy = &self.energy;
        let doubted = energy.fault.is_some();
        let sure = |value: Option<f64>| value.filter(|_| !doubted);
        out.one("heliostat_agent_sensor_fault", "Whether its sensor gives nothing that may be believed.", {
            self.has_sensor.then(|| flag(doubted))
        });
        out.one(
            "heliostat_agent_last_reading_seconds",
            "Since its sensors were last read.",
            self.read_ago.map(|ago| ago.as_secs_f64()),
        );
        let volts = energy.voltage.map(protocol::Voltage::volts);
        out.one("heliostat_agent_voltage_volts", "At the battery's terminals.", sure(volts));
        let volts = energy.compensated.map(protocol::Voltage::volts);
        out.one("heliostat_agent_compensated_voltage_volts", "As it would be without load.", sure(volts));
        let amps = energy.current.map(protocol::Current::amps);
        out.one(
            "heliostat_agent_current_amperes",
            "Out of the battery; negative while it charges.",
            sure(amps),
        );
        out.family(
            "heliostat_agent_soc_ratio",
            "State of charge: 10th percentile, best estimate, 90th percentile.",
        );
        if let Some(soc) = energy.soc {
            for (bound, soc) in [("low", soc.low), ("best", soc.best), ("high", soc.high)] {
                out.sample(&[("bound", bound)], Some(soc.fraction()));
            }
        }
        out.family("heliostat_agent_time_to_empty_seconds", "Until it is usably empty, at the present load.");
        if let Some(time) = energy.time_to_empty {
            for (bound, time) in [("low", time.low), ("best", time.best), ("high", time.high)] {
                out.sample(&[("bound", bound)], Some(f64::from(time.0)));
            }
        }
    }

    fn board(&self, out: &mut Text) {
        let host = &self.host;
        let busy = host.cpu_permille.map(|busy| f64::from(busy) / 1000.0);
        out.one("heliostat_agent_processor_ratio", "How busy its processors are.", busy);
        let celsius = host.temperature.map(protocol::Temperature::celsius);
        out.one("heliostat_agent_temperature_celsius", "Its processor's temperature.", celsius);
        let hertz = host.frequency_cap.map(|cap| f64::from(cap.kilohertz()) * 1000.0);
        out.one("heliostat_agent_clock_cap_hertz", "The cap on its clock, while there is one.", hertz);
        out.one("heliostat_agent_rail_low", "Whether its 5 V rail is too low.", host.rail_low.map(flag));
    }
}

fn state_index(state: ContainerState) -> usize {
    match state {
        ContainerState::Running => 0,
        ContainerState::Capped(_) => 1,
        ContainerState::Paused => 2,
        ContainerState::Stopped => 3,
        ContainerState::Down => 4,
    }
}

fn flag(holds: bool) -> f64 {
    f64::from(u8::from(holds))
}

/// The text so far, and the family that is under way. Names are written as they are: they have no character that a label
/// would have to escape.
#[derive(Default)]
struct Text(String, &'static str);

impl Text {
    fn family(&mut self, name: &'static str, help: &str) {
        self.1 = name;
        // Writing to a String cannot fail.
        let _ = write!(self.0, "# HELP {name} {help}\n# TYPE {name} gauge\n");
    }

    fn sample(&mut self, labels: &[(&str, &str)], value: Option<f64>) {
        let Some(value) = value.filter(|value| value.is_finite()) else { return };
        let labels: Vec<_> = labels.iter().map(|(name, value)| format!("{name}=\"{value}\"")).collect();
        let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        let _ = writeln!(self.0, "{}{labels} {value}", self.1);
    }

    fn one(&mut self, name: &'static str, help: &str, value: Option<f64>) {
        self.family(name, help);
        self.sample(&[], value);
    }

    fn stage(&mut self, name: &'static str, help: &str, holds: Stage) {
        self.family(name, help);
        for stage in Stage::ALL {
            self.sample(&[("stage", stage.name())], Some(flag(stage == holds)));
        }
    }
}

/// What whoever scrapes is told, until told otherwise.
#[derive(Debug)]
pub struct Metrics(watch::Sender<Moment>);

impl Metrics {
    /// Listens from here on.
    ///
    /// # Errors
    /// When the address cannot be listened on.
    pub fn open(listen: SocketAddr, moment: Moment) -> io::Result<Self> {
        let listener = std::net::TcpListener::bind(listen)?;
        listener.set_nonblocking(true)?;
        let listener = TcpListener::from_std(listener)?;
        let (say, moment) = watch::channel(moment);
        info!("metrics on http://{listen}/metrics");
        tokio::spawn(answer(listener, moment));
        Ok(Self(say))
    }

    /// What is told from here on.
    pub fn tell(&self, moment: Moment) {
        self.0.send_replace(moment);
    }
}

async fn answer(listener: TcpListener, moment: watch::Receiver<Moment>) {
    let places = Arc::new(Semaphore::new(PEERS_MAX));
    // Ends with the program: the sender lives as long as the loop.
    while moment.has_changed().is_ok() {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let peer = match listener.accept().await {
            Ok((peer, _)) => peer,
            Err(error) => {
                debug!("a scrape could not be accepted: {error}");
                sleep(PAUSE).await;
                continue;
            }
        };
        let moment = moment.clone();
        tokio::spawn(async move {
            // Who asks nothing, or does not take its answer, goes without.
            let _ = timeout(PATIENCE, converse(peer, &moment)).await;
            drop(place);
        });
    }
}

async fn converse(mut peer: TcpStream, moment: &watch::Receiver<Moment>) -> io::Result<()> {
    let mut head = Vec::new();
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        let mut part = [0; 512];
        let count = peer.read(&mut part).await?;
        head.extend_from_slice(&part[..count]);
        if count == 0 || head.len() > HEAD_MAX {
            return Ok(());
        }
    }
    let line = head.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let mut words = line.split(|byte| *byte == b' ');
    let (status, text) = match (words.next(), words.next()) {
        (Some(b"GET"), Some(b"/metrics")) => ("200 OK", moment.borrow().text()),
        (Some(b"GET"), _) => ("404 Not Found", "there is only /metrics\n".to_owned()),
        _ => ("405 Method Not Allowed", "only GET\n".to_owned()),
    };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\nContent-Length: {}\r\n\
         Cache-Control: no-store\r\nConnection: close\r\n\r\n",
        text.len()
    );
    peer.write_all(head.as_bytes()).await?;
    peer.write_all(text.as_bytes()).await?;
    peer.shutdown().await
}
