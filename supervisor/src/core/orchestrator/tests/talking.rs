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

/// Looks at the moments that it asks for; says at which of them it did.
fn looks(world: &mut World, span: Duration) -> Vec<Duration> {
    let (begun, mut looks) = (world.now, Vec::new());
    while world.now.since(begun) < span {
        while let Some(action) = world.core.look(world.now, &world.members, &world.traffic, true).action {
            assert_eq!(action, Action::Look, "nothing is to be changed");
            looks.push(world.now.since(begun));
            let event = Event::Seen(Box::new(world.swarm.clone()));
            world.core.take(world.now, event, &world.members, &mut world.notes);
        }
        world.now = world.core.next_wake().expect("it looks again");
    }
    looks
}

/// Swarm itself gives `pi5`'s task to `pi3`.
fn move_by_swarm(world: &mut World) {
    let task = world.swarm.tasks.iter_mut().find(|task| task.node.as_deref() == Some("id5")).unwrap();
    task.node = Some("id3".to_owned());
}

#[test]
fn what_an_agent_says_of_its_tasks_is_soon_looked_for_in_swarm() {
    let mut world = World::new();
    assert_eq!(looks(&mut world, SECOND * 12), [0, 5, 10].map(Duration::from_secs), "all agree");
    // Swarm noticed that a task ended, and began another, which its agent sees at once.
    move_by_swarm(&mut world);
    world.member("pi5").running.clear();
    world.member("pi3").running.push("web.2.xyz".to_owned());
    let after = looks(&mut world, SECOND * 12);
    assert_eq!(after[0], Duration::ZERO);
    assert!(world.core.tasks().running.contains(&("web".to_owned(), name("pi3"))));
    assert_eq!(after[1..], [5, 10].map(Duration::from_secs), "and then all agree again");
}

#[test]
fn a_task_that_waits_is_looked_at_more_often_and_not_for_ever() {
    let mut world = World::new();
    let ended = world.swarm.tasks.last_mut().unwrap();
    (ended.running, ended.node) = (false, None);
    world.member("pi5").running.clear();
    // No other node could take it, or it would count as forgotten.
    for id in ["id1", "id2", "id3", "id5"] {
        world.node(id).availability = Availability::Pause;
    }
    let looks = looks(&mut world, SECOND * 60);
    assert!(
        looks.windows(2).take(20).all(|two| two[1].saturating_sub(two[0]) <= Duration::from_millis(500)),
        "{looks:?}"
    );
    assert!(looks.len() <= 45, "it may be so for good: {looks:?}");
}

#[test]
fn a_silent_engine_s_tasks_are_looked_for_soon() {
    let mut world = World::new();
    looks(&mut world, SECOND * 6);
    world.member("pi5").presence = Presence::Unclear;
    let after = looks(&mut world, SECOND * 2);
    assert!(after.len() >= 3, "{after:?}");
}
