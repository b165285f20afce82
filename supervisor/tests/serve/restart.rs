//! A supervisor that dies and comes back.

use protocol::message::{AgentMessage, SupervisorMessage};
use protocol::{Sequence, Stage};

use crate::agent::{Agent, hello, report};
use crate::served::Served;

#[test]
fn after_a_power_cut_the_journal_is_there_the_term_is_greater_and_reports_resume_with_a_full_one() {
    let folder = tempfile::tempdir().unwrap();
    let served = Served::start(folder.path());
    let _agent = Agent::join_and_report(served.address, hello("pi1"), report(90.0));
    Agent::join_and_report(served.address, hello("pi2"), report(90.0)).park();
    served.wait_for_event("liveness", |event| event["node"] == "pi2" && event["to"] == "parked");
    let before = served.events();
    served.kill();

    let served = Served::start(folder.path());
    let after = served.events();
    assert_eq!(after[..before.len()], before[..], "not a record is lost");
    assert_eq!(served.ask_json(&["status"])["term"], 2);
    assert_eq!(served.node("pi2")["liveness"], "parked", "parked is not lost, nor never seen");

    let mut again = Agent::join(served.address, hello("pi1"));
    again.delta(&report(90.0), &report(85.0), 1);
    again.hear_until(|message| (*message == SupervisorMessage::RequestFull).then_some(()));
    again.report(report(85.0));
    let sequence = again.delta(&report(85.0), &report(84.0), 1);
    again.hear_until(|message| (*message == SupervisorMessage::Ack(sequence)).then_some(()));
    assert_eq!(served.node("pi1")["energy"]["soc"]["low"], "84.0 %");
}

#[test]
fn a_node_that_still_obeys_the_earlier_life_is_taken_over_where_it_stands() {
    let folder = tempfile::tempdir().unwrap();
    let served = Served::start(folder.path());
    served.kill();
    let served = Served::start(folder.path());
    let mut obeying = report(60.0);
    obeying.stage = Stage::Shed;
    let mut agent = Agent::join(served.address, hello("pi1"));
    agent.say(&AgentMessage::Report { sequence: Sequence(1), report: obeying });
    let order = agent.hear_until(|message| match message {
        SupervisorMessage::Order(order) => Some(order.clone()),
        _ => None,
    });
    assert_eq!((order.stage, order.id.term.0), (Stage::Shed, 2));
}

#[test]
fn a_stale_socket_file_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    Served::start(folder.path()).kill();
    assert!(folder.path().join("supervisor.sock").exists(), "a killed one leaves it behind");
    let served = Served::start(folder.path());
    assert!(served.ask(&["status"]).status.success());
    served.stop();
    assert!(!folder.path().join("supervisor.sock").exists(), "an orderly end leaves nothing behind");
}
