//! `check`, `probe`, `lamp-test` as a user has them.

#![allow(clippy::disallowed_methods, reason = "tests touch files and processes: that is what they are for")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on says so by panicking")]

use std::fs;
use std::process::{Command, Output};

mod common;

use common::Site;

fn agent(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_heliostat-agent")).args(args).output().expect("it runs")
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).expect("text")
}

#[test]
fn check_prints_the_whole_ladder_and_the_budgets() {
    let site = Site::new(60, 1, "[policy.shed.enter]\nsoc = \"57 %\"\n");
    let output = agent(&["check", "--config", site.path("agent.toml").to_str().expect("a path")]);
    assert!(output.status.success());
    let said = text(output.stdout);
    for wanted in
        ["pi-1 on supply main", "throttle", "SoC < 57 %", "drain", "V < 11.30 V", "drain 5 min, halt 3 min"]
    {
        assert!(said.contains(wanted), "{wanted:?} is not in\n{said}");
    }
}

#[test]
fn check_prints_the_same_numbers_as_json() {
    let site = Site::new(60, 1, "[policy.shed.enter]\nsoc = \"57 %\"\n");
    let output = agent(&["check", "--json", "--config", site.path("agent.toml").to_str().expect("a path")]);
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(json["policy"]["rungs"]["shed"]["enter"]["soc"], 0.57);
    assert_eq!(json["policy"]["drain_budget_s"], 300.0);
    assert_eq!(json["battery"]["cutoff_v"], 11.0);
}

#[test]
fn what_probe_prints_is_a_config_that_check_accepts() {
    let output = agent(&["probe"]);
    assert!(output.status.success());
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("agent.toml");
    fs::write(&file, &output.stdout).expect("written");
    let checked = agent(&["check", "--config", file.to_str().expect("a path")]);
    assert!(checked.status.success(), "{}\n{}", text(checked.stderr), text(output.stdout));
    let json: serde_json::Value = serde_json::from_slice(&agent(&["probe", "--json"]).stdout).expect("JSON");
    assert!(json["docker"]["socket"].is_string());
    assert!(json["config"].as_str().expect("the config").contains("[battery]"));
}

#[test]
fn a_wrong_command_line_ends_with_2_and_says_how_it_is_right() {
    let output = agent(&["run", "--dryrun"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(output.stderr).contains("--dry-run"));
    assert!(text(agent(&["--version"]).stdout).starts_with("heliostat-agent "));
}

#[test]
fn a_lamp_test_without_leds_says_where_to_name_them() {
    let site = Site::new(60, 1, "");
    let output = agent(&["lamp-test", "--config", site.path("agent.toml").to_str().expect("a path")]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(output.stderr).contains("[leds]"));
}
