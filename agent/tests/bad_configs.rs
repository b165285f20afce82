//! Every way to write a config wrong, tried on the built program: it says which file, which key and what would be right.
//!
//! `bad_configs/*.toml` begin with lines `# expect: TEXT`; all of them must be in what the program says.

#![allow(clippy::disallowed_methods, reason = "tests touch files and processes: that is what they are for")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on says so by panicking")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

fn check(file: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_heliostat-agent"))
        .args(["check", "--config"])
        .arg(file)
        .output()
        .expect("the program runs")
}

/// What the program says of a config that it refuses as it should: by exit code 2, on stderr alone, naming the file on
/// every line.
fn refusal(file: &Path) -> String {
    let output = check(file);
    let said = String::from_utf8(output.stderr).expect("text");
    assert_eq!(output.status.code(), Some(2), "{}: {said}", file.display());
    assert!(output.stdout.is_empty(), "{}", file.display());
    for line in said.lines() {
        assert!(line.starts_with(&format!("{}:", file.display())), "no file's name in {line:?}");
    }
    said
}

#[test]
fn each_bad_config_is_refused_with_the_key_and_what_would_be_right() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bad_configs");
    let mut tried = 0;
    for entry in fs::read_dir(folder).expect("the folder") {
        let file = entry.expect("an entry").path();
        let text = fs::read_to_string(&file).expect("a text");
        let expected: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("# expect: ")).collect();
        assert!(!expected.is_empty(), "{} expects nothing", file.display());
        let said = refusal(&file);
        for wanted in expected {
            assert!(said.contains(wanted), "{} says\n{said}but not\n{wanted}", file.display());
        }
        tried += 1;
    }
    assert!(tried >= 40, "only {tried} files were tried");
}

#[test]
fn a_problem_bears_the_line_of_its_key() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("agent.toml");
    fs::write(
        &file,
        "[node]\nsupply = \"main\"\n\n[battery]\nchemistry = \"agm\"\n# the label\ncapacity = \"70 A\"\n",
    )
    .expect("written");
    assert!(refusal(&file).starts_with(&format!("{}:7: battery.capacity:", file.display())));
}

#[test]
fn what_is_no_file_of_text_is_refused_by_name() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    fs::write(path("empty"), "").expect("written");
    fs::write(path("binary"), b"[node]\n\xff\xfe\x00\x01").expect("written");
    fs::write(path("huge"), vec![b'#'; (1 << 20) + 1]).expect("written");
    fs::create_dir(path("folder")).expect("made");
    for (name, wanted) in [
        ("empty", "the file is empty"),
        ("binary", "is not text: byte 7 (0xff)"),
        ("huge", "a config has at most 1048576"),
        ("folder", "is not a file"),
        ("absent", "there is no such file; `heliostat-agent probe` prints one"),
    ] {
        let said = refusal(&path(name));
        assert!(said.contains(wanted), "{name}: {said}");
    }
}

#[test]
fn a_bad_config_stops_run_as_well() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bad_configs/misspelt_key.toml");
    let run = ["run", "--dry-run", "--config"];
    let output =
        Command::new(env!("CARGO_BIN_EXE_heliostat-agent")).args(run).arg(&file).output().expect("it runs");
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("did you mean `capacity`?"));
}
