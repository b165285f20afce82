use std::time::Duration;

use protocol::message::Refusal;
use protocol::trust::enrol::Ticket;
use protocol::trust::{EnrolmentId, Fingerprint, JoinRefusal, PublicKey, Role, Token, WallTime, Who};
use protocol::{NodeName, Uptime};

use super::site::hello;
use crate::core::enrolment::ledger::{Enrolment, KeptToken, Ledger, RevokedBy};
use crate::core::enrolment::{
    AskId, Asked, Done, EnrolmentAction, EnrolmentEvent, Impossible, Rules, TRIES_MAX, TRIES_WINDOW, Through,
    Verdict,
};
use crate::core::{Action, Event, FromAgent, LinkEvent, LinkId, Record, Settings, Supervisor, What};

const START: WallTime = WallTime(1_800_000_000);

/// A supervisor with the authority's key, and what it answered.
struct Cluster {
    core: Supervisor,
    now: Uptime,
    at: WallTime,
    asks: u64,
    actions: Vec<Action>,
}

fn name(text: &str) -> NodeName {
    text.parse().unwrap()
}

fn key(number: u8) -> PublicKey {
    PublicKey([number; 32])
}

fn id(number: u8) -> EnrolmentId {
    EnrolmentId([number; 8])
}

fn agent(node: &str, number: u8) -> Who {
    Who { role: Role::Agent, name: name(node), enrolment: id(number) }
}

impl Cluster {
    fn new() -> Self {
        Self::with(true)
    }

    fn with(authority: bool) -> Self {
        let rules = Rules { valid_for: Duration::from_hours(24), authority, own: Some(id(200)) };
        let mut ledger = Ledger::default();
        let own = Enrolment { role: Role::Issuer, name: name("m1"), revoked: None };
        ledger.enrolments.insert(id(200), own);
        let core = Supervisor::new(Settings::default()).with_ledger(ledger, rules);
        Self { core, now: Uptime::START, at: START, asks: 0, actions: Vec::new() }
    }

    fn feed(&mut self, event: EnrolmentEvent) -> Option<Verdict> {
        self.actions.clear();
        self.core.handle(self.now, Event::Enrolment(event), &mut self.actions);
        self.actions.iter().find_map(|action| match action {
            Action::Enrolment(EnrolmentAction::Answer { verdict, .. }) => Some(verdict.clone()),
            _ => None,
        })
    }

    /// A token as a person makes it, good for an hour.
    fn token(&mut self, role: Role, node: Option<&str>, uses: u32) -> Token {
        let token = Token::draw(Fingerprint([1; 32])).unwrap();
        let kept = KeptToken {
            hash: token.secret.hash(),
            role,
            node: node.map(name),
            made: self.at,
            expires: self.at.plus(Duration::from_hours(1)),
            uses,
            used: Vec::new(),
            revoked: false,
        };
        let event = EnrolmentEvent::MakeToken { ask: AskId(0), id: token.id, token: Box::new(kept) };
        assert_eq!(self.feed(event), Some(Verdict::Done(Done::TokenMade)));
        token
    }

    fn asked(&mut self, token: Option<&Token>, node: &str, number: u8) -> Asked {
        self.asks += 1;
        Asked {
            ask: AskId(self.asks),
            peer: "172.16.0.9".parse().unwrap(),
            at: self.at,
            shown: Vec::new(),
            ticket: token.map(Ticket::from),
            role: Role::Agent,
            name: name(node),
            key: key(number),
            proved: true,
            fresh: id(number),
        }
    }

    fn ask(&mut self, asked: Asked) -> Result<Who, JoinRefusal> {
        match self.feed(EnrolmentEvent::Asked(Box::new(asked))) {
            Some(Verdict::Grant { who, .. }) => Ok(who),
            Some(Verdict::Refuse(refusal)) => Err(refusal),
            other => panic!("no answer: {other:?}"),
        }
    }

    fn join(&mut self, token: &Token, node: &str, number: u8) -> Result<Who, JoinRefusal> {
        let asked = self.asked(Some(token), node, number);
        self.ask(asked)
    }

    fn records(&self) -> Vec<&What> {
        let mut records = Vec::new();
        for action in &self.actions {
            if let Action::Record(record) = action {
                records.push(&record.what);
            }
        }
        records
    }

    /// A link of an agent with this certificate; the refusal, if it is refused.
    fn link(&mut self, number: u64, who: Who, hello_of: &str) -> Option<Refusal> {
        let link = LinkId(number);
        self.actions.clear();
        for event in [
            LinkEvent::Opened { peer: "172.16.0.9:5".to_owned() },
            LinkEvent::Proved(vec![who]),
            LinkEvent::Said(FromAgent::Hello(hello(hello_of, 0, true, true))),
        ] {
            self.core.handle(self.now, Event::Link { link, event }, &mut self.actions);
        }
        self.refusal_of(link)
    }

    fn refusal_of(&self, wanted: LinkId) -> Option<Refusal> {
        self.actions.iter().find_map(|action| match action {
            Action::Refuse { link, refusal } if *link == wanted => Some(*refusal),
            _ => None,
        })
    }
}

#[test]
fn a_token_lets_one_in_and_the_ledger_is_kept_before_that_is_said() {
    let mut cluster = Cluster::new();
    let token = cluster.token(Role::Agent, None, 1);
    assert_eq!(cluster.join(&token, "pi1", 1), Ok(agent("pi1", 1)));
    let place = |wanted: fn(&EnrolmentAction) -> bool| {
        let of = |action: &Action| matches!(action, Action::Enrolment(action) if wanted(action));
        cluster.actions.iter().position(of).unwrap()
    };
    let kept = place(
        |action| matches!(action, EnrolmentAction::Keep(ledger) if ledger.tokens.values().all(|token| token.used.len() == 1)),
    );
    assert!(kept < place(|action| matches!(action, EnrolmentAction::Answer { .. })));
    assert!(matches!(cluster.records()[..], [What::Enrolled { through: Through::Token(_), .. }]));
}

#[test]
fn a_token_that_was_used_up_lets_nobody_else_in_but_answers_the_same_joiner_again() {
    let mut cluster = Cluster::new();
    let token = cluster.token(Role::Agent, None, 2);
    cluster.join(&token, "pi1", 1).unwrap();
    cluster.join(&token, "pi2", 2).unwrap();
    assert_eq!(cluster.join(&token, "pi3", 3), Err(JoinRefusal::TokenSpent { uses: 2 }));
    assert!(matches!(cluster.records()[..], [What::JoinRefused { .. }]));
    // Its power failed before it got the answer: the same key, whatever number was drawn now.
    let again = Asked { fresh: id(99), ..cluster.asked(Some(&token), "pi1", 1) };
    assert_eq!(cluster.ask(again), Ok(agent("pi1", 1)));
    let renamed = cluster.asked(Some(&token), "pi9", 1);
    assert_eq!(cluster.ask(renamed), Err(JoinRefusal::TokenForOtherNode), "not under another name");
}

#[test]
fn a_token_that_ran_out_was_taken_back_or_guessed_lets_nobody_in() {
    let mut cluster = Cluster::new();
    let token = cluster.token(Role::Agent, None, 9);
    let guessed = Token { id: token.id, ..Token::draw(token.authority).unwrap() };
    assert_eq!(cluster.join(&guessed, "pi1", 1), Err(JoinRefusal::TokenUnknown));
    let unknown = Token::draw(token.authority).unwrap();
    assert_eq!(cluster.join(&unknown, "pi1", 1), Err(JoinRefusal::TokenUnknown));
    let expires = START.plus(Duration::from_hours(1));
    cluster.at = WallTime(expires.0 - 1);
    assert!(cluster.join(&token, "pi1", 1).is_ok());
    cluster.at = expires;
    assert_eq!(cluster.join(&token, "pi2", 2), Err(JoinRefusal::TokenExpired { at: expires }));
    cluster.at = START;
    let done = cluster.feed(EnrolmentEvent::RevokeToken { ask: AskId(0), id: token.id });
    assert_eq!(done, Some(Verdict::Done(Done::TokenRevoked)));
    assert_eq!(cluster.join(&token, "pi2", 2), Err(JoinRefusal::TokenRevoked));
    let none = cluster.feed(EnrolmentEvent::RevokeToken { ask: AskId(0), id: unknown.id });
    assert_eq!(none, Some(Verdict::Impossible(Impossible::UnknownToken { id: unknown.id })));
}

#[test]
fn a_name_that_is_taken_is_given_again_only_to_who_was_meant_or_is_the_same() {
    let mut cluster = Cluster::new();
    let token = cluster.token(Role::Agent, None, 9);
    cluster.join(&token, "pi1", 1).unwrap();
    assert_eq!(cluster.join(&token, "pi1", 2), Err(JoinRefusal::NameTaken));
    let same = Asked { shown: vec![agent("pi1", 1)], ..cluster.asked(Some(&token), "pi1", 3) };
    assert_eq!(cluster.ask(same), Ok(agent("pi1", 3)));
    assert!(cluster.core.ledger().is_revoked(id(1)), "the earlier one stands no more");
    let stale = Asked { shown: vec![agent("pi1", 1)], ..cluster.asked(Some(&token), "pi1", 4) };
    assert_eq!(cluster.ask(stale), Err(JoinRefusal::NameTaken), "a revoked certificate shows nothing");
    let meant = cluster.token(Role::Agent, Some("pi1"), 1);
    assert_eq!(cluster.join(&meant, "pi2", 5), Err(JoinRefusal::TokenForOtherNode));
    assert_eq!(cluster.join(&meant, "pi1", 6), Ok(agent("pi1", 6)));
}

#[test]
fn an_agents_token_makes_no_supervisor_and_only_the_authority_lets_supervisors_in() {
    let mut cluster = Cluster::new();
    let token = cluster.token(Role::Agent, None, 1);
    let higher = Asked { role: Role::Issuer, ..cluster.asked(Some(&token), "m2", 1) };
    assert_eq!(cluster.ask(higher), Err(JoinRefusal::TokenForOtherRole));
    let token = cluster.token(Role::Issuer, None, 1);
    let further = Asked { role: Role::Issuer, ..cluster.asked(Some(&token), "m2", 2) };
    assert!(cluster.ask(further).is_ok());
    let mut second = Cluster::with(false);
    let made = KeptToken { role: Role::Issuer, ..cluster.core.ledger().tokens[&token.id].clone() };
    let event = EnrolmentEvent::MakeToken { ask: AskId(1), id: token.id, token: Box::new(made) };
    assert_eq!(second.feed(event), Some(Verdict::Impossible(Impossible::NotTheAuthority)));
}

#[test]
fn a_certificate_is_renewed_for_the_same_name_and_enrolment_at_any_supervisor() {
    let mut cluster = Cluster::with(false);
    let renewal = |cluster: &mut Cluster, node: &str| Asked {
        shown: vec![agent("pi1", 1), Who { role: Role::Issuer, ..agent("m2", 201) }],
        ..cluster.asked(None, node, 7)
    };
    let asked = renewal(&mut cluster, "pi1");
    assert_eq!(cluster.ask(asked), Ok(agent("pi1", 1)), "an enrolment that it never heard of");
    let asked = renewal(&mut cluster, "pi2");
    assert_eq!(cluster.ask(asked), Err(JoinRefusal::TokenForOtherNode));
    let nothing = cluster.asked(None, "pi1", 7);
    assert_eq!(cluster.ask(nothing), Err(JoinRefusal::NothingShown));
    let unproved = Asked { proved: false, ..renewal(&mut cluster, "pi1") };
    assert_eq!(cluster.ask(unproved), Err(JoinRefusal::Malformed), "somebody else's key");
    let gone = Enrolment { role: Role::Issuer, name: name("m2"), revoked: Some(RevokedBy::Person) };
    cluster.feed(EnrolmentEvent::Learned { from: name("m3"), entries: vec![(id(201), gone)] });
    let asked = renewal(&mut cluster, "pi1");
    assert_eq!(cluster.ask(asked), Err(JoinRefusal::Revoked), "signed by a supervisor that was revoked");
}

#[test]
fn a_revoked_node_loses_its_link_at_once_and_gets_neither_link_nor_certificate() {
    let mut cluster = Cluster::new();
    let token = cluster.token(Role::Agent, None, 9);
    cluster.join(&token, "pi1", 1).unwrap();
    assert_eq!(cluster.link(1, agent("pi1", 1), "pi1"), None);
    let verdict = cluster.feed(EnrolmentEvent::Revoke { ask: AskId(0), name: name("pi1") });
    assert_eq!(verdict, Some(Verdict::Done(Done::Revoked { enrolments: 1 })));
    assert_eq!(cluster.refusal_of(LinkId(1)), Some(Refusal::Revoked));
    assert!(cluster.records().iter().any(|what| matches!(what, What::EnrolmentRevoked { .. })));
    assert_eq!(cluster.link(2, agent("pi1", 1), "pi1"), Some(Refusal::Revoked));
    let asked = Asked { shown: vec![agent("pi1", 1)], ..cluster.asked(None, "pi1", 2) };
    assert_eq!(cluster.ask(asked), Err(JoinRefusal::Revoked));
    assert_eq!(cluster.join(&token, "pi1", 1), Err(JoinRefusal::Revoked), "nor with its old key again");
    let again = cluster.feed(EnrolmentEvent::Revoke { ask: AskId(0), name: name("pi1") });
    assert!(
        matches!(again, Some(Verdict::Impossible(Impossible::UnknownNode { known, .. })) if known == [name("m1")])
    );
    let own = cluster.feed(EnrolmentEvent::Revoke { ask: AskId(0), name: name("m1") });
    assert_eq!(own, Some(Verdict::Impossible(Impossible::Own { name: name("m1") })));
}

#[test]
fn a_revocation_at_another_supervisor_ends_the_link_here() {
    let mut cluster = Cluster::new();
    assert_eq!(cluster.link(1, agent("pi1", 1), "pi1"), None, "enrolled elsewhere, and learned by its link");
    assert!(cluster.core.ledger().enrolments.contains_key(&id(1)));
    let gone = Enrolment { role: Role::Agent, name: name("pi1"), revoked: Some(RevokedBy::Person) };
    cluster.feed(EnrolmentEvent::Learned { from: name("m2"), entries: vec![(id(1), gone.clone())] });
    assert_eq!(cluster.refusal_of(LinkId(1)), Some(Refusal::Revoked));
    cluster.feed(EnrolmentEvent::Learned { from: name("m2"), entries: vec![(id(1), gone)] });
    assert!(
        cluster.actions.iter().all(|action| !matches!(action, Action::Enrolment(_))),
        "no news, nothing kept"
    );
}

#[test]
fn an_agent_that_claims_anothers_name_is_refused_and_the_other_undisturbed() {
    let mut cluster = Cluster::new();
    assert_eq!(cluster.link(1, agent("pi1", 1), "pi1"), None);
    assert_eq!(cluster.link(2, agent("pi2", 2), "pi1"), Some(Refusal::OtherName));
    assert_eq!(cluster.refusal_of(LinkId(1)), None);
    let refused = |action: &Action| matches!(action, Action::Record(Record { node: Some(node), what: What::LinkRefused { .. }, .. }) if *node == name("pi2"));
    assert!(cluster.actions.iter().any(refused), "the journal names whose certificate it was");
}

#[test]
fn who_fails_too_often_is_not_listened_to_for_a_minute_and_others_are() {
    let mut cluster = Cluster::new();
    let token = cluster.token(Role::Agent, None, 9);
    let unknown = Token::draw(token.authority).unwrap();
    for _ in 0..TRIES_MAX {
        assert_eq!(cluster.join(&unknown, "pi1", 1), Err(JoinRefusal::TokenUnknown));
    }
    assert_eq!(cluster.join(&token, "pi1", 1), Err(JoinRefusal::TooManyTries));
    let other = Asked { peer: "172.16.0.10".parse().unwrap(), ..cluster.asked(Some(&token), "pi2", 2) };
    assert!(cluster.ask(other).is_ok());
    cluster.now += TRIES_WINDOW;
    assert!(cluster.join(&token, "pi1", 1).is_ok());
}

#[test]
fn ledgers_merge_in_any_order_to_the_same_one() {
    let entry = |revoked| Enrolment { role: Role::Agent, name: name("pi1"), revoked };
    let news = [
        (id(1), entry(None)),
        (id(1), entry(Some(RevokedBy::Person))),
        (id(2), entry(Some(RevokedBy::Person))),
        (id(2), entry(None)),
    ];
    let mut forwards = Ledger::default();
    forwards.merge(news.to_vec());
    let mut backwards = Ledger::default();
    for piece in news.iter().rev() {
        backwards.merge(vec![piece.clone()]);
    }
    assert_eq!(forwards, backwards);
    assert!(forwards.is_revoked(id(1)) && forwards.is_revoked(id(2)));
    assert!(!forwards.merge(news.to_vec()).changed);
}
