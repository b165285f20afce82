//! The config that is shipped is one that the program accepts, and the documents' commands are ones that it has.

#![allow(clippy::expect_used, reason = "a test that cannot go on says so by panicking")]
#![allow(clippy::disallowed_methods, reason = "tests touch files and processes: that is what they are for")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn heliostat(words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_heliostat")).args(words).output().expect("the program runs")
}

#[test]
fn the_shipped_config_is_accepted_and_serves_this_machine_only() {
    let file = root().join("deploy/supervisor.toml");
    let output = heliostat(&["check", "--config", file.to_str().expect("a text")]);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("127.0.0.1:"), "{said}");
}

#[test]
fn every_command_that_a_document_prints_exists() {
    let mut tried = 0;
    for file in [
        "README.md",
        "deploy/README.md",
        "docs/config.md",
        "docs/sizing.md",
        "docs/testing.md",
        "deploy/supervisor.toml",
    ] {
        let text = fs::read_to_string(root().join(file)).expect("a text");
        for line in text.lines() {
            let line = line.trim_start_matches(['#', ' ', '-']).trim_start_matches("sudo ");
            let words =
                line.strip_prefix("heliostat ").or_else(|| line.split_once("--release -- ").map(|(_, w)| w));
            let Some(command) = words.and_then(|words| words.split_whitespace().next()) else { continue };
            if !command.chars().all(|c| c.is_ascii_lowercase()) || line.contains("the supervisor") {
                continue;
            }
            let output = heliostat(&[command, "--help"]);
            assert!(output.status.success(), "{file} prints `heliostat {command}`, which is no command");
            tried += 1;
        }
    }
    assert!(tried >= 6, "only {tried} commands were found");
}

/// The command line's reference is made by the program itself: `UPDATE_DOCUMENTS=1` writes it.
#[test]
fn the_command_lines_reference_is_what_the_program_says() {
    let help = |words: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_heliostat"));
        // Whatever the environment of this test is, the text is the same.
        command.args(words).env("COLUMNS", "80").env_remove("NO_COLOR");
        let output = command.output().expect("the program runs");
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("text").trim_end().to_owned()
    };
    let overview = help(&["--help"]);
    let mut text = format!(
        "# The command line\n\nMade from the program by its tests. What `--json` prints: [schema.md](schema.md). The agent's: \
         [cli-agent.md](cli-agent.md).\n\n\
         ```text\n{overview}\n```\n"
    );
    for name in commands(&overview) {
        let of_command = help(&[name, "--help"]);
        text += &help_section(name, &of_command);
        for part in commands(&of_command) {
            text += &help_section(&format!("{name} {part}"), &help(&[name, part, "--help"]));
        }
    }
    let file = root().join("docs/cli.md");
    if std::env::var_os("UPDATE_DOCUMENTS").is_some() {
        fs::write(&file, &text).expect("it can be written");
    }
    let kept = fs::read_to_string(&file).unwrap_or_default();
    assert!(kept == text, "docs/cli.md is out of date: UPDATE_DOCUMENTS=1 writes it anew");
}

/// The commands that a help lists.
fn commands(help: &str) -> impl Iterator<Item = &str> {
    let listed = help.split_once("\nCommands:\n").map_or("", |(_, listed)| listed);
    let names = listed.lines().map_while(|line| line.strip_prefix("  ")?.split(' ').next());
    names.filter(|name| !name.is_empty() && *name != "help")
}

/// Each fault that the system can name is in the page for whoever stands before it.
#[test]
fn every_fault_that_can_be_named_says_what_to_do() {
    let page = fs::read_to_string(root().join("docs/what-do-i-do-when.md")).expect("a text");
    let faults = fs::read_to_string(root().join("protocol/src/fault.rs")).expect("a text");
    let display = faults.split("impl fmt::Display for Fault").nth(1).expect("its words");
    let display = display.split("\n}\n").next().expect("its end");
    let words: Vec<&str> = display.split('"').skip(1).step_by(2).collect();
    assert!(words.len() >= 15, "{words:?}");
    for word in words {
        // The parts between the numbers.
        let longest = word.split(['{', '}']).step_by(2).max_by_key(|part| part.len()).unwrap_or_default();
        let longest = longest.trim_matches([' ', '(']);
        assert!(page.contains(longest), "{longest:?} is not in docs/what-do-i-do-when.md");
    }
}

/// Every metric that is served is in the page for whoever scrapes it, and what alarms and plots use is served.
#[test]
fn every_metric_is_documented_and_every_alarm_has_its_metric() {
    let read = |file: &str| fs::read_to_string(root().join(file)).expect("a text");
    let named = |text: &str| -> BTreeSet<String> {
        let begins = text.match_indices("heliostat_").map(|(at, _)| &text[at..]);
        let end = |name: &str| name.find(|c: char| !c.is_ascii_lowercase() && c != '_').unwrap_or(name.len());
        begins.map(|name| name[..end(name)].to_owned()).collect()
    };
    let served = named(&read("supervisor/src/io/web/metrics.rs"));
    assert!(served.len() >= 25, "{served:?}");
    let page = read("docs/metrics.md");
    for name in &served {
        // A table's row may begin with the whole name and go on with the ends of others.
        let end = ["supply", "node", "backend"].iter().find_map(|of| {
            name.strip_prefix(&format!("heliostat_{of}")).filter(|end| page.contains(&format!("`{end}`")))
        });
        assert!(end.is_some() || page.contains(&format!("`{name}`")), "{name} is not in docs/metrics.md");
    }
    let grafana = "deploy/grafana-dashboard.json";
    serde_json::from_str::<serde_json::Value>(&read(grafana)).expect("JSON");
    for file in ["deploy/alerts.yml", grafana] {
        let text = read(file);
        let unknown: Vec<_> = named(&text).into_iter().filter(|name| !served.contains(name)).collect();
        assert!(unknown.is_empty(), "{file} asks for {unknown:?}, which nobody serves");
    }
}

/// One command's part of the reference.
fn help_section(name: &str, help: &str) -> String {
    format!("\n## `heliostat {name}`\n\n```text\n{help}\n```\n")
}
