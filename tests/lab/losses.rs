//! Hosts that are gone at once, by power, wire or frost: replaced before anybody waits long.

use std::time::{Duration, Instant};

use supervisor::io::Timestamp;
use tests::lab::{Cut, Host, Lab, Spread, Tally, WEB_PORT, rounds, sum_up};
use tests::{require, wait};

use crate::course;
use crate::fleet::{REPLICAS, fleet, journal};

const PATIENCE: Duration = Duration::from_mins(2);
/// So often each way of losing a host is tried, unless `LAB_ROUNDS` says otherwise.
const ROUNDS: usize = 3;
/// Requests that fail at the most when a host is gone at once, of 100 a second: in most rounds, and in a round in which the
/// machine itself stood still. A host that nobody moves traffic away from costs hundreds.
const FAILED_MAX: (f64, f64) = (2.0, 20.0);
/// By then a replacement answers in most rounds: a quarter of what Swarm alone needs at its defaults. The bench has the figures.
const MEDIAN_MAX: Duration = Duration::from_secs(4);
/// So many false alarms in all: none is usual.
const FALSE_ALARMS_MAX: usize = 1;

/// Questions a second to the host that is to get the replacement.
const ASKED: u32 = 25;

struct Loss {
    answered: Duration,
    tally: Tally,
}

/// The worker with a replica that has not been lost for the longest time, and one without a replica: what just came back is
/// trusted less, and is not what is measured here.
fn victim_and_spare<'a>(lab: &'a Lab, been: &mut Vec<String>) -> (&'a Host, &'a Host) {
    let (serving, idle): (Vec<&Host>, Vec<&Host>) =
        lab.workers().into_iter().partition(|host| lab.serves(host));
    let last = |host: &&&Host| been.iter().rposition(|name| name == host.name());
    let victim = serving.iter().min_by_key(last).expect("a replica");
    been.push(victim.name().to_owned());
    (victim, idle.first().expect("a worker without a replica"))
}

/// Loses a host, sees its replacement serve, and gets it back.
fn lose(lab: &Lab, how: Cut, been: &mut Vec<String>) -> Loss {
    let (lost, spare) = victim_and_spare(lab, been);
    let client = lab.visitors();
    let before = course::work_in_swarm(lab);
    let (begun, cut_at) = (Instant::now(), Timestamp::now());
    lost.cut(how);
    // Asked again and again, each time anew: who is not there yet answers some questions never.
    let asking = lab.client((spare.address(), WEB_PORT).into(), ASKED);
    let first = wait::until("the replacement", PATIENCE, || {
        let answers = asking.so_far();
        answers.fates().iter().filter(|fate| fate.end.is_ok()).map(|fate| fate.due + fate.took).min()
    });
    let answered = begun.elapsed().saturating_sub(asking.now().saturating_sub(first));
    drop(asking);
    let since = client.now();
    wait::until_true("visitors to be served by the replacement", PATIENCE, || {
        client.so_far().between(since, Duration::MAX).by_host().contains_key(spare.name())
    });
    let tally = client.finish();
    let course = course::of(lab, spare, cut_at);
    println!("{course}");
    if !course.contains("replicas") {
        println!("  Swarm replaced it, and not the leader; before the cut it said:\n{before}");
    }
    println!("{how:?}: the replacement answers after {:.2} s; {tally}", answered.as_secs_f64());
    // Swarm has a rare race when a node comes back just as it is given up.
    wait::until_true("Swarm to call it down", PATIENCE, || lab.in_swarm(lost, "down"));
    lost.restore();
    let back = lab.until_well(REPLICAS, Instant::now());
    println!("{how:?}: all is well {:.1} s after it is back", back.as_secs_f64());
    Loss { answered, tally }
}

/// How often the journal says that a host is lost by its witnesses.
fn times_lost(lab: &Lab) -> usize {
    let journal = lab.host("m1").heliostat(&["events", "-n", "5000"]).expect("the journal");
    journal.matches("lost: its agent").count()
}

#[test]
fn a_node_that_is_cut_is_replaced_before_anybody_waits_long() {
    if !require::lab("a_node_that_is_cut_is_replaced_before_anybody_waits_long") {
        return;
    }
    let lab = fleet(1);
    let before = times_lost(&lab);
    let mut been = Vec::new();
    let rounds = rounds(ROUNDS);
    for how in [Cut::Power, Cut::Wire, Cut::Freeze] {
        let losses: Vec<Loss> = (0..rounds).map(|_| lose(&lab, how, &mut been)).collect();
        let answered = Spread::of_times(losses.iter().map(|loss| loss.answered));
        println!("{how:?}: replaced after {answered:.2} s, {rounds} runs");
        let tallies: Vec<Tally> = losses.into_iter().map(|loss| loss.tally).collect();
        println!("{}", sum_up(&format!("{how:?}"), &tallies));
        let journal = || journal(lab.host("m1"));
        let failed = Spread::of_counts(tallies.iter().map(Tally::failed));
        let within = failed.median <= FAILED_MAX.0 && failed.greatest <= FAILED_MAX.1;
        assert!(within, "{how:?}: failed {failed}\n{}", journal());
        assert!(answered.median < MEDIAN_MAX.as_secs_f64(), "{how:?}: {answered:.2} s\n{}", journal());
    }
    let lost = times_lost(&lab) - before;
    let false_alarms = lost.saturating_sub(3 * rounds);
    println!("{lost} losses seen of {}, {false_alarms} of them false alarms", 3 * rounds);
    assert!(lost >= 3 * rounds, "each was lost once\n{}", journal(lab.host("m1")));
    assert!(false_alarms <= FALSE_ALARMS_MAX, "{false_alarms}\n{}", journal(lab.host("m1")));
    lab.leave();
}
