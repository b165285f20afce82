//! Without a clock, with a wrong one, and with one that jumps.

use std::time::Duration;

use hardware::sim::weather::Climate;
use protocol::Energy;

use super::super::{Confidence, Doubt, Forecast};
use super::world::{SCENE, Scene, World, site};

const DAY: Duration = Duration::from_hours(24);
const FAIR: Scene = Scene { climate: Climate::SUNNY, ..SCENE };

/// Hours until the next sunrise, as foretold.
fn hours_to_rise(forecast: &Forecast, world: &World) -> f64 {
    let rise = forecast.next_sunrise(world.now).expect("the sun rises every day");
    (rise.at - world.now).as_secs_f64() / 3600.0
}

#[test]
fn without_a_clock_and_before_a_sunrise_nothing_is_promised() {
    let (mut world, mut forecast) = (World::new(FAIR), Forecast::new(site(FAIR.place), None));
    world.clock = None;
    world.run(&mut forecast, Duration::from_hours(1));
    assert_eq!(forecast.confidence(world.now), Confidence::NoTime { doubt: Doubt::Absent });
    assert_eq!(forecast.next_sunrise(world.now), None);
    let day = forecast.energy_until(world.now, world.now + DAY / 2);
    assert_eq!(day.low, Energy::ZERO);
    assert!(day.best > Energy::ZERO && day.high > day.best);
}

#[test]
fn without_a_clock_the_sun_itself_tells_the_time() {
    let (mut world, mut forecast) = (World::new(FAIR), Forecast::new(site(FAIR.place), None));
    world.clock = None;
    world.run(&mut forecast, DAY * 40);
    let told = forecast.confidence(world.now);
    assert!(matches!(told, Confidence::BySunrise { doubt: Doubt::Absent, .. }), "{told:?}");
    let hours = hours_to_rise(&forecast, &world);
    assert!((hours - 6.0).abs() < 0.8, "{hours:.2} h at midnight");

    let (mut same, mut dated) = (World::new(FAIR), Forecast::new(site(FAIR.place), None));
    same.run(&mut dated, DAY * 40);
    let (blind, sure) =
        (forecast.energy_until(world.now, world.now + DAY), dated.energy_until(same.now, same.now + DAY));
    assert!(
        (blind.best / sure.best - 1.0).abs() < 0.2,
        "{} without a clock, {} with it",
        blind.best,
        sure.best
    );
    assert!(blind.high - blind.low > (sure.high - sure.low) * 1.2, "{blind:?} is no wider than {sure:?}");
}

#[test]
fn a_clock_from_before_this_software_is_not_believed() {
    let (mut world, mut forecast) = (World::new(FAIR), Forecast::new(site(FAIR.place), None));
    world.clock = Some(-40 * 365 * 86_400);
    world.run(&mut forecast, Duration::from_hours(1));
    assert_eq!(forecast.confidence(world.now), Confidence::NoTime { doubt: Doubt::Unset });
}

#[test]
fn a_clock_ten_hours_off_is_found_out_by_the_sun_and_believed_again_when_set() {
    let (mut world, mut forecast) = (World::new(FAIR), Forecast::new(site(FAIR.place), None));
    world.clock = Some(10 * 3600);
    world.run_to_hour(&mut forecast, 14.0);
    let told = forecast.confidence(world.now);
    assert!(matches!(told, Confidence::BySunrise { doubt: Doubt::SunAtNight, .. }), "{told:?}");
    world.clock = Some(0);
    world.run(&mut forecast, Duration::from_mins(10));
    let told = forecast.confidence(world.now);
    assert!(matches!(told, Confidence::Learning { .. }), "{told:?}");
}

#[test]
fn a_clock_that_fell_behind_is_doubted_until_a_sunrise_confirms_it() {
    let (mut world, mut forecast) = (World::new(FAIR), Forecast::new(site(FAIR.place), None));
    world.run(&mut forecast, DAY * 3 + Duration::from_hours(1));
    let mut again = Forecast::new(site(FAIR.place), Some(forecast.learned()));
    world.clock = Some(-2 * 86_400);
    world.run(&mut again, Duration::from_hours(2));
    let told = again.confidence(world.now);
    assert!(matches!(told, Confidence::NoTime { doubt: Doubt::Behind(_) }), "{told:?}");
    world.run_to_hour(&mut again, 9.0);
    let told = again.confidence(world.now);
    assert!(matches!(told, Confidence::Learning { .. }), "the date is wrong, the hour right: {told:?}");
}

#[test]
fn a_jump_of_the_clock_costs_the_day_and_nothing_that_was_learned() {
    let (mut world, mut forecast) = (World::new(FAIR), Forecast::new(site(FAIR.place), None));
    world.run(&mut forecast, DAY * 30);
    let (profile, days) = (forecast.profile.clone(), forecast.errors.days());
    // Back and forth by three hours all morning: every jump would put the light at other hours.
    for hour in 6..12_i64 {
        world.clock = Some(if hour % 2 == 0 { 3 * 3600 } else { 0 });
        world.run_to_hour(&mut forecast, hour as f64 + 0.5);
    }
    world.clock = Some(0);
    world.run_to_hour(&mut forecast, 13.0);
    world.run(&mut forecast, DAY / 2 + Duration::from_mins(30));
    assert_eq!(forecast.errors.days(), days, "half a day is no day to score");
    for hour in 8..17 {
        let angle = super::super::Angle::from_degrees((f64::from(hour) - 12.0) * 15.0);
        let (before, after) = (profile.ratio(angle), forecast.profile.ratio(angle));
        assert!((after / before - 1.0).abs() < 0.1, "{before:.2} became {after:.2} at {hour} o'clock");
    }
    let told = forecast.confidence(world.now);
    assert!(matches!(told, Confidence::Measured { .. }), "{told:?}");
}
