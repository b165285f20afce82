//! Replacement first: one replica more is a new slot, and Swarm starts a new slot at once. An old slot's replacement waits
//! for the old task's end, and on a node that is gone for Swarm to notice (swarmkit's restart supervisor).
//!
//! The nodes that leave are paused, so that the new task lands elsewhere; when it serves, they are drained, and the number
//! of replicas goes back **in the same breath**: of its slots Swarm gives up one that does not run first, and that is the
//! slot whose old task just ended.

use std::collections::BTreeMap;

use super::labels::{self, Surge};
use super::picture::Picture;
use super::seen::{Change, Edit, Service};

/// The surge to begin now, or that is lacking replicas; `None` when there is nothing to begin.
pub(super) fn wanted(picture: &Picture<'_>, id: &str, service: &Service) -> Option<Surge> {
    let replicas = service.replicas?;
    if Surge::of(service).is_some() {
        return None;
    }
    let leaving = picture.leaving_tasks(id);
    let extra = leaving.min(room(picture, id, service)).min(allowed(service, replicas));
    (extra > 0).then_some(Surge { base: replicas, extra, for_balance: false })
}

/// For how many more tasks there is a node.
fn room(picture: &Picture<'_>, id: &str, service: &Service) -> u64 {
    let nodes = picture
        .seen
        .nodes
        .iter()
        .filter(|(node_id, node)| picture.has_room(node_id, node, id, service))
        .count() as u64;
    if service.one_per_node || nodes == 0 { nodes } else { u64::MAX }
}

/// How many more replicas may run at one moment: up to the owner's `max`. Where nothing is said, one that is alone and
/// not updated `start-first` may be a database, of which there must never be two.
fn allowed(service: &Service, replicas: u64) -> u64 {
    match labels::replicas_max(service) {
        Some(max) => max.saturating_sub(replicas),
        None if replicas >= 2 || service.start_first => u64::MAX,
        None => 0,
    }
}

/// Begins every surge that is wanted.
pub(super) fn begin(picture: &Picture<'_>, changes: &mut Vec<Change>) {
    for (id, service) in &picture.seen.services {
        if let Some(surge) = wanted(picture, id, service) {
            let edit = Edit::Service { replicas: Some(surge.base + surge.extra) };
            changes.push(change(id, service, edit, labels::set(labels::SURGE, &surge)));
        }
    }
}

/// Ends every surge that has done its work. `drained` are the nodes that are drained in this same breath.
pub(super) fn end(picture: &Picture<'_>, drained: &[&str], changes: &mut Vec<Change>) {
    for (id, service) in &picture.seen.services {
        if !service.labels.contains_key(labels::SURGE) {
            continue;
        }
        let Some(surge) = Surge::of(service) else {
            // Its owner said another number meanwhile: that one stands.
            changes.push(change(id, service, Edit::Service { replicas: None }, labels::unset(labels::SURGE)));
            continue;
        };
        if is_over(picture, id, service, surge, drained) {
            let edit = Edit::Service { replicas: Some(surge.base) };
            changes.push(change(id, service, edit, labels::unset(labels::SURGE)));
        }
    }
}

/// All that leave are drained, and what is wanted runs elsewhere.
fn is_over(picture: &Picture<'_>, id: &str, service: &Service, surge: Surge, drained: &[&str]) -> bool {
    let still = picture
        .tasks_of(id)
        .filter_map(|task| task.node.as_deref())
        .filter(|node| picture.goes(node) && !drained.contains(node))
        .filter(|node| {
            picture
                .seen
                .nodes
                .get(*node)
                .is_some_and(|node| node.availability != super::seen::Availability::Drain)
        })
        .count();
    let wanted = if surge.for_balance { surge.base + surge.extra } else { surge.base };
    // Where there was room for fewer than leave, fewer run.
    let leavers =
        picture.tasks_of(id).filter(|task| task.node.as_deref().is_some_and(|node| drained.contains(&node)));
    let missing = (leavers.count() as u64).saturating_sub(surge.extra);
    still == 0 && picture.staying_tasks(id, service) + missing >= wanted
}

pub(super) fn change(
    id: &str,
    service: &Service,
    edit: Edit,
    labels: BTreeMap<String, Option<String>>,
) -> Change {
    Change { id: id.to_owned(), version: service.version, edit, labels }
}
