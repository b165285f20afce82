//! What every supervisor is told, and when.
//!
//! At once: a stage, a floor, a reason, a fault, Docker or the rail. Soon: numbers that left their dead-bands,
//! containers. Otherwise a heartbeat, whose rate follows the stage. Each supervisor has its own acknowledged base, so
//! that the standby is always warm and a slow one hinders nobody.

mod headline;
mod link;
mod slots;

use std::time::Duration;

use protocol::engine::EngineOutcome;
use protocol::leader::Leading;
use protocol::message::{Goodbye, OrderOutcome};
use protocol::standing::Standing;
use protocol::{Report, Sequence, Uptime};

use super::action::{Action, Outgoing};
use super::event::SupervisorId;
use super::shed::Shed;
use headline::Headline;
use link::Link;
use slots::Slots;

pub use headline::Present;

/// All links.
#[derive(Debug, Clone)]
pub struct Reporter {
    links: Vec<Link>,
    slots: Slots,
    /// What was said for good-bye: nothing else is said any more.
    parted: Option<Goodbye>,
    /// Heartbeats come this many times as rarely as the stage has it.
    stretch: u32,
}

impl Reporter {
    /// For so many supervisors.
    pub fn new(supervisors: usize) -> Self {
        Self { links: vec![Link::default(); supervisors], slots: Slots::default(), parted: None, stretch: 1 }
    }

    /// Heartbeats come so many times as rarely from now on; news comes as ever.
    pub fn stretch_heartbeats(&mut self, factor: u32) {
        self.stretch = factor.max(1);
    }

    fn heartbeat(&self, present: &Present<'_>) -> Duration {
        present.stage.heartbeat() * self.stretch
    }

    fn link(&mut self, supervisor: SupervisorId) -> Option<&mut Link> {
        self.links.get_mut(usize::from(supervisor.0))
    }

    /// Whether any supervisor is linked.
    pub fn is_linked(&self) -> bool {
        self.links.iter().any(|link| link.up)
    }

    /// Whether any supervisor but this one is linked.
    pub fn is_linked_beside(&self, one: SupervisorId) -> bool {
        self.links.iter().enumerate().any(|(place, link)| link.up && place != usize::from(one.0))
    }

    /// A link stands. One that comes up after the good-byes hears them too: while the system shuts down, a supervisor
    /// that closed its link is reached anew, and must not take a parked node for one that came back and was lost.
    pub fn up(&mut self, supervisor: SupervisorId, version: u16, actions: &mut Vec<Action>) {
        if let Some(link) = self.link(supervisor) {
            link.rise(version);
            if let Some(goodbye) = &self.parted {
                actions.push(Action::Send { supervisor, message: Outgoing::Goodbye(goodbye.clone()) });
            }
        }
    }

    /// Passes what persons asked on to one supervisor, if it speaks of that.
    pub fn pass_on(
        &self,
        supervisor: SupervisorId,
        standings: impl Iterator<Item = Standing>,
        actions: &mut Vec<Action>,
    ) {
        if self.links.get(usize::from(supervisor.0)).is_some_and(Link::speaks_of_standing) {
            actions.extend(standings.map(|standing| Action::Send {
                supervisor,
                message: Outgoing::Standing(Box::new(standing)),
            }));
        }
    }

    /// Passes what one supervisor said of a person's order on to all others.
    pub fn spread(&self, from: SupervisorId, standing: &Standing, actions: &mut Vec<Action>) {
        for index in 0..self.links.len() {
            let supervisor = SupervisorId(index as u8);
            if supervisor != from {
                self.pass_on(supervisor, std::iter::once(standing.clone()), actions);
            }
        }
    }

    /// Passes on to all others that a supervisor leads.
    pub fn spread_leading(&self, from: SupervisorId, leading: &Leading, actions: &mut Vec<Action>) {
        for (index, link) in self.links.iter().enumerate() {
            let supervisor = SupervisorId(index as u8);
            if supervisor != from && link.speaks_of_leading() {
                actions.push(Action::Send { supervisor, message: Outgoing::Leading(leading.clone()) });
            }
        }
    }

    /// A link is gone.
    pub fn down(&mut self, supervisor: SupervisorId) {
        if let Some(link) = self.link(supervisor) {
            link.fall();
        }
    }

    /// A report arrived there. A link that acknowledges what was never sent is closed.
    pub fn acknowledged(&mut self, supervisor: SupervisorId, sequence: Sequence, actions: &mut Vec<Action>) {
        if self.link(supervisor).is_some_and(|link| !link.acknowledged(sequence)) {
            actions.push(Action::CloseLink { supervisor });
        }
    }

    /// A full report is wanted there.
    pub fn full_wanted(&mut self, supervisor: SupervisorId) {
        if let Some(link) = self.link(supervisor) {
            link.forget_base();
        }
    }

    /// Answers an order.
    pub fn answer(&self, supervisor: SupervisorId, outcome: OrderOutcome, actions: &mut Vec<Action>) {
        if self.links.get(usize::from(supervisor.0)).is_some_and(|link| link.up) {
            actions.push(Action::Send { supervisor, message: Outgoing::Outcome(outcome) });
        }
    }

    /// Answers an order to restart the container engine, if that is spoken of there.
    pub fn answer_engine(&self, supervisor: SupervisorId, outcome: EngineOutcome, actions: &mut Vec<Action>) {
        if self.links.get(usize::from(supervisor.0)).is_some_and(Link::speaks_of_engine) {
            actions.push(Action::Send { supervisor, message: Outgoing::Engine(outcome) });
        }
    }

    /// Sends what is due. `report` makes the report without its containers; it is asked only when one is due.
    pub fn drive(
        &mut self,
        now: Uptime,
        present: &Present<'_>,
        shed: &Shed,
        report: impl Fn() -> Report,
        actions: &mut Vec<Action>,
    ) {
        let heartbeat = self.heartbeat(present);
        let due = |link: &Link| link.up && link.is_due(now, present, heartbeat);
        if self.parted.is_some() || !self.links.iter().any(due) {
            return;
        }
        self.slots.refresh(shed);
        let mut report = report();
        report.containers = self.slots.reported(shed);
        for (index, link) in self.links.iter_mut().enumerate() {
            if due(link) {
                let supervisor = SupervisorId(index as u8);
                link.send(now, supervisor, &report, Headline::of(present), &self.slots, actions);
            }
        }
    }

    /// Says good-bye to everybody; nothing else is said any more. The first good-bye stands: a node that parks is
    /// parked, though its agent is stopped on the way.
    pub fn part(&mut self, goodbye: &Goodbye, actions: &mut Vec<Action>) {
        let goodbye = self.parted.get_or_insert_with(|| goodbye.clone());
        for (index, _) in self.links.iter().enumerate().filter(|(_, link)| link.up) {
            let message = Outgoing::Goodbye(goodbye.clone());
            actions.push(Action::Send { supervisor: SupervisorId(index as u8), message });
        }
    }

    /// The node did not leave after all: everybody is told anew.
    pub fn stay(&mut self) {
        self.parted = None;
        self.links.iter_mut().for_each(Link::forget_base);
    }

    /// When the next report is due.
    pub fn next_wake(&self, present: &Present<'_>) -> Option<Uptime> {
        let heartbeat = self.heartbeat(present);
        let links = self.links.iter().filter(|_| self.parted.is_none());
        links.filter_map(|link| link.next_wake(present, heartbeat)).min()
    }
}
