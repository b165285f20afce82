//! The records in words, for logs and people: the same sentence in `events`, `why` and the dashboard.

use std::fmt;

use protocol::message::OrderRefusal;
use protocol::trust::Role;
use protocol::{Seconds, Voltage};

use super::What;
use crate::core::enrolment::Through;
use crate::core::enrolment::ledger::RevokedBy;

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Leading { term } => write!(f, "leads with term {term}"),
            Self::StandingBy { why } => write!(f, "stands by: {why}"),
            Self::PersonOrdered { standing } => write!(f, "{standing}"),
            Self::PersonRefused { who, verb, refused } => {
                write!(f, "{who} asked to {verb} it, refused: {refused}")
            }
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
            // Who says goodbye was not silent.
            Self::Liveness { from, to, silent: Seconds(0) } => write!(f, "{from} -> {to}"),
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
