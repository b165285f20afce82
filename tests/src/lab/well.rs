//! Is the fleet well, and what do visitors notice? What tests and benches of whole fleets share.

use std::time::{Duration, Instant};

use super::Lab;
use super::client::{Client, Tally};
use super::config::WEB_PORT;
use super::host::{Host, stage_in};
use super::swarm::NodeLine;
use crate::wait;

/// A fleet that is not well after this long does not become so by itself.
const PATIENCE: Duration = Duration::from_mins(5);
/// What was missing is shown where it took longer.
const LONG: Duration = Duration::from_secs(7);
/// Requests a second of [`Lab::visitors`].
pub const RATE: u32 = 100;
/// ... and of those who look whether all replicas serve them: another rate, or the two would take turns for seconds, and each of
/// them be served by every other replica only.
const PROBING_RATE: u32 = 87;
/// Visitors are watched for so long after an event: what hangs has ended by then.
const AFTER: Duration = Duration::from_secs(6);
/// So many requests in a row must be answered, by every replica, for visitors to call it well.
const IN_A_ROW: usize = 100;

impl Lab {
    /// Whether the web service answers on a host.
    pub fn serves(&self, host: &Host) -> bool {
        self.ask(host.address(), WEB_PORT, "/", Duration::from_millis(500)).is_ok()
    }

    /// Whether a manager that can be asked, and is not the host itself, shows it in this state.
    pub fn in_swarm(&self, host: &Host, state: &str) -> bool {
        let mut managers = self.masters().into_iter().filter(|master| master.name() != host.name());
        let nodes = managers.find_map(|master| self.nodes(master.name()).ok());
        let nodes = nodes.or_else(|| self.nodes(host.name()).ok()).unwrap_or_default();
        nodes.iter().any(|node| node.name == host.name() && node.state == state)
    }

    /// A worker with a replica, and one that has none.
    ///
    /// # Panics
    /// When there is no such.
    pub fn victim_and_spare(&self) -> (&Host, &Host) {
        let (serving, idle): (Vec<&Host>, Vec<&Host>) =
            self.workers().into_iter().partition(|host| self.serves(host));
        (serving.last().expect("a replica"), idle.first().expect("a worker without a replica"))
    }

    /// Waits until the web service answers on a host, and says how long that took from a moment on.
    pub fn until_it_serves(&self, host: &Host, begun: Instant) -> Duration {
        wait::until_true(format!("the service on {}", host.name()), PATIENCE, || self.serves(host));
        begun.elapsed()
    }

    /// Waits until every host takes work in Swarm and is in no stage of saving, this many replicas answer, and visitors of the address are served by each of
    /// them without a failure. Says how long that took from a moment on.
    ///
    /// # Panics
    /// When it does not become so; with what was missing.
    pub fn until_well(&self, replicas: usize, begun: Instant) -> Duration {
        let mut course: Vec<(Duration, String)> = Vec::new();
        loop {
            let missing = self.what_is_missing(replicas);
            // Visitors begin now; their own second is not part of the answer.
            let looked = begun.elapsed();
            let missing = missing.or_else(|| self.what_visitors_miss(replicas));
            let Some(missing) = missing else {
                show_course(&course, looked);
                return looked;
            };
            if course.last().is_none_or(|(_, last)| *last != missing) {
                course.push((looked, missing.clone()));
            }
            assert!(
                begun.elapsed() < PATIENCE,
                "not well after {PATIENCE:?}: {missing}\n{}",
                self.what_swarm_says()
            );
        }
    }

    /// Nodes and tasks, as the first manager that answers shows them.
    fn what_swarm_says(&self) -> String {
        let ask = |master: &&Host| {
            let services = master.try_docker(&["service", "ls", "-q"]).ok()?;
            let tasks = services
                .lines()
                .filter_map(|id| master.try_docker(&["service", "ps", "--no-trunc", id]).ok());
            Some(master.try_docker(&["node", "ls"]).ok()? + &tasks.collect::<String>())
        };
        self.masters().iter().find_map(ask).unwrap_or_else(|| "no manager answers".to_owned())
    }

    fn what_is_missing(&self, replicas: usize) -> Option<String> {
        let nodes = self.masters().iter().find_map(|master| self.nodes(master.name()).ok());
        let Some(nodes) = nodes else { return Some("no manager answers".to_owned()) };
        let works = |node: &NodeLine| node.state == "ready" && node.availability == "active";
        if let Some(node) = nodes.iter().find(|node| !works(node)) {
            return Some(format!("{} is {} and {} in Swarm", node.name, node.state, node.availability));
        }
        let serving = self.workers().into_iter().filter(|host| self.serves(host)).count();
        if serving != replicas {
            return Some(format!("{serving} of {replicas} replicas answer"));
        }
        let [holder] = self.holders()[..] else {
            return Some(format!("{} masters hold the address", self.holders().len()));
        };
        // Where no supervisor is asked, nobody saves either.
        let fleet = holder.fleet()?;
        let saves = |host: &&Host| stage_in(&fleet, host.name()).is_none_or(|stage| stage != "normal");
        self.hosts()
            .iter()
            .find(saves)
            .map(|host| format!("{} is in {:?}", host.name(), stage_in(&fleet, host.name())))
    }

    fn what_visitors_miss(&self, replicas: usize) -> Option<String> {
        let client = self.client(self.address(), PROBING_RATE);
        wait::until_true("some requests to end", PATIENCE, || client.so_far().fates().len() >= IN_A_ROW);
        let tally = client.finish();
        let served = tally.failed() == 0 && tally.by_host().len() == replicas;
        (!served).then(|| format!("visitors are not served by all: {tally}"))
    }

    /// Visitors of the address, already served for a second.
    pub fn visitors(&self) -> Client {
        let client = self.client(self.address(), RATE);
        wait::until_true("visitors to be served", PATIENCE, || client.so_far().fates().len() > IN_A_ROW);
        client
    }

    /// What became of visitors, some seconds after an event.
    pub fn watch(&self, client: Client) -> Tally {
        let until = client.now() + AFTER;
        wait::until_true("the time after", PATIENCE, || client.now() >= until);
        client.finish()
    }

    /// The host that holds the address. In a split network there may be another.
    ///
    /// # Panics
    /// When nobody takes it.
    pub fn holder(&self) -> &Host {
        wait::until("somebody to hold the address", PATIENCE, || self.holders().into_iter().next())
    }
}

/// Says what was missing since when, where it took long.
fn show_course(course: &[(Duration, String)], well: Duration) {
    if well < LONG {
        return;
    }
    for (since, missing) in course {
        println!("  from {:.1} s on: {missing}", since.as_secs_f64());
    }
}
