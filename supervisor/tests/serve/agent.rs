//! An agent over a real connection.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Instant;

use protocol::frame::MESSAGE_BYTES_MAX;
use protocol::frame::stream::{self, Decoder, FRAME_BYTES_MAX};
use protocol::message::{AgentMessage, Goodbye, Hello, Refusal, SupervisorMessage};
use protocol::report::{
    Basis, ContainerEntry, ContainerReport, ContainerState, Energy, Host, Report, SocBand,
};
use protocol::{
    BootId, Class, ContainerSlot, Current, Reason, Seconds, Sequence, Soc, Stage, Term, Voltage, delta,
};

use crate::served::DEADLINE;

/// The agent.
pub(crate) struct Agent {
    connection: TcpStream,
    decoder: Decoder,
    /// Read from the connection, not yet decoded.
    unread: Vec<u8>,
    sequence: u32,
}

/// A hello of a node on the supply `garage`.
pub(crate) fn hello(node: &str) -> Hello {
    Hello {
        version_min: protocol::VERSION_MIN,
        version_max: protocol::VERSION_CURRENT,
        node: node.parse().unwrap(),
        boot: BootId(7),
        supply: "garage".parse().unwrap(),
        has_sensor: true,
        shed_order: 1,
        master: false,
        term: Term(0),
    }
}

/// A report of a healthy node with one container.
pub(crate) fn report(soc_low: f64) -> Report {
    let soc = |points: f64| Soc::from_percent(soc_low + points);
    let mut containers = <_>::default();
    push(&mut containers, ContainerReport { slot: ContainerSlot(1), state: ContainerState::Running });
    Report {
        uptime: Seconds(100),
        stage: Stage::Normal,
        floor: Stage::Normal,
        reason: Reason::Clear,
        energy: Energy {
            voltage: Some(Voltage::from_volts(12.61)),
            current: Some(Current::from_amps(2.2)),
            compensated: Some(Voltage::from_volts(12.65)),
            soc: Some(SocBand { low: soc(0.0), best: soc(3.0), high: soc(6.0) }),
            time_to_empty: None,
            basis: Basis::Counted,
            fault: None,
        },
        host: Host::default(),
        order: None,
        containers_total: 1,
        containers,
        docker_up: true,
    }
}

/// Lets the list's own type be inferred from the report.
fn push<L: Extend<ContainerReport>>(list: &mut L, container: ContainerReport) {
    list.extend([container]);
}

impl Agent {
    /// Connects and says nothing yet.
    pub(crate) fn connect(address: SocketAddr) -> Self {
        let connection = TcpStream::connect(address).unwrap();
        connection.set_read_timeout(Some(DEADLINE)).unwrap();
        connection.set_write_timeout(Some(DEADLINE)).unwrap();
        Self { connection, decoder: Decoder::new(), unread: Vec::new(), sequence: 0 }
    }

    /// Connects, says hello, and is welcomed.
    pub(crate) fn join(address: SocketAddr, hello: Hello) -> Self {
        let mut agent = Self::connect(address);
        agent.say(&AgentMessage::Hello(hello));
        match agent.hear() {
            Some(SupervisorMessage::Welcome(_)) => agent,
            other => panic!("not welcomed: {other:?}"),
        }
    }

    /// As [`Self::join`], and introduces and reports itself in full.
    pub(crate) fn join_and_report(address: SocketAddr, hello: Hello, report: Report) -> Self {
        let mut agent = Self::join(address, hello);
        agent.say(&AgentMessage::Container(ContainerEntry {
            slot: ContainerSlot(1),
            name: "web".parse().unwrap(),
            class: Class::Critical,
        }));
        agent.report(report);
        agent
    }

    /// Sends bytes as they are.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.connection.write_all(bytes)
    }

    /// Sends a message.
    pub(crate) fn say(&mut self, message: &AgentMessage<'_>) {
        self.write(&framed(message)).unwrap();
    }

    /// Reports in full and waits for the acknowledgement.
    pub(crate) fn report(&mut self, report: Report) {
        self.sequence += 1;
        let sequence = Sequence(self.sequence);
        self.say(&AgentMessage::Report { sequence, report });
        self.hear_until(|message| (*message == SupervisorMessage::Ack(sequence)).then_some(()));
    }

    /// Sends what changed since the report so many numbers back.
    pub(crate) fn delta(&mut self, base: &Report, new: &Report, back: u16) -> Sequence {
        let mut changes = [0; 512];
        let length = delta::encode(base, new, &mut changes).unwrap();
        self.sequence += 1;
        let sequence = Sequence(self.sequence);
        self.say(&AgentMessage::Delta { sequence, back, changes: &changes[..length] });
        sequence
    }

    /// Says that the node switches itself off, and goes.
    pub(crate) fn park(mut self) {
        self.say(&AgentMessage::Goodbye(Goodbye::Parking { reason: Reason::Clear }));
    }

    /// As [`Self::join`], as soon as there is a place.
    pub(crate) fn join_when_there_is_room(address: SocketAddr, hello: &Hello) -> Self {
        let end = Instant::now() + DEADLINE;
        loop {
            let mut agent = Self::connect(address);
            agent.say(&AgentMessage::Hello(hello.clone()));
            match agent.hear() {
                Some(SupervisorMessage::Welcome(_)) => return agent,
                other => assert!(Instant::now() < end, "there was never room: {other:?}"),
            }
        }
    }

    /// The next message; `None` when the link has ended.
    pub(crate) fn hear(&mut self) -> Option<SupervisorMessage> {
        loop {
            let mut input = self.unread.as_slice();
            let before = input.len();
            let message =
                self.decoder.push(&mut input).unwrap().map(|bytes| SupervisorMessage::decode(bytes).unwrap());
            let taken = before - input.len();
            self.unread.drain(..taken);
            if message.is_some() {
                return message;
            }
            let mut buffer = [0; 4096];
            match self.connection.read(&mut buffer) {
                Ok(0) => return None,
                Ok(count) => self.unread.extend_from_slice(&buffer[..count]),
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return None,
                Err(error) => panic!("the supervisor says nothing: {error}"),
            }
        }
    }

    /// Hears until something is what is waited for.
    pub(crate) fn hear_until<T>(&mut self, fits: impl Fn(&SupervisorMessage) -> Option<T>) -> T {
        let mut heard = Vec::new();
        while let Some(message) = self.hear() {
            if let Some(found) = fits(&message) {
                return found;
            }
            heard.push(message);
        }
        panic!("the link ended after {heard:#?}");
    }

    /// The refusal with which the supervisor ends the link.
    pub(crate) fn refusal(&mut self) -> Refusal {
        let refusal = self.hear_until(|message| match message {
            SupervisorMessage::Refused(refusal) => Some(*refusal),
            _ => None,
        });
        assert_eq!(self.hear(), None, "after a refusal the link is closed");
        refusal
    }
}

/// A message as it goes over the stream.
pub(crate) fn framed(message: &AgentMessage<'_>) -> Vec<u8> {
    let (mut bytes, mut frame) = ([0; MESSAGE_BYTES_MAX], [0; FRAME_BYTES_MAX]);
    let length = message.encode(&mut bytes).unwrap();
    let length = stream::encode(&bytes[..length], &mut frame).unwrap();
    frame[..length].to_vec()
}
