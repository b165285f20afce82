//! The links of agents: who may speak, in which order, and who is refused.

use std::collections::BTreeMap;
use std::time::Duration;

use protocol::message::{Hello, Refusal, SupervisorMessage, Welcome};
use protocol::trust::Who;
use protocol::version::VERSION_STANDING;
use protocol::{NodeName, Stage, Uptime, negotiate};

use super::Supervisor;
use super::action::{Action, KnownNode};
use super::event::{FromAgent, LinkEnd, LinkEvent, LinkId};
use super::fleet::{Node, ReportError};
use super::journal::What;
use super::liveness::Liveness;
use super::notes::of_node;
use super::pace::Recovery;
use super::person::ParkedBy;

/// A node that said goodbye takes this long at most to switch itself off: what it still says by then is no sign that it
/// came back. Longer than the agents' default time for Halt.
const GOING_DOWN: Duration = Duration::from_mins(3);

/// A link on which nobody spoke for this long is closed: ten of the longest heartbeats, and longer than [`GOING_DOWN`].
const SILENT_MAX: Duration = Duration::from_mins(5);

/// A parked node comes back one rung above the one it was switched off in.
const RETURNED: Stage = Stage::Halt.descend();

/// One link.
#[derive(Debug)]
pub(super) struct Link {
    peer: String,
    opened: Uptime,
    /// Who said hello on it.
    node: Option<NodeName>,
    /// Who the handshake proved it to be, its own certificate first; `None` on a link in clear.
    proved: Option<Vec<Who>>,
    /// What both sides speak, once they agreed.
    version: u16,
}

impl Link {
    /// Where it comes from.
    pub(super) fn peer(&self) -> &str {
        &self.peer
    }
}

/// All links that are open and were not refused.
pub(super) type Links = BTreeMap<LinkId, Link>;

impl Supervisor {
    /// What happened on a link.
    pub(super) fn on_link(&mut self, now: Uptime, link: LinkId, event: LinkEvent, actions: &mut Vec<Action>) {
        match event {
            LinkEvent::Opened { peer } => {
                let full = self.links.len() >= self.settings.links_max;
                let link_state = Link { peer, opened: now, node: None, proved: None, version: 0 };
                self.links.insert(link, link_state);
                if full {
                    self.refuse(now, link, Refusal::Full, actions);
                }
            }
            LinkEvent::Proved(chain) => self.on_proved(now, link, chain, actions),
            LinkEvent::Damaged(refusal) => self.refuse(now, link, refusal, actions),
            LinkEvent::Closed(end) => self.on_closed(now, link, end, actions),
            // What still comes on a link that was refused is not listened to.
            LinkEvent::Said(message) if self.links.contains_key(&link) => {
                self.on_said(now, link, message, actions);
            }
            LinkEvent::Said(_) => {}
        }
    }

    /// Links that did not say hello in time.
    pub(super) fn refuse_silent(&mut self, now: Uptime, actions: &mut Vec<Action>) {
        let late = |link: &Link| link.node.is_none() && now.since(link.opened) >= self.settings.hello_timeout;
        let silent: Vec<_> = self.links.iter().filter(|(_, link)| late(link)).map(|(id, _)| *id).collect();
        for link in silent {
            self.refuse(now, link, Refusal::Silent, actions);
        }
    }

    /// Links of nodes that cannot be on them any more: a board without power never closes its end.
    pub(super) fn close_dead(&mut self, now: Uptime, actions: &mut Vec<Action>) {
        let gone = |node: &Node| !matches!(node.liveness(), Liveness::Alive | Liveness::Late);
        let dead = |node: &&Node| gone(node) && now.since(node.presence.heard_at()) >= SILENT_MAX;
        let links: Vec<LinkId> = self.fleet.nodes().filter(dead).filter_map(|node| node.link).collect();
        for link in links {
            self.links.remove(&link);
            self.unlink(link);
            actions.push(Action::Close { link });
        }
    }

    /// Notes who the handshake proved a link's caller to be.
    pub(super) fn prove_link(&mut self, link: LinkId, chain: Vec<Who>) {
        if let Some(link) = self.links.get_mut(&link) {
            link.proved = Some(chain);
        }
    }

    /// The links whose proved chain fits.
    pub(super) fn links_where(&self, fits: impl Fn(&[Who]) -> bool) -> Vec<LinkId> {
        let fits = |link: &Link| link.proved.as_deref().is_some_and(&fits);
        self.links.iter().filter(|(_, link)| fits(link)).map(|(id, _)| *id).collect()
    }

    pub(super) fn refuse(&mut self, now: Uptime, link: LinkId, refusal: Refusal, actions: &mut Vec<Action>) {
        let Some(Link { peer, node, proved, .. }) = self.links.remove(&link) else { return };
        // The name in the certificate is known before any hello.
        let node = node.or_else(|| Some(proved?.first()?.name.clone()));
        self.unlink(link);
        actions.push(Action::Refuse { link, refusal });
        if let Some(record) = self.notes.refused(&peer, node, refusal, now) {
            self.record(record, actions);
        }
    }

    fn on_closed(&mut self, now: Uptime, link: LinkId, end: LinkEnd, actions: &mut Vec<Action>) {
        let closed = self.links.remove(&link);
        self.unlink(link);
        let node = closed.and_then(|link| link.node).and_then(|name| self.fleet.get(&name));
        if let Some(node) = node.filter(|_| end == LinkEnd::Stalled) {
            let record = of_node(node, What::LinkEnded { end }, now);
            self.record(record, actions);
        }
    }

    fn unlink(&mut self, link: LinkId) {
        if let Some(node) = self.fleet.by_link(link) {
            node.link = None;
            node.reported = false;
            node.presence.unlinked();
        }
    }

    fn on_said(&mut self, now: Uptime, link: LinkId, message: FromAgent, actions: &mut Vec<Action>) {
        let greeted = self.links.get(&link).is_some_and(|link| link.node.is_some());
        match message {
            FromAgent::Hello(hello) if !greeted => self.on_hello(now, link, &hello, actions),
            // The first message is a hello, and only the first.
            FromAgent::Hello(_) => self.refuse(now, link, Refusal::OutOfOrder, actions),
            _ if !greeted => self.refuse(now, link, Refusal::OutOfOrder, actions),
            message => self.on_node_said(now, link, message, actions),
        }
    }

    fn on_hello(&mut self, now: Uptime, link: LinkId, hello: &Hello, actions: &mut Vec<Action>) {
        let version = match negotiate(hello.version_min, hello.version_max) {
            Ok(version) => version,
            Err(refusal) => return self.refuse(now, link, refusal, actions),
        };
        let proved = self.links.get(&link).and_then(|link| link.proved.as_ref()?.first());
        if proved.is_some_and(|who| who.name != hello.node) {
            return self.refuse(now, link, Refusal::OtherName, actions);
        }
        if self.fleet.get(&hello.node).is_none() && self.fleet.len() >= self.settings.nodes_max {
            return self.refuse(now, link, Refusal::Full, actions);
        }
        self.exceed(now, hello, actions);
        if let Some(older) = self.fleet.get(&hello.node).and_then(|node| node.link) {
            self.refuse(now, older, Refusal::Superseded, actions);
        }
        if let Some(entry) = self.links.get_mut(&link) {
            entry.node = Some(hello.node.clone());
            entry.version = version;
        }
        let node = self.fleet.expect(KnownNode {
            name: hello.node.clone(),
            supply: hello.supply.clone(),
            shed_order: hello.shed_order,
            master: hello.master,
            has_sensor: hello.has_sensor,
            parked: false,
        });
        let was_parked = node.liveness() == Liveness::Parked;
        let going_down = was_parked && node.boot == Some(hello.boot) && goes_down(node, now);
        if node.boot != Some(hello.boot) {
            self.paces.forget_switches(&hello.node);
        }
        if going_down {
            node.link = Some(link);
        } else {
            node.greet(hello, link, now);
        }
        let welcome = Welcome { version, term: self.orders.newest().term, leading: self.leads() };
        actions.push(Action::Send { link, message: SupervisorMessage::Welcome(welcome) });
        if version >= VERSION_STANDING {
            self.tell_standing(now, link, actions);
        }
        self.tell_leading(link, actions);
        if was_parked && !going_down {
            self.on_return(now, &hello.node, actions);
        } else if !was_parked {
            // One that was missing is taken over where it stands.
            self.on_woken(now, &hello.node, actions);
        }
    }

    /// Whether a link's agent speaks this version, or a later one.
    pub(super) fn speaks(&self, link: LinkId, version: u16) -> bool {
        self.links.get(&link).is_some_and(|link| link.node.is_some() && link.version >= version)
    }

    /// The links on which what persons asked may be said.
    pub(super) fn standing_links(&self) -> Vec<LinkId> {
        self.links_that_speak(VERSION_STANDING)
    }

    /// The links whose agents speak this version, or a later one.
    pub(super) fn links_that_speak(&self, version: u16) -> Vec<LinkId> {
        let speaks = |link: &Link| link.node.is_some() && link.version >= version;
        self.links.iter().filter(|(_, link)| speaks(link)).map(|(id, _)| *id).collect()
    }

    /// A parked node is back: it comes up one rung, and the others wait until it has settled.
    fn on_return(&mut self, now: Uptime, name: &NodeName, actions: &mut Vec<Action>) {
        let Some(node) = self.fleet.get(name) else { return };
        // A plan on energy woke it to work: rung by rung it would only stand there for half an hour, and draw its watts.
        let planned = self.budgets.aim(&node.supply, now);
        let planned = planned.map(|aim| (aim.stage(name).min(RETURNED), aim.reason(name, now)));
        let (to, reason) = planned.unwrap_or((RETURNED, protocol::OrderReason::EnoughEnergy));
        if self.leads() {
            self.orders.set(name, to, reason, now);
        }
        self.paces.get_mut(&node.supply).recovering = Some(Recovery { node: name.clone(), to, since: now });
        self.on_woken(now, name, actions);
        self.switched_on(now, name, actions);
    }

    /// A node called that may have been woken from here. One that was not off was not switched on either: it called again on
    /// its way down, or this supervisor is the one that began anew.
    fn on_woken(&mut self, now: Uptime, name: &NodeName, actions: &mut Vec<Action>) {
        let Some(node) = self.fleet.get(name) else { return };
        if let Some(waking) = self.paces.woke(name) {
            let what = What::Woke { after: now.since(waking.since).into() };
            let record = of_node(node, what, now);
            self.record(record, actions);
        }
    }

    /// Leads with a term greater than any that was used before, by whoever.
    fn exceed(&mut self, now: Uptime, hello: &Hello, actions: &mut Vec<Action>) {
        let ours = self.orders.newest().term;
        // Our own term in the mouth of a node that we never ordered: an earlier life of ours whose memory is lost.
        let foreign = hello.term == ours && !self.orders.sent_in_term(&hello.node);
        self.on_term(now, hello.term, foreign, actions);
    }

    fn on_node_said(&mut self, now: Uptime, link: LinkId, message: FromAgent, actions: &mut Vec<Action>) {
        let Some(node) = self.fleet.by_link(link) else { return };
        if node.liveness() == Liveness::Parked {
            if goes_down(node, now) {
                return;
            }
            // It could not switch itself off.
            node.parked_at = None;
            let name = node.name.clone();
            self.on_return(now, &name, actions);
        }
        let Some(node) = self.fleet.by_link(link) else { return };
        node.presence.heard(now);
        match message {
            FromAgent::Full { sequence, report } => {
                let before = node.report.as_ref().map(|(report, _)| report.stage);
                let first = !node.reported;
                match node.take_full(sequence, *report, now) {
                    Ok(()) => {
                        actions.push(Action::Send { link, message: SupervisorMessage::Ack(sequence) });
                        self.on_report(now, link, before, first, actions);
                    }
                    Err(_) => self.refuse(now, link, Refusal::OutOfOrder, actions),
                }
            }
            FromAgent::Delta { sequence, back, changes } => {
                let before = node.report.as_ref().map(|(report, _)| report.stage);
                match node.take_delta(sequence, back, &changes, now) {
                    Ok(()) => {
                        actions.push(Action::Send { link, message: SupervisorMessage::Ack(sequence) });
                        self.on_report(now, link, before, false, actions);
                    }
                    Err(ReportError::NoBase) => {
                        actions.push(Action::Send { link, message: SupervisorMessage::RequestFull });
                    }
                    Err(ReportError::OutOfOrder) => self.refuse(now, link, Refusal::OutOfOrder, actions),
                }
            }
            FromAgent::Container(entry) => {
                node.containers.insert(entry.slot, entry);
            }
            FromAgent::Outcome(outcome) => {
                let name = node.name.clone();
                self.on_outcome(now, &name, &outcome, actions);
            }
            FromAgent::Goodbye(goodbye) => {
                let parking = matches!(goodbye, protocol::message::Goodbye::Parking { .. });
                node.presence.left(now, parking);
                node.reported = false;
                node.parked_at = parking.then_some(now);
                node.parked_by = ParkedBy::of(&goodbye);
                // The agent closes the link when it goes; closing it here would make it call again meanwhile.
            }
            FromAgent::Engine(outcome) => {
                let name = node.name.clone();
                self.on_engine_outcome(now, &name, outcome, actions);
            }
            FromAgent::Leading(leading) => self.hear_leading(now, leading),
            FromAgent::Standing(standing) => self.on_standing(now, &standing, actions),
            // `on_said` saw to hellos.
            FromAgent::Hello(_) => {}
        }
    }
}

/// Whether a parked node may still be on its way down.
fn goes_down(node: &Node, now: Uptime) -> bool {
    node.parked_at.is_some_and(|at| now.since(at) < GOING_DOWN)
}
