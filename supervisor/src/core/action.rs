//! What the supervisor wants done. Data, not closures: a decision is tested as a list of these.

use protocol::message::{Refusal, SupervisorMessage};
use protocol::{NodeName, Standing, SupplyName, Term};
use serde::{Deserialize, Serialize};

use super::address::AddressAction;
use super::balancer;
use super::budget::KeptBudget;
use super::enrolment::EnrolmentAction;
use super::event::LinkId;
use super::journal::Record;
use super::orchestrator;
use super::person::{AskId, PersonAnswer};

/// Something is to be done. `io` begins actions in the order in which they are listed.
///
/// What is asked of the balancer or the orchestrator ends as one event. The others have no outcome of their own: a message
/// that could not be sent ends its link (`LinkEvent::Closed`), a record that could not be written changes the journal's
/// state (`Event::Journal`).
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Send a message on a link.
    Send {
        /// Which link.
        link: LinkId,
        /// What.
        message: SupervisorMessage,
    },
    /// Say why, then close the link.
    Refuse {
        /// Which link.
        link: LinkId,
        /// Why.
        refusal: Refusal,
    },
    /// Close the link without a word: the agent said goodbye, or everything was said.
    Close {
        /// Which link.
        link: LinkId,
    },
    /// Write down what was seen or decided.
    Record(Record),
    /// Remember a node over a restart: a parked one must not come back as one that was never seen.
    Remember(KnownNode),
    /// Remember the term, before any order that bears it.
    SaveTerm(Term),
    /// Remember what was learned of a supply: some ten kilobytes, a few times a day.
    Keep(Box<KeptBudget>),
    /// Remember a person's standing order over a restart.
    KeepStanding(Box<Standing>),
    /// A person's order about this node need not be remembered any more.
    ForgetStanding(NodeName),
    /// Answer a person.
    Answer {
        /// Which request.
        ask: AskId,
        /// What was accepted, or why not.
        answer: PersonAnswer,
    },
    /// Something about the address.
    Address(AddressAction),
    /// Look at HAProxy, or tell it something. Ends as one `Event::Balancer`.
    Balancer(balancer::Action),
    /// Look at Swarm, or tell it something. Ends as one `Event::Orchestrator`.
    Orchestrator(orchestrator::Action),
    /// Something about who is let in.
    Enrolment(EnrolmentAction),
}

/// What is remembered of a node over a restart of the supervisor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownNode {
    /// Its name.
    pub name: NodeName,
    /// The supply it hangs on.
    pub supply: SupplyName,
    /// Its place among the nodes of its supply: greater sheds earlier and recovers later.
    pub shed_order: u8,
    /// Whether it may run a supervisor or hold the address.
    pub master: bool,
    /// Whether it measures its supply.
    pub has_sensor: bool,
    /// Whether it switched itself off on purpose.
    pub parked: bool,
}

/// What an earlier life of this supervisor left behind.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Kept {
    /// The greatest term it used.
    pub term: Term,
    /// The nodes it knew.
    pub nodes: Vec<KnownNode>,
    /// What it learned of supplies.
    pub budgets: Vec<KeptBudget>,
    /// What persons asked, with the time that is left.
    pub standings: Vec<Standing>,
}
