//! What is kept of readings: which quantities, under which names. The same names are the metrics' and the history's.

use std::fmt;
use std::str::FromStr;

use protocol::report::ContainerState;
use protocol::{Class, Current, NodeName, SupplyName, Temperature, Voltage};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::liveness::Liveness;
use super::view::{FleetView, NodeView, SupplyView};

/// Something that is measured again and again. Its numbers are in [`Quantity::unit`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Quantity {
    /// At a supply's terminals.
    Voltage,
    /// Out of a battery; negative while it charges.
    Current,
    /// State of charge, 10th percentile.
    SocLow,
    /// State of charge, best estimate.
    Soc,
    /// State of charge, 90th percentile.
    SocHigh,
    /// Time to usable empty, best estimate; not told while the battery charges.
    TimeToEmpty,
    /// Nodes of a supply that are there.
    NodesAlive,
    /// A node's stage: 0 is normal, 4 is halt.
    Stage,
    /// Processor use of a node.
    Cpu,
    /// A node's temperature.
    Temperature,
    /// Containers that run on a node, capped ones among them.
    Running,
    /// Whether a node is there: 1, or 0.
    Alive,
}

impl Quantity {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::Voltage,
        Self::Current,
        Self::SocLow,
        Self::Soc,
        Self::SocHigh,
        Self::TimeToEmpty,
        Self::NodesAlive,
        Self::Stage,
        Self::Cpu,
        Self::Temperature,
        Self::Running,
        Self::Alive,
    ];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Voltage => "voltage",
            Self::Current => "current",
            Self::SocLow => "soc_low",
            Self::Soc => "soc",
            Self::SocHigh => "soc_high",
            Self::TimeToEmpty => "time_to_empty",
            Self::NodesAlive => "nodes_alive",
            Self::Stage => "stage",
            Self::Cpu => "cpu",
            Self::Temperature => "temperature",
            Self::Running => "running",
            Self::Alive => "alive",
        }
    }

    /// In what its numbers are; empty for a count.
    pub const fn unit(self) -> &'static str {
        match self {
            Self::Voltage => "V",
            Self::Current => "A",
            Self::SocLow | Self::Soc | Self::SocHigh | Self::Cpu => "%",
            Self::TimeToEmpty => "s",
            Self::Temperature => "C",
            Self::NodesAlive | Self::Stage | Self::Running | Self::Alive => "",
        }
    }
}

/// What is measured.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// A supply.
    Supply(SupplyName),
    /// A node.
    Node(NodeName),
}

/// One quantity of one subject. As text: `supply/garage/soc`, `node/pi7/cpu`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Series {
    /// What is measured.
    pub subject: Subject,
    /// What of it.
    pub quantity: Quantity,
}

impl fmt::Display for Series {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let quantity = self.quantity.name();
        match &self.subject {
            Subject::Supply(name) => write!(f, "supply/{name}/{quantity}"),
            Subject::Node(name) => write!(f, "node/{name}/{quantity}"),
        }
    }
}

/// A text that names no series.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no series: one is like \"supply/garage/soc\" or \"node/pi7/cpu\"")]
pub struct NoSeries {
    text: String,
}

impl FromStr for Series {
    type Err = NoSeries;
    fn from_str(text: &str) -> Result<Self, NoSeries> {
        let parse = || {
            let (kind, rest) = text.split_once('/')?;
            let (name, quantity) = rest.rsplit_once('/')?;
            let subject = match kind {
                "supply" => Subject::Supply(name.parse().ok()?),
                "node" => Subject::Node(name.parse().ok()?),
                _ => return None,
            };
            let quantity = Quantity::ALL.into_iter().find(|known| known.name() == quantity)?;
            Some(Self { subject, quantity })
        };
        parse().ok_or_else(|| NoSeries { text: text.to_owned() })
    }
}

impl Serialize for Series {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Series {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// A number of a series, in its quantity's unit.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// Of what.
    pub series: Series,
    /// The number; always one.
    pub value: f64,
}

/// Everything that a view says in numbers. What is not known is left out: a gap, never a zero.
pub fn samples(view: &FleetView) -> Vec<Sample> {
    let mut samples = Vec::new();
    for supply in &view.supplies {
        let subject = Subject::Supply(supply.name.clone());
        let mine = view.nodes.iter().filter(|node| node.supply == supply.name);
        let alive = mine.filter(|node| node.liveness == Liveness::Alive).count();
        collect(
            &mut samples,
            &subject,
            of_supply(supply).chain([(Quantity::NodesAlive, Some(alive as f64))]),
        );
    }
    for node in &view.nodes {
        collect(&mut samples, &Subject::Node(node.name.clone()), of_node(node));
    }
    samples
}

fn collect(
    samples: &mut Vec<Sample>,
    subject: &Subject,
    values: impl Iterator<Item = (Quantity, Option<f64>)>,
) {
    samples.extend(values.filter_map(|(quantity, value)| {
        let value = value.filter(|value| value.is_finite())?;
        Some(Sample { series: Series { subject: subject.clone(), quantity }, value })
    }));
}

/// An estimate that is too old or doubted is no reading any more.
fn of_supply(supply: &SupplyView) -> impl Iterator<Item = (Quantity, Option<f64>)> + use<> {
    let energy = supply.energy.filter(|_| supply.known);
    let soc = energy.and_then(|energy| energy.soc);
    [
        (Quantity::Voltage, energy.and_then(|energy| energy.voltage).map(Voltage::volts)),
        (Quantity::Current, energy.and_then(|energy| energy.current).map(Current::amps)),
        (Quantity::SocLow, soc.map(|soc| soc.low.percent())),
        (Quantity::Soc, soc.map(|soc| soc.best.percent())),
        (Quantity::SocHigh, soc.map(|soc| soc.high.percent())),
        (
            Quantity::TimeToEmpty,
            energy.and_then(|energy| energy.time_to_empty).map(|time| f64::from(time.best.0)),
        ),
    ]
    .into_iter()
}

/// What a node last said counts while it is there.
fn of_node(node: &NodeView) -> impl Iterator<Item = (Quantity, Option<f64>)> + use<> {
    let alive = node.liveness == Liveness::Alive;
    let host = node.host.filter(|_| alive);
    let running = node
        .containers
        .iter()
        .filter(|container| matches!(container.state, ContainerState::Running | ContainerState::Capped(_)));
    let running = running.count();
    [
        (Quantity::Stage, node.stage.filter(|_| alive).map(|stage| f64::from(stage as u8))),
        (Quantity::Cpu, host.and_then(|host| host.cpu_permille).map(|cpu| f64::from(cpu) / 10.0)),
        (Quantity::Temperature, host.and_then(|host| host.temperature).map(Temperature::celsius)),
        (Quantity::Running, (alive && node.docker_up == Some(true)).then_some(running as f64)),
        (Quantity::Alive, Some(f64::from(u8::from(alive)))),
    ]
    .into_iter()
}

/// How many containers of a class a node runs, of how many.
pub fn class_counts(node: &NodeView, class: Class) -> (usize, usize) {
    let of = node.containers.iter().filter(|container| container.class == Some(class));
    let runs = of
        .clone()
        .filter(|container| matches!(container.state, ContainerState::Running | ContainerState::Capped(_)));
    (runs.count(), of.count())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_series_survives_its_own_text_and_nonsense_does_not() {
        for text in ["supply/garage/soc", "node/pi7/cpu", "node/pi7/temperature"] {
            assert_eq!(text.parse::<Series>().unwrap().to_string(), text);
        }
        for text in ["", "supply", "supply/garage", "supply/garage/socks", "tower/garage/soc", "node//cpu"] {
            assert!(text.parse::<Series>().is_err(), "{text}");
        }
    }
}
