use std::time::Duration;

use protocol::message::SupervisorMessage;
use protocol::report::Energy;
use protocol::{Fault, Sequence, Soc, Uptime};

use super::site::{Site, energy, hello, name};
use crate::core::{Event, FromAgent, Settings, What};

/// What was relayed to a node: when, the lower bound, the age.
fn relayed(site: &Site, node: &str) -> Vec<(Uptime, Option<Soc>, u32)> {
    let link = site.agents[&name(node)].link;
    let supply = |(at, to, message): &(Uptime, crate::core::LinkId, SupervisorMessage)| match message {
        SupervisorMessage::Supply(report) if Some(*to) == link => {
            Some((*at, report.energy.soc.map(|band| band.low), report.age.0))
        }
        _ => None,
    };
    site.sent.iter().filter_map(supply).collect()
}

#[test]
fn nodes_without_a_sensor_hear_of_their_supply_and_nodes_with_one_do_not() {
    let mut site = Site::of_four();
    site.pass(Duration::from_mins(1));
    assert!(relayed(&site, "pi1").is_empty());
    let told = relayed(&site, "pi2");
    assert!(told.len() >= 6, "{told:?}");
    for pair in told.windows(2) {
        assert!(pair[1].0.since(pair[0].0) <= Duration::from_secs(10), "never so rarely that it seems stale");
    }
}

#[test]
fn a_change_is_relayed_before_its_time() {
    let mut site = Site::of_four();
    site.pass(Duration::from_secs(10));
    site.now += Duration::from_secs(3);
    site.energy = energy(60.0, 3.0);
    site.report("pi1");
    let last = relayed(&site, "pi2").pop().unwrap();
    assert_eq!((last.0, last.1), (site.now, Some(Soc::from_percent(60.0))));
}

#[test]
fn a_silent_sensor_is_relayed_with_its_true_age() {
    let mut site = Site::of_four();
    site.agents.get_mut(&name("pi1")).unwrap().awake = false;
    site.pass(Duration::from_mins(2));
    let last = relayed(&site, "pi2").pop().unwrap();
    assert!((110..=120).contains(&last.2), "{last:?}");
    assert!(!site.core.view(site.now).supplies[0].known);
}

fn with_two_sensors() -> Site {
    let mut site = Site::new(Settings::default());
    site.join(hello("pi1", 0, true, true));
    site.join(hello("pi2", 1, false, true));
    site
}

fn report_energy(site: &mut Site, node: &str, energy: Energy) {
    let mut report = site.report_of(node);
    report.energy = energy;
    let agent = site.agents.get_mut(&name(node)).unwrap();
    agent.sequence += 1;
    let (link, sequence) = (agent.link.unwrap(), Sequence(agent.sequence));
    site.say(link, FromAgent::Full { sequence, report: Box::new(report) });
}

#[test]
fn of_two_sensors_that_disagree_the_worse_rules_and_both_numbers_are_said_once() {
    let mut site = with_two_sensors();
    for _ in 0..10 {
        site.now += Duration::from_secs(10);
        report_energy(&mut site, "pi1", energy(81.0, 1.0));
        report_energy(&mut site, "pi2", energy(52.0, 1.0));
        report_energy(&mut site, "pi1", energy(81.0, 1.0));
    }
    let view = site.core.view(site.now);
    assert_eq!(view.supplies[0].source, Some(name("pi2")), "the worse, though the other is newer");
    let said: Vec<_> =
        site.records.iter().filter(|r| matches!(r.what, What::SensorsDisagree { .. })).collect();
    assert_eq!(said.len(), 1);
    let words = said[0].to_string();
    assert!(words.contains("52.0 %") && words.contains("81.0 %"), "{words}");
    report_energy(&mut site, "pi2", energy(80.0, 1.0));
    assert!(site.records.iter().any(|r| r.what == What::SensorsAgree));
}

#[test]
fn a_sensor_with_a_fault_does_not_rule_while_another_is_sound() {
    let mut site = with_two_sensors();
    let mut faulty = energy(20.0, 1.0);
    faulty.fault = Some(Fault::NoAcknowledge);
    report_energy(&mut site, "pi2", faulty);
    let view = site.core.view(site.now);
    assert_eq!((view.supplies[0].source.clone(), view.supplies[0].known), (Some(name("pi1")), true));
    assert!(site.records_of("pi2").iter().any(|what| matches!(what, What::SensorFault { .. })));
    report_energy(&mut site, "pi2", energy(88.0, 1.0));
    assert_eq!(site.records_of("pi2").last(), Some(&&What::SensorClear));
}

#[test]
fn no_sensor_at_all_is_an_unknown_supply_and_not_a_full_one() {
    let mut site = Site::new(Settings::default());
    site.join(hello("pi2", 1, false, false));
    site.feed(Event::Tick);
    let view = site.core.view(site.now);
    assert_eq!((view.supplies[0].known, view.supplies[0].energy), (false, None));
}

#[test]
fn sensors_that_differ_for_a_moment_only_are_no_news() {
    let mut site = with_two_sensors();
    for round in 0..20 {
        site.now += Duration::from_secs(10);
        report_energy(&mut site, "pi1", energy(80.0, 1.0));
        report_energy(&mut site, "pi2", energy(if round % 4 == 0 { 50.0 } else { 79.0 }, 1.0));
    }
    assert!(!site.records.iter().any(|r| matches!(r.what, What::SensorsDisagree { .. })));
}

#[test]
fn sensors_that_differ_in_voltage_alone_disagree_and_say_the_voltages() {
    let mut site = with_two_sensors();
    let mut other = energy(80.0, 1.0);
    other.compensated = Some(protocol::Voltage::from_volts(12.15));
    for _ in 0..10 {
        site.now += Duration::from_secs(10);
        report_energy(&mut site, "pi1", energy(80.0, 1.0));
        report_energy(&mut site, "pi2", other);
    }
    let said =
        site.records.iter().find(|r| matches!(r.what, What::SensorsDisagree { .. })).unwrap().to_string();
    assert!(said.contains("12.15 V") && said.contains("12.70 V"), "{said}");
}
