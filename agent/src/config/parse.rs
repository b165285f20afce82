//! A text to a [`Config`]: section by section, then the contradictions between them.

use std::path::Path;

use serde::de::DeserializeOwned;

use super::document::{Document, Section, unknown};
use super::error::{ConfigError, Problem, What};
use super::policy::{Policy, PolicyFile};
use super::{Battery, Config, HwmonSensor, ReplaySensor, Sensor, ShuntSensor, check};

/// The sections that a file may have.
const SECTIONS: [&str; 11] = [
    "node", "battery", "sensor", "sampling", "policy", "containers", "supervisor", "leds", "state", "halt", "switch",
];

/// The kinds of sensor.
const SENSOR_KINDS: [&str; 4] = ["ina219", "ina226", "hwmon", "replay"];

impl Config {
    /// Reads and proves a config.
    ///
    /// `file` is named in errors, and its folder is where a relative path to a trace begins.
    ///
    /// # Errors
    /// Every problem of the text at once, each with its line, its key and what would be right.
    pub fn parse(text: &str, file: &Path) -> Result<Self, ConfigError> {
        let error = |mut problems: Vec<Problem>| {
            problems.sort_by_key(|problem| problem.line.unwrap_or(usize::MAX));
            ConfigError { file: file.to_owned(), problems }
        };
        let mut document = Document::parse(text).map_err(error)?;
        let parsed = sections(&mut document, file);
        match parsed {
            Some(config) if document.problems.is_empty() => Ok(config),
            _ => Err(error(document.problems)),
        }
    }
}

/// A part of the config and where it was written.
pub(super) struct Part<'t, T> {
    /// Where.
    pub(super) section: Section<'t>,
    /// What.
    pub(super) value: T,
}

/// Reads all sections; `None` when one that is needed is missing or wrong.
fn sections(document: &mut Document<'_>, file: &Path) -> Option<Config> {
    if document.is_empty() {
        document.problem(None, "", What::Empty);
        return None;
    }
    document.only_sections(&SECTIONS);
    let node = required(document, "node", "[node], with at least its `supply`");
    let battery = required(document, "battery", "[battery], with at least its `chemistry` and `capacity`");
    let sampling = optional(document, "sampling");
    let containers = optional(document, "containers");
    let leds = optional(document, "leds");
    let state = optional(document, "state");
    let halt = optional(document, "halt");
    let sensors = sensors(document, file);
    let supervisors = list(document, "supervisor");
    let switches = list(document, "switch");
    let policy = policy(document, battery.as_ref());

    check::node(document, node.as_ref());
    check::battery(document, battery.as_ref());
    check::sensors(document, &sensors);
    check::sampling(document, sampling.as_ref());
    check::containers(document, containers.as_ref());
    check::supervisors(document, &supervisors);
    check::leds(document, leds.as_ref());
    check::state(document, state.as_ref());
    check::switches(document, &switches, node.as_ref());

    Some(Config {
        node: node?.value,
        battery: battery?.value,
        sensors: values(sensors),
        sampling: value_or_default(sampling),
        policy: policy?,
        containers: value_or_default(containers),
        supervisors: values(supervisors),
        leds: value_or_default(leds),
        state: value_or_default(state),
        halt: value_or_default(halt),
        switches: values(switches),
    })
}

fn values<T>(parts: Vec<Part<'_, T>>) -> Vec<T> {
    parts.into_iter().map(|part| part.value).collect()
}

fn value_or_default<T: Default>(part: Option<Part<'_, T>>) -> T {
    part.map(|part| part.value).unwrap_or_default()
}

fn optional<'t, T: DeserializeOwned>(document: &mut Document<'t>, name: &'static str) -> Option<Part<'t, T>> {
    let section = document.section(name)?;
    let value = document.read(&section)?;
    Some(Part { section, value })
}

fn required<'t, T: DeserializeOwned>(
    document: &mut Document<'t>,
    name: &'static str,
    wanted: &'static str,
) -> Option<Part<'t, T>> {
    let problems = document.problems.len();
    let part = optional(document, name);
    if part.is_none() && document.problems.len() == problems {
        document.problem(None, "", What::Missing(wanted));
    }
    part
}

fn list<'t, T: DeserializeOwned>(document: &mut Document<'t>, name: &'static str) -> Vec<Part<'t, T>> {
    let mut parts = Vec::new();
    for section in document.list(name) {
        if let Some(value) = document.read(&section) {
            parts.push(Part { section, value });
        }
    }
    parts
}

/// The sensors: their `kind` says which keys belong to them.
fn sensors<'t>(document: &mut Document<'t>, file: &Path) -> Vec<Part<'t, Sensor>> {
    let mut sensors = Vec::new();
    for mut section in document.list("sensor") {
        let Some((line, kind)) = document.word(&mut section, "kind") else { continue };
        let sensor = match kind.as_str() {
            "ina219" => document.read::<ShuntSensor>(&section).map(Sensor::Ina219),
            "ina226" => document.read::<ShuntSensor>(&section).map(Sensor::Ina226),
            "hwmon" => document.read::<HwmonSensor>(&section).map(Sensor::Hwmon),
            "replay" => document.read::<ReplaySensor>(&section).map(|sensor| Sensor::Replay(beside(sensor, file))),
            _ => {
                document.problem(
                    Some(line),
                    format!("{}.kind", section.path),
                    unknown("value", &kind, SENSOR_KINDS),
                );
                None
            }
        };
        sensors.extend(sensor.map(|value| Part { section, value }));
    }
    sensors
}

/// A relative path to a trace begins at the config file's folder, wherever the program was started.
fn beside(mut sensor: ReplaySensor, file: &Path) -> ReplaySensor {
    if let Some(folder) = file.parent() {
        sensor.trace = folder.join(&sensor.trace);
    }
    sensor
}

/// The ladder: what is written over the chemistry's defaults, proved against the battery.
fn policy(document: &mut Document<'_>, battery: Option<&Part<'_, Battery>>) -> Option<Policy> {
    let section = document.section("policy");
    let written = match &section {
        Some(section) => document.read::<PolicyFile>(section)?,
        None => PolicyFile::default(),
    };
    let battery = &battery?.value;
    let policy = written.resolve(battery.chemistry);
    if let Err(error) = policy.validate(battery) {
        let key = error.key();
        let line = section.as_ref().map(|section| {
            let path: Vec<&str> = key.split('.').skip(1).collect();
            document.line_of(section, &path)
        });
        document.problem(line, key, What::Policy(error));
        return None;
    }
    Some(policy)
}
