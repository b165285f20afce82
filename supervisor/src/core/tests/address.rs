//! How strongly a master claims the address, and that the plan moves the address before it drains its holder.

use std::time::Duration;

use protocol::report::TimeBand;
use protocol::{Seconds, Stage};

use super::site::{Site, energy, hello, name};
use crate::core::address::ClaimReason;
use crate::core::safety::Veto;
use crate::core::{Action, AddressAction, AddressEvent, AddressKind, Event, Settings, Sighting, What};

const HELD: Sighting = Sighting { held: true, keepalived_runs: true };
const AWAY: Sighting = Sighting { held: false, keepalived_runs: true };

fn see(site: &mut Site, sighting: Sighting) -> Vec<Action> {
    site.feed(Event::Address(AddressEvent::Seen(sighting)))
}

/// Two masters and a worker on one supply; the supervisor runs on `pi1`, which measures.
fn of_two_masters() -> Site {
    let host = Some(name("pi1"));
    let mut site = Site::new(Settings { host, address: AddressKind::Keepalived, ..Settings::default() });
    see(&mut site, AWAY);
    for (node, shed_order) in [("pi1", 1), ("pi2", 2), ("pi3", 3)] {
        site.join(hello(node, shed_order, node != "pi3", node == "pi1"));
    }
    site
}

/// As above, and `pi2` hangs on a supply of its own, with its own sensor.
fn on_two_supplies() -> Site {
    let mut site = of_two_masters();
    let mut other = hello("pi2", 1, true, true);
    other.supply = "shed".parse().unwrap();
    site.join(other);
    site.own.insert(name("pi2"), energy(90.0, 1.0));
    site.pass(Duration::from_mins(1));
    site
}

fn claims(site: &Site) -> Vec<i16> {
    let claim = |what: &What| match what {
        What::Claims { offset, .. } => Some(*offset),
        _ => None,
    };
    site.records.iter().filter_map(|record| claim(&record.what)).collect()
}

#[test]
fn what_a_last_life_told_keepalived_stands_until_the_fleet_is_heard() {
    let mut site = of_two_masters();
    assert_eq!(claims(&site), [0; 0]);
    site.pass(Duration::from_secs(30));
    assert_eq!(claims(&site), [0]);
}

#[test]
fn masters_on_one_sagging_supply_leave_the_address_where_it_is() {
    let mut site = of_two_masters();
    for soc in [90.0, 70.0, 60.0, 55.0] {
        site.energy = energy(soc, 1.0);
        site.pass(Duration::from_mins(2));
    }
    assert_eq!(claims(&site), [0]);
}

#[test]
fn the_master_on_the_weaker_supply_claims_less_before_its_leader_would_save() {
    let mut site = on_two_supplies();
    site.energy = energy(58.0, 1.0);
    site.pass(Duration::from_mins(1));
    assert_eq!(claims(&site), [0, -60], "below Shed's 55 %, with what it is ahead");
    site.energy = energy(48.0, 1.0);
    site.pass(Duration::from_mins(1));
    assert_eq!(claims(&site), [0, -60, -120]);
}

#[test]
fn a_short_time_to_empty_speaks_against_a_master_whatever_its_charge() {
    let mut site = on_two_supplies();
    let band = |minutes: u32| TimeBand {
        low: Seconds(minutes * 60),
        best: Seconds(minutes * 90),
        high: Seconds(36_000),
    };
    site.energy.time_to_empty = Some(band(150));
    site.pass(Duration::from_mins(1));
    site.energy.time_to_empty = Some(band(110));
    site.pass(Duration::from_mins(1));
    assert_eq!(claims(&site), [0, -60, -120]);
    let short = |what: &What| matches!(what, What::Claims { why: ClaimReason::TimeShort { .. }, .. });
    assert_eq!(site.records.iter().filter(|record| short(&record.what)).count(), 2);
}

#[test]
fn a_supply_that_wavers_about_a_threshold_does_not_move_the_address_to_and_fro() {
    let mut site = on_two_supplies();
    for turn in 0..60 {
        site.energy = energy(if turn % 2 == 0 { 57.5 } else { 60.5 }, 1.0);
        site.pass(Duration::from_mins(1));
    }
    assert_eq!(claims(&site), [0, -60]);
    site.energy = energy(80.0, 1.0);
    site.pass(Duration::from_mins(4));
    assert_eq!(claims(&site), [0, -60], "not at once");
    site.pass(Duration::from_mins(2));
    assert_eq!(claims(&site), [0, -60, 0]);
}

#[test]
fn a_master_that_does_not_know_its_own_supply_is_a_second_choice() {
    let mut site = on_two_supplies();
    site.agents.get_mut(&name("pi1")).unwrap().awake = false;
    for _ in 0..12 {
        site.now += Duration::from_secs(10);
        site.report("pi2");
        site.feed(Event::Tick);
    }
    assert_eq!(claims(&site).last(), Some(&-60));
}

#[test]
fn the_address_moves_before_its_holder_drains() {
    let mut site = on_two_supplies();
    see(&mut site, HELD);
    site.energy = energy(44.0, 1.0);
    let veto = |what: &&What| matches!(what, What::Vetoed { veto: Veto::HoldsAddress { .. }, .. });
    let vetoed = |site: &Site| site.records_of("pi1").into_iter().filter(veto).count();
    for _ in 0..60 {
        if vetoed(&site) == 0 {
            site.pass(Duration::from_secs(10));
        }
    }
    assert_eq!(vetoed(&site), 1);
    assert_eq!(claims(&site).last(), Some(&-120));
    assert_eq!(site.agents[&name("pi1")].stage(), Stage::Shed);
    see(&mut site, AWAY);
    site.pass(Duration::from_mins(5));
    assert_eq!(site.agents[&name("pi1")].stage(), Stage::Shed, "to drain it is the next leader's");
}

#[test]
fn a_holder_whose_address_does_not_move_drains_all_the_same() {
    let mut site = on_two_supplies();
    see(&mut site, HELD);
    site.energy = energy(44.0, 1.0);
    site.pass(Duration::from_mins(10));
    assert_eq!(site.agents[&name("pi1")].stage(), Stage::Drain);
    let vetoed = site
        .records
        .iter()
        .find(|record| matches!(record.what, What::Vetoed { veto: Veto::HoldsAddress { .. }, .. }));
    let drained =
        site.steps().into_iter().find(|(_, node, to)| node == "pi1" && *to == Stage::Drain).unwrap().0;
    let waited = drained.since(vetoed.unwrap().at);
    assert!(waited >= Duration::from_mins(1) && waited < Duration::from_secs(80), "{waited:?}");
}

#[test]
fn of_masters_on_one_supply_the_holder_is_the_last_to_drain_and_keeps_the_address() {
    let mut site = of_two_masters();
    see(&mut site, HELD);
    site.energy = energy(44.0, 1.0);
    site.pass(Duration::from_mins(10));
    let drains: Vec<_> =
        site.steps().into_iter().filter(|(_, _, to)| *to == Stage::Drain).map(|(_, node, _)| node).collect();
    assert_eq!(drains, ["pi3", "pi2", "pi1"]);
    assert_eq!(claims(&site), [0]);
}

#[test]
fn what_keepalived_could_not_be_told_is_said_once_and_told_again() {
    let mut site = on_two_supplies();
    let what = AddressAction::Weigh { offset: 0 };
    for _ in 0..5 {
        site.feed(Event::Address(AddressEvent::Failed { what, why: "read-only".to_owned() }));
        site.pass(Duration::from_secs(40));
    }
    assert_eq!(claims(&site).len(), 6);
    let failed = |what: &What| matches!(what, What::AddressFailed { .. });
    assert_eq!(site.records.iter().filter(|record| failed(&record.what)).count(), 1);
}

#[test]
fn a_keepalived_that_is_gone_is_started_again_now_and_then() {
    let mut site = of_two_masters();
    let restarts = |actions: &[Action]| {
        actions.iter().filter(|action| **action == Action::Address(AddressAction::Restart)).count()
    };
    assert_eq!(restarts(&see(&mut site, Sighting::default())), 1);
    let mut more = 0;
    for _ in 0..12 {
        site.now += Duration::from_secs(5);
        more += restarts(&site.feed(Event::Tick));
    }
    assert_eq!(more, 2);
    see(&mut site, AWAY);
    site.now += Duration::from_secs(6);
    assert_eq!(restarts(&site.feed(Event::Tick)), 0);
    assert_eq!(restarts(&see(&mut site, Sighting::default())), 1, "it ran and died: at once");
}
