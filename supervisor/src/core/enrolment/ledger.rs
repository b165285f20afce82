//! Who was let in, by which token, and who was revoked: what all supervisors of a cluster come to agree on.
//!
//! An enrolment is only ever added, and once revoked it stays so. Two ledgers therefore merge in any order, any number of
//! times, to the same one: no supervisor has to lead for it, and no clock has to be right. Tokens are not merged: one is
//! good at the supervisor that made it.

use std::collections::BTreeMap;

use protocol::NodeName;
use protocol::trust::{EnrolmentId, PublicKey, Role, SecretHash, TokenId, WallTime, Who};
use serde::{Deserialize, Serialize};

/// So many enrolments, revoked ones included: a node that joins again each day for fifty years.
pub const ENROLMENTS_MAX: usize = 20_000;

/// So many tokens at one time.
pub const TOKENS_MAX: usize = 256;

/// Why an enrolment was revoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RevokedBy {
    /// A person wanted it.
    Person,
    /// The node joined again.
    Joining,
}

/// One joining of one node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Enrolment {
    /// As what.
    pub role: Role,
    /// Under which name.
    pub name: NodeName,
    /// Why it is revoked, if it is.
    pub revoked: Option<RevokedBy>,
}

/// A join token, as the supervisor that made it keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptToken {
    /// What is kept of its secret.
    pub hash: SecretHash,
    /// For agents, or for further supervisors ([`Role::Issuer`]).
    pub role: Role,
    /// For a node of this name only.
    pub node: Option<NodeName>,
    /// When it was made.
    pub made: WallTime,
    /// Until when it is good.
    pub expires: WallTime,
    /// How often it may be used.
    pub uses: u32,
    /// Which keys got which enrolment by it: a joiner that was interrupted gets the same again.
    pub used: Vec<(PublicKey, EnrolmentId)>,
    /// A person took it back.
    pub revoked: bool,
}

/// Everything that is kept.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ledger {
    /// The tokens made here.
    pub tokens: BTreeMap<TokenId, KeptToken>,
    /// All enrolments of the cluster that are known here.
    pub enrolments: BTreeMap<EnrolmentId, Enrolment>,
}

impl Ledger {
    /// Whether an enrolment is revoked. One that is not known here was made by another supervisor: it is not.
    pub fn is_revoked(&self, enrolment: EnrolmentId) -> bool {
        self.enrolments.get(&enrolment).is_some_and(|entry| entry.revoked.is_some())
    }

    /// Whether any link of a chain of certificates is revoked.
    pub fn distrusts(&self, chain: &[Who]) -> bool {
        chain.iter().any(|who| self.is_revoked(who.enrolment))
    }

    /// The enrolments of a name that stand, in one role or in all.
    pub fn standing<'a>(
        &'a self,
        name: &'a NodeName,
        role: Option<Role>,
    ) -> impl Iterator<Item = (EnrolmentId, &'a Enrolment)> {
        self.enrolments
            .iter()
            .filter(move |(_, entry)| entry.name == *name && entry.revoked.is_none())
            .filter(move |(_, entry)| role.is_none_or(|role| entry.role == role))
            .map(|(id, entry)| (*id, entry))
    }

    /// Takes over what another supervisor knows; returns what was revoked by it. Beyond [`ENROLMENTS_MAX`] only
    /// revocations are taken.
    pub fn merge(&mut self, entries: Vec<(EnrolmentId, Enrolment)>) -> Merged {
        let mut merged = Merged::default();
        for (id, entry) in entries {
            let room = self.enrolments.len() < ENROLMENTS_MAX;
            match self.enrolments.get_mut(&id) {
                Some(known) if known.revoked.is_none() && entry.revoked.is_some() => {
                    known.revoked = entry.revoked;
                    merged.revoked.push((id, known.clone()));
                    merged.changed = true;
                }
                None if room || entry.revoked.is_some() => {
                    if entry.revoked.is_some() {
                        merged.revoked.push((id, entry.clone()));
                    }
                    self.enrolments.insert(id, entry);
                    merged.changed = true;
                }
                Some(_) | None => {}
            }
        }
        merged
    }
}

/// What a merge came to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Merged {
    /// What is revoked now, and was not known to be.
    pub revoked: Vec<(EnrolmentId, Enrolment)>,
    /// Whether anything is new.
    pub changed: bool,
}
