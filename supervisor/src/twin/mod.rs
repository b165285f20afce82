//! The twin: a simulated field site in virtual time. Battery, panel and weather, ten boards, their Docker engines, the
//! network, and on them the real agents and the real supervisor core, which speak the real protocol.
//!
//! Nothing here decides anything about power: that is what runs inside. The twin is the world (and the `io`) around
//! the cores. It is deterministic: one seed, one story, on every machine.
//!
//! Read in this order: [`plan`] (what the site is made of), `node` (one board and its agent), `body` (what an agent
//! wants done is done to the simulated node), `links` (bytes between agents and supervisor), `leader` (the supervisor
//! on its node), `physics` (sun, battery, who has power), `promises` (what must hold at every step).

use std::collections::BTreeMap;
use std::time::Duration;

use agent::config::ConfigError;
use agent::core::action::ActionId;
use agent::core::event::Event;
use hardware::chips::ina226::SettingsError;
use hardware::sim::load::NodeLoad;
use protocol::Uptime;
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;

pub mod bare;
mod body;
mod briefing;
pub mod chronicle;
pub mod comparator;
pub mod docker;
mod faults;
mod field;
mod leader;
mod ledger;
mod links;
mod node;
pub mod oracle;
pub mod outcome;
mod physics;
pub mod plan;
pub mod policy;
mod promises;
mod queue;
pub mod replay;
pub mod run;
pub mod site;
pub mod sizing;
mod story;
pub mod summary;
mod wire;

#[cfg(test)]
mod tests;

pub use outcome::Outcome;
pub use plan::Plan;
pub use site::{Site, SiteError};
pub use summary::Summary;

use body::Effect;
use briefing::Briefing;
use chronicle::Chronicle;
use faults::{Dice, Fault};
use field::Field;
use leader::Leader;
use ledger::Ledger;
use links::Connection;
use node::{Life, Node};
use plan::Mishaps;
use queue::Queue;
use wire::{ConnectionId, Way};

use crate::core::Kept;
use crate::tui::scene::SiteTime;

/// Why a simulated site cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum TwinError {
    /// A node's config is none.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A node's sensor cannot be what its config says.
    #[error(transparent)]
    Sensor(#[from] SettingsError),
    /// The leader cannot be told where the site is.
    #[error("the site's place: {0}")]
    Place(#[from] crate::core::forecast::SiteError),
    /// The table of boards lacks the demo's.
    #[error("no such board is known")]
    Board,
}

/// Where nobody looks, what containers want is computed anew this often.
const DEMAND_STEP_S: u32 = 60;

/// Where nobody looks, the supervisor looks at what it heard this often.
const LOOK_PAUSE: Duration = Duration::from_mins(1);
/// A day of the site.
const DAY: Duration = Duration::from_hours(24);
/// Where nobody looks, heartbeats come so many times as rarely: from nodes that measure, and from the others.
const STRETCHED: (u32, u32) = (3, 12);

/// The seed of the sky of a run, whatever its policy: the first number that the run's own dice give.
fn sky_seed(seed: u64) -> u64 {
    Pcg64Mcg::seed_from_u64(seed).random()
}

/// What is planned to happen.
#[derive(Debug)]
enum Happening {
    /// Time passes for the battery.
    Physics,
    /// A node reads its sensor.
    Sense(Life),
    /// A node looks at its board.
    Look(Life),
    /// An agent's tick.
    Tick(Life),
    /// An action of an agent ends.
    Done(Life, Option<ActionId>, Effect),
    /// Docker tells an agent all its containers.
    Containers(Life),
    /// A relay closes after it broke a board's power.
    Power(usize),
    /// A node's system is up.
    Booted(Life),
    /// A node tries to reach the supervisor.
    Connect(Life),
    /// No welcome came in time, if none did.
    HandshakeOver(ConnectionId),
    /// Bytes arrive.
    Arrive(ConnectionId, Way, Vec<u8>),
    /// One end of a broken connection notices.
    Notice(ConnectionId, Way),
    /// Somebody trips over a node's network cable.
    Pull(usize),
    /// The cable is put back.
    Mend(usize),
    /// Something breaks at a node.
    Fault(Fault, usize),
    /// It is mended.
    FaultOver(Fault, usize),
    /// The supervisor's process starts on its node.
    LeaderUp(Life),
    /// The supervisor's tick.
    LeaderTick(u32),
}

/// The simulated site.
#[derive(Debug)]
pub struct Twin {
    now: Uptime,
    seed: u64,
    starts_s: u32,
    step: Duration,
    mishaps: Mishaps,
    dice: BTreeMap<(Fault, usize), Dice>,
    faults_played: BTreeMap<&'static str, u32>,
    told: bool,
    /// How long the supervisor waits between two looks at what it heard.
    look_pause: Duration,
    ledger: Ledger,
    queue: Queue<Happening>,
    random: Pcg64Mcg,
    field: Field,
    nodes: Vec<Node>,
    leader: Option<Leader>,
    briefing: Briefing,
    /// What the supervisor wrote down on its node's disk.
    kept: Kept,
    leader_lives: u32,
    connections: BTreeMap<ConnectionId, Connection>,
    connections_made: u64,
    chronicle: Chronicle,
    supply_was_under: bool,
}

impl Twin {
    /// A site at its first moment: every node is about to boot.
    ///
    /// # Errors
    ///
    /// If the plan's battery or a sensor cannot be.
    pub fn new(plan: Plan, seed: u64) -> Result<Self, TwinError> {
        let learned = match plan.past() {
            Some(past) => Self::played(past, seed, plan.past_days)?.kept.budgets,
            None => Vec::new(),
        };
        let mut random = Pcg64Mcg::seed_from_u64(seed);
        let boards = plan.nodes.iter().map(|node| NodeLoad::new(node.board, node.converter));
        let field = Field::new(&plan.field, boards, random.random());
        let briefing = Briefing::new(&plan.field, &plan.worth, plan.sparse())?;
        let nodes: Vec<Node> = plan
            .nodes
            .into_iter()
            .enumerate()
            .map(|(index, node)| Node::new(index, node, random.random()))
            .collect();
        let mut twin = Self {
            now: Uptime::START,
            seed,
            starts_s: u32::try_from(plan.field.settings.start.since_midnight.as_secs()).unwrap_or(0),
            step: plan.field.step,
            mishaps: plan.mishaps,
            dice: BTreeMap::new(),
            faults_played: BTreeMap::new(),
            told: plan.told,
            look_pause: if plan.told { Duration::ZERO } else { plan.field.step.max(LOOK_PAUSE) },
            ledger: Ledger::new(field.site(), plan.worth, plan.field.settings.label.amp_hours()),
            queue: Queue::default(),
            random,
            field,
            chronicle: Chronicle::new(nodes.len()),
            nodes,
            supply_was_under: false,
            leader: None,
            briefing,
            kept: Kept { budgets: learned, ..Kept::default() },
            leader_lives: 0,
            connections: BTreeMap::new(),
            connections_made: 0,
        };
        for index in 0..twin.nodes.len() {
            twin.start(index);
            twin.plan_next_pull(index);
            twin.plan_faults(index);
        }
        twin.queue.plan(Uptime::START, Happening::Physics);
        Ok(twin)
    }

    /// A site after so many days.
    fn played(plan: Plan, seed: u64, days: u32) -> Result<Self, TwinError> {
        let mut twin = Self::new(plan, seed)?;
        twin.advance_to(Uptime::START + DAY * days)?;
        Ok(twin)
    }

    /// At the first moment the boards are up; their agents start one after the other, and those that measure know the
    /// battery from the days before.
    fn start(&mut self, index: usize) {
        let after = self.draw(Duration::ZERO, Duration::from_secs(10));
        if let Some(node) = self.nodes.get_mut(index) {
            node.power_on();
            node.start_planned = true;
            node.vouched = (!node.plan.config.sensors.is_empty()).then_some(self.field.true_soc());
            self.queue.plan(self.now + after, Happening::Booted(node.life(index)));
        }
    }

    /// Lets time pass until then.
    ///
    /// # Errors
    ///
    /// If a node's sensor cannot be what its config says.
    pub fn advance_to(&mut self, until: Uptime) -> Result<(), TwinError> {
        while let Some((at, what)) = self.queue.next(until) {
            self.now = at;
            self.happen(what)?;
        }
        self.now = until.max(self.now);
        Ok(())
    }

    /// The site's own time.
    pub fn now(&self) -> Uptime {
        self.now
    }

    /// The day and the time of day at the site.
    pub fn time(&self) -> SiteTime {
        self.time_at(self.now)
    }

    fn time_at(&self, at: Uptime) -> SiteTime {
        let since_start = u32::try_from(at.as_millis() / 1000).unwrap_or(u32::MAX);
        SiteTime { seconds: self.starts_s.saturating_add(since_start) }
    }

    /// What happened so far.
    pub fn chronicle(&self) -> &Chronicle {
        &self.chronicle
    }

    /// What the run has come to so far, as every policy's is told.
    pub fn outcome(&self, policy: &str) -> Outcome {
        let ran = self.now.since(Uptime::START);
        let outcome = self.ledger.outcome(self.field.site(), policy, self.seed, ran);
        let days = (ran.as_secs_f64() / 86_400.0).max(f64::MIN_POSITIVE);
        let mut changes = vec![0_u32; self.nodes.len()];
        let mut decisions = BTreeMap::new();
        for change in &self.chronicle.changes {
            let kind = format!("{}: {}", change.to, summary::reason_kind(&change.reason));
            *decisions.entry(kind).or_default() += 1;
            if let Some(count) = changes.get_mut(change.node) {
                *count += 1;
            }
        }
        let (most, all) = (changes.iter().copied().max().unwrap_or(0), changes.iter().sum::<u32>());
        Outcome {
            brown_outs: self.chronicle.sums.brown_outs,
            stage_changes_max: summary::round(f64::from(most) / days, 2),
            stage_changes_mean: summary::round(f64::from(all) / days / self.nodes.len().max(1) as f64, 2),
            wakes: self.chronicle.sums.wakes,
            broken: self.chronicle.broken.clone(),
            estimate: Some(summary::SocSums::of(&self.chronicle.sums)),
            decisions,
            faults: self.faults_played.clone(),
            ..outcome
        }
    }

    /// The summary of the run so far.
    pub fn summary(&self) -> Summary {
        let names: Vec<String> = self.nodes.iter().map(|node| node.plan.name.to_string()).collect();
        Summary::of(&self.chronicle, self.field.accounts(), &names, self.seed, self.now.since(Uptime::START))
    }

    fn happen(&mut self, what: Happening) -> Result<(), TwinError> {
        match what {
            Happening::Physics => self.physics(),
            Happening::Sense(life) => self.sense(life),
            Happening::Look(life) => self.look(life),
            Happening::Tick(life) => self.tick(life),
            Happening::Done(life, id, effect) => self.done(life, id, effect),
            Happening::Containers(life) => self.containers(life),
            Happening::Power(node) => self.power(node),
            Happening::Booted(life) => self.booted(life)?,
            Happening::Connect(life) => self.connect(life),
            Happening::HandshakeOver(connection) => self.handshake_over(connection),
            Happening::Arrive(connection, way, bytes) => self.arrive(connection, way, &bytes),
            Happening::Notice(connection, way) => self.notice(connection, way),
            Happening::Pull(node) => self.pull(node),
            Happening::Mend(node) => self.mend(node),
            Happening::Fault(fault, node) => self.fault(fault, node),
            Happening::FaultOver(fault, node) => self.fault_over(fault, node),
            Happening::LeaderUp(life) => self.leader_up(life),
            Happening::LeaderTick(number) => self.leader_tick(number),
        }
        Ok(())
    }

    /// The node of a life, if that life is still going on.
    fn living(&mut self, life: Life) -> Option<&mut Node> {
        self.nodes.get_mut(life.node).filter(|node| node.lives(life))
    }

    /// Tells an agent what happened, and does what it wants.
    fn tell(&mut self, life: Life, event: Event) {
        let now = self.now;
        let Some(running) = self.living(life).and_then(Node::running_mut) else { return };
        let actions = running.tell(now, event);
        self.carry_out(life, actions);
        self.plan_tick(life);
        self.check_agent(life);
    }

    /// Plans the tick that the agent wants, unless one at least as early is planned.
    fn plan_tick(&mut self, life: Life) {
        let now = self.now;
        let Some(running) = self.living(life).and_then(Node::running_mut) else { return };
        // Never at once again: an agent that always wants a tick must not stop the time.
        let Some(wants) = running.wants_tick().map(|wants| wants.max(now + Duration::from_millis(1))) else {
            return;
        };
        if running.tick.is_none_or(|planned| wants < planned) {
            running.tick = Some(wants);
            self.queue.plan(wants, Happening::Tick(life));
        }
    }

    fn tick(&mut self, life: Life) {
        let now = self.now;
        let Some(running) = self.living(life).and_then(Node::running_mut) else { return };
        if running.tick == Some(now) {
            running.tick = None;
            self.tell(life, Event::Tick);
        }
    }

    /// A whole number of milliseconds, drawn evenly.
    fn draw(&mut self, from: Duration, to: Duration) -> Duration {
        let (from, to) = (from.as_millis() as u64, to.as_millis() as u64);
        Duration::from_millis(self.random.random_range(from..to.max(from + 1)))
    }
}
