//! `run` as a user has it: a dry run touches nothing, two agents share a node, SIGKILL and SIGTERM at any time.

#![allow(
    clippy::disallowed_methods,
    reason = "tests touch clocks, files and processes: that is what they are for"
)]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on says so by panicking")]

use std::fs;
use std::path::Path;

use agent::io::state_file::{self, Found};

mod common;

use common::{Site, Supervisor, start};

#[test]
fn a_dry_run_ends_with_its_trace_reports_and_touches_nothing() {
    let supervisor = Supervisor::listen();
    let site = Site::new(600, 60, &supervisor.section());
    let before = site.files();
    let mut agent = site.run(&["--dry-run"]);
    let (mut link, _) = supervisor.welcome();
    let _ = link.report();
    assert!(agent.ends().success(), "{}", agent.log());
    let log = agent.log();
    assert!(log.contains("dry-run") && log.contains("the recorded trace has ended"), "{log}");
    let mut after = site.files();
    after.retain(|name| name != "log");
    assert_eq!(after, before, "no state file, no lock");
}

#[test]
fn a_second_agent_on_one_state_file_is_refused_and_on_its_own_runs() {
    let site = Site::new(3600, 1, "");
    let mut first = site.run(&[]);
    first.wait_for("begins");
    let mut second = start(&site.path("agent.toml"), &site.path("log-2"), &[]);
    assert_eq!(second.ends().code(), Some(1));
    let said = second.log();
    assert!(said.contains("another agent (process ") && said.contains("agent.state"), "{said}");
    assert_eq!(said.matches("another agent").count(), 1, "{said}");

    let config = fs::read_to_string(site.path("agent.toml")).expect("a config");
    fs::write(site.path("other.toml"), config.replace("agent.state", "other.state")).expect("written");
    let mut other = start(&site.path("other.toml"), &site.path("log-3"), &[]);
    other.wait_for("begins");
    assert!(first.runs() && other.runs());
}

#[test]
fn an_agent_that_was_killed_takes_up_its_state_and_one_that_ended_left_it_whole() {
    let site = Site::new(24 * 3600, 60, "");
    let mut agent = site.run(&[]);
    common::until(|| site.path("agent.state").exists().then_some(()), || agent.log());
    agent.kill();
    let mut agent = site.run(&[]);
    agent.wait_for("taken up again");
    agent.terminate();
    assert!(agent.ends().success());
    let found = state_file::peek(&site.path("agent.state"), Path::new("/"));
    assert!(matches!(found, Found::State(_, Some(_))), "{found:?}");
}

#[test]
fn a_damaged_state_file_is_told_and_kept_and_never_read_as_health() {
    let supervisor = Supervisor::listen();
    let site = Site::new(24 * 3600, 1, &supervisor.section());
    fs::write(site.path("agent.state"), b"HELI, but no more").expect("written");
    let agent = site.run(&[]);
    agent.wait_for("the state file is damaged");
    assert_eq!(fs::read(site.path("agent.state.damaged")).expect("kept aside"), b"HELI, but no more");
    let (mut link, _) = supervisor.welcome();
    let common::Said::Full(_, report) = link.report() else { panic!("a full report") };
    assert!(
        report.energy.soc.is_none_or(|soc| soc.low.percent() < 99.0),
        "nothing is known for sure: {report:?}"
    );
}

#[test]
fn a_trace_that_is_missing_is_an_error_at_once() {
    let site = Site::new(60, 1, "");
    fs::remove_file(site.path("trace.csv")).expect("removed");
    let mut agent = site.run(&[]);
    assert_eq!(agent.ends().code(), Some(1));
    assert!(agent.log().contains("trace.csv"), "{}", agent.log());
}
