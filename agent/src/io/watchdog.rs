//! The board's watchdog, petted from the loop: should the loop hang, or the kernel, the board starts anew.
//!
//! For boards without systemd; where there is systemd, that holds the watchdog (`deploy/heliostat-watchdog.conf`), and
//! looks after this program by `WatchdogSec`.

use std::time::{Duration, Instant};

use hardware::linux::Root;
use hardware::linux::watchdog::{Facts, Watchdog as Device, facts};
use tracing::{error, info, warn};

use crate::config;

/// Between two signs of life where the kernel does not say how long the watchdog waits: a third of the least that is usual,
/// which is the 15 s of a Pi.
const UNKNOWN: Duration = Duration::from_secs(5);
/// Never more often.
const LEAST: Duration = Duration::from_secs(1);

/// The watchdog, if one is configured and could be had.
#[derive(Debug)]
pub struct Watchdog {
    device: Option<Device>,
    interval: Duration,
    due: Instant,
    /// The last sign of life was refused, and that was said.
    refused: bool,
}

impl Watchdog {
    /// Starts it. One that cannot be had is an error in the log: a node without a watchdog is better than one without an agent.
    pub fn start(root: &Root, wanted: Option<&config::Watchdog>) -> Self {
        let mut dog = Self { device: None, interval: UNKNOWN, due: Instant::now(), refused: false };
        let Some(wanted) = wanted else { return dog };
        match Device::open(root, &wanted.device) {
            Ok(device) => {
                let facts = facts(root, &wanted.device);
                dog.interval = interval(&facts);
                dog.device = Some(device);
                tell(&facts, dog.interval);
            }
            Err(error) => error!("no watchdog: {error}"),
        }
        dog
    }

    /// Pets it if that is due; says when it is due next.
    pub fn keep_alive(&mut self) -> Option<Instant> {
        let device = self.device.as_mut()?;
        let now = Instant::now();
        if self.due <= now {
            self.due = now + self.interval;
            match device.pet() {
                Ok(()) => self.refused = false,
                Err(error) if !self.refused => {
                    self.refused = true;
                    error!("the watchdog takes no sign of life, the board may start anew: {error}");
                }
                Err(_) => {}
            }
        }
        Some(self.due)
    }

    /// Stops it: the program ends on purpose.
    pub fn stop(self) {
        if let Some(Err(error)) = self.device.map(Device::close) {
            error!("the watchdog does not stop: {error}");
        }
    }
}

/// A third of what it waits: two signs of life may be late.
fn interval(facts: &Facts) -> Duration {
    facts.timeout.map_or(UNKNOWN, |timeout| (timeout / 3).max(LEAST))
}

fn tell(facts: &Facts, interval: Duration) {
    let identity = facts.identity.as_deref().unwrap_or("of a kind that the kernel does not tell");
    let waits = facts.timeout.map(|timeout| format!("waits {} s, ", timeout.as_secs())).unwrap_or_default();
    info!("watchdog: {identity}, {waits}petted every {} s", interval.as_secs());
    if facts.nowayout == Some(true) {
        warn!(
            "this watchdog cannot be stopped: the board starts anew when the agent is stopped and not started again"
        );
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use super::*;

    fn made(timeout: Option<&str>) -> (tempfile::TempDir, Watchdog) {
        let tree = tempfile::tempdir().unwrap();
        let folder = tree.path().join("sys/class/watchdog/watchdog0");
        fs::create_dir_all(&folder).unwrap();
        fs::create_dir(tree.path().join("dev")).unwrap();
        fs::write(tree.path().join("dev/watchdog"), "").unwrap();
        if let Some(timeout) = timeout {
            fs::write(folder.join("timeout"), timeout).unwrap();
        }
        let wanted = config::Watchdog { device: PathBuf::from("/dev/watchdog") };
        let dog = Watchdog::start(&Root::at(tree.path()), Some(&wanted));
        (tree, dog)
    }

    fn said(tree: &tempfile::TempDir) -> Vec<u8> {
        fs::read(tree.path().join("dev/watchdog")).unwrap()
    }

    #[test]
    fn it_is_petted_when_that_is_due_and_not_each_time_that_the_loop_turns() {
        let (tree, mut dog) = made(Some("15"));
        assert_eq!(dog.interval, Duration::from_secs(5));
        let due = dog.keep_alive().unwrap();
        assert_eq!(dog.keep_alive(), Some(due));
        assert_eq!(said(&tree), [0]);
        dog.due = Instant::now();
        assert!(dog.keep_alive().unwrap() > due);
        assert_eq!(said(&tree), [0, 0]);
    }

    #[test]
    fn an_orderly_end_stops_it_and_a_crash_does_not() {
        let (tree, mut dog) = made(None);
        assert_eq!(dog.interval, UNKNOWN);
        dog.keep_alive();
        dog.stop();
        assert_eq!(said(&tree), [0, b'V']);
        let (tree, mut dog) = made(Some("2"));
        assert_eq!(dog.interval, LEAST);
        dog.keep_alive();
        drop(dog);
        assert_eq!(said(&tree), [0]);
    }

    #[test]
    fn none_wanted_and_none_there_are_no_reason_to_wake() {
        let tree = tempfile::tempdir().unwrap();
        let root = Root::at(tree.path());
        assert_eq!(Watchdog::start(&root, None).keep_alive(), None);
        let wanted = config::Watchdog { device: PathBuf::from("/dev/watchdog") };
        let mut absent = Watchdog::start(&root, Some(&wanted));
        assert_eq!(absent.keep_alive(), None);
        absent.stop();
    }
}
