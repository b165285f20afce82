//! A node's world, stepped by hand: time, disk, Docker, and everything that may go wrong with them.

use std::collections::VecDeque;
use std::path::Path;
use std::time::Duration;

use protocol::message::{Order, Welcome};
use protocol::report::SocBand;
use protocol::{
    BootId, Current, Fault, Generation, OrderId, OrderReason, Seconds, Soc, Stage, Term, Uptime, Voltage,
};

use super::docker::Docker;
use crate::config::Config;
use crate::core::Agent;
use crate::core::action::{Action, ContainerChange, Outgoing};
use crate::core::event::{ActionError, AlertEvent, DockerEvent, Event, LinkEvent, SupervisorId};
use crate::core::reading::{Reading, Sample, SensorId};
use crate::core::state::State;

/// A battery that wants nothing saved.
pub(super) const HEALTHY: (f64, f64) = (12.9, 0.5);

/// The config of a node with one replayed sensor and a supervisor.
pub(super) const CONFIG: &str = "[node]\nname = \"pi-1\"\nsupply = \"roof\"\n\
     [battery]\nchemistry = \"agm\"\ncapacity = \"70 Ah\"\n\
     [[sensor]]\nkind = \"replay\"\ntrace = \"t.csv\"\n\
     [containers]\nuntouched = [\"hands-off\"]\n\
     [[supervisor]]\naddress = \"127.0.0.1:7700\"\n";

/// As [`CONFIG`], with a chip whose ALERT line is wired.
pub(super) fn wired() -> String {
    let chip = "kind = \"ina226\"\nbus = \"/dev/i2c-1\"\nshunt = \"2 mOhm\"\ncurrent_max = \"40 A\"\nalert = { line = 17 }\n";
    CONFIG.replace("kind = \"replay\"\ntrace = \"t.csv\"\n", chip)
}

/// Everything around one agent.
pub(super) struct World {
    pub(super) config: Config,
    pub(super) now: Uptime,
    pub(super) agent: Agent,
    pub(super) docker: Docker,
    pub(super) docker_up: bool,
    pub(super) disk: Option<State>,
    pub(super) disk_works: bool,
    /// Everything the agent wanted, in order, with its moment.
    pub(super) log: Vec<(Uptime, Action)>,
    /// The agent dies after so many more actions.
    pub(super) dies_after: Option<usize>,
    /// So many more container changes fail.
    pub(super) failures: u32,
    pub(super) powered_off: u32,
    pub(super) stopped: bool,
    pub(super) lives: u32,
    raw: u64,
    generation: u64,
}

impl World {
    pub(super) fn new(config: &str) -> Self {
        let config = Config::parse(config, Path::new("test.toml")).expect("a config");
        let agent = Agent::new(&config, "pi-1".parse().expect("a name"), BootId(1), None, None);
        let mut world = Self {
            config,
            now: Uptime::START,
            agent,
            docker: Docker::default(),
            docker_up: true,
            disk: None,
            disk_works: true,
            log: Vec::new(),
            dies_after: None,
            failures: 0,
            powered_off: 0,
            stopped: false,
            lives: 1,
            raw: 0,
            generation: 0,
        };
        world.event(Event::Tick);
        world
    }

    /// The agent begins anew from what is on disk.
    pub(super) fn restart(&mut self, off_for: Duration) {
        self.lives += 1;
        let node = "pi-1".parse().expect("a name");
        self.agent = Agent::new(&self.config, node, BootId(self.lives), self.disk.clone(), Some(off_for));
        self.now = Uptime::START;
        self.dies_after = None;
        let frozen: Vec<_> = self
            .docker
            .containers
            .iter()
            .filter(|(_, known)| known.frozen)
            .map(|(id, _)| id.clone())
            .collect();
        if !frozen.is_empty() {
            self.event(Event::Frozen(frozen));
        }
        self.list();
    }

    /// Gives the agent an event, and does what it wants until it wants nothing more.
    pub(super) fn event(&mut self, event: Event) {
        let mut events = VecDeque::from([event]);
        let life = self.lives;
        let mut actions = Vec::new();
        while let Some(event) = events.pop_front() {
            self.agent.handle(self.now, event, &mut actions);
            for action in actions.drain(..) {
                if self.dies_after == Some(0) {
                    self.restart(Duration::from_secs(5));
                    return;
                }
                self.dies_after = self.dies_after.map(|left| left - 1);
                self.log.push((self.now, action.clone()));
                perform(&mut self.docker, self.docker_up, &mut self.failures, &action, &mut events);
                self.notice(action, &mut events);
            }
            assert_eq!(life, self.lives);
        }
    }

    /// What is not Docker's.
    fn notice(&mut self, action: Action, events: &mut VecDeque<Event>) {
        match action {
            Action::SaveState { id, state } => {
                let result = if self.disk_works { Ok(()) } else { Err(ActionError::TimedOut) };
                if self.disk_works {
                    self.disk = Some(*state);
                }
                events.push_back(Event::Outcome { action: id, result });
            }
            Action::SetFrequencyCap { id, .. }
            | Action::ShowLamps { id, .. }
            | Action::SwitchPart { id, .. }
            | Action::Switch { id, .. }
            | Action::Arm { id, .. } => {
                events.push_back(Event::Outcome { action: id, result: Ok(()) });
            }
            Action::PowerOff { .. } => self.powered_off += 1,
            Action::Stop => self.stopped = true,
            _ => {}
        }
    }

    /// Docker tells what there is.
    pub(super) fn list(&mut self) {
        let event =
            if self.docker_up { DockerEvent::Containers(self.docker.list()) } else { DockerEvent::Down };
        self.event(Event::Docker(event));
    }

    /// A reading of the terminals.
    pub(super) fn read(&mut self, volts: f64, amps: f64) {
        self.raw += 1;
        let sample = Sample {
            voltage: Voltage::from_volts(volts),
            current: Some(Current::from_amps(amps)),
            temperature: None,
            reported: None,
            count: None,
            raw: self.raw,
        };
        self.reading(Ok(sample));
    }

    pub(super) fn reading(&mut self, reading: Reading) {
        self.event(Event::Sensor { sensor: SensorId(0), reading });
    }

    /// The chip's ALERT line falls.
    pub(super) fn edge(&mut self) {
        let event = AlertEvent::Pulled { age: Duration::ZERO };
        self.event(Event::Alert { sensor: SensorId(0), event });
    }

    pub(super) fn fails(&mut self, fault: Fault) {
        self.reading(Err(fault));
    }

    /// Lets time pass with readings of (volts, amperes out), one a `step`.
    pub(super) fn live(&mut self, span: Duration, step: Duration, (volts, amps): (f64, f64)) {
        let end = self.now + span;
        let life = self.lives;
        while self.now < end && life == self.lives {
            self.now += step;
            self.read(volts, amps);
        }
    }

    /// Lets time pass without a reading; the agent is woken when it wants to be.
    pub(super) fn wait(&mut self, span: Duration) {
        let end = self.now + span;
        while let Some(wake) = self.agent.next_wake().filter(|wake| *wake <= end) {
            assert!(wake > self.now, "a wish for the past would never end");
            self.now = wake;
            self.event(Event::Tick);
        }
        self.now = end;
        self.event(Event::Tick);
    }

    pub(super) fn link_up(&mut self) {
        let welcome = Welcome { version: 1, term: Term(1), leading: true };
        self.link(LinkEvent::Up(welcome));
    }

    pub(super) fn link(&mut self, event: LinkEvent) {
        self.event(Event::Link { supervisor: SupervisorId(0), event });
    }

    /// The leader orders a stage, with the next generation.
    pub(super) fn order(&mut self, stage: Stage, valid_for: u32) {
        self.generation += 1;
        let id = OrderId { term: Term(1), generation: Generation(self.generation) };
        let order = Order { id, stage, reason: OrderReason::Operator, valid_for: Seconds(valid_for) };
        self.link(LinkEvent::Order(order));
    }

    /// The changes of containers asked for so far, as `name verb`.
    pub(super) fn changes(&self) -> Vec<String> {
        let change = |(_, action): &(Uptime, Action)| match action {
            Action::Container { container, change, .. } => {
                let name =
                    self.docker.containers.get(container).map_or("?", |known| known.seen.name.as_str());
                let verb = format!("{change:?}").to_lowercase();
                let verb = verb.split([' ', '(']).next().unwrap_or_default().to_owned();
                Some(format!("{verb} {name}"))
            }
            _ => None,
        };
        self.log.iter().filter_map(change).collect()
    }

    /// The stages entered so far.
    pub(super) fn stages(&self) -> Vec<Stage> {
        let to = |(_, action): &(Uptime, Action)| match action {
            Action::Announce { to, .. } => Some(*to),
            _ => None,
        };
        self.log.iter().filter_map(to).collect()
    }

    /// The messages sent so far.
    pub(super) fn sent(&self) -> Vec<Outgoing> {
        let message = |(_, action): &(Uptime, Action)| match action {
            Action::Send { message, .. } => Some(message.clone()),
            _ => None,
        };
        self.log.iter().filter_map(message).collect()
    }
}

/// Docker's part of an action.
fn perform(docker: &mut Docker, up: bool, failures: &mut u32, action: &Action, events: &mut VecDeque<Event>) {
    match action {
        // No engine is asked.
        Action::Container {
            id,
            container,
            change: change @ (ContainerChange::Freeze | ContainerChange::Thaw),
            ..
        } => {
            let result = docker.change(container, *change);
            events.push_back(Event::Outcome { action: *id, result });
        }
        Action::Container { id, container, change, .. } => {
            let result = if !up {
                Err(ActionError::Unreachable)
            } else if *failures > 0 {
                *failures -= 1;
                // Every other failure did its work all the same: the answer was lost.
                if failures.is_multiple_of(2) {
                    let _ = docker.change(container, *change);
                }
                Err(ActionError::TimedOut)
            } else {
                docker.change(container, *change)
            };
            events.push_back(Event::Outcome { action: *id, result });
            if up {
                events.push_back(Event::Docker(DockerEvent::Containers(docker.list())));
            }
        }
        Action::ListContainers if up => {
            events.push_back(Event::Docker(DockerEvent::Containers(docker.list())));
        }
        Action::ListContainers => events.push_back(Event::Docker(DockerEvent::Down)),
        _ => {}
    }
}

/// A band around a percentage, for relayed supplies.
pub(super) fn band(percent: f64) -> SocBand {
    let soc = Soc::from_percent;
    SocBand { low: soc(percent), best: soc(percent + 2.0), high: soc(percent + 4.0) }
}
