//! Batteries that fall while visitors come: nobody may notice.

use std::time::Duration;

use protocol::Soc;
use tests::lab::{Host, Lab, Tally, rounds, sum_up};
use tests::{require, wait};

use crate::fleet::{REPLICAS, fleet};

const PATIENCE: Duration = Duration::from_mins(2);
/// A battery falls from full to empty in this time: a minute for a night.
const NIGHT: Duration = Duration::from_mins(1);
/// Batteries that fall one after another are so far apart.
const APART: Duration = Duration::from_secs(12);

/// Empties a host's battery until its agent has powered it off.
pub(crate) fn fall(lab: &Lab, host: &Host) {
    lab.supply(&host.plan().supply).go_to(Soc::from_percent(20.0), NIGHT);
    wait::until_true(format!("{} to power itself off", host.name()), PATIENCE, || !host.is_on());
}

/// A visitor waits this long on a machine that does ten other things; a second is aimed at, and what was slower is printed.
const VISITORS_PATIENCE: Duration = Duration::from_secs(3);

/// Nobody's request failed, and nobody waited long.
fn nobody_noticed(what: &str, tally: &Tally) {
    println!("{what}: {tally}");
    assert_eq!(tally.failed(), 0, "{what}: {tally}");
    assert_eq!(tally.slower_than(VISITORS_PATIENCE), 0, "{what}: {tally}");
}

#[test]
fn a_node_whose_battery_falls_to_halt_loses_no_request() {
    if !require::lab("a_node_whose_battery_falls_to_halt_loses_no_request") {
        return;
    }
    let what = "a worker's battery falls to halt";
    let tallies: Vec<Tally> = (0..rounds(1)).map(|_| one_falls(what)).collect();
    println!("{}", sum_up(what, &tallies));
}

fn one_falls(what: &str) -> Tally {
    let lab = fleet(1);
    let (victim, spare) = lab.victim_and_spare();
    let visitors = lab.visitors();
    fall(&lab, victim);
    let tally = lab.watch(visitors);
    nobody_noticed(what, &tally);
    assert!(lab.serves(spare), "its replica moved to the host that had none");
    tally
}

#[test]
fn batteries_of_all_replicas_that_fall_one_after_another_lose_no_request() {
    if !require::lab("batteries_of_all_replicas_that_fall_one_after_another_lose_no_request") {
        return;
    }
    let what = "the batteries of all replicas fall, one after another";
    let tallies: Vec<Tally> = (0..rounds(1)).map(|_| all_fall(what)).collect();
    println!("{}", sum_up(what, &tallies));
}

fn all_fall(what: &str) -> Tally {
    let lab = fleet(1);
    let (serving, spare): (Vec<&Host>, Vec<&Host>) =
        lab.workers().into_iter().partition(|host| lab.serves(host));
    assert_eq!(serving.len(), REPLICAS);
    let visitors = lab.visitors();
    for (index, host) in (0..).zip(&serving) {
        lab.supply(&host.plan().supply).go_to(Soc::from_percent(20.0), NIGHT + APART * index);
    }
    for host in &serving {
        wait::until_true(format!("{} to power itself off", host.name()), PATIENCE, || !host.is_on());
    }
    let tally = lab.watch(visitors);
    nobody_noticed(what, &tally);
    assert!(lab.serves(spare[0]), "the last one serves");
    tally
}
