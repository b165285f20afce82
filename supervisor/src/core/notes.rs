//! What changed since the last look, as records: so that the journal says each thing once.

use std::collections::BTreeMap;
use std::mem::{Discriminant, discriminant};
use std::time::Duration;

use protocol::message::Refusal;
use protocol::{Fault, NodeName, Seconds, Stage, SupplyName, Uptime};

use super::action::KnownNode;
use super::address::AddressAction;
use super::fleet::{Fleet, Node};
use super::journal::{Record, What};
use super::liveness::Liveness;
use super::settings::PlanSettings;
use super::supply;

/// So many refused links a minute get a record each; the rest are counted.
const REFUSALS_PER_MINUTE: u32 = 10;

/// The same veto of the same node is worth another record after this long.
const VETO_AGAIN: Duration = Duration::from_mins(10);

/// The same failure about the address is worth another record after this long.
const FAILURE_AGAIN: Duration = Duration::from_mins(10);

/// Sensors that differ for less than this were only read at different moments.
const DIFFER_HOLD: Duration = Duration::from_mins(1);

/// What was recorded last.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    nodes: BTreeMap<NodeName, Noted>,
    supplies: BTreeMap<SupplyName, NotedSupply>,
    known: BTreeMap<NodeName, KnownNode>,
    vetoes: BTreeMap<NodeName, (Option<Stage>, Discriminant<super::safety::Veto>, Uptime)>,
    refusals: Refusals,
    address: BTreeMap<u8, (String, Uptime)>,
}

#[derive(Debug, Default)]
struct Noted {
    liveness: Liveness,
    fault: Option<Fault>,
}

#[derive(Debug, Default)]
struct NotedSupply {
    /// `None` before anything was recorded.
    known: Option<bool>,
    /// Since when sensors have differed.
    differ: Option<Uptime>,
    /// Whether that was recorded.
    disagrees: bool,
}

#[derive(Debug, Default)]
struct Refusals {
    since: Uptime,
    recorded: u32,
    more: u32,
}

/// A record about a node.
pub(crate) fn of_node(node: &Node, what: What, at: Uptime) -> Record {
    Record { at, node: Some(node.name.clone()), supply: Some(node.supply.clone()), what }
}

impl Notes {
    /// A node that an earlier life knew is no news.
    pub(crate) fn start_with(&mut self, known: &KnownNode) {
        let liveness = if known.parked { Liveness::Parked } else { Liveness::NeverSeen };
        self.nodes.insert(known.name.clone(), Noted { liveness, fault: None });
        self.known.insert(known.name.clone(), known.clone());
    }

    /// What changed about nodes and supplies.
    pub(crate) fn look(
        &mut self,
        fleet: &Fleet,
        plan: &PlanSettings,
        now: Uptime,
        records: &mut Vec<Record>,
    ) {
        for node in fleet.nodes() {
            let noted = self.nodes.entry(node.name.clone()).or_default();
            noted.look(node, now, records);
        }
        for name in fleet.supplies() {
            self.supplies.entry(name.clone()).or_default().look(&name, fleet, plan, now, records);
        }
        self.refusals.count_out(now, records);
    }

    /// The nodes that must be remembered anew.
    pub(crate) fn unremembered(&mut self, fleet: &Fleet) -> Vec<KnownNode> {
        let mut news = Vec::new();
        for node in fleet.nodes().filter(|node| node.liveness() != Liveness::NeverSeen) {
            let known = node.known();
            if self.known.get(&node.name) != Some(&known) {
                self.known.insert(node.name.clone(), known.clone());
                news.push(known);
            }
        }
        news
    }

    /// Whether a veto is worth a record.
    pub(crate) fn is_news(
        &mut self,
        node: &NodeName,
        to: Option<Stage>,
        veto: &super::safety::Veto,
        now: Uptime,
    ) -> bool {
        let kind = discriminant(veto);
        let same = |(stage, noted, at): &(Option<Stage>, Discriminant<_>, Uptime)| {
            *stage == to && *noted == kind && now.since(*at) < VETO_AGAIN
        };
        if self.vetoes.get(node).is_some_and(same) {
            return false;
        }
        self.vetoes.insert(node.clone(), (to, kind, now));
        true
    }

    /// Whether a failure about the address is worth a record: another one than the last of its kind, or that long ago.
    pub(crate) fn address_failed(&mut self, what: AddressAction, why: &str, now: Uptime) -> bool {
        let kind = match what {
            AddressAction::Configure => 0,
            AddressAction::Restart => 1,
            AddressAction::Weigh { .. } => 2,
        };
        let same = |(noted, at): &(String, Uptime)| noted == why && now.since(*at) < FAILURE_AGAIN;
        if self.address.get(&kind).is_some_and(same) {
            return false;
        }
        self.address.insert(kind, (why.to_owned(), now));
        true
    }

    /// A link was refused: a record, unless there were too many lately.
    pub(crate) fn refused(
        &mut self,
        peer: &str,
        node: Option<NodeName>,
        refusal: Refusal,
        now: Uptime,
    ) -> Option<Record> {
        self.turned_away(node, What::LinkRefused { peer: peer.to_owned(), refusal }, now)
    }

    /// Somebody was turned away: a record, unless there were too many lately.
    pub(crate) fn turned_away(&mut self, node: Option<NodeName>, what: What, now: Uptime) -> Option<Record> {
        if self.refusals.recorded == 0 {
            self.refusals.since = now;
        }
        if self.refusals.recorded >= REFUSALS_PER_MINUTE {
            self.refusals.more = self.refusals.more.saturating_add(1);
            return None;
        }
        self.refusals.recorded += 1;
        Some(Record { at: now, node, supply: None, what })
    }
}

impl Noted {
    fn look(&mut self, node: &Node, now: Uptime, records: &mut Vec<Record>) {
        let liveness = node.liveness();
        if liveness != self.liveness {
            let silent = Seconds::from(node.presence.silent(now));
            let what = What::Liveness { from: self.liveness, to: liveness, silent };
            records.push(of_node(node, what, now));
            self.liveness = liveness;
        }
        let fault =
            node.report.as_ref().filter(|_| node.has_sensor).and_then(|(report, _)| report.energy.fault);
        // The numbers of a lasting fault move; only another kind of fault is news.
        if fault.map(|fault| discriminant(&fault)) != self.fault.map(|fault| discriminant(&fault)) {
            let what = fault.map_or(What::SensorClear, |fault| What::SensorFault { fault });
            records.push(of_node(node, what, now));
            self.fault = fault;
        }
    }
}

impl NotedSupply {
    fn look(
        &mut self,
        name: &SupplyName,
        fleet: &Fleet,
        plan: &PlanSettings,
        now: Uptime,
        records: &mut Vec<Record>,
    ) {
        let estimate = supply::estimate(fleet, name, plan, now);
        let record = |what| Record { at: now, node: None, supply: Some(name.clone()), what };
        let known = estimate.as_ref().is_some_and(|estimate| estimate.known);
        match (self.known, &estimate) {
            (Some(true), _) if !known => {
                let age = estimate.as_ref().map(|estimate| estimate.age.into());
                records.push(record(What::SupplyUnknown { age }));
                self.known = Some(false);
            }
            (None | Some(false), Some(estimate)) if known => {
                let soc = estimate.soc_low().unwrap_or(protocol::Soc::EMPTY);
                records.push(record(What::SupplyKnown { source: estimate.source.clone(), soc }));
                self.known = Some(true);
            }
            _ => {}
        }
        let disagreement = estimate.and_then(|estimate| estimate.disagreement);
        self.differ = disagreement.as_ref().map(|_| self.differ.unwrap_or(now));
        let lasting = self.differ.is_some_and(|since| now.since(since) >= DIFFER_HOLD);
        match disagreement {
            Some(d) if lasting && !self.disagrees => {
                records.push(record(What::SensorsDisagree {
                    worse: d.worse,
                    worse_soc: d.worse_soc,
                    worse_voltage: d.worse_voltage,
                    other: d.other,
                    other_soc: d.other_soc,
                    other_voltage: d.other_voltage,
                }));
                self.disagrees = true;
            }
            None if known && self.disagrees => {
                records.push(record(What::SensorsAgree));
                self.disagrees = false;
            }
            _ => {}
        }
    }
}

impl Refusals {
    /// A minute after the first: says how many went unrecorded, and begins anew.
    fn count_out(&mut self, now: Uptime, records: &mut Vec<Record>) {
        if self.recorded == 0 || now.since(self.since) < Duration::from_mins(1) {
            return;
        }
        if self.more > 0 {
            let what = What::LinksRefusedMore { count: self.more };
            records.push(Record { at: now, node: None, supply: None, what });
        }
        *self = Self::default();
    }
}
