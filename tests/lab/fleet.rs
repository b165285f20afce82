//! Fleets that tests use one after the other: to mend one takes seconds, to build one half a minute.

use std::ops::Deref;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use tests::lab::{Host, Lab, Layout};

/// So many replicas of the service, on the five workers.
pub(crate) const REPLICAS: usize = 4;
const WORKERS: u8 = 5;

/// The fleet that the last test left, and how many masters it has.
static LEFT: Mutex<Option<(u8, Lab)>> = Mutex::new(None);

/// A fleet under Heliostat. Dropped, it is left for the next test; a test that fails takes it along.
pub(crate) struct Fleet {
    masters: u8,
    lab: Option<Lab>,
}

/// So many masters and five workers, four of them with a replica of the service, all under Heliostat, well.
pub(crate) fn fleet(masters: u8) -> Fleet {
    let left = LEFT.lock().unwrap_or_else(PoisonError::into_inner).take();
    let lab = match left {
        Some((of, lab)) if of == masters => {
            lab.mend(REPLICAS);
            lab
        }
        // Gone before the next one is built.
        other => {
            drop(other);
            build(masters)
        }
    };
    Fleet { masters, lab: Some(lab) }
}

fn build(masters: u8) -> Lab {
    let begun = Instant::now();
    let lab = Lab::up(&Layout::new(masters, WORKERS));
    lab.swarm(usize::from(masters));
    lab.host("m1").docker(&["swarm", "update", "--dispatcher-heartbeat", "1s"]);
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
        self.lab.as_ref().expect("it is there until it is dropped")
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        let lab = self.lab.take();
        if !std::thread::panicking() {
            *LEFT.lock().unwrap_or_else(PoisonError::into_inner) = lab.map(|lab| (self.masters, lab));
        }
    }
}

/// What a master's supervisor wrote down, for when a test fails.
pub(crate) fn journal(master: &Host) -> String {
    master.heliostat(&["events", "-n", "200"]).unwrap_or_else(|error| error)
}
