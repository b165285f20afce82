//! The worst week in detail: charge, sun and load, and what ran.

use std::fmt::Write as _;

use super::super::expect::{Study, WEEK};
use super::super::year::Look;
use super::heat::legend;
use super::paint::{Area, Figure, HEAT, key, number, round_up, shade};
use crate::twin::oracle::fleet::SLOTS;

/// Half-hours are enough for a picture.
const TOGETHER: usize = 2;
/// The classes, short enough for the margin.
const NAMES: [&str; 3] = ["critical", "stand.", "defer."];
/// One class's strip.
const STRIP: f64 = 10.0;

/// Seven days.
pub(super) fn worst(study: &Study) -> Figure {
    let first = study.expected.worst_week.as_ref().map_or(0, |week| week.first_day * SLOTS);
    let looks = study.worst_year.looks.get(first..).unwrap_or_default();
    let looks = &looks[..looks.len().min(WEEK)];
    let mut body = String::new();
    charge(&mut body, looks, study);
    powers(&mut body, looks);
    let mut top = 222.0;
    for (class, name) in NAMES.iter().enumerate() {
        strip(&mut body, &Area::new(top, STRIP), looks, class, name);
        top += STRIP + 3.0;
    }
    legend(&mut body, top + 10.0);
    Figure {
        title: "The worst week".to_owned(),
        caption: format!(
            "From day {} of year {}. Above the charge, in the middle the watts, below what runs of each class.",
            first / SLOTS + 1,
            study.seed
        ),
        height: top + 22.0,
        body,
    }
}

fn charge(body: &mut String, looks: &[Look], study: &Study) {
    let area = Area::new(6.0, 80.0);
    for part in [0.0, 0.5, 1.0] {
        area.level(body, part, &format!("{:.0} %", part * 100.0));
    }
    let floor = area.y(study.floor.fraction());
    let (left, width) = (number(area.left), number(area.width));
    let _ = writeln!(body, "<path class=\"floor\" d=\"M{left} {}h{width}\"/>", number(floor));
    let points = along(looks).map(|(x, look)| (x, look.soc.fraction()));
    let _ = writeln!(body, "<path class=\"mid\" d=\"{}\"/>", area.line(points));
}

fn powers(body: &mut String, looks: &[Look]) {
    let area = Area::new(112.0, 82.0);
    let watts = |look: &Look| look.sun.watts().max(look.load.watts());
    let most = round_up(looks.iter().map(watts).fold(1.0, f64::max));
    for part in [0.0, 0.5, 1.0] {
        area.level(body, part, &format!("{:.0} W", most * part));
    }
    for (class, power) in
        [("spare", (|look: &Look| look.sun) as fn(&Look) -> _), ("sun", |look: &Look| look.taken)]
    {
        let points = along(looks).map(|(x, look)| (x, power(look).watts() / most));
        let line = area.line([(0.0, 0.0)].into_iter().chain(points).chain([(1.0, 0.0)]));
        let _ = writeln!(body, "<path class=\"{class}\" d=\"{line}Z\"/>");
    }
    let load = along(looks).map(|(x, look)| (x, look.load.watts() / most));
    let _ = writeln!(body, "<path class=\"line\" d=\"{}\"/>", area.line(load));
    let mut x = key(body, area.left, 104.0, "sun", "sun taken");
    x = key(body, x, 104.0, "spare", "curtailed");
    key(body, x, 104.0, "used", "load");
    for day in 0..7 {
        let x = area.x((f64::from(day) + 0.5) / 7.0);
        let _ = writeln!(
            body,
            "<text class=\"soft middle\" x=\"{}\" y=\"{}\">day {}</text>",
            number(x),
            number(area.top + area.height + 14.0),
            day + 1
        );
    }
}

fn strip(body: &mut String, area: &Area, looks: &[Look], class: usize, name: &str) {
    let _ = writeln!(
        body,
        "<text class=\"soft end\" x=\"{}\" y=\"{}\">{name}</text>",
        number(area.left - 5.0),
        number(area.top + 9.0)
    );
    let shades: Vec<usize> = looks.iter().map(|look| shade(look.running[class])).collect();
    let width = area.width / looks.len().max(1) as f64;
    let mut at = 0;
    for run in shades.chunk_by(|a, b| a == b) {
        let _ = writeln!(
            body,
            "<rect fill=\"{}\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{STRIP}\"/>",
            HEAT[run[0]],
            number(area.left + width * at as f64),
            number(area.top),
            number(width * run.len() as f64 + 0.1)
        );
        at += run.len();
    }
}

/// Looks with their place across the week.
fn along(looks: &[Look]) -> impl Iterator<Item = (f64, &Look)> {
    let last = looks.len().max(2) - 1;
    looks.iter().enumerate().step_by(TOGETHER).map(move |(index, look)| (index as f64 / last as f64, look))
}
