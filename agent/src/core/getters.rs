//! What can be asked of the agent. None of it changes anything.

use protocol::message::Hello;
use protocol::report::{ContainerState, Energy};
use protocol::{
    BootId, Class, Fault, NodeName, OrderId, Reason, Stage, Term, Uptime, VERSION_CURRENT, VERSION_MIN,
};

use super::Agent;
use super::deciding::present;
use super::outlook::Outlook;
use super::reading::SensorId;
use super::state::State;

impl Agent {
    /// When [`Event::Tick`](super::event::Event::Tick) is wanted at the latest; `None` while nothing waits for time to pass.
    pub fn next_wake(&self) -> Option<Uptime> {
        let Some(started) = self.started else { return Some(self.now) };
        if self.parking.is_off() || self.terminated {
            return None;
        }
        let now = self.now;
        let read_at = match (self.read_at, self.relay.read_at(now)) {
            (Some(own), Some(relayed)) => own.max(relayed),
            (own, relayed) => own.or(relayed).unwrap_or(started),
        };
        let host = self.reported_host();
        let present = present(&self.course, &self.ladder, &self.orders, &self.shed, &self.told, &host);
        let target = self.ladder.floor().max(self.orders.stage());
        let times = [
            self.filter.next_wake(),
            self.ladder.next_wake(now, read_at),
            self.orders.next_wake(),
            self.course.next_wake(target),
            self.grace.next_wake(),
            self.shed.next_wake(now),
            self.dip.next_wake(),
            self.alerts.next_wake(),
            self.governor.next_wake(),
            self.lamp.next_wake(),
            self.spare.next_wake(),
            self.parking.deadline(),
            self.reporter.next_wake(&present),
            self.keeper.next_wake(now, self.mark()),
        ];
        times.into_iter().flatten().filter(|at| *at > now).min()
    }

    /// The node's name.
    pub const fn node(&self) -> &NodeName {
        &self.identity.node
    }

    /// This life of the agent.
    pub const fn boot(&self) -> BootId {
        self.identity.boot
    }

    /// What the agent says first on a link.
    pub fn hello(&self) -> Hello {
        Hello {
            version_min: VERSION_MIN,
            version_max: VERSION_CURRENT,
            node: self.identity.node.clone(),
            boot: self.identity.boot,
            supply: self.identity.supply.clone(),
            has_sensor: self.filter.has_sensor(),
            shed_order: self.identity.shed_order,
            master: self.identity.master,
            term: self.orders.newest().map_or(Term::default(), |order| order.term),
        }
    }

    /// What the node does.
    pub const fn stage(&self) -> Stage {
        self.course.stage()
    }

    /// The lowest stage that its own readings allow.
    pub const fn floor(&self) -> Stage {
        self.ladder.floor()
    }

    /// Why it is in its stage.
    pub const fn reason(&self) -> &Reason {
        self.course.reason()
    }

    /// What is known of the supply at `now`.
    pub fn energy(&self, now: Uptime) -> Energy {
        self.supply(now.max(self.now)).0
    }

    /// What is to come: until each stage and until empty, at the present load and at that of each stage.
    pub fn outlook(&self) -> Outlook {
        Outlook::new(&self.estimator, &self.policy, &self.loads, self.course.stage())
    }

    /// When the supply was last read, by a sensor of its own; `None` where it never was.
    pub const fn read_at(&self) -> Option<Uptime> {
        self.read_at
    }

    /// Whether Docker answers.
    pub fn docker_up(&self) -> bool {
        self.shed.is_up()
    }

    /// The containers that it manages: how much each matters, and what it does.
    pub fn containers(&self) -> impl Iterator<Item = (Class, ContainerState)> {
        self.shed.listed().map(|listed| (listed.class, listed.state))
    }

    /// Whether any supervisor is linked.
    pub fn is_linked(&self) -> bool {
        self.reporter.is_linked()
    }

    /// The newest order obeyed.
    pub const fn order(&self) -> Option<OrderId> {
        self.orders.newest()
    }

    /// Why a sensor is not believed; `None` while all is well with it.
    pub fn sensor_fault(&self, sensor: SensorId) -> Option<Fault> {
        self.filter.fault(sensor)
    }

    /// How often the node climbed again right after it recovered.
    pub const fn relapses(&self) -> u16 {
        self.ladder.relapses()
    }

    /// Whether the node powers itself off: nothing more will come, unless that fails.
    pub const fn is_parking(&self) -> bool {
        self.parking.is_off()
    }

    /// Everything that must survive a restart, as it would be written now.
    pub fn state(&self) -> State {
        let stage = self.course.stage();
        State {
            stage,
            order: self.orders.newest(),
            learned: Some(self.estimator.learned()),
            ledger: self.shed.ledger(),
            relapses: self.ladder.relapses(),
            floor: self.ladder.floor(),
            clock_capped: self.governor.is_capped(self.clock_stage()),
        }
    }
}
