//! The one loop: the world to events, events to the core, the core's actions to the [`hands`](super::hands).
//!
//! One thread. It sleeps until the earliest of: an event from Docker, a link or an action's end; a signal; the one
//! [`Alarm`] for readings, looks at the board, the core's own wish and the watchdog. What falls due within a short
//! while of a reading waits for it, so that the processor wakes once.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use hardware::sim::trace::TraceError;
use protocol::{Fault, NameError, NodeName, Stage, Uptime};
use thiserror::Error;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc::{self, Receiver};
use tracing::{error, info, warn};

use super::agent_check::AgentCheck;
use super::alarm::Alarm;
use super::clock::Clock;
use super::docker::{self, Engine};
use super::hands::Hands;
use super::host::Host;
use super::identity::Papers;
use super::lines::Lines;
use super::links::Links;
use super::metrics::{Metrics, Moment};
use super::outside::{Machine, Outside};
use super::random;
use super::save::Saver;
use super::sensors::Sensors;
use super::state_file::{self, Found, InUse, StateFile};
use super::systemd::Systemd;
use super::watchdog::Watchdog;
use crate::config::{self, Config, Sensor};
use crate::core::Agent;
use crate::core::action::Action;
use crate::core::event::Event;
use crate::core::recorder::Recorder;
use crate::core::state::State;

/// Events that may wait; whoever brings more waits with them.
const QUEUE: usize = 256;
/// What falls due this shortly before a reading waits for it.
const SLACK: Duration = Duration::from_millis(100);
/// After SIGTERM the core says when it is done; should it not, the program ends all the same.
const STOP_WITHIN: Duration = Duration::from_secs(30);
/// Signals to stop that come within this are one.
const BREATH: Duration = Duration::from_secs(1);
/// The core is not asked more often than this, whatever it wishes.
const TICK_LEAST: Duration = Duration::from_millis(1);
/// So often the log says what is to come, at the least.
const OUTLOOK_EVERY: Duration = Duration::from_hours(1);

/// Why the agent does not run.
#[derive(Debug, Error)]
pub enum RunError {
    /// Another agent has the state file.
    #[error(transparent)]
    InUse(#[from] InUse),
    /// A recorded trace cannot be read.
    #[error(transparent)]
    Trace(#[from] TraceError),
    /// The host's name is no node's name.
    #[error("the host's name {host:?} cannot name this node ({source}): set `name` under [node]")]
    Name {
        /// The host's name.
        host: String,
        /// Why.
        source: NameError,
    },
    /// Balancers cannot be answered.
    #[error("cannot listen on {address} for [agent_check]: {source}")]
    AgentCheck {
        /// Where.
        address: std::net::SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// Nobody can read the metrics.
    #[error("cannot listen on {address} for [metrics]: {source}")]
    Metrics {
        /// Where.
        address: std::net::SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The kernel refuses what every process has.
    #[error("cannot begin: {0}")]
    Kernel(#[from] io::Error),
}

/// Runs until a signal, or until the core says stop. In a dry run nothing is touched, and the end of a recorded trace
/// is the end.
///
/// # Errors
/// Only before it begins; once it runs, whatever fails is an event.
pub fn run(config: &Config, dry_run: bool) -> Result<(), RunError> {
    run_on(config, dry_run, Machine::default())
}

/// As [`run`], on any machine.
///
/// # Errors
/// As [`run`].
pub fn run_on(config: &Config, dry_run: bool, outside: impl Outside) -> Result<(), RunError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        // The state file's writes and the power off; idle threads do not stay.
        .max_blocking_threads(4)
        .thread_keep_alive(Duration::from_secs(1))
        .build()?;
    // Boxed: the loop holds everything that it uses.
    let result = runtime.block_on(async { Box::pin(Loop::begin(config, dry_run, outside)?.turn()).await });
    // A write that hangs in the kernel must not keep the program.
    runtime.shutdown_timeout(Duration::from_secs(1));
    result
}

/// The node's name: the config's, or the host's.
///
/// # Errors
/// When the host's is no name.
pub fn node_name(config: &Config) -> Result<NodeName, RunError> {
    if let Some(name) = &config.node.name {
        return Ok(name.clone());
    }
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    host.parse().map_err(|source| RunError::Name { host, source })
}

/// What the links show, and where they lead: nowhere, when there is an identity that cannot be used. To speak in clear
/// instead would be what a thief of it wants.
fn papers(config: &Config, node: &NodeName, addresses: Vec<SocketAddr>) -> (Vec<SocketAddr>, Option<Papers>) {
    match Papers::open(&config.identity()) {
        Ok(Some(papers)) => {
            let name = papers.name();
            if name != *node {
                warn!(
                    "this node calls itself {node}, its certificate says {name}: supervisors will refuse it"
                );
            }
            info!(until = %papers.until(), "links are protected by a certificate");
            (addresses, Some(papers))
        }
        Ok(None) => (addresses, None),
        Err(error) => {
            error!("no links: {error}");
            (Vec::new(), None)
        }
    }
}

/// How fast the clock runs: the replayed trace's speed, if there is one.
fn speed(config: &Config) -> f64 {
    let replay = |sensor: &Sensor| match sensor {
        Sensor::Replay(replay) => Some(replay.speed),
        _ => None,
    };
    config.sensors.iter().find_map(replay).unwrap_or(1.0)
}

/// What was known when the program last ran, said to the log where it is not as it should be.
fn remembered(found: Found) -> (Option<State>, Option<Duration>) {
    match found {
        Found::Nothing => (None, None),
        Found::State(state, age) => {
            info!(stage = %state.stage, changed = state.ledger.len(), "taken up again");
            (Some(*state), age)
        }
        Found::Damaged { why, kept_as } => {
            let kept = kept_as.map_or_else(String::new, |path| format!(", kept as {}", path.display()));
            warn!("the state file is damaged ({why}){kept}: starts as if nothing were known");
            (None, None)
        }
    }
}

/// Answers balancers, if the config wants it. A dry run answers nobody.
fn agent_check(config: &Config, agent: &Agent, dry_run: bool) -> Result<Option<AgentCheck>, RunError> {
    let Some(check) = config.agent_check.as_ref().filter(|_| !dry_run) else { return Ok(None) };
    let open = AgentCheck::open(check.listen, agent.traffic().to_string());
    open.map(Some).map_err(|source| RunError::AgentCheck { address: check.listen, source })
}

/// Lets Prometheus read, if the config wants it: also of a dry run, which is there to be looked at.
fn metrics(config: &Config, agent: &Agent) -> Result<Option<Metrics>, RunError> {
    let Some(address) = config.metrics.as_ref().map(|metrics| metrics.listen) else { return Ok(None) };
    let open = Metrics::open(address, Moment::of(agent, Uptime::START));
    open.map(Some).map_err(|source| RunError::Metrics { address, source })
}

struct Loop<O> {
    outside: O,
    clock: Clock,
    agent: Agent,
    recorder: Recorder,
    sensors: Sensors,
    lines: Lines,
    host: Host,
    hands: Hands,
    systemd: Systemd,
    /// What the config wants; `None` in a dry run.
    watchdog_wanted: Option<config::Watchdog>,
    alarm: Alarm,
    agent_check: Option<AgentCheck>,
    metrics: Option<Metrics>,
    incoming: Receiver<Event>,
    terminate: Signal,
    interrupt: Signal,
    /// Happened, and not yet handed to the core.
    pending: VecDeque<Event>,
    sample_interval: Duration,
    host_interval: Duration,
    sample_at: Uptime,
    host_at: Uptime,
    tick_least_at: Uptime,
    /// When, and in which stage, the outlook was last told to the log.
    outlook_told: (Uptime, Stage),
    /// Since when, and that, the program is asked to stop.
    terminating: Option<Instant>,
}

impl<O: Outside> Loop<O> {
    fn begin(config: &Config, dry_run: bool, outside: O) -> Result<Self, RunError> {
        let node = node_name(config)?;
        let root = outside.root().clone();
        let (events, incoming) = mpsc::channel(QUEUE);
        let (saver, found) = if dry_run {
            warn!("dry-run: decides and reports, and touches nothing");
            (None, state_file::peek(&config.state.path, Path::new("/")))
        } else {
            let file = StateFile::take(&config.state.path, Path::new("/"))?;
            if !file.is_locked() {
                warn!("{} cannot be locked: is its folder writable?", config.state.path.display());
            }
            let found = file.load();
            (Some(Saver::start(file, events.clone())), found)
        };
        let sensors = Sensors::open(&outside, &config.sensors)?;
        let (state, off_for) = remembered(found);
        let agent = Agent::new(config, node, random::boot_id(), state, off_for);
        let stage = agent.stage();
        let agent_check = agent_check(config, &agent, dry_run)?;
        let metrics = metrics(config, &agent)?;
        let addresses: Vec<_> = config.supervisors.iter().map(|supervisor| supervisor.address).collect();
        let (addresses, papers) = papers(config, agent.node(), addresses);
        let links = Links::open(&addresses, papers.as_ref(), &agent.hello(), &events);
        if let Some(papers) = papers.filter(|_| !dry_run) {
            tokio::spawn(papers.keep_fresh(addresses));
        }
        let engine = Engine::new(config.containers.socket.clone());
        tokio::spawn(docker::watch::run(engine.clone(), events.clone(), dry_run));
        info!(node = %agent.node(), supply = %config.node.supply, sensors = config.sensors.len(), "begins");
        let hands = Hands::new(config, &root, events, saver, engine, links);
        let frozen = hands.frozen();
        let pending = if frozen.is_empty() { None } else { Some(Event::Frozen(frozen)) };
        Ok(Self {
            agent,
            recorder: Recorder::new(),
            hands,
            lines: Lines::new(config),
            host: Host::new(&root),
            systemd: Systemd::from_env(),
            watchdog_wanted: config.watchdog.clone().filter(|_| !dry_run),
            alarm: Alarm::new()?,
            agent_check,
            metrics,
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            pending: pending.into_iter().collect(),
            sample_interval: config.sampling.interval,
            host_interval: config.sampling.host_interval,
            sample_at: Uptime::START,
            host_at: Uptime::START,
            tick_least_at: Uptime::START,
            outlook_told: (Uptime::START, stage),
            terminating: None,
            // Last, so that the first reading is of the first moment.
            clock: Clock::start(speed(config)),
            sensors,
            incoming,
            outside,
        })
    }

    async fn turn(mut self) -> Result<(), RunError> {
        self.look();
        self.decide();
        self.systemd.ready(&format!("{}: {}", self.agent.stage(), self.agent.reason()));
        // Last: an agent that cannot begin leaves none running behind it.
        let mut watchdog = Watchdog::start(self.outside.root(), self.watchdog_wanted.as_ref());
        while !self.hands.is_stopped() && !self.is_overdue() {
            let due = self.next_look(watchdog.keep_alive());
            self.alarm.set(Some(due))?;
            tokio::select! {
                // Before anything else is read or done.
                edge = self.lines.edge() => {
                    self.pending.push_front(edge);
                    self.decide();
                }
                Some(event) = self.incoming.recv() => self.pending.push_back(event),
                ring = self.alarm.rings() => ring?,
                _ = self.terminate.recv() => self.stop(),
                _ = self.interrupt.recv() => self.stop(),
            }
            // What came meanwhile is handed over in the same waking.
            while let Ok(event) = self.incoming.try_recv() {
                self.pending.push_back(event);
            }
            self.look();
            self.decide();
        }
        info!("ends");
        self.systemd.stopping();
        self.hands.finish().await;
        watchdog.stop();
        Ok(())
    }

    /// Asks the core to stop; asked again, the program ends now. Two signals in one breath are one wish: `timeout` and
    /// terminals send them so.
    fn stop(&mut self) {
        if let Some(since) = self.terminating {
            if since.elapsed() >= BREATH {
                warn!("asked to stop twice: ends now");
                self.hands.stop_now();
            }
            return;
        }
        self.terminating = Some(Instant::now());
        self.pending.push_back(Event::Terminate);
    }

    fn is_overdue(&self) -> bool {
        let overdue = self.terminating.is_some_and(|since| since.elapsed() >= STOP_WITHIN);
        if overdue {
            warn!("not done {} s after being asked to stop: ends all the same", STOP_WITHIN.as_secs());
        }
        overdue
    }

    /// Reads what is due.
    fn look(&mut self) {
        let now = self.clock.now();
        if self.sample_at <= now {
            self.sample_at = next(self.sample_at, self.sample_interval, now);
            self.pending.extend(self.sensors.read(now));
        }
        if self.host_at <= now {
            self.host_at = next(self.host_at, self.host_interval, now);
            self.pending.push_back(Event::Host(self.host.sample()));
            self.pending.extend(self.hands.watch_switches());
        }
        if self.tick_at().is_some_and(|tick| tick <= now) {
            self.tick_least_at = now + TICK_LEAST;
            self.pending.push_back(Event::Tick);
        }
        self.systemd.keep_alive();
    }

    fn tick_at(&self) -> Option<Uptime> {
        self.agent.next_wake().map(|tick| tick.max(self.tick_least_at))
    }

    /// Hands what happened to the core, and what it wants done to the hands, until both are quiet.
    fn decide(&mut self) {
        let mut actions: Vec<Action> = Vec::new();
        let mut ended = Vec::new();
        while let Some(mut event) = self.pending.pop_front() {
            self.hands.notice(&mut event);
            if self.ends_the_dry_run(&event) {
                self.stop();
            }
            let now = self.clock.now();
            self.agent.handle(now, event, &mut actions);
            self.hands.record(self.recorder.look(now, &self.agent, &actions));
            for action in actions.drain(..) {
                self.set_going(now, action, &mut ended);
            }
            self.hands.begin_parting(&mut ended);
            self.pending.extend(ended.drain(..));
        }
        self.tell_outlook();
        if let Some(check) = &self.agent_check {
            check.tell(self.agent.traffic().to_string());
        }
        if let Some(metrics) = &self.metrics {
            metrics.tell(Moment::of(&self.agent, self.clock.now()));
        }
    }

    /// Begins an action: the sensors' own ones here, everything else by the hands.
    fn set_going(&mut self, now: Uptime, action: Action, ended: &mut Vec<Event>) {
        match action {
            Action::Read { sensor } => ended.extend(self.sensors.read_one(now, sensor)),
            Action::Arm { id, sensor, below } => {
                let chip = || self.sensors.arm(sensor, below);
                let result = self.lines.arm(&self.outside, sensor, chip);
                ended.push(Event::Outcome { action: id, result });
            }
            action => self.hands.begin(action, &self.systemd, ended),
        }
    }

    /// Every hour, and in each new stage, the log says what is to come.
    fn tell_outlook(&mut self) {
        let (now, stage) = (self.clock.now(), self.agent.stage());
        let (told_at, told_in) = self.outlook_told;
        if now.since(told_at) >= OUTLOOK_EVERY || stage != told_in {
            self.outlook_told = (now, stage);
            info!("outlook: {}", self.agent.outlook());
        }
    }

    /// A dry run of a recorded trace ends with it.
    fn ends_the_dry_run(&self, event: &Event) -> bool {
        self.hands.is_dry_run()
            && self.terminating.is_none()
            && matches!(event, Event::Sensor { reading: Err(Fault::TraceEnded), .. })
    }

    /// How long until something is due, the watchdog's next sign of life among it.
    fn next_look(&mut self, watchdog: Option<Instant>) -> Duration {
        let sample = self.clock.until(self.sample_at);
        let on_the_grid = |due: Duration| if due < sample && sample <= due + SLACK { sample } else { due };
        let mut due = sample.min(on_the_grid(self.clock.until(self.host_at)));
        if let Some(tick) = self.tick_at() {
            due = due.min(on_the_grid(self.clock.until(tick)));
        }
        for alive in self.systemd.keep_alive().into_iter().chain(watchdog).chain(self.hands.blink()) {
            due = due.min(on_the_grid(alive.saturating_duration_since(Instant::now())));
        }
        if let Some(since) = self.terminating {
            due = due.min(STOP_WITHIN.saturating_sub(since.elapsed()));
        }
        due
    }
}

/// The next moment of a grid after `now`; moments that were missed stay missed.
fn next(due: Uptime, interval: Duration, now: Uptime) -> Uptime {
    let next = due + interval;
    if next > now { next } else { now + interval }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readings_keep_their_grid_and_missed_ones_stay_missed() {
        let interval = Duration::from_secs(1);
        assert_eq!(next(Uptime::from_secs(5), interval, Uptime::from_millis(5_030)), Uptime::from_secs(6));
        assert_eq!(
            next(Uptime::from_secs(5), interval, Uptime::from_millis(9_500)),
            Uptime::from_millis(10_500)
        );
    }
}
