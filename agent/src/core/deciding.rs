//! Looking at everything anew, in one fixed order: supply, floor, stage, and what follows from it.

use std::time::Duration;

use protocol::message::Goodbye;
use protocol::report::{Energy, Host, Report};
use protocol::{Fault, Seconds, Stage, Term, Uptime};

use super::Agent;
use super::action::{Action, Lamps, Warning};
use super::course::Course;
use super::keeper::Mark;
use super::opinion;
use super::orders::Orders;
use super::parking::Due;
use super::policy::{Inputs, Ladder};
use super::report::Present;
use super::shed::{Shed, Terms};

impl Agent {
    pub(super) fn decide(&mut self, now: Uptime, fresh: bool, actions: &mut Vec<Action>) {
        let silent = self.filter.tick(now, actions);
        self.hear(now, silent);
        if self.terminated || self.parking.is_off() {
            return;
        }
        // First of all: nothing that is computed below changes that what can wait stands still.
        self.dip.step(now, actions);
        self.brace(now, actions);
        self.orders.step(now);
        self.advice.step(now, &self.estimator, actions);
        let reported = self.filter.reported(now);
        if reported.is_some() || self.opinion.differs() {
            self.opinion.step(now, reported, &self.estimator.energy(now), actions);
        }
        if fresh {
            self.loads.observe(now, self.course.stage(), self.estimator.load());
        }
        let (energy, age, fault) = self.supply(now);
        // Who measures says what it measures. Another node's word told as its own would come back to it as fresh news.
        let by_others = self.filter.has_sensor() && self.goes_by_others(now);
        self.told = if by_others { self.measured(now).0 } else { energy };
        self.energy = energy;
        self.look_at_terminals(now, fresh, actions);
        let dip = self.dip.reason(now, fault);
        let temperature = self.battery_temperature;
        let by_plan = self.orders.is_by_forecast();
        let inputs = Inputs {
            energy: &self.energy,
            age,
            fault,
            fresh,
            temperature,
            host: &self.host,
            by_plan,
            dip: dip.as_ref(),
        };
        self.ladder.step(now, &inputs);
        self.steer(now, actions);
        self.carry_out(now, age, actions);
    }

    /// A fresh reading of the terminals answers a suspicion, or raises one.
    fn look_at_terminals(&mut self, now: Uptime, fresh: bool, actions: &mut Vec<Action>) {
        if let Some(voltage) = self.energy.voltage.filter(|_| fresh) {
            let sensor = self.filter.has_sensor().then(|| self.filter.ruling());
            self.dip.read(now, voltage, sensor, actions);
            self.alerts.read(voltage);
        }
        self.alerts.step(now, &mut self.ids, actions);
    }

    /// What can wait stands still in a dip, and runs again when nothing forbids it.
    fn brace(&mut self, now: Uptime, actions: &mut Vec<Action>) {
        let stage = self.course.stage();
        self.shed.brace(now, self.dip.holds(), stage, &mut self.ids, actions);
    }

    /// What is known of the supply, how old it is, and why it is not fresh: from whoever read it last.
    pub(super) fn supply(&self, now: Uptime) -> (Energy, Duration, Fault) {
        let alive = now.since(self.started.unwrap_or(now));
        if self.goes_by_others(now) {
            let energy = self.relay.energy(now, self.policy.stale_hold);
            return (energy, self.relay.age(now).unwrap_or(alive), energy.fault.unwrap_or(Fault::LinkLost));
        }
        let (energy, fault) = self.measured(now);
        (energy, self.read_at.map_or(alive, |at| now.since(at)), fault)
    }

    /// Whether the supply's state comes from another node: this one has no sensor, or its sensors are silent.
    fn goes_by_others(&self, now: Uptime) -> bool {
        match (self.read_at.map(|at| now.since(at)), self.relay.age(now)) {
            (Some(own), Some(relayed)) => own >= self.policy.stale_hold && relayed < own,
            (None, relayed) => relayed.is_some(),
            (Some(_), None) => false,
        }
    }

    /// What the node's own sensors make of the supply, and why it is not fresh if it is not.
    fn measured(&self, now: Uptime) -> (Energy, Fault) {
        let mut energy = self.estimator.energy(now);
        opinion::lower(&mut energy, self.filter.reported(now));
        let none = match (self.filter.has_sensor(), self.supervised) {
            (true, _) => Fault::NotYet,
            (false, true) => Fault::LinkLost,
            (false, false) => Fault::NoSensor,
        };
        let fault = energy.fault.unwrap_or(none);
        if self.read_at.is_none() {
            energy.fault = Some(fault);
        }
        (energy, fault)
    }

    /// Floor and order together are the stage.
    fn steer(&mut self, now: Uptime, actions: &mut Vec<Action>) {
        let floor = (self.ladder.floor(), self.ladder.reason());
        if let Some(turn) = self.course.steer(now, floor, &self.orders) {
            self.grace.turned(turn.from, turn.to, now);
            self.estimator.expect_other_load();
            let reason = self.course.reason().clone();
            actions.push(Action::Announce { from: turn.from, to: turn.to, reason });
        }
    }

    /// The stage becomes containers, clock, LEDs, words and bytes on disk.
    fn carry_out(&mut self, now: Uptime, age: Duration, actions: &mut Vec<Action>) {
        let stage = self.course.stage();
        let terms = Terms {
            stage: self.grace.stage(stage, now),
            by_plan: self.is_by_plan(),
            saved: self.keeper.saved_ledger(),
            unsaved_is_allowed: self.keeper.is_hopeless(now),
            deadline: self.parking.deadline(),
            stop_max: if stage == Stage::Halt { self.policy.halt_budget } else { self.policy.drain_budget },
        };
        self.brace(now, actions);
        self.shed.drive(now, &terms, &mut self.ids, actions);
        self.governor.drive(now, self.clock_stage(), &mut self.ids, actions);
        self.spare.drive(now, self.course.stage(), &mut self.ids, actions);
        let lamps = self.lamps(age);
        self.lamp.drive(now, lamps, &mut self.ids, actions);
        self.keep(now, actions);
        self.park(now, actions);
        self.say(now, actions);
    }

    /// Whether the node is where it is by a plan on energy: such an order is in force, and its own readings ask for less.
    fn is_by_plan(&self) -> bool {
        self.orders.is_by_forecast() && self.ladder.floor() < self.course.stage()
    }

    /// The stage that the clock is set by. A capped clock serves all work more slowly, critical work too, and saves only
    /// what is not done: a plan takes from what can wait instead, and leaves the clock to the node's own readings.
    pub(super) fn clock_stage(&self) -> Stage {
        if self.is_by_plan() { self.ladder.floor() } else { self.course.stage() }
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

    /// By the clock on the wall; a clock that is not to be trusted knows no night.
    fn is_night(&self) -> bool {
        self.night.zip(self.host.minute_of_day).is_some_and(|(night, minute)| night.has(minute))
    }

    fn lamps(&self, age: Duration) -> Lamps {
        let stage = self.course.stage();
        Lamps {
            stage,
            stale: age >= self.policy.stale_hold || self.energy.fault.is_some(),
            linked: self.reporter.is_linked(),
            fault: self.filter.is_faulty()
                || self.opinion.differs()
                || self.shed.is_troubled()
                || self.keeper.is_failing()
                || self.switching.is_troubled()
                || self.advice.is_given()
                || self.alerts.is_troubled()
                || self.host.rail_low == Some(true),
            dim: stage >= Stage::Shed || self.is_night(),
        }
    }

    fn keep(&mut self, now: Uptime, actions: &mut Vec<Action>) {
        let mark = self.mark();
        if self.keeper.is_due(now, mark) {
            let state = self.state();
            self.keeper.write(now, mark, &mut self.ids, state, actions);
        }
    }

    pub(super) fn mark(&self) -> Mark {
        let stage = self.course.stage();
        Mark {
            stage,
            floor: self.ladder.floor(),
            term: self.orders.newest().map_or(Term::default(), |order| order.term),
            relapses: self.ladder.relapses(),
            clock_capped: self.governor.is_capped(self.clock_stage()),
            ledger_grown: self.shed.ledger_grown(),
            ledger: self.shed.ledger_version(),
        }
    }

    fn say(&mut self, now: Uptime, actions: &mut Vec<Action>) {
        let host = self.reported_host();
        let present = present(&self.course, &self.ladder, &self.orders, &self.shed, &self.told, &host);
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

    /// The board, as far as it is told.
    pub fn reported_host(&self) -> Host {
        Host {
            cpu_permille: self.host.cpu_permille,
            temperature: self.host.temperature,
            frequency_cap: self.host.frequency_cap,
            rail_low: self.host.rail_low,
        }
    }
}

/// What a report would say now. A free function, so that only the parts that it shows are borrowed.
pub(super) fn present<'a>(
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
