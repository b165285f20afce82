//! Leading and standing by: who orders, under which term, and what a new leader knows at once.

use std::time::Duration;

use protocol::leader::Leading;
use protocol::message::{Order, OrderRefusal, SupervisorMessage};
use protocol::{Generation, OrderId, OrderReason, Reason, Seconds, Stage, Term};

use super::site::{Site, energy, hello, name};
use crate::core::address::Standby;
use crate::core::{
    Action, AddressEvent, AddressKind, Event, FromAgent, LinkId, Liveness, Settings, Sighting, What,
};

const HELD: Sighting = Sighting { held: true, keepalived_runs: true };
const AWAY: Sighting = Sighting { held: false, keepalived_runs: true };

fn see(site: &mut Site, sighting: Sighting) -> Vec<Action> {
    site.feed(Event::Address(AddressEvent::Seen(sighting)))
}

/// Four nodes and a supervisor that shares an address.
fn standby() -> Site {
    let mut site = Site::new(Settings { address: AddressKind::Keepalived, ..Settings::default() });
    see(&mut site, AWAY);
    for (node, shed_order) in [("pi1", 0), ("pi2", 1), ("pi3", 2), ("pi4", 3)] {
        site.join(hello(node, shed_order, node == "pi1", node == "pi1"));
    }
    site
}

/// Another leader orders a node.
fn order_elsewhere(site: &mut Site, node: &str, id: OrderId, stage: Stage) {
    let why = OrderReason::EnoughEnergy;
    let agent = site.agents.get_mut(&name(node)).unwrap();
    agent.reason = Reason::Ordered { order: id, why: why.clone() };
    agent.order = Some(Order { id, stage, reason: why, valid_for: Seconds(600) });
    site.report(node);
}

fn id(term: u64, generation: u64) -> OrderId {
    OrderId { term: Term(term), generation: Generation(generation) }
}

fn orders(site: &Site) -> Vec<(LinkId, Order)> {
    let order = |message: &SupervisorMessage| match message {
        SupervisorMessage::Order(order) => Some(order.clone()),
        _ => None,
    };
    site.sent.iter().filter_map(|(_, link, message)| Some((*link, order(message)?))).collect()
}

fn commands(site: &Site) -> usize {
    let command = |message: &SupervisorMessage| {
        matches!(message, SupervisorMessage::Order(_) | SupervisorMessage::Switch(_))
    };
    site.sent.iter().filter(|(_, _, message)| command(message)).count()
}

#[test]
fn a_standby_takes_every_report_and_orders_nothing() {
    let mut site = standby();
    site.energy = energy(30.0, 1.0);
    site.pass(Duration::from_mins(30));
    assert!(!site.core.leads());
    assert_eq!(commands(&site), 0);
    let welcomes = site.sent.iter().filter_map(|(_, _, message)| match message {
        SupervisorMessage::Welcome(welcome) => Some(welcome.leading),
        _ => None,
    });
    assert_eq!(welcomes.collect::<Vec<_>>(), [false; 4]);
    let view = site.core.view(site.now);
    assert!(!view.leading && view.supplies[0].known && view.nodes.iter().all(|n| n.stage.is_some()));
    assert!(site.records.iter().all(|record| !matches!(record.what, What::Leading { .. })));
}

#[test]
fn a_standby_writes_no_term_however_long_it_watches() {
    let mut site = standby();
    let saved = |actions: &[Action]| actions.iter().any(|action| matches!(action, Action::SaveTerm(_)));
    order_elsewhere(&mut site, "pi4", id(7, 3), Stage::Shed);
    for _ in 0..100 {
        site.now += Duration::from_secs(10);
        assert!(!saved(&site.report("pi4")));
        assert!(!saved(&see(&mut site, AWAY)));
    }
}

#[test]
fn a_new_leader_goes_on_where_the_other_stopped_within_one_event() {
    let mut site = standby();
    order_elsewhere(&mut site, "pi4", id(7, 30), Stage::Shed);
    order_elsewhere(&mut site, "pi3", id(8, 2), Stage::Throttle);
    let actions = see(&mut site, HELD);
    assert!(site.core.leads());
    assert_eq!(actions.first(), Some(&Action::SaveTerm(Term(9))), "the term is on disk before any order");
    let told: Vec<_> = orders(&site).into_iter().map(|(_, order)| (order.id.term, order.stage)).collect();
    assert_eq!(told, [(Term(9), Stage::Throttle), (Term(9), Stage::Shed)]);
}

#[test]
fn thresholds_that_were_crossed_while_it_watched_need_not_hold_again() {
    let mut site = standby();
    site.energy = energy(60.0, 1.0);
    site.pass(Duration::from_mins(2));
    see(&mut site, HELD);
    let told = orders(&site);
    assert_eq!(told.len(), 1, "one step at a time, but at once");
    assert_eq!(told[0].1.stage, Stage::Throttle);
    assert_eq!(Some(told[0].0), site.agents[&name("pi4")].link);
}

#[test]
fn a_new_leader_lets_nobody_off_before_the_last_change_has_settled() {
    let mut site = standby();
    for (node, generation) in [("pi3", 1), ("pi4", 2)] {
        order_elsewhere(&mut site, node, id(3, generation), Stage::Shed);
    }
    site.energy = energy(95.0, -5.0);
    site.pass(Duration::from_mins(10));
    order_elsewhere(&mut site, "pi3", id(3, 9), Stage::Throttle);
    see(&mut site, HELD);
    let spent = |site: &Site| site.steps().len();
    assert_eq!(spent(&site), 0, "pi3 came back a moment ago");
    site.pass(Duration::from_mins(3));
    assert_eq!(spent(&site), 1);
}

#[test]
fn who_loses_the_address_stops_ordering_at_once() {
    let mut site = standby();
    see(&mut site, HELD);
    site.energy = energy(30.0, 1.0);
    site.pass(Duration::from_mins(2));
    let before = commands(&site);
    assert!(before > 0);
    see(&mut site, AWAY);
    assert!(!site.core.leads());
    site.pass(Duration::from_mins(20));
    assert_eq!(commands(&site), before, "neither steps nor renewals");
    let why =
        |record: &&crate::core::Record| matches!(record.what, What::StandingBy { why: Standby::NotHeld });
    assert_eq!(site.records.iter().filter(why).count(), 2, "at its start, and now");
}

#[test]
fn an_address_that_a_dead_keepalived_left_behind_is_no_leadership() {
    let mut site = standby();
    see(&mut site, HELD);
    let actions = see(&mut site, Sighting { held: true, keepalived_runs: false });
    assert!(!site.core.leads());
    assert!(actions.contains(&Action::Address(crate::core::AddressAction::Restart)));
    assert!(site.records.iter().any(|record| record.what == What::KeepalivedGone { held: true }));
    see(&mut site, HELD);
    assert!(site.core.leads());
    assert!(site.records.iter().any(|record| record.what == What::KeepalivedRuns));
}

#[test]
fn a_node_that_parked_under_the_old_leader_is_woken_by_the_new_one() {
    let mut site = standby();
    site.pass(Duration::from_mins(1));
    site.park("pi4");
    assert_eq!(site.core.view(site.now).node("pi4").unwrap().liveness, Liveness::Parked);
    site.energy = energy(95.0, -5.0);
    see(&mut site, HELD);
    let switched = |site: &Site| {
        site.sent.iter().any(|(_, _, message)| match message {
            SupervisorMessage::Switch(order) => order.node == name("pi4") && order.on,
            _ => false,
        })
    };
    assert!(!switched(&site), "whether another node was woken a moment ago is not known");
    site.pass(Duration::from_mins(25));
    assert!(switched(&site));
}

#[test]
fn a_greater_term_in_a_report_is_answered_with_a_greater_one() {
    let mut site = standby();
    see(&mut site, HELD);
    let term = site.core.term();
    order_elsewhere(&mut site, "pi4", id(term.0 + 4, 1), Stage::Throttle);
    assert_eq!(site.core.term(), Term(term.0 + 5));
}

#[test]
fn of_two_leaders_that_the_same_nodes_hear_one_falls_silent() {
    let mut site = standby();
    see(&mut site, HELD);
    let link = site.agents[&name("pi4")].link.unwrap();
    for _ in 0..4 {
        site.now += Duration::from_secs(2);
        let newest = id(site.core.term().0 + 1, 1);
        site.say(
            link,
            crate::core::FromAgent::Outcome(protocol::message::OrderOutcome {
                id: id(1, 1),
                result: Err(OrderRefusal::Older { newest }),
            }),
        );
    }
    assert!(!site.core.leads());
    let contested = |record: &crate::core::Record| {
        matches!(record.what, What::StandingBy { why: Standby::Contested { .. } })
    };
    assert_eq!(site.records.iter().filter(|record| contested(record)).count(), 1);
    site.pass(Duration::from_mins(11));
    assert!(site.core.leads(), "the other one fell silent as well, or is gone");
}

fn said_who_leads(site: &Site) -> Vec<(u64, Leading)> {
    let leading = |message: &SupervisorMessage| match message {
        SupervisorMessage::Leading(leading) => Some(leading.clone()),
        _ => None,
    };
    let said =
        site.sent.iter().filter_map(|(at, _, message)| Some((at.as_millis() / 1000, leading(message)?)));
    said.collect()
}

#[test]
fn a_leader_says_so_now_and_then_and_at_once_with_a_new_term_and_to_who_calls() {
    let mut site = of_pi2();
    let begun = site.now.as_millis() / 1000;
    see(&mut site, HELD);
    let leading = |term| Leading { node: name("pi2"), term: Term(term) };
    assert_eq!(said_who_leads(&site), [(begun, leading(1)), (begun, leading(1))], "to both agents");
    site.sent.clear();
    site.join(hello("pi3", 2, false, false));
    assert_eq!(said_who_leads(&site), [(begun, leading(1))]);
    site.sent.clear();
    site.pass(Duration::from_secs(30));
    assert_eq!(said_who_leads(&site).len(), 9, "every ten seconds, to three");
    site.sent.clear();
    see(&mut site, AWAY);
    site.pass(Duration::from_secs(30));
    assert_eq!(said_who_leads(&site), [], "who stands by does not");
}

/// A supervisor on `pi2` that shares an address; two nodes.
fn of_pi2() -> Site {
    let host = Some(name("pi2"));
    let mut site = Site::new(Settings { host, address: AddressKind::Keepalived, ..Settings::default() });
    see(&mut site, AWAY);
    for (node, shed_order) in [("pi1", 0), ("pi2", 1)] {
        site.join(hello(node, shed_order, true, node == "pi1"));
    }
    site
}

#[test]
fn a_standby_names_who_leads_and_says_when_it_heard_that_too_long_ago() {
    let mut site = of_pi2();
    assert_eq!(site.core.view(site.now).leader, None, "nobody said so yet");
    let link = site.agents[&name("pi1")].link.unwrap();
    let say = |site: &mut Site, node: &str, term| {
        site.say(link, FromAgent::Leading(Leading { node: name(node), term: Term(term) }))
    };
    say(&mut site, "pi1", 7);
    site.pass(Duration::from_secs(20));
    let known = |site: &Site| site.core.view(site.now).leader.map(|leader| leader.to_string());
    assert_eq!(known(&site).unwrap(), "pi1 leads with term 7 and has the address, as of 20 s ago");
    say(&mut site, "pi9", 6);
    assert!(known(&site).unwrap().starts_with("pi1"), "whose term was overtaken does not lead");
    site.pass(Duration::from_secs(20));
    assert_eq!(
        known(&site).unwrap(),
        "pi1 led with term 7 and had the address 40 s ago; who does now is not known"
    );
    see(&mut site, HELD);
    let leader = site.core.view(site.now).leader.unwrap();
    assert_eq!((leader.node, leader.term, leader.age), (name("pi2"), Term(8), Seconds(0)), "it does itself");
}

#[test]
fn where_one_supervisor_is_alone_nothing_is_said_of_it() {
    let mut site = Site::of_four();
    site.pass(Duration::from_mins(1));
    assert_eq!((said_who_leads(&site), site.core.view(site.now).leader), (Vec::new(), None));
}
