//! Swarm's nodes as the energy has them: labels for placement, availability for what leaves and what comes back.
//!
//! | the node ... | its availability |
//! |---|---|
//! | leaves, or is lost | `pause`, and `drain` when its replacements serve and its sessions ended |
//! | is parked | `drain` at once |
//! | serves (again) | `active`, if it was we who changed it |
//! | was drained or paused by a person | as the person left it |

use std::collections::BTreeMap;

use super::labels;
use super::picture::{Fate, Picture};
use super::seen::{Availability, Change, Edit, SwarmNode};
use crate::core::member::{Member, Presence};

/// What is to be changed about nodes, and the ids of those that are drained by it.
#[derive(Debug, Default)]
pub(super) struct Steps<'a> {
    /// Labels and pauses: before anything else.
    pub(super) before: Vec<Change>,
    /// Drains: after replacements were asked for.
    pub(super) drains: Vec<Change>,
    /// Who is drained.
    pub(super) drained: Vec<&'a str>,
}

/// Goes through all nodes that are ours.
pub(super) fn steps<'a>(picture: &Picture<'a>) -> Steps<'a> {
    let mut steps = Steps::default();
    for (id, node, member) in picture.ours() {
        let mut labels = wanted_labels(node, member);
        let target = availability(picture.fate(id), node);
        if let Some(target) = target {
            let held = (target != Availability::Active).then(|| target.to_string());
            labels.insert(labels::HELD.to_owned(), held);
        } else if labels::held(node).is_none() && node.availability == Availability::Active {
            // What a person made active again is a person's.
            if node.labels.contains_key(labels::HELD) && picture.fate(id) == Fate::Serves {
                labels.insert(labels::HELD.to_owned(), None);
            }
        }
        if target.is_none() && labels.is_empty() {
            continue;
        }
        let edit = Edit::Node { availability: target, manager: None };
        let change = Change { id: id.to_owned(), version: node.version, edit, labels };
        if target == Some(Availability::Drain) {
            steps.drained.push(id);
            steps.drains.push(change);
        } else {
            steps.before.push(change);
        }
    }
    steps
}

/// Where a node's availability goes; `None`: it stays.
fn availability(fate: Fate, node: &SwarmNode) -> Option<Availability> {
    let ours = labels::held(node).is_some();
    // Free of anybody's hand: neither ours nor a person's, nor one that a person gave back while we held it.
    let free = node.availability == Availability::Active && !node.labels.contains_key(labels::HELD);
    let target = match fate {
        Fate::Serves if ours && node.ready => Availability::Active,
        Fate::Unclear | Fate::Serves => return None,
        _ if !(ours || free) => return None,
        Fate::Leaves { free: false } | Fate::Lost { free: false }
            if node.availability == Availability::Active =>
        {
            Availability::Pause
        }
        Fate::Leaves { free: false } | Fate::Lost { free: false } => return None,
        Fate::Leaves { free: true } | Fate::Parked | Fate::Lost { free: true } => Availability::Drain,
    };
    (target != node.availability).then_some(target)
}

/// The labels that differ from what they are to say. While nothing is known of a node, they stay.
fn wanted_labels(node: &SwarmNode, member: &Member) -> BTreeMap<String, Option<String>> {
    if member.presence != Presence::Here {
        return BTreeMap::new();
    }
    let wanted = [(labels::STAGE, member.stage.to_string()), (labels::SUPPLY, member.supply.to_string())];
    wanted
        .into_iter()
        .filter(|(key, value)| node.labels.get(*key) != Some(value))
        .map(|(key, value)| (key.to_owned(), Some(value)))
        .collect()
}
