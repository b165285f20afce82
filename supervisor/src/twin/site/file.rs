//! The site file as written: its tables, with the defaults of what may be left out.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use hardware::battery::Chemistry;
use protocol::{Charge, Class, Cpus, NodeName, Power, Soc, Temperature, Voltage};
use serde::Deserialize;
use serde::de::{Deserializer, Error, Unexpected};

/// The whole file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    pub(super) place: PlaceTable,
    pub(super) battery: BatteryTable,
    pub(super) panel: PanelTable,
    #[serde(default)]
    pub(super) charger: ChargerTable,
    #[serde(default)]
    pub(super) network: NetworkTable,
    #[serde(default)]
    pub(super) weather: WeatherTable,
    pub(super) nodes: Vec<GroupTable>,
    #[serde(default)]
    pub(super) worth: WorthTable,
    #[serde(default)]
    pub(super) faults: FaultsTable,
    #[serde(default)]
    pub(super) pace: PaceTable,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PlaceTable {
    pub(super) latitude: f64,
    #[serde(default)]
    pub(super) longitude: f64,
    #[serde(default = "first_day")]
    pub(super) start_day: u32,
    #[serde(default)]
    pub(super) start_hour: f64,
}

fn first_day() -> u32 {
    1
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BatteryTable {
    pub(super) chemistry: Chemistry,
    pub(super) capacity: Charge,
    #[serde(default = "full_health")]
    pub(super) health: f64,
    #[serde(default = "start_soc")]
    pub(super) soc: Soc,
    #[serde(default = "yes")]
    pub(super) ages: bool,
}

fn full_health() -> f64 {
    1.0
}

fn start_soc() -> Soc {
    Soc::from_percent(80.0)
}

fn yes() -> bool {
    true
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PanelTable {
    pub(super) power: Power,
    #[serde(default)]
    pub(super) tilt: f64,
    #[serde(default)]
    pub(super) azimuth: f64,
    #[serde(default = "soiled")]
    pub(super) soiling: f64,
}

fn soiled() -> f64 {
    0.02
}

/// What is left out is the chemistry's usual.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ChargerTable {
    pub(super) absorption: Option<Voltage>,
    pub(super) float: Option<Voltage>,
    pub(super) cutoff: Option<Voltage>,
    pub(super) reconnect: Option<Voltage>,
    pub(super) own: Option<Power>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct NetworkTable {
    pub(super) power: Power,
}

impl Default for NetworkTable {
    fn default() -> Self {
        Self { power: Power::from_watts(6.0) }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WeatherTable {
    pub(super) climate: Option<String>,
    pub(super) csv: Option<PathBuf>,
    pub(super) sunshine: Option<f64>,
    pub(super) rain: Option<f64>,
    pub(super) persistence: Option<f64>,
    pub(super) mean: Option<Temperature>,
    pub(super) swing: Option<Temperature>,
    pub(super) dust: Option<f64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct GroupTable {
    pub(super) name: NodeName,
    #[serde(default = "one")]
    pub(super) count: u32,
    pub(super) board: String,
    #[serde(default)]
    pub(super) converter: ConverterWord,
    #[serde(default)]
    pub(super) master: bool,
    pub(super) sensor: Option<bool>,
    #[serde(default = "yes")]
    pub(super) relay: bool,
    pub(super) shed_order: Option<u8>,
    #[serde(default)]
    pub(super) work: Vec<WorkTable>,
}

fn one() -> u32 {
    1
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum ConverterWord {
    #[default]
    Synchronous,
    Lm2596,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WorkTable {
    pub(super) name: String,
    #[serde(default)]
    pub(super) class: Class,
    pub(super) steady: Option<f64>,
    pub(super) base: Option<f64>,
    pub(super) peak: Option<f64>,
    pub(super) busy: Option<f64>,
    pub(super) limit: Option<Cpus>,
    #[serde(default = "stops_in")]
    pub(super) stops_in: Span,
}

fn stops_in() -> Span {
    Span(Duration::from_secs(3))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct WorthTable {
    pub(super) critical: f64,
    pub(super) standard: f64,
    pub(super) deferrable: f64,
}

impl Default for WorthTable {
    fn default() -> Self {
        Self { critical: 10.0, standard: 3.0, deferrable: 1.0 }
    }
}

/// Each as often a year; `clock_wrong` is a part of the boots.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct FaultsTable {
    pub(super) sensor_silent: f64,
    pub(super) sensor_stuck: f64,
    pub(super) sensor_drift: f64,
    pub(super) link_lost: f64,
    pub(super) power_lost: f64,
    pub(super) docker_silent: f64,
    pub(super) clock_wrong: f64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct PaceTable {
    pub(super) sampling: Span,
    pub(super) step: Span,
}

impl Default for PaceTable {
    fn default() -> Self {
        Self { sampling: Span(Duration::from_secs(30)), step: Span(Duration::from_secs(10)) }
    }
}

/// A duration as a person writes it: `"90 s"`, `"10 min"`.
#[derive(Clone, Copy)]
pub(super) struct Span(pub(super) Duration);

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        jiff::fmt::friendly::SpanParser::new().parse_unsigned_duration(&text).map(Self).map_err(|_| {
            Error::invalid_value(Unexpected::Str(&text), &"a duration like \"30 s\" or \"2 min\"")
        })
    }
}
