//! Everything the agent decides. `Event -> core -> Action`: no clock, no I/O, no randomness, no async.
//!
//! A reading's way: [`reading::Reading`] -> [`filter`] (believable?) -> [`energy`] (how much is left?) -> [`policy`]
//! (which floor, why?) -> [`course`] (which stage: floor and [`orders`] together) -> [`shed`] (which containers?),
//! [`governor`] (the clock), [`lamp`], [`parking`] (the end of `Halt`), [`report`], [`keeper`] (the state file).
//! A node without a sensor gets its energy through [`relay`]. Orders can only make a node more careful than its floor.
//!
//! Every event goes the same way: first it is taken in ([`Agent::handle`]), then everything is looked at anew, in one
//! fixed order (`Agent::decide`). Nothing is decided while taking in.
//!
//! What happens on [`event::Event::Terminate`]: the state is saved, good-bye is said, then the program may stop. The
//! containers stay as their stage needs them: a node that is short of energy is not fed more because its agent is
//! updated. The next life takes up the same stage and gives back what this one wrote down.

pub mod action;
pub mod advice;
pub mod course;
pub mod energy;
pub mod event;
pub mod filter;
pub mod governor;
pub mod keeper;
pub mod lamp;
pub mod orders;
pub mod parking;
pub mod policy;
pub mod reading;
pub mod relay;
pub mod report;
pub mod shed;
pub mod state;

use std::collections::BTreeMap;
use std::time::Duration;

use protocol::message::{Goodbye, Hello, OrderOutcome, OrderRefusal, SwitchOrder};
use protocol::report::{Energy, Host, Report};
use protocol::{
    BootId, Fault, NodeName, OrderId, Reason, Seconds, Soc, Stage, SupplyName, Temperature, Term, Uptime,
    VERSION_CURRENT, VERSION_MIN,
};

use crate::config::{Config, Policy, PowerOffBy};
use action::{Action, ActionId, Ids, Lamps, Warning};
use advice::Advice;
use course::Course;
use energy::Estimator;
use event::{ActionError, Event, HostSample, LinkEvent, SupervisorId};
use filter::{Filter, Heard};
use governor::Governor;
use keeper::{Keeper, Mark};
use lamp::Lamp;
use orders::Orders;
use parking::{Due, Parking};
use policy::{Inputs, Ladder, Resumed};
use reading::SensorId;
use relay::Relay;
use report::{Present, Reporter};
use shed::{Shed, Terms};
use state::State;

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
    switches: Vec<NodeName>,
    has_power_off: bool,
    battery_temperature: Temperature,
    supervised: bool,

    started: Option<Uptime>,
    now: Uptime,
    ids: Ids,

    filter: Filter,
    estimator: Estimator,
    advice: Advice,
    relay: Relay,
    /// When the newest believable reading of an own sensor came.
    read_at: Option<Uptime>,
    /// What is known of the supply, as of the last event.
    energy: Energy,
    host: HostSample,

    ladder: Ladder,
    orders: Orders,
    course: Course,
    shed: Shed,
    governor: Governor,
    lamp: Lamp,
    parking: Parking,
    reporter: Reporter,
    keeper: Keeper,
    switching: BTreeMap<ActionId, Asked>,
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
            identity: Identity {
                node,
                boot,
                supply: config.node.supply.clone(),
                shed_order,
                master: config.node.master,
            },
            policy: config.policy.clone(),
            switches: config.switches.iter().map(|switch| switch.node.clone()).collect(),
            has_power_off: config.halt.power_off != PowerOffBy::None,
            battery_temperature: config.battery.temperature,
            supervised: !config.supervisors.is_empty(),
            started: None,
            now: Uptime::START,
            ids: Ids::default(),
            filter: Filter::new(config),
            estimator: Estimator::new(config.battery.clone(), state.learned.as_ref(), off_for),
            advice: Advice::default(),
            relay: Relay::new(config.battery.clone()),
            read_at: None,
            energy: Energy { fault: Some(Fault::NotYet), ..Energy::default() },
            host: HostSample::default(),
            ladder: Ladder::new(&config.policy, &config.battery, shed_order, resumed),
            orders,
            course: Course::new(stage, reason, config.policy.settle),
            shed: Shed::new(&config.containers, stage, state.ledger),
            governor: Governor::new(state.clock_capped),
            lamp: Lamp::default(),
            parking: Parking::new(config.policy.halt_budget),
            reporter: Reporter::new(config.supervisors.len()),
            keeper: Keeper::new(config.state.interval, saved),
            switching: BTreeMap::new(),
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

    /// A state of charge that a person vouches for (`replay --soc`).
    pub fn assume_soc(&mut self, soc: Soc) {
        self.estimator.assume_soc(soc);
    }
}

/// What taking an event in left to be answered.
#[derive(Default)]
struct Taken {
    /// A believable reading came.
    fresh: bool,
    /// An order came.
    order: Option<(Asked, Result<(), OrderRefusal>)>,
}

/// Taking in.
impl Agent {
    fn take(&mut self, now: Uptime, event: Event, actions: &mut Vec<Action>) -> Taken {
        let mut taken = Taken::default();
        match event {
            Event::Tick => {}
            Event::Sensor { sensor, reading } => {
                let heard = self.filter.take(now, sensor, reading, actions);
                taken.fresh = self.hear(now, heard);
            }
            Event::Host(sample) => self.host = sample,
            Event::Docker(event) => self.shed.docker(now, event, actions),
            Event::Link { supervisor, event } => return self.link(now, supervisor, event, actions),
            Event::Outcome { action, result } => self.outcome(now, action, &result, actions),
            Event::Terminate => self.terminate(now, actions),
        }
        taken
    }

    /// Feeds the estimator; whether a believable reading came.
    fn hear(&mut self, now: Uptime, heard: Heard) -> bool {
        match heard {
            Heard::Sample(sample) => {
                self.estimator.observe(now, &sample);
                self.read_at = Some(now);
                if let Some(temperature) = sample.temperature {
                    self.battery_temperature = temperature;
                }
                true
            }
            Heard::Miss(fault) => {
                self.estimator.miss(now, fault);
                false
            }
            Heard::Nothing => false,
        }
    }

    fn link(
        &mut self,
        now: Uptime,
        supervisor: SupervisorId,
        event: LinkEvent,
        actions: &mut Vec<Action>,
    ) -> Taken {
        let mut taken = Taken::default();
        match event {
            LinkEvent::Up(_) => self.reporter.up(supervisor),
            LinkEvent::Down { .. } => self.reporter.down(supervisor),
            LinkEvent::Ack(sequence) => self.reporter.acknowledged(supervisor, sequence, actions),
            LinkEvent::RequestFull => self.reporter.full_wanted(supervisor),
            LinkEvent::Supply(report) => taken.fresh = self.relay.take(now, report),
            LinkEvent::Order(order) => {
                let asked = Asked { supervisor, order: order.id };
                taken.order = Some((asked, self.orders.take(now, &order)));
            }
            LinkEvent::Switch(order) => {
                let asked = Asked { supervisor, order: order.id };
                taken.order = self.switch(asked, order, actions).err().map(|refusal| (asked, Err(refusal)));
            }
        }
        taken
    }

    /// Begins to switch another node's power; the answer follows its outcome.
    fn switch(
        &mut self,
        asked: Asked,
        order: SwitchOrder,
        actions: &mut Vec<Action>,
    ) -> Result<(), OrderRefusal> {
        self.orders.admit(order.id)?;
        if !self.switches.contains(&order.node) {
            return Err(OrderRefusal::NoSuchSwitch);
        }
        let id = self.ids.next();
        actions.push(Action::Switch { id, node: order.node, on: order.on });
        self.switching.insert(id, asked);
        Ok(())
    }

    fn outcome(
        &mut self,
        now: Uptime,
        action: ActionId,
        result: &Result<(), ActionError>,
        actions: &mut Vec<Action>,
    ) {
        if self.ending == Some(action) {
            // Written or not: there is nothing more to wait for.
            self.ending = None;
            actions.push(Action::Stop);
            return;
        }
        if let Some(asked) = self.switching.remove(&action) {
            let result = match result {
                Ok(()) => Ok(self.course.stage()),
                Err(ActionError::Unsupported | ActionError::NotFound) => Err(OrderRefusal::NoSuchSwitch),
                Err(_) => Err(OrderRefusal::SwitchFailed),
            };
            self.reporter.answer(asked.supervisor, OrderOutcome { id: asked.order, result }, actions);
            return;
        }
        if self.parking.is_mine(action) {
            if let Err(error) = result {
                self.parking.stay();
                self.reporter.stay();
                let what = "power the node off".to_owned();
                actions.push(Action::Warn(Warning::ActionFailed { what, why: error.to_string() }));
            }
            return;
        }
        let _known = self.shed.outcome(now, action, result, actions)
            || self.keeper.outcome(now, action, result, actions)
            || self.governor.outcome(now, action, result, actions)
            || self.lamp.outcome(now, action, result);
    }

    fn terminate(&mut self, now: Uptime, actions: &mut Vec<Action>) {
        if self.terminated {
            return;
        }
        self.terminated = true;
        let (mark, state) = (self.mark(), self.state());
        self.ending = Some(self.keeper.write(now, mark, &mut self.ids, state, actions));
        self.reporter.part(&Goodbye::Stopping, actions);
    }
}

/// Looking at everything anew.
impl Agent {
    fn decide(&mut self, now: Uptime, fresh: bool, actions: &mut Vec<Action>) {
        let silent = self.filter.tick(now, actions);
        self.hear(now, silent);
        if self.terminated {
            return;
        }
        self.orders.step(now);
        self.advice.step(now, &self.estimator, actions);
        let (energy, age, fault) = self.supply(now);
        self.energy = energy;
        let temperature = self.battery_temperature;
        let inputs = Inputs { energy: &self.energy, age, fault, fresh, temperature, host: &self.host };
        self.ladder.step(now, &inputs);
        self.steer(now, actions);
        self.carry_out(now, age, actions);
    }

    /// What is known of the supply, how old it is, and why it is not fresh: from whoever read it last.
    fn supply(&self, now: Uptime) -> (Energy, Duration, Fault) {
        let alive = now.since(self.started.unwrap_or(now));
        let own = self.read_at.map(|at| now.since(at));
        let relayed = self.relay.age(now);
        let use_relay = match (own, relayed) {
            (Some(own), Some(relayed)) => own >= self.policy.stale_hold && relayed < own,
            (None, relayed) => relayed.is_some(),
            (Some(_), None) => false,
        };
        if use_relay {
            let energy = self.relay.energy(now, self.policy.stale_hold);
            return (energy, relayed.unwrap_or(alive), energy.fault.unwrap_or(Fault::LinkLost));
        }
        let mut energy = self.estimator.energy(now);
        let none = match (self.filter.has_sensor(), self.supervised) {
            (true, _) => Fault::NotYet,
            (false, true) => Fault::LinkLost,
            (false, false) => Fault::NoSensor,
        };
        let fault = energy.fault.unwrap_or(none);
        if own.is_none() {
            energy.fault = Some(fault);
        }
        (energy, own.unwrap_or(alive), fault)
    }

    /// Floor and order together are the stage.
    fn steer(&mut self, now: Uptime, actions: &mut Vec<Action>) {
        let floor = (self.ladder.floor(), self.ladder.reason());
        if let Some(turn) = self.course.steer(now, floor, &self.orders) {
            let reason = self.course.reason().clone();
            actions.push(Action::Announce { from: turn.from, to: turn.to, reason });
        }
    }

    /// The stage becomes containers, clock, LEDs, words and bytes on disk.
    fn carry_out(&mut self, now: Uptime, age: Duration, actions: &mut Vec<Action>) {
        if self.parking.is_off() {
            return;
        }
        let stage = self.course.stage();
        let terms = Terms {
            stage,
            saved: self.keeper.saved_ledger(),
            unsaved_is_allowed: self.keeper.is_hopeless(now),
            deadline: self.parking.deadline(),
            stop_max: if stage == Stage::Halt { self.policy.halt_budget } else { self.policy.drain_budget },
        };
        self.shed.drive(now, &terms, &mut self.ids, actions);
        self.governor.drive(now, stage, &mut self.ids, actions);
        let lamps = self.lamps(age);
        self.lamp.drive(now, lamps, &mut self.ids, actions);
        self.keep(now, actions);
        self.park(now, actions);
        self.say(now, actions);
    }

    /// Powers the node off, when `Halt` has come to its end.
    fn park(&mut self, now: Uptime, actions: &mut Vec<Action>) {
        let halting =
            self.course.stage() == Stage::Halt && (self.ladder.demands_halt() || self.orders.demands_halt());
        let stopped = self.shed.is_heard() && self.shed.is_done();
        let Due::PowerOff { in_time } = self.parking.step(now, halting, stopped) else { return };
        if !in_time {
            let what = "stop every container within policy.halt_budget".to_owned();
            let why = "some still run; Halt goes on all the same".to_owned();
            actions.push(Action::Warn(Warning::ActionFailed { what, why }));
        }
        if !self.has_power_off {
            self.parking.stay();
            return;
        }
        let (mark, state) = (self.mark(), self.state());
        self.keeper.write(now, mark, &mut self.ids, state, actions);
        let reason = self.course.reason().clone();
        self.reporter.part(&Goodbye::Parking { reason: reason.clone() }, actions);
        let id = self.ids.next();
        actions.push(Action::PowerOff { id, reason });
        self.parking.asked(id);
    }

    fn lamps(&self, age: Duration) -> Lamps {
        let stage = self.course.stage();
        Lamps {
            stage,
            stale: age >= self.policy.stale_hold || self.energy.fault.is_some(),
            linked: self.reporter.is_linked(),
            fault: self.filter.is_faulty()
                || self.shed.is_troubled()
                || self.keeper.is_failing()
                || self.advice.is_given()
                || self.host.rail_low == Some(true),
            dim: stage >= Stage::Shed,
        }
    }

    fn keep(&mut self, now: Uptime, actions: &mut Vec<Action>) {
        let mark = self.mark();
        if self.keeper.is_due(now, mark) {
            let state = self.state();
            self.keeper.write(now, mark, &mut self.ids, state, actions);
        }
    }

    fn mark(&self) -> Mark {
        let stage = self.course.stage();
        Mark {
            stage,
            floor: self.ladder.floor(),
            term: self.orders.newest().map_or(Term::default(), |order| order.term),
            relapses: self.ladder.relapses(),
            clock_capped: self.governor.is_capped(stage),
            ledger_grown: self.shed.ledger_grown(),
            ledger: self.shed.ledger_version(),
        }
    }

    fn say(&mut self, now: Uptime, actions: &mut Vec<Action>) {
        let host = self.reported_host();
        let present = present(&self.course, &self.ladder, &self.orders, &self.shed, &self.energy, &host);
        let uptime = Seconds::from(now.since(self.started.unwrap_or(now)));
        let total = u16::try_from(self.shed.count()).unwrap_or(u16::MAX);
        let report = || Report {
            uptime,
            stage: present.stage,
            floor: present.floor,
            reason: present.reason.clone(),
            energy: *present.energy,
            host,
            order: present.order,
            containers_total: total,
            containers: heapless::Vec::new(),
            docker_up: present.docker_up,
        };
        self.reporter.drive(now, &present, &self.shed, report, actions);
    }

    fn reported_host(&self) -> Host {
        Host {
            cpu_permille: self.host.cpu_permille,
            temperature: self.host.temperature,
            frequency_cap: self.host.frequency_cap,
            rail_low: self.host.rail_low,
        }
    }
}

/// What a report would say now. A free function, so that only the parts that it shows are borrowed.
fn present<'a>(
    course: &'a Course,
    ladder: &Ladder,
    orders: &Orders,
    shed: &Shed,
    energy: &'a Energy,
    host: &'a Host,
) -> Present<'a> {
    Present {
        stage: course.stage(),
        floor: ladder.floor(),
        reason: course.reason(),
        energy,
        host,
        order: orders.newest(),
        docker_up: shed.is_up(),
        containers: shed.version(),
    }
}

/// Getters: none of them changes anything.
impl Agent {
    /// When [`Event::Tick`] is wanted at the latest; `None` while nothing waits for time to pass.
    pub fn next_wake(&self) -> Option<Uptime> {
        let started = self.started?;
        if self.parking.is_off() || self.terminated {
            return None;
        }
        let now = self.now;
        let read_at = match (self.read_at, self.relay.read_at(now)) {
            (Some(own), Some(relayed)) => own.max(relayed),
            (own, relayed) => own.or(relayed).unwrap_or(started),
        };
        let host = self.reported_host();
        let present = present(&self.course, &self.ladder, &self.orders, &self.shed, &self.energy, &host);
        let target = self.ladder.floor().max(self.orders.stage());
        let times = [
            self.filter.next_wake(),
            self.ladder.next_wake(now, read_at),
            self.orders.next_wake(),
            self.course.next_wake(target),
            self.shed.next_wake(),
            self.governor.next_wake(),
            self.lamp.next_wake(),
            self.parking.deadline(),
            self.reporter.next_wake(&present),
            self.keeper.next_wake(now, self.mark()),
        ];
        times.into_iter().flatten().filter(|at| *at > now).min()
    }

    /// The node's name.
    pub const fn node(&self) -> &NodeName {
        &self.identity.node
    }

    /// This life of the agent.
    pub const fn boot(&self) -> BootId {
        self.identity.boot
    }

    /// What the agent says first on a link.
    pub fn hello(&self) -> Hello {
        Hello {
            version_min: VERSION_MIN,
            version_max: VERSION_CURRENT,
            node: self.identity.node.clone(),
            boot: self.identity.boot,
            supply: self.identity.supply.clone(),
            has_sensor: self.filter.has_sensor(),
            shed_order: self.identity.shed_order,
            master: self.identity.master,
            term: self.orders.newest().map_or(Term::default(), |order| order.term),
        }
    }

    /// What the node does.
    pub const fn stage(&self) -> Stage {
        self.course.stage()
    }

    /// The lowest stage that its own readings allow.
    pub const fn floor(&self) -> Stage {
        self.ladder.floor()
    }

    /// Why it is in its stage.
    pub const fn reason(&self) -> &Reason {
        self.course.reason()
    }

    /// What is known of the supply at `now`.
    pub fn energy(&self, now: Uptime) -> Energy {
        self.supply(now.max(self.now)).0
    }

    /// The newest order obeyed.
    pub const fn order(&self) -> Option<OrderId> {
        self.orders.newest()
    }

    /// Why a sensor is not believed; `None` while all is well with it.
    pub fn sensor_fault(&self, sensor: SensorId) -> Option<Fault> {
        self.filter.fault(sensor)
    }

    /// How often the node climbed again right after it recovered.
    pub const fn relapses(&self) -> u16 {
        self.ladder.relapses()
    }

    /// Whether the node powers itself off: nothing more will come, unless that fails.
    pub const fn is_parking(&self) -> bool {
        self.parking.is_off()
    }

    /// Everything that must survive a restart, as it would be written now.
    pub fn state(&self) -> State {
        let stage = self.course.stage();
        State {
            stage,
            order: self.orders.newest(),
            learned: Some(self.estimator.learned()),
            ledger: self.shed.ledger(),
            relapses: self.ladder.relapses(),
            floor: self.ladder.floor(),
            clock_capped: self.governor.is_capped(stage),
        }
    }
}

#[cfg(test)]
mod tests;
