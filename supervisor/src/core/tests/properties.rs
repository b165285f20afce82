//! Whatever happens, in whatever order: what must hold of the supervisor's actions.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;
use protocol::message::SupervisorMessage;
use protocol::{NodeName, OrderId, Reason, Stage, Uptime};

use super::site::{Site, energy, hello, name};
use crate::core::{Action, Event, LinkEnd, LinkEvent, Settings, What};

const NODES: [&str; 4] = ["pi1", "pi2", "pi3", "pi4"];

/// Something that may happen to a site.
#[derive(Debug, Clone)]
enum Step {
    Pass(u16),
    Supply { soc: u8, charging: bool, fault: bool },
    Floor(usize, u8),
    Break(usize),
    Join(usize),
    Park(usize),
    Mute(usize, bool),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let node = 0..NODES.len();
    let step = prop_oneof![
        6 => (1u16..400).prop_map(Step::Pass),
        4 => (20u8..100, any::<bool>(), prop::bool::weighted(0.1))
            .prop_map(|(soc, charging, fault)| Step::Supply { soc, charging, fault }),
        1 => (node.clone(), 0u8..5).prop_map(|(node, floor)| Step::Floor(node, floor)),
        1 => node.clone().prop_map(Step::Break),
        2 => node.clone().prop_map(Step::Join),
        1 => node.clone().prop_map(Step::Park),
        1 => (node, any::<bool>()).prop_map(|(node, awake)| Step::Mute(node, awake)),
    ];
    prop::collection::vec(step, 1..30)
}

/// Plays a story; every action with its time.
fn play(steps: &[Step]) -> Site {
    let mut site = Site::of_four();
    for step in steps {
        take(&mut site, step);
    }
    site
}

fn take(site: &mut Site, step: &Step) {
    match *step {
        Step::Pass(secs) => site.pass(Duration::from_secs(u64::from(secs))),
        Step::Supply { soc, charging, fault } => {
            site.energy = energy(f64::from(soc), if charging { -3.0 } else { 2.0 });
            site.energy.fault = fault.then_some(protocol::Fault::BusGone);
        }
        Step::Floor(node, floor) => {
            let agent = site.agents.get_mut(&name(NODES[node])).unwrap();
            agent.floor = Stage::ALL[usize::from(floor)];
            agent.reason = Reason::SocUnknown;
        }
        Step::Break(node) => {
            if let Some(link) = site.agents.get_mut(&name(NODES[node])).unwrap().link.take() {
                site.link(link, LinkEvent::Closed(LinkEnd::ByPeer));
            }
        }
        Step::Join(node) => {
            let agent = &site.agents[&name(NODES[node])];
            let mut again =
                hello(NODES[node], agent.hello.shed_order, agent.hello.master, agent.hello.has_sensor);
            again.term = agent.order.as_ref().map_or(again.term, |order| order.id.term);
            site.join(again);
        }
        Step::Park(node) => {
            if site.agents[&name(NODES[node])].link.is_some() {
                site.park(NODES[node]);
            }
        }
        Step::Mute(node, awake) => site.agents.get_mut(&name(NODES[node])).unwrap().awake = awake,
    }
}

/// When nodes were let off a rung, or woken.
fn recoveries(site: &Site) -> Vec<(Uptime, NodeName)> {
    site.records
        .iter()
        .filter_map(|record| {
            let recovers = match &record.what {
                What::Ordered { from: Some(from), to, .. } => to < from,
                What::Waking { .. } => true,
                _ => false,
            };
            record.node.clone().filter(|_| recovers).map(|node| (record.at, node))
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn never_two_nodes_recover_at_once(story in steps()) {
        let site = play(&story);
        let settle = Settings::default().plan.settle;
        for pair in recoveries(&site).windows(2) {
            prop_assert!(pair[1].0.since(pair[0].0) >= settle || pair[0].1 == pair[1].1, "{:?}", pair);
        }
    }

    #[test]
    fn the_numbers_of_orders_strictly_increase_for_every_node(story in steps()) {
        // `Site` itself panics on an order that is not newer than the one before on the same node.
        let site = play(&story);
        let mut newest: BTreeMap<_, OrderId> = BTreeMap::new();
        for (_, link, message) in &site.sent {
            let id = match message {
                SupervisorMessage::Order(order) => order.id,
                SupervisorMessage::Switch(order) => order.id,
                _ => continue,
            };
            if let Some(older) = newest.insert(*link, id) {
                prop_assert!(older < id, "{older} then {id}");
            }
        }
    }

    #[test]
    fn no_order_is_less_careful_than_the_floor_the_leader_saw(story in steps()) {
        let site = play(&story);
        prop_assert!(site.below_floor.is_empty(), "{:?}", site.below_floor);
    }

    #[test]
    fn with_an_unknown_supply_nobody_is_let_off(story in steps()) {
        let mut site = play(&story);
        site.energy.fault = Some(protocol::Fault::BusGone);
        site.report_all();
        // Where the link of who measures is broken, the fault is heard by nobody: its last word counts while it is fresh.
        site.pass(Settings::default().plan.fresh);
        let before = site.records.len();
        site.pass(Duration::from_hours(1));
        for record in &site.records[before..] {
            if let What::Ordered { from: Some(from), to, .. } = &record.what {
                prop_assert!(to >= from, "{record}");
            }
            let woken = matches!(record.what, What::Waking { .. });
            prop_assert!(!woken, "{record}");
        }
    }

    #[test]
    fn the_same_events_give_the_same_actions(story in steps()) {
        let (one, other) = (play(&story), play(&story));
        prop_assert_eq!(&one.records, &other.records);
        prop_assert_eq!(&one.sent, &other.sent);
        prop_assert_eq!(one.core.view(one.now), other.core.view(other.now));
    }

    #[test]
    fn every_order_in_force_is_renewed_before_it_lapses(story in steps()) {
        let mut site = play(&story);
        for node in NODES {
            take(&mut site, &Step::Mute(NODES.iter().position(|n| *n == node).unwrap(), true));
        }
        site.pass(Duration::from_mins(30));
        let settings = Settings::default();
        let view = site.core.view(site.now);
        for agent in site.agents.values().filter(|agent| agent.link.is_some()) {
            let Some(order) = view.node(agent.hello.node.as_str()).unwrap().order.clone() else { continue };
            if order.stage == Stage::Normal { continue }
            let last = site.sent.iter().rev().find(|(_, link, message)| {
                Some(*link) == agent.link && matches!(message, SupervisorMessage::Order(_))
            });
            prop_assert!(last.is_some_and(|(at, _, _)| site.now.since(*at) < settings.order_valid), "{agent:?}");
        }
    }

    #[test]
    fn nonsense_on_links_disturbs_nobody(links in prop::collection::vec(0u64..20, 1..200)) {
        let mut site = Site::of_four();
        for (index, link) in links.iter().enumerate() {
            let link = crate::core::LinkId(1000 + link);
            let event = match index % 3 {
                0 => LinkEvent::Opened { peer: "x".to_owned() },
                1 => LinkEvent::Damaged(protocol::message::Refusal::Malformed),
                _ => LinkEvent::Closed(LinkEnd::ByPeer),
            };
            let actions = site.feed(Event::Link { link, event });
            let touches_others = |action: &Action| matches!(action, Action::Refuse { link: l, .. } if *l != link);
            prop_assert!(!actions.iter().any(touches_others));
        }
        let view = site.core.view(site.now);
        prop_assert!(view.nodes.iter().all(|node| node.liveness == crate::core::Liveness::Alive));
    }
}
