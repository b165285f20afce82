//! The container engine's restart: done where it is allowed, refused with a reason where it is not, answered either way.

use std::time::Duration;

use protocol::engine::{EngineOrder, EngineOutcome, EngineReason, EngineRefusal};
use protocol::message::Welcome;
use protocol::standing::Words;
use protocol::{Generation, OrderId, Seconds, Stage, Term};

use super::world::{CONFIG, HEALTHY, World};
use crate::core::action::{Action, ActionId, Outgoing, Warning};
use crate::core::engine::AGAIN;
use crate::core::event::{ActionError, Event, LinkEvent};

const SECOND: Duration = Duration::from_secs(1);
const REASON: EngineReason = EngineReason::HeldDown { since: Seconds(21) };

/// A node that is well and linked, whose engine may be restarted.
fn world() -> World {
    world_of(
        &CONFIG
            .replace("[containers]\n", "[containers]\nrestart = [\"systemctl\", \"restart\", \"docker\"]\n"),
        3,
    )
}

fn world_of(config: &str, version: u16) -> World {
    let mut world = World::new(config);
    world.list();
    world.live(SECOND * 60, SECOND, HEALTHY);
    world.link(LinkEvent::Up(Welcome { version, term: Term(1), leading: true }));
    world
}

fn id(generation: u64) -> OrderId {
    OrderId { term: Term(2), generation: Generation(generation) }
}

fn ask(world: &mut World, generation: u64) {
    world.link(LinkEvent::RestartEngine(EngineOrder { id: id(generation), reason: REASON }));
}

/// The restarts that were begun.
fn begun(world: &World) -> Vec<ActionId> {
    let of = |action: &Action| match action {
        Action::RestartEngine { id, reason } => {
            assert_eq!(*reason, REASON);
            Some(*id)
        }
        _ => None,
    };
    world.log.iter().filter_map(|(_, action)| of(action)).collect()
}

/// What was answered, by the order's generation.
fn answers(world: &World) -> Vec<(u64, Result<(), EngineRefusal>)> {
    let of = |message: Outgoing| match message {
        Outgoing::Engine(EngineOutcome { id, result }) => Some((id.generation.0, result)),
        _ => None,
    };
    world.sent().into_iter().filter_map(of).collect()
}

fn ends(world: &mut World, result: Result<(), ActionError>) {
    let action = *begun(world).last().expect("a restart");
    world.event(Event::Outcome { action, result });
}

#[test]
fn an_engine_is_restarted_once_and_the_answer_follows_its_end() {
    let mut world = world();
    ask(&mut world, 1);
    assert_eq!((begun(&world).len(), answers(&world)), (1, vec![]), "not answered before it ended");
    ask(&mut world, 2);
    assert_eq!(answers(&world), [(2, Err(EngineRefusal::UnderWay))]);
    ends(&mut world, Ok(()));
    assert_eq!(answers(&world)[1..], [(1, Ok(()))]);
    assert_eq!(begun(&world).len(), 1);
}

#[test]
fn what_one_restart_did_not_heal_is_not_tried_again_soon() {
    let mut world = world();
    ask(&mut world, 1);
    ends(&mut world, Ok(()));
    world.live(SECOND * 60, SECOND, HEALTHY);
    ask(&mut world, 2);
    assert_eq!(answers(&world)[1..], [(2, Err(EngineRefusal::Again { after: Seconds(60) }))]);
    world.live(AGAIN, SECOND, HEALTHY);
    ask(&mut world, 3);
    assert_eq!(begun(&world).len(), 2);
}

#[test]
fn a_restart_that_fails_says_why_to_the_leader_and_to_the_log() {
    for (error, refusal) in [
        (ActionError::TimedOut, EngineRefusal::TimedOut),
        (
            ActionError::Refused("no unit".to_owned()),
            EngineRefusal::Failed { why: Words::cut("refused: no unit") },
        ),
    ] {
        let mut world = world();
        ask(&mut world, 1);
        ends(&mut world, Err(error));
        assert_eq!(answers(&world), [(1, Err(refusal))]);
        let warns = |action: &Action| matches!(action, Action::Warn(Warning::ActionFailed { what, .. }) if what.contains("container engine"));
        assert_eq!(world.log.iter().filter(|(_, action)| warns(action)).count(), 1);
    }
}

#[test]
fn nothing_is_restarted_that_the_owner_did_not_allow() {
    let mut world = world_of(CONFIG, 3);
    ask(&mut world, 1);
    assert_eq!((begun(&world), answers(&world)), (vec![], vec![(1, Err(EngineRefusal::NotConfigured))]));
}

#[test]
fn a_node_that_stops_its_containers_starts_none_again() {
    let mut world = world();
    world.order(Stage::Drain, 600);
    assert_eq!(world.agent.stage(), Stage::Drain);
    ask(&mut world, 1);
    assert_eq!(answers(&world), [(1, Err(EngineRefusal::Saving { stage: Stage::Drain }))]);
    assert_eq!(begun(&world), []);
}

#[test]
fn an_older_leader_and_an_agent_that_stops_restart_nothing() {
    let mut world = world();
    ask(&mut world, 5);
    ends(&mut world, Ok(()));
    ask(&mut world, 4);
    assert_eq!(answers(&world)[1..], [(4, Err(EngineRefusal::Older { newest: id(5) }))]);
    world.event(Event::Terminate);
    ask(&mut world, 6);
    assert_eq!(answers(&world)[2..], [(6, Err(EngineRefusal::Ending))]);
    assert_eq!(begun(&world).len(), 1);
}

#[test]
fn a_supervisor_that_does_not_speak_of_it_is_answered_nothing() {
    let mut world = world_of(CONFIG, 2);
    ask(&mut world, 1);
    assert_eq!(answers(&world), []);
}
