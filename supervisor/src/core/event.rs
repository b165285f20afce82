//! What happens to the supervisor. `io` (or the twin) turns the world into these, in one total order, each with its
//! `Uptime`.

use std::fmt;

use protocol::engine::EngineOutcome;
use protocol::leader::Leading;
use protocol::message::{AgentMessage, Goodbye, Hello, OrderOutcome, Refusal};
use protocol::report::{ContainerEntry, Report};
use protocol::{Sequence, Standing};

use super::address::AddressEvent;
use super::balancer;
use super::enrolment::EnrolmentEvent;
use super::forecast::WallClock;
use super::orchestrator;
use super::person::PersonEvent;

/// Something happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The moment that `Supervisor::next_wake` asked for has come (or a little later).
    Tick,
    /// A link to an agent changed or carried a message.
    Link {
        /// Which link.
        link: LinkId,
        /// What happened.
        event: LinkEvent,
    },
    /// What the machine's clock says, right or wrong; best told each minute. Only the forecast of the sun goes by it.
    Clock(WallClock),
    /// The journal changed between writing and failing. Said once a change, not once a record.
    Journal(JournalState),
    /// The address came, went, or was looked at.
    Address(AddressEvent),
    /// A person asks something; answered with `Action::Answer`.
    Person(PersonEvent),
    /// HAProxy answered.
    Balancer(balancer::Event),
    /// Swarm answered, or stirred.
    Orchestrator(orchestrator::Event),
    /// Somebody wants in, or is to be out.
    Enrolment(EnrolmentEvent),
}

/// One connection of an agent: numbered by `io` from 1, never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkId(pub u64);

impl fmt::Display for LinkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "link {}", self.0)
    }
}

/// What happened on a link.
#[derive(Debug, Clone, PartialEq)]
pub enum LinkEvent {
    /// Somebody connected; nothing was said yet.
    Opened {
        /// Where from, for the journal.
        peer: String,
    },
    /// The handshake proved who calls: the chain of certificates, the caller's own first. Comes right after `Opened`, and
    /// never on a link in clear.
    Proved(Vec<protocol::trust::Who>),
    /// A message arrived.
    Said(FromAgent),
    /// What arrived is no message (`Malformed`, `TooLong`), or not as it must be (`Unprotected`, `NoCertificates`,
    /// `Expired`).
    Damaged(Refusal),
    /// The connection ended. Nothing follows on this link.
    Closed(LinkEnd),
}

/// How a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkEnd {
    /// The agent closed it, or the network broke it.
    ByPeer,
    /// We closed it, as the core asked.
    ByUs,
    /// The agent read too slowly: its queue was full.
    Stalled,
}

impl fmt::Display for LinkEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ByPeer => "the connection broke",
            Self::ByUs => "closed by the supervisor",
            Self::Stalled => "the agent read too slowly",
        })
    }
}

/// A message of an agent, owned: [`AgentMessage`] borrows from the frame it came in.
#[derive(Debug, Clone, PartialEq)]
pub enum FromAgent {
    /// Who calls.
    Hello(Hello),
    /// The whole state.
    Full {
        /// Its number.
        sequence: Sequence,
        /// The state.
        report: Box<Report>,
    },
    /// What changed since an acknowledged report.
    Delta {
        /// Its number.
        sequence: Sequence,
        /// How many numbers back its base is.
        back: u16,
        /// The packed changes ([`protocol::delta`]).
        changes: Vec<u8>,
    },
    /// A container's name and class.
    Container(ContainerEntry),
    /// What became of an order.
    Outcome(OrderOutcome),
    /// The agent leaves on purpose.
    Goodbye(Goodbye),
    /// What a person asked another supervisor.
    Standing(Box<Standing>),
    /// What became of an order to restart the container engine.
    Engine(EngineOutcome),
    /// Who leads, in the words of the one that does.
    Leading(Leading),
}

impl From<AgentMessage<'_>> for FromAgent {
    fn from(message: AgentMessage<'_>) -> Self {
        match message {
            AgentMessage::Hello(hello) => Self::Hello(hello),
            AgentMessage::Report { sequence, report } => Self::Full { sequence, report: Box::new(report) },
            AgentMessage::Delta { sequence, back, changes } => {
                Self::Delta { sequence, back, changes: changes.to_vec() }
            }
            AgentMessage::Container(entry) => Self::Container(entry),
            AgentMessage::Outcome(outcome) => Self::Outcome(outcome),
            AgentMessage::Goodbye(goodbye) => Self::Goodbye(goodbye),
            AgentMessage::Engine(outcome) => Self::Engine(outcome),
            AgentMessage::Leading(leading) => Self::Leading(leading),
            AgentMessage::Standing(standing) => Self::Standing(Box::new(standing)),
        }
    }
}

/// Whether decisions are being written down.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum JournalState {
    /// Every record is on disk.
    #[default]
    Working,
    /// Records are lost; the fleet is run all the same.
    Failing {
        /// In the words of who refused to write.
        why: String,
    },
}
