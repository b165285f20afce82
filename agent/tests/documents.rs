//! The documents keep to the code: configs that they print are accepted, files that they name exist.

#![allow(clippy::expect_used, reason = "a test that cannot go on says so by panicking")]
#![allow(clippy::disallowed_methods, reason = "tests touch files: that is what they are for")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use agent::config::Config;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// All documents of the project, with their place.
fn documents() -> Vec<(PathBuf, String)> {
    let mut files = Vec::new();
    for folder in ["", "docs", "docs/sensors", "deploy"] {
        for entry in fs::read_dir(root().join(folder)).expect("the folder") {
            let file = entry.expect("an entry").path();
            if file.extension().is_some_and(|extension| extension == "md") {
                let text = fs::read_to_string(&file).expect("a text");
                files.push((file, text));
            }
        }
    }
    assert!(files.len() >= 8, "only {} documents were found", files.len());
    files
}

/// The fenced blocks of a language.
fn blocks<'t>(text: &'t str, language: &str) -> Vec<&'t str> {
    let fence = format!("```{language}\n");
    text.split(&fence).skip(1).filter_map(|rest| rest.split("```").next()).collect()
}

#[test]
fn every_agent_config_that_is_printed_or_shipped_is_accepted() {
    let shipped = root().join("deploy/agent.toml");
    let mut configs = vec![(shipped.clone(), fs::read_to_string(shipped).expect("a text"))];
    for (file, text) in documents() {
        let whole = blocks(&text, "toml").into_iter().filter(|block| block.starts_with("[node]"));
        configs.extend(whole.map(|block| (file.clone(), block.to_owned())));
    }
    assert!(configs.len() >= 3, "only {} configs were found", configs.len());
    for (file, text) in configs {
        if let Err(error) = Config::parse(&text, &file) {
            panic!("{text}\n{error}");
        }
    }
}

#[test]
fn every_part_of_a_config_that_is_printed_is_accepted() {
    let mut tried = 0;
    for (file, text) in documents() {
        let parts = ["[[switch]]", "[watchdog]", "[leds]", "[board]"];
        let is_part = |block: &&str| parts.iter().any(|part| block.starts_with(part));
        for block in blocks(&text, "toml").into_iter().filter(is_part) {
            let whole = format!(
                "[node]\nsupply = \"shed\"\n[battery]\nchemistry = \"agm\"\ncapacity = \"70 Ah\"\n\
                 [[supervisor]]\naddress = \"172.16.0.51:7464\"\n{block}"
            );
            if let Err(error) = Config::parse(&whole, &file) {
                panic!("{whole}\n{error}");
            }
            tried += 1;
        }
    }
    assert!(tried >= 4, "only {tried} were found");
}

#[test]
fn every_sensor_that_is_printed_is_accepted() {
    let mut tried = 0;
    for (file, text) in documents() {
        for block in blocks(&text, "toml").into_iter().filter(|block| block.starts_with("[[sensor]]")) {
            let whole = format!(
                "[node]\nsupply = \"shed\"\n[battery]\nchemistry = \"agm\"\ncapacity = \"70 Ah\"\n{block}"
            );
            if let Err(error) = Config::parse(&whole, &file) {
                panic!("{block}\n{error}");
            }
            tried += 1;
        }
    }
    assert!(tried >= 8, "only {tried} sensors were found");
}

#[test]
fn a_shipped_config_switches_nothing_off_before_somebody_has_watched_it() {
    let file = root().join("deploy/agent.toml");
    let config = Config::parse(&fs::read_to_string(&file).expect("a text"), &file).expect("accepted");
    assert_eq!(config.halt.power_off, agent::config::PowerOffBy::None);
    assert_eq!(config.supervisors, []);
}

/// A path of this tree, as documents write it: in backticks, or as a link's target.
fn named_paths(text: &str) -> Vec<&str> {
    let quoted = text.split('`').skip(1).step_by(2);
    let linked = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let path = |word: &&str| {
        let known = ["agent/", "protocol/", "hardware/", "supervisor/", "tests/", "docs/", "deploy/", ".ci/"];
        let plain = !word.contains(|c: char| c.is_whitespace() || "<>*{}$".contains(c));
        plain && known.iter().any(|folder| word.starts_with(folder))
    };
    quoted.filter(path).chain(linked.filter(|target| !target.contains("://"))).collect()
}

#[test]
fn every_file_that_a_document_names_exists() {
    let (mut tried, mut missing) = (0, Vec::new());
    for (file, text) in documents() {
        let here = file.parent().expect("a folder");
        // Blocks of code have paths of other machines in them.
        let prose: String = text.split("```").step_by(2).collect();
        for path in named_paths(&prose) {
            tried += 1;
            if !root().join(path).exists() && !here.join(path).exists() {
                missing.push(format!("{} names {path}", file.display()));
            }
        }
    }
    assert!(missing.is_empty(), "not there: {missing:#?}");
    assert!(tried >= 50, "only {tried} paths were found");
}

/// The agent's command line is made by the program itself: `UPDATE_DOCUMENTS=1` writes it.
#[test]
fn the_command_lines_reference_is_what_the_agent_says() {
    let help = |words: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_heliostat-agent"));
        // Whatever the environment of this test is, the text is the same.
        command.args(words).env("COLUMNS", "80").env_remove("NO_COLOR");
        let output = command.output().expect("the program runs");
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("text").trim_end().to_owned()
    };
    let commands = |help: &str| -> Vec<String> {
        let listed = help.split_once("\nCommands:\n").map_or("", |(_, listed)| listed);
        let names = listed.lines().map_while(|line| line.strip_prefix("  ")?.split(' ').next());
        names.filter(|name| !name.is_empty() && *name != "help").map(str::to_owned).collect()
    };
    let section = |name: &str, help: &str| format!("\n## `heliostat-agent {name}`\n\n```text\n{help}\n```\n");
    let overview = help(&["--help"]);
    let mut text = format!(
        "# The agent's command line\n\nMade from the program by its tests. The supervisor's and the operator's: \
         [cli.md](cli.md).\n\n```text\n{overview}\n```\n"
    );
    for name in commands(&overview) {
        let of_command = help(&[&name, "--help"]);
        text += &section(&name, &of_command);
        for part in commands(&of_command) {
            text += &section(&format!("{name} {part}"), &help(&[&name, &part, "--help"]));
        }
    }
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/cli-agent.md");
    if std::env::var_os("UPDATE_DOCUMENTS").is_some() {
        fs::write(&file, &text).expect("it can be written");
    }
    let kept = fs::read_to_string(&file).unwrap_or_default();
    assert!(kept == text, "docs/cli-agent.md is out of date: UPDATE_DOCUMENTS=1 writes it anew");
}
