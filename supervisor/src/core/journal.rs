//! What was seen and decided, as records: typed reasons and numbers, not prose. The same record feeds `events`,
//! `why`, the dashboard and the journal on disk.

mod words;

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

impl Record {
    /// Whom it is about, in words.
    pub fn whom(&self) -> String {
        match (&self.node, &self.supply) {
            (Some(node), _) => node.to_string(),
            (None, Some(supply)) => format!("supply {supply}"),
            (None, None) => "supervisor".to_owned(),
        }
    }
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.whom(), self.what)
    }
}
