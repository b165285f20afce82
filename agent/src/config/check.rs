//! What each section's values must keep to, alone and with each other.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use protocol::{Charge, Power, Resistance, Seconds, Temperature, Voltage};

use super::document::{Document, Section};
use super::error::{Problem, What};
use super::parse::Part;
use super::{
    AgentCheck, Battery, Containers, Leds, Metrics, Node, Output, Sampling, StateFile, Supervisor, Switch,
    Watchdog,
};

/// The greatest place in a shed order: the supervisor's plans count in 64 steps.
const SHED_ORDER_MAX: u8 = 63;
/// The most sensors or supervisors: one byte numbers them, and nobody has more.
const LIST_MAX: usize = 16;

/// Checks `[node]`.
pub(super) fn node(document: &mut Document<'_>, node: Option<&Part<'_, Node>>) {
    let Some(Part { section, value }) = node else { return };
    within(document, section, "shed_order", value.shed_order, (0, SHED_ORDER_MAX));
}

/// Checks `[battery]`.
pub(super) fn battery(document: &mut Document<'_>, battery: Option<&Part<'_, Battery>>) {
    let Some(Part { section, value }) = battery else { return };
    let amp_hours = Charge::from_amp_hours;
    within(document, section, "capacity", value.capacity, (amp_hours(0.5), amp_hours(10_000.0)));
    if let Some(cutoff) = value.cutoff {
        within(document, section, "cutoff", cutoff, (Voltage::from_volts(8.0), Voltage::from_volts(14.0)));
    }
    if let Some(resistance) = value.resistance {
        let ohms = Resistance::from_ohms;
        within(document, section, "resistance", resistance, (ohms(0.0005), ohms(2.0)));
    }
    within(
        document,
        section,
        "load_max",
        value.load_max,
        (Power::from_watts(0.5), Power::from_watts(5000.0)),
    );
    let celsius = Temperature::from_celsius;
    within(document, section, "temperature", value.temperature, (celsius(-40.0), celsius(70.0)));
}

/// Checks `[sampling]`.
pub(super) fn sampling(document: &mut Document<'_>, sampling: Option<&Part<'_, Sampling>>) {
    let Some(Part { section, value }) = sampling else { return };
    span(document, section, "interval", value.interval, (Duration::from_millis(10), Duration::from_mins(1)));
    span(
        document,
        section,
        "host_interval",
        value.host_interval,
        (Duration::from_secs(1), Duration::from_hours(1)),
    );
}

/// Checks `[containers]`.
pub(super) fn containers(document: &mut Document<'_>, containers: Option<&Part<'_, Containers>>) {
    let Some(Part { section, value }) = containers else { return };
    span(document, section, "stop_timeout", value.stop_timeout, (Duration::ZERO, Duration::from_mins(10)));
    if !value.socket.is_absolute() {
        let found = format!("{} is no absolute path, like \"/var/run/docker.sock\"", value.socket.display());
        complain(document, section, "socket", What::Value(found));
    }
    let Some(program) = value.restart.first() else { return };
    if program.is_empty() || program.contains(char::is_whitespace) {
        let meant = program.split_whitespace().map(|word| format!("{word:?}")).collect::<Vec<_>>();
        let meant = if meant.is_empty() {
            "\"systemctl\", \"restart\", \"docker\"".to_owned()
        } else {
            meant.join(", ")
        };
        let found =
            format!("begins with {program:?}, which is no program: write each word by itself, [{meant}]");
        complain(document, section, "restart", What::Value(found));
    }
}

/// Checks `[agent_check]`.
pub(super) fn agent_check(document: &mut Document<'_>, check: Option<&Part<'_, AgentCheck>>) {
    let Some(Part { section, value }) = check else { return };
    span(document, section, "grace", value.grace, (Duration::ZERO, Duration::from_secs(30)));
    if value.listen.port() == 0 {
        complain(document, section, "listen", What::Value("port 0 is no port".to_owned()));
    }
}

/// Checks `[metrics]`.
pub(super) fn metrics(document: &mut Document<'_>, metrics: Option<&Part<'_, Metrics>>) {
    let Some(Part { section, value }) = metrics else { return };
    if value.listen.port() == 0 {
        complain(document, section, "listen", What::Value("port 0 is no port".to_owned()));
    }
}

/// Checks the `[[supervisor]]` list; returns what is wrong with it only as long as the node is in no cluster.
pub(super) fn supervisors(document: &mut Document<'_>, supervisors: &[Part<'_, Supervisor>]) -> Vec<Problem> {
    let mut unprotected = Vec::new();
    let mut seen = Seen::default();
    for Part { section, value } in supervisors {
        seen.once(document, section, "address", format!("the supervisor at {}", value.address));
        if !value.address.ip().is_loopback() && !value.plaintext {
            unprotected.push(Problem {
                line: Some(document.line_of(section, &["address"])),
                key: format!("{}.address", section.path),
                what: What::Plaintext(value.address),
            });
        }
        if value.address.port() == 0 {
            complain(document, section, "address", What::Value("port 0 is no port".to_owned()));
        }
    }
    count(document, "supervisor", supervisors);
    unprotected
}

/// Checks `[leds]`.
pub(super) fn leds(document: &mut Document<'_>, leds: Option<&Part<'_, Leds>>, switches: &[Switch]) {
    let Some(Part { section, value }) = leds else { return };
    let mut seen = Seen::default();
    let named = value.stage.iter().map(|led| ("stage", led));
    let named = named.chain(value.fault.iter().map(|led| ("fault", led)));
    for (key, led) in named.chain(value.link.iter().map(|led| ("link", led))) {
        file_name(document, section, key, led);
        let switched = Leds::gpio(led).map(Output::Gpio);
        if let Some(switch) = switches.iter().find(|switch| Some(&switch.output) == switched.as_ref()) {
            let what =
                format!("{} switches the power of {}: it cannot be an LED too", switch.output, switch.node);
            complain(document, section, key, What::Value(what));
        }
        seen.once(document, section, key, format!("the LED {led}"));
    }
}

/// Checks `[state]`.
pub(super) fn state(document: &mut Document<'_>, state: Option<&Part<'_, StateFile>>) {
    let Some(Part { section, value }) = state else { return };
    // SD cards die of writes: not more often than every 10 s. A day-old estimate is worth little.
    span(document, section, "interval", value.interval, (Duration::from_secs(10), Duration::from_hours(24)));
}

/// Checks `[watchdog]`.
pub(super) fn watchdog(document: &mut Document<'_>, watchdog: Option<&Part<'_, Watchdog>>) {
    let Some(Part { section, value }) = watchdog else { return };
    let name = value.device.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    if !value.device.is_absolute() || !name.starts_with("watchdog") {
        let found = format!("{} is no watchdog's device, like \"/dev/watchdog\"", value.device.display());
        complain(document, section, "device", What::Value(found));
    }
}

/// Notes a problem with a key of a section, on the key's line.
pub(super) fn complain(document: &mut Document<'_>, section: &Section<'_>, key: &str, what: What) {
    let line = document.line_of(section, &[key]);
    document.problem(Some(line), format!("{}.{key}", section.path), what);
}

/// Notes a value outside its range; says whether it is within.
pub(super) fn within<T: PartialOrd + fmt::Display + Copy>(
    document: &mut Document<'_>,
    section: &Section<'_>,
    key: &str,
    value: T,
    (low, high): (T, T),
) -> bool {
    // Not `value < low || value > high`: a NaN is within no range.
    let fits = low <= value && value <= high;
    if !fits {
        let what = What::Range { found: value.to_string(), low: low.to_string(), high: high.to_string() };
        complain(document, section, key, what);
    }
    fits
}

/// Notes a duration outside its range.
pub(super) fn span(
    document: &mut Document<'_>,
    section: &Section<'_>,
    key: &str,
    value: Duration,
    (low, high): (Duration, Duration),
) {
    if !(low..=high).contains(&value) {
        let what = What::Range { found: shown(value), low: shown(low), high: shown(high) };
        complain(document, section, key, what);
    }
}

/// A duration as a person would say it.
fn shown(duration: Duration) -> String {
    if duration < Duration::from_secs(1) {
        format!("{} ms", duration.as_millis())
    } else {
        Seconds::from(duration).to_string()
    }
}

/// Notes a name that cannot be a file's in a sysfs folder.
pub(super) fn file_name(document: &mut Document<'_>, section: &Section<'_>, key: &str, name: &str) {
    if name.is_empty() || name.contains('/') || name.starts_with('.') {
        let what = What::Value(format!("{name:?} is no name of a device: give its folder's name alone"));
        complain(document, section, key, what);
    }
}

/// Notes a list that is too long.
pub(super) fn count<T>(document: &mut Document<'_>, name: &str, parts: &[Part<'_, T>]) {
    if let Some(Part { section, .. }) = parts.get(LIST_MAX) {
        let what = What::Range {
            found: parts.len().to_string(),
            low: "0".to_owned(),
            high: format!("{LIST_MAX} of them"),
        };
        document.problem(Some(section.line), name, what);
    }
}

/// A path without its detours: `/dev/../dev/i2c-1` is `/dev/i2c-1`. Links are not followed, for a text is checked here, not a
/// machine.
pub(super) fn plain(path: &Path) -> PathBuf {
    path.components().fold(PathBuf::new(), |mut plain, part| {
        match part {
            Component::CurDir => {}
            Component::ParentDir => drop(plain.pop()),
            part => plain.push(part),
        }
        plain
    })
}

/// What was seen already, and on which line.
#[derive(Default)]
pub(super) struct Seen(BTreeMap<String, usize>);

impl Seen {
    pub(super) fn once(
        &mut self,
        document: &mut Document<'_>,
        section: &Section<'_>,
        key: &str,
        what: String,
    ) {
        let line = document.line_of(section, &[key]);
        match self.0.entry(what) {
            Entry::Vacant(entry) => {
                entry.insert(line);
            }
            Entry::Occupied(entry) => {
                let what = What::Twice { found: entry.key().clone(), first: *entry.get() };
                document.problem(Some(line), format!("{}.{key}", section.path), what);
            }
        }
    }
}
