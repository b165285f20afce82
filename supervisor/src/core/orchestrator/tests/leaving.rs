//! Nodes that leave: replaced first, then drained, and given back.

use super::*;

#[test]
fn a_leaving_node_is_replaced_first_and_drained_when_the_replacement_serves() {
    let mut world = World::new();
    world.settle();
    world.leave("pi5");
    world.slow = true;
    assert_eq!(world.pass(SECOND * 6), ["pi5 pause", "web 3"]);
    assert!(!world.core.is_free(&name("pi5")));
    assert_eq!(world.running(), ["id4", "id5"], "the old one still serves");
    assert_eq!(world.pass(SECOND), Vec::<String>::new(), "the new one does not run");
    world.start();
    let new = world.swarm.tasks.last().unwrap().node.clone().unwrap();
    assert_eq!(new, "id3");
    world.traffic.not_serving.insert(name("pi3"));
    assert_eq!(world.pass(SECOND), Vec::<String>::new(), "it runs, and takes no work yet");
    world.traffic.not_serving.clear();
    world.traffic.held.insert(name("pi5"));
    assert_eq!(world.pass(SECOND), Vec::<String>::new(), "a session is still there");
    world.traffic.held.clear();
    assert_eq!(world.pass(SECOND), ["pi5 drain", "web 2"]);
    world.pass(SECOND);
    assert!(world.core.is_free(&name("pi5")));
    assert_eq!(world.running(), ["id3", "id4"], "nobody who serves was stopped for the count");
}

#[test]
fn what_we_drained_is_given_back_and_what_a_person_drained_is_not() {
    let mut world = World::new();
    world.node("id2").availability = Availability::Drain;
    world.settle();
    world.leave("pi5");
    world.leave("pi2");
    let done = world.pass(SECOND * 6);
    assert!(done.contains(&"pi5 drain".to_owned()) && !done.contains(&"pi2 drain".to_owned()), "{done:?}");
    world.start();
    world.settle();
    // Another life of this program: what is ours stands in Swarm itself.
    world.core = Orchestrator::new(OrchestratorSettings::default());
    world.member("pi5").leaving = false;
    world.member("pi2").leaving = false;
    assert_eq!(world.pass(SECOND)[0], "pi5 active");
    assert_eq!(world.node("id2").availability, Availability::Drain);
    assert!(!world.node("id5").labels.contains_key("heliostat.held"));
}

#[test]
fn a_node_that_a_person_made_active_again_is_not_fought_over() {
    let mut world = World::new();
    world.leave("pi5");
    world.settle();
    world.start();
    world.pass(SECOND);
    assert_eq!(world.node("id5").availability, Availability::Drain);
    world.node("id5").availability = Availability::Active;
    world.node("id5").version += 1;
    assert_eq!(world.pass(SECOND * 6), Vec::<String>::new());
}

#[test]
fn of_one_that_is_alone_there_are_never_two_unless_its_owner_says_so() {
    let mut world = World::new();
    world.swarm.services.insert("svc".to_owned(), service(1));
    world.swarm.tasks.remove(0);
    world.settle();
    world.leave("pi5");
    assert_eq!(world.pass(SECOND * 6), ["pi5 drain"]);

    let mut world = World::new();
    world.swarm.services.insert("svc".to_owned(), Service { start_first: true, ..service(1) });
    world.swarm.tasks.remove(0);
    world.settle();
    world.leave("pi5");
    assert_eq!(world.pass(SECOND * 6), ["pi5 pause", "web 2", "pi5 drain", "web 1"]);
}

#[test]
fn where_no_node_has_room_nobody_waits_for_a_replacement() {
    let mut world = World::new();
    for id in ["id1", "id2", "id3"] {
        world.node(id).availability = Availability::Drain;
    }
    world.settle();
    world.leave("pi5");
    assert_eq!(world.pass(SECOND * 6), ["pi5 drain"]);
}
