//! Taking events in: what happened becomes what is known. Nothing is decided here.

use protocol::Uptime;
use protocol::engine::{EngineOrder, EngineOutcome, EngineRefusal};
use protocol::message::{Goodbye, OrderOutcome, OrderRefusal, SwitchOrder};

use super::action::{Action, ActionId, Warning};
use super::engine;
use super::event::{ActionError, Event, LinkEvent, SupervisorId};
use super::filter::Heard;
use super::{Agent, Asked};

/// What taking an event in left to be answered.
#[derive(Default)]
pub(super) struct Taken {
    /// A believable reading came.
    pub(super) fresh: bool,
    /// An order came.
    pub(super) order: Option<(Asked, Result<(), OrderRefusal>)>,
}

impl Agent {
    pub(super) fn take(&mut self, now: Uptime, event: Event, actions: &mut Vec<Action>) -> Taken {
        let mut taken = Taken::default();
        match event {
            Event::Tick => {}
            Event::Sensor { sensor, reading } => {
                if let Err(fault) = reading {
                    self.dip.missed(fault);
                }
                let read = reading.is_ok();
                let heard = self.filter.take(now, sensor, reading, actions);
                // A failed reading in the same millisecond as a good one is not fresh news of it.
                taken.fresh = self.hear(now, heard) && read;
            }
            Event::Alert { sensor, event } => {
                if self.alerts.take(now, sensor, event, actions) {
                    self.dip.edge(now, sensor);
                    actions.push(Action::Read { sensor });
                }
            }
            Event::Frozen(containers) => self.shed.resume_frozen(containers),
            Event::Host(sample) => self.host = sample,
            Event::Docker(event) => self.shed.docker(now, event, actions),
            Event::Link { supervisor, event } => return self.link(now, supervisor, event, actions),
            Event::Switches { nodes, news } => actions.push(Action::Warn(self.switching.take(nodes, news))),
            Event::Outcome { action, result } => self.outcome(now, action, &result, actions),
            Event::Terminate => self.terminate(now, actions),
        }
        taken
    }

    /// Feeds the estimator; whether a believable reading came.
    pub(super) fn hear(&mut self, now: Uptime, heard: Heard) -> bool {
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
            LinkEvent::Up(welcome) => {
                self.reporter.up(supervisor, welcome.version, actions);
                self.reporter.pass_on(supervisor, self.standings.all(now), actions);
            }
            LinkEvent::Down { .. } => self.reporter.down(supervisor),
            LinkEvent::Ack(sequence) => self.reporter.acknowledged(supervisor, sequence, actions),
            LinkEvent::RequestFull => self.reporter.full_wanted(supervisor),
            LinkEvent::Standing(standing) => {
                if self.standings.take(now, &standing) {
                    self.reporter.spread(supervisor, &standing, actions);
                }
            }
            LinkEvent::Leading(leading) => self.reporter.spread_leading(supervisor, &leading, actions),
            LinkEvent::Supply(report) => taken.fresh = self.relay.take(now, report),
            LinkEvent::Order(order) => {
                let asked = Asked { supervisor, order: order.id };
                taken.order = Some((asked, self.orders.take(now, &order)));
            }
            LinkEvent::RestartEngine(order) => self.restart_engine(now, supervisor, order, actions),
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
        if let Err((refusal, warning)) = self.switching.admit(&order.node, order.on, &self.reporter) {
            actions.extend(warning.map(Action::Warn));
            return Err(refusal);
        }
        let id = self.ids.next();
        actions.push(Action::Switch { id, node: order.node, on: order.on });
        self.switch_asked.insert(id, asked);
        Ok(())
    }

    /// Begins to restart the container engine, or says why not; the answer follows its outcome.
    fn restart_engine(
        &mut self,
        now: Uptime,
        supervisor: SupervisorId,
        order: EngineOrder,
        actions: &mut Vec<Action>,
    ) {
        let EngineOrder { id: number, reason } = order;
        if let Err(refusal) = self.admit_engine(now, order) {
            return self.engine_ended(
                supervisor,
                EngineOutcome { id: number, result: Err(refusal) },
                actions,
            );
        }
        let id = self.ids.next();
        actions.push(Action::RestartEngine { id, reason });
        self.engine.begin(now, id, supervisor, number);
    }

    fn admit_engine(&mut self, now: Uptime, order: EngineOrder) -> Result<(), EngineRefusal> {
        if let Err(OrderRefusal::Older { newest }) = self.orders.admit(order.id) {
            return Err(EngineRefusal::Older { newest });
        }
        if self.terminated || self.parking.is_off() {
            return Err(EngineRefusal::Ending);
        }
        self.engine.admit(now, self.course.stage())
    }

    /// What became of it is for whoever asked, and for this node's own log.
    fn engine_ended(&mut self, supervisor: SupervisorId, outcome: EngineOutcome, actions: &mut Vec<Action>) {
        if let Err(refusal) = &outcome.result {
            let what = "restart the container engine".to_owned();
            actions.push(Action::Warn(Warning::ActionFailed { what, why: refusal.to_string() }));
        }
        self.reporter.answer_engine(supervisor, outcome, actions);
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
        if let Some(asked) = self.switch_asked.remove(&action) {
            let result = match result {
                Ok(()) => Ok(self.course.stage()),
                Err(ActionError::Unsupported | ActionError::NotFound) => Err(OrderRefusal::NoSuchSwitch),
                Err(_) => Err(OrderRefusal::SwitchFailed),
            };
            self.reporter.answer(asked.supervisor, OrderOutcome { id: asked.order, result }, actions);
            return;
        }
        if let Some(asked) = self.engine.ended(action) {
            let result = match result {
                Ok(()) => Ok(()),
                Err(error) => Err(engine::refusal(error)),
            };
            let outcome = EngineOutcome { id: asked.order, result };
            return self.engine_ended(asked.supervisor, outcome, actions);
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
            || self.alerts.outcome(now, action, result, actions)
            || self.keeper.outcome(now, action, result, actions)
            || self.governor.outcome(now, action, result, actions)
            || self.spare.outcome(now, action, result, actions)
            || self.lamp.outcome(now, action, result);
    }

    fn terminate(&mut self, now: Uptime, actions: &mut Vec<Action>) {
        if self.terminated {
            return;
        }
        self.terminated = true;
        self.shed.thaw_all(now, self.course.stage(), &mut self.ids, actions);
        let (mark, state) = (self.mark(), self.state());
        self.ending = Some(self.keeper.write(now, mark, &mut self.ids, state, actions));
        self.reporter.part(&Goodbye::Stopping, actions);
    }
}
