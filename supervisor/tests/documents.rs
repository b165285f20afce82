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

/// What a person types after `heliostat` or `heliostat-agent` in a line of a shell, word by word; nothing where the line is
/// another program's.
fn typed(line: &str) -> Option<Vec<String>> {
    let mut words = shell_words(line).into_iter().peekable();
    loop {
        match words.next()?.as_str() {
            "sudo" | "ForceCommand" | "$" => {}
            "-u" => drop(words.next()),
            "cargo" => {
                words.next().filter(|word| word == "run")?;
                words.find(|word| word == "--")?;
                return Some(std::iter::once("heliostat".to_owned()).chain(words).collect());
            }
            program => {
                let name =
                    program.rsplit('/').next().filter(|name| name.starts_with("heliostat"))?.to_owned();
                let is_program = matches!(&*name, "heliostat" | "heliostat-agent");
                return is_program.then(|| std::iter::once(name).chain(words).collect());
            }
        }
    }
}

/// A shell's words up to the end of its first command: quotes hold them together, a comment ends them.
fn shell_words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for c in line.chars() {
        match (quote, c) {
            (Some(open), _) if c == open => quote = None,
            (None, '"' | '\'') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, ' ' | '\t') => words.extend(word.take()),
            (None, '#') if word.is_none() => break,
            (None, '|' | ';' | '&' | '>') => break,
            _ => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

/// The lines of a document's code, and its inline code; `true` for those that are typed as they stand.
fn code(text: &str) -> Vec<(bool, String)> {
    let mut all = Vec::new();
    for (number, part) in text.split("```").enumerate() {
        if number % 2 == 1 {
            // A line that goes on is one with the next.
            all.extend(part.replace("\\\n", " ").lines().skip(1).map(|line| (true, line.trim().to_owned())));
        } else {
            all.extend(part.split('`').skip(1).step_by(2).map(|code| (false, code.replace('\n', " "))));
        }
    }
    all
}

/// Every command that a document or a unit prints is one that the program takes, with these very options and values.
#[test]
fn every_command_that_a_document_prints_is_one_that_the_program_takes() {
    let mut files = vec![root().join("README.md"), root().join("CONTRIBUTING.md")];
    for folder in ["docs", "docs/sensors", "deploy"] {
        files.extend(
            fs::read_dir(root().join(folder)).expect("a folder").map(|entry| entry.expect("a file").path()),
        );
    }
    let mut tried = BTreeSet::new();
    for file in files {
        let ends_in = |end: &str| file.extension().is_some_and(|extension| extension == end);
        let text = match fs::read_to_string(&file) {
            // The reference is the program's own words.
            Ok(text) if ends_in("md") && !file.to_string_lossy().contains("docs/cli") => text,
            Ok(text) if ends_in("service") => {
                let runs = text.lines().filter_map(|line| line.strip_prefix("ExecStart="));
                // What systemd fills in.
                let filled = |line: &str| {
                    line.replace("${BAUD}", "9600")
                        .replace("$MORE", "")
                        .replace("$HELIOSTAT_AGENT_OPTIONS", "--dry-run")
                };
                let lines: Vec<String> = runs.map(filled).collect();
                format!("```sh\n{}\n```\n", lines.join("\n"))
            }
            _ => continue,
        };
        // What stands for a person's own.
        for (whole, line) in code(&text.replace("ADDRESS:", "192.0.2.1:")) {
            // "..." stands for what a person knows.
            let Some(words) =
                typed(&line).filter(|words| whole || !words.iter().any(|word| word.contains("...")))
            else {
                continue;
            };
            let program =
                if words[0] == "heliostat" { supervisor::cli::command() } else { agent::cli::command() };
            if let Err(error) = program.try_get_matches_from(&words) {
                use clap::error::ErrorKind::{
                    DisplayHelp, DisplayHelpOnMissingArgumentOrSubcommand, MissingRequiredArgument,
                    ValueValidation,
                };
                // In a sentence a command may stand for itself.
                let named = !whole
                    && matches!(
                        error.kind(),
                        MissingRequiredArgument | DisplayHelpOnMissingArgumentOrSubcommand
                    );
                // Nobody can print a token that is good.
                let token = error.kind() == ValueValidation
                    && words.iter().any(|word| matches!(&**word, "TOKEN" | "hel1..."));
                assert!(named || token || error.kind() == DisplayHelp, "{}: {line}\n{error}", file.display());
            }
            tried.insert(words);
        }
    }
    println!("{} commands are printed, and all are taken", tried.len());
    assert!(tried.len() >= 60, "only {}: {tried:?}", tried.len());
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
