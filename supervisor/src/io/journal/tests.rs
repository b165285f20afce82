use protocol::message::{OrderRefusal, Refusal};
use protocol::{Fault, NodeName, OrderId, OrderReason, Reason, Seconds, Soc, Stage, Uptime};

use super::*;
use crate::core::safety::Veto;
use crate::core::{LinkEnd, Liveness, What};

fn record(number: u64) -> Record {
    let node = number.is_multiple_of(2).then(|| "pi1".parse::<NodeName>().unwrap());
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
    assert_eq!(store.kept().unwrap(), Kept { term: Term(7), nodes: vec![node], ..Kept::default() });
    let found = store.read(&Query::default()).unwrap();
    assert_eq!(found, [Entry { number: Some(1), time: Timestamp::from_millis(1000), record: record(1) }]);
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
    let ids = |query| -> Vec<i64> { store.read(&query).unwrap().iter().filter_map(|e| e.number).collect() };
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

/// One of each, so that two fields of one name are noticed: a record is flattened into its entry.
fn one_of_each() -> Vec<What> {
    let (id, seconds) = (OrderId::default(), Seconds(5));
    let node: NodeName = "pi1".parse().unwrap();
    let soc = Soc::from_percent(50.0);
    vec![
        What::Leading { term: Term(1) },
        What::TermRaised { from: Term(1), to: Term(2) },
        What::Stage { from: None, to: Stage::Shed, floor: Stage::Normal, reason: Reason::Clear },
        What::Ordered { id, from: None, to: Stage::Shed, reason: OrderReason::EnoughEnergy },
        What::OrderRefused { id, refusal: OrderRefusal::NoSuchSwitch },
        What::Vetoed { to: None, veto: Veto::WakeUnderWay { node: node.clone(), since: seconds } },
        What::Liveness { from: Liveness::Alive, to: Liveness::Late, silent: seconds },
        What::Waking { id, through: node.clone(), soc, level: soc },
        What::Woke { after: seconds },
        What::WakeFailed { through: node.clone(), refusal: None },
        What::LinkRefused { peer: "x".to_owned(), refusal: Refusal::Version { min: 1, max: 2 } },
        What::LinkEnded { end: LinkEnd::Stalled },
        What::LinksRefusedMore { count: 3 },
        What::SensorFault { fault: Fault::BusGone },
        What::SensorClear,
        What::SensorsDisagree {
            worse: node.clone(),
            worse_soc: soc,
            worse_voltage: Some(protocol::Voltage::from_volts(12.1)),
            other: node.clone(),
            other_soc: soc,
            other_voltage: None,
        },
        What::SensorsAgree,
        What::SupplyUnknown { age: Some(seconds) },
        What::SupplyKnown { source: node, soc },
        What::JournalFailing { why: "full".to_owned() },
        What::JournalWorking,
    ]
}

#[test]
fn every_kind_of_record_survives_its_own_text() {
    for what in one_of_each() {
        let entry = Entry {
            number: Some(3),
            time: Timestamp::from_millis(1000),
            record: Record { at: Uptime::from_secs(1), node: "pi1".parse().ok(), supply: None, what },
        };
        let text = serde_json::to_string(&entry).unwrap();
        assert_eq!(serde_json::from_str::<Entry>(&text).unwrap(), entry, "{text}");
    }
}
