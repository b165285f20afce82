//! Nodes that are gone: replaced at once, each by its own.

use super::*;

#[test]
fn a_lost_node_is_replaced_at_once_and_drained_when_the_replacement_runs() {
    let mut world = World::new();
    world.settle();
    world.member("pi5").presence = Presence::Lost;
    // Not drained first: the old slot's own replacement, which waits, would take the node that has room.
    assert_eq!(world.pass(SECOND * 6), ["pi5 pause", "web 3", "pi5 drain", "web 2"]);
    assert_eq!(world.running(), ["id3", "id4"]);
}

#[test]
fn a_node_that_is_lost_while_another_is_being_replaced_gets_a_replacement_of_its_own() {
    let mut world = World::new();
    world.settle();
    world.slow = true;
    world.member("pi5").presence = Presence::Lost;
    assert_eq!(world.pass(SECOND * 6), ["pi5 pause", "web 3"]);
    world.member("pi4").presence = Presence::Lost;
    assert_eq!(world.pass(SECOND), ["pi4 pause", "web 4"]);
    assert_eq!(world.swarm.services["svc"].labels["heliostat.surge"], "2+2");
    assert_eq!(world.pass(SECOND), Vec::<String>::new(), "neither runs yet");
    world.start();
    assert_eq!(world.pass(SECOND), ["pi4 drain", "pi5 drain", "web 2"]);
    assert_eq!(world.running(), ["id2", "id3"]);
}

#[test]
fn replicas_are_not_given_back_while_the_host_of_a_replacement_is_lost_as_well() {
    let mut world = World::new();
    for id in ["id1", "id2"] {
        world.node(id).availability = Availability::Drain;
    }
    world.settle();
    world.slow = true;
    world.member("pi5").presence = Presence::Lost;
    assert_eq!(world.pass(SECOND * 6), ["pi5 pause", "web 3"]);
    world.start();
    world.member("pi3").presence = Presence::Lost;
    assert_eq!(world.pass(SECOND), ["pi3 pause"], "nowhere is room for more, and nobody took over");
    assert_eq!(world.pass(SECOND), Vec::<String>::new());
    world.member("pi3").presence = Presence::Here;
    assert_eq!(world.pass(SECOND), ["pi3 active", "pi5 drain", "web 2"]);
    assert_eq!(world.running(), ["id3", "id4"]);
}

#[test]
fn a_lost_node_without_room_for_its_tasks_is_replaced_as_soon_as_there_is_some() {
    let mut world = World::new();
    for id in ["id1", "id2", "id3"] {
        world.node(id).availability = Availability::Drain;
    }
    world.settle();
    world.member("pi5").presence = Presence::Lost;
    assert_eq!(world.pass(SECOND * 6), ["pi5 pause"]);
    world.node("id3").availability = Availability::Active;
    assert_eq!(world.pass(SECOND), ["web 3", "pi5 drain", "web 2"]);
    assert_eq!(world.running(), ["id3", "id4"]);
}

#[test]
fn of_a_lost_one_that_is_alone_swarm_is_told_at_once_and_no_second_one_is_made() {
    let mut world = World::new();
    world.swarm.services.insert("svc".to_owned(), service(1));
    world.swarm.tasks.remove(0);
    world.settle();
    world.member("pi5").presence = Presence::Lost;
    assert_eq!(world.pass(SECOND * 6), ["pi5 drain"]);
}

#[test]
fn a_replacement_of_a_lost_task_that_never_runs_is_waited_for_no_longer_than_its_time() {
    let mut world = World::new();
    world.settle();
    world.slow = true;
    world.member("pi5").presence = Presence::Lost;
    assert_eq!(world.pass(SECOND * 6), ["pi5 pause", "web 3"]);
    assert_eq!(world.pass(SECOND * 10), Vec::<String>::new());
    assert_eq!(world.pass(SECOND * 15)[0], "pi5 drain");
}

#[test]
fn a_node_that_swarm_calls_down_though_it_answers_is_noticed_once_in_a_while() {
    let mut world = World::new();
    world.settle();
    world.node("id5").ready = false;
    let mut stuck = Vec::new();
    for _ in 0..60 {
        world.now += SECOND;
        let event = Event::Seen(Box::new(world.swarm.clone()));
        world.core.take(world.now, event, &world.members, &mut world.notes);
        let outcome = world.core.look(world.now, &world.members, &world.traffic, true);
        stuck.extend(outcome.held.map(|held| (world.now, held)));
    }
    let held = HeldDown { node: name("pi5"), since: SECOND * 20, heal: true };
    assert_eq!(stuck, [(Uptime::from_secs(121), held)]);
}

/// Who is seen to, and when, while nothing changes for a span.
fn held(world: &mut World, span: Duration) -> Vec<(Duration, String, bool)> {
    let (begun, mut held) = (world.now, Vec::new());
    while world.now.since(begun) < span {
        world.now += SECOND;
        let event = Event::Seen(Box::new(world.swarm.clone()));
        world.core.take(world.now, event, &world.members, &mut world.notes);
        let outcome = world.core.look(world.now, &world.members, &world.traffic, true);
        held.extend(outcome.held.map(|held| (world.now.since(begun), held.node.to_string(), held.heal)));
    }
    held
}

#[test]
fn of_several_that_are_held_down_one_is_restarted_at_a_time() {
    let mut world = World::new();
    world.settle();
    world.node("id4").ready = false;
    world.node("id5").ready = false;
    let held = held(&mut world, SECOND * 700);
    let one = |at: u64, node: &str| (Duration::from_secs(at), node.to_owned(), true);
    assert_eq!(held, [one(21, "pi4"), one(81, "pi5"), one(621, "pi4"), one(681, "pi5")]);
}

#[test]
fn one_whose_engine_began_anew_is_not_waited_for_as_long() {
    let mut world = World::new();
    world.settle();
    (world.member("pi5").presence, world.member("pi5").engine_gone) = (Presence::Unclear, true);
    assert_eq!(held(&mut world, SECOND * 3), []);
    (world.member("pi5").presence, world.member("pi5").engine_gone) = (Presence::Here, false);
    world.node("id5").ready = false;
    assert_eq!(held(&mut world, SECOND * 30), [(SECOND * 7, "pi5".to_owned(), true)]);
}

#[test]
fn after_a_swarm_without_a_leader_nodes_have_time_to_register() {
    let mut world = World::new();
    world.settle();
    world.member("pi5").engine_gone = true;
    assert_eq!(held(&mut world, SECOND * 3), []);
    world.member("pi5").engine_gone = false;
    world.node("id5").ready = false;
    assert_eq!(held(&mut world, SECOND * 5), []);
    // Meanwhile nobody could register: its agent asks again at ever longer intervals.
    world.core.take(world.now, Event::Silent(Trouble::NoQuorum), &world.members, &mut world.notes);
    assert_eq!(held(&mut world, SECOND * 19), []);
    assert_eq!(held(&mut world, SECOND * 10).len(), 1, "then it is held down");
}

#[test]
fn where_most_are_held_down_the_fault_is_not_theirs() {
    let mut world = World::new();
    world.settle();
    for id in ["id3", "id4", "id5"] {
        world.node(id).ready = false;
    }
    let held = held(&mut world, SECOND * 200);
    assert!(!held.is_empty() && held.iter().all(|(_, _, heal)| !heal), "{held:?}");
}

#[test]
fn who_leaves_is_restarted_by_nobody() {
    let mut world = World::new();
    world.settle();
    world.node("id5").ready = false;
    world.leave("pi5");
    assert_eq!(held(&mut world, SECOND * 60), []);
}
