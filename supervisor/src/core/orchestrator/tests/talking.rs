//! What is said to Swarm, when, and by whom.

use super::*;

#[test]
fn a_swarm_that_is_as_wanted_is_told_nothing() {
    let mut world = World::new();
    assert_eq!(world.settle(), Vec::<String>::new());
    assert_eq!(world.pass(SECOND * 10), Vec::<String>::new());
}

#[test]
fn a_standby_looks_and_says_nothing() {
    let mut world = World::new();
    world.leads = false;
    world.settle();
    world.leave("pi5");
    world.member("pi4").presence = Presence::Lost;
    assert_eq!(world.pass(SECOND * 6), Vec::<String>::new());
    world.leads = true;
    assert!(!world.pass(SECOND).is_empty(), "but knows all when it leads");
}

#[test]
fn a_stale_version_is_looked_at_again_and_other_trouble_waits() {
    let mut world = World::new();
    world.settle();
    world.leave("pi5");
    world.now += SECOND * 6;
    let seen = || Event::Seen(Box::new(World::new().swarm));
    let act = |world: &mut World, event: Option<Event>| {
        if let Some(event) = event {
            world.core.take(world.now, event, &world.members, &mut world.notes);
        }
        world.core.look(world.now, &world.members, &world.traffic, true).action
    };
    let Some(Action::Do(_)) = act(&mut world, None) else { panic!("it knows already") };
    let stale = Event::Done { done: 0, trouble: Some(Trouble::Stale) };
    assert_eq!(act(&mut world, Some(stale)), Some(Action::Look), "at once");
    let Some(Action::Do(_)) = act(&mut world, Some(seen())) else { panic!("decided again") };
    let refused = Event::Done { done: 0, trouble: Some(Trouble::Refused("no".to_owned())) };
    assert_eq!(act(&mut world, Some(refused)), None, "not in a tight loop");
}

#[test]
fn where_swarm_cannot_be_told_nobody_waits_for_it() {
    let mut world = World::new();
    world.settle();
    world.now += SECOND * 6;
    assert_eq!(world.core.look(world.now, &world.members, &world.traffic, true).action, Some(Action::Look));
    let silent = Event::Silent(Trouble::NotManager);
    world.core.take(world.now, silent, &world.members, &mut world.notes);
    assert!(world.core.is_free(&name("pi5")));
    world.leave("pi5");
    assert_eq!(world.core.look(world.now, &world.members, &world.traffic, true).action, None);
}
