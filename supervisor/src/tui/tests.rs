//! The picture, as a person sees it.

use protocol::report::{ContainerState, SocBand, TimeBand};
use protocol::{Class, Cpus, Current, Power, Seconds, Soc, Stage, Voltage};
use ratatui::buffer::Buffer;

use super::scene::*;
use super::*;

fn at(day: u32, hour: u32, minute: u32) -> SiteTime {
    SiteTime { seconds: (day - 1) * DAY_S + hour * 3600 + minute * 60 }
}

fn soc(percent: f64) -> SocBand {
    SocBand {
        low: Soc::from_percent(percent - 4.0),
        best: Soc::from_percent(percent),
        high: Soc::from_percent(percent + 4.0),
    }
}

fn node(name: &str, mode: NodeMode, reason: &str, states: [ContainerState; 4]) -> NodeLine {
    let classes = [Class::Critical, Class::Standard, Class::Standard, Class::Deferrable];
    let mark = |(class, state)| ContainerMark { class, state };
    NodeLine {
        name: name.to_owned(),
        mode,
        reason: reason.to_owned(),
        brief: reason.replace(" (lower bound)", ""),
        containers: classes.into_iter().zip(states).map(mark).collect(),
        power: Power::from_watts(2.1),
    }
}

/// A night in which every mode is on the screen.
fn night() -> Scene {
    use ContainerState::{Capped, Down, Paused, Running, Stopped};
    let quarter = Capped(Cpus::from_milli(250));
    let throttled = "SoC 64.0 % (lower bound) < 70 % for 10 min";
    let nodes = vec![
        node("node-1", NodeMode::Up(Stage::Normal), "nothing to save", [Running; 4]),
        node("node-2", NodeMode::Up(Stage::Throttle), throttled, [Running, Running, quarter, quarter]),
        node("node-3", NodeMode::Up(Stage::Shed), throttled, [Running, quarter, quarter, Paused]),
        node("node-4", NodeMode::Up(Stage::Drain), throttled, [Running, Stopped, Stopped, Stopped]),
        node("node-5", NodeMode::Up(Stage::Halt), throttled, [Stopped; 4]),
        node("node-6", NodeMode::Booting, "woken", [Down; 4]),
        node("node-7", NodeMode::Parked, "parked since 01:10", [Stopped; 4]),
        node("node-8", NodeMode::Dark, "the charger cut its supply", [Down; 4]),
        node("node-9", NodeMode::Up(Stage::Normal), "nothing to save", [Running; 4]),
        node("node-10", NodeMode::Up(Stage::Normal), "nothing to save", [Running; 4]),
    ];
    let samples = (0..112).map(|i| StripSample {
        time: SiteTime { seconds: 12 * 3600 + i * 600 },
        sun: Power::from_watts(f64::from(36_u32.saturating_sub(i)) * 3.0),
        soc: (i > 3).then(|| soc(96.0 - f64::from(i) * 0.3)),
        modes: nodes.iter().map(|n| if i < 60 { NodeMode::Up(Stage::Normal) } else { n.mode }).collect(),
    });
    let samples = samples.collect();
    let decision = |minute, text: &str| DecisionLine {
        time: at(1, 21, minute),
        node: "node-10".to_owned(),
        text: text.to_owned(),
        brief: text.replace(" (lower bound)", ""),
    };
    Scene {
        title: "Heliostat: ten Raspberry Pis live on one car battery and one solar panel".to_owned(),
        time: at(2, 6, 40),
        daylight: "night",
        pace: "2880 x real time".to_owned(),
        now: "The battery is at 62 % and empty in 14 h; node-7 is parked, node-5 halts before the charger cuts it off; \
              the panel gives nothing until dawn."
            .to_owned(),
        supply: SupplyLine {
            voltage: Some(Voltage::from_volts(12.31)),
            current: Some(Current::from_amps(2.4)),
            load: Power::from_watts(29.7),
            sun: Power::ZERO,
            soc: Some(soc(62.4)),
            soc_truth: Some(Soc::from_percent(63.8)),
            time_to_empty: Some(TimeBand {
                low: Seconds(11 * 3600),
                best: Seconds(14 * 3600),
                high: Seconds(17 * 3600),
            }),
        },
        nodes,
        strip: Strip {
            from: at(1, 12, 0),
            to: at(3, 12, 0),
            sun_max: Power::from_watts(120.0),
            samples,
        },
        decisions: vec![
            decision(0, "normal -> throttle: SoC 69.9 % (lower bound) < 70 % for 10 min"),
            decision(10, "throttle -> shed: 12.04 V compensated < 12.05 V for 10 min"),
            decision(20, "shed -> drain: SoC 44.9 % (lower bound) < 45 % for 5 min"),
            decision(30, "drain -> halt: SoC 34.9 % (lower bound) < 35 % for 2 min"),
        ],
        keys: "q quits",
    }
}

pub(super) fn text(buffer: &Buffer) -> String {
    let width = usize::from(buffer.area.width);
    let row = |cells: &[ratatui::buffer::Cell]| {
        let line: String = cells.iter().map(ratatui::buffer::Cell::symbol).collect();
        line.trim_end().to_owned()
    };
    buffer.content.chunks(width).map(row).collect::<Vec<_>>().join("\n")
}

fn shot(scene: &Scene, look: Look, width: u16, height: u16) -> String {
    text(&picture(scene, look, width, height).unwrap())
}

#[test]
fn at_80_by_24_everything_is_there() {
    insta::assert_snapshot!(shot(&night(), Look::default(), 80, 24));
}

#[test]
fn a_larger_terminal_shows_every_node_over_time() {
    insta::assert_snapshot!(shot(&night(), Look::default(), 110, 46));
}

#[test]
fn without_unicode_it_is_ascii() {
    let shot = shot(&night(), Look { ascii: true, colour: false }, 80, 24);
    assert!(shot.is_ascii(), "{shot}");
    insta::assert_snapshot!(shot);
}

#[test]
fn without_colour_no_cell_has_one() {
    let buffer = picture(&night(), Look { ascii: false, colour: false }, 100, 40).unwrap();
    let colour = ratatui::style::Color::Reset;
    assert!(buffer.content.iter().all(|cell| cell.fg == colour && cell.bg == colour));
}

#[test]
fn a_supply_that_nobody_knows_shows_no_number() {
    let mut scene = night();
    scene.supply = SupplyLine::default();
    let shot = shot(&scene, Look::default(), 80, 24);
    let line = shot.lines().find(|line| line.starts_with("battery")).unwrap();
    assert_eq!(line, "battery no reading  SoC unknown");
}

#[test]
fn no_size_of_terminal_panics() {
    let scene = night();
    for (width, height) in [(0, 0), (1, 1), (7, 3), (20, 10), (80, 12), (200, 5), (300, 100)] {
        let buffer = picture(&scene, Look::default(), width, height).unwrap();
        assert_eq!(buffer.content.len(), usize::from(width) * usize::from(height));
    }
}
