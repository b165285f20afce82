//! From the tables of a site file to a proved site.

use std::ops::RangeInclusive;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use hardware::boards::{BOARDS, Board};
use hardware::sim::battery::Condition;
use hardware::sim::charger;
use hardware::sim::converter::Converter;
use hardware::sim::panel::Panel;
use hardware::sim::record::{self, Record};
use hardware::sim::sun::SolarTime;
use hardware::sim::weather::{Climate, Month};
use protocol::{Charge, NodeName, Power, Temperature, Voltage};

use super::configs::RELAY_PINS;
use super::file::{ConverterWord, FaultsTable, File, GroupTable, WeatherTable, WorkTable};
use super::load::Reader;
use super::{Battery, Faults, Pace, Place, Site, SiteError, SiteNode, Worth};
use crate::twin::docker::{Demand, Recipe};

/// The most nodes: what one 12 V battery feeds, and more than anybody will simulate for a year.
const NODES_MAX: usize = 64;
/// Beyond the polar circles the sun does not rise on some days: the clear-sky formulas are not meant for it.
const LATITUDE_MAX: f64 = 66.0;
/// A resistance grows about as an old battery's does: 3.5 times at 72 % of the label (`Condition::AGED`).
const RESISTANCE_FOR_LOST: f64 = (3.5 - 1.0) / (1.0 - 0.72);
const DAY_HOURS: RangeInclusive<f64> = 0.0..=23.99;

/// Proves a text.
pub(super) fn prove(text: &str, file: &Path, read: Reader<'_>) -> Result<Site, SiteError> {
    let table: File = toml::from_str(text).map_err(|error| SiteError::Syntax {
        file: file.to_owned(),
        message: error.to_string().trim_end().to_owned(),
    })?;
    let prover = Prover { text, file };
    let place = place(&table, &prover)?;
    let (climate, record) = sky(&table.weather, place, &prover, read)?;
    let site = Site {
        place,
        battery: battery(&table, &prover)?,
        panel: panel(&table, &prover)?,
        charger: charger(&table, &prover)?,
        network: prover.power("network", 0, "power", table.network.power, 200.0)?,
        climate,
        record,
        nodes: nodes(&table.nodes, &prover)?,
        worth: worth(&table, &prover)?,
        faults: faults(&table.faults, &prover)?,
        pace: pace(&table, &prover)?,
    };
    // The agents' own proof of policy against battery and charger.
    site.plan().map_err(|error| SiteError::Node { file: file.to_owned(), refusal: Box::new(error) })?;
    Ok(site)
}

fn place(table: &File, prover: &Prover<'_>) -> Result<Place, SiteError> {
    let place = &table.place;
    let latitude_degrees =
        prover.number("place", 0, "latitude", place.latitude, -LATITUDE_MAX..=LATITUDE_MAX)?;
    let longitude_degrees = prover.number("place", 0, "longitude", place.longitude, -180.0..=180.0)?;
    let day = f64::from(place.start_day);
    prover.number("place", 0, "start_day", day, 1.0..=365.0)?;
    let hour = prover.number("place", 0, "start_hour", place.start_hour, DAY_HOURS)?;
    let since_midnight = Duration::from_secs((hour * 3600.0) as u64);
    let start = SolarTime { day: place.start_day, since_midnight };
    Ok(Place { latitude_degrees, longitude_degrees, start })
}

fn battery(table: &File, prover: &Prover<'_>) -> Result<Battery, SiteError> {
    let battery = &table.battery;
    let health = prover.number("battery", 0, "health", battery.health, 0.3..=1.0)?;
    let amp_hours = battery.capacity.amp_hours();
    if !(1.0..=10_000.0).contains(&amp_hours) {
        let words = |value: f64| Charge::from_amp_hours(value).to_string();
        let bounds = format!("{} to {}", words(1.0), words(10_000.0));
        return Err(prover.range("battery", 0, "capacity", battery.capacity.to_string(), bounds));
    }
    let resistance = 1.0 + (1.0 - health) * RESISTANCE_FOR_LOST;
    Ok(Battery {
        chemistry: battery.chemistry,
        capacity: battery.capacity,
        condition: Condition { capacity: health, resistance },
        soc: battery.soc,
        ages: battery.ages,
    })
}

fn panel(table: &File, prover: &Prover<'_>) -> Result<Panel, SiteError> {
    let panel = &table.panel;
    Ok(Panel {
        label: prover.power("panel", 0, "power", panel.power, 10_000.0)?,
        tilt_degrees: prover.number("panel", 0, "tilt", panel.tilt, 0.0..=90.0)?,
        azimuth_degrees: prover.number("panel", 0, "azimuth", panel.azimuth, -180.0..=180.0)?,
        soiling: prover.number("panel", 0, "soiling", panel.soiling, 0.0..=0.9)?,
    })
}

fn charger(table: &File, prover: &Prover<'_>) -> Result<charger::Settings, SiteError> {
    let usual = charger::Settings::usual(table.battery.chemistry, table.battery.capacity);
    let written = &table.charger;
    let volts = |key: &'static str, value: Option<Voltage>, usual: Voltage| {
        let found = value.unwrap_or(usual);
        prover.number("charger", 0, key, found.volts(), 8.0..=16.0).map(|_| found)
    };
    let settings = charger::Settings {
        absorption: volts("absorption", written.absorption, usual.absorption)?,
        float: volts("float", written.float, usual.float)?,
        cutoff: volts("cutoff", written.cutoff, usual.cutoff)?,
        reconnect: volts("reconnect", written.reconnect, usual.reconnect)?,
        own: prover.power("charger", 0, "own", written.own.unwrap_or(usual.own), 20.0)?,
        ..usual
    };
    let rising = [
        ("cutoff", settings.cutoff, "reconnect", settings.reconnect),
        ("reconnect", settings.reconnect, "float", settings.float),
        ("float", settings.float, "absorption", settings.absorption),
    ];
    for (key, found, other, limit) in rising {
        if found > limit {
            let rule = format!("{found} is above {other} = {limit}; it must not be");
            return Err(prover.contradiction("charger", 0, key, rule));
        }
    }
    Ok(settings)
}

fn sky(
    table: &WeatherTable,
    place: Place,
    prover: &Prover<'_>,
    read: Reader<'_>,
) -> Result<(Climate, Option<Arc<Record>>), SiteError> {
    let climate = climate(table, place, prover)?;
    let Some(csv) = &table.csv else { return Ok((climate, None)) };
    let text = read(csv).map_err(|why| SiteError::Read { file: csv.clone(), why })?;
    let place = record::Place { longitude_degrees: place.longitude_degrees, start_day: place.start.day };
    let record = Record::parse(&text, place).map_err(|what| SiteError::Record { file: csv.clone(), what })?;
    Ok((climate, Some(Arc::new(record))))
}

fn climate(table: &WeatherTable, place: Place, prover: &Prover<'_>) -> Result<Climate, SiteError> {
    let name = table.climate.as_deref().unwrap_or("temperate");
    let mut climate = Climate::named(name).ok_or_else(|| {
        let known = Climate::NAMES.map(|(name, _)| name).join(", ");
        prover.unknown("weather", 0, "climate", name, known)
    })?;
    if name == "temperate" && place.latitude_degrees < 0.0 {
        climate = climate.of_the_south();
    }
    let part = |key: &'static str, value: Option<f64>, range| {
        value.map(|found| prover.number("weather", 0, key, found, range)).transpose()
    };
    let sunshine = part("sunshine", table.sunshine, 0.1..=0.9)?;
    let rain = part("rain", table.rain, 0.0..=1.0)?;
    climate.persistence = part("persistence", table.persistence, 0.0..=0.95)?.unwrap_or(climate.persistence);
    climate.dust = part("dust", table.dust, 0.0..=0.02)?.unwrap_or(climate.dust);
    climate.swing = table.swing.unwrap_or(climate.swing);
    for month in &mut climate.months {
        if let Some(sunshine) = sunshine {
            let Month { rain, mean, .. } = *month;
            *month = Month { mean, ..Month::with_sunshine(sunshine, rain, 0.0) };
        }
        month.rain = rain.unwrap_or(month.rain);
        month.mean = table.mean.unwrap_or(month.mean);
    }
    for (key, value) in [("mean", climate.months[0].mean), ("swing", climate.swing)] {
        temperature(prover, key, value)?;
    }
    Ok(climate)
}

fn temperature(prover: &Prover<'_>, key: &'static str, value: Temperature) -> Result<(), SiteError> {
    prover.number("weather", 0, key, value.celsius(), -40.0..=50.0).map(|_| ())
}

fn nodes(groups: &[GroupTable], prover: &Prover<'_>) -> Result<Vec<SiteNode>, SiteError> {
    let mut nodes: Vec<SiteNode> = Vec::new();
    for (index, group) in groups.iter().enumerate() {
        let count = prover.number("nodes", index, "count", f64::from(group.count), 1.0..=NODES_MAX as f64)?;
        for number in 1..=count as u32 {
            let node = node(group, index, number, nodes.len(), prover)?;
            if nodes.iter().any(|other| other.name == node.name) {
                let rule = format!("{} is there twice; names must differ", node.name);
                return Err(prover.contradiction("nodes", index, "name", rule));
            }
            nodes.push(node);
        }
    }
    let needs = |rule: &str| Err(prover.contradiction("nodes", 0, "name", rule.to_owned()));
    if nodes.len() > NODES_MAX {
        return needs(&format!("{} nodes; {NODES_MAX} are the most", nodes.len()));
    }
    let (relays, pins) = (nodes.iter().filter(|node| node.relay).count(), RELAY_PINS.count());
    if relays > pins + 1 {
        return needs(&format!(
            "{relays} nodes with relays; a master has pins for {pins}: give some relay = false"
        ));
    }
    if !nodes.first().is_some_and(|node| node.master) {
        return needs("the first node leads: give the first group master = true");
    }
    if !nodes.iter().any(|node| node.sensor) {
        return needs("nobody measures the battery: give a group sensor = true");
    }
    Ok(nodes)
}

/// One node of a group: `name-1`, or just the name where the group is one node.
fn node(
    group: &GroupTable,
    index: usize,
    number: u32,
    place: usize,
    prover: &Prover<'_>,
) -> Result<SiteNode, SiteError> {
    let board = Board::from_model(&group.board).ok_or_else(|| {
        let known = BOARDS.iter().map(|board| board.model).collect::<Vec<_>>().join(", ");
        prover.unknown("nodes", index, "board", &group.board, known)
    })?;
    let name = if group.count == 1 { group.name.to_string() } else { format!("{}-{number}", group.name) };
    let name: NodeName = name.parse().map_err(|_| {
        let rule = format!("{name} is too long for a node's name");
        prover.contradiction("nodes", index, "name", rule)
    })?;
    let work = group.work.iter().map(|work| recipe(work, index, prover)).collect::<Result<Vec<_>, _>>()?;
    let shed_order = match group.shed_order {
        Some(first) => first.saturating_add(u8::try_from(number - 1).unwrap_or(u8::MAX)),
        None => u8::try_from(place).unwrap_or(u8::MAX),
    };
    Ok(SiteNode {
        name,
        board,
        converter: match group.converter {
            ConverterWord::Synchronous => Converter::SYNCHRONOUS,
            ConverterWord::Lm2596 => Converter::LM2596,
        },
        master: group.master,
        sensor: group.sensor.unwrap_or(group.master),
        relay: group.relay,
        shed_order,
        work,
    })
}

fn recipe(work: &WorkTable, group: usize, prover: &Prover<'_>) -> Result<Recipe, SiteError> {
    let demand = match (work.steady, work.base, work.peak, work.busy) {
        (Some(cpus), None, None, None) => Demand::Steady(cpus),
        (None, Some(base), Some(peak), None) => Demand::Daily { base, peak },
        (None, None, None, Some(busy)) => Demand::Batch { busy },
        _ => {
            let rule = format!(
                "work \"{}\" needs one of: steady = CPUs; base = CPUs and peak = CPUs; busy = CPUs",
                work.name
            );
            return Err(prover.contradiction("nodes", group, "work", rule));
        }
    };
    for cpus in [work.steady, work.base, work.peak, work.busy].into_iter().flatten() {
        if !(0.0..=64.0).contains(&cpus) {
            let found = format!("\"{}\": {cpus} CPUs", work.name);
            return Err(prover.range("nodes", group, "work", found, "0 to 64".to_owned()));
        }
    }
    Ok(Recipe {
        name: work.name.clone(),
        class: work.class,
        demand,
        stops_in: work.stops_in.0.min(Duration::from_mins(10)),
        nano_cpus: work.limit.map_or(0, |limit| i64::from(limit.milli()) * 1_000_000),
    })
}

fn worth(table: &File, prover: &Prover<'_>) -> Result<Worth, SiteError> {
    let worth = |key: &'static str, value| prover.number("worth", 0, key, value, 0.0..=1e6);
    Ok(Worth {
        critical: worth("critical", table.worth.critical)?,
        standard: worth("standard", table.worth.standard)?,
        deferrable: worth("deferrable", table.worth.deferrable)?,
    })
}

fn faults(table: &FaultsTable, prover: &Prover<'_>) -> Result<Faults, SiteError> {
    // More than daily is no fault any more but the way things are.
    let rate = |key: &'static str, value| prover.number("faults", 0, key, value, 0.0..=365.0);
    Ok(Faults {
        sensor_silent: rate("sensor_silent", table.sensor_silent)?,
        sensor_stuck: rate("sensor_stuck", table.sensor_stuck)?,
        sensor_drift: rate("sensor_drift", table.sensor_drift)?,
        link_lost: rate("link_lost", table.link_lost)?,
        power_lost: rate("power_lost", table.power_lost)?,
        docker_silent: rate("docker_silent", table.docker_silent)?,
        clock_wrong: prover.number("faults", 0, "clock_wrong", table.clock_wrong, 0.0..=1.0)?,
    })
}

fn pace(table: &File, prover: &Prover<'_>) -> Result<Pace, SiteError> {
    let (sampling, step) = (table.pace.sampling.0, table.pace.step.0);
    prover.span("sampling", sampling, 1, 60)?;
    prover.span("step", step, 1, 10)?;
    if !86_400_u128.is_multiple_of(step.as_secs().into()) || step.subsec_nanos() != 0 {
        let rule = format!("{step:?} does not divide a day into whole steps; 1, 2, 5 and 10 s do");
        return Err(prover.contradiction("pace", 0, "step", rule));
    }
    Ok(Pace { sampling, step })
}

/// Knows the file, for the errors.
struct Prover<'a> {
    text: &'a str,
    file: &'a Path,
}

impl Prover<'_> {
    /// A number within a range; NaN is in none.
    fn number(
        &self,
        section: &str,
        index: usize,
        key: &str,
        found: f64,
        range: RangeInclusive<f64>,
    ) -> Result<f64, SiteError> {
        if range.contains(&found) {
            return Ok(found);
        }
        let bounds = format!("{} to {}", range.start(), range.end());
        Err(self.range(section, index, key, found.to_string(), bounds))
    }

    fn power(
        &self,
        section: &str,
        index: usize,
        key: &str,
        found: Power,
        most: f64,
    ) -> Result<Power, SiteError> {
        self.number(section, index, key, found.watts(), 0.0..=most).map(|_| found)
    }

    fn span(&self, key: &str, found: Duration, least_s: u64, most_s: u64) -> Result<(), SiteError> {
        let range = Duration::from_secs(least_s)..=Duration::from_secs(most_s);
        if range.contains(&found) {
            return Ok(());
        }
        let bounds = format!("{least_s} s to {most_s} s");
        Err(self.range("pace", 0, key, format!("{found:?}"), bounds))
    }

    fn range(&self, section: &str, index: usize, key: &str, found: String, bounds: String) -> SiteError {
        let (line, key) = self.at(section, index, key);
        SiteError::Range { file: self.file.to_owned(), line, key, found, bounds }
    }

    fn unknown(&self, section: &str, index: usize, key: &str, found: &str, known: String) -> SiteError {
        let (line, key) = self.at(section, index, key);
        SiteError::Unknown { file: self.file.to_owned(), line, key, found: found.to_owned(), known }
    }

    fn contradiction(&self, section: &str, index: usize, key: &str, rule: String) -> SiteError {
        let (line, key) = self.at(section, index, key);
        SiteError::Contradiction { file: self.file.to_owned(), line, key, rule }
    }

    /// Where a key of the `index`th section of this name is written, or else the section; and its full name.
    fn at(&self, section: &str, index: usize, key: &str) -> (usize, String) {
        let headers = [format!("[{section}]"), format!("[[{section}]]")];
        let mut seen = 0;
        let mut line = 1;
        for (number, text) in self.text.lines().enumerate() {
            let text = text.trim();
            if headers.iter().any(|header| text.starts_with(header.as_str())) {
                line = if seen == index { number + 1 } else { line };
                seen += 1;
            } else if seen == index + 1
                && text.strip_prefix(key).is_some_and(|rest| rest.trim_start().starts_with('='))
            {
                line = number + 1;
                break;
            } else if seen > index + 1 {
                break;
            }
        }
        (line, format!("{section}.{key}"))
    }
}
