//! Batteries that fall while visitors come: nobody may notice.

use std::time::{Duration, Instant};

use protocol::Soc;
use tests::lab::{Failure, Host, Lab, Layout, Tally};
use tests::{require, wait};

const PATIENCE: Duration = Duration::from_mins(2);
pub(crate) const REPLICAS: usize = 4;
/// Requests that are in flight at one moment, at 100 a second on a busy machine.
const IN_FLIGHT_MAX: usize = 6;
/// A battery falls from full to empty in this time: a minute for a night.
const NIGHT: Duration = Duration::from_mins(1);

/// So many masters and five workers, four of them with a replica of the service, all under Heliostat, well.
pub(crate) fn fleet(masters: u8) -> Lab {
    let lab = Lab::up(&Layout::new(masters, 5));
    lab.swarm(usize::from(masters));
    lab.host("m1").docker(&["swarm", "update", "--dispatcher-heartbeat", "1s"]);
    let off_masters = lab.off_masters();
    let mut words: Vec<&str> = off_masters.iter().map(String::as_str).collect();
    words.extend(["--restart-delay", "0s"]);
    lab.service("web", REPLICAS, &words);
    lab.start_heliostat();
    lab.until_well(REPLICAS, Instant::now());
    lab
}

/// Empties a host's battery until its agent has powered it off.
fn fall(lab: &Lab, host: &Host) {
    lab.supply(&host.plan().supply).go_to(Soc::from_percent(20.0), NIGHT);
    wait::until_true(format!("{} to power itself off", host.name()), PATIENCE, || !host.is_on());
}

fn nobody_noticed(what: &str, tally: &Tally) {
    println!("{what}: {tally}");
    assert_eq!(tally.failed(), 0, "{what}: {tally}");
    assert_eq!(tally.slower_than(Duration::from_secs(1)), 0, "{what}: {tally}");
}

#[test]
fn a_node_whose_battery_falls_to_halt_loses_no_request() {
    if !require::lab("a_node_whose_battery_falls_to_halt_loses_no_request") {
        return;
    }
    let lab = fleet(1);
    let (victim, spare) = lab.victim_and_spare();
    let visitors = lab.visitors();
    fall(&lab, victim);
    nobody_noticed("a worker's battery falls to halt", &lab.watch(visitors));
    assert!(lab.serves(spare), "its replica moved to the host that had none");
}

#[test]
fn the_leading_master_whose_battery_falls_hands_over_and_breaks_only_what_was_in_flight() {
    if !require::lab("the_leading_master_whose_battery_falls_hands_over_and_breaks_only_what_was_in_flight") {
        return;
    }
    let lab = fleet(3);
    let leader = lab.holder();
    let visitors = lab.visitors();
    fall(&lab, leader);
    let tally = lab.watch(visitors);
    println!("the leading master's battery falls to halt: {tally}");
    let moved: Vec<_> = tally.fates().iter().filter(|fate| fate.end.is_err()).collect();
    // A connection does not move with the address: what was in flight just then breaks off.
    assert!(moved.len() <= IN_FLIGHT_MAX, "{tally}");
    assert!(moved.iter().all(|fate| fate.end == Err(Failure::Broken)), "{tally}");
    if let (Some(first), Some(last)) = (moved.first(), moved.last()) {
        assert!(
            last.due.checked_sub(first.due).unwrap() < Duration::from_millis(200),
            "all at one moment: {moved:?}"
        );
    }
    assert_eq!(tally.slower_than(Duration::from_secs(1)), 0, "{tally}");
    assert_ne!(lab.holder().name(), leader.name(), "the address moved");
    let nodes = lab.nodes(lab.holder().name()).expect("a manager with a quorum");
    let leads = |node: &&tests::lab::NodeLine| node.manager.as_deref() == Some("leader");
    let swarm = nodes.iter().find(leads).expect("Swarm has a leader");
    assert_ne!(swarm.name, leader.name(), "so did Swarm's leadership");
}
