//! Everything that crosses a link, in both directions.
//!
//! ```text
//! agent                              supervisor
//!   | Hello (versions, name, boot)  --->  |
//!   |  <---  Welcome | Refused            |   (Refused: the supervisor then closes)
//!   | Container... , Report (full)  --->  |
//!   |  <---  Ack(sequence)                |
//!   | Delta against the acked one   --->  |
//!   |  <---  Order(term, generation)      |   RequestFull when a delta's base is unknown
//!   | Outcome                       --->  |
//!   | Goodbye (parked, stopping)    --->  |   so that "parked" is never taken for "lost"
//!   |  <---  Standing  --->               |   what a person asked, carried from one supervisor to the next
//!   |  <---  RestartEngine                |   the node's container engine; answered by Engine
//!   |  <---  Leading  --->                |   who leads, carried to those who stand by
//! ```

use core::fmt;

use serde::{Deserialize, Serialize};

use crate::engine::{EngineOrder, EngineOutcome};
use crate::id::{BootId, NodeName, OrderId, Sequence, SupplyName, Term};
use crate::leader::Leading;
use crate::reason::{OrderReason, Reason};
use crate::report::{ContainerEntry, Energy, Report};
use crate::stage::Stage;
use crate::standing::Standing;
use crate::time::Seconds;

/// The first message on a link: who calls, and which versions it speaks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// The oldest version that the agent speaks.
    pub version_min: u16,
    /// The newest version that the agent speaks.
    pub version_max: u16,
    /// The node's name.
    pub node: NodeName,
    /// This life of the agent.
    pub boot: BootId,
    /// The supply that the node hangs on.
    pub supply: SupplyName,
    /// Whether the node measures its supply itself; otherwise it wants [`SupervisorMessage::Supply`].
    pub has_sensor: bool,
    /// The node's place among those of its supply: who is greater sheds earlier and recovers later.
    pub shed_order: u8,
    /// Whether the node is a master (may run a supervisor and hold the address): shed last, woken first.
    pub master: bool,
    /// The highest term that the agent has obeyed.
    pub term: Term,
}

/// The supervisor takes the link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Welcome {
    /// The version that both speak from here on.
    pub version: u16,
    /// The supervisor's own highest term.
    pub term: Term,
    /// Whether this supervisor leads.
    pub leading: bool,
}

/// Why a supervisor closes a link. Said before closing, so that both sides can log the same thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// No version is spoken by both sides.
    Version {
        /// The oldest that the supervisor speaks.
        min: u16,
        /// The newest that the supervisor speaks.
        max: u16,
    },
    /// The first message was no hello, or a second one came.
    OutOfOrder,
    /// The bytes are no message.
    Malformed,
    /// A frame announced more bytes than any message has.
    TooLong,
    /// The same node has a newer link: this one is superseded.
    Superseded,
    /// The supervisor holds as many links as it may.
    Full,
    /// No hello came in time.
    Silent,
    /// The link is not protected, and this supervisor takes protected ones only.
    Unprotected,
    /// The caller speaks TLS, and this supervisor has no certificates.
    NoCertificates,
    /// The caller's enrolment was revoked.
    Revoked,
    /// The hello names another node than the certificate.
    OtherName,
    /// The certificate ran out while the link stood.
    Expired,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Version { min, max } => {
                write!(f, "no common protocol version: this supervisor speaks {min} to {max}")
            }
            Self::OutOfOrder => f.write_str("a message came out of order"),
            Self::Malformed => f.write_str("the bytes are no message"),
            Self::TooLong => f.write_str("a frame is longer than any message"),
            Self::Superseded => f.write_str("a newer link of the same node took over"),
            Self::Full => f.write_str("the supervisor holds as many links as it may"),
            Self::Silent => f.write_str("no hello came in time"),
            Self::Unprotected => f.write_str(
                "the link is not protected, and this supervisor takes protected ones only: enrol the node \
                 (heliostat-agent join)",
            ),
            Self::NoCertificates => f.write_str(
                "the caller speaks TLS, and this supervisor has no certificates: run heliostat init or heliostat \
                 join on it",
            ),
            Self::Revoked => f.write_str("the node's enrolment was revoked"),
            Self::OtherName => f.write_str("the certificate is another node's than the one that the hello names"),
            Self::Expired => f.write_str("the certificate ran out while the link stood"),
        }
    }
}

/// The part of a plan that one node is to carry out. Never below the node's own floor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Order {
    /// Which plan.
    pub id: OrderId,
    /// The stage wanted.
    pub stage: Stage,
    /// The leader's reason.
    pub reason: OrderReason,
    /// It lapses after this long without renewal: an order does not outlive its leader.
    pub valid_for: Seconds,
}

/// Why an agent does not carry out an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderRefusal {
    /// A newer order was accepted already.
    Older {
        /// The newest accepted.
        newest: OrderId,
    },
    /// The node has no power switch for that node.
    NoSuchSwitch,
    /// The switch did not move.
    SwitchFailed,
}

/// What became of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderOutcome {
    /// Which order.
    pub id: OrderId,
    /// The stage the node is in now (its floor may hold it lower), or why the order was refused.
    pub result: Result<Stage, OrderRefusal>,
}

/// Switches another node's power, from a node that has a relay for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SwitchOrder {
    /// Which plan.
    pub id: OrderId,
    /// The node to switch.
    pub node: NodeName,
    /// On (wake) or off (park).
    pub on: bool,
}

/// Why an agent leaves on purpose.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Goodbye {
    /// The node powers itself off to save energy: parked, not lost.
    Parking {
        /// Why.
        reason: Reason,
    },
    /// The agent stops (update, administrator); the node stays up.
    Stopping,
}

/// From an agent to a supervisor.
///
/// Size differs much between variants; values live on the stack for the length of a call only.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(clippy::large_enum_variant, reason = "no allocator here, and a message lives for one call")]
pub enum AgentMessage<'a> {
    /// Who calls.
    Hello(Hello),
    /// The whole state.
    Report {
        /// Its number.
        sequence: Sequence,
        /// The state.
        #[serde(with = "crate::delta::full")]
        report: Report,
    },
    /// What changed since an acknowledged report: [`crate::delta`].
    Delta {
        /// Its number.
        sequence: Sequence,
        /// How many numbers back the base is (the base is `sequence - back`).
        back: u16,
        /// The changed fields, as [`crate::delta`] packs them.
        #[serde(borrow)]
        changes: &'a [u8],
    },
    /// A container's name and class, ahead of its slot's use.
    Container(ContainerEntry),
    /// What became of an order.
    Outcome(OrderOutcome),
    /// The agent leaves on purpose.
    Goodbye(Goodbye),
    /// What a person asked, passed on from another supervisor (version 2).
    Standing(Standing),
    /// What became of an order to restart the container engine (version 3).
    Engine(EngineOutcome),
    /// Who leads, passed on from the one that does (version 4).
    Leading(Leading),
}

/// The supply as the leader knows it, for nodes that do not measure it themselves.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SupplyReport {
    /// The estimate of the node that measures.
    pub energy: Energy,
    /// How old it is.
    pub age: Seconds,
}

/// From a supervisor to an agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum SupervisorMessage {
    /// The link stands.
    Welcome(Welcome),
    /// The link is refused, or ended; the supervisor closes it.
    Refused(Refusal),
    /// A report arrived: deltas may build on it.
    Ack(Sequence),
    /// The base of a delta is not known: a full report, please.
    RequestFull,
    /// What the node is to do.
    Order(Order),
    /// The supply's state, relayed.
    Supply(SupplyReport),
    /// Another node's power.
    Switch(SwitchOrder),
    /// What a person asked, to be passed on to the other supervisors (version 2).
    Standing(Standing),
    /// Restart the node's container engine (version 3).
    RestartEngine(EngineOrder),
    /// The supervisor that says this leads; to be passed on to the others (version 4).
    Leading(Leading),
}
