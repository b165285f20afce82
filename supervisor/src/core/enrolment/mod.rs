//! Who is let into the cluster, and who no longer: tokens, enrolments, revocations.
//!
//! `io` has proved the handshake and drawn what is random; here it is decided. A joining uses its token before anything
//! is granted, so that no crash lets one more in; the same key gets the same answer again, so that a joiner whose power
//! failed in between is not shut out.

mod event;
pub mod ledger;

pub use event::{AskId, Asked, Done, EnrolmentAction, EnrolmentEvent, Impossible, Rules, Through, Verdict};

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use protocol::message::Refusal;
use protocol::trust::enrol::Ticket;
use protocol::trust::{EnrolmentId, JoinRefusal, Role, TokenId, Who};
use protocol::{NodeName, Uptime};

use super::action::Action;
use super::journal::{Record, What};
use super::{LinkId, Supervisor};
use ledger::{ENROLMENTS_MAX, Enrolment, KeptToken, Ledger, RevokedBy, TOKENS_MAX};

/// So many failures of one address in [`TRIES_WINDOW`], then it is not listened to until that is over.
pub(super) const TRIES_MAX: u32 = 10;

/// How long a failure counts.
pub(super) const TRIES_WINDOW: Duration = Duration::from_mins(1);

/// So many addresses are remembered for their failures.
const ADDRESSES_MAX: usize = 1024;

/// The state behind it.
#[derive(Debug, Default)]
pub(super) struct Enrolling {
    ledger: Ledger,
    rules: Rules,
    /// Of each address: since when it has failed, and how often.
    failures: BTreeMap<IpAddr, (Uptime, u32)>,
}

impl Enrolling {
    pub(super) fn new(ledger: Ledger, rules: Rules) -> Self {
        Self { ledger, rules, failures: BTreeMap::new() }
    }

    pub(super) const fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    fn keep(&self) -> Action {
        Action::Enrolment(EnrolmentAction::Keep(Box::new(self.ledger.clone())))
    }

    /// Whether an address failed too often lately.
    fn tires(&mut self, peer: IpAddr, now: Uptime) -> bool {
        self.failures.retain(|_, (since, _)| now.since(*since) < TRIES_WINDOW);
        self.failures.get(&peer).is_some_and(|(_, count)| *count >= TRIES_MAX)
    }

    fn failed(&mut self, peer: IpAddr, now: Uptime) {
        if self.failures.len() < ADDRESSES_MAX || self.failures.contains_key(&peer) {
            let (_, count) = self.failures.entry(peer).or_insert((now, 0));
            *count = count.saturating_add(1);
        }
    }

    /// Decides on a wish. What it changes in the ledger stands only with an `Ok`.
    fn decide(&mut self, asked: &Asked) -> Result<Granted, JoinRefusal> {
        if !asked.proved || asked.role == Role::Supervisor {
            return Err(JoinRefusal::Malformed);
        }
        match &asked.ticket {
            Some(ticket) => self.by_token(asked, ticket),
            None => self.by_certificate(asked),
        }
    }

    /// A renewal: the same enrolment again.
    fn by_certificate(&mut self, asked: &Asked) -> Result<Granted, JoinRefusal> {
        let own = asked.shown.first().ok_or(JoinRefusal::NothingShown)?;
        if self.ledger.distrusts(&asked.shown) {
            return Err(JoinRefusal::Revoked);
        }
        if own.role != Role::Agent || asked.role != Role::Agent {
            return Err(JoinRefusal::TokenForOtherRole);
        }
        if own.name != asked.name {
            return Err(JoinRefusal::TokenForOtherNode);
        }
        Ok(Granted { enrolment: own.enrolment, through: Through::Certificate, replaced: Vec::new() })
    }

    fn by_token(&mut self, asked: &Asked, ticket: &Ticket) -> Result<Granted, JoinRefusal> {
        let token = self.ledger.tokens.get(&ticket.id).ok_or(JoinRefusal::TokenUnknown)?;
        if token.hash != ticket.secret.hash() {
            return Err(JoinRefusal::TokenUnknown);
        }
        if token.revoked {
            return Err(JoinRefusal::TokenRevoked);
        }
        if asked.at >= token.expires {
            return Err(JoinRefusal::TokenExpired { at: token.expires });
        }
        if token.role != asked.role {
            return Err(JoinRefusal::TokenForOtherRole);
        }
        if token.node.as_ref().is_some_and(|node| *node != asked.name) {
            return Err(JoinRefusal::TokenForOtherNode);
        }
        if asked.role == Role::Issuer && !self.rules.authority {
            return Err(JoinRefusal::NotTheAuthority);
        }
        let through = Through::Token(ticket.id);
        if let Some((_, enrolment)) = token.used.iter().find(|(key, _)| *key == asked.key) {
            return self.again(*enrolment, asked, through);
        }
        if u32::try_from(token.used.len()).unwrap_or(u32::MAX) >= token.uses {
            return Err(JoinRefusal::TokenSpent { uses: token.uses });
        }
        let named = token.node.is_some();
        self.first(asked, ticket.id, named)
    }

    /// The same joiner again: it did not get the answer.
    fn again(&self, enrolment: EnrolmentId, asked: &Asked, through: Through) -> Result<Granted, JoinRefusal> {
        let entry = self.ledger.enrolments.get(&enrolment);
        if entry.is_some_and(|entry| entry.name != asked.name) {
            return Err(JoinRefusal::TokenForOtherNode);
        }
        if self.ledger.is_revoked(enrolment) {
            return Err(JoinRefusal::Revoked);
        }
        Ok(Granted { enrolment, through, replaced: Vec::new() })
    }

    /// A joining. Who takes the name of one that is there must have been meant, or show that it is the same.
    fn first(&mut self, asked: &Asked, id: TokenId, named: bool) -> Result<Granted, JoinRefusal> {
        let replaced: Vec<_> =
            self.ledger.standing(&asked.name, Some(asked.role)).map(|(id, _)| id).collect();
        let same = || {
            let own = asked.shown.first();
            own.is_some_and(|who| who.name == asked.name && who.role == asked.role)
                && !self.ledger.distrusts(&asked.shown)
        };
        if !replaced.is_empty() && !named && !same() {
            return Err(JoinRefusal::NameTaken);
        }
        if self.ledger.enrolments.len() >= ENROLMENTS_MAX {
            return Err(JoinRefusal::Full);
        }
        for old in &replaced {
            if let Some(entry) = self.ledger.enrolments.get_mut(old) {
                entry.revoked = Some(RevokedBy::Joining);
            }
        }
        let entry = Enrolment { role: asked.role, name: asked.name.clone(), revoked: None };
        self.ledger.enrolments.insert(asked.fresh, entry);
        if let Some(token) = self.ledger.tokens.get_mut(&id) {
            token.used.push((asked.key, asked.fresh));
        }
        Ok(Granted { enrolment: asked.fresh, through: Through::Token(id), replaced })
    }
}

/// What was granted.
struct Granted {
    enrolment: EnrolmentId,
    through: Through,
    /// Those that it takes the place of.
    replaced: Vec<EnrolmentId>,
}

impl Supervisor {
    /// With who was let in before, and what may be done here.
    #[must_use]
    pub fn with_ledger(mut self, ledger: Ledger, rules: Rules) -> Self {
        self.enrolling = Enrolling::new(ledger, rules);
        self
    }

    /// Who was let in, by which tokens, and who was revoked.
    pub const fn ledger(&self) -> &Ledger {
        self.enrolling.ledger()
    }

    /// What happened about enrolment.
    pub(super) fn on_enrolment(&mut self, now: Uptime, event: EnrolmentEvent, actions: &mut Vec<Action>) {
        match event {
            EnrolmentEvent::Asked(asked) => self.on_asked(now, &asked, actions),
            EnrolmentEvent::MakeToken { ask, id, token } => {
                let verdict = self.make_token(now, id, *token, actions);
                actions.push(answer(ask, verdict));
            }
            EnrolmentEvent::RevokeToken { ask, id } => {
                let verdict = self.revoke_token(now, id, actions);
                actions.push(answer(ask, verdict));
            }
            EnrolmentEvent::Revoke { ask, name } => {
                let verdict = self.revoke(now, &name, actions);
                actions.push(answer(ask, verdict));
            }
            EnrolmentEvent::Learned { from: _, entries } => {
                let merged = self.enrolling.ledger.merge(entries);
                for (id, entry) in &merged.revoked {
                    self.note_revoked(now, *id, entry, actions);
                }
                if merged.changed {
                    actions.push(self.enrolling.keep());
                }
                self.refuse_revoked(now, actions);
            }
            EnrolmentEvent::HandshakeFailed { peer, why } => {
                self.turn_away(now, None, What::HandshakeFailed { peer, refused: why }, actions);
            }
        }
    }

    fn on_asked(&mut self, now: Uptime, asked: &Asked, actions: &mut Vec<Action>) {
        let decided = if self.enrolling.tires(asked.peer, now) {
            Err(JoinRefusal::TooManyTries)
        } else {
            self.enrolling.decide(asked)
        };
        let verdict = match decided {
            Ok(granted) => self.grant(now, asked, &granted, actions),
            Err(refusal) => {
                self.enrolling.failed(asked.peer, now);
                let what = What::JoinRefused { peer: asked.peer.to_string(), role: asked.role, refusal };
                self.turn_away(now, Some(asked.name.clone()), what, actions);
                Verdict::Refuse(refusal)
            }
        };
        actions.push(answer(asked.ask, verdict));
    }

    fn grant(&mut self, now: Uptime, asked: &Asked, granted: &Granted, actions: &mut Vec<Action>) -> Verdict {
        let Granted { enrolment, through, replaced } = granted;
        if *through != Through::Certificate {
            actions.push(self.enrolling.keep());
        }
        for id in replaced {
            if let Some(entry) = self.enrolling.ledger.enrolments.get(id).cloned() {
                self.note_revoked(now, *id, &entry, actions);
            }
        }
        let (role, peer) = (asked.role, asked.peer.to_string());
        let what = What::Enrolled { peer, role, enrolment: *enrolment, through: *through };
        self.note(now, Some(asked.name.clone()), what, actions);
        self.refuse_revoked(now, actions);
        let who = Who { role, name: asked.name.clone(), enrolment: *enrolment };
        Verdict::Grant { who, valid_for: self.enrolling.rules.valid_for }
    }

    fn make_token(
        &mut self,
        now: Uptime,
        id: TokenId,
        token: KeptToken,
        actions: &mut Vec<Action>,
    ) -> Verdict {
        if token.role == Role::Issuer && !self.enrolling.rules.authority {
            return Verdict::Impossible(Impossible::NotTheAuthority);
        }
        let tokens = &mut self.enrolling.ledger.tokens;
        // What ran out is of use to nobody.
        tokens.retain(|_, kept| kept.expires > token.made);
        if tokens.len() >= TOKENS_MAX {
            return Verdict::Impossible(Impossible::TooManyTokens);
        }
        let what = What::TokenMade {
            id,
            role: token.role,
            for_node: token.node.clone(),
            uses: token.uses,
            expires: token.expires,
        };
        tokens.insert(id, token);
        actions.push(self.enrolling.keep());
        self.note(now, None, what, actions);
        Verdict::Done(Done::TokenMade)
    }

    fn revoke_token(&mut self, now: Uptime, id: TokenId, actions: &mut Vec<Action>) -> Verdict {
        match self.enrolling.ledger.tokens.get_mut(&id) {
            None => return Verdict::Impossible(Impossible::UnknownToken { id }),
            Some(token) => token.revoked = true,
        }
        actions.push(self.enrolling.keep());
        self.note(now, None, What::TokenRevoked { id }, actions);
        Verdict::Done(Done::TokenRevoked)
    }

    fn revoke(&mut self, now: Uptime, name: &NodeName, actions: &mut Vec<Action>) -> Verdict {
        let Enrolling { ledger, rules, .. } = &mut self.enrolling;
        let standing: Vec<_> = ledger.standing(name, None).map(|(id, _)| id).collect();
        let revoked: Vec<_> = standing.iter().copied().filter(|id| rules.own != Some(*id)).collect();
        if revoked.is_empty() {
            let name = name.clone();
            if !standing.is_empty() {
                return Verdict::Impossible(Impossible::Own { name });
            }
            let stands = |entry: &&Enrolment| entry.revoked.is_none();
            let mut known: Vec<_> =
                ledger.enrolments.values().filter(stands).map(|entry| entry.name.clone()).collect();
            known.sort();
            known.dedup();
            return Verdict::Impossible(Impossible::UnknownNode { name, known });
        }
        let mut entries = Vec::new();
        for id in &revoked {
            if let Some(entry) = ledger.enrolments.get_mut(id) {
                entry.revoked = Some(RevokedBy::Person);
                entries.push((*id, entry.clone()));
            }
        }
        actions.push(self.enrolling.keep());
        for (id, entry) in entries {
            self.note_revoked(now, id, &entry, actions);
        }
        self.refuse_revoked(now, actions);
        Verdict::Done(Done::Revoked { enrolments: u32::try_from(revoked.len()).unwrap_or(u32::MAX) })
    }

    fn note_revoked(&mut self, now: Uptime, id: EnrolmentId, entry: &Enrolment, actions: &mut Vec<Action>) {
        let Some(by) = entry.revoked else { return };
        let what = What::EnrolmentRevoked { role: entry.role, enrolment: id, by };
        self.note(now, Some(entry.name.clone()), what, actions);
    }

    fn note(&mut self, now: Uptime, node: Option<NodeName>, what: What, actions: &mut Vec<Action>) {
        self.record(Record { at: now, node, supply: None, what }, actions);
    }

    /// Records that somebody was turned away, unless there were too many lately.
    fn turn_away(&mut self, now: Uptime, node: Option<NodeName>, what: What, actions: &mut Vec<Action>) {
        if let Some(record) = self.notes.turned_away(node, what, now) {
            self.record(record, actions);
        }
    }

    /// The handshake of a link proved who calls: an enrolment that another supervisor granted is learned by it.
    pub(super) fn on_proved(
        &mut self,
        now: Uptime,
        link: LinkId,
        chain: Vec<Who>,
        actions: &mut Vec<Action>,
    ) {
        let ledger = &mut self.enrolling.ledger;
        if ledger.distrusts(&chain) {
            self.prove_link(link, chain);
            return self.refuse(now, link, Refusal::Revoked, actions);
        }
        if let Some(own) = chain.first() {
            let entry = Enrolment { role: own.role, name: own.name.clone(), revoked: None };
            if ledger.merge(vec![(own.enrolment, entry)]).changed {
                actions.push(self.enrolling.keep());
            }
        }
        self.prove_link(link, chain);
    }

    /// Ends the links of those who were just revoked.
    fn refuse_revoked(&mut self, now: Uptime, actions: &mut Vec<Action>) {
        for link in self.links_where(|chain| self.enrolling.ledger.distrusts(chain)) {
            self.refuse(now, link, Refusal::Revoked, actions);
        }
    }
}

fn answer(ask: AskId, verdict: Verdict) -> Action {
    Action::Enrolment(EnrolmentAction::Answer { ask, verdict })
}
