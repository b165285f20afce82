use std::time::Duration;

use protocol::message::{Goodbye, Refusal, SupervisorMessage};
use protocol::{BootId, Reason, Sequence, Stage, Term, delta};

use super::site::{Site, energy, hello, name};
use crate::core::{Event, FromAgent, LinkEnd, LinkEvent, Liveness, Settings, What};

fn messages(actions: &[crate::core::Action]) -> Vec<&SupervisorMessage> {
    actions
        .iter()
        .filter_map(|action| match action {
            crate::core::Action::Send { message, .. } => Some(message),
            _ => None,
        })
        .collect()
}

#[test]
fn a_hello_is_welcomed_and_a_report_acknowledged() {
    let mut site = Site::new(Settings::default());
    let link = site.open();
    let actions = site.say(link, FromAgent::Hello(hello("pi1", 0, true, true)));
    assert!(
        matches!(messages(&actions)[..], [SupervisorMessage::Welcome(w)] if w.leading && w.version == protocol::VERSION_CURRENT)
    );
    site.join(hello("pi2", 1, false, false));
    assert!(site.sent.iter().any(|(_, _, m)| *m == SupervisorMessage::Ack(Sequence(1))));
}

#[test]
fn a_delta_builds_on_an_acknowledged_report() {
    let mut site = Site::of_four();
    let link = site.agents[&name("pi1")].link.unwrap();
    let base = site.report_of("pi1");
    site.energy = energy(80.0, 2.0);
    let mut changes = [0; 256];
    let length = delta::encode(&base, &site.report_of("pi1"), &mut changes).unwrap();
    let changes = changes[..length].to_vec();
    let actions = site.say(link, FromAgent::Delta { sequence: Sequence(2), back: 1, changes });
    assert_eq!(messages(&actions)[0], &SupervisorMessage::Ack(Sequence(2)));
    let view = site.core.view(site.now);
    let soc = view.node("pi1").unwrap().energy.unwrap().soc.unwrap();
    assert!((soc.low.percent() - 80.0).abs() < 0.1);
}

#[test]
fn a_delta_without_a_known_base_asks_for_a_full_report_and_changes_nothing() {
    let mut site = Site::of_four();
    let link = site.agents[&name("pi1")].link.unwrap();
    let before = site.core.view(site.now).node("pi1").cloned();
    for (sequence, back, changes) in [(9, 3, vec![0]), (9, 60_000, vec![0]), (2, 1, vec![0xff; 40])] {
        let actions = site.say(link, FromAgent::Delta { sequence: Sequence(sequence), back, changes });
        assert_eq!(messages(&actions), [&SupervisorMessage::RequestFull]);
    }
    assert_eq!(site.core.view(site.now).node("pi1").cloned(), before);
}

#[test]
fn a_report_number_that_does_not_increase_ends_that_link_alone() {
    let mut site = Site::of_four();
    let link = site.agents[&name("pi2")].link.unwrap();
    let report = Box::new(site.report_of("pi2"));
    site.say(link, FromAgent::Full { sequence: Sequence(1), report });
    assert_eq!(site.refused, [(link, Refusal::OutOfOrder)]);
    let alive = |node| site.core.view(site.now).node(node).unwrap().liveness;
    assert_eq!((alive("pi1"), alive("pi2")), (Liveness::Alive, Liveness::Late));
}

#[test]
fn whoever_speaks_out_of_order_is_refused() {
    let mut site = Site::new(Settings::default());
    let link = site.open();
    site.say(link, FromAgent::Goodbye(Goodbye::Stopping));
    assert_eq!(site.refused, [(link, Refusal::OutOfOrder)]);
    let link = site.join(hello("pi1", 0, true, true));
    site.say(link, FromAgent::Hello(hello("pi1", 0, true, true)));
    assert_eq!(site.refused[1], (link, Refusal::OutOfOrder));
    assert!(
        site.say(link, FromAgent::Hello(hello("pi9", 0, true, true))).is_empty(),
        "not listened to any more"
    );
    assert!(site.core.view(site.now).node("pi9").is_none());
}

#[test]
fn a_silent_link_is_refused_after_the_hello_time_out() {
    let mut site = Site::new(Settings::default());
    let link = site.open();
    site.now += Duration::from_secs(9);
    site.feed(Event::Tick);
    assert!(site.refused.is_empty());
    site.now += Duration::from_secs(1);
    site.feed(Event::Tick);
    assert_eq!(site.refused, [(link, Refusal::Silent)]);
}

#[test]
fn a_future_version_is_told_ours() {
    let mut site = Site::new(Settings::default());
    let link = site.open();
    let mut future = hello("pi1", 0, true, true);
    (future.version_min, future.version_max) = (7, 9);
    site.say(link, FromAgent::Hello(future));
    assert_eq!(site.refused, [(link, Refusal::Version { min: 1, max: protocol::VERSION_CURRENT })]);
    assert!(site.core.view(site.now).nodes.is_empty());
}

#[test]
fn a_newer_link_of_the_same_node_supersedes_the_older() {
    let mut site = Site::of_four();
    let older = site.agents[&name("pi3")].link.unwrap();
    let newer = site.join(hello("pi3", 2, false, false));
    assert_eq!(site.refused, [(older, Refusal::Superseded)]);
    site.link(older, LinkEvent::Closed(LinkEnd::ByUs));
    let view = site.core.view(site.now);
    assert_eq!(view.node("pi3").unwrap().liveness, Liveness::Alive, "the old link's end is not the node's");
    assert_ne!(older, newer);
}

#[test]
fn links_and_nodes_beyond_the_limits_are_refused() {
    let mut site = Site::new(Settings { links_max: 2, nodes_max: 1, ..Settings::default() });
    site.join(hello("pi1", 0, true, true));
    let second = site.open();
    let third = site.open();
    assert_eq!(site.refused, [(third, Refusal::Full)]);
    site.say(second, FromAgent::Hello(hello("pi2", 0, true, true)));
    assert_eq!(site.refused[1], (second, Refusal::Full));
}

#[test]
fn damage_ends_one_link_and_a_flood_of_it_is_counted_not_listed() {
    let mut site = Site::of_four();
    for _ in 0..500 {
        let link = site.open();
        site.link(link, LinkEvent::Damaged(Refusal::Malformed));
    }
    let listed = site.records.iter().filter(|r| matches!(r.what, What::LinkRefused { .. })).count();
    assert_eq!(listed, 10);
    site.pass(Duration::from_secs(70));
    let counted = site.records.iter().find_map(|r| match r.what {
        What::LinksRefusedMore { count } => Some(count),
        _ => None,
    });
    assert_eq!(counted, Some(490));
    assert!(site.core.view(site.now).nodes.iter().all(|node| node.liveness == Liveness::Alive));
}

#[test]
fn silence_is_late_then_lost_and_a_word_brings_the_node_back() {
    let mut site = Site::of_four();
    site.agents.get_mut(&name("pi3")).unwrap().awake = false;
    site.pass(Duration::from_mins(1));
    let course = |site: &Site| -> Vec<Liveness> {
        let to = |what: &&What| match what {
            What::Liveness { to, .. } => Some(*to),
            _ => None,
        };
        site.records_of("pi3").iter().filter_map(to).collect()
    };
    assert_eq!(course(&site), [Liveness::Alive, Liveness::Late, Liveness::Lost]);
    site.agents.get_mut(&name("pi3")).unwrap().awake = true;
    site.pass(Duration::from_secs(10));
    assert_eq!(course(&site).last(), Some(&Liveness::Alive));
}

#[test]
fn a_parked_node_is_shown_parked_for_ever_and_after_a_restart_too() {
    let mut site = Site::of_four();
    site.park("pi4");
    site.pass(Duration::from_hours(10));
    assert_eq!(site.core.view(site.now).node("pi4").unwrap().liveness, Liveness::Parked);
    let known = crate::core::KnownNode {
        name: name("pi4"),
        supply: "garage".parse().unwrap(),
        shed_order: 3,
        master: false,
        has_sensor: false,
        parked: true,
    };
    let kept = crate::core::Kept { term: Term(4), nodes: vec![known], ..<_>::default() };
    let mut again = Site::new(Settings::default());
    again.core = crate::core::Supervisor::resume(Settings::default(), kept);
    again.pass(Duration::from_hours(1));
    let view = again.core.view(again.now);
    assert_eq!((view.term, view.node("pi4").unwrap().liveness), (Term(5), Liveness::Parked));
    assert!(again.records_of("pi4").is_empty(), "it is no news");
}

#[test]
fn the_term_exceeds_every_term_that_agents_bring() {
    let mut site = Site::new(Settings::default());
    let mut foreign = hello("pi1", 0, true, true);
    foreign.term = Term(41);
    site.join(foreign);
    assert_eq!(site.core.term(), Term(42));
    // Our own term in the mouth of a node we never ordered: another leader's, or a life that was forgotten.
    let mut same = hello("pi2", 0, false, false);
    same.term = Term(42);
    site.join(same);
    assert_eq!(site.core.term(), Term(43));
}

#[test]
fn a_first_report_after_a_restart_takes_the_node_over_where_it_stands() {
    let mut site = Site::of_four();
    site.energy = energy(72.0, 2.0);
    let mut back = hello("pi2", 1, false, false);
    back.boot = BootId(1);
    let agent = site.agents.get_mut(&name("pi2")).unwrap();
    agent.link = None;
    let link = site.open();
    site.say(link, FromAgent::Hello(back));
    let mut report = site.report_of("pi2");
    report.stage = Stage::Shed;
    report.reason =
        Reason::Ordered { order: protocol::OrderId::default(), why: protocol::OrderReason::Operator };
    site.say(link, FromAgent::Full { sequence: Sequence(1), report: Box::new(report) });
    let order = site.core.view(site.now).node("pi2").unwrap().order.clone().unwrap();
    assert_eq!((order.stage, order.reason), (Stage::Shed, protocol::OrderReason::Operator));
}

#[test]
fn a_node_that_calls_again_while_it_goes_down_stays_parked() {
    let mut site = Site::of_four();
    site.park("pi4");
    for _ in 0..5 {
        site.now += Duration::from_secs(1);
        let link = site.open();
        site.say(link, FromAgent::Hello(hello("pi4", 3, false, false)));
        let report = Box::new(site.report_of("pi4"));
        site.say(link, FromAgent::Full { sequence: Sequence(1), report });
        site.say(link, FromAgent::Goodbye(Goodbye::Parking { reason: Reason::Clear }));
        site.link(link, LinkEvent::Closed(LinkEnd::ByPeer));
    }
    site.pass(Duration::from_hours(1));
    let changes = |what: &&&What| matches!(what, What::Liveness { .. });
    let records = site.records_of("pi4");
    assert_eq!(records.iter().filter(changes).count(), 2, "alive, parked: {records:?}");
    assert!(site.steps().is_empty(), "it is not taken for one that came back: {:?}", site.steps());
}

#[test]
fn a_parked_node_that_still_reports_long_after_its_goodbye_is_alive_after_all() {
    let mut site = Site::of_four();
    let link = site.agents[&name("pi4")].link.unwrap();
    site.say(link, FromAgent::Goodbye(Goodbye::Parking { reason: Reason::Clear }));
    let liveness = |site: &Site| site.core.view(site.now).node("pi4").unwrap().liveness;
    site.pass(Duration::from_mins(2));
    assert_eq!(liveness(&site), Liveness::Parked, "halting takes a while");
    site.pass(Duration::from_mins(2));
    assert_eq!(liveness(&site), Liveness::Alive);
}

#[test]
fn a_link_that_outlives_its_node_is_closed() {
    let mut site = Site::of_four();
    let parked = site.agents[&name("pi4")].link.unwrap();
    site.say(parked, FromAgent::Goodbye(Goodbye::Parking { reason: Reason::Clear }));
    let lost = site.agents[&name("pi3")].link.unwrap();
    for node in ["pi3", "pi4"] {
        site.agents.get_mut(&name(node)).unwrap().awake = false;
    }
    site.pass(Duration::from_mins(6));
    assert_eq!(site.closed, [lost, parked]);
}
