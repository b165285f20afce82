//! Everything the supervisor decides. `Event -> core -> Action`: no clock, no I/O, no randomness, no async.
//!
//! A report's way: `links` (who speaks?) -> `fleet` (what is known?) -> [`liveness`] (is it there?) -> `supply` (how
//! much energy is left?) -> [`budget`] (what will the sun bring, what is worth its watts?) -> `planner` (who saves, who may
//! spend, in which order?) -> [`safety`] (may that be?) -> `orders` (said, renewed, answered) -> [`view`] and [`journal`]
//! (what a person sees of it).

mod fleet;
mod links;
mod member;
mod missing;
mod notes;
mod orders;
mod pace;
mod planner;
mod relay;
mod relays;
mod relief;
mod steering;
mod supply;

pub mod action;
pub mod address;
pub mod alarm;
pub mod balancer;
pub mod budget;
pub mod enrolment;
pub mod event;
pub mod forecast;
pub mod history;
pub mod journal;
pub mod liveness;
pub mod orchestrator;
pub mod person;
pub mod safety;
pub mod settings;
pub mod view;
pub mod witness;

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::time::Duration;

use protocol::message::{Order, OrderOutcome, OrderRefusal, SupervisorMessage, SwitchOrder};
use protocol::{NodeName, OrderId, Stage, Term, Uptime};

pub use action::{Action, Kept, KnownNode};
pub use address::{AddressAction, AddressEvent, AddressKind, Role, Sighting};
pub use budget::KeptBudget;
pub use event::{Event, FromAgent, JournalState, LinkEnd, LinkEvent, LinkId};
pub use journal::{Record, What};
pub use liveness::Liveness;
pub use person::PersonEvent;
pub use settings::Settings;
pub use view::FleetView;

use address::{Claims, Herald, Seat};
use balancer::Balancer;
use budget::{Around, Budgets};
use enrolment::Enrolling;
use fleet::Fleet;
use links::Links;
use notes::{Notes, of_node};
use orchestrator::Orchestrator;
use orders::{Orders, Sent};
use pace::{Paces, Recovery, Waking};
use person::Persons;
use planner::{Change, Crossings, Scene, Step};
use relay::Relay;
use relief::Reliefs;
use witness::Witnesses;

/// With nothing to do, the supervisor looks around this often: every time-out it keeps is longer.
const LOOK_INTERVAL: Duration = Duration::from_secs(5);

/// So many records are shown as recent.
const RECENT_MAX: usize = 64;

/// The supervisor: the state behind every decision.
#[derive(Debug)]
pub struct Supervisor {
    settings: Settings,
    seat: Seat,
    claims: Claims,
    herald: Herald,
    links: Links,
    fleet: Fleet,
    orders: Orders,
    persons: Persons,
    paces: Paces,
    crossings: Crossings,
    budgets: Budgets,
    enrolling: Enrolling,
    relay: Relay,
    /// When a power switch was last asked about or set.
    relays_driven: Option<Uptime>,
    balancer: Option<Balancer>,
    orchestrator: Option<Orchestrator>,
    reliefs: Reliefs,
    witnesses: Witnesses,
    notes: Notes,
    journal: JournalState,
    recent: VecDeque<Record>,
    looked: Option<Uptime>,
}

impl Supervisor {
    /// A supervisor that remembers nothing of an earlier life.
    pub fn new(settings: Settings) -> Self {
        Self::resume(settings, Kept::default())
    }

    /// A supervisor that goes on where an earlier life ended, with a greater term.
    pub fn resume(settings: Settings, kept: Kept) -> Self {
        let (mut fleet, mut notes) = (Fleet::default(), Notes::default());
        for node in kept.nodes.into_iter().take(settings.nodes_max) {
            notes.start_with(&node);
            fleet.expect(node);
        }
        for (supply, config) in &settings.supplies {
            for name in &config.nodes {
                fleet.expect(KnownNode {
                    name: name.clone(),
                    supply: supply.clone(),
                    shed_order: 0,
                    master: false,
                    has_sensor: false,
                    parked: false,
                });
            }
        }
        let budgets = Budgets::new(&settings, kept.budgets);
        let mut persons = Persons::default();
        for standing in kept.standings {
            persons.take(standing, Stage::Normal, Uptime::START);
        }
        let balancer = settings.balancer.clone().map(Balancer::new);
        let orchestrator = settings.orchestrator.clone().map(Orchestrator::new);
        // A standby takes a new term when it begins to lead.
        let first_term = match settings.address {
            AddressKind::Standalone => kept.term.next(),
            AddressKind::Keepalived => kept.term,
        };
        Self {
            seat: Seat::new(settings.address),
            claims: Claims::default(),
            herald: Herald::default(),
            settings,
            links: Links::new(),
            fleet,
            orders: Orders::new(first_term),
            persons,
            paces: Paces::default(),
            crossings: Crossings::new(),
            budgets,
            enrolling: Enrolling::default(),
            relay: Relay::default(),
            relays_driven: None,
            balancer,
            orchestrator,
            reliefs: Reliefs::default(),
            witnesses: Witnesses::default(),
            notes,
            journal: JournalState::default(),
            recent: VecDeque::new(),
            looked: None,
        }
    }

    /// The term it leads with.
    pub const fn term(&self) -> Term {
        self.orders.newest().term
    }

    /// Whether it decides for the fleet. A standby takes every report and orders nothing ([`address`]).
    pub fn leads(&self) -> bool {
        self.seat.role() == Role::Leading
    }

    /// Takes what happened at `now` and appends what is to be done, in order. Time never runs backwards.
    pub fn handle(&mut self, now: Uptime, event: Event, actions: &mut Vec<Action>) {
        self.hear(now, event, actions);
        self.look(now, actions);
    }

    /// As [`Self::handle`], without planning anything yet: for who has several events of about the same moment. What they
    /// come to is looked at with the next event that is handled, which must be soon.
    pub fn hear(&mut self, now: Uptime, event: Event, actions: &mut Vec<Action>) {
        let first = self.looked.is_none();
        if first && self.leads() {
            self.say_leading(now, actions);
        }
        match event {
            Event::Tick => {}
            Event::Clock(wall) => self.budgets.told(wall, now),
            Event::Link { link, event } => self.on_link(now, link, event, actions),
            Event::Journal(state) => self.on_journal(now, state, actions),
            Event::Enrolment(event) => self.on_enrolment(now, event, actions),
            Event::Address(event) => self.on_address(now, &event, actions),
            Event::Person(event) => self.on_person(now, event, actions),
            Event::Balancer(event) => self.on_balancer(now, event, actions),
            Event::Orchestrator(event) => self.on_orchestrator(now, event, actions),
        }
        if first && !self.leads() {
            self.say_standby(now, actions);
        }
    }

    /// When `Event::Tick` is wanted, at the latest; `None` before the first event.
    pub fn next_wake(&self) -> Option<Uptime> {
        let looked = self.looked?;
        let wakes = [Some(looked + LOOK_INTERVAL), self.seat.next_wake(), self.steering_wake(looked)];
        wakes.into_iter().flatten().min()
    }

    fn raise_term(&mut self, now: Uptime, to: Term, actions: &mut Vec<Action>) {
        let from = self.term();
        self.orders.raise_term(to);
        actions.push(Action::SaveTerm(to));
        self.record(
            Record { at: now, node: None, supply: None, what: What::TermRaised { from, to } },
            actions,
        );
    }

    fn record(&mut self, record: Record, actions: &mut Vec<Action>) {
        if self.recent.len() == RECENT_MAX {
            self.recent.pop_front();
        }
        self.recent.push_back(record.clone());
        actions.push(Action::Record(record));
    }

    fn on_journal(&mut self, now: Uptime, state: JournalState, actions: &mut Vec<Action>) {
        if state == self.journal {
            return;
        }
        let what = match &state {
            JournalState::Working => What::JournalWorking,
            JournalState::Failing { why } => What::JournalFailing { why: why.clone() },
        };
        self.journal = state;
        self.record(Record { at: now, node: None, supply: None, what }, actions);
    }

    /// A report was taken on a link.
    fn on_report(
        &mut self,
        now: Uptime,
        link: LinkId,
        before: Option<Stage>,
        first: bool,
        actions: &mut Vec<Action>,
    ) {
        let Some(node) = self.fleet.by_link(link) else { return };
        let Some((report, _)) = &node.report else { return };
        let (stage, floor, reason) = (report.stage, report.floor, report.reason.clone());
        let record = (before != Some(stage))
            .then(|| of_node(node, What::Stage { from: before, to: stage, floor, reason }, now));
        self.heed_report(now, link, first, actions);
        if let Some(record) = record {
            self.record(record, actions);
        }
    }

    /// A node answered an order or a switch order.
    fn on_outcome(
        &mut self,
        now: Uptime,
        name: &NodeName,
        outcome: &OrderOutcome,
        actions: &mut Vec<Action>,
    ) {
        if let Err(OrderRefusal::Older { newest }) = outcome.result {
            self.on_term(now, newest.term, newest.term == self.term(), actions);
        }
        if let Some((supply, waking)) = self.paces.take_waking(outcome.id, name) {
            match outcome.result {
                Ok(_) => self.paces.put_waking(&supply, waking),
                Err(OrderRefusal::NoSuchSwitch) => self.paces.has_no_switch(name, &waking.node),
                Err(refusal) => self.wake_failed(now, &waking, Some(refusal), actions),
            }
        } else if self.paces.told(outcome.id, name, outcome.result != Err(OrderRefusal::NoSuchSwitch)) {
            // What a relay that is stuck means shows when the node is to be woken.
        } else if self.orders.answered(name, outcome.id, outcome.result)
            && let (Err(refusal), Some(node)) = (outcome.result, self.fleet.get(name))
        {
            let record = of_node(node, What::OrderRefused { id: outcome.id, refusal }, now);
            self.record(record, actions);
        }
    }

    fn wake_failed(
        &mut self,
        now: Uptime,
        waking: &Waking,
        refusal: Option<OrderRefusal>,
        actions: &mut Vec<Action>,
    ) {
        self.paces.wake_failed(&waking.node, now);
        if let Some(node) = self.fleet.get(&waking.node) {
            let what = What::WakeFailed { through: waking.through.clone(), refusal };
            let record = of_node(node, what, now);
            self.record(record, actions);
        }
    }

    /// After every event: who is there, what is known, what is to be done.
    fn look(&mut self, now: Uptime, actions: &mut Vec<Action>) {
        self.looked = Some(now);
        self.judge_role(now, actions);
        self.raise_late(now, actions);
        self.expire_standing(now, actions);
        self.refuse_silent(now, actions);
        for node in self.fleet.nodes_mut() {
            let stage = node.stage();
            node.presence.judge(now, stage, &self.settings);
        }
        self.close_dead(now, actions);
        for (_, waking) in self.paces.settle(&self.fleet, &self.settings.plan, now) {
            self.wake_failed(now, &waking, None, actions);
        }
        let mut records = Vec::new();
        self.notes.look(&self.fleet, &self.settings.plan, now, &mut records);
        for record in records {
            self.record(record, actions);
        }
        let Self { fleet, paces, settings, budgets, .. } = self;
        for kept in budgets.look(Around { fleet, paces, settings, now }) {
            actions.push(Action::Keep(Box::new(kept)));
        }
        self.plan(now, actions);
        self.steer(now, actions);
        if self.leads() {
            self.drive_relays(now, actions);
            self.say_orders(now, None, actions);
            self.say_who_leads(now, actions);
        }
        // A standby relays, too: it is the same measurement, agents keep the fresher word, and one whose link to the
        // leader is broken does not grow blind.
        self.relay.run(&self.fleet, &self.settings.plan, now, actions);
        self.look_after_address(now, actions);
        for known in self.notes.unremembered(&self.fleet) {
            actions.push(Action::Remember(known));
        }
    }

    fn scene(&self, now: Uptime) -> Scene<'_> {
        let Self { fleet, orders, paces, settings, budgets, seat, persons, .. } = self;
        Scene { fleet, orders, paces, settings, budgets, seat, persons, now }
    }

    /// Makes a plan, lets the veto judge each step, and takes of each choice the first that passes. A standby only follows
    /// since when thresholds have been crossed, so that it has not to wait for them once it leads.
    fn plan(&mut self, now: Uptime, actions: &mut Vec<Action>) {
        let mut plan = None;
        if self.leads() {
            // First, so that the plan is made around it.
            self.carry_persons(now, &mut plan, actions);
        }
        let (choices, crossings) = planner::plan(self.scene(now), &self.crossings);
        self.crossings = crossings;
        if !self.leads() {
            return;
        }
        for choice in choices {
            for step in choice {
                match safety::check(self.scene(now), &step) {
                    Ok(()) => {
                        if self.relieve(now, &step, actions) {
                            self.take(now, &step, &mut plan, actions);
                        }
                        break;
                    }
                    Err(veto) => self.veto(now, &step, veto, actions),
                }
            }
        }
        if let Some(id) = plan {
            self.say_orders(now, Some(id), actions);
        }
    }

    fn veto(&mut self, now: Uptime, step: &Step, veto: safety::Veto, actions: &mut Vec<Action>) {
        let to = match step.change {
            Change::Save { to, .. } | Change::Spend { to, .. } => Some(to),
            Change::Hold { at, .. } => Some(at),
            Change::Wake { .. } => None,
        };
        if matches!(veto, safety::Veto::HoldsAddress { .. }) {
            self.seat.want_to_leave(now);
        }
        let news = self.notes.is_news(&step.node, to, &veto, now);
        if let Some(node) = self.fleet.get(&step.node).filter(|_| news) {
            let record = of_node(node, What::Vetoed { to, veto }, now);
            self.record(record, actions);
        }
    }

    /// Takes one step of a plan; all steps of one plan but wakes share its number.
    fn take(&mut self, now: Uptime, step: &Step, plan: &mut Option<OrderId>, actions: &mut Vec<Action>) {
        let from = self.orders.get(&step.node).map(|standing| standing.stage);
        let (to, reason) = match &step.change {
            Change::Save { to, reason } => {
                self.paces.get_mut(&step.supply).last_save = Some(now);
                (*to, reason)
            }
            Change::Hold { at, reason } => (*at, reason),
            Change::Spend { to, reason } => {
                let recovery = Recovery { node: step.node.clone(), to: *to, since: now };
                self.paces.get_mut(&step.supply).recovering = Some(recovery);
                (*to, reason)
            }
            Change::Wake { .. } => return self.wake(now, step, actions),
        };
        let id = *plan.get_or_insert_with(|| self.orders.next_id());
        if from.unwrap_or_default() != to {
            self.paces.changed(&step.node, now);
        }
        self.orders.set(&step.node, to, reason.clone(), now);
        if let Some(node) = self.fleet.get(&step.node) {
            let record = of_node(node, What::Ordered { id, from, to, reason: reason.clone() }, now);
            self.record(record, actions);
        }
    }

    fn wake(&mut self, now: Uptime, step: &Step, actions: &mut Vec<Action>) {
        let Change::Wake { through, soc, level } = &step.change else { return };
        let Some(link) = self.fleet.get(through).and_then(|node| node.link) else { return };
        let id = self.orders.next_id();
        let order = SwitchOrder { id, node: step.node.clone(), on: true };
        actions.push(Action::Send { link, message: SupervisorMessage::Switch(order) });
        let pace = self.paces.get_mut(&step.supply);
        pace.last_wake = Some(now);
        pace.waking = Some(Waking { id, node: step.node.clone(), through: through.clone(), since: now });
        if let Some(node) = self.fleet.get(&step.node) {
            let what = What::Waking { id, through: through.clone(), soc: *soc, level: *level };
            let record = of_node(node, what, now);
            self.record(record, actions);
        }
    }

    /// Says every order that is new, or close to its lapse, or was said on a link that is gone.
    fn say_orders(&mut self, now: Uptime, plan: Option<OrderId>, actions: &mut Vec<Action>) {
        let renew = self.settings.order_renew();
        let due: Vec<(NodeName, LinkId)> = self
            .fleet
            .nodes()
            .filter(|node| node.reachable())
            .filter_map(|node| Some((node.name.clone(), node.link?)))
            .filter(|(name, link)| self.orders.due(name, *link, renew, now))
            .collect();
        let mut plan = plan;
        for (name, link) in due {
            let id = *plan.get_or_insert_with(|| self.orders.next_id());
            let renewed = self.orders.get(&name).is_some_and(|standing| standing.sent.is_some());
            if renewed && let Some(reason) = planner::renewal_reason(self.scene(now), &name) {
                self.orders.refresh(&name, reason);
            }
            let Some(standing) = self.orders.get(&name) else { continue };
            let order = Order {
                id,
                stage: standing.stage,
                reason: standing.reason.clone(),
                valid_for: self.settings.order_valid.into(),
            };
            actions.push(Action::Send { link, message: SupervisorMessage::Order(order) });
            self.orders.sent(&name, Sent { id, at: now, link });
        }
    }
}
