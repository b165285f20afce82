//! `heliostat plan`, as a user runs it.

#![allow(clippy::expect_used, reason = "a test that cannot go on says so by panicking")]
#![allow(clippy::disallowed_methods, reason = "tests touch files and processes: that is what they are for")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

/// Two weeks of one year: enough to see that all is there.
const SHORT: [&str; 4] = ["--days", "14", "--seeds", "1"];

fn plan(words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_heliostat")).arg("plan").args(words).output().expect("the program runs")
}

fn json(words: &[&str]) -> Value {
    let output = plan(&[words, &SHORT, &["--json"]].concat());
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    assert!(output.stderr.is_empty(), "no progress where there is no terminal");
    serde_json::from_slice(&output.stdout).expect("JSON")
}

fn error(words: &[&str]) -> String {
    let output = plan(&[words, &SHORT].concat());
    assert!(!output.status.success() && output.stdout.is_empty(), "{words:?}");
    String::from_utf8(output.stderr).expect("text")
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a text")
}

const ISSUE: [&str; 12] = [
    "--nodes",
    "10",
    "--battery",
    "70Ah",
    "--chemistry",
    "agm",
    "--panel",
    "100W",
    "--latitude",
    "0.39",
    "--longitude",
    "9.45",
];

#[test]
fn a_small_site_is_told_what_to_expect_and_what_to_buy() {
    let output = plan(&[&ISSUE[..], &SHORT].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said = String::from_utf8(output.stdout).expect("text");
    for words in [
        "70 Ah agm, 100 W",
        "critical",
        "Worst week",
        "full cycles a year",
        "instead of 70 Ah",
        "instead of 100 W",
    ] {
        assert!(said.contains(words), "{words:?} is not in:\n{said}");
    }
}

#[test]
fn more_of_everything_serves_more() {
    let worth = |plan: &Value| plan["sites"][0]["expected"]["worth"].as_f64().expect("a number");
    let poor = json(&["--nodes", "10", "--battery", "50Ah", "--panel", "50W"]);
    let rich = json(&["--nodes", "10", "--battery", "400Ah", "--panel", "600W"]);
    assert!(worth(&poor) < 0.9, "{}", worth(&poor));
    assert!(worth(&rich) > worth(&poor) + 0.1, "{} and {}", worth(&rich), worth(&poor));
    let critical = rich["sites"][0]["expected"]["classes"]["critical"]["uptime"].as_f64();
    assert!(critical > Some(0.999), "{critical:?}");
    let panel = poor["next"]
        .as_array()
        .expect("a list")
        .iter()
        .find(|gain| gain["change"].as_str().is_some_and(|change| change.starts_with("a panel")));
    assert!(panel.expect("a panel")["worth_points"].as_f64() > Some(1.0), "{panel:?}");
}

#[test]
fn repeated_values_and_a_file_make_one_table() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("more.toml");
    let toml = "[[alternative]]\nname = \"lithium\"\nchemistry = \"lifepo4\"\nbattery = \"50 Ah\"\n\
                [[alternative]]\nnodes = 4\nboard = \"pi-zero2w\"\nrelays = false\n";
    fs::write(&file, toml).expect("a file");
    let plan = json(&["--battery", "70Ah,100Ah", "--panel", "100W,200W", "--alternatives", text(&file)]);
    let names: Vec<&str> =
        plan["sites"].as_array().expect("a list").iter().filter_map(|site| site["name"].as_str()).collect();
    assert_eq!(names.len(), 6, "{names:?}");
    assert_eq!(names[0], "10 x pi3b/pi4, 70 Ah agm, 100 W");
    assert_eq!(names[3], "10 x pi3b/pi4, 100 Ah agm, 200 W");
    assert_eq!(&names[4..], ["lithium", "4 x pi-zero2w, 70 Ah agm, 100 W"]);
}

#[test]
fn the_same_words_give_the_same_bytes() {
    let bytes = || plan(&[&ISSUE[..], &SHORT, &["--json"]].concat()).stdout;
    assert_eq!(bytes(), bytes());
}

#[test]
fn a_report_is_written_whole_and_over_its_own_kind_only() {
    let folder = tempfile::tempdir().expect("a folder");
    for name in ["report.html", "report.svg"] {
        let file = folder.path().join(name);
        json(&["--report", text(&file)]);
        let first = fs::read(&file).expect("a report");
        assert!(String::from_utf8_lossy(&first).contains("The worst week"));
        json(&["--report", text(&file)]);
        assert_eq!(fs::read(&file).expect("a report"), first, "again, over the old one");
    }
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 2, "nothing else is left");
    let other = folder.path().join("thesis.html");
    fs::write(&other, "<p>years of work</p>").expect("a file");
    assert!(error(&["--report", text(&other)]).contains("is no report of `heliostat plan`"));
    assert_eq!(fs::read_to_string(&other).expect("a text"), "<p>years of work</p>");
}

#[test]
fn what_cannot_be_is_told_with_what_could_be() {
    for (words, said) in [
        (&["--battery", "70"][..], "like 70Ah"),
        (&["--battery", "70 Wh"], "that is an energy"),
        (&["--battery=-70Ah"], "1 to 10000 Ah"),
        (&["--battery", "70Ah,"], "like 70Ah"),
        (&["--panel", "100"], "like 100W"),
        (&["--panel", "1 MW"], "like 100W"),
        (&["--panel", "100kW"], "1 to 10000 W"),
        (&["--chemistry", "nicd"], "flooded, agm, gel, lifepo4"),
        (&["--latitude", "78"], "-66 to 66"),
        (&["--longitude", "east"], "like 9.45"),
        (&["--nodes", "0"], "1 to 64"),
        (&["--nodes", "1000"], "1 to 64"),
        (&["--board", "pi9"], "pi-zero2w, pi3b"),
        (&["--climate", "lunar"], "equatorial"),
        (&["--site", "/nowhere/site.toml"], "/nowhere/site.toml"),
        (&["--weather", "/nowhere/sky.csv"], "/nowhere/sky.csv: cannot be read"),
        (&["--alternatives", "/nowhere/more.toml"], "/nowhere/more.toml: cannot be read"),
        (&["--report", "plan.pdf"], ".html or a .svg"),
        (&["--report", "/nowhere/plan.html"], "there is no folder /nowhere"),
        (
            &["--battery", "1Ah,2Ah,3Ah,4Ah,5Ah,6Ah,7Ah,8Ah", "--panel", "1W,2W,3W,4W,5W,6W,7W,8W"],
            "64 alternatives",
        ),
    ] {
        let found = error(words);
        assert!(found.contains(said), "{words:?}: {said:?} is not in {found:?}");
    }
    let years = plan(&["--seeds", "0"]);
    assert!(!years.status.success() && String::from_utf8_lossy(&years.stderr).contains("1..=50"));
}

#[test]
fn a_bad_alternative_is_named_by_file_number_and_key() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("more.toml");
    for (toml, said) in [
        ("", "missing field `alternative`"),
        ("alternative = []", "0 alternatives"),
        ("[[alternative]]\n[[alternative]]\nbattery = \"70\"\n", "alternative 2: battery = \"70\""),
        ("[[alternative]]\npanels = \"70 W\"\n", "unknown field `panels`"),
        ("[[alternative]]\nnodes = 99\n", "99 nodes are not possible"),
        ("[[alternative]]\ntilt = 100.0\n", "tilt = 100"),
    ] {
        fs::write(&file, toml).expect("a file");
        let found = error(&["--alternatives", text(&file)]);
        assert!(found.contains("more.toml") && found.contains(said), "{toml:?}: {found}");
    }
}

#[test]
fn a_file_given_by_mistake_sends_no_control_characters_to_the_terminal() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("not.toml");
    fs::write(&file, "[[alternative]]\nnodes = \"\u{1b}[2Jcleared\u{7}\"\n").expect("a file");
    let found = error(&["--alternatives", text(&file)]);
    assert!(!found.contains(|c: char| c.is_control() && c != '\n' && c != '\t'), "{found:?}");
    assert!(found.contains("cleared"), "what is wrong is quoted: {found}");
}

#[test]
fn the_picture_in_the_documents_shows_what_plan_draws() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("plan.svg");
    json(&["--battery", "100Ah,200Ah", "--panel", "200W,300W", "--report", text(&file)]);
    let titles = |picture: &Path| -> Vec<String> {
        let text = fs::read_to_string(picture).expect("a picture");
        let parts = text.split("class=\"title\">").skip(1);
        parts.filter_map(|part| part.split('<').next()).map(str::to_owned).collect()
    };
    let shown = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/img/plan.svg");
    assert_eq!(titles(&shown), titles(&file), "make it anew: docs/sizing.md says how");
}
