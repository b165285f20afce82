//! Whether a person's order may be: looked at in the fleet itself, as it is now.

use protocol::report::ContainerState;
use protocol::standing::Wish;
use protocol::{Class, Stage};

use super::{Note, Refused, Request, STANDING_MAX, Verb};
use crate::core::address::AddressKind;
use crate::core::fleet::Node;
use crate::core::liveness::Liveness;
use crate::core::planner::Scene;

/// Lets a request pass, with what is worth knowing, or says why not. What yields to force is passed over with it.
pub(super) fn judge(scene: Scene<'_>, request: &Request) -> Result<Vec<Note>, Refused> {
    let Some(node) = scene.fleet.get(&request.node) else {
        return Err(Refused::UnknownNode {
            known: scene.fleet.nodes().map(|node| node.name.clone()).collect(),
        });
    };
    let wish = scene.persons.wish(&node.name);
    if wish == Wish::Withdrawn && request.verb != Verb::Resume && scene.persons.standing() >= STANDING_MAX {
        return Err(Refused::TooMany { standing: scene.persons.standing() });
    }
    let replaces = scene.persons.view(&node.name, scene.now).filter(|_| request.verb != Verb::Resume);
    let mut notes = judge_verb(scene, request, node, wish)?;
    notes.extend(replaces.map(|standing| Note::Replaces { standing }));
    Ok(notes)
}

fn judge_verb(scene: Scene<'_>, request: &Request, node: &Node, wish: Wish) -> Result<Vec<Note>, Refused> {
    match request.verb {
        Verb::Resume if wish == Wish::Withdrawn => Err(Refused::NothingToResume),
        Verb::Resume if node.liveness() == Liveness::Parked => Ok(vec![Note::WakesLater]),
        Verb::Wake if node.liveness() != Liveness::Parked => {
            Err(Refused::NotParked { liveness: node.liveness() })
        }
        Verb::Resume | Verb::Wake => Ok(Vec::new()),
        Verb::Drain => {
            is_there(node)?;
            Ok(notes(scene, node, Stage::Drain))
        }
        Verb::Park => {
            is_there(node)?;
            unless_forced(request, another_master(scene, node))?;
            unless_forced(request, another_replica(scene, node))?;
            let mut notes = notes(scene, node, Stage::Halt);
            if !scene.paces.has_switch(&node.name) {
                notes.push(Note::NoKnownSwitch);
            }
            Ok(notes)
        }
    }
}

fn unless_forced(request: &Request, judged: Result<(), Refused>) -> Result<(), Refused> {
    match judged {
        Err(refused) if request.force && refused.yields_to_force() => Ok(()),
        judged => judged,
    }
}

fn is_there(node: &Node) -> Result<(), Refused> {
    match node.liveness() {
        Liveness::Parked => Err(Refused::Parked),
        _ if node.reachable() => Ok(()),
        liveness => Err(Refused::NotThere { liveness }),
    }
}

/// Where a node is, by its report or by its order, whichever is more careful.
fn standing(scene: Scene<'_>, node: &Node) -> Stage {
    scene.orders.stage(&node.name).max(node.stage())
}

/// Other masters that work.
fn working_masters<'a>(scene: Scene<'a>, node: &'a Node) -> impl Iterator<Item = &'a Node> {
    scene.fleet.nodes().filter(move |other| {
        other.master && other.name != node.name && other.reachable() && standing(scene, other) < Stage::Drain
    })
}

/// Without a master nobody leads, and nobody could wake the parked ones. Of three managers two must be left to agree.
fn another_master(scene: Scene<'_>, node: &Node) -> Result<(), Refused> {
    if !node.master {
        return Ok(());
    }
    let left = working_masters(scene, node).count();
    let masters = scene.fleet.nodes().filter(|node| node.master).count();
    // Two masters are never a majority without each other: of them one is enough.
    let needed = if masters > 2 { masters / 2 + 1 } else { 1 };
    match left {
        0 => Err(Refused::LastMaster),
        left if left < needed => Err(Refused::FewMasters { left, needed }),
        _ => Ok(()),
    }
}

/// Critical containers stop when a node parks: each must be seen on another node that works.
fn another_replica(scene: Scene<'_>, node: &Node) -> Result<(), Refused> {
    let elsewhere: Vec<&str> = scene
        .fleet
        .nodes()
        .filter(|other| other.name != node.name && other.reachable() && standing(scene, other) < Stage::Halt)
        .flat_map(critical)
        .collect();
    let alone = critical(node).find(|service| !elsewhere.contains(service));
    match alone {
        Some(container) => Err(Refused::LastReplica { container: container.to_owned() }),
        None => Ok(()),
    }
}

/// The critical services that a node runs. Swarm names a task `service.slot.id`; other containers are named alike where
/// they are alike.
fn critical(node: &Node) -> impl Iterator<Item = &str> {
    let report = node.report.as_ref().map(|(report, _)| report);
    let running = report
        .into_iter()
        .flat_map(|report| report.containers.iter())
        .filter(|container| matches!(container.state, ContainerState::Running | ContainerState::Capped(_)));
    running.filter_map(|container| node.containers.get(&container.slot)).filter_map(|entry| {
        let service = entry.name.as_str().split('.').next();
        service.filter(|_| entry.class == Class::Critical)
    })
}

fn notes(scene: Scene<'_>, node: &Node, to: Stage) -> Vec<Note> {
    let mut notes = Vec::new();
    let holds = scene.settings.address == AddressKind::Keepalived
        && scene.settings.host.as_ref() == Some(&node.name)
        && scene.seat.holds();
    if let Some(other) = working_masters(scene, node).next().filter(|_| holds) {
        notes.push(Note::AddressFirst { other: other.name.clone() });
    }
    let stage = standing(scene, node);
    if stage >= to {
        notes.push(Note::SavesAlready { stage });
    }
    notes
}
