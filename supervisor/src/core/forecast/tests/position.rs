//! The sun's position and its rise and set, against what others published.

use super::super::WallClock;
use super::super::daylight::{Daylight, daylight, next_rise};
use super::super::sun::{Angle, Plane, Sun};

/// Midnight of 1 January 2020, UTC.
const YEAR_2020: i64 = 1_577_836_800;

fn place(latitude: f64, longitude: f64) -> (Angle, Angle) {
    (Angle::from_degrees(latitude), Angle::from_degrees(longitude))
}

/// Day of 2020, latitude, longitude, sunrise and sunset in UTC.
type Published = (i64, f64, f64, (i64, i64), (i64, i64));

/// United States Naval Observatory, "Table of Sunrise/Sunset ... for One Year" (`aa.usno.navy.mil`, `RS_OneYear`), in UTC:
/// Singapore, Anchorage, Auckland and Longyearbyen in 2020. They are given to the minute.
const PUBLISHED: [Published; 14] = [
    (4, 1.283_333, 103.833_333, (23, 9), (11, 11)),
    (45, 1.283_333, 103.833_333, (23, 17), (11, 21)),
    (135, 1.283_333, 103.833_333, (22, 56), (11, 6)),
    (206, 1.283_333, 103.833_333, (23, 6), (11, 17)),
    (309, 1.283_333, 103.833_333, (22, 46), (10, 50)),
    (359, 1.283_333, 103.833_333, (23, 4), (11, 6)),
    (4, 61.216_667, -149.866_667, (19, 11), (0, 57)),
    (95, 61.216_667, -149.866_667, (15, 8), (4, 55)),
    (166, 61.216_667, -149.866_667, (12, 21), (7, 40)),
    (4, -36.833_333, 174.8, (17, 9), (7, 44)),
    (186, -36.833_333, 174.8, (19, 34), (5, 17)),
    (278, -36.833_333, 174.8, (17, 49), (6, 28)),
    (64, 78.216_667, 15.633_333, (6, 48), (15, 33)),
    (84, 78.216_667, 15.633_333, (4, 9), (18, 2)),
];

#[test]
fn sunrise_and_sunset_are_as_published_to_a_minute_and_a_half() {
    for (day, latitude, longitude, published_rise, published_set) in PUBLISHED {
        let (at, east) = place(latitude, longitude);
        let midnight = YEAR_2020 + day * 86_400;
        // The table goes by UTC's days: its rise and set may belong to two days of the sun.
        let (mut rises, mut sets) = (Vec::new(), Vec::new());
        for noon in [-43_200, 43_200, 129_600] {
            let daylight = daylight(at, east, WallClock::from_unix_seconds(midnight + noon));
            let Daylight::Between { rise, set } = daylight else { panic!("{daylight:?} on day {day}") };
            rises.push(rise);
            sets.push(set);
        }
        for (computed, published) in [(rises, published_rise), (sets, published_set)] {
            let published = midnight + published.0 * 3600 + published.1 * 60;
            let off = computed.iter().map(|at| (at.unix_seconds() - published).abs()).min();
            assert!(off.is_some_and(|off| off <= 90), "{off:?} s off on day {day} at {latitude} degrees");
        }
    }
}

#[test]
fn the_polar_day_has_no_end_and_the_polar_night_no_light() {
    let (at, east) = place(78.216_667, 15.633_333);
    let on = |day: i64| daylight(at, east, WallClock::from_unix_seconds(YEAR_2020 + day * 86_400 + 43_200));
    assert_eq!(on(14), Daylight::Never);
    assert_eq!(on(172), Daylight::Always);
    assert_eq!(next_rise(at, east, WallClock::from_unix_seconds(YEAR_2020 + 14 * 86_400)), None);
}

/// Azimuth and zenith distance at Auckland, by NREL's reference program of its Solar Position Algorithm (the test data of
/// the crate `solar-positioning`), in 1910: the moment, seconds since 1970.
const NREL: [(i64, f64, f64); 4] = [
    // 1910-03-15 21:30, 1910-06-15 00:30, 1910-06-15 03:30, 1910-12-15 03:30
    (-1_887_071_400, 60.974_132, 53.948_692),
    (-1_879_198_200, 357.619_081, 60.119_781),
    (-1_879_187_400, 315.659_667, 74.741_966),
    (-1_863_376_200, 274.081_533, 43.652_673),
];

#[test]
fn the_position_is_as_by_the_reference_program_to_a_twentieth_of_a_degree() {
    let (at, east) = place(-36.840_556, 174.74);
    for (unix, azimuth, zenith) in NREL {
        let sun = Sun::at(at, east, WallClock::from_unix_seconds(unix));
        // The reference lifts the sun by refraction: 0.02 degrees at a zenith distance of 54, 0.06 at 75.
        let off = 90.0 - sun.elevation().degrees() - zenith;
        assert!((-0.02..=0.08).contains(&off), "{off:.3} degrees of height off at {unix}");
        let turned = sun.azimuth().degrees() - azimuth;
        assert!(turned.abs() < 0.05, "{turned:.3} degrees of azimuth off at {unix}");
    }
}

#[test]
fn libreville_has_twelve_hours_of_light_all_year() {
    let (at, east) = place(0.39, 9.45);
    for day in (0..365).step_by(15) {
        let noon = WallClock::from_unix_seconds(YEAR_2020 + day * 86_400 + 41_000);
        let Daylight::Between { rise, set } = daylight(at, east, noon) else { panic!("no day") };
        let length = set.unix_seconds() - rise.unix_seconds();
        assert!((length - 43_620).abs() < 120, "{length} s on day {day}");
        // UTC is 38 min behind the sun there; the equation of time moves it by up to 17 min.
        assert!((rise.unix_seconds().rem_euclid(86_400) - 19_100).abs() < 1200);
    }
}

#[test]
fn a_clear_noon_is_near_a_thousand_watts_and_a_tilted_panel_gains_in_winter() {
    let noon = |latitude: f64, declination: f64| {
        Sun::standing(Angle::from_degrees(latitude), Angle::from_degrees(declination), Angle::ZERO)
    };
    let overhead = noon(0.0, 0.0).clear_on(Plane::LEVEL).watts_per_square_metre();
    assert!((980.0..1080.0).contains(&overhead), "{overhead}");
    let south = Plane { tilt: Angle::from_degrees(60.0), azimuth: Angle::from_degrees(180.0) };
    let winter = noon(48.0, -23.4);
    let (level, tilted) = (winter.clear_on(Plane::LEVEL), winter.clear_on(south));
    assert!(tilted.watts_per_square_metre() > 2.0 * level.watts_per_square_metre());
    let north = Plane { azimuth: Angle::ZERO, ..south };
    assert!(winter.clear_on(north).watts_per_square_metre() < 150.0, "its back is turned to the sun");
    let night = Sun::standing(Angle::from_degrees(48.0), Angle::ZERO, Angle::from_degrees(170.0));
    assert!(night.clear_on(south).watts_per_square_metre() <= 0.0);
}
