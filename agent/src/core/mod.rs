//! Everything the agent decides. `Event -> core -> Action`: no clock, no I/O, no randomness, no async.
//!
//! A reading's way: [`reading::Reading`] -> [`filter`] (believable?) -> [`energy`] (how much is left?), lowered by a second
//! [`opinion`] where a sensor has one -> [`policy`]
//! (which floor, why?) -> [`course`] (which stage: floor and [`orders`] together) -> [`shed`] (which containers?),
//! [`governor`] (the clock), [`spare`] (what the board does without), [`lamp`], [`parking`] (the end of `Halt`), [`report`], [`keeper`] (the state file).
//! Other nodes' power goes through [`switching`].
//! The engine itself is restarted only when a leader asks for it: [`engine`].
//! What persons asked of the fleet's nodes is carried from one supervisor to the others by [`standing`].
//! A node without a sensor, or with a silent one, gets its energy through [`relay`]. Orders can only make a node more careful than its floor.
//!
//! A dip of the terminals has a way of its own, before all this: [`alert`] hears the chip, [`dip`] remembers, and what can
//! wait is frozen before anything is computed.
//!
//! Every event goes the same way: first it is taken in ([`Agent::handle`]), then everything is looked at anew, in one
//! fixed order (`deciding`). Nothing is decided while taking in.
//!
//! What happens on [`event::Event::Terminate`]: the state is saved, good-bye is said, then the program may stop. The
//! containers stay as their stage needs them: a node that is short of energy is not fed more because its agent is
//! updated. The next life takes up the same stage and gives back what this one wrote down. Only what is frozen behind
//! Docker's back is thawed.

pub mod action;
pub mod advice;
pub mod alert;
pub mod course;
mod deciding;
pub mod dip;
pub mod energy;
pub mod engine;
pub mod event;
pub mod filter;
mod getters;
pub mod governor;
pub mod keeper;
pub mod lamp;
pub mod opinion;
pub mod orders;
pub mod outlook;
pub mod parking;
pub mod policy;
pub mod reading;
pub mod recorder;
pub mod relay;
pub mod release;
pub mod report;
pub mod shed;
pub mod spare;
pub mod standing;
pub mod state;
pub mod switching;
mod taking;
pub mod traffic;

use std::collections::BTreeMap;
use std::time::Duration;

use protocol::message::OrderOutcome;
use protocol::report::Energy;
use protocol::{BootId, Fault, NodeName, OrderId, Reason, Soc, SupplyName, Temperature, Term, Uptime};

use crate::config::{Config, Night, Policy, PowerOffBy};
use action::{Action, ActionId, Ids};
use advice::Advice;
use alert::Alerts;
use course::Course;
use dip::Dip;
use energy::Estimator;
use engine::EngineRestart;
use event::{Event, HostSample, SupervisorId};
use filter::Filter;
use governor::Governor;
use keeper::{Keeper, Mark};
use lamp::Lamp;
use opinion::Opinion;
use orders::Orders;
use outlook::StageLoads;
use parking::Parking;
use policy::{Ladder, Resumed};
use relay::Relay;
use report::Reporter;
use shed::Shed;
use spare::Spare;
use standing::Standings;
use state::State;
use switching::Switching;
use traffic::Grace;

/// An agent that comes back this soon was restarted; one that comes back later was off, and its node with it.
const RESTART_WITHIN: Duration = Duration::from_mins(1);

/// Who the node is.
#[derive(Debug, Clone)]
struct Identity {
    node: NodeName,
    boot: BootId,
    supply: SupplyName,
    shed_order: u8,
    master: bool,
}

impl Identity {
    fn new(config: &Config, node: NodeName, boot: BootId) -> Self {
        let supply = config.node.supply.clone();
        Self { node, boot, supply, shed_order: config.node.shed_order, master: config.node.master }
    }
}

/// What was asked for with the words of whoever waits for the answer.
#[derive(Debug, Clone, Copy)]
struct Asked {
    supervisor: SupervisorId,
    order: OrderId,
}

/// One node's agent: its whole state, and what it decides.
#[derive(Debug, Clone)]
pub struct Agent {
    identity: Identity,
    policy: Policy,
    switching: Switching,
    has_power_off: bool,
    battery_temperature: Temperature,
    supervised: bool,

    started: Option<Uptime>,
    now: Uptime,
    ids: Ids,

    filter: Filter,
    estimator: Estimator,
    advice: Advice,
    opinion: Opinion,
    loads: StageLoads,
    relay: Relay,
    /// When the newest believable reading of an own sensor came.
    read_at: Option<Uptime>,
    /// What is known of the supply, as of the last event.
    energy: Energy,
    /// What supervisors are told of the supply.
    told: Energy,
    host: HostSample,

    dip: Dip,
    alerts: Alerts,
    ladder: Ladder,
    orders: Orders,
    standings: Standings,
    course: Course,
    grace: Grace,
    shed: Shed,
    governor: Governor,
    lamp: Lamp,
    spare: Spare,
    night: Option<Night>,
    parking: Parking,
    reporter: Reporter,
    keeper: Keeper,
    switch_asked: BTreeMap<ActionId, Asked>,
    engine: EngineRestart,
    /// Asked to stop: the last save that is waited for.
    ending: Option<ActionId>,
    terminated: bool,
}

impl Agent {
    /// Starts from the config, and from what an earlier life wrote down.
    ///
    /// `state` is `None` at the very first start, or when the state file was lost. `off_for` is how long ago it was
    /// written; `None` when that is not known (no clock at boot).
    pub fn new(
        config: &Config,
        node: NodeName,
        boot: BootId,
        state: Option<State>,
        off_for: Option<Duration>,
    ) -> Self {
        let known = state.is_some();
        let state = state.unwrap_or_default();
        let stage = state.stage.max(state.floor);
        let woken = off_for.is_none_or(|off| off > RESTART_WITHIN);
        let resumed = known.then_some(Resumed { floor: state.floor, relapses: state.relapses, woken });
        let shed_order = config.node.shed_order;
        let reason = if known { Reason::Resumed { stage } } else { Reason::Clear };
        let mut orders = Orders::new(state.order);
        if stage > state.floor {
            orders.resume(stage);
        }
        let saved = Mark {
            stage,
            floor: state.floor,
            term: state.order.map_or(Term::default(), |order| order.term),
            relapses: state.relapses,
            clock_capped: state.clock_capped,
            ..Mark::default()
        };
        Self {
            identity: Identity::new(config, node, boot),
            policy: config.policy.clone(),
            switching: Switching::new(config),
            has_power_off: config.halt.power_off != PowerOffBy::None,
            battery_temperature: config.battery.temperature,
            supervised: !config.supervisors.is_empty(),
            started: None,
            now: Uptime::START,
            ids: Ids::default(),
            filter: Filter::new(config),
            estimator: Estimator::new(config.battery.clone(), state.learned.as_ref(), off_for),
            advice: Advice::default(),
            opinion: Opinion::default(),
            loads: StageLoads::default(),
            relay: Relay::new(config.battery.clone()),
            read_at: None,
            energy: Energy { fault: Some(Fault::NotYet), ..Energy::default() },
            told: Energy { fault: Some(Fault::NotYet), ..Energy::default() },
            host: HostSample::default(),
            dip: Dip::new(config.policy.freeze),
            alerts: Alerts::new(config),
            ladder: Ladder::new(&config.policy, &config.battery, shed_order, resumed),
            orders,
            standings: Standings::default(),
            course: Course::new(stage, reason, config.policy.settle),
            grace: Grace::new(config.agent_check.as_ref().map_or(Duration::ZERO, |check| check.grace)),
            shed: Shed::new(&config.containers, stage, state.ledger),
            governor: Governor::new(state.clock_capped),
            lamp: Lamp::default(),
            spare: Spare::new(&config.board),
            night: config.leds.night,
            parking: Parking::new(config.policy.halt_budget),
            reporter: Reporter::new(config.supervisors.len()),
            keeper: Keeper::new(config.state.interval, saved),
            switch_asked: BTreeMap::new(),
            engine: EngineRestart::new(!config.containers.restart.is_empty()),
            ending: None,
            terminated: false,
        }
    }

    /// Takes an event and appends what is to be done to `actions`, in order. `now` never goes backwards; a `now` of
    /// before counts as the last one.
    pub fn handle(&mut self, now: Uptime, event: Event, actions: &mut Vec<Action>) {
        self.now = now.max(self.now);
        let now = self.now;
        if self.started.is_none() {
            self.started = Some(now);
            self.orders.begin(now);
        }
        let taken = self.take(now, event, actions);
        self.decide(now, taken.fresh, actions);
        if let Some((asked, result)) = taken.order {
            let result = result.map(|()| self.course.stage());
            self.reporter.answer(asked.supervisor, OrderOutcome { id: asked.order, result }, actions);
        }
    }

    /// Heartbeats to supervisors come so many times as rarely as the stage has it: for a year in the twin, whose supervisor
    /// waits as much longer before it misses a node. News is told as soon as ever.
    pub fn stretch_heartbeats(&mut self, factor: u32) {
        self.reporter.stretch_heartbeats(factor);
    }

    /// A state of charge that a person vouches for (`replay --soc`).
    pub fn assume_soc(&mut self, soc: Soc) {
        self.estimator.assume_soc(soc);
    }
}

#[cfg(test)]
mod tests;
