//! Swarm's managers: who goes hands over, who is back takes its place again.

use super::*;

#[test]
fn the_leading_manager_hands_over_after_a_stand_in_was_promoted_and_takes_its_place_back() {
    let mut world = World::new();
    world.settle();
    world.leave("pi1");
    assert_eq!(world.pass(SECOND * 6), ["pi1 drain", "pi4 promoted"]);
    assert_eq!(world.pass(SECOND * 3), ["pi1 demoted"]);
    world.node("id2").manager = Some(Manager { leader: true, reachable: true });
    world.swarm.this = "id2".to_owned();
    assert!(world.core.is_free(&name("pi1")));
    assert_eq!(world.pass(SECOND * 30), Vec::<String>::new());
    world.member("pi1").leaving = false;
    world.start();
    assert_eq!(world.pass(SECOND * 6), ["pi1 active"]);
    assert_eq!(world.pass(SECOND * 11), ["pi1 promoted"]);
    assert_eq!(world.pass(SECOND * 5), Vec::<String>::new(), "reachable comes too early");
    assert_eq!(world.pass(SECOND * 11), ["pi4 demoted"]);
    assert_eq!(world.pass(SECOND * 60), Vec::<String>::new());
}

#[test]
fn nobody_hands_over_before_the_others_know_the_stand_in() {
    let mut world = World::new();
    world.settle();
    world.leave("pi1");
    assert_eq!(
        world.pass(SECOND * 2),
        ["pi1 drain", "pi4 promoted"],
        "who is just being told does not stand for leader"
    );
    assert_eq!(world.pass(SECOND * 3), ["pi1 demoted"]);
    let mut hurried = World::new();
    hurried.settle();
    hurried.leave("pi1");
    hurried.traffic.overdue.insert(name("pi1"));
    let done = hurried.pass(SECOND * 2);
    assert!(done.contains(&"pi1 demoted".to_owned()), "but one without time does: {done:?}");
}

#[test]
fn one_stand_in_is_promoted_however_long_it_takes_to_catch_up() {
    let mut world = World::new();
    world.settle();
    world.slow = true;
    world.leave("pi1");
    assert_eq!(world.pass(SECOND * 6), ["pi1 drain", "pi4 promoted"]);
    world.node("id4").manager = Some(Manager { leader: false, reachable: true });
    assert_eq!(world.pass(SECOND * 6), Vec::<String>::new(), "reachable a moment ago");
    assert_eq!(world.pass(SECOND * 6), ["pi1 demoted"]);
}

#[test]
fn a_leading_manager_without_a_stand_in_hands_over_all_the_same_and_another_one_stays() {
    let mut world = World::new();
    world.member("pi4").stage = Stage::Shed;
    world.member("pi5").stage = Stage::Shed;
    world.settle();
    world.leave("pi1");
    world.leave("pi2");
    let done = world.pass(SECOND * 6);
    assert!(
        done.contains(&"pi1 demoted".to_owned()) && !done.contains(&"pi2 demoted".to_owned()),
        "{done:?}"
    );
}
