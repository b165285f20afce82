use std::time::Duration;

use protocol::message::{Order, OrderRefusal, SupervisorMessage};
use protocol::{Stage, Term, Uptime};

use super::site::{Site, energy, hello, name};
use crate::core::{LinkEnd, LinkEvent, Settings, What};

fn orders_to(site: &Site, node: &str) -> Vec<(Uptime, Order)> {
    let link = site.agents[&name(node)].link;
    let order = |(at, to, message): &(Uptime, crate::core::LinkId, SupervisorMessage)| match message {
        SupervisorMessage::Order(order) if Some(*to) == link => Some((*at, order.clone())),
        _ => None,
    };
    site.sent.iter().filter_map(order).collect()
}

/// A site on which the first node to shed was just ordered to.
fn with_one_order() -> Site {
    let mut site = Site::of_four();
    site.energy = energy(72.2, 2.0);
    site.pass(Duration::from_mins(1));
    assert_eq!(site.stages(), [Stage::Normal, Stage::Normal, Stage::Normal, Stage::Throttle]);
    site
}

#[test]
fn an_order_is_renewed_well_before_it_lapses() {
    let mut site = with_one_order();
    site.pass(Duration::from_hours(1));
    let orders = orders_to(&site, "pi4");
    let valid = Settings::default().order_valid;
    assert!(orders.len() >= 15, "{}", orders.len());
    for pair in orders.windows(2) {
        assert!(pair[1].0.since(pair[0].0) <= valid / 2, "{pair:?}");
        assert!(pair[1].1.id > pair[0].1.id);
        assert_eq!(pair[1].1.stage, Stage::Throttle);
    }
}

#[test]
fn a_renewal_is_no_news() {
    let mut site = with_one_order();
    let before = site.records.len();
    site.pass(Duration::from_hours(1));
    assert_eq!(site.records.len(), before, "{:?}", &site.records[before..]);
}

#[test]
fn a_node_that_reconnects_is_told_again_at_once() {
    let mut site = with_one_order();
    let link = site.agents[&name("pi4")].link.unwrap();
    site.link(link, LinkEvent::Closed(LinkEnd::ByPeer));
    let newest = site.agents[&name("pi4")].order.clone().unwrap().id;
    let mut again = hello("pi4", 3, false, false);
    again.term = newest.term;
    site.join(again);
    let orders = orders_to(&site, "pi4");
    assert_eq!(orders.len(), 1);
    assert!(orders[0].1.id > newest && orders[0].1.stage == Stage::Throttle);
    assert_eq!(site.core.term(), Term(1), "our own term is no reason to raise it");
}

#[test]
fn an_order_refused_as_old_raises_the_term_and_is_said_again() {
    let mut site = with_one_order();
    let (_, order) = orders_to(&site, "pi4").pop().unwrap();
    let mut newest = order.id;
    newest.term = Term(9);
    site.answer("pi4", order.id, Err(OrderRefusal::Older { newest }));
    assert_eq!(site.core.term(), Term(10));
    let (_, again) = orders_to(&site, "pi4").pop().unwrap();
    assert_eq!((again.id.term, again.stage), (Term(10), Stage::Throttle));
}

#[test]
fn what_a_node_answered_is_shown_and_a_refusal_recorded() {
    let mut site = with_one_order();
    let (_, order) = orders_to(&site, "pi4").pop().unwrap();
    site.answer("pi4", order.id, Ok(Stage::Throttle));
    let answer = |site: &Site| site.core.view(site.now).node("pi4").unwrap().order.clone().unwrap().answer;
    assert_eq!(answer(&site), Some(Ok(Stage::Throttle)));
    site.answer("pi4", order.id, Err(OrderRefusal::SwitchFailed));
    assert!(site.records_of("pi4").iter().any(|what| matches!(what, What::OrderRefused { .. })));
}
