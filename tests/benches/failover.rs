//! What a visitor notices when a host dies, is drained, or the address moves: Heliostat beside what there is without it,
//! in the same run, on the same machine.
//!
//! Each subject gets a lab of its own: three masters that are Swarm's managers and hold the address by keepalived, five
//! workers, four replicas of the web service behind HAProxy, 100 requests a second to the address. Then, a few times
//! each:
//!
//! - *worker dies*: a host with a replica loses its power. How long until the replacement answers on another host, and what
//!   becomes of the requests?
//! - *worker drained*: a host with a replica is to go on purpose.
//! - *address's host dies*: the master that holds the address loses its power. How long until the address answers?
//!
//! The figures are the middle one and the range.

#![allow(clippy::disallowed_methods, reason = "a bench reads the clock and its arguments")]
#![allow(clippy::expect_used, reason = "a bench that cannot measure must stop")]

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tests::lab::{Cut, Host, Lab, Layout, Tally, Watchfulness};
use tests::{require, wait};

const PATIENCE: Duration = Duration::from_mins(2);
const REPLICAS: usize = 4;
const WORKERS: u8 = 5;
/// How often each event is measured, unless `--rounds` says otherwise.
const ROUNDS: usize = 3;

/// Who looks after the fleet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Subject {
    /// Swarm, HAProxy and keepalived as they come.
    Defaults,
    /// The same at their best settings.
    Tuned,
    /// Heliostat drives them.
    Heliostat,
}

impl Subject {
    const ALL: [Self; 3] = [Self::Defaults, Self::Tuned, Self::Heliostat];

    const fn name(self) -> &'static str {
        match self {
            Self::Defaults => "defaults",
            Self::Tuned => "tuned",
            Self::Heliostat => "heliostat",
        }
    }

    fn start(self, lab: &Lab) {
        lab.swarm(3);
        let off_masters = lab.off_masters();
        let mut words: Vec<&str> = off_masters.iter().map(String::as_str).collect();
        if self != Self::Defaults {
            lab.host("m1").docker(&["swarm", "update", "--dispatcher-heartbeat", "1s"]);
            words.extend(["--restart-delay", "0s"]);
        }
        lab.service("web", REPLICAS, &words);
        match self {
            Self::Defaults => {
                lab.start_balancers(Watchfulness::Defaults);
                lab.start_keepalived("1");
            }
            Self::Tuned => {
                lab.start_balancers(Watchfulness::Tuned);
                lab.start_keepalived("0.1");
            }
            Self::Heliostat => lab.start_heliostat(),
        }
        lab.until_well(REPLICAS, Instant::now());
    }

    /// Sends a host's work elsewhere, on purpose.
    fn drain(self, lab: &Lab, host: &Host) {
        if self == Self::Heliostat {
            let leader = lab.holder();
            leader.heliostat(&["drain", host.name(), "--for", "5 min"]).expect("the order is taken");
        } else {
            let words = ["node", "update", "--availability", "drain", host.name()];
            lab.host("m1").docker(&words);
        }
    }

    fn resume(self, lab: &Lab, host: &Host) {
        if self == Self::Heliostat {
            let leader = lab.holder();
            leader.heliostat(&["resume", host.name()]).expect("the order is taken");
        } else {
            lab.host("m1").docker(&["node", "update", "--availability", "active", host.name()]);
        }
    }
}

/// What one event cost.
#[derive(Debug, Clone)]
struct Cost {
    /// Until the replacement, or the address, answers.
    answers: Duration,
    tally: Tally,
}

fn main() {
    if !require::lab("the failover bench") {
        return;
    }
    let words: Vec<String> = std::env::args().collect();
    let json = words.iter().any(|word| word == "--json");
    let after = |flag: &str| words.iter().position(|word| word == flag).and_then(|at| words.get(at + 1));
    let rounds = after("--rounds").and_then(|rounds| rounds.parse().ok()).unwrap_or(ROUNDS);
    let only = after("--only").cloned();
    for subject in Subject::ALL {
        if only.as_ref().is_some_and(|only| only != subject.name()) {
            continue;
        }
        let lab = Lab::up(&Layout::new(3, WORKERS));
        subject.start(&lab);
        for (event, measure) in EVENTS {
            let costs: Vec<Cost> = (0..rounds).map(|_| measure(subject, &lab)).collect();
            if json {
                println!("{}", as_json(subject, event, &costs));
            } else {
                println!("{}", as_text(subject, event, &costs));
            }
        }
    }
}

/// Measures one event on a fleet that is well, and leaves it well.
type Measure = fn(Subject, &Lab) -> Cost;

const EVENTS: [(&str, Measure); 3] =
    [("worker dies", worker_dies), ("worker drained", worker_drained), ("address's host dies", holder_dies)];

fn worker_dies(_subject: Subject, lab: &Lab) -> Cost {
    let client = lab.visitors();
    let (victim, spare) = lab.victim_and_spare();
    let begun = Instant::now();
    victim.cut(Cut::Power);
    let answers = lab.until_it_serves(spare, begun);
    let tally = lab.watch(client);
    // Swarm has a rare race when a node comes back just as it is given up.
    wait::until_true("the dead host to be down in Swarm", PATIENCE, || lab.in_swarm(victim, "down"));
    victim.restore();
    lab.until_well(REPLICAS, Instant::now());
    Cost { answers, tally }
}

fn worker_drained(subject: Subject, lab: &Lab) -> Cost {
    let client = lab.visitors();
    let (victim, spare) = lab.victim_and_spare();
    let begun = Instant::now();
    subject.drain(lab, victim);
    let answers = lab.until_it_serves(spare, begun);
    wait::until_true("the drained host to be empty", PATIENCE, || !lab.serves(victim));
    let tally = lab.watch(client);
    subject.resume(lab, victim);
    lab.until_well(REPLICAS, Instant::now());
    Cost { answers, tally }
}

fn holder_dies(_subject: Subject, lab: &Lab) -> Cost {
    let client = lab.visitors();
    let holder = lab.holder();
    let cut_at = client.now();
    holder.cut(Cut::Power);
    wait::until_true("another holder", PATIENCE, || {
        lab.holders().iter().any(|host| host.name() != holder.name())
    });
    let tally = lab.watch(client);
    let answers = tally.outage(cut_at).expect("the address answers again");
    wait::until_true("the dead master to be down in Swarm", PATIENCE, || lab.in_swarm(holder, "down"));
    holder.restore();
    lab.until_well(REPLICAS, Instant::now());
    Cost { answers, tally: tally.between(cut_at.saturating_sub(Duration::from_secs(1)), Duration::MAX) }
}

/// Least, middle and greatest.
fn spread<T: PartialOrd + Copy>(mut of: Vec<T>) -> (T, T, T) {
    of.sort_by(|one, other| one.partial_cmp(other).expect("numbers"));
    (of[0], of[of.len() / 2], of[of.len() - 1])
}

fn figures(costs: &[Cost]) -> [(&'static str, (f64, f64, f64)); 4] {
    let count = |of: fn(&Tally) -> usize| spread(costs.iter().map(|cost| of(&cost.tally) as f64).collect());
    [
        ("answers_s", spread(costs.iter().map(|cost| cost.answers.as_secs_f64()).collect())),
        ("failed", count(Tally::failed)),
        ("slower_than_500_ms", count(|tally| tally.slower_than(Duration::from_millis(500)))),
        ("slower_than_1_s", count(|tally| tally.slower_than(Duration::from_secs(1)))),
    ]
}

fn as_json(subject: Subject, event: &str, costs: &[Cost]) -> Value {
    let mut line =
        json!({ "bench": "failover", "subject": subject.name(), "event": event, "rounds": costs.len() });
    for (name, (least, middle, greatest)) in figures(costs) {
        line[name] = json!({ "min": least, "median": middle, "max": greatest });
    }
    line
}

fn as_text(subject: Subject, event: &str, costs: &[Cost]) -> String {
    let [answers, failed, half, whole] = figures(costs).map(|(_, figures)| figures);
    let counts =
        |(least, middle, greatest): (f64, f64, f64)| format!("{middle:.0} ({least:.0}-{greatest:.0})");
    format!(
        "{:10} {event:20} answers after {:5.2} s ({:.2}-{:.2}); failed {}, over 0.5 s {}, over 1 s {}",
        subject.name(),
        answers.1,
        answers.0,
        answers.2,
        counts(failed),
        counts(half),
        counts(whole),
    )
}
