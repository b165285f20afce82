//! When which work ran: week by week and hour by hour.

use std::fmt::Write as _;

use super::super::expect::{Study, WEEK};
use super::paint::{Area, Figure, HEAT, number, shade};
use crate::twin::oracle::fleet::{CLASSES, SLOTS};
use crate::twin::site::Site;

const HOURS: usize = 24;
/// One hour's row.
const ROW: f64 = 3.6;

/// A map for each class: weeks across, hours down, colour for how much of it ran.
pub(super) fn served(site: &Site, study: &Study) -> Figure {
    let days = study.worst_year.days().max(1.0);
    let first_hour = site.place.start.since_midnight.as_secs() as usize / 3600;
    let mut body = String::new();
    let mut top = 18.0;
    for (class, name) in CLASSES.iter().map(|class| class.name()).enumerate() {
        let area = Area::new(top, ROW * HOURS as f64);
        let _ = writeln!(body, "<text x=\"{}\" y=\"{}\">{name}</text>", number(area.left), number(top - 5.0));
        for hour in [0, 6, 12, 18] {
            let y = area.top + ROW * f64::from(hour);
            let _ = writeln!(
                body,
                "<text class=\"soft end\" x=\"{}\" y=\"{}\">{hour} h</text>",
                number(area.left - 5.0),
                number(y + 8.0)
            );
        }
        cells(&mut body, &area, &means(study, class, first_hour));
        top += area.height + 22.0;
        if class == 2 {
            area.months(&mut body, site, days);
            top += 10.0;
        }
    }
    legend(&mut body, top);
    Figure {
        title: "When which work runs".to_owned(),
        caption: "Containers of a class that run, by week (across) and hour of the day (down).".to_owned(),
        height: top + 12.0,
        body,
    }
}

/// By week and hour: the part of a class's containers that ran.
fn means(study: &Study, class: usize, first_hour: usize) -> Vec<[f64; HOURS]> {
    let weeks = study.worst_year.looks.chunks(WEEK);
    weeks
        .map(|looks| {
            let (mut sums, mut counts) = ([0.0; HOURS], [0.0_f64; HOURS]);
            for (index, look) in looks.iter().enumerate() {
                let hour = (first_hour + index * HOURS / SLOTS) % HOURS;
                sums[hour] += look.running[class];
                counts[hour] += 1.0;
            }
            std::array::from_fn(|hour| if counts[hour] > 0.0 { sums[hour] / counts[hour] } else { 1.0 })
        })
        .collect()
}

/// The cells as one path for each colour, runs of the same colour in an hour as one rectangle.
fn cells(body: &mut String, area: &Area, weeks: &[[f64; HOURS]]) {
    let width = area.width / weeks.len().max(1) as f64;
    let mut paths: [String; HEAT.len()] = Default::default();
    for hour in 0..HOURS {
        let shades: Vec<usize> = weeks.iter().map(|week| shade(week[hour])).collect();
        let mut week = 0;
        for run in shades.chunk_by(|a, b| a == b) {
            let (x, y) = (area.left + width * week as f64, area.top + ROW * hour as f64);
            let across = number(width * run.len() as f64);
            let _ = write!(paths[run[0]], "M{} {}h{across}v{ROW}h-{across}z", number(x), number(y));
            week += run.len();
        }
    }
    for (path, colour) in paths.iter().zip(HEAT).filter(|(path, _)| !path.is_empty()) {
        let _ =
            writeln!(body, "<path fill=\"{colour}\" stroke=\"{colour}\" stroke-width=\".3\" d=\"{path}\"/>");
    }
}

/// What the colours mean.
pub(super) fn legend(body: &mut String, y: f64) {
    let left = Area::new(0.0, 0.0).left;
    let _ =
        writeln!(body, "<text class=\"soft\" x=\"{}\" y=\"{}\">none</text>", number(left), number(y + 4.0));
    for (index, colour) in HEAT.iter().enumerate() {
        let x = left + 34.0 + 16.0 * index as f64;
        let _ = writeln!(
            body,
            "<rect fill=\"{colour}\" x=\"{}\" y=\"{}\" width=\"16\" height=\"9\"/>",
            number(x),
            number(y - 4.0)
        );
    }
    let x = left + 40.0 + 16.0 * HEAT.len() as f64;
    let _ = writeln!(body, "<text class=\"soft\" x=\"{}\" y=\"{}\">all</text>", number(x), number(y + 4.0));
}
