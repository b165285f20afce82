//! Fleets that tests use one after the other: to build one takes half a minute.

use std::ops::Deref;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use tests::lab::{Host, Lab, Layout};

/// So many replicas of the service, on the five workers.
pub(crate) const REPLICAS: usize = 4;
const WORKERS: u8 = 5;

/// The fleet that the last test left, and how many masters it has.
static LEFT: Mutex<Option<Fleet>> = Mutex::new(None);

/// A fleet under Heliostat. It goes with its test, unless that leaves it.
pub(crate) struct Fleet {
    masters: u8,
    lab: Lab,
}

/// So many masters and five workers, four of them with a replica of the service, all under Heliostat, well.
pub(crate) fn fleet(masters: u8) -> Fleet {
    let left = LEFT.lock().unwrap_or_else(PoisonError::into_inner).take();
    match left {
        Some(fleet) if fleet.masters == masters => {
            fleet.until_well(REPLICAS, Instant::now());
            fleet
        }
        // Gone before the next one is built.
        other => {
            drop(other);
            Fleet { masters, lab: build(masters) }
        }
    }
}

impl Fleet {
    /// Leaves it for the next test. Not where a battery fell: who fed a node with twenty amperes for a minute has taught the
    /// planner a load that it does not forget before the next night.
    pub(crate) fn leave(self) {
        *LEFT.lock().unwrap_or_else(PoisonError::into_inner) = Some(self);
    }
}

fn build(masters: u8) -> Lab {
    let begun = Instant::now();
    let lab = Lab::up(&Layout::new(masters, WORKERS));
    lab.swarm(usize::from(masters));
    // With 1 s, nodes that register late with a new leader of Swarm are called down, and their work is moved for nothing.
    lab.host("m1").docker(&["swarm", "update", "--dispatcher-heartbeat", "2s"]);
    let off_masters = lab.off_masters();
    let mut words: Vec<&str> = off_masters.iter().map(String::as_str).collect();
    words.extend(["--restart-delay", "0s"]);
    lab.service("web", REPLICAS, &words);
    lab.start_heliostat();
    lab.until_well(REPLICAS, Instant::now());
    println!("{masters} masters and {WORKERS} workers are well after {:.1} s", begun.elapsed().as_secs_f64());
    lab
}

impl Deref for Fleet {
    type Target = Lab;

    fn deref(&self) -> &Lab {
        &self.lab
    }
}

/// What a master's supervisor wrote down, for when a test fails.
pub(crate) fn journal(master: &Host) -> String {
    master.heliostat(&["events", "-n", "200"]).unwrap_or_else(|error| error)
}
