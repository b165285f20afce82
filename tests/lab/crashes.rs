//! Programs that die or are restarted: all is as wanted again, with nobody's help.

use std::time::{Duration, Instant};

use supervisor::io::Timestamp;
use tests::lab::{
    Failure, Host, Lab, NodeLine, Part, Spread, Tally, WEB_PORT, Watchfulness, haproxy_config, rounds, sum_up,
};
use tests::{require, wait};

use crate::course;
use crate::fleet::{REPLICAS, fleet};

/// What is aimed at, and printed beside what it took.
const TARGET: Duration = Duration::from_secs(10);
/// Longer than this, and something waits for what nobody does: also on a machine that is busy otherwise.
const BOUND: Duration = Duration::from_mins(1);
/// Swarm elects a leader by itself (10 to 19 s), and may hold a node down from then on: it is healed after 20 s, and an engine takes
/// up to 20 s to end and to be back.
const BOUND_OF_LEADER: Duration = Duration::from_secs(90);
const PATIENCE: Duration = Duration::from_mins(2);

/// Disturbs it as often as rounds are wanted, and sees it well each time.
fn well_again(lab: &Lab, what: &str, disturb: impl Fn(&Lab)) {
    well_again_within(BOUND, lab, what, disturb);
}

fn well_again_within(bound: Duration, lab: &Lab, what: &str, disturb: impl Fn(&Lab)) {
    let outcomes = (0..rounds(1)).map(|_| {
        let (after, tally) = once_well_again(lab, what, &disturb);
        assert!(after <= bound, "{what}: {after:?}");
        (after, tally)
    });
    let (times, tallies): (Vec<Duration>, Vec<Tally>) = outcomes.unzip();
    println!("{}; well again after {:.1} s", sum_up(what, &tallies), Spread::of_times(times));
}

fn once_well_again(lab: &Lab, what: &str, disturb: impl Fn(&Lab)) -> (Duration, Tally) {
    let visitors = lab.visitors();
    let (begun, at) = (Instant::now(), Timestamp::now());
    disturb(lab);
    let after = lab.until_well(REPLICAS, begun);
    let tally = visitors.finish();
    println!(
        "{what}: well again after {:.1} s (aimed at: {} s); {tally}",
        after.as_secs_f64(),
        TARGET.as_secs()
    );
    if after > TARGET {
        println!("{}", course::of_leader(lab, at));
    }
    (after, tally)
}

#[test]
fn a_keepalived_that_is_killed_on_the_leading_master_is_made_up_for() {
    if !require::lab("a_keepalived_that_is_killed_on_the_leading_master_is_made_up_for") {
        return;
    }
    let lab = fleet(3);
    well_again(&lab, "keepalived killed where two others stand by", |lab| {
        crash(lab.holder(), Part::Keepalived);
    });
    well_again(&lab, "HAProxy restarted there", |lab| lab.holder().restart(Part::Haproxy));
    lab.leave();
}

#[test]
fn a_manager_whose_engine_is_restarted_is_made_up_for() {
    if !require::lab("a_manager_whose_engine_is_restarted_is_made_up_for") {
        return;
    }
    let lab = fleet(3);
    for (what, leads, bound) in
        [("a manager's", false, BOUND), ("the leading manager's", true, BOUND_OF_LEADER)]
    {
        well_again_within(bound, &lab, &format!("{what} dockerd restarted"), |lab| {
            manager(lab, leads).restart(Part::Dockerd);
        });
    }
    lab.leave();
}

/// One of three managers that all answer: the one that leads, or the first one that follows.
fn manager(lab: &Lab, leads: bool) -> &Host {
    let status = if leads { "leader" } else { "reachable" };
    let name = wait::until("three managers", PATIENCE, || {
        let nodes = lab.masters().into_iter().find_map(|master| lab.nodes(master.name()).ok())?;
        let manages = |node: &&NodeLine| matches!(node.manager.as_deref(), Some("leader" | "reachable"));
        let managers: Vec<_> = nodes.iter().filter(manages).collect();
        let found = managers.iter().find(|node| node.manager.as_deref() == Some(status))?;
        (managers.len() == 3).then(|| found.name.clone())
    });
    lab.host(&name)
}

#[test]
fn a_haproxy_with_a_line_for_each_node_knows_its_servers_when_it_is_restarted() {
    if !require::lab("a_haproxy_with_a_line_for_each_node_knows_its_servers_when_it_is_restarted") {
        return;
    }
    let lab = fleet(1);
    let master = lab.host("m1");
    let added = haproxy_config(master, Watchfulness::Driven, &[]);
    let line = |host: &Host| {
        let (name, address) = (host.name(), host.address());
        format!(
            "  server {name} {address}:{WEB_PORT} check inter 250ms fastinter 50ms fall 2 rise 2 observe layer4 \
             error-limit 3 on-error mark-down\n"
        )
    };
    let lines: String = lab.workers().into_iter().map(line).collect();
    master.configure(Part::Haproxy, &format!("{added}{lines}"));
    master.restart(Part::Haproxy);
    lab.until_well(REPLICAS, Instant::now());
    let visitors = lab.visitors();
    master.restart(Part::Haproxy);
    lab.until_well(REPLICAS, Instant::now());
    let tally = visitors.finish();
    println!("HAProxy restarted, with a line for each node: {tally}");
    let nobody = tally.failures().get(&Failure::Status(503)).copied().unwrap_or(0);
    assert_eq!(nobody, 0, "somebody found no server: {tally}");
    master.configure(Part::Haproxy, &added);
    master.restart(Part::Haproxy);
    lab.leave();
}

fn crash(host: &Host, part: Part) {
    host.kill(part);
    host.start(part);
}

#[test]
fn after_a_crash_of_any_program_all_is_as_wanted_again() {
    if !require::lab("after_a_crash_of_any_program_all_is_as_wanted_again") {
        return;
    }
    let lab = fleet(1);
    well_again(&lab, "supervisor killed", |lab| crash(lab.host("m1"), Part::Supervisor));
    well_again(&lab, "HAProxy restarted", |lab| lab.host("m1").restart(Part::Haproxy));
    well_again(&lab, "keepalived killed", |lab| crash(lab.host("m1"), Part::Keepalived));
    well_again(&lab, "agent killed", |lab| crash(lab.victim_and_spare().0, Part::Agent));
    well_again(&lab, "a worker's dockerd restarted", |lab| lab.victim_and_spare().0.restart(Part::Dockerd));
    well_again(&lab, "a worker's dockerd killed", |lab| crash(lab.victim_and_spare().0, Part::Dockerd));
    lab.leave();
}
