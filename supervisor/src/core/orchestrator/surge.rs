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

/// The surge to begin now, or by how much the one that is under way is to grow, because more nodes leave; `None` when there
/// is nothing to begin. Each task that leaves gets a replacement of its own, as far as there is room.
pub(super) fn wanted(picture: &Picture<'_>, id: &str, service: &Service) -> Option<Surge> {
    let open = Surge::of(service);
    if open.is_none() && service.labels.contains_key(labels::SURGE) {
        // Its owner said another number meanwhile: first that label goes.
        return None;
    }
    let Surge { base, extra: open, .. } =
        open.unwrap_or(Surge { base: service.replicas?, extra: 0, for_balance: false });
    // Replacements that wait for a node have first call on what is free.
    let waiting = picture.tasks_of(id).filter(|task| task.node.is_none()).count() as u64;
    let room = room(picture, id, service).saturating_sub(waiting);
    let most = open.saturating_add(room).min(allowed(service, base));
    let extra = picture.leaving_tasks(id).min(most);
    let lacking = picture.placed_tasks(id) + waiting < base;
    (lacking && extra > open).then_some(Surge { base, extra, for_balance: false })
}

/// For how many more tasks there is a node.
pub(super) fn room(picture: &Picture<'_>, id: &str, service: &Service) -> u64 {
    let nodes = picture
        .seen
        .nodes
        .iter()
        .filter(|(node_id, node)| picture.has_room(node_id, node, id, service))
        .count() as u64;
    if service.one_per_node || nodes == 0 { nodes } else { u64::MAX }
}

/// Whether another replica may run beside those that are wanted, and beside a surge that is under way.
pub(super) fn may_grow(service: &Service) -> bool {
    let open = Surge::of(service).map(|surge| (surge.base, surge.extra));
    let (base, extra) = open.unwrap_or((service.replicas.unwrap_or(0), 0));
    allowed(service, base) > extra
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

/// Begins every surge that is wanted, or lets it grow.
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

/// All that leave are drained, and what is wanted runs elsewhere, or nothing more can run.
fn is_over(picture: &Picture<'_>, id: &str, service: &Service, surge: Surge, drained: &[&str]) -> bool {
    let still_there = picture
        .tasks_of(id)
        .filter_map(|task| task.node.as_deref())
        .filter(|node| picture.goes(node) && !drained.contains(node))
        .any(|node| {
            let node = picture.seen.nodes.get(node);
            node.is_some_and(|node| node.availability != super::seen::Availability::Drain)
        });
    let wanted = if surge.for_balance { surge.base + surge.extra } else { surge.base };
    let served = picture.staying_tasks(id, service);
    let may_come = room(picture, id, service) > 0 || picture.placed_tasks(id) > served;
    !still_there && (served >= wanted || !may_come)
}

pub(super) fn change(
    id: &str,
    service: &Service,
    edit: Edit,
    labels: BTreeMap<String, Option<String>>,
) -> Change {
    Change { id: id.to_owned(), version: service.version, edit, labels }
}
