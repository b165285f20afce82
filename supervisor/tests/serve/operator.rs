//! What a person gets to see.

use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

use protocol::message::SupervisorMessage;
use protocol::{Reason, Seconds, Stage, Voltage};

use crate::agent::{Agent, hello, report};
use crate::served::{Served, heliostat, refused_to_serve};

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// A supervisor with a node that sheds, and said why.
fn with_a_shedding_node(folder: &tempfile::TempDir) -> (Served, Agent) {
    let served = Served::start(folder.path());
    let mut shedding = report(58.0);
    (shedding.stage, shedding.floor) = (Stage::Shed, Stage::Shed);
    shedding.reason = Reason::VoltageBelow {
        compensated: Voltage::from_volts(12.02),
        threshold: Voltage::from_volts(12.05),
        held: Seconds(600),
    };
    let mut agent = Agent::join_and_report(served.address, hello("pi1"), shedding);
    agent.hear_until(|message| matches!(message, SupervisorMessage::Order(_)).then_some(()));
    (served, agent)
}

fn assert_plain_and_narrow(text: &str) {
    assert!(!text.contains('\x1b'), "no colour into a pipe: {text:?}");
    for line in text.lines() {
        assert!(line.chars().count() <= 80, "{} columns: {line:?}", line.chars().count());
    }
}

#[test]
fn status_shows_supplies_and_nodes_in_eighty_columns() {
    let folder = tempfile::tempdir().unwrap();
    let (served, _agent) = with_a_shedding_node(&folder);
    let output = served.ask(&["status"]);
    let screen = text(&output.stdout);
    assert_plain_and_narrow(&screen);
    for words in [
        "garage (flooded assumed: not in supervisor.toml, 1 node)",
        "pi1",
        "shed",
        "1 run",
        "12.02 V compensated < 12.05 V for 10 min",
    ] {
        assert!(screen.contains(words), "{words:?} is missing:\n{screen}");
    }
}

#[test]
fn status_as_json_bears_its_schema_and_the_bound_address() {
    let folder = tempfile::tempdir().unwrap();
    let (served, _agent) = with_a_shedding_node(&folder);
    let status = served.ask_json(&["status"]);
    assert_eq!(status["schema"], 1);
    assert_eq!(status["listen"], served.address.to_string());
    assert_eq!(status["journal"]["state"], "working");
    let node = &status["nodes"][0];
    assert_eq!(
        (&node["name"], &node["stage"], &node["liveness"]),
        (&"pi1".into(), &"shed".into(), &"alive".into())
    );
    assert_eq!(node["containers"][0]["name"], "web");
    assert_eq!(node["order"]["stage"], "shed");
    assert_eq!(status["supplies"][0]["known"], true);
}

#[test]
fn why_gives_the_reason_with_its_numbers_and_what_would_change_it() {
    let folder = tempfile::tempdir().unwrap();
    let (served, _agent) = with_a_shedding_node(&folder);
    served.wait_for_event("ordered", |event| event["node"] == "pi1");
    let screen = text(&served.ask(&["why", "pi1"]).stdout);
    assert_plain_and_narrow(&screen);
    for words in [
        "pi1 is alive",
        "12.02 V compensated < 12.05 V",
        "one rung back above SoC 63.0 %",
        "below SoC 46.0 %",
        "Last events",
    ] {
        assert!(screen.contains(words), "{words:?} is missing:\n{screen}");
    }
    let why = served.ask_json(&["why", "pi1"]);
    assert_eq!(why["schema"], 1);
    assert_eq!(why["node"]["reason"]["voltage_below"]["compensated"], "12.02 V");
    assert!(why["events"].as_array().unwrap().iter().any(|event| event["kind"] == "ordered"));
}

#[test]
fn why_an_unknown_node_names_the_known_ones_and_fails() {
    let folder = tempfile::tempdir().unwrap();
    let (served, _agent) = with_a_shedding_node(&folder);
    let output = served.ask(&["why", "pi9"]);
    assert!(!output.status.success());
    let error = text(&output.stderr);
    assert!(error.contains("pi9") && error.contains("pi1"), "{error}");
}

#[test]
fn events_follow_shows_what_happens_after_it_was_asked() {
    let folder = tempfile::tempdir().unwrap();
    let (served, mut agent) = with_a_shedding_node(&folder);
    let mut follower = heliostat()
        .args(["events", "--follow", "--json", "--data"])
        .arg(folder.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(follower.stdout.take().unwrap()).lines().map_while(Result::ok);
    assert!(lines.any(|line| line.contains("\"leading\"")), "first what is there");
    let mut drained = report(57.0);
    (drained.stage, drained.floor, drained.reason) = (Stage::Drain, Stage::Drain, Reason::SocUnknown);
    agent.report(drained);
    let line =
        lines.find(|line| line.contains("\"to\":\"drain\"") && line.contains("\"kind\":\"stage\"")).unwrap();
    let event: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(
        (&event["schema"], &event["node"], &event["from"]),
        (&1.into(), &"pi1".into(), &"shed".into())
    );
    served.stop();
    assert!(!follower.wait().unwrap().success(), "it says that the supervisor has stopped");
}

#[test]
fn events_since_leaves_out_what_is_older() {
    let folder = tempfile::tempdir().unwrap();
    let (served, _agent) = with_a_shedding_node(&folder);
    assert!(text(&served.ask(&["events", "--since", "1 h"]).stdout).contains("leads with term"));
    assert!(served.ask(&["events", "--since", "2099-01-01T00:00:00Z"]).stdout.is_empty());
    assert!(!served.ask(&["events", "--since", "yesterday"]).status.success());
}

#[test]
fn without_a_supervisor_the_socket_and_the_way_to_start_one_are_named() {
    let folder = tempfile::tempdir().unwrap();
    for arguments in [&["status"][..], &["events"], &["why", "pi1"]] {
        let output = heliostat().args(arguments).arg("--data").arg(folder.path()).output().unwrap();
        assert!(!output.status.success());
        let error = text(&output.stderr);
        assert!(error.contains("supervisor.sock") && error.contains("heliostat serve"), "{error}");
    }
}

#[test]
fn the_socket_is_for_owner_and_group_and_a_living_one_is_not_taken() {
    let folder = tempfile::tempdir().unwrap();
    let served = Served::start(folder.path());
    let socket = folder.path().join("supervisor.sock");
    assert_eq!(std::fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o660);
    let error = refused_to_serve(folder.path(), &[]);
    assert_eq!(error.matches("another supervisor").count(), 1, "{error}");
    assert!(served.ask(&["status"]).status.success(), "the first one goes on");
}

#[test]
fn a_config_error_names_file_key_and_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("supervisor.toml");
    std::fs::write(&file, "[plan]\nwake_interval = \"5 s\"").unwrap();
    for command in ["serve", "check"] {
        let output = heliostat().arg(command).arg("--config").arg(&file).output().unwrap();
        assert!(!output.status.success());
        let error = text(&output.stderr);
        for words in ["supervisor.toml", "plan.wake_interval = 5 s", "60 s"] {
            assert!(error.contains(words), "{words:?} is missing: {error}");
        }
    }
}

#[test]
fn without_arguments_the_demo_is_named_first() {
    let output = heliostat().output().unwrap();
    let help = text(&output.stdout);
    assert!(help.find("heliostat demo").unwrap() < help.find("Commands:").unwrap(), "{help}");
}
