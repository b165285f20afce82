#![allow(clippy::float_cmp, reason = "numbers that are copied, not computed")]

use std::fmt::Write as _;
use std::path::Path;

use super::*;
use crate::twin::site::load::no_files;

fn example_with(from: &str, to: &str) -> Result<Site, SiteError> {
    assert!(EXAMPLE.contains(from), "the example lacks {from:?}");
    Site::parse(&EXAMPLE.replacen(from, to, 1), Path::new("site.toml"), &mut no_files)
}

/// The error's words hold all of these.
fn assert_refused(from: &str, to: &str, words: &[&str]) {
    let error = example_with(from, to).expect_err(to).to_string();
    for word in words.iter().chain(&["site.toml"]) {
        assert!(error.contains(word), "{error:?} lacks {word:?}");
    }
}

/// The line of a text in the example.
fn line(text: &str) -> String {
    let at = EXAMPLE.lines().position(|line| line.starts_with(text)).unwrap();
    format!("site.toml:{}:", at + 1)
}

#[test]
fn the_example_is_taken_as_written() {
    let site = Site::example().unwrap();
    assert_eq!(site.nodes.len(), 10);
    assert_eq!(site.nodes.iter().filter(|node| node.master && node.sensor).count(), 2);
    assert_eq!(site.nodes[0].name.to_string(), "master-1");
    assert_eq!(site.nodes[9].name.to_string(), "work-4");
    assert_eq!(site.battery.capacity, Charge::from_amp_hours(100.0));
    assert_eq!(site.climate, Climate::EQUATORIAL);
    assert_eq!(site.worth.of(Class::Standard), 3.0);
    let plan = site.plan().unwrap();
    assert_eq!(plan.nodes[0].config.switches.len(), 9, "a relay for every other node");
    assert_eq!(plan.nodes[9].config.node.shed_order, 9);
}

#[test]
fn every_key_that_the_example_comments_out_is_one() {
    let mut text = String::new();
    for line in EXAMPLE.lines() {
        let uncommented =
            line.strip_prefix('#').filter(|rest| rest.starts_with(|c: char| c.is_ascii_lowercase()));
        text.push_str(uncommented.filter(|rest| rest.contains(" = ")).unwrap_or(line));
        text.push('\n');
    }
    let mut sky = |_: &Path| {
        let mut csv = String::from("time_s,ghi_W_m2,temp_C\n");
        (0..24).for_each(|hour| writeln!(csv, "{},{},20", hour * 3600, hour * 10).unwrap());
        Ok(csv)
    };
    let site = Site::parse(&text, Path::new("site.toml"), &mut sky).unwrap();
    assert!(site.record.is_some());
    assert_eq!(site.climate.month(1).rain, 0.3);
}

#[test]
fn what_cannot_be_is_refused_with_line_key_and_numbers() {
    assert_refused(
        "latitude = 0.39",
        "latitude = 99.0",
        &[&line("latitude"), "place.latitude = 99", "-66 to 66"],
    );
    assert_refused("health = 1.0", "health = nan", &[&line("health"), "battery.health = NaN"]);
    assert_refused("power = \"200 W\"", "power = \"-5 W\"", &["panel.power = -5", "0 to 10000"]);
    assert_refused(
        "cutoff = \"11.0 V\"",
        "cutoff = \"12.9 V\"",
        &[&line("cutoff"), "12.90 V is above reconnect = 12.60 V"],
    );
    assert_refused(
        "climate = \"equatorial\"",
        "climate = \"lunar\"",
        &[&line("climate"), "\"lunar\"", "temperate"],
    );
    assert_refused(
        "board = \"Raspberry Pi 3 Model B\"",
        "board = \"Pi 9\"",
        &["nodes.board", "Raspberry Pi 5 Model B"],
    );
    assert_refused("busy = 1.2", "busy = 1.2\nsteady = 1.0", &["\"reports\" needs one of"]);
    assert_refused("link_lost = 12.0", "link_lost = -1.0", &[&line("link_lost"), "faults.link_lost = -1"]);
    assert_refused("step = \"10 s\"", "step = \"7 s\"", &[&line("step"), "whole steps"]);
    assert_refused("master = true ", "master = false ", &["the first node leads"]);
}

#[test]
fn what_is_no_site_file_is_refused_in_the_readers_words() {
    assert_refused("tilt = 10.0", "tlit = 10.0", &["line", "tlit", "expected one of"]);
    assert_refused("capacity = \"100 Ah\"", "capacity = \"100 W\"", &["capacity", "line"]);
    assert_refused("[panel]", "[pannel]", &["pannel"]);
    let error = example_with("#csv = ", "csv = ").expect_err("there is no such file").to_string();
    assert!(error.starts_with("sky.csv: cannot be read"), "{error}");
    let empty = Site::parse("", Path::new("site.toml"), &mut no_files).expect_err("empty");
    assert!(empty.to_string().contains("place"), "{empty}");
}

#[test]
fn a_bad_sky_is_refused_with_its_own_line_and_column() {
    let text = EXAMPLE.replacen("#csv = ", "csv = ", 1);
    let mut sky = |_: &Path| Ok("time_s,ghi_W_m2,temp_C\n0,0,20\n3600,bright,20\n".to_owned());
    let error = Site::parse(&text, Path::new("site.toml"), &mut sky).expect_err("bright").to_string();
    assert_eq!(error, "sky.csv: line 3: column `ghi_W_m2`: \"bright\" is not a light from -20 to 1600 W/m2");
}

#[test]
fn a_cut_off_above_the_agents_ladder_is_refused_in_the_agents_words() {
    let error =
        example_with("cutoff = \"11.0 V\"", "cutoff = \"12.4 V\"").expect_err("the ladder ends below");
    assert!(matches!(error, SiteError::Node { .. }), "{error}");
}

#[test]
fn the_sky_told_beforehand_is_that_of_the_run() {
    let site = Site::example().unwrap();
    let told = site.sky(3, 2, Duration::from_hours(1));
    assert_eq!(told.len(), 48);
    let mut run = hardware::sim::site::Site::new(&site.settings(3), Vec::new());
    let met: Vec<Power> = (0..48)
        .map(|_| {
            let steps = 360;
            let sum: Power = (0..steps)
                .map(|_| {
                    run.step(site.pace.step);
                    run.available()
                })
                .sum();
            sum / f64::from(steps)
        })
        .collect();
    assert_eq!(told, met);
    assert!(told[12] > Power::from_watts(20.0) && told[0] == Power::ZERO);
}
