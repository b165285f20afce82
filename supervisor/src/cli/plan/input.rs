//! What a person types, as sites: quantities with their units and bounds, and the product of repeated values.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, bail, ensure};
use hardware::boards::Board;
use hardware::sim::record::{Place, Record};
use hardware::sim::weather::Climate;
use protocol::{Charge, Power};

use super::Args;
use crate::twin::Site;
use crate::twin::sizing::{Alternative, Choices};

/// What makes sense for a 12 V site.
const CAPACITY: (f64, f64) = (1.0, 10_000.0);
const PANEL: (f64, f64) = (1.0, 10_000.0);
const SWITCH: (f64, f64) = (0.0, 200.0);
const LATITUDE_MAX: f64 = 66.0;
const NODES_MAX: usize = 64;
/// The most alternatives that are worth a table.
const PRODUCT_MAX: usize = 60;
/// The most that is read of a weather file.
const WEATHER_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// Names for the boards that fit a command line.
const BOARD_NAMES: [(&str, &str); 5] = [
    ("pi-zero2w", "Raspberry Pi Zero 2 W"),
    ("pi3b", "Raspberry Pi 3 Model B"),
    ("pi3b+", "Raspberry Pi 3 Model B Plus"),
    ("pi4", "Raspberry Pi 4 Model B"),
    ("pi5", "Raspberry Pi 5 Model B"),
];

/// The name of a climate that there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sky(&'static str);

/// A capacity in ampere-hours.
pub(super) fn capacity(text: &str) -> Result<Charge, String> {
    let Ok(found) = text.parse::<Charge>() else {
        let hint = if text.trim_end().ends_with("Wh") {
            "that is an energy; a battery's label says ampere-hours (Wh / 12 V)"
        } else {
            "a capacity is a number with its unit"
        };
        return Err(format!("{hint}, like 70Ah"));
    };
    within(found.amp_hours(), CAPACITY, "Ah").map(|()| found)
}

/// A panel's label.
pub(super) fn panel(text: &str) -> Result<Power, String> {
    power(text, PANEL, "100W")
}

/// What a network switch takes.
pub(super) fn switch(text: &str) -> Result<Power, String> {
    power(text, SWITCH, "6W")
}

fn power(text: &str, bounds: (f64, f64), like: &str) -> Result<Power, String> {
    let found: Power = text.parse().map_err(|_| format!("a power is a number with its unit, like {like}"))?;
    within(found.watts(), bounds, "W").map(|()| found)
}

/// Degrees north.
pub(super) fn latitude(text: &str) -> Result<f64, String> {
    degrees(text, LATITUDE_MAX)
        .map_err(|error| format!("{error} (beyond, the sun does not rise on some days)"))
}

/// Degrees east.
pub(super) fn longitude(text: &str) -> Result<f64, String> {
    degrees(text, 180.0)
}

fn degrees(text: &str, most: f64) -> Result<f64, String> {
    let found: f64 = text.parse().map_err(|_| "degrees are a number like 9.45".to_owned())?;
    within(found, (-most, most), "degrees").map(|()| found)
}

fn within(found: f64, (least, most): (f64, f64), unit: &str) -> Result<(), String> {
    if (least..=most).contains(&found) {
        Ok(())
    } else {
        Err(format!("{found} {unit} is not possible here: {least} to {most} {unit} are"))
    }
}

/// A climate by its name.
pub(super) fn climate(text: &str) -> Result<Sky, String> {
    let known = Climate::NAMES.iter().find(|(name, _)| *name == text);
    known.map(|(name, _)| Sky(name)).ok_or_else(|| {
        let names: Vec<&str> = Climate::NAMES.iter().map(|(name, _)| *name).collect();
        format!("known are {}", names.join(", "))
    })
}

/// A board by its short name or the device tree's.
pub(super) fn board(text: &str) -> Result<&'static Board, String> {
    let model =
        BOARD_NAMES.iter().find(|(short, _)| short.eq_ignore_ascii_case(text)).map_or(text, |(_, m)| *m);
    Board::from_model(model).ok_or_else(|| {
        let names: Vec<&str> = BOARD_NAMES.iter().map(|(short, _)| *short).collect();
        format!("known are {}", names.join(", "))
    })
}

/// A board's short name.
pub(super) fn short(board: &Board) -> &'static str {
    BOARD_NAMES.iter().find(|(_, model)| *model == board.model).map_or(board.model, |(short, _)| *short)
}

/// A number of nodes.
pub(super) fn nodes(count: u32) -> anyhow::Result<usize> {
    let count = count as usize;
    ensure!((1..=NODES_MAX).contains(&count), "{count} nodes are not possible: 1 to {NODES_MAX} are");
    Ok(count)
}

/// The product of all that was given several times, over the site that all have in common. The first is the one asked
/// about.
pub(super) fn sites(args: &Args) -> anyhow::Result<Vec<Alternative>> {
    let base = base(args)?;
    let batteries = options(&args.battery);
    let panels = options(&args.panel);
    let boards = options(&args.board);
    let count = batteries.len() * panels.len() * boards.len();
    ensure!(
        count <= PRODUCT_MAX,
        "{} batteries, {} panels and {} boards make {count} alternatives: at most {PRODUCT_MAX} are compared",
        batteries.len(),
        panels.len(),
        boards.len()
    );
    let mut sites = Vec::with_capacity(count);
    for battery in &batteries {
        for panel in &panels {
            for board in &boards {
                let choices =
                    Choices { battery: *battery, panel: *panel, board: *board, ..Choices::default() };
                let site = choices.apply(&base);
                sites.push(Alternative { name: name_of(&site), site });
            }
        }
    }
    Ok(sites)
}

/// Nothing chosen is one choice.
fn options<T: Copy>(given: &[T]) -> Vec<Option<T>> {
    if given.is_empty() { vec![None] } else { given.iter().copied().map(Some).collect() }
}

/// What tells a site from others in a table.
pub(super) fn name_of(site: &Site) -> String {
    let mut boards: Vec<&str> = site.nodes.iter().map(|node| short(node.board)).collect();
    boards.sort_unstable();
    boards.dedup();
    let (capacity, chemistry, panel) = (site.battery.capacity, site.battery.chemistry, site.panel.label);
    format!("{} x {}, {capacity:.0} {chemistry}, {panel:.0}", site.nodes.len(), boards.join("/"))
}

/// The site that all alternatives have in common.
fn base(args: &Args) -> anyhow::Result<Site> {
    let mut site = match &args.site {
        Some(file) => Site::load(file)?,
        None => Site::example()?,
    };
    let choices = Choices {
        nodes: args.nodes.map(nodes).transpose()?,
        chemistry: args.chemistry,
        network: args.network,
        relays: args.no_relays.then_some(false),
        ..Choices::default()
    };
    site = choices.apply(&site);
    if let Some(longitude) = args.longitude {
        site.place.longitude_degrees = longitude;
    }
    if let Some(latitude) = args.latitude {
        site.place.latitude_degrees = latitude;
        if args.site.is_none() {
            site.climate = usual_climate(latitude);
            // Facing the equator's side; near it, steep enough for the rain to wash it.
            site.panel.tilt_degrees = (latitude.abs() * 0.9).clamp(10.0, 60.0);
        }
    }
    if let Some(climate) = args.climate.and_then(|sky| Climate::named(sky.0)) {
        site.climate = if site.place.latitude_degrees < 0.0 { climate.of_the_south() } else { climate };
        site.record = None;
    }
    if let Some(file) = &args.weather {
        site.record = Some(Arc::new(record(file, &site)?));
    }
    Ok(site)
}

/// The named climate that is most like a latitude.
fn usual_climate(latitude: f64) -> Climate {
    let climate = match latitude.abs() {
        near if near < 12.0 => Climate::EQUATORIAL,
        dry if dry < 35.0 => Climate::DRY,
        _ => Climate::SEASONAL,
    };
    if latitude < 0.0 { climate.of_the_south() } else { climate }
}

/// A measured sky.
fn record(file: &Path, site: &Site) -> anyhow::Result<Record> {
    let metadata = std::fs::metadata(file).with_context(|| format!("{}: cannot be read", file.display()))?;
    if metadata.len() > WEATHER_BYTES_MAX {
        bail!(
            "{}: {} bytes are more than a weather file has ({WEATHER_BYTES_MAX})",
            file.display(),
            metadata.len()
        );
    }
    let text =
        std::fs::read_to_string(file).with_context(|| format!("{}: cannot be read", file.display()))?;
    let place = Place { longitude_degrees: site.place.longitude_degrees, start_day: site.place.start.day };
    Record::parse(&text, place).with_context(|| file.display().to_string())
}

#[cfg(test)]
mod tests {
    use hardware::boards::BOARDS;

    use super::*;

    #[test]
    fn quantities_need_their_unit_and_sense() {
        assert_eq!(capacity("70Ah"), Ok(Charge::from_amp_hours(70.0)));
        for (text, words) in [
            ("70", "like 70Ah"),
            ("70 Wh", "that is an energy"),
            ("70kWh", "that is an energy"),
            ("-70Ah", "-70 Ah is not possible here: 1 to 10000 Ah are"),
            ("0 Ah", "0 Ah is not possible"),
            ("1000000 Ah", "1 to 10000 Ah"),
            ("", "like 70Ah"),
            ("nan Ah", "like 70Ah"),
        ] {
            let error = capacity(text).unwrap_err();
            assert!(error.contains(words), "{text:?}: {error}");
        }
        assert!(panel("100").unwrap_err().contains("like 100W"));
        assert!(panel("100Wh").unwrap_err().contains("like 100W"));
        assert!(panel("0W").unwrap_err().contains("1 to 10000 W"));
        assert!(switch("0W").is_ok());
        assert!(latitude("90").unwrap_err().contains("-66 to 66"));
        assert!(latitude("north").unwrap_err().contains("like 9.45"));
        assert!(climate("martian").unwrap_err().contains("equatorial"));
    }

    #[test]
    fn every_board_has_a_short_name_that_leads_back() {
        for known in &BOARDS {
            assert_eq!(board(short(known)).map(|found| found.model), Ok(known.model));
            assert_eq!(board(known.model).map(|found| found.model), Ok(known.model));
        }
        assert!(board("pi6").unwrap_err().contains("pi3b"));
    }
}
