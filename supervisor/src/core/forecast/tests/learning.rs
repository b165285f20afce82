//! What the panel's days teach, and what they must not.

use std::time::Duration;

use hardware::sim::weather::Climate;
use protocol::{Energy, Power};

use super::super::{Angle, Confidence, Forecast, Learned, Site};
use super::world::{SCENE, Scene, World, site};

const DAY: Duration = Duration::from_hours(24);

/// The profile in the middle of an hour by the sun.
fn ratio(forecast: &Forecast, hour: f64) -> f64 {
    forecast.profile.ratio(Angle::from_degrees((hour - 12.0) * 15.0))
}

#[test]
fn a_shaded_hour_is_learned_within_ten_days_and_its_neighbours_are_spared() {
    let scene = Scene { shade: Some((15.0, 16.0, 0.3)), climate: Climate::SUNNY, ..SCENE };
    let (mut world, mut forecast) = (World::new(scene), Forecast::new(site(scene.place), None));
    world.run(&mut forecast, DAY * 10);
    let (before, shaded) = (ratio(&forecast, 13.75), ratio(&forecast, 15.5));
    assert!(shaded < 0.45 * before, "{shaded:.2} in the shade, {before:.2} before it");
    let morning = ratio(&forecast, 10.25);
    assert!(
        (before / morning - 1.0).abs() < 0.15,
        "{before:.2} early in the afternoon, {morning:.2} in the morning"
    );
}

#[test]
fn a_tree_that_was_felled_is_forgotten_within_a_month() {
    let scene = Scene { shade: Some((15.0, 16.0, 0.3)), climate: Climate::SUNNY, ..SCENE };
    let (mut world, mut forecast) = (World::new(scene), Forecast::new(site(scene.place), None));
    world.run(&mut forecast, DAY * 30);
    let (before, shaded) = (ratio(&forecast, 13.75), ratio(&forecast, 15.5));
    assert!(shaded < 0.45 * before, "{shaded:.2} in the shade, {before:.2} before it");
    world.scene.shade = None;
    world.run(&mut forecast, DAY * 30);
    let (before, free) = (ratio(&forecast, 13.75), ratio(&forecast, 15.5));
    assert!(free > 0.8 * before, "{free:.2} without the tree, {before:.2} before it");
}

#[test]
fn a_charger_that_holds_the_panel_back_does_not_teach_that_it_is_weak() {
    let free = Scene { climate: Climate::SUNNY, ..SCENE };
    let held = Scene { curtailed: Some((11.0, 0.15)), ..free };
    let learned = |scene: Scene| {
        let (mut world, mut forecast) = (World::new(scene), Forecast::new(site(scene.place), None));
        world.run(&mut forecast, DAY * 40);
        // Ten evenings: on each of them, what is foretold hangs on that day's clouds, of which they saw different parts.
        let mut sum = Energy::ZERO;
        for _ in 0..10 {
            world.run(&mut forecast, DAY);
            sum += forecast.energy_until(world.now, world.now + DAY).best;
        }
        sum.watt_hours() / 10.0
    };
    let (free, held) = (learned(free), learned(held));
    assert!(
        (held / free - 1.0).abs() < 0.12,
        "{held:.0} Wh foretold where it was held back, {free:.0} Wh where not"
    );
}

#[test]
fn curtailment_that_nobody_told_of_would_have_taught_weakness() {
    // The counter-check of the test above: the same light, taken at face value.
    let scene = Scene { climate: Climate::SUNNY, shade: Some((11.0, 24.0, 0.15)), ..SCENE };
    let (mut world, mut forecast) = (World::new(scene), Forecast::new(site(scene.place), None));
    world.run(&mut forecast, DAY * 40);
    let fair = {
        let scene = Scene { climate: Climate::SUNNY, ..SCENE };
        let (mut world, mut forecast) = (World::new(scene), Forecast::new(site(scene.place), None));
        world.run(&mut forecast, DAY * 40);
        forecast.energy_until(world.now, world.now + DAY).best
    };
    assert!(forecast.energy_until(world.now, world.now + DAY).best < fair * 0.7);
}

#[test]
fn the_band_starts_wide_and_narrows_as_days_are_seen() {
    let scene = Scene { climate: Climate::SUNNY, ..SCENE };
    let (mut world, mut forecast) = (World::new(scene), Forecast::new(site(scene.place), None));
    let mut width = |days: u32| {
        let mut sum = Energy::ZERO;
        for _ in 0..5 {
            world.run_to_hour(&mut forecast, 20.0);
            let band = forecast.energy_until(world.now, world.now + DAY);
            sum += band.high - band.low;
        }
        world.run(&mut forecast, DAY * days);
        (sum / 5.0, forecast.confidence(world.now))
    };
    let (first, told) = width(90);
    assert!(matches!(told, Confidence::Measured { days } if days > 80), "{told:?}");
    let (later, _) = width(0);
    assert!(later < first * 0.9, "{first} wide at first, {later} after three months");
    let fresh = Forecast::new(site(SCENE.place), None);
    assert!(matches!(fresh.confidence(world.now), Confidence::NoTime { .. }));
}

#[test]
fn a_panel_without_a_label_is_found_out_by_its_days() {
    let unknown = Site::new(site(SCENE.place).latitude(), site(SCENE.place).longitude())
        .and_then(|bare| bare.with_plane(site(SCENE.place).plane()))
        .expect("a sound site");
    let scene = Scene { climate: Climate::SUNNY, ..SCENE };
    let (mut world, mut forecast) = (World::new(scene), Forecast::new(unknown, None));
    world.run(&mut forecast, Duration::from_hours(1));
    assert_eq!(forecast.confidence(world.now), Confidence::NoPanel);
    assert!(forecast.energy_until(world.now, world.now + DAY).high <= Energy::ZERO);
    let mut labelled_world = World::new(scene);
    let mut labelled = Forecast::new(site(SCENE.place), None);
    world.run(&mut forecast, DAY * 40);
    labelled_world.run(&mut labelled, DAY * 40 + Duration::from_hours(1));
    let (without, with) = (
        forecast.energy_until(world.now, world.now + DAY).best.watt_hours(),
        labelled.energy_until(world.now, world.now + DAY).best.watt_hours(),
    );
    assert!((without / with - 1.0).abs() < 0.12, "{without:.0} Wh without, {with:.0} Wh with its label");
}

#[test]
fn what_was_learned_goes_on_after_a_restart_and_damage_is_left_aside() {
    let (mut world, mut forecast) = (World::new(SCENE), Forecast::new(site(SCENE.place), None));
    world.run(&mut forecast, DAY * 30 + Duration::from_hours(1));
    let text = serde_json::to_string(&forecast.learned()).expect("it is written");
    assert!(text.len() < 24_000, "{} bytes", text.len());
    let read: Learned = serde_json::from_str(&text).expect("it is read");
    let mut again = Forecast::new(site(SCENE.place), Some(read));
    world.run(&mut again, Duration::from_mins(10));
    let mut straight = forecast;
    let seen = super::super::Observation { wall: world.stated(), panel: None, curtailed: false };
    straight.observe(world.now, seen);
    let (kept, went) = (
        again.energy_until(world.now, world.now + DAY).best.watt_hours(),
        straight.energy_until(world.now, world.now + DAY).best.watt_hours(),
    );
    assert!((kept / went - 1.0).abs() < 0.01, "{kept:.1} Wh after a restart, {went:.1} Wh without");

    let mut damaged: serde_json::Value = serde_json::from_str(&text).expect("it is text");
    damaged["profile"]["days"] = serde_json::json!([[1e9]]);
    let read: Learned = serde_json::from_value(damaged).expect("its form is right");
    let fresh = Forecast::new(site(SCENE.place), Some(read));
    assert_eq!(fresh.learned(), Forecast::new(site(SCENE.place), None).learned());
}

#[test]
fn there_is_a_surplus_when_the_sun_is_high_and_none_beyond_the_panel() {
    let scene = Scene { climate: Climate::SUNNY, ..SCENE };
    let (mut world, mut forecast) = (World::new(scene), Forecast::new(site(scene.place), None));
    world.run(&mut forecast, DAY * 20);
    let surplus = forecast.next_surplus(world.now, Power::from_watts(30.0)).expect("the day brings one");
    let hours = (surplus - world.now).as_secs_f64() / 3600.0;
    assert!((7.0..10.5).contains(&hours), "{hours:.1} h after midnight");
    assert_eq!(forecast.next_surplus(world.now, Power::from_watts(150.0)), None);
}
