//! How many replicas a service with bounds of its own has: one for each node that goes on, between `heliostat.replicas.min`
//! and `heliostat.replicas.max`. Fewer nodes at night run fewer, and the morning brings them back. And, where it is wanted,
//! one task at a time moves to a node that came back and stands empty.

use super::constraint;
use super::labels::{self, Surge};
use super::picture::Picture;
use super::seen::{Change, Edit, Service, SwarmNode};
use super::surge::change;

/// Follows the nodes. Down only by slots that do not run, so that nobody who serves is stopped for it; up only when all run.
pub(super) fn follow(picture: &Picture<'_>, changes: &mut Vec<Change>) {
    for (id, service) in &picture.seen.services {
        let (Some(replicas), Some((min, max))) = (service.replicas, labels::replica_bounds(service)) else {
            continue;
        };
        if service.labels.contains_key(labels::SURGE) {
            continue;
        }
        let fits = |(node_id, node): &(&String, &SwarmNode)| {
            picture.stays(node_id, node) && constraint::fits(&service.constraints, node_id, node)
        };
        let nodes = picture.seen.nodes.iter().filter(fits).count() as u64;
        let target = nodes.clamp(min, max);
        let running = picture.tasks_of(id).filter(|task| task.running).count() as u64;
        let fits = if target < replicas { running <= target } else { running >= replicas };
        if target != replicas && fits {
            let edit = Edit::Service { replicas: Some(target) };
            changes.push(change(id, service, edit, std::collections::BTreeMap::new()));
        }
    }
}

/// The service of which a task is moved to a node that stands empty: one replica more, and Swarm's own choice of where it is
/// crowded ends one.
pub(super) fn crowded<'a>(picture: &Picture<'a>) -> Option<(&'a str, &'a Service, Surge)> {
    let seen = picture.seen;
    seen.services.iter().find_map(|(id, service)| {
        let replicas = service.replicas.filter(|replicas| *replicas >= 2)?;
        let all_run =
            picture.tasks_of(id).count() as u64 == replicas && picture.tasks_of(id).all(|task| task.running);
        let may = service.constraints.is_empty()
            && !service.labels.contains_key(labels::SURGE)
            && labels::replicas_max(service).is_none_or(|max| max > replicas)
            && !seen
                .nodes
                .iter()
                .any(|(node, _)| picture.goes(node) && picture.tasks_on(node).next().is_some());
        let count = |node: &str| picture.tasks_on(node).filter(|task| task.service == *id).count();
        let most = seen.nodes.keys().map(|node| count(node)).max()?;
        let empty =
            seen.nodes.iter().any(|(node_id, node)| picture.stays(node_id, node) && count(node_id) == 0);
        let surge = Surge { base: replicas, extra: 1, for_balance: true };
        (all_run && may && most >= 2 && empty).then_some((id.as_str(), service, surge))
    })
}
