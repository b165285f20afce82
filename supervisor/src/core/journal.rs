//! What was seen and decided, as records: typed reasons and numbers, not prose. The same record feeds `events`,
//! `why`, the dashboard and the journal on disk.

use std::fmt;

use protocol::message::{OrderRefusal, Refusal};
use protocol::trust::{EnrolmentId, JoinRefusal, LinkError, Role, TokenId, WallTime};
use protocol::{
    Fault, NodeName, OrderId, OrderReason, Reason, Seconds, Soc, Stage, SupplyName, Term, Uptime, Voltage,
};
use serde::{Deserialize, Serialize};

use super::address::{AddressAction, ClaimReason, Standby};
use super::enrolment::Through;
use super::enrolment::ledger::RevokedBy;
use super::event::LinkEnd;
use super::liveness::Liveness;
use super::person::{Ended, Refused, StandingView, Verb};
use super::safety::Veto;
use super::witness::Testimony;
use super::{balancer, orchestrator};

/// One record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// When, on the supervisor's own clock; whoever writes it down adds the time of day.
    pub at: Uptime,
    /// The node that it is about, if it is about one.
    pub node: Option<NodeName>,
    /// The supply that it is about, or that the node hangs on.
    pub supply: Option<SupplyName>,
    /// What happened.
    #[serde(flatten)]
    pub what: What,
}

/// What was seen or decided.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum What {
    /// The supervisor began to lead.
    Leading {
        /// With this term.
        term: Term,
    },
    /// The supervisor does not lead (any more).
    StandingBy {
        /// Why not.
        why: Standby,
    },
    /// A person's order stands from here on, or is withdrawn.
    PersonOrdered {
        /// What, by whom, why, for how long.
        standing: StandingView,
    },
    /// A person's order was refused.
    PersonRefused {
        /// Who asked.
        who: String,
        /// What for.
        verb: Verb,
        /// Why not.
        refused: Refused,
    },
    /// A person's order does not stand any more.
    PersonEnded {
        /// Why.
        ended: Ended,
    },
    /// Keepalived does not run on this host.
    KeepalivedGone {
        /// Whether it left the address behind.
        held: bool,
    },
    /// Keepalived runs again.
    KeepalivedRuns,
    /// Something about the address could not be done.
    AddressFailed {
        /// What.
        what: AddressAction,
        /// In the words of who refused.
        why: String,
    },
    /// This master claims the address more or less strongly than before.
    Claims {
        /// What is taken off its priority.
        offset: i16,
        /// Why.
        why: ClaimReason,
    },
    /// Somebody led before with a term that is not ours: ours is now greater.
    TermRaised {
        /// Ours before.
        from: Term,
        /// Ours now.
        to: Term,
    },
    /// A node changed its stage; the first report has no `from`.
    Stage {
        /// The stage left.
        from: Option<Stage>,
        /// The stage entered.
        to: Stage,
        /// The lowest stage that its readings allow.
        floor: Stage,
        /// The node's reason.
        reason: Reason,
    },
    /// A plan orders a node into a stage.
    Ordered {
        /// Which plan.
        id: OrderId,
        /// The stage ordered before, if any.
        from: Option<Stage>,
        /// The stage ordered.
        to: Stage,
        /// The leader's reason.
        reason: OrderReason,
    },
    /// A node refused an order.
    OrderRefused {
        /// Which.
        id: OrderId,
        /// Why.
        refusal: OrderRefusal,
    },
    /// The safety veto stopped a step of a plan.
    Vetoed {
        /// The stage that would have been ordered; `None` for a wake.
        to: Option<Stage>,
        /// Why not.
        veto: Veto,
    },
    /// A node is alive, late, lost, parked or back.
    Liveness {
        /// What it was.
        from: Liveness,
        /// What it is.
        to: Liveness,
        /// How long it has been silent.
        silent: Seconds,
    },
    /// A plan wakes a parked node.
    Waking {
        /// Which plan.
        id: OrderId,
        /// The node that switches its power.
        through: NodeName,
        /// The supply's state of charge, lower bound.
        soc: Soc,
        /// The level above which this node is woken.
        level: Soc,
    },
    /// A woken node called.
    Woke {
        /// After this long.
        after: Seconds,
    },
    /// A wake did not succeed.
    WakeFailed {
        /// The node that was to switch.
        through: NodeName,
        /// Why, if it said so; otherwise the node did not call in time.
        refusal: Option<OrderRefusal>,
    },
    /// A link was refused or ended for its behaviour.
    LinkRefused {
        /// Where it came from.
        peer: String,
        /// Why.
        refusal: Refusal,
    },
    /// A link of a welcomed node ended.
    LinkEnded {
        /// How.
        end: LinkEnd,
    },
    /// More links were refused than are worth a record each.
    LinksRefusedMore {
        /// How many.
        count: u32,
    },
    /// A node's sensor gives nothing that may be believed.
    SensorFault {
        /// Why.
        fault: Fault,
    },
    /// A node's sensor is believed again.
    SensorClear,
    /// Two sensors of one supply differ by more than their errors explain; the worse one rules.
    SensorsDisagree {
        /// The node whose sensor reads worse, and rules.
        worse: NodeName,
        /// Its state of charge, lower bound.
        worse_soc: Soc,
        /// Its voltage, compensated.
        worse_voltage: Option<Voltage>,
        /// The other node.
        other: NodeName,
        /// Its state of charge, lower bound.
        other_soc: Soc,
        /// Its voltage, compensated.
        other_voltage: Option<Voltage>,
    },
    /// The sensors of the supply agree again.
    SensorsAgree,
    /// No fresh estimate of the supply: nobody is ordered to spend more.
    SupplyUnknown {
        /// The age of the last estimate; `None` when there never was one.
        age: Option<Seconds>,
    },
    /// The supply's state is known (again).
    SupplyKnown {
        /// The node that measures it.
        source: NodeName,
        /// Its state of charge, lower bound.
        soc: Soc,
    },
    /// HAProxy: what it said, what it is told.
    Balancer {
        /// What.
        note: balancer::Note,
    },
    /// Swarm: what it said, what it is told.
    Orchestrator {
        /// What.
        note: orchestrator::Note,
    },
    /// A node is to drain: it is relieved of traffic and work first.
    Relieving,
    /// A node that drains, or is about to, has nothing left to do, or no more time.
    Relieved {
        /// After this long.
        after: Seconds,
        /// Something is left there, but there is no more time.
        timed_out: bool,
    },
    /// A node's host is gone, by several witnesses.
    HostLost {
        /// Who found nobody there.
        by: Testimony,
    },
    /// A node that was lost is heard again.
    HostFound,
    /// A node or a further supervisor got a certificate.
    Enrolled {
        /// Where from.
        peer: String,
        /// As what.
        role: Role,
        /// Its joining.
        enrolment: EnrolmentId,
        /// By what.
        through: Through,
    },
    /// A node or a further supervisor did not get a certificate.
    JoinRefused {
        /// Where from.
        peer: String,
        /// As what.
        role: Role,
        /// Why.
        refusal: JoinRefusal,
    },
    /// No protected connection came about.
    HandshakeFailed {
        /// Where from.
        peer: String,
        /// Why.
        refused: LinkError,
    },
    /// An enrolment stands no more.
    EnrolmentRevoked {
        /// As what.
        role: Role,
        /// Which joining.
        enrolment: EnrolmentId,
        /// Why.
        by: RevokedBy,
    },
    /// A join token was made.
    TokenMade {
        /// Its number.
        id: TokenId,
        /// For agents, or for further supervisors.
        role: Role,
        /// For a node of this name only.
        for_node: Option<NodeName>,
        /// How often it may be used.
        uses: u32,
        /// Until when it is good.
        expires: WallTime,
    },
    /// A person took a join token back.
    TokenRevoked {
        /// Its number.
        id: TokenId,
    },
    /// The journal cannot be written.
    JournalFailing {
        /// In the words of who refused.
        why: String,
    },
    /// The journal is written again.
    JournalWorking,
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Leading { term } => write!(f, "leads with term {term}"),
            Self::StandingBy { why } => write!(f, "stands by: {why}"),
            Self::PersonOrdered { standing } => write!(f, "{standing}"),
            Self::PersonRefused { who, verb, refused } => write!(f, "{who} may not {verb} it: {refused}"),
            Self::PersonEnded { ended } => write!(f, "the person's order ends: {ended}"),
            Self::KeepalivedGone { held: false } => f.write_str("keepalived does not run"),
            Self::KeepalivedGone { held: true } => {
                f.write_str("keepalived does not run, and left the address behind on this host")
            }
            Self::KeepalivedRuns => f.write_str("keepalived runs again"),
            Self::AddressFailed { what, why } => write!(f, "{what}: {why}"),
            Self::Claims { offset: 0, .. } => f.write_str("claims the address with its whole priority"),
            Self::Claims { offset, why } => {
                write!(f, "claims the address with {} less than its priority: {why}", offset.unsigned_abs())
            }
            Self::TermRaised { from, to } => write!(f, "term {from} was used before: leads with {to}"),
            Self::Stage { from: Some(from), to, reason, .. } => write!(f, "{from} -> {to}: {reason}"),
            Self::Stage { from: None, to, reason, .. } => write!(f, "is in {to}: {reason}"),
            Self::Ordered { id, from: Some(from), to, reason } if from != to => {
                write!(f, "order {id}: {from} -> {to}: {reason}")
            }
            Self::Ordered { id, to, reason, .. } => write!(f, "order {id}: {to}: {reason}"),
            Self::OrderRefused { id, refusal } => {
                write!(f, "refused order {id}: {}", RefusalWords(*refusal))
            }
            Self::Vetoed { to: Some(to), veto } => write!(f, "not ordered to {to}: {veto}"),
            Self::Vetoed { to: None, veto } => write!(f, "not woken: {veto}"),
            Self::Liveness { from, to, silent } => write!(f, "{from} -> {to} (silent for {silent})"),
            Self::Waking { id, through, soc, level } => {
                write!(f, "plan {id} wakes it through {through}: SoC {soc} (lower bound) > {level}")
            }
            Self::Woke { after } => write!(f, "woke after {after}"),
            Self::WakeFailed { through, refusal: Some(refusal) } => {
                write!(f, "could not be woken through {through}: {}", RefusalWords(*refusal))
            }
            Self::WakeFailed { through, refusal: None } => {
                write!(f, "was switched on through {through} but did not call")
            }
            Self::LinkRefused { peer, refusal } => write!(f, "link from {peer} refused: {refusal}"),
            Self::LinkEnded { end } => write!(f, "link ended: {end}"),
            Self::LinksRefusedMore { count } => write!(f, "{count} more links refused in the last minute"),
            Self::SensorFault { fault } => write!(f, "sensor fault: {fault}"),
            Self::SensorClear => f.write_str("sensor believed again"),
            Self::SensorsDisagree { worse, worse_soc, worse_voltage, other, other_soc, other_voltage } => {
                let (ours, theirs) = (Volts(*worse_voltage), Volts(*other_voltage));
                write!(f, "sensors disagree: {worse} says {worse_soc}{ours}, ")?;
                write!(f, "{other} says {other_soc}{theirs}; the worse rules")
            }
            Self::SensorsAgree => f.write_str("sensors agree again"),
            Self::SupplyUnknown { age: Some(age) } => {
                write!(f, "state unknown, last known {age} ago: nobody is ordered to spend more")
            }
            Self::SupplyUnknown { age: None } => {
                f.write_str("state unknown: nobody is ordered to spend more")
            }
            Self::SupplyKnown { source, soc } => write!(f, "SoC {soc} (lower bound), measured by {source}"),
            Self::Balancer { note } => note.fmt(f),
            Self::Orchestrator { note } => note.fmt(f),
            Self::Relieving => f.write_str("is to drain: traffic and work leave it first"),
            Self::Relieved { after, timed_out: false } => write!(f, "relieved after {after}"),
            Self::Relieved { after, timed_out: true } => {
                write!(f, "not relieved after {after}: there is no more time")
            }
            Self::HostLost { by } => write!(f, "lost: {by}"),
            Self::HostFound => f.write_str("heard again"),
            Self::Enrolled { peer, role, through: Through::Token(id), .. } => {
                write!(f, "joined as {} from {peer} with token {id}", RoleWords(*role))
            }
            Self::Enrolled { peer, role, through: Through::Certificate, .. } => {
                write!(f, "{} certificate renewed from {peer}", RoleWords(*role))
            }
            Self::JoinRefused { peer, role, refusal } => {
                write!(f, "may not join as {} from {peer}: {refusal}", RoleWords(*role))
            }
            Self::HandshakeFailed { peer, refused } => write!(f, "no link from {peer}: {refused}"),
            Self::EnrolmentRevoked { role, by: RevokedBy::Person, .. } => {
                write!(f, "enrolment as {} revoked", RoleWords(*role))
            }
            Self::EnrolmentRevoked { role, by: RevokedBy::Joining, .. } => {
                write!(f, "earlier enrolment as {} revoked, for it joined again", RoleWords(*role))
            }
            Self::TokenMade { id, role, for_node: Some(node), uses, expires } => {
                write!(f, "token {id} made for {} {node}: {uses} use(s) until {expires}", RoleWords(*role))
            }
            Self::TokenMade { id, role, for_node: None, uses, expires } => {
                write!(f, "token {id} made for any {}: {uses} use(s) until {expires}", RoleWords(*role))
            }
            Self::TokenRevoked { id } => write!(f, "token {id} revoked"),
            Self::JournalFailing { why } => write!(f, "the journal cannot be written: {why}"),
            Self::JournalWorking => f.write_str("the journal is written again"),
        }
    }
}

/// `, 12.05 V` where a voltage is known.
struct Volts(Option<Voltage>);

impl fmt::Display for Volts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |voltage| write!(f, ", {voltage}"))
    }
}

/// A role, as people know it.
struct RoleWords(Role);

impl fmt::Display for RoleWords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Role::Agent => "agent",
            Role::Supervisor | Role::Issuer => "supervisor",
        })
    }
}

/// An agent's refusal of an order, in words.
struct RefusalWords(OrderRefusal);

impl fmt::Display for RefusalWords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            OrderRefusal::Older { newest } => write!(f, "order {newest} is newer"),
            OrderRefusal::NoSuchSwitch => f.write_str("it has no power switch for that node"),
            OrderRefusal::SwitchFailed => f.write_str("the power switch did not move"),
        }
    }
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.node, &self.supply) {
            (Some(node), _) => write!(f, "{node}: {}", self.what),
            (None, Some(supply)) => write!(f, "supply {supply}: {}", self.what),
            (None, None) => write!(f, "supervisor: {}", self.what),
        }
    }
}
