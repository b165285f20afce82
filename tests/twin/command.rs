//! `heliostat twin` as a user runs it.

use std::fmt::Write as _;
use std::process::{Command, Output};

use serde_json::Value;
use tests::program::path;

fn twin(words: &[&str]) -> Output {
    Command::new(path("heliostat")).arg("twin").args(words).output().expect("it runs")
}

/// What it says when it refuses.
fn refused(words: &[&str]) -> String {
    let output = twin(words);
    assert!(!output.status.success(), "{words:?}");
    assert!(output.stdout.is_empty(), "nothing half done");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn several_policies_are_a_table_and_a_list() {
    let words = ["--days", "0.5", "--policy", "nut,none"];
    let text = String::from_utf8(twin(&words).stdout).unwrap();
    assert!(text.lines().next().is_some_and(|head| head.ends_with("none") && head.contains("nut")), "{text}");
    assert!(text.contains("critical: ran") && text.contains("brown-outs"), "{text}");
    let list: Value = serde_json::from_slice(&twin(&[&words[..], &["--json"]].concat()).stdout).unwrap();
    assert_eq!(list.as_array().map(Vec::len), Some(2));
    assert_eq!(list[0]["policy"], "nut");
    assert_eq!(list[1]["schema"], 1);
    let one: Value =
        serde_json::from_slice(&twin(&["--days", "2", "--policy", "nut", "--json"]).stdout).unwrap();
    assert_eq!(one["daily"].as_array().map(Vec::len), Some(2), "{one}");
}

#[test]
fn what_cannot_be_is_refused_and_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let file = folder.path().join(name);
        std::fs::write(&file, text).unwrap();
        file.display().to_string()
    };
    let example = include_str!("../../deploy/site.toml");
    let missing = folder.path().join("nowhere.toml").display().to_string();
    assert!(refused(&["--site", &missing]).contains("nowhere.toml: cannot be read"));
    let steep = file("steep.toml", &example.replacen("tilt = 10.0", "tilt = 100.0", 1));
    let words = refused(&["--site", &steep]);
    assert!(words.contains("panel.tilt = 100: must be 0 to 90") && words.contains("steep.toml:"), "{words}");
    let sky = example.replacen("#csv = \"sky.csv\"", "csv = \"sky.csv\"", 1);
    let site = file("sky.toml", &sky);
    assert!(refused(&["--site", &site]).contains("sky.csv: cannot be read"));
    file("sky.csv", "time_s,ghi_W_m2,temp_C\n0,0,20\n3600,5000,20\n");
    let words = refused(&["--site", &site]);
    assert!(words.contains("sky.csv: line 3: column `ghi_W_m2`"), "{words}");
    assert!(refused(&["--days", "0"]).contains("--days 0"));
    assert!(refused(&["--policy", "magic"]).contains("a policy is one of heliostat"));
}

#[test]
fn a_measured_sky_is_played() {
    let folder = tempfile::tempdir().unwrap();
    let mut csv = String::from("time_s,ghi_W_m2,temp_C\n");
    for hour in 0..48 {
        let light = if hour < 24 && (6..18).contains(&hour) { 600 } else { 0 };
        writeln!(csv, "{},{light},20", hour * 3600).unwrap();
    }
    std::fs::write(folder.path().join("sky.csv"), csv).unwrap();
    let text = include_str!("../../deploy/site.toml").replacen("#csv = \"sky.csv\"", "csv = \"sky.csv\"", 1);
    let file = folder.path().join("site.toml");
    std::fs::write(&file, text).unwrap();
    let words = ["--site", &file.display().to_string(), "--days", "4.1", "--policy", "nut", "--json"];
    let outcome: Value = serde_json::from_slice(&twin(&words).stdout).unwrap();
    let available: Vec<f64> =
        outcome["daily"].as_array().unwrap().iter().map(|d| d["available_wh"].as_f64().unwrap()).collect();
    assert!(available[0] > 500.0 && available[1] < 0.1, "{available:?}");
    assert!((available[2] - available[0]).abs() < 0.2 * available[0] && available[3] < 0.1, "{available:?}");
}
