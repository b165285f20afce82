use std::time::Duration;

use protocol::report::TimeBand;
use protocol::{OrderReason, Reason, Seconds, Soc, Stage, Temperature};

use super::site::{Site, energy, hello, name};
use crate::core::safety::Veto;
use crate::core::{Settings, What};

const MINUTE: Duration = Duration::from_mins(1);

/// The state of charge falls by a point every two minutes; the nodes' floors never bite.
fn fall(site: &mut Site, from: f64, to: f64) {
    let mut soc = from;
    while soc > to {
        soc -= 0.25;
        site.energy = energy(soc, 2.0);
        site.pass(MINUTE / 2);
    }
}

fn rise(site: &mut Site, from: f64, to: f64) {
    let mut soc = from;
    while soc < to {
        soc += 0.25;
        site.energy = energy(soc, -3.0);
        site.pass(MINUTE);
    }
}

#[test]
fn with_energy_enough_nobody_is_ordered_anything() {
    let mut site = Site::of_four();
    site.pass(Duration::from_hours(1));
    assert!(site.steps().is_empty());
}

#[test]
fn a_falling_supply_sheds_in_turns_the_master_last_and_above_the_floors() {
    let mut site = Site::of_four();
    fall(&mut site, 80.0, 34.0);
    let order: Vec<_> = site.steps().into_iter().map(|(_, node, to)| (node, to)).collect();
    let mut expected = Vec::new();
    for stage in [Stage::Throttle, Stage::Shed, Stage::Drain, Stage::Halt] {
        expected.extend(["pi4", "pi3", "pi2", "pi1"].map(|node| (node.to_owned(), stage)));
    }
    assert_eq!(order, expected);
    for (what, floor) in site.records.iter().filter_map(|r| match &r.what {
        What::Ordered { reason: OrderReason::SupplyLow { soc, threshold, .. }, to, .. } => {
            Some(((*soc, *threshold), [0.0, 70.0, 55.0, 45.0, 35.0][*to as usize]))
        }
        _ => None,
    }) {
        assert!(what.0 < what.1, "the reason's numbers hold");
        assert!(what.0 > Soc::from_percent(floor), "{} is above the floor {floor}", what.0);
    }
}

#[test]
fn two_saving_steps_have_a_dwell_between_them_however_deep_the_sag() {
    let mut site = Site::of_four();
    site.energy = energy(36.5, 2.0);
    site.pass(Duration::from_mins(30));
    let steps = site.steps();
    assert!(steps.len() >= 12, "{steps:?}");
    for pair in steps.windows(2) {
        assert!(pair[1].0.since(pair[0].0) >= Settings::default().plan.shed_dwell, "{pair:?}");
        assert!(pair[1].2 >= pair[0].2, "nobody goes down a second rung before the others' first: {steps:?}");
    }
}

#[test]
fn recovery_is_the_reverse_one_rung_of_one_node_at_a_time() {
    let mut site = Site::of_four();
    fall(&mut site, 74.0, 53.0);
    assert_eq!(site.stages(), [Stage::Shed; 4]);
    let before = site.steps().len();
    rise(&mut site, 53.0, 90.0);
    let steps = site.steps().split_off(before);
    let order: Vec<_> = steps.iter().map(|(_, node, to)| (node.as_str(), *to)).collect();
    let expected: Vec<_> = [Stage::Throttle, Stage::Normal]
        .into_iter()
        .flat_map(|stage| ["pi1", "pi2", "pi3", "pi4"].map(|node| (node, stage)))
        .collect();
    assert_eq!(order, expected);
    for pair in steps.windows(2) {
        assert!(pair[1].0.since(pair[0].0) >= Settings::default().plan.settle, "{pair:?}");
    }
}

#[test]
fn a_supply_that_hovers_at_a_threshold_does_not_make_a_node_flap() {
    let mut site = Site::of_four();
    for round in 0..200 {
        site.energy = energy(if round % 2 == 0 { 72.2 } else { 73.0 }, 1.0);
        site.pass(MINUTE);
    }
    assert!(site.steps().len() <= 1, "{:?}", site.steps());
}

#[test]
fn a_dip_shorter_than_the_hold_orders_nothing() {
    let mut site = Site::of_four();
    site.energy = energy(40.0, 2.0);
    site.pass(Duration::from_secs(20));
    site.energy = energy(90.0, 2.0);
    site.pass(Duration::from_mins(5));
    assert!(site.steps().is_empty(), "{:?}", site.steps());
}

#[test]
fn a_short_time_to_empty_drains_in_turns_and_says_so() {
    let mut site = Site::of_four();
    let mut energy = energy(90.0, 9.0);
    let minutes = |minutes: u32| Seconds(minutes * 60);
    energy.time_to_empty = Some(TimeBand { low: minutes(103), best: minutes(120), high: minutes(150) });
    site.energy = energy;
    site.pass(Duration::from_mins(10));
    assert_eq!(site.stages(), [Stage::Normal, Stage::Normal, Stage::Drain, Stage::Drain]);
    let reason = site.core.view(site.now).node("pi4").unwrap().order.clone().unwrap().reason;
    assert!(matches!(reason, OrderReason::SupplyShort { time_to_empty: Seconds(6180), place: 1, of: 4, .. }));
}

#[test]
fn a_node_that_climbed_by_itself_is_held_there_and_comes_back_in_turn() {
    let mut site = Site::of_four();
    site.energy = energy(76.0, 1.0);
    for node in ["pi2", "pi3"] {
        let agent = site.agents.get_mut(&name(node)).unwrap();
        (agent.floor, agent.reason) = (Stage::Shed, Reason::SocUnknown);
    }
    site.pass(Duration::from_secs(20));
    for node in ["pi2", "pi3"] {
        let agent = site.agents.get_mut(&name(node)).unwrap();
        (agent.floor, agent.reason) = (Stage::Normal, Reason::Clear);
    }
    site.pass(Duration::from_mins(1));
    assert_eq!(site.stages()[1..3], [Stage::Shed; 2], "held, though their floors are gone");
    let reason = site.core.view(site.now).node("pi3").unwrap().order.clone().unwrap().reason;
    assert_eq!(reason, OrderReason::Waiting { turn_of: name("pi2"), place: 3 });
    site.energy = energy(90.0, -2.0);
    site.pass(Duration::from_hours(1));
    assert_eq!(site.stages(), [Stage::Normal; 4]);
}

#[test]
fn a_hot_node_is_not_held_back_by_the_leader() {
    let mut site = Site::of_four();
    let agent = site.agents.get_mut(&name("pi2")).unwrap();
    agent.floor = Stage::Throttle;
    let (temperature, threshold) = (Temperature::from_celsius(82.0), Temperature::from_celsius(75.0));
    agent.reason = Reason::Hot { temperature, threshold };
    site.pass(Duration::from_mins(2));
    assert!(site.steps().is_empty());
}

#[test]
fn an_unknown_supply_lets_nobody_spend_more_but_still_holds() {
    let mut site = Site::of_four();
    fall(&mut site, 74.0, 53.0);
    site.energy = energy(95.0, -5.0);
    site.energy.fault = Some(protocol::Fault::BusGone);
    site.pass(Duration::from_hours(2));
    assert_eq!(site.stages(), [Stage::Shed; 4]);
    let view = site.core.view(site.now);
    assert!(!view.supplies[0].known);
    assert!(site.records.iter().any(|r| matches!(r.what, What::SupplyUnknown { .. })));
    let reason = view.node("pi4").unwrap().order.clone().unwrap().reason;
    assert!(matches!(reason, OrderReason::SupplyUnknown { .. }), "{reason}");
}

#[test]
fn a_node_that_wakes_in_halt_is_held_but_not_switched_off_again() {
    let mut site = Site::of_four();
    site.energy = energy(30.0, -3.0);
    site.agents.get_mut(&name("pi4")).unwrap().floor = Stage::Halt;
    site.pass(Duration::from_mins(30));
    let to_pi4: Vec<_> =
        site.steps().into_iter().filter(|(_, node, _)| node == "pi4").map(|(_, _, to)| to).collect();
    assert_eq!(to_pi4, [Stage::Drain], "its own readings decide whether it ends");
}

#[test]
fn nobody_is_switched_off_while_the_sun_fills_the_battery() {
    let mut site = Site::of_four();
    fall(&mut site, 74.0, 40.0);
    site.energy = energy(33.0, -3.0);
    site.pass(Duration::from_hours(1));
    assert_eq!(site.stages(), [Stage::Drain; 4]);
    site.energy = energy(33.0, 1.0);
    site.pass(Duration::from_mins(30));
    assert!(site.stages().contains(&Stage::Halt), "it falls again");
}

#[test]
fn a_full_battery_after_dark_lets_nobody_off_shed_until_it_charges() {
    let mut site = Site::of_four();
    fall(&mut site, 74.0, 53.0);
    site.energy = energy(80.0, 1.0);
    site.pass(Duration::from_hours(1));
    assert_eq!(site.stages(), [Stage::Shed; 4]);
}

#[test]
fn the_leaders_own_node_drains_only_after_all_others_of_its_supply() {
    let mut site = Site::new(Settings { host: Some(name("pi3")), ..Settings::default() });
    for (node, shed_order) in [("pi1", 0), ("pi2", 1), ("pi3", 9)] {
        site.join(hello(node, shed_order, false, node == "pi1"));
    }
    fall(&mut site, 74.0, 43.0);
    let drains: Vec<_> =
        site.steps().into_iter().filter(|(_, _, to)| *to == Stage::Drain).map(|(_, node, _)| node).collect();
    assert_eq!(drains, ["pi2", "pi1", "pi3"], "by shed order alone it would have been the first");
    let vetoed = |what: &&What| {
        matches!(
            what,
            What::Vetoed { veto: Veto::LeaderLast { stage: Stage::Shed, .. }, to: Some(Stage::Drain) }
        )
    };
    let vetoes = site.records_of("pi3").iter().filter(|what| vetoed(what)).count();
    assert!((1..=2).contains(&vetoes), "said, but not at every look: {vetoes}");
}

#[test]
fn why_can_tell_what_would_change_a_node() {
    let mut site = Site::of_four();
    let outlook = |site: &Site, node| site.core.view(site.now).node(node).unwrap().outlook;
    assert_eq!(outlook(&site, "pi4").save_below, Some(Soc::from_percent(72.5)));
    assert_eq!(outlook(&site, "pi4").spend_above, None);
    fall(&mut site, 74.0, 53.0);
    let shed = outlook(&site, "pi1");
    assert_eq!(shed.save_below.map(|soc| soc.percent().round()), Some(46.0));
    assert_eq!(shed.spend_above.map(|soc| soc.percent().round()), Some(63.0));
    assert!(shed.needs_charging);
}
