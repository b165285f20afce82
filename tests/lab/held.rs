//! A worker that Swarm holds down although its engine and its agent answer.

use std::time::{Duration, Instant};

use tests::lab::{Host, Part};
use tests::{require, wait};

use crate::fleet::{REPLICAS, fleet, journal};

const PATIENCE: Duration = Duration::from_mins(3);

/// Adds or removes the rule by which the host's engine reaches no manager any more.
fn managers_are_out_of_reach(host: &Host, out_of_reach: bool) {
    let change = if out_of_reach { "-I" } else { "-D" };
    let words = ["iptables", "-w", change, "OUTPUT", "-p", "tcp", "--dport", "2377", "-j", "DROP"];
    assert!(host.inside(&words).status().expect("iptables").success(), "{words:?}");
}

/// What the master's supervisor answers, without its line breaks.
fn says(master: &Host, words: &[&str]) -> String {
    let said = master.heliostat(words).unwrap_or_else(|error| error);
    said.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn a_worker_that_swarm_holds_down_though_it_answers_gets_a_new_engine_and_works_again() {
    if !require::lab("a_worker_that_swarm_holds_down_though_it_answers_gets_a_new_engine_and_works_again") {
        return;
    }
    let lab = fleet(1);
    let (held, _) = lab.victim_and_spare();
    let master = lab.host("m1");
    let visitors = lab.visitors();
    let before = held.pid(Part::Dockerd).expect("an engine");
    let begun = Instant::now();
    managers_are_out_of_reach(held, true);
    wait::until_true("Swarm to call it down", PATIENCE, || lab.in_swarm(held, "down"));
    // As with the real hazard: this engine stays unheard for good, and only a new one is heard.
    wait::until_true("a new engine", PATIENCE, || held.pid(Part::Dockerd).is_some_and(|pid| pid != before));
    let restarted = begun.elapsed();
    managers_are_out_of_reach(held, false);
    let well = lab.until_well(REPLICAS, begun);
    wait::until_true("the agent's answer in the journal", PATIENCE, || {
        says(master, &["events", "-n", "200"]).contains("its agent restarted Docker")
    });
    let tally = visitors.finish();
    println!(
        "held down by Swarm: a new engine after {:.1} s, well after {:.1} s; {tally}",
        restarted.as_secs_f64(),
        well.as_secs_f64()
    );
    assert_eq!(tally.failed(), 0, "{tally}\n{}", journal(master));
    let words = "Swarm calls it down though it answers: its agent is to restart Docker";
    assert!(says(master, &["events", "-n", "200"]).contains(words), "{}", journal(master));
    assert!(says(master, &["why", held.name()]).contains("its agent restarted Docker"));
    lab.leave();
}
