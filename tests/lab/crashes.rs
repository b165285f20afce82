//! Programs that die or are restarted: all is as wanted again, with nobody's help.

use std::time::{Duration, Instant};

use tests::lab::{Host, Lab, Part};
use tests::require;

use crate::fleet::{REPLICAS, fleet};

/// What is aimed at, and printed beside what it took.
const TARGET: Duration = Duration::from_secs(10);
/// Longer than this, and something waits for what nobody does: also on a machine that is busy otherwise.
const BOUND: Duration = Duration::from_mins(1);

fn well_again(lab: &Lab, what: &str, disturb: impl FnOnce(&Lab)) {
    let visitors = lab.visitors();
    let begun = Instant::now();
    disturb(lab);
    let after = lab.until_well(REPLICAS, begun);
    let tally = visitors.finish();
    println!(
        "{what}: well again after {:.1} s (aimed at: {} s); {tally}",
        after.as_secs_f64(),
        TARGET.as_secs()
    );
    assert!(after <= BOUND, "{what}: {after:?}");
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
