//! Ladders of small fleets, and what must hold of any.

use proptest::prelude::*;

use super::*;

/// A node that takes and is worth this much in each stage.
fn member(name: &str, points: [(f64, f64); 5], critical: bool, deepest: Stage) -> Member {
    let points = points.map(|(watts, worth)| Point { power: Power::from_watts(watts), worth });
    Member { name: name.parse().unwrap(), points, critical, deepest }
}

/// All kinds of work on a board of 3 W.
fn mixed(name: &str) -> Member {
    member(name, [(5.0, 14.0), (4.4, 13.4), (4.0, 13.0), (3.3, 10.0), (0.0, 0.0)], true, Stage::Halt)
}

/// Only work that can wait.
fn batch(name: &str) -> Member {
    member(name, [(5.0, 2.0), (4.0, 1.0), (3.0, 0.0), (3.0, 0.0), (0.0, 0.0)], false, Stage::Halt)
}

fn taken(ladder: &Ladder) -> Vec<(String, Stage)> {
    let name = |who: usize| ladder.members[who].name.to_string();
    ladder.rungs.iter().map(|(who, to)| (name(*who), *to)).collect()
}

#[test]
fn all_are_slowed_before_anything_is_paused_and_what_is_critical_goes_last() {
    let ladder = Ladder::new(vec![mixed("pi3"), batch("pi2"), mixed("pi1")]);
    let rungs = taken(&ladder);
    let stage = |number: usize| rungs[number].1;
    assert!((0..3).all(|number| stage(number) == Stage::Throttle), "{rungs:?}");
    let parked: Vec<_> =
        rungs.iter().filter(|(_, to)| *to == Stage::Halt).map(|(name, _)| name.as_str()).collect();
    assert_eq!(parked, ["pi2", "pi3", "pi1"], "the idle one first, then by the shed order");
    let last_pause = rungs.iter().rposition(|(_, to)| *to < Stage::Halt).unwrap();
    let first_critical = rungs.iter().position(|(name, to)| name == "pi3" && *to == Stage::Halt).unwrap();
    assert!(last_pause < first_critical, "{rungs:?}");
}

#[test]
fn idle_watts_make_a_rung_that_saves_nothing_worth_its_place() {
    let ladder = Ladder::new(vec![batch("pi2")]);
    let points = ladder.points(Stage::Normal);
    let watts: Vec<_> = points.iter().map(|point| point.power.watts()).collect();
    assert_eq!(watts, [5.0, 4.0, 3.0, 3.0, 0.0]);
    assert_eq!(ladder.stage(4, &"pi2".parse().unwrap()), Some(Stage::Halt));
}

#[test]
fn a_node_that_nobody_can_wake_is_never_parked() {
    let node = Member { deepest: Stage::Drain, ..batch("pi2") };
    let ladder = Ladder::new(vec![node]);
    assert!(taken(&ladder).iter().all(|(_, to)| *to < Stage::Halt));
}

#[test]
fn under_a_floor_no_level_takes_more_than_the_floor_allows() {
    let ladder = Ladder::new(vec![mixed("pi3"), batch("pi2")]);
    let drained = ladder.points(Stage::Drain);
    assert!(drained.iter().all(|point| point.power <= Power::from_watts(6.3 + 1e-9)), "{drained:?}");
    assert_eq!(drained.len(), ladder.levels());
    assert_eq!(ladder.points(Stage::Halt)[0], Point::default());
}

#[test]
fn newer_estimates_keep_the_order_and_another_fleet_makes_a_new_one() {
    let ladder = Ladder::new(vec![mixed("pi3"), batch("pi2")]);
    let heavier = Member { points: mixed("pi3").points, ..batch("pi2") };
    let renewed = ladder.renewed(&[mixed("pi3"), heavier]).unwrap();
    assert_eq!(taken(&renewed), taken(&ladder));
    assert_eq!(ladder.renewed(&[mixed("pi3")]), None);
    assert_eq!(ladder.renewed(&[mixed("pi3"), Member { critical: true, ..batch("pi2") }]), None);
}

/// Any node: what it takes and is worth falls from stage to stage.
fn any_member() -> impl Strategy<Value = Member> {
    let steps = prop::collection::vec((0.0..2.0f64, 0.0..10.0f64), 4);
    (steps, any::<bool>(), 2usize..5).prop_map(|(steps, critical, deepest)| {
        let mut points = [(0.0, 0.0); 5];
        for (number, (watts, worth)) in steps.into_iter().enumerate().rev() {
            let (less_watts, less_worth) = points[number + 1];
            points[number] = (less_watts + watts, less_worth + worth);
        }
        member("pi", points, critical, Stage::ALL[deepest])
    })
}

proptest! {
    #[test]
    fn neighbours_differ_by_one_rung_of_one_node_and_no_level_takes_more(
        mut members in prop::collection::vec(any_member(), 1..8)
    ) {
        for (number, member) in members.iter_mut().enumerate() {
            member.name = format!("pi{number}").parse().unwrap();
        }
        let ladder = Ladder::new(members.clone());
        let stages = |level: usize| -> Vec<Stage> {
            members.iter().map(|member| ladder.stage(level, &member.name).unwrap()).collect()
        };
        for level in 1..ladder.levels() {
            let (before, after) = (stages(level - 1), stages(level));
            let changed: Vec<_> = before.iter().zip(&after).filter(|(a, b)| a != b).collect();
            prop_assert_eq!(changed.len(), 1);
            prop_assert_eq!(changed[0].0.climb(), *changed[0].1);
        }
        let last = stages(ladder.levels() - 1);
        prop_assert!(last.iter().zip(&members).all(|(stage, member)| *stage == member.deepest));
        for pair in ladder.points(Stage::Normal).windows(2) {
            prop_assert!(pair[1].power <= pair[0].power + Power::from_watts(1e-9));
            prop_assert!(pair[1].worth <= pair[0].worth + 1e-9);
        }
    }
}
