//! A node that Swarm holds down though it answers: its agent is asked for a new engine, and what it says is written down.

use std::collections::BTreeMap;
use std::time::Duration;

use protocol::engine::{EngineOrder, EngineOutcome, EngineReason, EngineRefusal};
use protocol::message::SupervisorMessage;
use protocol::{OrderId, Seconds};

use super::site::{Site, hello};
use crate::core::event::{FromAgent, LinkId};
use crate::core::orchestrator::seen::{Availability, Manager, Seen, SwarmNode};
use crate::core::orchestrator::{self, Note, OrchestratorSettings};
use crate::core::{Event, Settings, What};

/// Three nodes whose agents speak up to this version, `pi1` the only manager.
fn site(version: u16) -> (Site, LinkId) {
    let mut site =
        Site::new(Settings { orchestrator: Some(OrchestratorSettings::default()), ..Settings::default() });
    let mut links = Vec::new();
    for (node, shed_order) in [("pi1", 0), ("pi2", 1), ("pi3", 2)] {
        let mut hello = hello(node, shed_order, node == "pi1", node == "pi1");
        hello.version_max = version;
        links.push(site.join(hello));
    }
    (site, links[2])
}

/// A Swarm that calls `pi3` down.
fn swarm() -> Seen {
    let node = |index: u8| SwarmNode {
        hostname: format!("pi{index}"),
        address: None,
        manager: (index == 1).then_some(Manager { leader: true, reachable: true }),
        wants_manager: index == 1,
        availability: Availability::Active,
        ready: index != 3,
        labels: BTreeMap::new(),
        version: 1,
    };
    Seen {
        this: "id1".to_owned(),
        nodes: (1..=3).map(|index| (format!("id{index}"), node(index))).collect(),
        ..Seen::default()
    }
}

/// Lets time pass, in which Swarm goes on to call `pi3` down and every agent reports.
fn pass(site: &mut Site, seconds: u64) {
    for _ in 0..seconds {
        site.now += Duration::from_secs(1);
        site.report_all();
        site.feed(Event::Tick);
        site.feed(Event::Orchestrator(orchestrator::Event::Done { done: 0, trouble: None }));
        site.feed(Event::Orchestrator(orchestrator::Event::Seen(Box::new(swarm()))));
    }
}

/// The orders to restart an engine, with whom they went to.
fn asked(site: &Site) -> Vec<(LinkId, EngineOrder)> {
    let of = |(_, link, message): &(_, LinkId, SupervisorMessage)| match message {
        SupervisorMessage::RestartEngine(order) => Some((*link, *order)),
        _ => None,
    };
    site.sent.iter().filter_map(of).collect()
}

/// What was written down about `pi3`'s engine.
fn notes(site: &Site) -> Vec<Note> {
    let of = |what: &What| match what {
        What::Orchestrator { note } => Some(note.clone()),
        _ => None,
    };
    let about = |note: &Note| !matches!(note, Note::Node { .. });
    site.records_of("pi3").into_iter().filter_map(of).filter(about).collect()
}

#[test]
fn an_agent_that_knows_how_is_asked_once_for_a_new_engine_and_its_answer_is_written_down() {
    let (mut site, link) = site(protocol::VERSION_CURRENT);
    pass(&mut site, 60);
    let [(to, order)] = asked(&site)[..] else { panic!("{:?}", asked(&site)) };
    let EngineReason::HeldDown { since } = order.reason;
    assert_eq!((to, since), (link, Seconds(20)));
    assert_eq!(notes(&site), [Note::Stuck { told: true }]);
    site.say(link, FromAgent::Engine(EngineOutcome { id: order.id, result: Ok(()) }));
    let why = EngineRefusal::Again { after: Seconds(61) };
    site.say(link, FromAgent::Engine(EngineOutcome { id: order.id, result: Err(why.clone()) }));
    assert_eq!(notes(&site)[1..], [Note::EngineRestarted, Note::EngineNotRestarted { why }]);
}

#[test]
fn an_older_agent_is_asked_nothing_and_a_person_is_told() {
    let (mut site, _) = site(2);
    pass(&mut site, 60);
    assert_eq!(asked(&site), []);
    assert_eq!(notes(&site), [Note::Stuck { told: false }]);
}

#[test]
fn an_agent_that_obeyed_a_newer_leader_makes_this_one_number_above_it() {
    let (mut site, link) = site(protocol::VERSION_CURRENT);
    pass(&mut site, 30);
    let newest = OrderId { term: protocol::Term(40), generation: protocol::Generation(1) };
    let result = Err(EngineRefusal::Older { newest });
    site.say(link, FromAgent::Engine(EngineOutcome { id: OrderId::default(), result }));
    pass(&mut site, 1);
    assert!(site.core.term() > newest.term);
}
