//! The config that is shipped is one that the program accepts, and the documents' commands are ones that it has.

#![allow(clippy::expect_used, reason = "a test that cannot go on says so by panicking")]
#![allow(clippy::disallowed_methods, reason = "tests touch files and processes: that is what they are for")]

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
