//! `heliostat energy`: where the watt-hours went, day by day, by node and by class of work.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::process::ExitCode;

use protocol::{Energy, NodeName, Power};

use super::answer;
use super::look::cut;
use super::place::SocketArgs;
use crate::core::budget::view::EnergyView;
use crate::core::budget::{DayEnergy, NodeEnergy};
use crate::io::Timestamp;
use crate::io::operator::{Answer, Request};

/// What `energy` is given.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// So many days, today included
    #[arg(long, default_value_t = 7, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=31))]
    days: u32,
    #[command(flatten)]
    socket: SocketArgs,
}

/// Asks and prints.
pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let mut energies = answer::ask(&args.socket, &Request::Energy, "its accounts", |answer| match answer {
        Answer::Energy(energies) => Some(energies),
        _ => None,
    })?;
    for supply in &mut energies.supplies {
        let skip = supply.days.len().saturating_sub(args.days as usize);
        supply.days.drain(..skip);
    }
    answer::print(args.json, &energies, |energies| render(&energies.supplies))?;
    Ok(ExitCode::SUCCESS)
}

/// The accounts, at most 80 columns wide.
fn render(supplies: &[EnergyView]) -> String {
    if supplies.is_empty() {
        return super::forecast::NO_SITE.to_owned();
    }
    let mut text = String::new();
    for supply in supplies {
        let _ = writeln!(text, "Supply {}: a full battery gives {:.0}", supply.supply, supply.capacity);
        let _ = writeln!(
            text,
            "\n{:11} {:>7} {:>7} {:>7} {:>7} {:>7} {:>7} {:>7} {:>7}",
            "DAY", "PANEL", "IN", "OUT", "NETWORK", "IDLE", "DEFER.", "STAND.", "CRIT."
        );
        for day in &supply.days {
            render_day(&mut text, day);
        }
        render_nodes(&mut text, &supply.days);
    }
    text.push_str("\nWatt-hours at the battery. IN and OUT of it are measured, the rest inferred.\n");
    text
}

/// A watt-hour column.
fn wh(energy: Energy) -> String {
    format!("{:.0}", energy.watt_hours())
}

fn sum(nodes: &BTreeMap<NodeName, NodeEnergy>) -> NodeEnergy {
    nodes.values().fold(NodeEnergy::default(), |sum, node| NodeEnergy {
        idle: sum.idle + node.idle,
        deferrable: sum.deferrable + node.deferrable,
        standard: sum.standard + node.standard,
        critical: sum.critical + node.critical,
    })
}

fn render_day(text: &mut String, day: &DayEnergy) {
    let date = day.began.map_or_else(
        || "(no clock)".to_owned(),
        |wall| {
            Timestamp::from_millis(wall.unix_seconds().saturating_mul(1000))
                .to_string()
                .chars()
                .take(10)
                .collect()
        },
    );
    let nodes = sum(&day.nodes);
    let part = if day.seen_minutes < 23 * 60 { "*" } else { "" };
    let _ = writeln!(
        text,
        "{:11} {:>7} {:>7} {:>7} {:>7} {:>7} {:>7} {:>7} {:>7}",
        format!("{date}{part}"),
        wh(day.panel),
        wh(day.charged),
        wh(day.drawn),
        wh(day.always),
        wh(nodes.idle),
        wh(nodes.deferrable),
        wh(nodes.standard),
        wh(nodes.critical),
    );
}

/// Each node over all these days.
fn render_nodes(text: &mut String, days: &[DayEnergy]) {
    let mut nodes: BTreeMap<&NodeName, BTreeMap<NodeName, NodeEnergy>> = BTreeMap::new();
    for (number, day) in days.iter().enumerate() {
        for (name, energy) in &day.nodes {
            // `sum` adds up a map: each day of a node stands in it under a name of its own.
            let Ok(place) = format!("{number}").parse() else { continue };
            nodes.entry(name).or_default().insert(place, *energy);
        }
    }
    let seen: f64 = days.iter().map(|day| f64::from(day.seen_minutes) / 60.0).sum();
    let _ = writeln!(
        text,
        "\n{:26} {:>7} {:>7} {:>7} {:>7} {:>7}",
        "NODE", "IDLE", "DEFER.", "STAND.", "CRIT.", "MEAN W"
    );
    for (name, days) in &nodes {
        let node = sum(days);
        let mean = Power::from_watts(node.total().watt_hours() / seen.max(1e-9));
        let _ = writeln!(
            text,
            "{:26} {:>7} {:>7} {:>7} {:>7} {:>7.1}",
            cut(name.as_str(), 26),
            wh(node.idle),
            wh(node.deferrable),
            wh(node.standard),
            wh(node.critical),
            mean.watts(),
        );
    }
    if days.iter().any(|day| day.seen_minutes < 23 * 60) {
        let _ = writeln!(text, "\n* seen in part");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::forecast::WallClock;

    #[test]
    fn a_day_and_its_nodes_are_shown_in_eighty_columns() {
        let node = NodeEnergy {
            idle: Energy::from_watt_hours(60.0),
            deferrable: Energy::from_watt_hours(20.0),
            standard: Energy::from_watt_hours(10.0),
            critical: Energy::from_watt_hours(6.0),
        };
        let day = DayEnergy {
            began: Some(WallClock::from_unix_seconds(1_798_761_600)),
            seen_minutes: 1440,
            panel: Energy::from_watt_hours(512.4),
            nodes: BTreeMap::from([("pi1".parse().unwrap(), node), ("pi2".parse().unwrap(), node)]),
            ..DayEnergy::default()
        };
        let view = EnergyView {
            supply: "garage".parse().unwrap(),
            capacity: Energy::from_watt_hours(840.0),
            days: vec![day.clone(), DayEnergy { seen_minutes: 60, ..day }],
        };
        let text = render(&[view]);
        for words in ["2027-01-01 ", "2027-01-01*", "512", "120", "pi2", "840 Wh"] {
            assert!(text.contains(words), "{words:?} is missing:\n{text}");
        }
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    }

    #[test]
    fn without_a_site_it_says_what_to_add() {
        assert!(render(&[]).contains("[supply.site]"));
    }
}
