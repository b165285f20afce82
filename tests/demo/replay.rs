//! `heliostat replay`: recorded batteries through the chip's registers and the agent's core.

use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Instant;

use serde_json::Value;
use tests::program::path;

fn replay(words: &[&str]) -> Output {
    Command::new(path("heliostat")).arg("replay").args(words).output().expect("it runs")
}

/// The lines of a replay.
fn lines(output: &Output) -> Vec<Value> {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines().map(|line| serde_json::from_str(line).expect("a JSON object a line")).collect()
}

/// One of the recorded traces, as the columns that a user would record.
fn recorded(name: &str, folder: &Path) -> String {
    let packed = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/traces").join(format!("{name}.csv.gz"));
    let mut text = String::new();
    let file = std::fs::File::open(&packed).unwrap_or_else(|error| panic!("{}: {error}", packed.display()));
    flate2::read::GzDecoder::new(file).read_to_string(&mut text).expect("gzip");
    let header: Vec<&str> = text.lines().next().expect("a header").split(',').collect();
    let column =
        |name: &str| header.iter().position(|column| *column == name).unwrap_or_else(|| panic!("no {name}"));
    let columns =
        [column("time_s"), column("v_meas"), column("i_meas"), column("temp_C"), column("true_soc")];
    let mut out = String::from("time_s,voltage_V,current_A,temp_C,true_soc\n");
    for line in text.lines().skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        out.push_str(&columns.map(|column| fields[column]).join(","));
        out.push('\n');
    }
    let file = folder.join(format!("{name}.csv"));
    std::fs::write(&file, out).expect("a file");
    file.display().to_string()
}

#[test]
fn a_recorded_discharge_is_followed_down_the_ladder() {
    let folder = tempfile::tempdir().expect("a folder");
    let trace = recorded("la_agm_discharge_25C", folder.path());
    let lines =
        lines(&replay(&[&trace, "--chemistry", "agm", "--capacity", "70Ah", "--soc", "100%", "--json"]));
    assert!(lines.len() > 1700, "one line a minute of 30 hours: {}", lines.len());
    for line in &lines {
        for key in ["time_s", "soc", "soc_low", "soc_high", "tte_s", "stage", "reason"] {
            assert!(line.get(key).is_some(), "{key} is missing in {line}");
        }
        if let (Some(low), Some(soc), Some(high)) =
            (line["soc_low"].as_f64(), line["soc"].as_f64(), line["soc_high"].as_f64())
        {
            assert!(0.0 <= low && low <= soc && soc <= high && high <= 1.0, "{line}");
        }
    }
    let mut stages: Vec<&str> = lines.iter().filter_map(|line| line["stage"].as_str()).collect();
    stages.dedup();
    assert_eq!(stages, ["normal", "throttle", "shed", "drain", "halt"]);
}

#[test]
fn what_was_learned_is_carried_to_the_next_run() {
    let folder = tempfile::tempdir().expect("a folder");
    let trace = recorded("la_agm_rests_25C", folder.path());
    let state = folder.path().join("learned").display().to_string();
    let words = [&*trace, "--chemistry", "agm", "--capacity", "70Ah", "--state", &state, "--json"];
    let first = lines(&replay(&words));
    let end = first.last().and_then(|line| line["soc"].as_f64()).expect("a state of charge");
    let second = lines(&replay(&words));
    let begin = second.first().and_then(|line| line["soc"].as_f64());
    // The second run begins where the first ended, not from nothing.
    assert!(begin.is_none_or(|begin| (begin - end).abs() < 0.5), "{end} then {begin:?}");
    assert_ne!(first.first(), second.first());
}

#[test]
fn a_year_takes_seconds() {
    let folder = tempfile::tempdir().expect("a folder");
    let trace = folder.path().join("year.csv");
    let mut file = std::io::BufWriter::new(std::fs::File::create(&trace).expect("a file"));
    writeln!(file, "time_s,voltage_V,current_A,temp_C").expect("a line");
    for row in 0..3_153_600_u64 {
        let hour = (row * 10 % 86_400) / 3600;
        let (voltage, current) = if (6..18).contains(&hour) { (13.6, -2.4) } else { (12.5, 2.3) };
        let noise = (row % 7) as f64 * 0.001;
        writeln!(file, "{},{:.3},{:.3},25", row * 10, voltage + noise, current + noise).expect("a line");
    }
    drop(file);
    let begun = Instant::now();
    let mut child = Command::new(path("heliostat"))
        .args(["replay", &trace.display().to_string(), "--chemistry", "agm", "--capacity", "70Ah", "--json"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("it runs");
    let mut output = Vec::new();
    child.stdout.take().expect("a pipe").read_to_end(&mut output).expect("a pipe");
    assert!(child.wait().expect("it ends").success());
    let minutes = output.split(|byte| *byte == b'\n').count() - 1;
    println!("a year at 10 s in {:.1} s, {minutes} lines", begun.elapsed().as_secs_f64());
    assert!(minutes > 525_000, "{minutes} lines for a year of minutes");
}

#[test]
fn bad_input_is_told_by_file_line_and_column() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str, text: &str| {
        let file = folder.path().join(name);
        std::fs::write(&file, text).expect("a file");
        file.display().to_string()
    };
    let agm = ["--chemistry", "agm", "--capacity", "70Ah"];
    for (name, text, words) in [
        (
            "letters.csv",
            "time_s,voltage_V,current_A\n0,twelve,1\n",
            &["letters.csv", "2", "voltage_V", "twelve"][..],
        ),
        ("column.csv", "time_s,voltage_V\n0,12\n", &["column.csv", "current_A"]),
        ("back.csv", "time_s,voltage_V,current_A\n10,12,1\n5,12,1\n", &["back.csv", "3", "time_s"]),
        ("empty.csv", "", &["empty.csv"]),
        ("nan.csv", "time_s,voltage_V,current_A\n0,NaN,1\n", &["nan.csv", "voltage_V"]),
    ] {
        let trace = file(name, text);
        let output = replay(&[&[trace.as_str()][..], &agm].concat());
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success(), "{name}: {error}");
        for word in words {
            assert!(error.contains(word), "{name}: {word:?} is not in {error:?}");
        }
    }
    let missing = replay(&[&["/nowhere.csv"][..], &agm].concat());
    assert!(!missing.status.success() && String::from_utf8_lossy(&missing.stderr).contains("/nowhere.csv"));
    let bare = replay(&[&file("ok.csv", "time_s,voltage_V,current_A\n0,12,1\n")]);
    assert!(!bare.status.success(), "neither a config nor a chemistry");
}
