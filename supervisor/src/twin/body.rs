//! The `io` of a simulated node: what its agent wants done is done to the simulated board, disk and Docker, takes its
//! time, and comes back as an outcome.

use std::time::Duration;

use agent::core::action::{Action, ActionId, ContainerChange, FrequencyCap, Warning};
use agent::core::event::{ActionError, ContainerId, DockerEvent, Event, HostSample};
use agent::core::reading::SensorId;
use agent::core::state::State;
use protocol::{NodeName, Reason, Temperature, Uptime};
use rand::RngExt;

use super::chronicle::Change;
use super::node::{Life, Node, Phase};
use super::physics::POWER_CYCLE;
use super::plan::{LEADER, Mishaps};
use super::{Happening, STRETCHED, Twin, TwinError};

/// Writing and syncing the state file on an SD card.
const SAVE_TAKES: Duration = Duration::from_millis(30);
/// A lamp, a clock, a relay.
const SWITCH_TAKES: Duration = Duration::from_millis(20);
/// Docker's list of all containers.
const LIST_TAKES: Duration = Duration::from_millis(40);
/// systemd's power off, with disks synced.
pub(super) const POWER_OFF_TAKES: Duration = Duration::from_secs(6);
/// One change in so many is not answered by the engine in time.
const ENGINE_FAILS_ONE_IN: u32 = 400;
/// How long the engine's answer is waited for.
const ENGINE_TIMEOUT: Duration = Duration::from_secs(20);
/// What an action does when it ends.
#[derive(Debug)]
pub(super) enum Effect {
    /// The state file is on disk.
    Save(Box<State>),
    /// Docker changed a container.
    Container(ContainerId, ContainerChange),
    /// Docker did not answer.
    EngineSilent,
    /// The processor's clock is capped, or free.
    Clock(Option<FrequencyCap>),
    /// Nothing that matters to the simulation: a lamp.
    Lamp,
    /// A relay switched another node.
    Relay(NodeName, bool),
    /// The node is off.
    PowerOff,
}

impl Twin {
    /// A node's system is up: its agent starts.
    pub(super) fn booted(&mut self, life: Life) -> Result<(), TwinError> {
        let now = self.now;
        if self.living(life).is_none() {
            return Ok(());
        }
        let (off_for, told) = (self.believed_off(life.node), self.told);
        let Some(node) = self.living(life) else { return Ok(()) };
        let stretch = if node.plan.config.sensors.is_empty() { STRETCHED.1 } else { STRETCHED.0 };
        node.start_agent(now, off_for, if told { 1 } else { stretch })?;
        if !node.plan.config.sensors.is_empty() {
            self.queue.plan(now, Happening::Sense(life));
        }
        self.queue.plan(now + LIST_TAKES, Happening::Containers(life));
        self.queue.plan(now + SWITCH_TAKES, Happening::Look(life));
        let dials = self.draw(Duration::from_millis(100), Duration::from_millis(900));
        self.queue.plan(now + dials, Happening::Connect(life));
        if life.node == LEADER {
            self.queue.plan(now, Happening::LeaderUp(life));
        }
        self.tell(life, Event::Tick);
        Ok(())
    }

    /// The agent reads its sensor through the driver.
    pub(super) fn sense(&mut self, life: Life) {
        let (now, temperature) = (self.now, self.field.temperature());
        let (voltage, current) = (self.field.voltage(), self.field.current());
        let Some(node) = self.living(life) else { return };
        let interval = node.plan.config.sampling.interval;
        node.expose(now, voltage, current);
        let reading = node.running_mut().and_then(|running| running.read(temperature));
        self.queue.plan(now + interval, Happening::Sense(life));
        if let Some(reading) = reading {
            self.tell(life, Event::Sensor { sensor: SensorId(0), reading });
        }
    }

    /// The agent looks at its board.
    pub(super) fn look(&mut self, life: Life) {
        let now = self.now;
        let seconds = self.time().seconds;
        let rail_low = self.field.is_cut();
        let Some(node) = self.living(life) else { return };
        let used = node.docker.load(seconds, node.cores(), node.speed(), true).cpus / node.cores();
        let host = HostSample {
            minute_of_day: None,
            cpu_permille: Some((used * 1000.0) as u16),
            // A Pi 3B in a closed case: about 45 degrees idle, 70 with all cores busy.
            temperature: Some(Temperature::from_celsius(45.0 + 25.0 * used)),
            rail_low: Some(rail_low),
            frequency_cap: node.clock_cap,
        };
        let interval = node.plan.config.sampling.host_interval;
        self.queue.plan(now + interval, Happening::Look(life));
        self.tell(life, Event::Host(host));
    }

    /// Docker tells the agent all containers.
    pub(super) fn containers(&mut self, life: Life) {
        let answers = self.engine_answers(life.node);
        let Some(node) = self.living(life).filter(|node| node.running().is_some()) else { return };
        if !answers {
            let again = node.engine_silent_until;
            self.queue.plan(again, Happening::Containers(life));
            return self.tell(life, Event::Docker(DockerEvent::Down));
        }
        let containers = node.docker.list();
        self.tell(life, Event::Docker(DockerEvent::Containers(containers)));
    }

    /// Begins what an agent wants done, in order.
    pub(super) fn carry_out(&mut self, life: Life, actions: Vec<Action>) {
        for action in actions {
            self.begin(life, action);
        }
    }

    fn begin(&mut self, life: Life, action: Action) {
        match action {
            Action::SaveState { id, state } => self.ends_in(life, SAVE_TAKES, Some(id), Effect::Save(state)),
            Action::Container { id, container, change, .. } => self.begin_change(life, id, container, change),
            Action::ListContainers => self.queue.plan(self.now + LIST_TAKES, Happening::Containers(life)),
            Action::SetFrequencyCap { id, cap } => {
                self.ends_in(life, SWITCH_TAKES, Some(id), Effect::Clock(cap));
            }
            // There is no Swarm in the twin: nobody asks for an engine's restart.
            Action::ShowLamps { id, .. }
            | Action::SwitchPart { id, .. }
            | Action::RestartEngine { id, .. } => {
                self.ends_in(life, SWITCH_TAKES, Some(id), Effect::Lamp);
            }
            Action::Send { message, .. } => self.send_up(life, &message),
            Action::CloseLink { .. } => self.close_by_agent(life),
            Action::Switch { id, node, on } => {
                self.ends_in(life, SWITCH_TAKES, Some(id), Effect::Relay(node, on));
            }
            Action::PowerOff { id, reason } => self.begin_power_off(life, id, &reason),
            Action::Announce { from, to, reason } => {
                let time = self.time();
                let change = Change { time, node: life.node, from, to, reason };
                let name = self.nodes.get(life.node).map(|node| &node.plan.name).filter(|_| self.told);
                self.chronicle.change(change, name);
            }
            Action::Warn(warning) => self.warn(life, &warning),
            // The simulated chips have no line of their own, and are read often enough.
            Action::Stop | Action::Read { .. } | Action::Arm { .. } => {}
        }
    }

    fn begin_change(&mut self, life: Life, id: ActionId, container: ContainerId, change: ContainerChange) {
        let often = self.mishaps == Mishaps::Often;
        let fails =
            !self.engine_answers(life.node) || often && self.random.random_ratio(1, ENGINE_FAILS_ONE_IN);
        let Some(node) = self.living(life) else { return };
        if fails {
            self.ends_in(life, ENGINE_TIMEOUT, Some(id), Effect::EngineSilent);
        } else {
            let takes = node.docker.takes(&container, change);
            self.ends_in(life, takes, Some(id), Effect::Container(container, change));
        }
    }

    /// A node powers off after all that it began has ended.
    fn begin_power_off(&mut self, life: Life, id: ActionId, reason: &Reason) {
        let (now, time) = (self.now, self.time());
        if let Some(node) = self.nodes.get(life.node).filter(|_| self.told) {
            let name = node.plan.name.to_string();
            self.chronicle.say(time, &name, format!("everything is stopped: powers itself off ({reason})"));
        }
        let Some(running) = self.living(life).and_then(Node::running_mut) else { return };
        running.stopping = true;
        let after = running.busy_until.since(now) + POWER_OFF_TAKES;
        self.ends_in(life, after, Some(id), Effect::PowerOff);
    }

    fn ends_in(&mut self, life: Life, takes: Duration, id: Option<ActionId>, effect: Effect) {
        let ends = self.now + takes;
        if let Some(running) = self.living(life).and_then(Node::running_mut) {
            running.busy_until = running.busy_until.max(ends);
        }
        self.queue.plan(ends, Happening::Done(life, id, effect));
    }

    /// An action ends: the world changes, the agent is told.
    pub(super) fn done(&mut self, life: Life, id: Option<ActionId>, effect: Effect) {
        let Some(node) = self.living(life) else { return };
        let mut changed = false;
        let result = match effect {
            Effect::Save(state) => {
                node.save(*state);
                Ok(())
            }
            Effect::Container(container, change) => {
                let result = node.docker.apply(&container, change);
                changed = result.is_ok();
                result
            }
            Effect::EngineSilent => Err(ActionError::TimedOut),
            Effect::Clock(cap) => {
                let board = node.plan.board;
                node.clock_cap = cap.map(|cap| match cap {
                    FrequencyCap::Lowest => board.clock_min,
                    FrequencyCap::At(clock) => clock.clamp(board.clock_min, board.clock_max),
                });
                Ok(())
            }
            Effect::Lamp => Ok(()),
            Effect::Relay(name, on) => self.switch(&name, on),
            Effect::PowerOff => return self.halt(life),
        };
        if changed {
            self.queue.plan(self.now + LIST_TAKES, Happening::Containers(life));
        }
        if let Some(action) = id {
            self.tell(life, Event::Outcome { action, result });
        }
    }

    /// A node has powered itself off.
    fn halt(&mut self, life: Life) {
        let now = self.now;
        self.lose_network(life.node, false);
        self.field.halt(life.node);
        if let Some(node) = self.living(life) {
            node.power_off(now, Phase::Halted, true);
        }
    }

    /// A relay opens or closes. A board that halted comes up by a break of its power, so to close a closed one wakes nobody.
    fn switch(&mut self, name: &NodeName, on: bool) -> Result<(), ActionError> {
        let index =
            self.nodes.iter().position(|node| node.plan.name == *name).ok_or(ActionError::NotFound)?;
        if !on {
            self.field.set_switch(index, false);
            if let Some(node) = self.nodes.get_mut(index) {
                node.cut_on_purpose = true;
            }
        } else if !self.field.is_switched_on(index) {
            self.woken(index);
            self.power(index);
        }
        Ok(())
    }

    fn woken(&mut self, index: usize) {
        let time = self.time();
        self.chronicle.sums.wakes += 1;
        if let Some(node) = self.nodes.get(index).filter(|_| self.told) {
            let name = node.plan.name.to_string();
            self.chronicle.say(time, &name, "woken: the power switch gives it power again".to_owned());
        }
    }

    /// A node that is off wakes itself: its comparator breaks its power for a moment.
    pub(super) fn wake(&mut self, index: usize) {
        self.woken(index);
        self.field.set_switch(index, false);
        // Long enough for the next step of the physics to see the break, or a halted board would never notice it.
        let broken = POWER_CYCLE.max(self.step + Duration::from_millis(1));
        self.queue.plan(self.now + broken, Happening::Power(index));
    }

    /// A relay closes.
    pub(super) fn power(&mut self, index: usize) {
        if self.nodes.get(index).is_some_and(|node| !node.unplugged) {
            self.field.set_switch(index, true);
        }
    }

    fn warn(&mut self, life: Life, warning: &Warning) {
        if !self.told {
            return;
        }
        let time = self.time();
        let text = match warning {
            Warning::ActionFailed { what, why } => format!("{what} failed: {why}"),
            Warning::StateNotSaved { why } => format!("the state file cannot be written: {why}"),
            Warning::Switches { what, .. } => format!("power switch: {what}"),
            Warning::Sensor { what, .. } => format!("sensor: {what}"),
            Warning::Dip { .. } | Warning::FalseAlarm { .. } => warning.to_string(),
            Warning::BadLabel { container, label, .. } => {
                format!("{container}: label {label} is not understood")
            }
        };
        if let Some(name) = self.nodes.get(life.node).map(|node| node.plan.name.to_string()) {
            self.chronicle.say(time, &name, text);
        }
    }

    /// When the node was last switched on or off.
    pub(super) fn off_for(&self, index: usize) -> Duration {
        let since = self.nodes.get(index).map_or(Uptime::START, |node| node.off_since);
        self.now.since(since)
    }
}
