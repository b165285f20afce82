//! Tasks that wait though there is a node for them.

use super::*;

/// Two of three replicas run; the third waits.
fn with_one_that_waits() -> World {
    let mut world = World::new();
    world.swarm.services.insert("svc".to_owned(), service(3));
    world.add_task("svc", None);
    world
}

#[test]
fn one_that_swarm_forgot_gets_another_in_its_place() {
    let mut world = with_one_that_waits();
    assert_eq!(world.settle(), Vec::<String>::new());
    assert_eq!(world.pass(SECOND * 15), Vec::<String>::new(), "Swarm may place it still");
    assert_eq!(world.pass(SECOND * 6), ["web 4", "web 3"]);
    assert_eq!(world.running(), ["id3", "id4", "id5"]);
    assert!(world.swarm.tasks.iter().all(|task| task.running), "the forgotten one is gone");
    assert_eq!(world.pass(SECOND * 60), Vec::<String>::new());
}

#[test]
fn one_that_no_node_takes_for_a_reason_of_its_own_is_helped_once_and_after_long() {
    let mut world = with_one_that_waits();
    world.forgetful = true;
    world.settle();
    assert_eq!(world.pass(SECOND * 21), ["web 4"]);
    assert_eq!(world.pass(SECOND * 10), Vec::<String>::new());
    assert_eq!(world.pass(SECOND * 21), ["web 3"], "it was in vain");
    assert_eq!(world.pass(SECOND * 300), Vec::<String>::new());
    assert_eq!(world.pass(SECOND * 301), ["web 4"]);
}

#[test]
fn a_new_task_that_swarm_has_not_made_yet_is_waited_for() {
    let mut world = with_one_that_waits();
    world.late = true;
    world.settle();
    assert_eq!(world.pass(SECOND * 21), ["web 4"], "and not taken back at once");
    assert_eq!(world.pass(SECOND), Vec::<String>::new());
    world.late = false;
    world.add_task("svc", Some("id3"));
    assert_eq!(world.pass(SECOND), ["web 3"]);
    assert_eq!(world.running(), ["id3", "id4", "id5"]);
}

#[test]
fn one_too_many_that_waits_for_good_goes_before_it_stands_in_the_way_of_the_next_loss() {
    let mut world = World::new();
    world.add_task("svc", None);
    assert_eq!(world.settle(), Vec::<String>::new(), "Swarm may give it up by itself");
    assert_eq!(world.pass(SECOND * 2), ["web labels"], "it is made to look again");
    assert_eq!(world.running(), ["id4", "id5"]);
    assert_eq!(world.swarm.tasks.len(), 2);
    assert_eq!(world.pass(SECOND * 60), Vec::<String>::new());
    world.member("pi4").presence = Presence::Lost;
    assert_eq!(world.pass(SECOND)[..2], ["pi4 pause", "web 3"]);
}

#[test]
fn one_for_which_there_is_no_node_is_not_forgotten() {
    let mut world = with_one_that_waits();
    for id in ["id1", "id2", "id3"] {
        world.node(id).availability = Availability::Pause;
    }
    world.settle();
    assert_eq!(world.pass(SECOND * 60), Vec::<String>::new());
}

#[test]
fn what_may_never_run_twice_is_not_doubled_for_it() {
    let mut world = World::new();
    world.swarm.services.insert("svc".to_owned(), service(1));
    world.swarm.tasks.clear();
    world.add_task("svc", None);
    world.settle();
    assert_eq!(world.pass(SECOND * 60), Vec::<String>::new());
}
