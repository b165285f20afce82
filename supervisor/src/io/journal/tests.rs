use protocol::{NodeName, Uptime};

use super::*;
use crate::core::What;

fn record(number: u64) -> Record {
    let node = (number % 2 == 0).then(|| "pi1".parse::<NodeName>().unwrap());
    Record { at: Uptime::from_secs(number), node, supply: None, what: What::Leading { term: Term(number) } }
}

#[test]
fn everything_written_is_there_after_a_reopen() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deeper/journal.db");
    let node = KnownNode {
        name: "pi7".parse().unwrap(),
        supply: "garage".parse().unwrap(),
        shed_order: 3,
        master: false,
        has_sensor: true,
        parked: true,
    };
    {
        let mut store = Store::open(&path, 100).unwrap();
        store.save_term(Term(7)).unwrap();
        store.remember(&node).unwrap();
        assert_eq!(store.append(Timestamp::from_millis(1000), &record(1)).unwrap(), 1);
    }
    let store = Store::open(&path, 100).unwrap();
    assert_eq!(store.kept().unwrap(), Kept { term: Term(7), nodes: vec![node] });
    let found = store.read(&Query::default()).unwrap();
    assert_eq!(found, [Entry { id: Some(1), time: Timestamp::from_millis(1000), record: record(1) }]);
}

#[test]
fn the_number_of_rows_is_bounded_and_the_newest_stay() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::open(&folder.path().join("journal.db"), 100).unwrap();
    for number in 1..=1000 {
        store.append(Timestamp::from_millis(0), &record(number)).unwrap();
    }
    assert!(store.rows() <= 100 + i64::from(256), "{}", store.rows());
    let newest = store.read(&Query { limit: Some(1), ..Query::default() }).unwrap();
    assert_eq!(newest[0].record, record(1000));
}

#[test]
fn a_query_narrows_by_number_time_and_node() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::open(&folder.path().join("journal.db"), 100).unwrap();
    for number in 1..=6u64 {
        store.append(Timestamp::from_millis(number.cast_signed() * 1000), &record(number)).unwrap();
    }
    let ids = |query| -> Vec<i64> { store.read(&query).unwrap().iter().filter_map(|e| e.id).collect() };
    assert_eq!(ids(Query { after: Some(4), ..Query::default() }), [5, 6]);
    assert_eq!(ids(Query { since: Some(Timestamp::from_millis(5000)), ..Query::default() }), [5, 6]);
    assert_eq!(ids(Query { node: "pi1".parse().ok(), ..Query::default() }), [2, 4, 6]);
    assert_eq!(ids(Query { limit: Some(2), ..Query::default() }), [5, 6]);
}

#[test]
fn a_damaged_file_is_put_aside_and_a_new_one_begun() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    std::fs::write(&path, vec![0xa5; 8192]).unwrap();
    let mut store = Store::open(&path, 100).unwrap();
    store.append(Timestamp::from_millis(0), &record(1)).unwrap();
    let names: Vec<_> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert!(names.iter().any(|name| name.contains("damaged")), "{names:?}");
}

#[test]
fn a_newer_file_is_refused_untouched() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    rusqlite::Connection::open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let error = Store::open(&path, 100).unwrap_err().to_string();
    assert!(error.contains("99") && error.contains("newer"), "{error}");
}

#[test]
fn a_full_disk_is_said_once_and_the_journal_goes_on_when_there_is_room() {
    let folder = tempfile::tempdir().unwrap();
    let (states, mut said) = mpsc::unbounded_channel();
    let mut keeper = Keeper::new(&folder.path().join("journal.db"), 100_000, states);
    keeper.open().unwrap();
    keeper.store.as_ref().unwrap().limit_pages(1);
    let mut lost = 0;
    for number in 0..500 {
        if keeper.write(|store| store.append(Timestamp::from_millis(0), &record(number))).is_none() {
            lost += 1;
        }
    }
    assert!(lost > 0, "the limit must bite");
    assert!(matches!(said.try_recv().unwrap(), JournalState::Failing { why } if why.contains("full")));
    assert!(said.try_recv().is_err(), "said once");
    keeper.store.as_ref().unwrap().limit_pages(100_000);
    assert!(keeper.write(|store| store.append(Timestamp::from_millis(0), &record(9))).is_some());
    assert_eq!(said.try_recv().unwrap(), JournalState::Working);
}

#[test]
fn a_folder_that_cannot_be_made_is_a_failing_journal_and_no_reason_to_stop() {
    let folder = tempfile::tempdir().unwrap();
    let blocked = folder.path().join("file");
    std::fs::write(&blocked, b"").unwrap();
    let (states, mut said) = mpsc::unbounded_channel();
    let (mut journal, kept) = Journal::open(&blocked.join("journal.db"), 100, states).unwrap();
    assert_eq!(kept, Kept::default());
    journal.record(record(1));
    journal.close();
    assert!(matches!(said.try_recv().unwrap(), JournalState::Failing { .. }));
}
