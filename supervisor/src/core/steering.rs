//! Where traffic and work go: what fleet, balancer and orchestrator say is laid together, and each is told what follows.

use std::time::Duration;

use protocol::engine::{EngineOrder, EngineOutcome, EngineReason, EngineRefusal};
use protocol::message::SupervisorMessage;
use protocol::version::VERSION_ENGINE;
use protocol::{NodeName, Stage, Uptime};

use super::Supervisor;
use super::action::Action;
use super::balancer::{self, Balancer, HostSeen, Work};
use super::fleet::Node;
use super::journal::{Record, What};
use super::member;
use super::notes::of_node;
use super::orchestrator::{self, HeldDown, Orchestrator};
use super::planner::{Change, Step};
use super::relief::{Progress, Reliefs};
use super::witness::{Said, Testimony, Verdict};

/// While a node is being relieved, it is looked at this often, also when nothing happens.
const RELIEF_LOOK: Duration = Duration::from_millis(250);

/// What the orchestrator asks about nodes.
struct Surroundings<'a> {
    balancer: Option<&'a Balancer>,
    reliefs: &'a Reliefs,
    now: Uptime,
}

impl orchestrator::Around for Surroundings<'_> {
    fn is_idle(&self, node: &NodeName) -> bool {
        let since = self.reliefs.since(node).unwrap_or(self.now);
        self.balancer.is_none_or(|balancer| balancer.is_idle(node, self.now, since))
    }

    fn is_overdue(&self, node: &NodeName) -> bool {
        self.reliefs.is_overdue(node)
    }

    fn is_serving(&self, service: &str, node: &NodeName) -> bool {
        self.balancer.is_none_or(|balancer| balancer.is_serving(service, node))
    }
}

impl Supervisor {
    /// HAProxy answered.
    pub(super) fn on_balancer(&mut self, now: Uptime, event: balancer::Event, actions: &mut Vec<Action>) {
        let Some(balancer) = &mut self.balancer else { return };
        let mut notes = Vec::new();
        balancer.take(now, event, &mut notes);
        self.record_balancer(now, notes, actions);
    }

    /// Swarm answered.
    pub(super) fn on_orchestrator(
        &mut self,
        now: Uptime,
        event: orchestrator::Event,
        actions: &mut Vec<Action>,
    ) {
        let members = self.members(now);
        let Some(orchestrator) = &mut self.orchestrator else { return };
        let mut notes = Vec::new();
        orchestrator.take(now, event, &members, &mut notes);
        self.record_orchestrator(now, notes, actions);
    }

    /// Looks at traffic and work. Costs nothing where neither is ours to drive.
    pub(super) fn steer(&mut self, now: Uptime, actions: &mut Vec<Action>) {
        if self.balancer.is_none() && self.orchestrator.is_none() {
            return;
        }
        self.hear_witnesses(now, actions);
        self.judge_reliefs(now, actions);
        let leads = self.leads();
        let members = self.members(now);
        if let Some(balancer) = &mut self.balancer {
            let tasks = self.orchestrator.as_ref().map(Orchestrator::tasks).unwrap_or_default();
            let outcome = balancer.look(now, &members, &tasks);
            actions.extend(outcome.action.map(Action::Balancer));
            self.record_balancer(now, outcome.notes, actions);
        }
        let Self { balancer, orchestrator, reliefs, .. } = self;
        if let Some(orchestrator) = orchestrator {
            let around = Surroundings { balancer: balancer.as_ref(), reliefs, now };
            let outcome = orchestrator.look(now, &members, &around, leads);
            actions.extend(outcome.action.map(Action::Orchestrator));
            self.record_orchestrator(now, outcome.notes, actions);
            if let Some(held) = outcome.held {
                self.heal(now, &held, actions);
            }
        }
    }

    /// When traffic and work are to be looked at again.
    pub(super) fn steering_wake(&self, now: Uptime) -> Option<Uptime> {
        let relief = self.reliefs.is_busy().then(|| now + RELIEF_LOOK);
        let balancer = self.balancer.as_ref().and_then(Balancer::next_wake);
        let orchestrator = self.orchestrator.as_ref().and_then(Orchestrator::next_wake);
        [relief, balancer, orchestrator, self.witnesses.next_wake(now)].into_iter().flatten().min()
    }

    /// Whether a step may be taken now: one that would drain a node waits until the node is relieved, or has no more time.
    pub(super) fn relieve(&mut self, now: Uptime, step: &Step, actions: &mut Vec<Action>) -> bool {
        let drains = matches!(step.change, Change::Save { to, .. } if to >= Stage::Drain);
        let drives = self.balancer.is_some() || self.orchestrator.is_some();
        if !drains || !drives || self.standing_stage(&step.node) >= Stage::Drain {
            return true;
        }
        let new = !self.reliefs.is_asked(&step.node);
        let progress = self.reliefs.ask(&step.node, now);
        if new {
            self.record_of(now, &step.node, What::Relieving, actions);
        }
        progress != Progress::Asked
    }

    /// The deeper of a node's order and its report.
    fn standing_stage(&self, node: &NodeName) -> Stage {
        let reported = self.fleet.get(node).map_or(Stage::Normal, super::fleet::Node::stage);
        self.orders.stage(node).max(reported)
    }

    fn judge_reliefs(&mut self, now: Uptime, actions: &mut Vec<Action>) {
        // Who drains by its own readings is relieved as far as its time goes.
        let draining: Vec<NodeName> = self
            .fleet
            .nodes()
            .filter(|node| node.stage() >= Stage::Drain && node.reachable())
            .map(|node| node.name.clone())
            .collect();
        for node in &draining {
            self.reliefs.ask(node, now);
        }
        let Self { reliefs, balancer, orchestrator, fleet, orders, settings, .. } = self;
        let stage_of = |node: &NodeName| {
            let reported = fleet.get(node).map_or(Stage::Normal, super::fleet::Node::stage);
            orders.stage(node).max(reported)
        };
        let is_done = |node: &NodeName, since: Uptime| {
            balancer.as_ref().is_none_or(|balancer| balancer.is_idle(node, now, since))
                && orchestrator.as_ref().is_none_or(|orchestrator| orchestrator.is_free(node))
        };
        for (node, settled) in reliefs.judge(now, settings.relief_max, stage_of, is_done) {
            let timed_out = settled.progress == Progress::TimedOut;
            self.record_of(now, &node, What::Relieved { after: settled.after.into(), timed_out }, actions);
        }
    }

    /// Hears who doubts a host, asks its agent, and judges.
    fn hear_witnesses(&mut self, now: Uptime, actions: &mut Vec<Action>) {
        let Self { witnesses, balancer, orchestrator, fleet, .. } = self;
        let said = |node: &Node| {
            let runs = |work: &Work| {
                member::running(node).iter().any(|container| work.covers(container))
                    || matches!(work, Work::Service(service)
                        if orchestrator.as_ref().is_some_and(|swarm| swarm.runs(service, &node.name)))
            };
            let seen = balancer.as_ref().and_then(|balancer| balancer.sees(&node.name, runs));
            let down = orchestrator.as_ref().is_some_and(|orchestrator| orchestrator.is_down(&node.name));
            let unreached = seen == Some(HostSeen::Unreached);
            let sure = Testimony { balancer: unreached || seen == Some(HostSeen::Mute), orchestrator: down };
            let doubt = down || seen.is_some_and(|seen| seen != HostSeen::Answers);
            let waits = balancer.as_ref().is_some_and(|balancer| balancer.awaits(&node.name));
            Said { waits, doubt, unreached, sure }
        };
        let (ask, verdicts) = witnesses.judge(now, fleet, said);
        for link in ask {
            actions.push(Action::Send { link, message: SupervisorMessage::RequestFull });
        }
        for verdict in verdicts {
            match verdict {
                Verdict::Lost(node, by) => self.record_of(now, &node, What::HostLost { by }, actions),
                Verdict::Found(node) => self.record_of(now, &node, What::HostFound, actions),
            }
        }
    }

    /// A node that Swarm calls down though it answers: its agent is asked for a new process of its engine, if it knows how.
    fn heal(&mut self, now: Uptime, held: &HeldDown, actions: &mut Vec<Action>) {
        let HeldDown { node, since, heal } = held;
        let link = self.fleet.get(node).and_then(|node| node.link);
        let link = link.filter(|link| *heal && self.speaks(*link, VERSION_ENGINE));
        let note = orchestrator::Note::Stuck { told: link.is_some() };
        self.record_of(now, node, What::Orchestrator { note }, actions);
        if let Some(link) = link {
            let reason = EngineReason::HeldDown { since: (*since).into() };
            let order = EngineOrder { id: self.orders.next_id(), reason };
            actions.push(Action::Send { link, message: SupervisorMessage::RestartEngine(order) });
        }
    }

    /// An agent restarted its engine, or says why it did not.
    pub(super) fn on_engine_outcome(
        &mut self,
        now: Uptime,
        node: &NodeName,
        outcome: EngineOutcome,
        actions: &mut Vec<Action>,
    ) {
        if let Err(EngineRefusal::Older { newest }) = outcome.result {
            self.on_term(now, newest.term, newest.term == self.term(), actions);
        }
        let note = match outcome.result {
            Ok(()) => orchestrator::Note::EngineRestarted,
            Err(why) => orchestrator::Note::EngineNotRestarted { why },
        };
        self.record_of(now, node, What::Orchestrator { note }, actions);
    }

    fn record_of(&mut self, now: Uptime, node: &NodeName, what: What, actions: &mut Vec<Action>) {
        if let Some(known) = self.fleet.get(node) {
            let record = of_node(known, what, now);
            self.record(record, actions);
        }
    }

    fn record_balancer(
        &mut self,
        now: Uptime,
        notes: Vec<(Option<NodeName>, balancer::Note)>,
        actions: &mut Vec<Action>,
    ) {
        for (node, note) in notes {
            self.record_note(now, node, What::Balancer { note }, actions);
        }
    }

    fn record_orchestrator(
        &mut self,
        now: Uptime,
        notes: Vec<(Option<NodeName>, orchestrator::Note)>,
        actions: &mut Vec<Action>,
    ) {
        for (node, note) in notes {
            self.record_note(now, node, What::Orchestrator { note }, actions);
        }
    }

    fn record_note(&mut self, now: Uptime, node: Option<NodeName>, what: What, actions: &mut Vec<Action>) {
        match node {
            Some(node) => self.record_of(now, &node, what, actions),
            None => self.record(Record { at: now, node: None, supply: None, what }, actions),
        }
    }
}
