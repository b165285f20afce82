//! One simulated node: its board, its disk, its Docker, and the agent while it runs.

use std::time::Duration;

use agent::core::Agent;
use agent::core::action::Action;
use agent::core::event::Event;
use agent::core::reading::{Reading, Sample};
use agent::core::state::State;
use hardware::chips::ina226::{Error, Ina226, Settings, SettingsError};
use hardware::sim::bus::{Attached, BusFault, SimBus, SimBusError};
use hardware::sim::chips::{Imperfection, SimIna226};
use protocol::{BootId, Current, Frequency, Soc, Temperature, Term, Uptime, Voltage};

use agent::config::{Sensor, ShuntSensor};

use super::comparator::Comparator;
use super::docker::{Docker, Load};
use super::faults::ANSWERS;
use super::plan::NodePlan;
use super::wire::{ConnectionId, Wire};
use crate::tui::scene::NodeMode;

/// A node's life, from power on to power off: whatever was planned for an earlier one is void.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Life {
    /// Which node, by its place in the plan.
    pub(super) node: usize,
    /// Which of its lives.
    pub(super) number: u32,
}

/// What a node is doing.
#[derive(Debug)]
pub(super) enum Phase {
    /// The kernel and Docker start.
    Booting,
    /// The agent runs.
    Up(Box<Running>),
    /// Halted by its own agent; the board waits for a power cycle and draws a little.
    Halted,
    /// No power at all: switched off by a relay, or cut by the charger.
    Off,
}

/// An agent that runs.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) agent: Agent,
    /// When it started, on the site's clock.
    started: Uptime,
    driver: Option<Ina226<SimBus>>,
    configured: bool,
    /// The tick that is planned, so that older ones are passed over.
    pub(super) tick: Option<Uptime>,
    /// The connection to the supervisor, from the first packet on.
    pub(super) connection: Option<ConnectionId>,
    /// How often connecting failed since it last succeeded.
    pub(super) failures: u32,
    /// When the last of its actions ends.
    pub(super) busy_until: Uptime,
    /// It is powering itself off.
    pub(super) stopping: bool,
}

impl Running {
    /// The agent's own clock.
    pub(super) fn uptime(&self, now: Uptime) -> Uptime {
        Uptime::START + now.since(self.started)
    }

    /// Tells the agent what happened, and gives what it wants done.
    pub(super) fn tell(&mut self, now: Uptime, event: Event) -> Vec<Action> {
        let mut actions = Vec::new();
        let uptime = self.uptime(now);
        self.agent.handle(uptime, event, &mut actions);
        actions
    }

    /// When the agent wants its next tick, on the site's clock.
    pub(super) fn wants_tick(&self) -> Option<Uptime> {
        self.agent.next_wake().map(|wake| self.started + wake.since(Uptime::START))
    }

    /// Reads the battery through the real driver; `None` on a node without a sensor.
    pub(super) fn read(&mut self, temperature: Temperature) -> Option<Reading> {
        let driver = self.driver.as_mut()?;
        if !self.configured {
            if let Err(error) = driver.configure() {
                return Some(Err(error.fault()));
            }
            self.configured = true;
            // The first conversion with these settings is still to come.
            return None;
        }
        Some(sample(driver.read(), Some(temperature)))
    }
}

/// A measurement as the agent wants it.
pub(super) fn sample(
    read: Result<hardware::chips::Measurement, Error<SimBusError>>,
    temperature: Option<Temperature>,
) -> Reading {
    match read {
        Ok(measured) => Ok(Sample {
            voltage: measured.voltage,
            current: Some(measured.current),
            temperature,
            reported: None,
            count: None,
            raw: measured.raw,
        }),
        Err(error) => Err(error.fault()),
    }
}

/// The sensor on a node: the chip, its shunt in the battery's lead, and the bus.
#[derive(Debug)]
struct Board {
    bus: SimBus,
    chip: Attached<SimIna226>,
    config: ShuntSensor,
}

/// One simulated node.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) plan: NodePlan,
    pub(super) docker: Docker,
    pub(super) phase: Phase,
    pub(super) wire: Wire,
    /// The cap on the processor's clock, while there is one.
    pub(super) clock_cap: Option<Frequency>,
    /// Since when it has been halted or off.
    pub(super) off_since: Uptime,
    /// It went off by its own decision, or by the leader's.
    pub(super) parked: bool,
    /// What wakes it by itself.
    pub(super) comparator: Comparator,
    /// Its power is cut because somebody ordered it.
    pub(super) cut_on_purpose: bool,
    /// Its agent is about to start.
    pub(super) start_planned: bool,
    /// The state of charge that its first agent is told, because the site has been running for long.
    pub(super) vouched: Option<Soc>,
    /// Its container engine does not answer until then.
    pub(super) engine_silent_until: Uptime,
    /// Its plug is pulled: no relay brings it back.
    pub(super) unplugged: bool,
    /// What its containers want and use, and for which minute, engine state and phase that was computed.
    pub(super) load: Load,
    load_of: (u32, u64, bool, Option<Frequency>),
    /// How long its agent has been in `Normal`.
    pub(super) normal_for: Duration,
    /// How long its agent has been in a stage above `Halt`.
    pub(super) serving_for: Duration,
    /// The state file.
    disk: Option<State>,
    life: u32,
    board: Option<Board>,
}

impl Node {
    /// A node without power. `seed` makes its sensor's errors its own.
    pub(super) fn new(index: usize, plan: NodePlan, seed: u64) -> Self {
        let sensor = plan.config.sensors.iter().find_map(|sensor| match sensor {
            Sensor::Ina226(sensor) => Some(sensor.clone()),
            _ => None,
        });
        let board = sensor.map(|config| {
            let bus = SimBus::new();
            let chip = SimIna226::new(config.shunt).imperfect(imperfection(index), seed);
            let chip = bus.attach(config.address, chip);
            Board { bus, chip, config }
        });
        Self {
            docker: Docker::new(index, &plan.containers),
            plan,
            phase: Phase::Off,
            wire: Wire::default(),
            clock_cap: None,
            off_since: Uptime::START,
            parked: false,
            comparator: Comparator::default(),
            cut_on_purpose: false,
            start_planned: false,
            vouched: None,
            engine_silent_until: ANSWERS,
            unplugged: false,
            load: Load::default(),
            load_of: (u32::MAX, 0, false, None),
            normal_for: Duration::ZERO,
            serving_for: Duration::ZERO,
            disk: None,
            life: 0,
            board,
        }
    }

    /// Its present life.
    pub(super) fn life(&self, index: usize) -> Life {
        Life { node: index, number: self.life }
    }

    /// Whether a life is the present one.
    pub(super) fn lives(&self, life: Life) -> bool {
        self.life == life.number
    }

    /// Computes its load anew when it may have changed: at each multiple of `every_s`, with the engine's changes, with the
    /// clock, and when the system comes or goes.
    pub(super) fn refresh_load(&mut self, seconds: u32, every_s: u32) {
        let up = self.running().is_some();
        let key = (seconds / every_s.max(1), self.docker.changes(), up, self.clock_cap);
        if self.load_of != key {
            self.load_of = key;
            self.load = self.docker.load(seconds, self.cores(), self.speed(), up);
        }
    }

    /// Its clock over the greatest one.
    pub(super) fn speed(&self) -> f64 {
        let most = self.plan.board.clock_max;
        f64::from(self.clock_cap.unwrap_or(most).kilohertz()) / f64::from(most.kilohertz())
    }

    /// Breaks its sensor's bus.
    pub(super) fn break_sensor(&mut self, fault: BusFault) {
        if let Some(board) = &self.board {
            board.bus.inject(fault);
        }
    }

    /// The bus works again.
    pub(super) fn mend_sensor(&mut self) {
        if let Some(board) = &self.board {
            board.bus.heal();
        }
    }

    /// Its sensor's gain steps by this factor, for good.
    pub(super) fn drift(&mut self, factor: f64) {
        if let Some(board) = &self.board {
            board.chip.with(|chip| chip.drift(factor));
        }
    }

    /// Its processor's cores.
    pub(super) fn cores(&self) -> f64 {
        f64::from(self.plan.board.cores)
    }

    /// Whether the board draws more than when halted.
    pub(super) fn is_awake(&self) -> bool {
        matches!(self.phase, Phase::Booting | Phase::Up(_))
    }

    /// The running agent.
    pub(super) fn running(&self) -> Option<&Running> {
        match &self.phase {
            Phase::Up(running) => Some(running),
            _ => None,
        }
    }

    /// The running agent.
    pub(super) fn running_mut(&mut self) -> Option<&mut Running> {
        match &mut self.phase {
            Phase::Up(running) => Some(running),
            _ => None,
        }
    }

    /// What a person sees it do.
    pub(super) fn mode(&self) -> NodeMode {
        match &self.phase {
            Phase::Up(running) => NodeMode::Up(running.agent.stage()),
            Phase::Booting => NodeMode::Booting,
            Phase::Halted => NodeMode::Parked,
            Phase::Off if self.parked => NodeMode::Parked,
            Phase::Off => NodeMode::Dark,
        }
    }

    /// The power comes.
    pub(super) fn power_on(&mut self) {
        self.life += 1;
        self.phase = Phase::Booting;
        self.comparator.rest();
        self.clock_cap = None;
        self.cut_on_purpose = false;
        self.start_planned = false;
        if let Some(board) = &self.board {
            // The chip hangs on the board's own 3.3 V.
            board.bus.inject(BusFault::ForgetSettings);
        }
    }

    /// The system is up: Docker starts what it has to, the agent begins.
    /// `off_for` is how long it believes it was off; a Pi without a clock does not know.
    pub(super) fn start_agent(
        &mut self,
        now: Uptime,
        off_for: Option<Duration>,
        stretch: u32,
    ) -> Result<(), SettingsError> {
        self.docker.boot();
        self.parked = false;
        let driver = match &self.board {
            None => None,
            Some(Board { bus, config, .. }) => {
                let settings = Settings::new(config.shunt, config.current_max);
                Some(Ina226::new(bus.clone(), config.address, settings)?)
            }
        };
        let boot = BootId(self.life);
        let NodePlan { name, config, .. } = &self.plan;
        let mut agent = Agent::new(config, name.clone(), boot, self.disk.clone(), off_for);
        agent.stretch_heartbeats(stretch);
        if let Some(soc) = self.vouched.take() {
            agent.assume_soc(soc);
        }
        self.phase = Phase::Up(Box::new(Running {
            agent,
            started: now,
            driver,
            configured: false,
            tick: None,
            connection: None,
            failures: 0,
            busy_until: now,
            stopping: false,
        }));
        Ok(())
    }

    /// The power goes, or the board halts.
    pub(super) fn power_off(&mut self, now: Uptime, phase: Phase, parked: bool) {
        self.life += 1;
        self.phase = phase;
        self.parked = parked;
        self.off_since = now;
        self.comparator.rest();
    }

    /// The state file is written.
    pub(super) fn save(&mut self, state: State) {
        self.disk = Some(state);
    }

    /// The highest term that its agent obeyed, as the state file says.
    pub(super) fn term(&self) -> Term {
        self.disk.as_ref().and_then(|state| state.order).map_or(Term(0), |order| order.term)
    }

    /// Shows the sensor what is true at its shunt.
    pub(super) fn expose(&self, now: Uptime, voltage: Voltage, current: Current) {
        if let Some(board) = &self.board {
            board.chip.with(|chip| chip.measure(now, voltage, current));
        }
    }
}

/// What is wrong with a node's sensor: each board is a little off, as bought ones are (within a plain INA226's
/// datasheet limits: gain 0.1 %, offset 7.5 mV and 10 uV; SBOS547 section 5.5).
fn imperfection(index: usize) -> Imperfection {
    let side = if index.is_multiple_of(2) { 1.0 } else { -1.0 };
    Imperfection {
        voltage_gain: 1.0 + side * 0.0006,
        voltage_offset: Voltage::from_volts(side * 0.0025),
        voltage_noise: Voltage::from_volts(1.5e-3),
        shunt_gain: 1.0 - side * 0.0008,
        shunt_offset: Voltage::from_volts(side * 4e-6),
        shunt_noise: Voltage::from_volts(4e-6),
    }
}
