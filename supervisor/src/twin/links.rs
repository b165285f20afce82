//! The links between agents and the supervisor: the real messages in the real frames, over a network that takes its
//! time and is cut now and then.

use std::time::Duration;

use agent::core::action::Outgoing;
use agent::core::event::{Event, LinkEvent, SupervisorId};
use protocol::frame::MESSAGE_BYTES_MAX;
use protocol::frame::stream::{self, Decoder, FRAME_BYTES_MAX};
use protocol::message::Hello;
use protocol::{AgentMessage, SupervisorMessage, VERSION_CURRENT, VERSION_MIN};

use super::node::{Life, Node};
use super::plan::{LEADER, Mishaps};
use super::wire::{ConnectionId, NOTICED_AFTER, Way};
use super::{Happening, Twin};
use crate::core::{Event as LeaderEvent, FromAgent, LinkEnd, LinkEvent as LeaderLink, LinkId};

/// Between two tries to connect, doubling up to the second, before jitter: as the agent's io has it.
const BACK_OFF: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));
/// A welcome comes within this.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);
/// Between two mishaps with a node's cable.
const CABLE_HOLDS: (Duration, Duration) = (Duration::from_hours(9), Duration::from_hours(60));
/// How long it then is out: always long enough to be noticed.
const CABLE_OUT: (Duration, Duration) = (Duration::from_secs(20), Duration::from_mins(4));
/// The only supervisor.
const SUPERVISOR: SupervisorId = SupervisorId(0);

/// A connection, with what each end still knows of it.
#[derive(Debug)]
pub(super) struct Connection {
    life: Life,
    /// The agent's end; `None` when it has closed or noticed.
    agent: Option<AgentEnd>,
    /// The supervisor's end.
    leader: Option<Box<Decoder>>,
}

impl Connection {
    /// The supervisor is gone; the agent has yet to notice.
    pub(super) fn forget_leader(&mut self) {
        self.leader = None;
    }
}

/// The agent's end.
#[derive(Debug)]
struct AgentEnd {
    decoder: Box<Decoder>,
    welcomed: bool,
}

/// One message as one frame.
fn frame(encode: impl FnOnce(&mut [u8]) -> Option<usize>) -> Option<Vec<u8>> {
    let (mut message, mut frame) = ([0; MESSAGE_BYTES_MAX], [0; FRAME_BYTES_MAX]);
    let length = encode(&mut message)?;
    let length = stream::encode(message.get(..length)?, &mut frame).ok()?;
    frame.get(..length).map(<[u8]>::to_vec)
}

impl Twin {
    /// An agent tries to reach the supervisor.
    pub(super) fn connect(&mut self, life: Life) {
        let up = self.leader.is_some();
        let Some(node) = self.living(life) else { return };
        let reachable = up && !node.wire.is_cut();
        let Some(running) = node.running().filter(|running| running.connection.is_none()) else { return };
        let boot = running.agent.boot();
        if !reachable {
            return self.connect_later(life);
        }
        let config = &node.plan.config;
        let hello = Hello {
            version_min: VERSION_MIN,
            version_max: VERSION_CURRENT,
            node: node.plan.name.clone(),
            boot,
            supply: config.node.supply.clone(),
            has_sensor: !config.sensors.is_empty(),
            shed_order: config.node.shed_order,
            master: config.node.master,
            term: node.term(),
        };
        let peer = node.plan.name.to_string();
        self.connections_made += 1;
        let id = ConnectionId(self.connections_made);
        if let Some(running) = self.living(life).and_then(Node::running_mut) {
            running.connection = Some(id);
        }
        let agent = Some(AgentEnd { decoder: Box::default(), welcomed: false });
        self.connections.insert(id, Connection { life, agent, leader: Some(Box::default()) });
        self.queue.plan(self.now + HANDSHAKE_TIMEOUT, Happening::HandshakeOver(id));
        self.tell_leader(LeaderEvent::Link { link: LinkId(id.0), event: LeaderLink::Opened { peer } });
        self.send(id, Way::Up, frame(|out| AgentMessage::Hello(hello).encode(out).ok()));
    }

    /// The next try, with jitter.
    fn connect_later(&mut self, life: Life) {
        let Some(running) = self.living(life).and_then(Node::running_mut) else { return };
        let pause = BACK_OFF.0.saturating_mul(1 << running.failures.min(8)).min(BACK_OFF.1);
        running.failures += 1;
        let pause = self.draw(pause / 2, pause * 3 / 2);
        self.queue.plan(self.now + pause, Happening::Connect(life));
    }

    /// An agent sends a message on its link.
    pub(super) fn send_up(&mut self, life: Life, message: &Outgoing) {
        let Some(id) = self.living(life).and_then(|node| node.running()?.connection) else { return };
        let message = match message {
            Outgoing::Full { sequence, report } => {
                AgentMessage::Report { sequence: *sequence, report: (**report).clone() }
            }
            Outgoing::Delta { sequence, back, changes } => {
                AgentMessage::Delta { sequence: *sequence, back: *back, changes }
            }
            Outgoing::Container(entry) => AgentMessage::Container(entry.clone()),
            Outgoing::Outcome(outcome) => AgentMessage::Outcome(outcome.clone()),
            Outgoing::Goodbye(goodbye) => AgentMessage::Goodbye(goodbye.clone()),
            Outgoing::Engine(outcome) => AgentMessage::Engine(outcome.clone()),
            Outgoing::Leading(leading) => AgentMessage::Leading(leading.clone()),
            Outgoing::Standing(standing) => AgentMessage::Standing((**standing).clone()),
        };
        let bytes = frame(|out| message.encode(out).ok());
        if bytes.is_none() {
            self.broke(life.node, format!("a message has no wire form: {message:?}"));
        }
        self.send(id, Way::Up, bytes);
    }

    /// The supervisor sends a message on a link.
    pub(super) fn send_down(&mut self, id: ConnectionId, message: &SupervisorMessage) {
        self.send(id, Way::Down, frame(|out| message.encode(out).ok()));
    }

    fn send(&mut self, id: ConnectionId, way: Way, bytes: Option<Vec<u8>>) {
        let (Some(bytes), Some(connection)) = (bytes, self.connections.get(&id)) else { return };
        let Some(node) = self.nodes.get_mut(connection.life.node) else { return };
        let counted = match way {
            Way::Up => &mut self.chronicle.sums.bytes_up,
            Way::Down => &mut self.chronicle.sums.bytes_down,
        };
        *counted += bytes.len() as u64;
        if let Some(arrival) = node.wire.send(self.now, way, &mut self.random) {
            self.queue.plan(arrival, Happening::Arrive(id, way, bytes));
        }
    }

    /// Bytes arrive at one end.
    pub(super) fn arrive(&mut self, id: ConnectionId, way: Way, bytes: &[u8]) {
        // A segment boundary may lie anywhere: the decoders get the bytes in two parts.
        let (head, tail) = bytes.split_at(bytes.len() / 2);
        for mut part in [head, tail] {
            match way {
                Way::Up => while self.arrive_up(id, &mut part) {},
                Way::Down => while self.arrive_down(id, &mut part) {},
            }
        }
    }

    /// One message for the supervisor; whether there may be more.
    fn arrive_up(&mut self, id: ConnectionId, bytes: &mut &[u8]) -> bool {
        let Some(decoder) = self.connections.get_mut(&id).and_then(|c| c.leader.as_mut()) else {
            return false;
        };
        let event = match decoder.push(bytes) {
            Ok(None) => return false,
            Ok(Some(message)) => match AgentMessage::decode(message) {
                Ok(message) => LeaderLink::Said(FromAgent::from(message)),
                Err(error) => LeaderLink::Damaged(error.into()),
            },
            Err(error) => LeaderLink::Damaged(error.into()),
        };
        self.tell_leader(LeaderEvent::Link { link: LinkId(id.0), event });
        true
    }

    /// One message for the agent; whether there may be more.
    fn arrive_down(&mut self, id: ConnectionId, bytes: &mut &[u8]) -> bool {
        let Some(connection) = self.connections.get_mut(&id) else { return false };
        let life = connection.life;
        let Some(end) = connection.agent.as_mut() else { return false };
        let message = match end.decoder.push(bytes) {
            Ok(None) => return false,
            Ok(Some(message)) => SupervisorMessage::decode(message).ok(),
            Err(_) => None,
        };
        let event = match (message, end.welcomed) {
            (Some(SupervisorMessage::Welcome(welcome)), false) => {
                end.welcomed = true;
                LinkEvent::Up(welcome)
            }
            (Some(SupervisorMessage::Ack(sequence)), true) => LinkEvent::Ack(sequence),
            (Some(SupervisorMessage::RequestFull), true) => LinkEvent::RequestFull,
            (Some(SupervisorMessage::Order(order)), true) => LinkEvent::Order(order),
            (Some(SupervisorMessage::Supply(supply)), true) => LinkEvent::Supply(supply),
            (Some(SupervisorMessage::Switch(order)), true) => LinkEvent::Switch(order),
            (Some(SupervisorMessage::RestartEngine(order)), true) => LinkEvent::RestartEngine(order),
            (Some(SupervisorMessage::Leading(leading)), true) => LinkEvent::Leading(leading),
            (Some(SupervisorMessage::Standing(standing)), true) => LinkEvent::Standing(standing),
            // A refusal, a message out of order, or bytes that are no message.
            _ => {
                self.close_by_agent(life);
                return false;
            }
        };
        if let (LinkEvent::Up(_), Some(running)) = (&event, self.living(life).and_then(Node::running_mut)) {
            running.failures = 0;
        }
        self.tell(life, Event::Link { supervisor: SUPERVISOR, event });
        true
    }

    /// The agent closes its link, and tries again later.
    pub(super) fn close_by_agent(&mut self, life: Life) {
        let Some(id) = self.living(life).and_then(|node| node.running()?.connection) else { return };
        self.end_agent_side(id);
        self.queue.plan(self.now + Duration::from_millis(2), Happening::Notice(id, Way::Up));
    }

    /// The supervisor closes a link.
    pub(super) fn close_by_leader(&mut self, id: ConnectionId) {
        self.end_leader_side(id, LinkEnd::ByUs);
        self.queue.plan(self.now + Duration::from_millis(8), Happening::Notice(id, Way::Down));
    }

    /// No welcome came.
    pub(super) fn handshake_over(&mut self, id: ConnectionId) {
        let end = self.connections.get(&id).and_then(|c| Some((c.life, c.agent.as_ref()?.welcomed)));
        if let Some((life, false)) = end {
            self.close_by_agent(life);
        }
    }

    /// One end notices that the connection is gone: the supervisor's for `Up`, the agent's for `Down`.
    pub(super) fn notice(&mut self, id: ConnectionId, way: Way) {
        match way {
            Way::Up => self.end_leader_side(id, LinkEnd::ByPeer),
            Way::Down => self.end_agent_side(id),
        }
    }

    fn end_agent_side(&mut self, id: ConnectionId) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let life = connection.life;
        let end = connection.agent.take();
        let gone = connection.leader.is_none();
        if gone {
            self.connections.remove(&id);
        }
        let Some(end) = end else { return };
        if let Some(running) = self.living(life).and_then(Node::running_mut) {
            running.connection = None;
            if end.welcomed {
                let event = LinkEvent::Down { refusal: None };
                self.tell(life, Event::Link { supervisor: SUPERVISOR, event });
            }
            self.connect_later(life);
        }
    }

    fn end_leader_side(&mut self, id: ConnectionId, end: LinkEnd) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let was_open = connection.leader.take().is_some();
        if connection.agent.is_none() {
            self.connections.remove(&id);
        }
        if was_open {
            self.tell_leader(LeaderEvent::Link { link: LinkId(id.0), event: LeaderLink::Closed(end) });
        }
    }

    /// A node leaves the network: with a farewell on the wire, or cut off in the middle of a word.
    pub(super) fn lose_network(&mut self, index: usize, cut: bool) {
        let delay = if cut { NOTICED_AFTER } else { Duration::from_millis(10) };
        for (id, connection) in &self.connections {
            if connection.life.node == index {
                self.queue.plan(self.now + delay, Happening::Notice(*id, Way::Up));
            }
            if index == LEADER {
                self.queue.plan(self.now + delay, Happening::Notice(*id, Way::Down));
            }
        }
        if index == LEADER {
            self.leader_down();
        }
    }

    /// Plans when the next mishap with a node's cable comes. The supervisor's own node talks to it without a cable.
    pub(super) fn plan_next_pull(&mut self, index: usize) {
        if self.mishaps == Mishaps::Often && index != LEADER {
            let after = self.draw(CABLE_HOLDS.0, CABLE_HOLDS.1);
            self.queue.plan(self.now + after, Happening::Pull(index));
        }
    }

    /// A cable is out.
    pub(super) fn pull(&mut self, index: usize) {
        let out_for = self.draw(CABLE_OUT.0, CABLE_OUT.1);
        self.queue.plan(self.now + out_for, Happening::Mend(index));
        self.cut_cable(index);
    }

    /// A node's network is out: both ends notice in their time.
    pub(super) fn cut_cable(&mut self, index: usize) {
        self.chronicle.sums.link_losses += 1;
        if let Some(node) = self.nodes.get_mut(index) {
            node.wire.set_cut(true);
        }
        for (id, connection) in &self.connections {
            if connection.life.node == index {
                for way in [Way::Up, Way::Down] {
                    self.queue.plan(self.now + NOTICED_AFTER, Happening::Notice(*id, way));
                }
            }
        }
    }

    /// The cable is back.
    pub(super) fn mend(&mut self, index: usize) {
        if let Some(node) = self.nodes.get_mut(index) {
            node.wire.set_cut(false);
        }
        self.plan_next_pull(index);
    }
}
