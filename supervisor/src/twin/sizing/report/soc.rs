//! The charge through the year: from each day's lowest to its highest.

use std::fmt::Write as _;

use super::super::expect::Study;
use super::paint::{Area, Figure, number};
use crate::twin::oracle::fleet::SLOTS;
use crate::twin::site::Site;

/// A band, a day each.
pub(super) fn band(site: &Site, study: &Study) -> Figure {
    let area = Area::new(8.0, 150.0);
    let mut body = String::new();
    for part in [0.0, 0.25, 0.5, 0.75, 1.0] {
        area.level(&mut body, part, &format!("{:.0} %", part * 100.0));
    }
    let days: Vec<(f64, f64)> = study
        .worst_year
        .looks
        .chunks(SLOTS)
        .map(|day| {
            let charges = || day.iter().map(|look| look.soc.fraction());
            (charges().fold(1.0, f64::min), charges().fold(0.0, f64::max))
        })
        .collect();
    let count = days.len().max(1) as f64;
    let at = |index: usize| (index as f64 + 0.5) / count;
    let low = days.iter().enumerate().map(|(index, day)| (at(index), day.0));
    let high = days.iter().enumerate().rev().map(|(index, day)| (at(index), day.1));
    let _ = writeln!(body, "<path class=\"charge\" d=\"{}Z\"/>", area.line(low.chain(high)));
    let floor = area.y(study.floor.fraction());
    let _ = writeln!(
        body,
        "<path class=\"floor\" d=\"M{} {}h{}\"/>",
        number(area.left),
        number(floor),
        number(area.width)
    );
    area.months(&mut body, site, count);
    Figure {
        title: "Charge through the year".to_owned(),
        caption: format!(
            "Year {}, in which the worst week lies: each day's lowest to highest; dashed: where all nodes halt ({:.0} %).",
            study.seed,
            study.floor.percent()
        ),
        height: 180.0,
        body,
    }
}
