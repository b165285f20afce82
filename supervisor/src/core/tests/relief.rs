//! A node is relieved before it is ordered to drain, through the whole core: planner, balancer, orders.

use std::collections::BTreeMap;
use std::time::Duration;

use protocol::Stage;
use protocol::message::SupervisorMessage;

use super::site::{Site, energy, hello};
use crate::core::balancer::seen::{
    Admission, Change, Check, CheckTimes, Command, Process, Seen, Server, ServerKey,
};
use crate::core::balancer::{self, BackendSettings, BalancerSettings, Work};
use crate::core::{Event, Settings, What};

/// Two nodes that serve containers `c0`, behind an HAProxy that is played by hand.
pub(super) struct World {
    pub(super) site: Site,
    pub(super) servers: BTreeMap<ServerKey, Server>,
}

pub(super) fn key(node: &str) -> ServerKey {
    ServerKey { backend: "web".to_owned(), server: node.to_owned() }
}

impl World {
    pub(super) fn new() -> Self {
        let backend = BackendSettings {
            name: "web".to_owned(),
            work: Work::Container("c0".to_owned()),
            port: 80,
            agent_port: None,
            check: CheckTimes::default(),
        };
        let balancer = BalancerSettings {
            backends: vec![backend],
            addresses: BTreeMap::new(),
            drain_max: Duration::from_mins(5),
        };
        let mut site = Site::new(Settings { balancer: Some(balancer), ..Settings::default() });
        site.classes = vec![protocol::Class::Standard];
        for (node, shed_order) in [("pi1", 0), ("pi2", 1)] {
            site.join(hello(node, shed_order, node == "pi1", node == "pi1"));
        }
        let server = Server {
            address: Some("127.0.0.1".parse().unwrap()),
            port: 80,
            admission: Admission::Ready,
            up: true,
            check: Check::default(),
            agent_off: false,
            weight: 50,
            sessions: 1,
            requests: 0,
        };
        let servers = BTreeMap::from([(key("pi1"), server.clone()), (key("pi2"), server)]);
        Self { site, servers }
    }

    /// A second goes by, in which HAProxy answers and everybody reports.
    fn second(&mut self) {
        self.pass(Duration::from_secs(1));
    }

    /// So much time goes by.
    pub(super) fn pass(&mut self, time: Duration) {
        self.site.now += time;
        self.site.report_all();
        self.site.feed(Event::Tick);
        for _ in 0..4 {
            let Some(action) = self.site.balancing.pop() else { return };
            let answer = match action {
                balancer::Action::Look(_) => self.seen(),
                balancer::Action::Do(commands) => {
                    for command in &commands {
                        self.obey(command);
                    }
                    balancer::Event::Done(Vec::new())
                }
            };
            self.site.feed(Event::Balancer(answer));
        }
    }

    fn obey(&mut self, command: &Command) {
        let server = self.servers.get_mut(&command.server).unwrap();
        match command.change {
            Change::Admission(admission) => server.admission = admission,
            Change::Weight(weight) => server.weight = weight,
            _ => {}
        }
    }

    fn seen(&self) -> balancer::Event {
        let uptime = self.site.now.since(protocol::Uptime::START);
        let process = Process { pid: 1, uptime, version: "2.6".to_owned() };
        balancer::Event::Seen(Box::new(Seen { process, servers: self.servers.clone(), missing: Vec::new() }))
    }

    fn drain_orders(&self) -> usize {
        let drains = |message: &SupervisorMessage| matches!(message, SupervisorMessage::Order(order) if order.stage == Stage::Drain);
        self.site.sent.iter().filter(|(_, _, message)| drains(message)).count()
    }

    /// Until HAProxy is told to drain `pi2`.
    fn until_it_drains(&mut self) {
        for _ in 0..900 {
            self.second();
            if self.servers[&key("pi2")].admission == Admission::Drain {
                return;
            }
        }
        panic!("never: {:?}", self.site.records);
    }
}

#[test]
fn the_order_to_drain_is_given_when_the_last_session_has_ended() {
    let mut world = World::new();
    world.site.energy = energy(45.8, 1.0);
    world.until_it_drains();
    assert_eq!(world.drain_orders(), 0, "the order waits");
    assert!(world.site.records_of("pi2").contains(&&What::Relieving));
    world.servers.get_mut(&key("pi2")).unwrap().sessions = 0;
    for _ in 0..3 {
        world.second();
    }
    assert!(world.drain_orders() > 0);
    assert!(
        world
            .site
            .records_of("pi2")
            .iter()
            .any(|what| matches!(what, What::Relieved { timed_out: false, .. }))
    );
}

#[test]
fn a_session_that_never_ends_delays_the_order_for_a_minute_and_no_longer() {
    let mut world = World::new();
    world.site.energy = energy(45.8, 1.0);
    world.until_it_drains();
    let asked = world.site.now;
    while world.drain_orders() == 0 {
        world.second();
        assert!(world.site.now.since(asked) < Duration::from_mins(2));
    }
    assert!(world.site.now.since(asked) >= Duration::from_secs(50), "it was given its time");
    assert!(
        world
            .site
            .records_of("pi2")
            .iter()
            .any(|what| matches!(what, What::Relieved { timed_out: true, .. }))
    );
}
