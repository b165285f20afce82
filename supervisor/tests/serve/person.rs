//! A person's orders, as typed.

use protocol::message::SupervisorMessage;
use protocol::{OrderReason, Stage};

use crate::agent::{Agent, hello, report};
use crate::served::Served;

/// Hears until an order to a stage comes, and gives its reason.
fn ordered(agent: &mut Agent, stage: Stage) -> OrderReason {
    agent.hear_until(|message| match message {
        SupervisorMessage::Order(order) if order.stage == stage => Some(order.reason.clone()),
        _ => None,
    })
}

fn words(output: &std::process::Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).split_whitespace().collect::<Vec<_>>().join(" ");
    (text(&output.stdout), text(&output.stderr))
}

#[test]
fn a_drained_node_is_told_shown_and_kept_over_a_restart_until_it_is_resumed() {
    let folder = tempfile::tempdir().unwrap();
    let served = Served::start(folder.path());
    let mut agent = Agent::join_and_report(served.address, hello("pi1"), report(90.0));
    let output = served.ask(&["drain", "pi1", "--for", "2h", "--reason", "a new fan"]);
    let (said, _) = words(&output);
    assert!(output.status.success() && said.contains("pi1 is to be drained by"), "{output:?}");
    assert_eq!(ordered(&mut agent, Stage::Drain), OrderReason::Operator);
    for command in [&["status"][..], &["why", "pi1"]] {
        let (shown, _) = words(&served.ask(command));
        assert!(shown.contains("drained by") && shown.contains("a new fan"), "{command:?}: {shown}");
    }
    served.wait_for_event("person_ordered", |event| event["standing"]["why"] == "a new fan");
    drop(agent);
    drop(served);

    let served = Served::start(folder.path());
    let mut agent = Agent::join_and_report(served.address, hello("pi1"), report(90.0));
    assert_eq!(ordered(&mut agent, Stage::Drain), OrderReason::Operator);
    let status = served.ask_json(&["status"]);
    let left = status["nodes"][0]["person"]["left"].as_u64().unwrap();
    assert!(left <= 7200 && left > 6000, "{left}");
    assert!(served.ask(&["resume", "pi1"]).status.success());
    assert_eq!(ordered(&mut agent, Stage::Normal), OrderReason::EnoughEnergy);
}

#[test]
fn what_is_refused_says_why_and_fails() {
    let folder = tempfile::tempdir().unwrap();
    let served = Served::start(folder.path());
    let master = protocol::message::Hello { master: true, ..hello("pi1") };
    let _agent = Agent::join_and_report(served.address, master, report(90.0));
    let refused = |arguments: &[&str], expected: &str| {
        let output = served.ask(arguments);
        let (_, said) = words(&output);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert!(said.contains(expected), "{arguments:?}: {said}");
    };
    refused(&["drain", "pi9"], "known nodes: pi1");
    refused(&["drain", "no/name"], "no node \"no/name\"");
    refused(&["wake", "pi1"], "it is on: it is alive");
    refused(&["resume", "pi1"], "no person's order stands");
    refused(&["park", "pi1", "--force"], "every other master is lost, parked or drained");
    let output = served.ask(&["park", "pi1", "--json"]);
    let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((output.status.code(), &answer["refused"]), (Some(1), &"last_master".into()));
    assert_eq!(served.ask(&["drain", "pi1", "--for", "soon"]).status.code(), Some(2), "a mistake in typing");
}

#[test]
fn yes_and_no_bear_the_version_of_their_form_and_a_resume_has_no_end() {
    let folder = tempfile::tempdir().unwrap();
    let served = Served::start(folder.path());
    let _agent = Agent::join_and_report(served.address, hello("pi1"), report(90.0));
    let yes = served.ask_json(&["drain", "pi1", "--for", "2h"]);
    assert_eq!(
        (&yes["schema"], &yes["node"], &yes["verb"]),
        (&1.into(), &"pi1".into(), &"drain".into()),
        "{yes}"
    );
    // "Resumed for two hours" would be resumed for good: it is not taken at all.
    let forever = served.ask(&["resume", "pi1", "--for", "2h"]);
    assert_eq!(forever.status.code(), Some(2), "{forever:?}");
    assert_eq!(served.ask_json(&["resume", "pi1"])["standing"], serde_json::Value::Null);
    let output = served.ask(&["resume", "pi1", "--json"]);
    let no: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (output.status.code(), &no["schema"], &no["refused"]),
        (Some(1), &1.into(), &"nothing_to_resume".into())
    );
}
