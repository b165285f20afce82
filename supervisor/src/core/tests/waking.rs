use std::time::Duration;

use protocol::message::{Order, OrderRefusal, SupervisorMessage, SwitchOrder};
use protocol::{BootId, Generation, OrderId, OrderReason, Seconds, Stage, Term, Uptime, Voltage};

use super::site::{Site, energy, hello, name};
use crate::core::{Event, Kept, KnownNode, LinkEnd, LinkEvent, Settings, Supervisor, What};

/// Wakes: power that was switched on.
fn switches(site: &Site) -> Vec<(Uptime, SwitchOrder, String)> {
    let owner = |link| {
        site.agents.values().find(|agent| agent.link == Some(link)).map(|agent| agent.hello.node.to_string())
    };
    let switch = |(at, link, message): &(Uptime, crate::core::LinkId, SupervisorMessage)| match message {
        SupervisorMessage::Switch(order) if order.on => {
            Some((*at, order.clone(), owner(*link).unwrap_or_default()))
        }
        _ => None,
    };
    site.sent.iter().filter_map(switch).collect()
}

/// `pi3` and `pi4` are parked; the supply is low.
fn with_two_parked() -> Site {
    let mut site = Site::of_four();
    site.energy = energy(44.0, 2.0);
    site.park("pi4");
    site.park("pi3");
    site.pass(Duration::from_mins(15));
    assert!(switches(&site).is_empty());
    site
}

fn wake(site: &mut Site, node: &str, shed_order: u8) {
    let mut again = hello(node, shed_order, false, false);
    again.boot = BootId(2);
    again.term = site.core.term();
    site.join(again);
}

#[test]
fn parked_nodes_wake_one_at_a_time_the_last_to_shed_first_on_a_level_with_margin() {
    let mut site = with_two_parked();
    site.energy = energy(51.0, -3.0);
    site.pass(Duration::from_hours(1));
    assert!(switches(&site).is_empty(), "above the level of the floors, but not above the leader's");
    site.energy = energy(60.0, -3.0);
    site.pass(Duration::from_mins(12));
    let first = switches(&site);
    assert_eq!(first.len(), 1, "{first:?}");
    assert_eq!((first[0].1.node.as_str(), first[0].1.on, first[0].2.as_str()), ("pi3", true, "pi1"));
    site.answer("pi1", first[0].1.id, Ok(Stage::Normal));
    site.now += Duration::from_secs(30);
    wake(&mut site, "pi3", 2);
    assert!(
        matches!(site.records_of("pi3").iter().find(|w| matches!(w, What::Woke { .. })), Some(What::Woke { after }) if after.0 >= 30)
    );
    site.pass(Duration::from_mins(10));
    let both = switches(&site);
    assert_eq!(both.len(), 2);
    assert_eq!(both[1].1.node.as_str(), "pi4");
    let plan = Settings::default().plan;
    assert!(both[1].0.since(both[0].0) >= plan.wake_interval.max(plan.settle));
}

#[test]
fn a_woken_node_comes_back_one_rung_and_the_others_wait() {
    let mut site = with_two_parked();
    site.energy = energy(95.0, -3.0);
    site.pass(Duration::from_mins(11));
    wake(&mut site, "pi3", 2);
    let order = site.core.view(site.now).node("pi3").unwrap().order.clone().unwrap();
    assert_eq!(order.stage, Stage::Drain);
    assert_eq!(site.core.view(site.now).supplies[0].recovering, Some(name("pi3")));
}

#[test]
fn nobody_is_woken_without_surplus_voltage_charge_or_knowledge() {
    let no_surplus = energy(90.0, -0.2);
    let mut low_voltage = energy(90.0, -3.0);
    low_voltage.voltage = Some(Voltage::from_volts(12.4));
    let low_soc = energy(49.0, -3.0);
    let mut unknown = energy(90.0, -3.0);
    unknown.fault = Some(protocol::Fault::Stuck { held: protocol::Seconds(60) });
    for energy in [no_surplus, low_voltage, low_soc, unknown] {
        let mut site = with_two_parked();
        site.energy = energy;
        site.pass(Duration::from_hours(3));
        assert!(switches(&site).is_empty(), "{energy:?}");
    }
}

#[test]
fn a_node_without_the_switch_is_not_asked_again_and_the_next_one_is() {
    let mut site = with_two_parked();
    site.energy = energy(95.0, -3.0);
    site.pass(Duration::from_mins(11));
    let first = switches(&site).remove(0);
    site.answer("pi1", first.1.id, Err(OrderRefusal::NoSuchSwitch));
    site.pass(Duration::from_mins(3));
    let second = switches(&site).remove(1);
    assert_eq!((second.1.node.as_str(), second.2.as_str()), ("pi3", "pi2"));
    site.answer("pi2", second.1.id, Err(OrderRefusal::NoSuchSwitch));
    site.pass(Duration::from_mins(4));
    let third = switches(&site).remove(2);
    assert_eq!(third.1.node.as_str(), "pi4", "nobody can wake pi3: that must not keep pi4 asleep");
}

#[test]
fn a_wake_that_fails_is_said_and_tried_again_much_later() {
    let mut site = with_two_parked();
    site.energy = energy(95.0, -3.0);
    site.pass(Duration::from_mins(40));
    let tries: Vec<_> = switches(&site).into_iter().filter(|s| s.1.node.as_str() == "pi3").collect();
    assert!((1..=2).contains(&tries.len()), "{tries:?}");
    assert!(site.records_of("pi3").iter().any(|w| matches!(w, What::WakeFailed { refusal: None, .. })));
    let gaps_are_long = tries.windows(2).all(|pair| pair[1].0.since(pair[0].0) >= Duration::from_mins(15));
    assert!(gaps_are_long, "{tries:?}");
}

#[test]
fn while_somebody_is_woken_nobody_recovers() {
    let mut site = Site::of_four();
    site.energy = energy(53.0, 2.0);
    site.pass(Duration::from_mins(15));
    site.park("pi4");
    let before = site.steps().len();
    site.energy = energy(95.0, -3.0);
    site.pass(Duration::from_hours(1));
    let woke: Vec<Uptime> = switches(&site).iter().map(|(at, _, _)| *at).collect();
    assert!(!woke.is_empty());
    let timeout = Settings::default().plan.wake_timeout;
    for (at, node, to) in &site.steps()[before..] {
        let during = woke.iter().any(|wake| *at > *wake && at.since(*wake) < timeout);
        assert!(!during, "{node} -> {to} at {at:?} while a wake was under way ({woke:?})");
    }
}

#[test]
fn a_new_leader_does_not_switch_off_a_node_that_was_just_woken() {
    let mut site = Site::of_four();
    site.energy = energy(90.0, -3.0);
    // It halted by order of the leader before, its own floor would have let it stay.
    let id = OrderId { term: Term(1), generation: Generation(7) };
    let (reason, valid_for) = (OrderReason::EnoughEnergy, Seconds(600));
    let mut woken = hello("pi4", 3, false, false);
    (woken.boot, woken.term) = (BootId(2), Term(1));
    site.agents.get_mut(&name("pi4")).unwrap().order =
        Some(Order { id, stage: Stage::Halt, reason, valid_for });
    let joined = site.sent.len();
    site.join(woken);
    site.pass(Duration::from_mins(5));
    let halted = |(_, _, message): &(Uptime, crate::core::LinkId, SupervisorMessage)| matches!(message, SupervisorMessage::Order(order) if order.stage == Stage::Halt);
    assert!(!site.sent[joined..].iter().any(halted));
    site.pass(Duration::from_mins(50));
    assert_eq!(site.agents[&name("pi4")].stage(), Stage::Normal, "and lets it come back");
}

/// Every change of a power switch, on or off.
fn power(site: &Site, node: &str) -> Vec<(Uptime, bool)> {
    let of_node = |(at, _, message): &(Uptime, crate::core::LinkId, SupervisorMessage)| match message {
        SupervisorMessage::Switch(order) if order.node == name(node) => Some((*at, order.on)),
        _ => None,
    };
    site.sent.iter().filter_map(of_node).collect()
}

#[test]
fn a_parked_boards_power_is_cut_so_that_to_switch_it_on_wakes_it() {
    let mut site = Site::of_four();
    site.energy = energy(95.0, -3.0);
    let parked = site.now;
    site.park("pi4");
    site.pass(Duration::from_mins(12));
    let changes = power(&site, "pi4");
    assert_eq!(changes.iter().map(|(_, on)| *on).collect::<Vec<_>>(), [false, true], "{changes:?}");
    assert!(changes[0].0.since(parked) >= Duration::from_mins(5), "it was still going down");
}

/// The leader knew four nodes in an earlier life; of them only `pi1` calls.
fn with_three_missing() -> Site {
    let mut site = Site::new(Settings::default());
    let known = |(node, shed_order): (&str, u8)| KnownNode {
        name: name(node),
        supply: "garage".parse().unwrap(),
        shed_order,
        master: false,
        has_sensor: false,
        parked: false,
    };
    let nodes = [("pi2", 1), ("pi3", 2), ("pi4", 3)].map(known).to_vec();
    site.core = Supervisor::resume(Settings::default(), Kept { nodes, ..Kept::default() });
    site.energy = energy(95.0, -3.0);
    site.join(hello("pi1", 0, true, true));
    site
}

#[test]
fn nodes_that_halted_while_nobody_led_are_woken() {
    let mut site = with_three_missing();
    site.pass(Duration::from_mins(14));
    assert!(switches(&site).is_empty(), "they may be on their way");
    site.pass(Duration::from_mins(46));
    for node in ["pi2", "pi3", "pi4"] {
        assert!(power(&site, node).iter().any(|(_, on)| *on), "{node}: {:?}", power(&site, node));
        assert!(power(&site, node).iter().all(|(_, on)| *on), "{node} may run behind a torn cable");
    }
    wake(&mut site, "pi3", 2);
    site.pass(Duration::from_hours(1));
    assert_eq!(site.agents[&name("pi3")].stage(), Stage::Normal);
}

#[test]
fn power_is_broken_only_when_no_agent_could_still_be_up() {
    let mut site = with_three_missing();
    site.pass(Duration::from_hours(23));
    assert!(power(&site, "pi4").iter().all(|(_, on)| *on));
    site.pass(Duration::from_hours(4));
    let off = power(&site, "pi4").iter().position(|(_, on)| !on).expect("its power is broken");
    assert!(power(&site, "pi4")[off..].iter().any(|(_, on)| *on), "and given again");
}

#[test]
fn a_missing_node_that_measures_keeps_its_power() {
    let mut site = with_three_missing();
    let node = KnownNode {
        name: name("pi5"),
        supply: "garage".parse().unwrap(),
        shed_order: 1,
        master: false,
        has_sensor: true,
        parked: false,
    };
    site.core = Supervisor::resume(Settings::default(), Kept { nodes: vec![node], ..Kept::default() });
    site.join(hello("pi1", 0, true, true));
    site.pass(Duration::from_hours(40));
    assert!(!power(&site, "pi5").is_empty());
    assert!(power(&site, "pi5").iter().all(|(_, on)| *on));
}

#[test]
fn who_was_only_out_of_reach_is_not_drained_when_it_calls_again() {
    let mut site = Site::of_four();
    site.energy = energy(95.0, -3.0);
    site.pass(Duration::from_mins(1));
    let link = site.agents[&name("pi4")].link.unwrap();
    site.agents.get_mut(&name("pi4")).unwrap().awake = false;
    site.link(link, LinkEvent::Closed(LinkEnd::ByPeer));
    site.pass(Duration::from_mins(30));
    assert!(!switches(&site).is_empty(), "it is lost, and might be off");
    let before = site.steps().len();
    let mut same = hello("pi4", 3, false, false);
    same.term = site.core.term();
    site.join(same);
    site.pass(Duration::from_mins(5));
    assert_eq!(site.steps()[before..].iter().filter(|(_, node, _)| node == "pi4").count(), 0);
}

#[test]
fn a_silent_sensor_is_told_what_the_other_one_measures_and_never_its_own_word() {
    let mut site = Site::of_four();
    site.join(hello("pi2", 1, true, true));
    site.pass(Duration::from_mins(1));
    let relayed = |site: &Site, node: &str| {
        let link = site.agents[&name(node)].link;
        let told = |(_, to, message): &&(Uptime, crate::core::LinkId, SupervisorMessage)| {
            Some(*to) == link && matches!(message, SupervisorMessage::Supply(_))
        };
        site.sent.iter().filter(told).count()
    };
    assert_eq!((relayed(&site, "pi1"), relayed(&site, "pi2")), (0, 0), "both measure");
    for _ in 0..12 {
        site.now += Duration::from_secs(10);
        site.energy.fault = None;
        site.report("pi1");
        site.energy.fault = Some(protocol::Fault::NoAcknowledge);
        site.report("pi2");
        site.feed(Event::Tick);
    }
    assert!(relayed(&site, "pi2") > 0);
    assert_eq!(relayed(&site, "pi1"), 0);
}
