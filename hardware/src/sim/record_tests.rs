#![allow(clippy::float_cmp, reason = "numbers that are copied, not computed")]

use std::fmt::Write as _;
use std::time::Duration;

use super::*;

const PLACE: Place = Place { longitude_degrees: 15.0, start_day: 10 };

/// Two days by the hour: light at noon, none at night.
fn two_days(time: impl Fn(u32) -> String, header: &str) -> String {
    let mut text = format!("{header}\n");
    for hour in 0..48_u32 {
        let light = if hour % 24 == 12 { 800 } else { 0 };
        writeln!(text, "{},{light},{}", time(hour), 10 + hour % 24).unwrap();
    }
    text
}

fn at(record: &Record, day: u32, minutes: u64) -> (f64, f64) {
    let time = SolarTime { day, since_midnight: Duration::from_mins(minutes) };
    match record.at(time) {
        (Light::Global(light) | Light::Plane(light), air) => (light.watts_per_square_metre(), air.celsius()),
    }
}

/// The error's line, column and words.
fn refused(text: &str) -> (Option<u64>, Option<&'static str>, String) {
    let error = Record::parse(text, PLACE).expect_err(text);
    (error.line, error.column, error.to_string())
}

#[test]
fn light_is_that_of_the_row_and_goes_straight_to_the_next() {
    let text = two_days(|hour| format!("{}", hour * 3600), "time_s,ghi_W_m2,temp_C");
    let record = Record::parse(&text, PLACE).unwrap();
    assert_eq!(record.days(), 2);
    assert_eq!(at(&record, 10, 12 * 60), (800.0, 22.0));
    assert_eq!(at(&record, 11, 12 * 60 + 30), (400.0, 22.5));
    assert_eq!(at(&record, 12, 12 * 60), (800.0, 22.0), "begins again after its two days");
    assert_eq!(at(&record, 9, 12 * 60), (800.0, 22.0), "and before them");
}

#[test]
fn utc_becomes_solar_time_by_the_longitude() {
    let name = |zone: &'static str| {
        move |hour: u32| format!("2023-01-{:02}T{:02}:00{zone}", 10 + hour / 24, hour % 24)
    };
    let utc = Record::parse(&two_days(name("Z"), "time,plane_W_m2,temp_C"), PLACE).unwrap();
    let solar = Record::parse(&two_days(name(""), "time,plane_W_m2,temp_C"), PLACE).unwrap();
    assert_eq!(at(&solar, 10, 12 * 60).0, 800.0);
    assert_eq!(at(&utc, 10, 13 * 60).0, 800.0, "15 degrees east is an hour ahead");
    assert!(matches!(solar.at(SolarTime { day: 10, since_midnight: Duration::ZERO }).0, Light::Plane(_)));
}

#[test]
fn a_leap_day_is_passed_over() {
    let time =
        |hour: u32| format!("2024-{} {:02}:00", ["02-28", "02-29", "03-01"][hour as usize / 24], hour % 24);
    let mut text = "time,ghi_W_m2,temp_C\n".to_owned();
    for hour in 0..72 {
        writeln!(text, "{},{},5", time(hour), hour / 24 * 100).unwrap();
    }
    let record = Record::parse(&text, PLACE).unwrap();
    assert_eq!(record.days(), 2);
    assert_eq!(at(&record, 60, 60).0, 200.0, "the first of March follows the 28th of February");
}

#[test]
fn what_cannot_be_is_refused_with_its_line_and_column() {
    let hours = |rows: &str| format!("time_s,ghi_W_m2,temp_C\n0,0,10\n{rows}");
    assert_eq!(refused("time_s,temp_C\n0,1\n").1, Some("ghi_W_m2"));
    assert!(refused("time_s,temp_C\n0,1\n").2.contains("found: time_s, temp_C"));
    assert_eq!(refused("time_s,time,ghi_W_m2,temp_C\n").1, Some("time"));
    for (rows, column, words) in [
        ("3600,abc,10\n", "ghi_W_m2", "\"abc\" is not a light"),
        ("3600,NaN,10\n", "ghi_W_m2", "NaN"),
        ("3600,2000,10\n", "ghi_W_m2", "1600"),
        ("3600,0,99\n", "temp_C", "60 C"),
        ("soon,0,10\n", "time_s", "seconds"),
        ("0,0,10\n", "time_s", "not later"),
        ("36000,0,10\n", "time_s", "10.0 h after"),
    ] {
        let (line, found, text) = refused(&hours(rows));
        assert_eq!((line, found), (Some(3), Some(column)), "{text}");
        assert!(text.contains(words), "{text}");
    }
    assert!(refused(&hours("3600,0,10\n")).2.contains("a day at the least"));
    assert!(refused(&hours("3600,0\n")).2.contains("not a CSV"));
    assert_eq!(refused("time,ghi_W_m2,temp_C\n2023-02-30T00:00,0,10\n").0, Some(2));
}
