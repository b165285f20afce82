//! The file, over days, full disks, cuts and clocks that jump.

use super::*;
use crate::core::history::{Quantity, Subject};

/// 2026-11-22 00:00 UTC.
const DAY_MS: i64 = 1_795_305_600_000;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(DAY_MS + seconds * 1000)
}

fn series(quantity: Quantity) -> Series {
    Series { subject: Subject::Supply("garage".parse().unwrap()), quantity }
}

fn sample(value: f64) -> Vec<Sample> {
    vec![Sample { series: series(Quantity::Soc), value }]
}

fn query(step: Step) -> Query {
    Query { since: at(-86_400), step, of: vec!["supply/".to_owned()] }
}

/// Writes a value every ten seconds, flushed every five minutes.
fn play(store: &mut Store, from: i64, to: i64, value: impl Fn(i64) -> f64) {
    let mut gather = Gather::default();
    for second in (from..to).step_by(10) {
        gather.add(at(second), sample(value(second)));
        if second % 300 == 290 {
            store.write(&gather.take()).unwrap();
        }
    }
    store.write(&gather.take()).unwrap();
}

#[test]
fn minutes_hours_and_days_tell_least_mean_and_most() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::open(&folder.path().join("history.db"), 100_000).unwrap();
    // Each hour goes from its number up by one point.
    play(&mut store, 0, 26 * 3600, |second| (second / 3600) as f64 + (second % 3600) as f64 / 3590.0);
    let minutes = store.read(&query(Step::Minute)).unwrap();
    assert_eq!((minutes.len(), minutes[0].points.len()), (1, 26 * 60));
    assert_eq!(minutes[0].points[0].count, 6);
    let hours = &store.read(&query(Step::Hour)).unwrap()[0].points;
    assert_eq!(hours.len(), 25, "the hour that runs is not told yet");
    let fifth = hours[5];
    assert_eq!((fifth.time, fifth.count), (at(5 * 3600), 360));
    assert!((fifth.min - 5.0).abs() < 1e-9 && (fifth.max - 6.0).abs() < 1e-2, "{fifth:?}");
    assert!((fifth.mean - 5.5).abs() < 1e-2, "{fifth:?}");
    let days = &store.read(&query(Step::Day)).unwrap()[0].points;
    assert_eq!((days.len(), days[0].count), (1, 24 * 360));
    assert!((days[0].mean - 12.0).abs() < 0.1 && days[0].min.abs() < 1e-9, "{days:?}");
}

#[test]
fn a_cut_at_any_moment_loses_no_more_than_what_was_not_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.db");
    let mut store = Store::open(&path, 100_000).unwrap();
    play(&mut store, 0, 3000, |_| 50.0);
    // What is on disk at this moment, as a cut leaves it: the log was not folded in, and its end may be torn.
    let (file, log) =
        (std::fs::read(&path).unwrap(), std::fs::read(folder.path().join("history.db-wal")).unwrap());
    for kept in [log.len(), log.len() - 7, log.len() / 2, 100, 0] {
        let cut = tempfile::tempdir().unwrap();
        std::fs::write(cut.path().join("history.db"), &file).unwrap();
        std::fs::write(cut.path().join("history.db-wal"), &log[..kept]).unwrap();
        let mut store = Store::open(&cut.path().join("history.db"), 100_000).unwrap();
        let courses = store.read(&query(Step::Minute)).unwrap();
        let points = courses.first().map_or(0, |course| course.points.len());
        assert!(kept < log.len() || points == 50, "the whole log tells {points} minutes");
        assert!(
            points.is_multiple_of(5) && points <= 50,
            "{kept} bytes of the log: a flush is there, or it is not"
        );
        play(&mut store, 3000, 3600, |_| 50.0);
        assert_eq!(store.read(&query(Step::Minute)).unwrap()[0].points.len(), points + 10);
    }
}

#[test]
fn a_file_that_is_no_history_is_put_aside() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.db");
    std::fs::write(&path, vec![0x55; 5000]).unwrap();
    let mut store = Store::open(&path, 100_000).unwrap();
    play(&mut store, 0, 600, |_| 50.0);
    assert_eq!(store.read(&query(Step::Minute)).unwrap()[0].points.len(), 10);
    let aside = std::fs::read_dir(folder.path()).unwrap().filter_map(Result::ok);
    assert!(aside.into_iter().any(|file| file.file_name().to_string_lossy().contains("damaged")));
}

#[test]
fn the_rows_are_bounded_and_the_newest_stay() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::open(&folder.path().join("history.db"), 2000).unwrap();
    play(&mut store, 0, 5 * 86_400, |_| 50.0);
    assert!(store.rows(Step::Minute) <= 1000, "{}", store.rows(Step::Minute));
    let last = 5 * 86_400 - 60;
    let minutes = store.read(&query(Step::Minute)).unwrap();
    assert_eq!(minutes[0].points.last().unwrap().time, at(last));
    assert!(store.rows(Step::Hour) > 100, "hours go on where minutes were forgotten");
}

#[test]
fn a_restart_within_a_minute_goes_on_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.db");
    play(&mut Store::open(&path, 100_000).unwrap(), 0, 30, |_| 40.0);
    let mut store = Store::open(&path, 100_000).unwrap();
    play(&mut store, 30, 60, |_| 60.0);
    let point = store.read(&query(Step::Minute)).unwrap()[0].points[0];
    assert_eq!((point.count, point.min, point.max), (6, 40.0, 60.0));
    assert!((point.mean - 50.0).abs() < 1e-9);
}

#[test]
fn a_clock_that_jumps_back_and_ahead_does_no_harm() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::open(&folder.path().join("history.db"), 100_000).unwrap();
    play(&mut store, 0, 7200, |_| 50.0);
    play(&mut store, 3600, 5400, |_| 60.0);
    play(&mut store, 400 * 86_400, 400 * 86_400 + 600, |_| 70.0);
    play(&mut store, 7200, 9000, |_| 50.0);
    let minutes = &store.read(&query(Step::Minute)).unwrap()[0].points;
    assert!(minutes.is_sorted_by(|a, b| a.time < b.time));
    assert_eq!(minutes.last().unwrap().time, at(400 * 86_400 + 540));
}

#[tokio::test]
async fn what_was_just_read_can_be_asked_for_and_a_clock_that_is_not_set_is_not_believed() {
    let folder = tempfile::tempdir().unwrap();
    let history = History::open(&folder.path().join("history.db"), 100_000).unwrap();
    history.add(Timestamp::from_millis(1000), sample(99.0));
    history.add(at(0), sample(50.0));
    let all = Query { since: Timestamp::from_millis(0), step: Step::Minute, of: Vec::new() };
    let courses = history.reader().read(all).await.unwrap();
    assert_eq!(courses.len(), 1);
    assert_eq!(courses[0].points.len(), 1, "{courses:?}");
    assert_eq!((courses[0].unit.as_str(), courses[0].points[0].mean), ("%", 50.0));
    history.close();
}
