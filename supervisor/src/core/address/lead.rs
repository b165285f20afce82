//! Beginning and ceasing to lead, and what a standby mirrors meanwhile.

use protocol::{NodeName, OrderReason, Reason, Stage, Term, Uptime};

use super::{AddressAction, AddressEvent, AddressKind, Role, Sight};
use crate::core::action::Action;
use crate::core::fleet::Node;
use crate::core::journal::{Record, What};
use crate::core::pace::Recovery;
use crate::core::{LinkId, Supervisor};

/// What a node says that it obeys: a stage above its own floor, and why.
///
/// Never `Halt`: a node that stands there was just woken, or ends by itself, and to order it would switch it off as
/// often as it is woken.
fn obeyed(node: &Node) -> Option<(Stage, OrderReason)> {
    let (report, _) = node.report.as_ref()?;
    let why = match &report.reason {
        Reason::Ordered { why, .. } => why.clone(),
        _ => OrderReason::Waiting { turn_of: node.name.clone(), place: 0 },
    };
    (report.stage > report.floor).then(|| (report.stage.min(Stage::Halt.descend()), why))
}

impl Supervisor {
    /// Something was seen of the address.
    pub(crate) fn on_address(&mut self, now: Uptime, event: &AddressEvent, actions: &mut Vec<Action>) {
        let sighting = match event {
            AddressEvent::Seen(sighting) => sighting,
            AddressEvent::Failed { what, why } => return self.address_failed(now, *what, why, actions),
        };
        if self.seat.see(now, *sighting) {
            let what = if sighting.keepalived_runs {
                What::KeepalivedRuns
            } else {
                What::KeepalivedGone { held: sighting.held }
            };
            self.record(Record { at: now, node: None, supply: None, what }, actions);
        }
        self.judge_role(now, actions);
    }

    fn address_failed(&mut self, now: Uptime, what: AddressAction, why: &str, actions: &mut Vec<Action>) {
        if matches!(what, AddressAction::Weigh { .. }) {
            self.claims.failed(now);
        }
        if self.notes.address_failed(what, why, now) {
            let what = What::AddressFailed { what, why: why.to_owned() };
            self.record(Record { at: now, node: None, supply: None, what }, actions);
        }
    }

    /// Raises the term where that had to wait.
    pub(crate) fn raise_late(&mut self, now: Uptime, actions: &mut Vec<Action>) {
        if self.leads() && self.seat.raise_is_due(now) {
            self.on_term(now, self.seat.heard(), true, actions);
        }
    }

    /// Keeps keepalived running, and tells it how strongly this master claims the address.
    pub(crate) fn look_after_address(&mut self, now: Uptime, actions: &mut Vec<Action>) {
        if self.seat.kind() == AddressKind::Standalone {
            return;
        }
        if self.seat.restart_is_due(now) {
            actions.push(Action::Address(AddressAction::Restart));
        }
        let Self { fleet, orders, settings, seat, claims, .. } = self;
        let sight = Sight { fleet, orders, settings, leaving: seat.is_leaving(now), now };
        if let Some((offset, why)) = claims.look(sight) {
            actions.push(Action::Address(AddressAction::Weigh { offset }));
            let what = What::Claims { offset, why };
            self.record(Record { at: now, node: None, supply: None, what }, actions);
        }
    }

    /// Leads, or stands by, as what was seen has it.
    pub(crate) fn judge_role(&mut self, now: Uptime, actions: &mut Vec<Action>) {
        match self.seat.judge(now) {
            Some(Role::Leading) => self.begin_to_lead(now, actions),
            Some(Role::Standby) => self.stand_by(now, actions),
            None => {}
        }
    }

    /// Goes on where the other leader stopped: with a term above every one that was heard of, what the nodes obey is said
    /// again under it. Whether a node was woken a moment ago is not known, so the next one waits as if it had been.
    fn begin_to_lead(&mut self, now: Uptime, actions: &mut Vec<Action>) {
        let term = self.term().max(self.seat.heard()).next();
        self.orders.raise_term(term);
        for supply in self.fleet.supplies() {
            self.paces.get_mut(&supply).last_wake = Some(now);
        }
        self.say_leading(now, actions);
    }

    /// Stops at once: orders lapse at the agents, or the next leader replaces them.
    fn stand_by(&mut self, now: Uptime, actions: &mut Vec<Action>) {
        self.paces.drop_pending();
        self.say_standby(now, actions);
    }

    /// Says with which term it leads; the term is on disk before any order that bears it.
    pub(crate) fn say_leading(&mut self, now: Uptime, actions: &mut Vec<Action>) {
        let term = self.term();
        actions.push(Action::SaveTerm(term));
        self.record(Record { at: now, node: None, supply: None, what: What::Leading { term } }, actions);
    }

    /// Says why it does not lead.
    pub(crate) fn say_standby(&mut self, now: Uptime, actions: &mut Vec<Action>) {
        if let Some(why) = self.seat.standby(now) {
            self.record(
                Record { at: now, node: None, supply: None, what: What::StandingBy { why } },
                actions,
            );
        }
    }

    /// An agent spoke of a term that is not ours to be greater than, or (`foreign`) of ours though we gave it none.
    pub(crate) fn on_term(&mut self, now: Uptime, heard: Term, foreign: bool, actions: &mut Vec<Action>) {
        self.seat.hear(heard);
        if !self.leads() || !(heard > self.term() || foreign) {
            return;
        }
        if self.seat.may_raise(heard, now) {
            self.raise_term(now, heard.max(self.term()).next(), actions);
        } else {
            self.judge_role(now, actions);
        }
    }

    /// What a report says about orders: a leader takes over whom it has no order for, a standby mirrors everybody.
    pub(crate) fn heed_report(&mut self, now: Uptime, link: LinkId, first: bool, actions: &mut Vec<Action>) {
        let Some(node) = self.fleet.by_link(link) else { return };
        let (name, obeyed) = (node.name.clone(), obeyed(node));
        let order = node.report.as_ref().and_then(|(report, _)| report.order);
        if let Some(order) = order {
            // Two masters that began to lead on two sides of a split may have chosen the same term.
            self.on_term(now, order.term, order > self.orders.newest() && order.term == self.term(), actions);
        }
        if !self.leads() {
            return self.mirror(now, &name, obeyed, first);
        }
        // A node that still obeys an earlier leader is taken over where it stands, so that it does not come back
        // together with all others when that order lapses.
        if let Some((stage, why)) = obeyed.filter(|_| first && self.orders.get(&name).is_none()) {
            self.orders.set(&name, stage, why, now);
        }
    }

    /// Remembers what a node obeys as if it had been ordered here, and how fast its supply's nodes changed.
    fn mirror(&mut self, now: Uptime, name: &NodeName, obeyed: Option<(Stage, OrderReason)>, first: bool) {
        let (from, to) =
            (self.orders.stage(name), obeyed.as_ref().map_or(Stage::Normal, |(stage, _)| *stage));
        match obeyed {
            Some((stage, why)) if stage == from => self.orders.refresh(name, why),
            Some((stage, why)) => self.orders.set(name, stage, why, now),
            None => self.orders.clear(name),
        }
        let Some(supply) =
            self.fleet.get(name).map(|node| node.supply.clone()).filter(|_| !first && from != to)
        else {
            return;
        };
        self.paces.changed(name, now);
        let pace = self.paces.get_mut(&supply);
        if to > from {
            pace.last_save = Some(now);
        } else {
            pace.recovering = Some(Recovery { node: name.clone(), to, since: now });
        }
    }
}
