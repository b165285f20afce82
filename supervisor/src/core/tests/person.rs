//! A person's orders: carried out, kept, ended, handed over, and refused where they must be.

use std::time::Duration;

use protocol::message::SupervisorMessage;
use protocol::standing::{Standing, Wish, Words};
use protocol::{Class, Generation, OrderId, OrderReason, Seconds, Stage, Term};

use super::site::{Site, energy, hello, name};
use crate::core::person::{AskId, Note, PersonAnswer, PersonEvent, Refused, Request, Verb};
use crate::core::{
    Action, AddressEvent, AddressKind, Event, FromAgent, Kept, Liveness, Settings, Sighting, Supervisor, What,
};

fn ask_with(site: &mut Site, verb: Verb, node: &str, left: Option<u32>, force: bool) -> PersonAnswer {
    let request = Request {
        node: name(node),
        verb,
        left: left.map(Seconds),
        who: "ada".to_owned(),
        why: "a new fan".to_owned(),
        force,
    };
    site.feed(Event::Person(PersonEvent { ask: AskId(1), request }));
    site.answers.pop().expect("the answer comes with the same event")
}

fn ask(site: &mut Site, verb: Verb, node: &str) -> PersonAnswer {
    ask_with(site, verb, node, None, false)
}

fn stage(site: &Site, node: &str) -> Stage {
    site.agents[&name(node)].stage()
}

/// What every agent was told of persons' orders.
fn told(site: &Site) -> Vec<Standing> {
    let standing = |message: &SupervisorMessage| match message {
        SupervisorMessage::Standing(standing) => Some(standing.clone()),
        _ => None,
    };
    site.sent.iter().filter_map(|(_, _, message)| standing(message)).collect()
}

#[test]
fn a_drained_node_stays_drained_until_it_is_resumed_and_is_then_as_before() {
    let mut site = Site::of_four();
    let accepted = ask(&mut site, Verb::Drain, "pi3").unwrap();
    assert_eq!(accepted.standing.unwrap().to_string(), "drained by ada until it is resumed: a new fan");
    assert_eq!(stage(&site, "pi3"), Stage::Drain, "with the same event");
    assert_eq!(site.agents[&name("pi3")].order.as_ref().unwrap().reason, OrderReason::Operator);
    site.energy = energy(95.0, -5.0);
    site.pass(Duration::from_hours(3));
    assert_eq!(stage(&site, "pi3"), Stage::Drain, "no plan lets it off");
    assert_eq!(site.agents[&name("pi3")].order.as_ref().unwrap().reason, OrderReason::Operator);
    ask(&mut site, Verb::Resume, "pi3").unwrap();
    assert_eq!(stage(&site, "pi3"), Stage::Normal, "at once, not rung by rung");
    assert_eq!(site.core.view(site.now).node("pi3").unwrap().person, None);
}

#[test]
fn a_resumed_node_comes_back_only_as_far_as_the_supply_carries_it() {
    let mut site = Site::of_four();
    ask(&mut site, Verb::Drain, "pi3").unwrap();
    site.energy = energy(60.0, 1.0);
    site.pass(Duration::from_mins(3));
    ask(&mut site, Verb::Resume, "pi3").unwrap();
    assert_eq!(stage(&site, "pi3"), Stage::Throttle);
}

#[test]
fn an_order_for_a_time_ends_by_itself_and_says_so() {
    let mut site = Site::of_four();
    ask_with(&mut site, Verb::Drain, "pi3", Some(7200), false).unwrap();
    site.pass(Duration::from_mins(119));
    let person = site.core.view(site.now).node("pi3").unwrap().person.clone().unwrap();
    assert_eq!((person.who.as_str(), person.left), ("ada", Some(Seconds(60))));
    assert_eq!(stage(&site, "pi3"), Stage::Drain);
    site.pass(Duration::from_mins(2));
    assert_eq!(stage(&site, "pi3"), Stage::Normal);
    assert!(site.records_of("pi3").iter().any(|what| matches!(what, What::PersonEnded { .. })));
}

#[test]
fn the_plan_may_save_more_than_a_person_asked() {
    let mut site = Site::of_four();
    ask(&mut site, Verb::Drain, "pi4").unwrap();
    site.energy = energy(30.0, 1.0);
    site.pass(Duration::from_mins(10));
    assert_eq!(stage(&site, "pi4"), Stage::Halt);
}

#[test]
fn a_node_is_drained_before_it_parks_and_no_plan_wakes_it() {
    let mut site = Site::of_four();
    let accepted = ask(&mut site, Verb::Park, "pi3").unwrap();
    assert!(accepted.notes.contains(&Note::NoKnownSwitch));
    assert_eq!(stage(&site, "pi3"), Stage::Drain);
    site.pass(Duration::from_secs(20));
    assert_eq!(stage(&site, "pi3"), Stage::Halt);
    site.park("pi3");
    site.energy = energy(95.0, -5.0);
    site.pass(Duration::from_hours(2));
    let woken = |message: &SupervisorMessage| matches!(message, SupervisorMessage::Switch(order) if order.on);
    assert!(!site.sent.iter().any(|(_, _, message)| woken(message)));
    assert_eq!(site.core.view(site.now).node("pi3").unwrap().liveness, Liveness::Parked);
    assert_eq!(ask(&mut site, Verb::Park, "pi3"), Err(Refused::Parked));
}

#[test]
fn a_parked_node_is_woken_for_a_person_only_if_the_energy_carries_it() {
    let mut site = Site::of_four();
    ask(&mut site, Verb::Park, "pi3").unwrap();
    site.pass(Duration::from_secs(20));
    site.park("pi3");
    site.energy = energy(40.0, 1.0);
    site.pass(Duration::from_mins(5));
    let refused = ask_with(&mut site, Verb::Wake, "pi3", None, true).unwrap_err();
    assert!(matches!(refused, Refused::Vetoed { .. }), "force does not charge a battery: {refused}");
    site.energy = energy(80.0, 1.0);
    site.pass(Duration::from_mins(5));
    // Others recover meanwhile; the pace of waking is the inrush's, and no person's.
    for _ in 0..60 {
        if ask(&mut site, Verb::Wake, "pi3").is_ok() {
            break;
        }
        site.pass(Duration::from_mins(1));
    }
    let switched = site.sent.iter().any(|(_, _, message)| match message {
        SupervisorMessage::Switch(order) => order.on && order.node == name("pi3"),
        _ => false,
    });
    assert!(switched);
}

#[test]
fn who_switches_a_parked_node_on_by_hand_ends_the_order() {
    let mut site = Site::of_four();
    ask(&mut site, Verb::Park, "pi3").unwrap();
    site.pass(Duration::from_secs(20));
    site.park("pi3");
    site.pass(Duration::from_mins(10));
    site.agents.get_mut(&name("pi3")).unwrap().order = None;
    let mut back = hello("pi3", 2, false, false);
    back.boot = protocol::BootId(2);
    site.join(back);
    site.pass(Duration::from_mins(1));
    assert_ne!(stage(&site, "pi3"), Stage::Halt, "it is not switched off again");
    assert_eq!(ask(&mut site, Verb::Resume, "pi3"), Err(Refused::NothingToResume));
}

#[test]
fn a_node_that_calls_again_on_its_way_down_was_not_switched_on() {
    let mut site = Site::of_four();
    ask(&mut site, Verb::Park, "pi3").unwrap();
    assert_eq!(stage(&site, "pi3"), Stage::Drain);
    // Its cable is touched, and its agent begins anew: neither is a hand at its switch.
    site.join(hello("pi3", 2, false, false));
    let mut anew = hello("pi3", 2, false, false);
    anew.boot = protocol::BootId(2);
    site.join(anew);
    site.pass(Duration::from_secs(30));
    assert!(site.records_of("pi3").iter().all(|what| !matches!(what, What::PersonEnded { .. })));
    assert_eq!(stage(&site, "pi3"), Stage::Halt, "it is parked as it was asked");
}

#[test]
fn what_cannot_be_is_refused_with_its_reason() {
    let mut site = Site::of_four();
    assert!(
        matches!(ask(&mut site, Verb::Drain, "pi9"), Err(Refused::UnknownNode { known }) if known.len() == 4)
    );
    assert_eq!(ask(&mut site, Verb::Resume, "pi3"), Err(Refused::NothingToResume));
    assert_eq!(ask(&mut site, Verb::Wake, "pi3"), Err(Refused::NotParked { liveness: Liveness::Alive }));
    assert_eq!(ask_with(&mut site, Verb::Park, "pi1", None, true), Err(Refused::LastMaster));
    let refused =
        site.records_of("pi1").iter().filter(|what| matches!(what, What::PersonRefused { .. })).count();
    assert_eq!(refused, 1, "and journaled");
    site.agents.get_mut(&name("pi4")).unwrap().awake = false;
    site.pass(Duration::from_mins(20));
    assert_eq!(ask(&mut site, Verb::Drain, "pi4"), Err(Refused::NotThere { liveness: Liveness::Lost }));
}

#[test]
fn the_last_replica_of_a_critical_container_parks_only_when_a_person_insists() {
    let mut site = Site::new(Settings::default());
    site.join(hello("pi1", 0, true, true));
    site.join(hello("pi2", 1, false, false));
    site.classes = vec![Class::Critical];
    site.join(hello("pi3", 2, false, false));
    let refused = ask(&mut site, Verb::Park, "pi3").unwrap_err();
    assert_eq!(refused, Refused::LastReplica { container: "c0".to_owned() });
    assert!(refused.yields_to_force());
    assert!(ask_with(&mut site, Verb::Park, "pi3", None, true).is_ok());
}

#[test]
fn of_three_masters_two_must_be_left_unless_a_person_insists() {
    let mut site = Site::new(Settings::default());
    for (node, order) in [("pi1", 0), ("pi2", 1), ("pi3", 2)] {
        site.join(hello(node, order, true, node == "pi1"));
    }
    assert!(ask(&mut site, Verb::Park, "pi3").is_ok());
    assert_eq!(ask(&mut site, Verb::Park, "pi2"), Err(Refused::FewMasters { left: 1, needed: 2 }));
    assert!(ask_with(&mut site, Verb::Park, "pi2", None, true).is_ok());
    assert_eq!(ask_with(&mut site, Verb::Park, "pi1", None, true), Err(Refused::LastMaster));
}

#[test]
fn every_agent_is_told_and_so_is_one_that_calls_later() {
    let mut site = Site::of_four();
    ask(&mut site, Verb::Drain, "pi3").unwrap();
    assert_eq!(told(&site).len(), 4);
    site.join(hello("pi5", 4, false, false));
    assert_eq!(told(&site).len(), 5);
    let old = protocol::message::Hello { version_max: 1, ..hello("pi6", 5, false, false) };
    site.join(old);
    assert_eq!(told(&site).len(), 5, "who does not know of it is not told");
}

/// A standby with two nodes, of which an agent passed on that `pi2` is to be drained.
fn heir() -> Site {
    let mut site = Site::new(Settings { address: AddressKind::Keepalived, ..Settings::default() });
    for node in ["pi1", "pi2"] {
        site.join(hello(node, 1, node == "pi1", node == "pi1"));
    }
    let standing = Standing {
        id: OrderId { term: Term(4), generation: Generation(9) },
        node: name("pi2"),
        wish: Wish::Drain,
        left: Some(Seconds(3600)),
        who: Words::cut("ada"),
        why: Words::cut("a new fan"),
    };
    let link = site.agents[&name("pi1")].link.unwrap();
    site.say(link, FromAgent::Standing(Box::new(standing)));
    site
}

#[test]
fn a_standby_answers_who_does_not_lead_and_the_next_leader_goes_on_with_what_stands() {
    let mut site = heir();
    assert!(matches!(ask(&mut site, Verb::Drain, "pi1"), Err(Refused::NotLeading { .. })));
    assert_eq!(stage(&site, "pi2"), Stage::Normal);
    let seen = Sighting { held: true, keepalived_runs: true };
    site.feed(Event::Address(AddressEvent::Seen(seen)));
    assert_eq!(stage(&site, "pi2"), Stage::Drain, "with the event that made it the leader");
    assert!(site.core.term() > Term(4));
    site.pass(Duration::from_mins(61));
    assert_eq!(stage(&site, "pi2"), Stage::Normal, "and ends it in its time");
}

#[test]
fn an_order_that_ends_while_nobody_leads_is_ended_by_whoever_leads_next() {
    let mut site = heir();
    // The leader before had drained it, and is gone; the time of the order runs out with nobody to say so.
    let drained = site.agents.get_mut(&name("pi2")).unwrap();
    drained.floor = Stage::Normal;
    site.pass(Duration::from_mins(61));
    let ended = |site: &Site| {
        let records = site.records_of("pi2");
        records.iter().filter(|what| matches!(what, What::PersonEnded { .. })).count()
    };
    assert_eq!(ended(&site), 1, "a standby counts, too");
    let seen = Sighting { held: true, keepalived_runs: true };
    site.feed(Event::Address(AddressEvent::Seen(seen)));
    site.pass(Duration::from_secs(30));
    assert_eq!(stage(&site, "pi2"), Stage::Normal, "it is not drained anew");
    assert_eq!(ended(&site), 1, "and nothing is said twice");
}

#[test]
fn a_second_order_says_what_it_replaces_and_a_shorter_one_ends_sooner() {
    let mut site = Site::of_four();
    let first = ask_with(&mut site, Verb::Drain, "pi3", Some(7200), false).unwrap();
    assert!(first.notes.iter().all(|note| !matches!(note, Note::Replaces { .. })), "{first:?}");
    site.pass(Duration::from_secs(30));
    let second = ask_with(&mut site, Verb::Drain, "pi3", Some(60), false).unwrap();
    let words: Vec<String> = second.notes.iter().map(ToString::to_string).collect();
    assert!(words.iter().any(|words| words.contains("it was to be drained by")), "{words:?}");
    site.pass(Duration::from_mins(2));
    assert_eq!(stage(&site, "pi3"), Stage::Normal);
}

#[test]
fn an_older_order_does_not_come_back_by_way_of_an_agent() {
    let mut site = heir();
    let seen = Sighting { held: true, keepalived_runs: true };
    site.feed(Event::Address(AddressEvent::Seen(seen)));
    ask(&mut site, Verb::Resume, "pi2").unwrap();
    let older = told(&site).into_iter().find(|standing| standing.wish == Wish::Withdrawn).unwrap();
    let older =
        Standing { id: OrderId { term: Term(4), generation: Generation(9) }, wish: Wish::Drain, ..older };
    let link = site.agents[&name("pi1")].link.unwrap();
    site.say(link, FromAgent::Standing(Box::new(older)));
    assert_eq!(stage(&site, "pi2"), Stage::Normal);
}

/// A supervisor that began anew after a person asked this of `pi3`.
fn restarted(verb: Verb) -> Site {
    let mut site = Site::of_four();
    let actions = {
        let request = Request {
            node: name("pi3"),
            verb,
            left: None,
            who: "ada".to_owned(),
            why: String::new(),
            force: false,
        };
        site.feed(Event::Person(PersonEvent { ask: AskId(1), request }))
    };
    let kept = actions.into_iter().find_map(|action| match action {
        Action::KeepStanding(standing) => Some(*standing),
        _ => None,
    });
    let kept = Kept { term: site.core.term(), standings: vec![kept.unwrap()], ..Kept::default() };
    let mut again = Site::new(Settings::default());
    again.core = Supervisor::resume(Settings::default(), kept);
    again.join(hello("pi3", 2, false, true));
    again
}

#[test]
fn a_restart_goes_on_with_what_stands() {
    let mut drained = restarted(Verb::Drain);
    drained.pass(Duration::from_secs(10));
    assert_eq!(stage(&drained, "pi3"), Stage::Drain);
    // It had not switched itself off yet, so nobody switched it on.
    let mut parked = restarted(Verb::Park);
    parked.pass(Duration::from_mins(1));
    assert_eq!(stage(&parked, "pi3"), Stage::Halt);
}
