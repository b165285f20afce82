//! The schedule against every course there is, on small cases; and what must hold of any.

use super::*;
use crate::core::planner::ladder::Member;
use proptest::prelude::*;

const HOUR: Duration = Duration::from_hours(1);

/// Three levels: everything (30 W, worth 13), deferrable paused (20 W, worth 11), critical only (10 W, worth 8).
fn ladder() -> Ladder {
    let points = [(30.0, 13.0), (25.0, 12.0), (20.0, 11.0), (10.0, 8.0), (0.0, 0.0)]
        .map(|(watts, worth)| Point { power: Power::from_watts(watts), worth });
    Ladder::new(vec![Member { name: "pi1".parse().unwrap(), points, critical: true, deepest: Stage::Drain }])
}

fn skies(panel: &[(u32, [f64; SKIES])], alike: f64) -> Skies {
    let slot = |(day, panel): &(u32, [f64; SKIES])| Slot {
        length: HOUR,
        day: *day,
        panel: panel.map(Power::from_watts),
    };
    Skies { slots: panel.iter().map(slot).collect(), alike }
}

fn problem<'a>(skies: &'a Skies, ladder: &'a Ladder, floors: &'a [(Soc, Stage)]) -> Problem<'a> {
    let capacity = Energy::from_watt_hours(400.0);
    Problem {
        skies,
        store: Store { capacity, efficiency: 1.0, acceptance: 1e3 },
        ladder,
        always: Power::ZERO,
        floors,
        reserve: Soc::from_percent(50.0),
    }
}

fn floors() -> Vec<(Soc, Stage)> {
    vec![(Soc::from_percent(46.0), Stage::Drain), (Soc::from_percent(36.0), Stage::Halt)]
}

/// The best that any way of choosing can expect, followed course by course without a grid.
fn brute(
    problem: &Problem<'_>,
    steps: &Steps<'_>,
    tables: &Tables,
    number: usize,
    sky: usize,
    soc: f64,
) -> f64 {
    let slots = &problem.skies.slots;
    let Some(slot) = slots.get(number) else {
        let sun = middling_day(problem.skies);
        let left = (soc - steps.reserve) * steps.capacity;
        return end_worth(tables.free(), (left / END_DAYS + sun) / 24.0) * END_DAYS * 24.0;
    };
    let sun = slot.panel[sky].watts();
    let mut best = f64::NEG_INFINITY;
    for (load, worth) in tables.at(soc) {
        let after = steps.after(soc, sun, *load, 1.0);
        let later = |sky| brute(problem, steps, tables, number + 1, sky, after);
        let next = if slots.get(number + 1).is_some_and(|next| next.day != slot.day) {
            let alike = problem.skies.alike;
            let mean = (0..SKIES).map(later).sum::<f64>() / SKIES as f64;
            alike * later(sky) + (1.0 - alike) * mean
        } else {
            later(sky)
        };
        best = best.max(worth - steps.cost(after) + next);
    }
    best
}

fn steps<'a>(problem: &'a Problem<'a>) -> Steps<'a> {
    let (halt, full) = (0.36, 13.0);
    Steps { problem, capacity: 400.0, lowest: halt - LOWEST / 100.0, reserve: 0.5, halt, full }
}

#[test]
fn it_is_as_good_as_trying_every_course() {
    let night: Vec<_> = (0..3).map(|_| (0, [0.0; 3])).collect();
    let day: Vec<_> = (0..2).map(|_| (1, [5.0, 40.0, 80.0])).collect();
    let (skies, ladder, floors) = (skies(&[night, day].concat(), 0.4), ladder(), floors());
    let problem = problem(&skies, &ladder, &floors);
    let (steps, tables) = (steps(&problem), Tables::new(&problem));
    for percent in [55.0, 62.0, 70.0, 85.0, 100.0] {
        let soc = Soc::from_percent(percent);
        let schedule = Schedule::solve(&problem, soc);
        let all = (0..SKIES)
            .map(|sky| {
                tables
                    .at(soc.fraction())
                    .iter()
                    .map(|(load, worth)| {
                        let after =
                            steps.after(soc.fraction(), skies.slots[0].panel[sky].watts(), *load, 1.0);
                        worth - steps.cost(after) + brute(&problem, &steps, &tables, 1, sky, after)
                    })
                    .collect::<Vec<_>>()
            })
            .collect::<Vec<_>>();
        let expected: Vec<f64> = (0..ladder.levels())
            .map(|level| all.iter().map(|sky| sky[level]).sum::<f64>() / SKIES as f64)
            .collect();
        for (level, (made, true_value)) in schedule.values.iter().zip(&expected).enumerate() {
            assert!((made - true_value).abs() < 0.35, "{percent} %, level {level}: {made} and {true_value}");
        }
        let best = expected.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        assert!(
            best - expected[schedule.best().0] < 0.35,
            "{percent} %: the chosen level is as good as the best"
        );
    }
}

#[test]
fn with_sun_in_plenty_everything_runs_and_before_a_dull_week_it_does_not() {
    let (ladder, floors) = (ladder(), floors());
    let days = |watts: [f64; 3]| {
        let hours =
            (0..72u32).map(|hour| (hour / 24, if (7..17).contains(&(hour % 24)) { watts } else { [0.0; 3] }));
        skies(&hours.collect::<Vec<_>>(), 0.4)
    };
    let plenty = days([90.0, 100.0, 120.0]);
    let mut ample = problem(&plenty, &ladder, &floors);
    ample.store.capacity = Energy::from_watt_hours(1200.0);
    assert_eq!(Schedule::solve(&ample, Soc::from_percent(90.0)).best().0, 0);
    let dull = days([5.0, 10.0, 15.0]);
    let saved = Schedule::solve(&problem(&dull, &ladder, &floors), Soc::from_percent(90.0)).best().0;
    assert_eq!(saved, ladder.levels() - 1, "only what is critical");
}

#[test]
fn a_battery_of_nothing_and_a_sky_of_nothing_are_survived() {
    let (ladder, floors) = (ladder(), floors());
    let none = skies(&[], 0.0);
    assert_eq!(Schedule::solve(&problem(&none, &ladder, &floors), Soc::FULL).best().0, 0);
    let dark = skies(&[(0, [0.0; 3])], 0.0);
    let mut empty = problem(&dark, &ladder, &floors);
    empty.store.capacity = Energy::ZERO;
    assert!(Schedule::solve(&empty, Soc::EMPTY).values.iter().all(|value| value.is_finite()));
}

proptest! {
    #[test]
    fn more_charge_is_never_worth_less(
        panel in prop::collection::vec([0.0..20.0f64, 20.0..60.0f64, 60.0..120.0f64], 4..40),
        percent in 40.0..95.0f64,
        alike in 0.0..1.0f64,
    ) {
        let hours: Vec<_> = panel.iter().enumerate().map(|(hour, panel)| (hour as u32 / 24, *panel)).collect();
        let (skies, ladder, floors) = (skies(&hours, alike), ladder(), floors());
        let problem = problem(&skies, &ladder, &floors);
        let value = |percent: f64| Schedule::solve(&problem, Soc::from_percent(percent)).best().1;
        prop_assert!(value(percent + 5.0) >= value(percent) - 1e-6);
    }

    #[test]
    fn the_same_problem_has_the_same_solution(percent in 30.0..100.0f64) {
        let (skies, ladder, floors) = (skies(&[(0, [1.0, 2.0, 3.0]), (1, [9.0, 20.0, 40.0])], 0.3), ladder(), floors());
        let problem = problem(&skies, &ladder, &floors);
        let soc = Soc::from_percent(percent);
        prop_assert_eq!(Schedule::solve(&problem, soc), Schedule::solve(&problem, soc));
    }
}
