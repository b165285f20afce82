//! The schedule against brute force, against other schedules, and its battery against the simulated site.

use std::sync::Arc;
use std::time::Duration;

use hardware::battery::Chemistry;
use hardware::boards::Board;
use hardware::sim::battery::Condition;
use hardware::sim::charger::Settings;
use hardware::sim::converter::Converter;
use hardware::sim::load::{Limit, NodeLoad, Work};
use hardware::sim::panel::Panel;
use hardware::sim::site::{self, Site};
use hardware::sim::sun::SolarTime;
use hardware::sim::weather::{Climate, DayKind};
use proptest::prelude::*;
use protocol::{Charge, Cpus, Power, Soc, Temperature};

use super::response::Cell;
use super::*;

const WATT: f64 = 1.0;

fn choice(watts: f64, worth: f64) -> Choice {
    Choice {
        power: Power::from_watts(watts),
        worth,
        critical: if worth > 0.0 { 1.0 } else { 0.0 },
        modes: Vec::new(),
    }
}

#[test]
fn masters_that_are_kept_up_are_off_only_when_all_are() {
    let mode = |watts: f64, worth: f64| Mode {
        power: Power::from_watts(watts),
        worth,
        critical: if worth > 0.0 { 0.5 } else { 0.0 },
    };
    let master = vec![mode(0.0, 0.0), mode(5.0, 10.0), mode(6.0, 13.0)];
    let worker = vec![mode(0.0, 0.0), mode(2.0, 10.0), mode(3.0, 13.0)];
    let nodes = [master, worker];
    let free = Front::of(&nodes, Aim::Worth);
    assert!(free.choices().iter().any(|choice| choice.modes[0] == 0 && choice.modes[1] > 0), "{free:?}");
    let kept = Front::keeping(&nodes, &[true, false], Aim::Worth);
    assert_eq!(kept.choices()[0].modes, [0, 0]);
    assert_eq!(kept.choices().len() - 1, kept.slopes().count());
    for choice in &kept.choices()[1..] {
        assert!(choice.modes[0] > 0, "{choice:?}");
        let watts =
            [0.0, 5.0, 6.0][usize::from(choice.modes[0])] + [0.0, 2.0, 3.0][usize::from(choice.modes[1])];
        assert!((choice.power.watts() - watts).abs() < 1e-9, "{choice:?}");
    }
    assert!(kept.choices().is_sorted_by(|a, b| a.power < b.power), "{kept:?}");
}

/// A battery of which one watt for one step is one level; full is full.
fn ideal(levels: usize) -> Response {
    let bound = Power::from_watts(32.0);
    Response::from_rule(Grid::new(levels), (bound, bound), |_, net| -net.watts() / WATT)
}

/// Suns and fronts by step.
fn problem(levels: usize, start: f64, floor: f64, steps: &[(f64, Vec<Choice>)]) -> Problem {
    let steps = steps
        .iter()
        .map(|(sun, choices)| Step {
            sun: Power::from_watts(*sun),
            temperature: Temperature::from_celsius(2.0),
            base: Power::ZERO,
            front: Arc::new(Front::from_choices(choices.clone())),
        })
        .collect();
    let response = ideal(levels);
    let at = |place: f64| response.grid().soc(place);
    Problem { floor: at(floor), start: at(start), response, steps }
}

/// The greatest worth of all schedules there are, by trying them.
fn brute_force(problem: &Problem, step: usize, place: f64) -> f64 {
    let Some(now) = problem.steps.get(step) else { return 0.0 };
    let floor = problem.response.grid().place(problem.floor);
    let mut best = f64::NEG_INFINITY;
    for (index, choice) in now.front.choices().iter().enumerate() {
        let next = problem.response.after(place, choice.power + now.base - now.sun, now.temperature);
        if index == 0 || next >= floor - 1e-3 {
            let worth = choice.worth * STEP.as_secs_f64() / 3600.0;
            best = best.max(worth + brute_force(problem, step + 1, next.max(0.0)));
        }
    }
    best
}

/// A site of few steps with whole watts, so that every step ends on a level.
fn small() -> impl Strategy<Value = Problem> {
    let choices = prop::collection::vec((1..7_u32, 0..50_u32), 1..4).prop_map(|pairs| {
        let mut choices = vec![choice(0.0, 0.0)];
        choices.extend(pairs.iter().map(|(watts, worth)| choice(f64::from(*watts), f64::from(*worth))));
        choices
    });
    let steps = prop::collection::vec(((0..5_u32).prop_map(f64::from), choices), 1..7);
    (steps, 0..13_u32, 0..5_u32)
        .prop_map(|(steps, start, floor)| problem(13, f64::from(start), f64::from(floor), &steps))
}

proptest! {
    #[test]
    fn the_schedule_is_worth_what_the_best_of_all_schedules_is(problem in small()) {
        let schedule = problem.solve(Aim::Worth);
        let best = brute_force(&problem, 0, problem.response.grid().place(problem.start));
        prop_assert!((schedule.value() - best).abs() < 1e-3 * best.max(1.0), "{} and {best}", schedule.value());
        let played = problem.play(|step, soc| schedule.choice(step, soc));
        prop_assert!((played.worth - best).abs() < 1e-3 * best.max(1.0), "played {} and {best}", played.worth);
    }

    #[test]
    fn no_other_schedule_is_worth_more(problem in small(), picks in prop::collection::vec(0..4_u8, 7)) {
        let best = problem.solve(Aim::Worth).value();
        let other = problem.play(|step, _| picks[step]).worth;
        prop_assert!(other <= best + 1e-3 * best.max(1.0), "{other} over {best}");
    }

    #[test]
    fn critical_first_serves_as_much_as_can_be(problem in small(), picks in prop::collection::vec(0..4_u8, 7)) {
        let schedule = problem.solve(Aim::CriticalFirst);
        let played = problem.play(|step, soc| schedule.choice(step, soc));
        let other = problem.play(|step, _| picks[step]);
        prop_assert!(other.critical <= played.critical + 1e-9, "{} over {}", other.critical, played.critical);
        let most: f64 = problem.steps.iter().map(|step| step.front.choices().iter().map(|c| c.critical).fold(0.0, f64::max)).sum();
        let all = (played.critical * problem.steps.len() as f64 - most).abs() < 1e-9;
        prop_assert_eq!(all, problem.critical_is_reachable());
    }
}

#[test]
fn energy_is_kept_for_the_hour_in_which_it_is_worth_most() {
    let offer = |worth| vec![choice(0.0, 0.0), choice(4.0, worth)];
    let problem = problem(11, 4.0, 0.0, &[(0.0, offer(1.0)), (0.0, offer(8.0)), (0.0, offer(2.0))]);
    let schedule = problem.solve(Aim::Worth);
    let played = problem.play(|step, soc| schedule.choice(step, soc));
    assert_eq!(played.chosen, [0, 1, 0]);
    assert_eq!(played.lowest, Soc::EMPTY);
}

#[test]
fn the_floor_is_never_passed_but_by_what_cannot_be_helped() {
    let mut problem = problem(11, 5.0, 4.0, &vec![(0.0, vec![choice(0.0, 0.0), choice(1.0, 9.0)]); 6]);
    let schedule = problem.solve(Aim::Worth);
    let played = problem.play(|step, soc| schedule.choice(step, soc));
    assert_eq!(played.lowest, problem.floor);
    assert_eq!(played.chosen.iter().map(|choice| u32::from(*choice)).sum::<u32>(), 1);
    for step in &mut problem.steps {
        step.base = Power::from_watts(1.0);
    }
    let sinks = problem.play(|_, _| 1);
    assert!(sinks.chosen.iter().all(|choice| *choice == 0) && sinks.lowest == Soc::EMPTY);
}

#[test]
fn a_front_leaves_out_what_costs_more_and_is_worth_less() {
    let mode =
        |watts: f64, worth: f64, critical: f64| Mode { power: Power::from_watts(watts), worth, critical };
    let node = vec![
        mode(0.2, 0.0, 0.0),
        mode(3.0, 5.0, 0.5),
        mode(2.0, 4.0, 0.5),
        mode(3.5, 4.5, 0.5),
        mode(2.5, 4.2, 0.5),
    ];
    let front = Front::of(&[node.clone(), node], Aim::Worth);
    let modes: Vec<_> = front.choices().iter().map(|choice| choice.modes.clone()).collect();
    // The step to 2 W is worth most a watt, on the first node first; 2.5 W lies under the line from 2 W to 3 W.
    assert_eq!(modes, [[0, 0], [2, 0], [2, 2], [1, 2], [1, 1]]);
    let last = front.choices().last().unwrap();
    assert!((last.power.watts() - 6.0).abs() < 1e-9 && (last.worth - 10.0).abs() < 1e-9);
    assert!((last.critical - 1.0).abs() < 1e-9);
}

#[test]
fn critical_work_comes_first_where_that_is_the_aim() {
    let mode =
        |watts: f64, worth: f64, critical: f64| Mode { power: Power::from_watts(watts), worth, critical };
    let dear = vec![mode(0.0, 0.0, 0.0), mode(9.0, 1.0, 0.5)];
    let cheap = vec![mode(0.0, 0.0, 0.0), mode(1.0, 50.0, 0.0)];
    let first = |aim| Front::of(&[dear.clone(), cheap.clone()], aim).choices()[1].modes.clone();
    assert_eq!(first(Aim::Worth), [0, 1]);
    assert_eq!(first(Aim::CriticalFirst), [1, 0]);
}

const LABEL: Charge = Charge::from_amp_hours(70.0);
const PANEL: Panel =
    Panel { label: Power::from_watts(160.0), tilt_degrees: 35.0, azimuth_degrees: 0.0, soiling: 0.03 };

fn response(chemistry: Chemistry, condition: Condition, levels: usize) -> Response {
    let cell = Cell { chemistry, label: LABEL, condition, charger: Settings::usual(chemistry, LABEL) };
    let temperatures = (Temperature::from_celsius(8.0), Temperature::from_celsius(20.0));
    Response::of(&cell, Grid::new(levels), STEP, (PANEL.label, Power::from_watts(60.0)), temperatures)
}

/// Days of a simulated site with a fleet that works by day and half of which is off at night.
fn site(chemistry: Chemistry, condition: Condition, seed: u64) -> Site {
    let board = Board::from_model("Raspberry Pi 3 Model B").unwrap();
    let settings = site::Settings {
        chemistry,
        label: LABEL,
        condition,
        soc: Soc::from_percent(80.0),
        panel: PANEL,
        charger: Settings::usual(chemistry, LABEL),
        latitude_degrees: 44.0,
        climate: Climate::TEMPERATE,
        record: None,
        ages: false,
        start: SolarTime { day: 96, since_midnight: Duration::ZERO },
        network: Power::from_watts(4.0),
        seed,
    };
    let mut site = Site::new(&settings, vec![NodeLoad::new(board, Converter::SYNCHRONOUS); 8]);
    site.weather_mut().ordain(seed.is_multiple_of(2).then_some(DayKind::Mixed));
    site
}

/// The work of the hour.
fn work(site: &mut Site) {
    let night = !(7.0..19.0).contains(&site.time().hour());
    for index in 0..8 {
        let node = site.node_mut(index).unwrap();
        node.set_switch(!(night && index >= 3));
        let wants = Cpus::from_milli(if night { 300 } else { 1500 });
        node.set_work(&[Work { wants, limit: Limit::Free }]);
    }
}

#[test]
fn the_model_follows_the_simulated_battery_through_days() {
    for (chemistry, condition, seed) in [
        (Chemistry::Agm, Condition::NEW, 1),
        (Chemistry::Agm, Condition::AGED, 2),
        (Chemistry::Flooded, Condition::NEW, 2),
        (Chemistry::LiFePO4, Condition::NEW, 3),
    ] {
        let model = response(chemistry, condition, 401);
        let mut site = site(chemistry, condition, seed);
        let own = site.charger().settings().own;
        let mut place = model.grid().place(site.true_soc());
        let (mut over, mut under) = (0.0_f64, 0.0_f64);
        let steps = 6 * 96;
        for _ in 0..steps {
            let (mut sun, mut load) = (Power::ZERO, Power::ZERO);
            let bites = STEP.as_secs() / 5;
            for _ in 0..bites {
                work(&mut site);
                site.step(Duration::from_secs(5));
                sun += site.available() / bites as f64;
                load += (site.load() + own) / bites as f64;
            }
            place = model.after(place, load - sun, site.battery().temperature()).max(0.0);
            let off = model.grid().soc(place).points_above(site.true_soc());
            (over, under) = (over.max(off), under.min(off));
        }
        println!("{chemistry}, {condition:?}: {under:+.2} to {over:+.2} points of charge");
        assert_eq!(site.brown_outs(), 0, "a site that runs flat compares nothing");
        // Above the truth where clouds come and go within a step, and near full where the charger floats: a bound may.
        assert!(over < 6.0, "{chemistry}: {over} points over");
        assert!(under > -2.0, "{chemistry}: {under} points under");
    }
}

/// Ten nodes' fronts, and the sun of one site from midwinter on.
fn winter(levels: usize) -> Problem {
    let modes = |hour: f64| {
        let busy = (1.0 - ((hour - 13.0) / 7.0).powi(2)).max(0.0);
        let mode =
            |watts: f64, worth: f64, critical: f64| Mode { power: Power::from_watts(watts), worth, critical };
        let nodes: Vec<Vec<Mode>> = (0..10)
            .map(|node| {
                let more = 1.0 + f64::from(node) * 0.05;
                vec![
                    mode(0.0, 0.0, 0.0),
                    mode(1.75 * more + 0.3 * busy, 7000.0 + 20_000.0 * busy, 0.1),
                    mode(1.95 * more + 0.7 * busy, 10_000.0 + 25_000.0 * busy, 0.1),
                    mode(3.1 * more + 0.7 * busy, 16_000.0 + 25_000.0 * busy, 0.1),
                ]
            })
            .collect();
        Arc::new(Front::of(&nodes, Aim::Worth))
    };
    let fronts: Vec<_> = (0..96).map(|quarter| modes(f64::from(quarter) / 4.0)).collect();
    let mut weather = site(Chemistry::Agm, Condition::NEW, 1).weather().clone();
    let mut time = SolarTime { day: 1, since_midnight: Duration::ZERO };
    let steps = (0..60 * 96)
        .map(|step| {
            time = time.after(STEP);
            weather.step(STEP, time);
            let sun = hardware::sim::sun::Sun::at(44.0, time);
            Step {
                sun: PANEL.available(&sun, weather.clearness(), weather.air(time)),
                temperature: weather.air(time),
                base: Power::from_watts(7.15),
                front: Arc::clone(&fronts[step % 96]),
            }
        })
        .collect();
    Problem {
        response: response(Chemistry::Agm, Condition::NEW, levels),
        floor: Soc::from_percent(35.0),
        start: Soc::from_percent(80.0),
        steps,
    }
}

#[test]
fn a_finer_grid_changes_the_value_by_less_than_a_hundredth() {
    let coarse = winter(201);
    let fine = winter(401);
    let (low, high) = (coarse.solve(Aim::Worth), fine.solve(Aim::Worth));
    let off = low.value() / high.value() - 1.0;
    let played = fine.play(|step, soc| high.choice(step, soc));
    println!(
        "201 levels {:+.4} %, played in the model {:+.4} % of the bound",
        off * 100.0,
        (played.worth / high.value() - 1.0) * 100.0
    );
    assert!(off.abs() < 0.01, "{off}");
    assert!(played.worth <= high.value() * 1.002 && played.worth > high.value() * 0.98);
    let under = |(charge, chosen): (&Soc, &u8)| *chosen > 0 && *charge < Soc::from_percent(34.9);
    assert!(
        !played.charge.iter().zip(&played.chosen).any(under),
        "only what is drawn anyway passes the floor"
    );
}
