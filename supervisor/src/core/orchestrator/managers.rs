//! Swarm's managers: who is about to go hands over first, and takes its place again when it is back.
//!
//! A manager that leads and is stopped, however cleanly, leaves the Swarm without a leader for 13 to 29 seconds; `demote`
//! hands over in a tenth of one. So before a manager goes, another node is promoted if there is one, and then it is demoted;
//! the one that leads is demoted in any case. The node that answers us goes last of all, because nothing can be said to Swarm
//! through it afterwards. Who comes back is promoted again, and its stand-in demoted once the others have caught up:
//! `reachable` alone comes too early.

use std::collections::BTreeMap;
use std::time::Duration;

use protocol::Uptime;

use super::labels;
use super::picture::{Fate, Picture};
use super::seen::{Availability, Change, Edit, SwarmNode};
use crate::core::member::Presence;

/// A manager must have been reachable for so long before it counts as caught up.
pub(super) const CAUGHT_UP: Duration = Duration::from_secs(15);
/// A stand-in must have been reachable for so long before the one that goes hands over: a manager that has not applied the promotion yet
/// does not stand for leader (etcd's raft: no campaign while a configuration change is pending), the old leader waits ten seconds for it,
/// and nothing is written meanwhile.
pub(super) const APPLIED: Duration = Duration::from_secs(3);
/// A node must have served for so long before it becomes a manager (again).
pub(super) const SETTLED: Duration = Duration::from_secs(10);
/// So many managers are kept.
const KEPT: usize = 3;

/// Since when nodes are as they are.
#[derive(Debug, Clone, Default)]
pub(super) struct Since {
    reachable: BTreeMap<String, Uptime>,
    serving: BTreeMap<String, Uptime>,
}

impl Since {
    /// Follows what is seen.
    pub(super) fn follow(&mut self, picture: &Picture<'_>, now: Uptime) {
        let keep = |map: &mut BTreeMap<String, Uptime>, holds: &dyn Fn(&str, &SwarmNode) -> bool| {
            map.retain(|id, _| picture.seen.nodes.get(id).is_some_and(|node| holds(id, node)));
            for (id, node) in &picture.seen.nodes {
                if holds(id, node) {
                    map.entry(id.clone()).or_insert(now);
                }
            }
        };
        keep(&mut self.reachable, &|_, node| is_reachable(node));
        keep(&mut self.serving, &|id, node| picture.fate(id) == Fate::Serves && node.ready);
    }

    fn has_been(map: &BTreeMap<String, Uptime>, id: &str, span: Duration, now: Uptime) -> bool {
        map.get(id).is_some_and(|since| now.since(*since) >= span)
    }
}

fn is_reachable(node: &SwarmNode) -> bool {
    node.ready && node.manager.is_some_and(|manager| manager.reachable)
}

fn is_leader(node: &SwarmNode) -> bool {
    node.manager.is_some_and(|manager| manager.leader)
}

/// One change of a role at a time: each needs the others' votes.
pub(super) fn next(picture: &Picture<'_>, since: &Since, now: Uptime) -> Option<Change> {
    hand_over(picture, since, now).or_else(|| take_back(picture, since, now))
}

/// A manager that goes: a stand-in first, then it is demoted.
fn hand_over(picture: &Picture<'_>, since: &Since, now: Uptime) -> Option<Change> {
    let promoting = is_promoting(picture, since, now);
    leaving_managers(picture).into_iter().find_map(|(id, node)| hand_over_one(picture, id, node, promoting))
}

/// Whether a manager is new, or not reachable yet.
fn is_promoting(picture: &Picture<'_>, since: &Since, now: Uptime) -> bool {
    let applied = |id: &str| Since::has_been(&since.reachable, id, APPLIED, now);
    picture.seen.nodes.iter().any(|(id, node)| node.wants_manager && node.ready && !applied(id))
}

fn hand_over_one(picture: &Picture<'_>, id: &str, node: &SwarmNode, promoting: bool) -> Option<Change> {
    let others = picture
        .seen
        .nodes
        .iter()
        .filter(|(other, node)| other.as_str() != id && is_reachable(node) && !picture.goes(other));
    // One that was promoted a moment ago is no manager yet, and counts all the same: or every worker would be promoted
    // before the first has caught up.
    let promised = |(other, node): (&String, &SwarmNode)| {
        other.as_str() != id && node.wants_manager && node.ready && !picture.goes(other)
    };
    if picture.seen.nodes.iter().filter(|entry| promised(*entry)).count() < KEPT
        && let Some((stand_in, worker)) = candidate(picture)
    {
        let labels = labels::set(labels::PROMOTED, &node.hostname);
        return Some(role(stand_in, worker, true, labels));
    }
    // A stand-in that was promoted and has no vote yet is waited for, as long as there is time.
    let free = matches!(picture.fate(id), Fate::Leaves { free: true });
    let enough = others.count() >= KEPT;
    let overdue = picture.member(id).is_some_and(|member| picture.around.is_overdue(&member.name));
    if !free || (promoting && !overdue) {
        return None;
    }
    // One that does not lead and finds no stand-in stays: a vote that may come back is worth more than none.
    let can = picture.seen.nodes.iter().any(|(other, node)| other.as_str() != id && is_reachable(node));
    (can && (enough || is_leader(node))).then(|| role(id, node, false, labels::set(labels::DEMOTED, &true)))
}

/// The managers that go and can still be heard; the one that answers us last.
fn leaving_managers<'a>(picture: &Picture<'a>) -> Vec<(&'a str, &'a SwarmNode)> {
    let mut leaving: Vec<_> = picture
        .ours()
        .filter(|(id, node, _)| {
            node.wants_manager && node.ready && matches!(picture.fate(id), Fate::Leaves { .. })
        })
        .map(|(id, node, _)| (id, node))
        .collect();
    leaving.sort_by_key(|(id, _)| (*id == picture.seen.this, *id));
    leaving
}

/// Whether a leaving node still has votes to give away: it is not relieved before that.
pub(super) fn holds(picture: &Picture<'_>, id: &str, node: &SwarmNode) -> bool {
    let others = || picture.seen.nodes.iter().any(|(other, node)| other.as_str() != id && is_reachable(node));
    node.wants_manager && is_leader(node) && others()
}

/// A worker that may stand in: ours, well, with the most energy; by name where that is equal.
fn candidate<'a>(picture: &Picture<'a>) -> Option<(&'a str, &'a SwarmNode)> {
    picture
        .ours()
        .filter(|(id, node, member)| {
            !node.wants_manager
                && node.ready
                && node.availability == Availability::Active
                && member.presence == Presence::Here
                && picture.fate(id) == Fate::Serves
                && member.stage < protocol::Stage::Shed
        })
        .min_by(|(_, a, left), (_, b, right)| {
            let soc = |member: &crate::core::member::Member| member.soc.map_or(0.0, protocol::Soc::fraction);
            soc(right).total_cmp(&soc(left)).then_with(|| a.hostname.cmp(&b.hostname))
        })
        .map(|(id, node, _)| (id, node))
}

/// Who was demoted and is back; then the stand-ins.
fn take_back(picture: &Picture<'_>, since: &Since, now: Uptime) -> Option<Change> {
    let back = picture.ours().find(|(id, node, _)| {
        node.labels.contains_key(labels::DEMOTED)
            && !node.wants_manager
            && Since::has_been(&since.serving, id, SETTLED, now)
    });
    if let Some((id, node, _)) = back {
        return Some(role(id, node, true, labels::unset(labels::DEMOTED)));
    }
    let caught_up = |id: &str| Since::has_been(&since.reachable, id, CAUGHT_UP, now);
    let managers = picture.seen.nodes.iter().filter(|(_, node)| node.wants_manager);
    let all_caught_up = managers.clone().all(|(id, _)| caught_up(id));
    let waiting = picture.seen.nodes.values().any(|node| node.labels.contains_key(labels::DEMOTED));
    if waiting || !all_caught_up || managers.count() <= KEPT {
        return None;
    }
    picture
        .ours()
        .find(|(id, node, _)| {
            node.labels.contains_key(labels::PROMOTED) && node.wants_manager && *id != picture.seen.this
        })
        .map(|(id, node, _)| role(id, node, false, labels::unset(labels::PROMOTED)))
}

fn role(id: &str, node: &SwarmNode, manager: bool, labels: BTreeMap<String, Option<String>>) -> Change {
    let edit = Edit::Node { availability: None, manager: Some(manager) };
    Change { id: id.to_owned(), version: node.version, edit, labels }
}
