//! Energy in and out, week by week.

use std::fmt::Write as _;

use protocol::{Energy, Power};

use super::super::expect::{Study, WEEK};
use super::super::year::{Look, Year};
use super::paint::{Area, Figure, key, number, round_up};
use crate::twin::oracle::fleet::SLOTS;
use crate::twin::site::Site;

/// Upwards what came, downwards what went.
pub(super) fn weekly(site: &Site, study: &Study) -> Figure {
    let weeks: Vec<&[Look]> = study.worst_year.looks.chunks(WEEK).collect();
    // A day's mean, so that a last week of one day does not look poor.
    let daily = |looks: &[Look], power: fn(&Look) -> Power| -> f64 {
        let days = looks.len() as f64 / SLOTS as f64;
        let energy: Energy = Year::energy(looks, power);
        energy.watt_hours() / days.max(1e-9)
    };
    let rows: Vec<[f64; 3]> = weeks
        .iter()
        .map(|looks| [daily(looks, |l| l.taken), daily(looks, |l| l.sun), daily(looks, |l| l.load)])
        .collect();
    let most = round_up(rows.iter().flatten().copied().fold(1.0, f64::max));
    let (up, down) = (Area::new(24.0, 100.0), Area::new(124.0, 70.0));
    let scale = most * down.height / up.height;
    let mut body = String::new();
    up.level(&mut body, 1.0, &format!("{most:.0}"));
    up.level(&mut body, 0.5, &format!("{:.0}", most / 2.0));
    down.level(&mut body, 1.0, "0");
    down.level(&mut body, 0.0, &format!("{scale:.0}"));
    let width = up.width / rows.len().max(1) as f64;
    let mut bar = |class: &str, index: usize, top: f64, height: f64| {
        let _ = writeln!(
            body,
            "<rect class=\"{class}\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"/>",
            number(up.left + width * index as f64 + 0.4),
            number(top),
            number((width - 0.8).max(0.4)),
            number(height.max(0.0))
        );
    };
    for (index, [taken, sun, load]) in rows.iter().enumerate() {
        let (taken_y, sun_y) = (up.y(taken / most), up.y(sun / most));
        bar("spare", index, sun_y, taken_y - sun_y);
        bar("sun", index, taken_y, up.top + up.height - taken_y);
        bar("used", index, down.top, down.height * (load / scale).min(1.0));
    }
    let mut x = key(&mut body, up.left, 14.0, "sun", "taken from the panel");
    x = key(&mut body, x, 14.0, "spare", "curtailed: battery full");
    key(&mut body, x, 14.0, "used", "used");
    let days = study.worst_year.days().max(1.0);
    down.months(&mut body, site, days);
    Figure {
        title: "Energy, week by week".to_owned(),
        caption: "Watt-hours a day: what came from the sun above the line, what was used below.".to_owned(),
        height: 216.0,
        body,
    }
}
