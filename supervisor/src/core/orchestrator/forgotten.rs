//! Tasks that Swarm forgot: they wait for a node for good, though nodes stand ready for them.
//!
//! A leader of Swarm that takes over in the middle of things (seen after a network that had fallen in two, three times in five) can
//! keep a task pending that an earlier leader found no node for. Nothing that becomes of the nodes wakes it; a new task is
//! placed at once. So the service gets one more for each that was forgotten, and goes back to its number when what is
//! wanted runs: of its slots Swarm gives up one that does not run first, and that is the forgotten one ([`super::surge`]).
//!
//! A task may also be one too many: where a node is drained and a service goes back to its number at the same moment, Swarm may give up a
//! slot and still make a task in it (seen after one loss in five). Nothing wakes that one either, and while it waits it seems to claim
//! the next node that is free. It is gone as soon as Swarm looks at the service again, so the service is written as it is.
//!
//! A task may also wait for a reason that nobody here knows, memory that it asks for, say. Then the new one waits as well,
//! and the help is taken back and not given again for a while.

use std::collections::BTreeMap;
use std::time::Duration;

use protocol::Uptime;

use super::labels::{self, Surge};
use super::picture::Picture;
use super::seen::{Change, Edit, Service};
use super::surge;

/// Swarm places a task within a second when a node is there for it.
const FORGOTTEN: Duration = Duration::from_secs(20);
/// A service that was helped in vain is not helped again sooner.
const AGAIN: Duration = Duration::from_mins(10);

/// What is too many for so long is so for good.
const LEFT_OVER: Duration = Duration::from_secs(1);

/// Who waits, and since when.
#[derive(Debug, Default)]
pub(super) struct Forgotten {
    /// Tasks that wait though a node could take them, by service and slot.
    since: BTreeMap<(String, u64), Uptime>,
    in_vain: BTreeMap<String, Uptime>,
    /// Services with more tasks than replicas, of which one waits; since when, or since they were last written for it.
    left_over: BTreeMap<String, Uptime>,
}

impl Forgotten {
    /// Follows what Swarm shows.
    pub(super) fn follow(&mut self, picture: &Picture<'_>, now: Uptime) {
        let mut waiting = BTreeMap::new();
        for (id, service) in replicated(picture) {
            if surge::room(picture, id, service) == 0 {
                continue;
            }
            for task in picture.tasks_of(id).filter(|task| task.node.is_none()) {
                let key = (id.to_owned(), task.slot);
                let since = self.since.get(&key).copied().unwrap_or(now);
                waiting.insert(key, since);
            }
        }
        self.since = waiting;
        let too_many = |(id, service): &(&str, &Service)| {
            let tasks = picture.tasks_of(id).count() as u64;
            let waits = picture.tasks_of(id).any(|task| task.node.is_none());
            waits && service.replicas.is_some_and(|replicas| tasks > replicas)
        };
        let since = |id: &str| self.left_over.get(id).copied().unwrap_or(now);
        self.left_over =
            replicated(picture).filter(too_many).map(|(id, _)| (id.to_owned(), since(id))).collect();
    }

    /// A service that Swarm is to look at again, because a task of it is left over.
    pub(super) fn tidy(&mut self, picture: &Picture<'_>, now: Uptime) -> Option<Change> {
        let (id, since) = self.left_over.iter_mut().find(|(_, since)| now.since(**since) >= LEFT_OVER)?;
        *since = now;
        let service = picture.seen.services.get(id)?;
        Some(surge::change(id, service, Edit::Service { replicas: None }, BTreeMap::new()))
    }

    /// The next step for a service with forgotten tasks.
    pub(super) fn help(&mut self, picture: &Picture<'_>, now: Uptime) -> Option<Change> {
        self.in_vain.retain(|_, at| now.since(*at) < AGAIN);
        replicated(picture).find_map(|(id, service)| {
            let waiting = picture.tasks_of(id).filter(|task| task.node.is_none()).count();
            let forgotten = self.forgotten(id, now);
            if forgotten == 0 || picture.leaving_tasks(id) > 0 {
                return None;
            }
            match Surge::of(service) {
                None if service.labels.contains_key(labels::SURGE) => None,
                None => self.begin(id, service, forgotten as u64),
                Some(surge) => {
                    // Swarm makes the new tasks a moment after it was told.
                    let made = picture.tasks_of(id).count() as u64 >= surge.base + surge.extra;
                    let comes = picture.placed_tasks(id) > picture.staying_tasks(id, service);
                    let in_vain = made && forgotten == waiting && !comes;
                    in_vain.then(|| self.take_back(id, service, surge, now))
                }
            }
        })
    }

    fn forgotten(&self, id: &str, now: Uptime) -> usize {
        let long = |(key, since): &(&(String, u64), &Uptime)| key.0 == id && now.since(**since) >= FORGOTTEN;
        self.since.iter().filter(long).count()
    }

    fn begin(&self, id: &str, service: &Service, extra: u64) -> Option<Change> {
        if self.in_vain.contains_key(id) || !surge::may_grow(service) {
            return None;
        }
        let surge = Surge { base: service.replicas?, extra, for_balance: false };
        let edit = Edit::Service { replicas: Some(surge.base + surge.extra) };
        Some(surge::change(id, service, edit, labels::set(labels::SURGE, &surge)))
    }

    fn take_back(&mut self, id: &str, service: &Service, surge: Surge, now: Uptime) -> Change {
        self.in_vain.insert(id.to_owned(), now);
        let edit = Edit::Service { replicas: Some(surge.base) };
        surge::change(id, service, edit, labels::unset(labels::SURGE))
    }
}

/// Services that have a number of replicas.
fn replicated<'a>(picture: &Picture<'a>) -> impl Iterator<Item = (&'a str, &'a Service)> {
    let services = picture.seen.services.iter();
    services.filter(|(_, service)| service.replicas.is_some()).map(|(id, service)| (id.as_str(), service))
}
