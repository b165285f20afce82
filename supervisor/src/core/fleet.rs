//! What is known of every node: its last report, the bases for its deltas, its containers.

use std::collections::{BTreeMap, VecDeque};

use protocol::message::Hello;
use protocol::report::{ContainerEntry, Report};
use protocol::{BootId, ContainerSlot, NodeName, Reason, Sequence, Stage, SupplyName, Uptime, delta};

use super::action::KnownNode;
use super::event::LinkId;
use super::liveness::{Liveness, Presence};
use super::person::ParkedBy;

/// An agent builds deltas on what was acknowledged; more than this many reports are never on their way at once.
const BASES_MAX: usize = 16;

/// All nodes, by name: iteration is in a fixed order, so that plans are the same for the same events.
#[derive(Debug, Clone, Default)]
pub(crate) struct Fleet {
    nodes: BTreeMap<NodeName, Node>,
}

/// One node.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) name: NodeName,
    pub(crate) supply: SupplyName,
    pub(crate) shed_order: u8,
    pub(crate) master: bool,
    pub(crate) has_sensor: bool,
    pub(crate) presence: Presence,
    pub(crate) link: Option<LinkId>,
    pub(crate) boot: Option<BootId>,
    /// The newest report and when it came.
    pub(crate) report: Option<(Report, Uptime)>,
    /// Whether a report came on the present link.
    pub(crate) reported: bool,
    /// When a full report came last: one that was asked for is full.
    pub(crate) full_at: Option<Uptime>,
    pub(crate) containers: BTreeMap<ContainerSlot, ContainerEntry>,
    /// Since when it has been parked.
    pub(crate) parked_at: Option<Uptime>,
    /// Why it is, as far as its goodbye was heard.
    pub(crate) parked_by: Option<ParkedBy>,
    bases: VecDeque<(Sequence, Report)>,
}

/// Why a report could not be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ReportError {
    /// Its number is not greater than the one before.
    OutOfOrder,
    /// The base of the delta is not known, or the delta does not fit it.
    NoBase,
}

impl Node {
    /// A node that nothing was heard of yet.
    fn expected(known: KnownNode) -> Self {
        Self {
            name: known.name,
            supply: known.supply,
            shed_order: known.shed_order,
            master: known.master,
            has_sensor: known.has_sensor,
            presence: Presence::expected(known.parked),
            link: None,
            boot: None,
            report: None,
            reported: false,
            full_at: None,
            containers: BTreeMap::new(),
            parked_at: known.parked.then_some(Uptime::START),
            parked_by: None,
            bases: VecDeque::new(),
        }
    }

    /// What is worth remembering over a restart of the supervisor.
    pub(crate) fn known(&self) -> KnownNode {
        KnownNode {
            name: self.name.clone(),
            supply: self.supply.clone(),
            shed_order: self.shed_order,
            master: self.master,
            has_sensor: self.has_sensor,
            parked: self.liveness() == Liveness::Parked,
        }
    }

    /// It said hello on a link: what an earlier link built up no longer holds.
    pub(crate) fn greet(&mut self, hello: &Hello, link: LinkId, now: Uptime) {
        self.supply = hello.supply.clone();
        self.shed_order = hello.shed_order;
        self.master = hello.master;
        self.has_sensor = hello.has_sensor;
        self.boot = Some(hello.boot);
        self.link = Some(link);
        self.reported = false;
        self.parked_at = None;
        self.containers.clear();
        self.bases.clear();
        self.presence.heard(now);
    }

    /// Takes a full report.
    pub(crate) fn take_full(
        &mut self,
        sequence: Sequence,
        report: Report,
        now: Uptime,
    ) -> Result<(), ReportError> {
        if self.bases.back().is_some_and(|(newest, _)| sequence <= *newest) {
            return Err(ReportError::OutOfOrder);
        }
        self.keep(sequence, report, now);
        self.full_at = Some(now);
        Ok(())
    }

    /// Takes a delta against an earlier report of this link.
    pub(crate) fn take_delta(
        &mut self,
        sequence: Sequence,
        back: u16,
        changes: &[u8],
        now: Uptime,
    ) -> Result<(), ReportError> {
        if self.bases.back().is_some_and(|(newest, _)| sequence <= *newest) {
            return Err(ReportError::OutOfOrder);
        }
        let base = sequence.0.checked_sub(u32::from(back)).ok_or(ReportError::NoBase)?;
        let (_, base) = self.bases.iter().find(|(number, _)| number.0 == base).ok_or(ReportError::NoBase)?;
        let report = delta::apply(base, changes).map_err(|_| ReportError::NoBase)?;
        self.keep(sequence, report, now);
        Ok(())
    }

    fn keep(&mut self, sequence: Sequence, report: Report, now: Uptime) {
        if self.bases.len() == BASES_MAX {
            self.bases.pop_front();
        }
        self.bases.push_back((sequence, report.clone()));
        self.report = Some((report, now));
        self.reported = true;
    }

    /// Whether it is there.
    pub(crate) const fn liveness(&self) -> Liveness {
        self.presence.state()
    }

    /// Whether it can be spoken to: it is there, welcomed, and has reported on this link.
    pub(crate) fn reachable(&self) -> bool {
        self.link.is_some() && self.reported && matches!(self.liveness(), Liveness::Alive | Liveness::Late)
    }

    /// The stage it was last seen in; `Normal` announces the shortest heartbeat while nothing is known.
    pub(crate) fn stage(&self) -> Stage {
        self.report.as_ref().map_or(Stage::Normal, |(report, _)| report.stage)
    }

    /// The lowest stage that its readings allow, as last seen.
    pub(crate) fn floor(&self) -> Stage {
        self.report.as_ref().map_or(Stage::Normal, |(report, _)| report.floor)
    }

    /// Its floor, if it is there because of the supply: a hot processor is no reason to hold a node back later.
    pub(crate) fn supply_floor(&self) -> Stage {
        match &self.report {
            Some((report, _)) if !matches!(report.reason, Reason::Hot { .. } | Reason::RailLow { .. }) => {
                report.floor
            }
            _ => Stage::Normal,
        }
    }
}

impl Fleet {
    /// All nodes, by name.
    pub(crate) fn nodes(&self) -> impl Iterator<Item = &Node> {
        self.nodes.values()
    }

    /// All nodes, to change.
    pub(crate) fn nodes_mut(&mut self) -> impl Iterator<Item = &mut Node> {
        self.nodes.values_mut()
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.nodes.len()
    }

    /// One node.
    pub(crate) fn get(&self, name: &NodeName) -> Option<&Node> {
        self.nodes.get(name)
    }

    /// Adds a node that nothing was heard of yet; one that is known already stays as it is.
    pub(crate) fn expect(&mut self, known: KnownNode) -> &mut Node {
        self.nodes.entry(known.name.clone()).or_insert_with(|| Node::expected(known))
    }

    /// The node of a link.
    pub(crate) fn by_link(&mut self, link: LinkId) -> Option<&mut Node> {
        self.nodes.values_mut().find(|node| node.link == Some(link))
    }

    /// The supplies that nodes hang on, by name, each once.
    pub(crate) fn supplies(&self) -> Vec<SupplyName> {
        let mut names: Vec<_> = self.nodes.values().map(|node| node.supply.clone()).collect();
        names.sort();
        names.dedup();
        names
    }

    /// The nodes of a supply in the order in which they shed: greatest shed order first, masters last, then by name.
    ///
    /// Parked and lost ones keep their places, so that nobody's threshold moves as they come and go.
    pub(crate) fn turns(&self, supply: &SupplyName) -> Vec<&Node> {
        let mut members: Vec<_> = self.nodes.values().filter(|node| node.supply == *supply).collect();
        members.sort_by_key(|node| (node.master, std::cmp::Reverse(node.shed_order), node.name.clone()));
        members
    }
}
