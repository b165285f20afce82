//! What each node is ordered, and when the order must be said again.
//!
//! An order lapses if it is not renewed, so that it does not outlive its leader. Every sending bears a new number:
//! a node that compares numbers never sees an old one twice. A node without an order is at its own floor.

use std::collections::BTreeMap;
use std::time::Duration;

use protocol::message::OrderRefusal;
use protocol::{Generation, NodeName, OrderId, OrderReason, Stage, Term, Uptime};

use super::event::LinkId;

/// What one node is ordered.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Standing {
    /// The stage.
    pub(crate) stage: Stage,
    /// Why.
    pub(crate) reason: OrderReason,
    /// Since when this stage has been ordered.
    pub(crate) since: Uptime,
    /// The last sending.
    pub(crate) sent: Option<Sent>,
    /// What the node answered to it.
    pub(crate) answer: Option<Result<Stage, OrderRefusal>>,
}

/// A sending of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sent {
    pub(crate) id: OrderId,
    pub(crate) at: Uptime,
    pub(crate) link: LinkId,
}

/// All nodes' orders, and the numbers of plans.
#[derive(Debug, Clone, Default)]
pub(crate) struct Orders {
    standing: BTreeMap<NodeName, Standing>,
    /// The newest number that each node was sent.
    numbers: BTreeMap<NodeName, OrderId>,
    id: OrderId,
}

impl Orders {
    /// Starts to number with a term.
    pub(crate) fn new(term: Term) -> Self {
        Self {
            standing: BTreeMap::new(),
            numbers: BTreeMap::new(),
            id: OrderId { term, generation: Generation(0) },
        }
    }

    /// The newest number given out.
    pub(crate) const fn newest(&self) -> OrderId {
        self.id
    }

    /// The next number.
    pub(crate) fn next_id(&mut self) -> OrderId {
        self.id.generation = self.id.generation.next();
        self.id
    }

    /// Numbers with a greater term from here on; every order is then said again under it.
    pub(crate) fn raise_term(&mut self, term: Term) {
        self.id.term = self.id.term.max(term);
        for standing in self.standing.values_mut() {
            standing.sent = None;
        }
    }

    /// A node's order.
    pub(crate) fn get(&self, node: &NodeName) -> Option<&Standing> {
        self.standing.get(node)
    }

    /// The stage a node is ordered; `Normal` without an order.
    pub(crate) fn stage(&self, node: &NodeName) -> Stage {
        self.standing.get(node).map_or(Stage::Normal, |standing| standing.stage)
    }

    /// Orders a node into a stage; it is sent with the next [`Orders::due`].
    pub(crate) fn set(&mut self, node: &NodeName, stage: Stage, reason: OrderReason, now: Uptime) {
        let standing = Standing { stage, reason, since: now, sent: None, answer: None };
        self.standing.insert(node.clone(), standing);
    }

    /// A node obeys nothing any more.
    pub(crate) fn clear(&mut self, node: &NodeName) {
        self.standing.remove(node);
    }

    /// A newer reason for the same stage, said with the next renewal.
    pub(crate) fn refresh(&mut self, node: &NodeName, reason: OrderReason) {
        if let Some(standing) = self.standing.get_mut(node) {
            standing.reason = reason;
        }
    }

    /// Whether a node's order must be said (again): never sent, sent on another link, or close to its lapse.
    ///
    /// `Normal` asks nothing of a node, so its lapse changes nothing and it is not renewed, unless it rests on a forecast:
    /// that lets the node stretch its energy further.
    pub(crate) fn due(&self, node: &NodeName, link: LinkId, renew: Duration, now: Uptime) -> bool {
        self.standing.get(node).is_some_and(|standing| match standing.sent {
            None => true,
            Some(sent) if standing.stage == Stage::Normal && !standing.reason.is_by_forecast() => {
                sent.link != link && standing.answer.is_none()
            }
            Some(sent) => sent.link != link || now.since(sent.at) >= renew,
        })
    }

    /// An order was sent.
    pub(crate) fn sent(&mut self, node: &NodeName, sent: Sent) {
        self.numbers.insert(node.clone(), sent.id);
        if let Some(standing) = self.standing.get_mut(node) {
            standing.sent = Some(sent);
            standing.answer = None;
        }
    }

    /// A node answered; an answer to an older sending is not news.
    pub(crate) fn answered(
        &mut self,
        node: &NodeName,
        id: OrderId,
        answer: Result<Stage, OrderRefusal>,
    ) -> bool {
        match self.standing.get_mut(node) {
            Some(standing) if standing.sent.is_some_and(|sent| sent.id == id) => {
                standing.answer = Some(answer);
                true
            }
            _ => false,
        }
    }

    /// Whether anything was ever sent to a node in the present term.
    pub(crate) fn sent_in_term(&self, node: &NodeName) -> bool {
        self.numbers.get(node).is_some_and(|id| id.term == self.id.term)
    }
}
