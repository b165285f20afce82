//! The planner's question.

use std::time::Duration;

use hardware::sim::weather::Climate;
use protocol::report::SocBand;
use protocol::{Energy, Power, Soc};

use super::super::{Forecast, Prospect, Store};
use super::world::{LOOK, SCENE, Scene, World, site};

fn store(percent: f64, spread: f64) -> Store {
    let soc = SocBand {
        low: Soc::from_percent(percent - spread),
        best: Soc::from_percent(percent),
        high: Soc::from_percent(percent + spread),
    };
    Store {
        capacity: Energy::from_watt_hours(840.0),
        soc,
        reserve: Soc::from_percent(35.0),
        charge_efficiency: 0.85,
    }
}

/// A forecast that has seen two months, at dusk.
fn at_dusk() -> (World, Forecast) {
    let scene = Scene { climate: Climate::TEMPERATE, seed: 5, ..SCENE };
    let (mut world, mut forecast) = (World::new(scene), Forecast::new(site(scene.place), None));
    world.run(&mut forecast, Duration::from_hours(24 * 60));
    world.run_to_hour(&mut forecast, 18.5);
    (world, forecast)
}

#[test]
fn a_night_that_the_battery_carries_is_sure_and_one_beyond_it_hopeless() {
    let (world, forecast) = at_dusk();
    let ask = |percent: f64, watts: f64| -> Prospect {
        forecast.prospect_until_sun(world.now, &store(percent, 3.0), Power::from_watts(watts))
    };
    // 13.5 h at 20 W are 270 Wh, 32 points.
    assert!(ask(90.0, 20.0).chance.fraction() > 0.98);
    assert!(ask(50.0, 20.0).chance.fraction() < 0.02);
    let even = ask(66.0, 20.0).chance.fraction();
    assert!((0.2..0.8).contains(&even), "{even:.2}");
    let hours = (ask(66.0, 20.0).until - world.now).as_secs_f64() / 3600.0;
    assert!((13.0..14.5).contains(&hours), "two hours after sunrise is {hours:.1} h from dusk");
}

#[test]
fn more_charge_and_less_load_never_lower_the_chance() {
    let (world, forecast) = at_dusk();
    let ask = |percent: f64, watts: f64| {
        let until = world.now + Duration::from_hours(30);
        forecast.prospect(world.now, &store(percent, 4.0), Power::from_watts(watts), until).chance.fraction()
    };
    for step in 0..20 {
        let (percent, watts) = (40.0 + 2.5 * f64::from(step), 5.0 + 1.5 * f64::from(step));
        assert!(ask(percent + 2.5, 18.0) + 1e-9 >= ask(percent, 18.0), "at {percent} %");
        assert!(ask(70.0, watts + 1.5) <= ask(70.0, watts) + 1e-9, "at {watts} W");
    }
}

#[test]
fn a_less_certain_charge_makes_a_good_chance_worse() {
    let (world, forecast) = at_dusk();
    let ask = |spread: f64| {
        forecast
            .prospect_until_sun(world.now, &store(75.0, spread), Power::from_watts(20.0))
            .chance
            .fraction()
    };
    assert!(ask(12.0) < ask(5.0) && ask(5.0) < ask(1.0));
}

/// Over a year of simulated days: of the evenings with a chance of so much, that part ends well.
#[test]
fn chances_come_true_as_often_as_they_say() {
    let scene = Scene { climate: Climate::TEMPERATE, seed: 9, ..SCENE };
    let (mut world, mut forecast) = (World::new(scene), Forecast::new(site(scene.place), None));
    world.run(&mut forecast, Duration::from_hours(24 * 30));
    // A small panel's next day and night as a whole, where the sky decides.
    let load = Power::from_watts(22.0);
    let mut cases: Vec<(f64, bool)> = Vec::new();
    for day in 0..250_u32 {
        world.run_to_hour(&mut forecast, 18.5);
        let start = 62.0 + f64::from(day * 7 % 30);
        let asked = store(start, 0.0);
        let prospect = forecast.prospect(world.now, &asked, load, world.now + Duration::from_hours(36));
        // The true course, followed with another copy of the world's sky.
        let mut ghost = World::new(scene);
        ghost.clone_sky(&world);
        let (mut left, mut well, end) =
            (asked.capacity * (start / 100.0), true, world.now + Duration::from_hours(36));
        while ghost.now < end {
            let before = ghost.total;
            ghost.pass();
            let net = ghost.total - before - load * LOOK;
            left = (left + if net > Energy::ZERO { net * 0.85 } else { net }).min(asked.capacity);
            well &= left >= asked.capacity * 0.35;
        }
        cases.push((prospect.chance.fraction(), well));
    }
    let mut unsure = 0;
    for (from, to) in [(0.0, 0.2), (0.2, 0.5), (0.5, 0.8), (0.8, 1.01)] {
        let group: Vec<_> = cases.iter().filter(|(chance, _)| (from..to).contains(chance)).collect();
        let said = group.iter().map(|case| case.0).sum::<f64>() / group.len().max(1) as f64;
        let came = group.iter().filter(|case| case.1).count() as f64 / group.len().max(1) as f64;
        println!("chance {from:.1} to {to:.1}: {} evenings, said {said:.2}, came {came:.2}", group.len());
        unsure += if from > 0.1 && to < 0.9 { group.len() } else { 0 };
        assert!(group.len() < 10 || (said - came).abs() < 0.2, "said {said:.2}, came {came:.2}");
    }
    assert!(unsure >= 20, "only {unsure} evenings were open: the test says little");
    let brier = |said: &dyn Fn(f64) -> f64| {
        cases.iter().map(|(chance, well)| (said(*chance) - f64::from(u8::from(*well))).powi(2)).sum::<f64>()
    };
    let rate = cases.iter().filter(|case| case.1).count() as f64 / cases.len() as f64;
    let (said, blind) = (brier(&|chance| chance), brier(&|_| rate));
    println!(
        "Brier score {:.3}, of the mean of all evenings {:.3}",
        said / cases.len() as f64,
        blind / cases.len() as f64
    );
    assert!(said < 0.9 * blind, "hardly better than the mean of all evenings");
}
