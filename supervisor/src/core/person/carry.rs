//! Taking a person's orders, carrying them out, ending them.

use protocol::message::SupervisorMessage;
use protocol::standing::{Standing, Wish, Words};
use protocol::{NodeName, OrderId, OrderReason, Stage, Uptime};

use super::judge::judge;
use super::{
    AWAKE_FOR, Accepted, Ended, PersonAnswer, PersonEvent, Refused, Request, StandingView, Verb,
    WITHDRAWN_FOR,
};
use crate::core::action::Action;
use crate::core::address::Standby;
use crate::core::fleet::Node;
use crate::core::journal::What;
use crate::core::liveness::Liveness;
use crate::core::notes::of_node;
use crate::core::planner::{Change, Scene, Step, turns};
use crate::core::{LinkId, Supervisor, safety, supply};

impl Supervisor {
    /// A person asks: the answer comes with the same event.
    pub(crate) fn on_person(&mut self, now: Uptime, event: PersonEvent, actions: &mut Vec<Action>) {
        let PersonEvent { ask, request } = event;
        let answer = self.asked(now, &request, actions);
        if let (Err(refused), Some(node)) = (&answer, self.fleet.get(&request.node)) {
            let (who, verb) = (request.who.clone(), request.verb);
            let what = What::PersonRefused { who, verb, refused: refused.clone() };
            let record = of_node(node, what, now);
            self.record(record, actions);
        }
        actions.push(Action::Answer { ask, answer });
    }

    fn asked(&mut self, now: Uptime, request: &Request, actions: &mut Vec<Action>) -> PersonAnswer {
        if !self.leads() {
            let why = self.seat.standby(now).unwrap_or(Standby::NotLooked);
            return Err(Refused::NotLeading { why, leader: self.leader_view(now) });
        }
        let notes = judge(self.scene(now), request)?;
        let (wish, left) = match request.verb {
            Verb::Drain => (Wish::Drain, request.left),
            Verb::Park => (Wish::Park, request.left),
            Verb::Wake => (Wish::Awake, request.left.or(Some(AWAKE_FOR))),
            Verb::Resume => (Wish::Withdrawn, Some(WITHDRAWN_FOR)),
        };
        if request.verb == Verb::Wake {
            self.wake_for_person(now, &request.node, actions)?;
        }
        let standing = self.stand(now, &request.node, (wish, left), (&request.who, &request.why), actions);
        let view = StandingView::of(&standing);
        let standing = (wish != Wish::Withdrawn).then_some(view);
        Ok(Accepted { node: request.node.clone(), verb: request.verb, standing, notes })
    }

    /// Makes an order stand: here, on disk, and at every agent.
    fn stand(
        &mut self,
        now: Uptime,
        node: &NodeName,
        (wish, left): (Wish, Option<protocol::Seconds>),
        (who, why): (&str, &str),
        actions: &mut Vec<Action>,
    ) -> Standing {
        let id = self.orders.next_id();
        let standing =
            Standing { id, node: node.clone(), wish, left, who: Words::cut(who), why: Words::cut(why) };
        self.keep_standing(now, &standing, actions);
        for link in self.standing_links() {
            actions.push(Action::Send { link, message: SupervisorMessage::Standing(standing.clone()) });
        }
        standing
    }

    fn keep_standing(&mut self, now: Uptime, standing: &Standing, actions: &mut Vec<Action>) {
        let from = self.orders.stage(&standing.node);
        if !self.persons.take(standing.clone(), from, now) {
            return;
        }
        actions.push(Action::KeepStanding(Box::new(standing.clone())));
        if let Some(node) = self.fleet.get(&standing.node) {
            let what = What::PersonOrdered { standing: StandingView::of(standing) };
            let record = of_node(node, what, now);
            self.record(record, actions);
        }
    }

    /// An agent passes on what another supervisor told it.
    pub(crate) fn on_standing(&mut self, now: Uptime, standing: &Standing, actions: &mut Vec<Action>) {
        self.on_term(now, standing.id.term, false, actions);
        self.keep_standing(now, standing, actions);
    }

    /// A leader tells an agent that has just called all that stands.
    pub(crate) fn tell_standing(&self, now: Uptime, link: LinkId, actions: &mut Vec<Action>) {
        if self.leads() {
            for standing in self.persons.all(now) {
                actions.push(Action::Send { link, message: SupervisorMessage::Standing(standing) });
            }
        }
    }

    fn wake_for_person(
        &mut self,
        now: Uptime,
        name: &NodeName,
        actions: &mut Vec<Action>,
    ) -> Result<(), Refused> {
        let scene = self.scene(now);
        let step = wake_step(scene, name).ok_or(Refused::NoSwitch)?;
        safety::check(scene, &step).map_err(|veto| Refused::Vetoed { veto })?;
        self.wake(now, &step, actions);
        Ok(())
    }

    /// A parked node is on again though nobody here woke it: whoever did wants it on.
    pub(crate) fn switched_on(&mut self, now: Uptime, name: &NodeName, actions: &mut Vec<Action>) {
        if self.persons.wish(name) != Wish::Park || !self.leads() {
            return;
        }
        self.stand(now, name, (Wish::Withdrawn, Some(WITHDRAWN_FOR)), ("its switch", ""), actions);
        if let Some(node) = self.fleet.get(name) {
            let record = of_node(node, What::PersonEnded { ended: Ended::SwitchedOn }, now);
            self.record(record, actions);
        }
    }

    /// Ends orders whose time is over. All supervisors count it down alike.
    pub(crate) fn expire_standing(&mut self, now: Uptime, actions: &mut Vec<Action>) {
        for standing in self.persons.expire(now) {
            actions.push(Action::ForgetStanding(standing.node.clone()));
            if let Some(node) = self.fleet.get(&standing.node).filter(|_| standing.wish != Wish::Withdrawn) {
                let record = of_node(node, What::PersonEnded { ended: Ended::Expired }, now);
                self.record(record, actions);
            }
        }
    }

    /// Carries standing orders out, and lets go whom none holds any more.
    pub(crate) fn carry_persons(
        &mut self,
        now: Uptime,
        plan: &mut Option<OrderId>,
        actions: &mut Vec<Action>,
    ) {
        let names: Vec<NodeName> = self.persons.held.keys().cloned().collect();
        for name in names {
            let Some(step) = saving_step(self.scene(now), &name) else { continue };
            match safety::check(self.scene(now), &step) {
                Ok(()) if self.relieve(now, &step, actions) => self.take(now, &step, plan, actions),
                Ok(()) => {}
                Err(veto) => self.veto(now, &step, veto, actions),
            }
        }
        for (name, from) in std::mem::take(&mut self.persons.released) {
            if let Some(step) = release_step(self.scene(now), &name, from) {
                self.take(now, &step, plan, actions);
            } else if self.fleet.get(&name).is_some_and(|node| !node.reachable()) {
                self.persons.released.insert(name, from);
            }
        }
    }
}

/// What is yet to be ordered for a person: drained first, then off.
fn saving_step(scene: Scene<'_>, name: &NodeName) -> Option<Step> {
    let node = scene.fleet.get(name).filter(|node| node.reachable())?;
    let ordered = scene.orders.stage(name);
    let to = match scene.persons.wish(name) {
        Wish::Drain | Wish::Park if ordered < Stage::Drain => Stage::Drain,
        Wish::Park if ordered < Stage::Halt && node.stage() >= Stage::Drain => Stage::Halt,
        _ => return None,
    };
    // What its own floor asks is more careful already.
    (to > node.floor() || to == Stage::Halt).then(|| Step {
        node: name.clone(),
        supply: node.supply.clone(),
        change: Change::Save { to, reason: OrderReason::Operator },
    })
}

/// Back to where the node was before a person drained it, unless the supply asks for more by now.
fn release_step(scene: Scene<'_>, name: &NodeName, from: Stage) -> Option<Step> {
    let node = scene.fleet.get(name).filter(|node| node.reachable())?;
    let estimate = supply::estimate(scene.fleet, &node.supply, &scene.settings.plan, scene.now);
    let turn = turns(scene, &node.supply).into_iter().find(|(member, _)| member.name == *name)?.1;
    let asked =
        estimate.as_ref().and_then(|estimate| turn.asked(estimate)).map_or(Stage::Normal, |(stage, _)| stage);
    let to = from.max(node.floor()).max(asked);
    (to < scene.orders.stage(name)).then(|| Step {
        node: name.clone(),
        supply: node.supply.clone(),
        change: Change::Spend { to, reason: OrderReason::EnoughEnergy },
    })
}

fn wake_step(scene: Scene<'_>, name: &NodeName) -> Option<Step> {
    let node: &Node = scene.fleet.get(name).filter(|node| node.liveness() == Liveness::Parked)?;
    let through = scene.paces.switch_for(name, scene.fleet)?;
    let turn = turns(scene, &node.supply).into_iter().find(|(member, _)| member.name == *name)?.1;
    let estimate = supply::estimate(scene.fleet, &node.supply, &scene.settings.plan, scene.now);
    // A state of charge that is not known is refused by the veto.
    let soc = estimate.and_then(|estimate| estimate.soc_low()).unwrap_or(protocol::Soc::EMPTY);
    let change = Change::Wake { through, soc, level: turn.wake() };
    Some(Step { node: name.clone(), supply: node.supply.clone(), change })
}
