//! What a person wants of the cluster's trust, and what is answered: the form of it on the operators' socket.

use protocol::NodeName;
use protocol::trust::{EnrolmentId, Role, TokenId, WallTime};
use serde::{Deserialize, Serialize};

use crate::core::enrolment::Done;
use crate::core::enrolment::ledger::{KeptToken, Ledger, RevokedBy};

/// What a person wants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "wish", deny_unknown_fields)]
pub enum Wish {
    /// A join token.
    MakeToken {
        /// For agents, or for further supervisors (`issuer`).
        role: Role,
        /// For a node of this name only; it may then take the place of one that is there.
        node: Option<NodeName>,
        /// How long it is good, in seconds.
        valid_for_s: u64,
        /// How often it may be used.
        uses: u32,
    },
    /// A token taken back.
    RevokeToken {
        /// Which.
        id: TokenId,
    },
    /// All tokens.
    Tokens,
    /// A node revoked.
    Revoke {
        /// Which.
        name: NodeName,
    },
    /// All enrolments.
    Enrolments,
}

/// What is answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "reply")]
pub enum Reply {
    /// A token, shown this once.
    Token(MadeToken),
    /// It is done.
    Done {
        /// What.
        done: Done,
    },
    /// All tokens, by number.
    Tokens {
        /// Those that have not run out long ago.
        tokens: Vec<TokenView>,
    },
    /// All enrolments, by name.
    Enrolments {
        /// Revoked ones included.
        enrolments: Vec<EnrolmentView>,
    },
    /// It cannot be.
    Impossible {
        /// Why, and what could be done.
        why: String,
    },
}

/// A token as it is handed out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MadeToken {
    /// The token itself: a secret.
    pub token: String,
    /// Its number.
    pub id: TokenId,
    /// As what one joins with it.
    pub role: Role,
    /// For a node of this name only.
    pub node: Option<NodeName>,
    /// How often it may be used.
    pub uses: u32,
    /// Until when it is good.
    pub expires: WallTime,
    /// The authority's fingerprint.
    pub authority: String,
}

/// Whether a token is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenState {
    /// It is.
    Good,
    /// It was used as often as it may be.
    Spent,
    /// It ran out.
    Expired,
    /// It was taken back.
    Revoked,
}

/// A token as it is listed: without its secret, which is not kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenView {
    /// Its number.
    pub id: TokenId,
    /// Whether it is good.
    pub state: TokenState,
    /// As what one joins with it.
    pub role: Role,
    /// For a node of this name only.
    pub node: Option<NodeName>,
    /// How often it was used.
    pub used: u32,
    /// How often it may be.
    pub uses: u32,
    /// Until when it is good.
    pub expires: WallTime,
}

impl TokenView {
    /// As of a moment.
    pub fn of(id: TokenId, token: &KeptToken, now: WallTime) -> Self {
        let used = u32::try_from(token.used.len()).unwrap_or(u32::MAX);
        let state = match token {
            _ if token.revoked => TokenState::Revoked,
            _ if now >= token.expires => TokenState::Expired,
            _ if used >= token.uses => TokenState::Spent,
            _ => TokenState::Good,
        };
        let (role, node) = (token.role, token.node.clone());
        Self { id, state, role, node, used, uses: token.uses, expires: token.expires }
    }
}

/// An enrolment as it is listed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnrolmentView {
    /// The node.
    pub name: NodeName,
    /// As what.
    pub role: Role,
    /// Which joining.
    pub enrolment: EnrolmentId,
    /// Why it stands no more, if so.
    pub revoked: Option<RevokedBy>,
}

impl EnrolmentView {
    /// All of a ledger, by name.
    pub fn all(ledger: &Ledger) -> Vec<Self> {
        let view = |(id, entry): (&EnrolmentId, &crate::core::enrolment::ledger::Enrolment)| Self {
            name: entry.name.clone(),
            role: entry.role,
            enrolment: *id,
            revoked: entry.revoked,
        };
        let mut all: Vec<_> = ledger.enrolments.iter().map(view).collect();
        all.sort_by(|one, other| {
            (&one.name, one.role, one.enrolment).cmp(&(&other.name, other.role, other.enrolment))
        });
        all
    }
}
