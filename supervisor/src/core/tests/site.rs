//! A few agents, as the supervisor sees them: they obey orders, and report when told to.

use std::collections::BTreeMap;
use std::time::Duration;

use protocol::message::{Goodbye, Hello, Order, OrderOutcome, SupervisorMessage};
use protocol::report::{
    Basis, ContainerEntry, ContainerReport, ContainerState, Energy, Host, Report, SocBand,
};
use protocol::{
    BootId, Class, ContainerSlot, Current, NodeName, OrderId, Reason, Seconds, Sequence, Soc, Stage, Term,
    Uptime, Voltage,
};

use crate::core::{
    Action, Event, FromAgent, KeptBudget, LinkEnd, LinkEvent, LinkId, Record, Settings, Supervisor, What,
};

/// One simulated agent.
#[derive(Debug, Clone)]
pub(super) struct Agent {
    pub(super) hello: Hello,
    pub(super) link: Option<LinkId>,
    pub(super) sequence: u32,
    pub(super) floor: Stage,
    /// As the leader was told.
    pub(super) reported_floor: Stage,
    pub(super) reason: Reason,
    pub(super) order: Option<Order>,
    /// It answers and reports.
    pub(super) awake: bool,
}

impl Agent {
    pub(super) fn stage(&self) -> Stage {
        self.order.as_ref().map_or(self.floor, |order| order.stage.max(self.floor))
    }
}

/// The supervisor and its agents on one supply.
pub(super) struct Site {
    pub(super) now: Uptime,
    pub(super) core: Supervisor,
    pub(super) agents: BTreeMap<NodeName, Agent>,
    pub(super) energy: Energy,
    /// What these nodes measure instead: they hang on another supply.
    pub(super) own: BTreeMap<NodeName, Energy>,
    pub(super) records: Vec<Record>,
    /// Everything that was sent, with its time.
    pub(super) sent: Vec<(Uptime, LinkId, SupervisorMessage)>,
    pub(super) refused: Vec<(LinkId, protocol::message::Refusal)>,
    pub(super) closed: Vec<LinkId>,
    /// Orders that were less careful than the floor that the leader had seen: there must be none.
    pub(super) below_floor: Vec<(NodeName, Order)>,
    /// What every node runs.
    pub(super) classes: Vec<Class>,
    /// How busy every node is in each stage, per mille.
    pub(super) busy: Option<[u16; 5]>,
    /// What persons were answered.
    pub(super) answers: Vec<crate::core::person::PersonAnswer>,
    /// What was handed out to be kept, the newest.
    pub(super) kept: Option<KeptBudget>,
    /// What is wanted of the balancer, and was not answered yet.
    pub(super) balancing: Vec<crate::core::balancer::Action>,
    links: u64,
}

pub(super) fn name(text: &str) -> NodeName {
    text.parse().unwrap()
}

/// A hello of an agent on the supply `garage`.
pub(super) fn hello(node: &str, shed_order: u8, master: bool, has_sensor: bool) -> Hello {
    Hello {
        version_min: 1,
        version_max: protocol::VERSION_CURRENT,
        node: name(node),
        boot: BootId(1),
        supply: "garage".parse().unwrap(),
        has_sensor,
        shed_order,
        master,
        term: Term(0),
    }
}

/// An estimate with this lower bound, in percent; the band is ten points wide.
pub(super) fn energy(soc_low: f64, amps: f64) -> Energy {
    let band = SocBand {
        low: Soc::from_percent(soc_low),
        best: Soc::from_percent(soc_low + 5.0),
        high: Soc::from_percent(soc_low + 10.0),
    };
    Energy {
        voltage: Some(Voltage::from_volts(12.8)),
        current: Some(Current::from_amps(amps)),
        compensated: Some(Voltage::from_volts(12.7)),
        soc: Some(band),
        time_to_empty: None,
        basis: Basis::Counted,
        fault: None,
    }
}

impl Site {
    pub(super) fn new(settings: Settings) -> Self {
        Self {
            now: Uptime::from_secs(10),
            core: Supervisor::new(settings),
            agents: BTreeMap::new(),
            energy: energy(90.0, 1.0),
            own: BTreeMap::new(),
            records: Vec::new(),
            sent: Vec::new(),
            refused: Vec::new(),
            closed: Vec::new(),
            below_floor: Vec::new(),
            classes: Vec::new(),
            busy: None,
            kept: None,
            balancing: Vec::new(),
            answers: Vec::new(),
            links: 0,
        }
    }

    /// Four nodes: `pi1` is the master and measures, `pi4` sheds first.
    pub(super) fn of_four() -> Self {
        let mut site = Self::new(Settings::default());
        for (node, shed_order) in [("pi1", 0), ("pi2", 1), ("pi3", 2), ("pi4", 3)] {
            site.join(hello(node, shed_order, node == "pi1", node == "pi1"));
        }
        site
    }

    /// Feeds one event and keeps what comes of it.
    pub(super) fn feed(&mut self, event: Event) -> Vec<Action> {
        let mut actions = Vec::new();
        self.core.handle(self.now, event, &mut actions);
        for action in &actions {
            match action {
                Action::Send { link, message } => {
                    self.sent.push((self.now, *link, message.clone()));
                    self.obey(*link, message);
                }
                Action::Refuse { link, refusal } => {
                    self.refused.push((*link, *refusal));
                    self.cut(*link);
                }
                Action::Close { link } => {
                    self.closed.push(*link);
                    self.cut(*link);
                }
                Action::Record(record) => self.records.push(record.clone()),
                Action::Keep(kept) => self.kept = Some((**kept).clone()),
                Action::Answer { answer, .. } => self.answers.push(answer.clone()),
                Action::KeepStanding(_)
                | Action::ForgetStanding(_)
                | Action::Remember(_)
                | Action::SaveTerm(_)
                | Action::Address(_)
                | Action::Orchestrator(_)
                | Action::Enrolment(_) => {}
                Action::Balancer(action) => self.balancing.push(action.clone()),
            }
        }
        actions
    }

    fn cut(&mut self, link: LinkId) {
        for agent in self.agents.values_mut().filter(|agent| agent.link == Some(link)) {
            agent.link = None;
        }
    }

    fn obey(&mut self, link: LinkId, message: &SupervisorMessage) {
        if let SupervisorMessage::Order(order) = message
            && let Some(agent) =
                self.agents.values_mut().find(|agent| agent.link == Some(link) && agent.awake)
        {
            assert!(
                agent.order.as_ref().is_none_or(|older| older.id < order.id),
                "orders' numbers increase: {:?} then {:?}",
                agent.order,
                order
            );
            // An order to halt switches the node off: a floor at `Halt` is held one rung above, the agent keeps its own.
            if order.stage < agent.reported_floor.min(Stage::Drain) {
                self.below_floor.push((agent.hello.node.clone(), order.clone()));
            }
            agent.order = Some(order.clone());
        }
    }

    pub(super) fn link(&mut self, link: LinkId, event: LinkEvent) -> Vec<Action> {
        self.feed(Event::Link { link, event })
    }

    pub(super) fn say(&mut self, link: LinkId, message: FromAgent) -> Vec<Action> {
        self.link(link, LinkEvent::Said(message))
    }

    /// Opens a link.
    pub(super) fn open(&mut self) -> LinkId {
        self.links += 1;
        let link = LinkId(self.links);
        self.link(link, LinkEvent::Opened { peer: "127.0.0.1:9".to_owned() });
        link
    }

    /// An agent connects, says hello and reports in full.
    pub(super) fn join(&mut self, hello: Hello) -> LinkId {
        let link = self.open();
        let node = hello.node.clone();
        let order = self.agents.get(&node).and_then(|agent| agent.order.clone());
        self.agents.insert(
            node.clone(),
            Agent {
                hello: hello.clone(),
                link: Some(link),
                sequence: 0,
                floor: Stage::Normal,
                reported_floor: Stage::Normal,
                reason: Reason::Clear,
                order,
                awake: true,
            },
        );
        self.say(link, FromAgent::Hello(hello));
        for (slot, class) in self.classes.clone().into_iter().enumerate() {
            let name = format!("c{slot}").parse().unwrap();
            let slot = ContainerSlot(u8::try_from(slot).unwrap());
            self.say(link, FromAgent::Container(ContainerEntry { slot, name, class }));
        }
        self.report(node.as_str());
        link
    }

    /// The report that an agent would send now.
    pub(super) fn report_of(&self, node: &str) -> Report {
        let agent = &self.agents[&name(node)];
        Report {
            uptime: Seconds(1),
            stage: agent.stage(),
            floor: agent.floor,
            reason: agent.reason.clone(),
            energy: if agent.hello.has_sensor {
                self.own.get(&agent.hello.node).copied().unwrap_or(self.energy)
            } else {
                Energy::default()
            },
            host: Host {
                cpu_permille: self.busy.map(|busy| busy[agent.stage() as usize]),
                ..Host::default()
            },
            order: agent.order.as_ref().map(|order| order.id),
            containers_total: 0,
            containers: self
                .classes
                .iter()
                .enumerate()
                .map(|(slot, _)| ContainerReport {
                    slot: ContainerSlot(u8::try_from(slot).unwrap()),
                    state: ContainerState::Running,
                })
                .collect(),
            docker_up: true,
        }
    }

    /// An agent reports in full.
    pub(super) fn report(&mut self, node: &str) -> Vec<Action> {
        let report = Box::new(self.report_of(node));
        let agent = self.agents.get_mut(&name(node)).unwrap();
        let Some(link) = agent.link else { return Vec::new() };
        agent.sequence += 1;
        agent.reported_floor = agent.floor;
        let sequence = Sequence(agent.sequence);
        self.say(link, FromAgent::Full { sequence, report })
    }

    /// Everybody awake reports.
    pub(super) fn report_all(&mut self) {
        let awake: Vec<_> =
            self.agents.values().filter(|agent| agent.awake).map(|agent| agent.hello.node.clone()).collect();
        for node in awake {
            self.report(node.as_str());
        }
    }

    /// Time passes; everybody reports every ten seconds.
    pub(super) fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while self.now < end {
            self.now = (self.now + Duration::from_secs(10)).min(end);
            self.report_all();
            self.feed(Event::Tick);
        }
    }

    pub(super) fn answer(
        &mut self,
        node: &str,
        id: OrderId,
        result: Result<Stage, protocol::message::OrderRefusal>,
    ) {
        let link = self.agents[&name(node)].link.unwrap();
        self.say(link, FromAgent::Outcome(OrderOutcome { id, result }));
    }

    /// An agent parks: says so and is gone.
    pub(super) fn park(&mut self, node: &str) {
        let link = self.agents[&name(node)].link.unwrap();
        self.say(link, FromAgent::Goodbye(Goodbye::Parking { reason: Reason::Clear }));
        self.link(link, LinkEvent::Closed(LinkEnd::ByPeer));
        let agent = self.agents.get_mut(&name(node)).unwrap();
        (agent.link, agent.awake) = (None, false);
    }

    /// What was recorded about a node, or about nobody.
    pub(super) fn records_of(&self, node: &str) -> Vec<&What> {
        let node = name(node);
        self.records.iter().filter(|r| r.node.as_ref() == Some(&node)).map(|r| &r.what).collect()
    }

    /// Every change of an ordered stage so far: when, who, to where.
    pub(super) fn steps(&self) -> Vec<(Uptime, String, Stage)> {
        self.records
            .iter()
            .filter_map(|record| match (&record.node, &record.what) {
                (Some(node), What::Ordered { to, .. }) => Some((record.at, node.to_string(), *to)),
                _ => None,
            })
            .collect()
    }

    pub(super) fn stages(&self) -> Vec<Stage> {
        self.agents.values().map(Agent::stage).collect()
    }
}
