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
        stuck.extend(outcome.stuck.into_iter().map(|node| (world.now, node)));
    }
    assert_eq!(stuck, [(Uptime::from_secs(121), name("pi5"))]);
}
