//! What happens about enrolment, what is to be done about it, and what is answered.

use std::net::IpAddr;
use std::time::Duration;

use protocol::NodeName;
use protocol::trust::enrol::Ticket;
use protocol::trust::{EnrolmentId, JoinRefusal, LinkError, PublicKey, Role, TokenId, WallTime, Who};
use serde::{Deserialize, Serialize};

use super::ledger::{Enrolment, KeptToken, Ledger, TOKENS_MAX};

/// What this supervisor may do, and how long what it signs holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rules {
    /// How long an agent's certificate holds.
    pub valid_for: Duration,
    /// Whether the authority's own key is here: only then can further supervisors be let in.
    pub authority: bool,
    /// This supervisor's own enrolment, which it does not revoke.
    pub own: Option<EnrolmentId>,
}

/// The number of a question whose answer somebody waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct AskId(pub u64);

/// Something happened.
#[derive(Debug, Clone, PartialEq)]
pub enum EnrolmentEvent {
    /// Somebody wants a certificate.
    Asked(Box<Asked>),
    /// A person wants a token.
    MakeToken {
        /// Who waits for the answer.
        ask: AskId,
        /// Its number.
        id: TokenId,
        /// All else of it.
        token: Box<KeptToken>,
    },
    /// A person takes a token back.
    RevokeToken {
        /// Who waits for the answer.
        ask: AskId,
        /// Which.
        id: TokenId,
    },
    /// A person revokes a node.
    Revoke {
        /// Who waits for the answer.
        ask: AskId,
        /// Which.
        name: NodeName,
    },
    /// Another supervisor said whom it knows.
    Learned {
        /// That supervisor.
        from: NodeName,
        /// What it knows.
        entries: Vec<(EnrolmentId, Enrolment)>,
    },
    /// No protected connection came about.
    HandshakeFailed {
        /// Where from.
        peer: String,
        /// Why.
        why: LinkError,
    },
}

/// A wish for a certificate, with its handshake behind it.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    /// Who waits for the answer.
    pub ask: AskId,
    /// Where from.
    pub peer: IpAddr,
    /// The time of day.
    pub at: WallTime,
    /// The chain of certificates that was shown, its own first; empty when there was none.
    pub shown: Vec<Who>,
    /// The token, if one was shown.
    pub ticket: Option<Ticket>,
    /// As what.
    pub role: Role,
    /// Under which name.
    pub name: NodeName,
    /// For which key.
    pub key: PublicKey,
    /// Whether who asks showed that he holds the key.
    pub proved: bool,
    /// A number drawn for this joining, should it become one.
    pub fresh: EnrolmentId,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq)]
pub enum EnrolmentAction {
    /// Write the ledger down. What is answered after this is answered only once it is on disk.
    Keep(Box<Ledger>),
    /// Answer who waits.
    Answer {
        /// Who.
        ask: AskId,
        /// What.
        verdict: Verdict,
    },
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Sign a certificate that says this, for so long.
    Grant {
        /// Whom it names.
        who: Who,
        /// How long it holds.
        valid_for: Duration,
    },
    /// Say no.
    Refuse(JoinRefusal),
    /// It is done.
    Done(Done),
    /// A person's wish cannot be.
    Impossible(Impossible),
}

/// What was done for a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Done {
    /// The token is good.
    TokenMade,
    /// The token is good no more.
    TokenRevoked,
    /// So many enrolments stand no more.
    Revoked {
        /// How many.
        enrolments: u32,
    },
}

/// Why a person's wish cannot be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum Impossible {
    /// Further supervisors are let in elsewhere.
    #[error(
        "this supervisor has not the authority's key: tokens for further supervisors are made where \
         `heliostat init` was run"
    )]
    NotTheAuthority,
    /// Too many tokens.
    #[error("there are {TOKENS_MAX} tokens already: revoke some, or wait until they run out")]
    TooManyTokens,
    /// No such token.
    #[error("there is no token {id} here")]
    UnknownToken {
        /// What was asked for.
        id: TokenId,
    },
    /// No such node.
    #[error("no node {name} is enrolled; enrolled are: {known}", known = words(.known))]
    UnknownNode {
        /// What was asked for.
        name: NodeName,
        /// Those that there are.
        known: Vec<NodeName>,
    },
    /// It would cut off the branch it sits on.
    #[error("{name} is this supervisor itself: revoke it from another one")]
    Own {
        /// What was asked for.
        name: NodeName,
    },
    /// It could not be written down.
    #[error("the supervisor cannot write to its disk: nothing was changed for good")]
    NotKept,
}

fn words(names: &[NodeName]) -> String {
    if names.is_empty() {
        return "none".to_owned();
    }
    names.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// By what somebody was let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Through {
    /// A token.
    Token(TokenId),
    /// An earlier certificate.
    Certificate,
}
