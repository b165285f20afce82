//! The site that `demo` plays: ten Raspberry Pis, a car battery, a panel, and what the nodes have to do.
//!
//! Every node has a config file as a person would write it; it is read by the agent's own parser.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use agent::config::Config;
use hardware::battery::Chemistry;
use hardware::boards::Board;
use hardware::sim::battery::Condition;
use hardware::sim::charger;
use hardware::sim::converter::Converter;
use hardware::sim::panel::Panel;
use hardware::sim::site::Settings;
use hardware::sim::sun::SolarTime;
use hardware::sim::weather::{Climate, DayKind};
use protocol::{Charge, Class, NodeName, Power, Soc};

use super::docker::{Demand, Recipe};
use super::site::{Faults, Worth};
use super::{STRETCHED, TwinError};

/// How many nodes the demo has.
pub const NODES: usize = 10;
/// How many of them are masters: they measure the battery, switch the others' power, and are shed last.
pub const MASTERS: usize = 2;
/// The node that the supervisor runs on.
pub(super) const LEADER: usize = 0;

/// The board in every case of the demo.
const BOARD: &str = "Raspberry Pi 3 Model B";
/// The demo's battery.
const CAPACITY: Charge = Charge::from_amp_hours(70.0);
/// The demo's panel.
const PANEL: Panel =
    Panel { label: Power::from_watts(190.0), tilt_degrees: 35.0, azimuth_degrees: 0.0, soiling: 0.03 };
/// Its 16-port switch, at 12 V.
const NETWORK: Power = Power::from_watts(7.0);
/// Where the demo is: degrees north and east, and the day of the year of its first day.
const PLACE: (f64, f64, u32) = (44.0, 9.0, 96);
/// For so many days before the story the demo's supervisor has known its site: enough to know the panel and the loads, few
/// enough to be played in a moment.
const PAST_DAYS: u32 = 7;
/// When it begins.
const STARTS: Duration = Duration::from_hours(15);
/// Between two steps of its physics.
const STEP: Duration = Duration::from_secs(2);
/// In the days that nobody looks at.
const PAST_STEP: Duration = Duration::from_secs(10);
/// The sky of its first days; what comes after is left to chance.
const FIRST_DAYS: [DayKind; 2] = [DayKind::Fair, DayKind::Mixed];

/// What a simulated site is made of.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The nodes.
    pub nodes: Vec<NodePlan>,
    /// Battery, panel, sky.
    pub field: FieldPlan,
    /// What goes wrong.
    pub mishaps: Mishaps,
    /// What an hour of a container that gets all it wants is worth.
    pub worth: Worth,
    /// Whether somebody looks: the strip of the day and the decisions in words are kept.
    pub told: bool,
    /// For how many days before the first the supervisor has known the site: they are played too, and nobody looks. What it
    /// learned in them it knows at the first moment, as after a restart. Nothing where it begins with the site.
    pub past_days: u32,
}

/// The physical site.
#[derive(Debug, Clone)]
pub struct FieldPlan {
    /// Its physics; the seed in it is passed over for the run's own.
    pub settings: Settings,
    /// The kinds of the first days; what comes after is left to chance.
    pub first_days: Vec<DayKind>,
    /// Between two steps, at most ten seconds.
    pub step: Duration,
    /// East positive, where the leader's config names the site so that it plans with the sun; `None` where it does not.
    pub longitude_degrees: Option<f64>,
}

/// What goes wrong at a site.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Mishaps {
    /// Nothing.
    Never,
    /// A cable of each node every day or two, and one in some hundred changes of an engine: so that a demo has some.
    Often,
    /// At these rates.
    Rates(Faults),
}

/// One node.
#[derive(Debug, Clone)]
pub struct NodePlan {
    /// Its name.
    pub name: NodeName,
    /// Its config, as its agent reads it.
    pub config: Config,
    /// What runs on it.
    pub containers: Vec<Recipe>,
    /// Its board.
    pub board: &'static Board,
    /// What turns 12 V into its 5 V.
    pub converter: Converter,
    /// Whether a relay can break its power; without one a comparator on the board wakes it when the battery is full.
    pub relay: bool,
}

impl Plan {
    /// Where nobody looks: how many times as rarely heartbeats come at the most, and how often a supply's state is relayed.
    pub(super) fn sparse(&self) -> Option<(u32, Duration)> {
        let interval = self.nodes.first().map(|node| node.config.sampling.interval)?;
        (!self.told).then_some((STRETCHED.1, interval * 2))
    }

    /// The demo's site.
    ///
    /// # Errors
    ///
    /// If a config made here is none, or the table of boards lacks the demo's: a mistake that the tests would show.
    pub fn demo() -> Result<Self, TwinError> {
        let board = Board::from_model(BOARD).ok_or(TwinError::Board)?;
        let mut nodes = Vec::with_capacity(NODES);
        for index in 0..NODES {
            let file = PathBuf::from(format!("{}.toml", node_name(index)));
            let config = Config::parse(&config_text(index), &file)?;
            if let Some(name) = config.node.name.clone() {
                let (containers, converter) = (containers(index), Converter::SYNCHRONOUS);
                nodes.push(NodePlan { name, config, containers, board, converter, relay: true });
            }
        }
        let worth = Worth { critical: 10.0, standard: 3.0, deferrable: 1.0 };
        Ok(Self {
            nodes,
            field: demo_field(),
            mishaps: Mishaps::Often,
            worth,
            told: true,
            past_days: PAST_DAYS,
        })
    }

    /// The same site, so many days before, where nobody looks and nothing goes wrong; its sky is left to chance.
    pub(super) fn past(&self) -> Option<Self> {
        let start = self.field.settings.start;
        let day = start.day.checked_sub(self.past_days).filter(|day| *day > 0 && self.past_days > 0)?;
        let mut past = Self { mishaps: Mishaps::Never, told: false, past_days: 0, ..self.clone() };
        past.field.settings.start.day = day;
        (past.field.first_days, past.field.step) = (Vec::new(), PAST_STEP);
        Some(past)
    }
}

fn demo_field() -> FieldPlan {
    let (latitude_degrees, longitude_degrees, day) = PLACE;
    let settings = Settings {
        chemistry: Chemistry::Agm,
        label: CAPACITY,
        condition: Condition::NEW,
        soc: Soc::from_percent(64.0),
        panel: PANEL,
        charger: charger::Settings::usual(Chemistry::Agm, CAPACITY),
        latitude_degrees,
        climate: Climate::SUNNY,
        record: None,
        ages: false,
        start: SolarTime { day, since_midnight: STARTS },
        network: NETWORK,
        seed: 0,
    };
    FieldPlan {
        settings,
        first_days: FIRST_DAYS.to_vec(),
        step: STEP,
        longitude_degrees: Some(longitude_degrees),
    }
}

/// `node-1` to `node-10`; the first two are the masters.
fn node_name(index: usize) -> String {
    format!("node-{}", index + 1)
}

/// A node's config file.
fn config_text(index: usize) -> String {
    let name = node_name(index);
    let master = index < MASTERS;
    let mut text = format!(
        r#"[node]
name = "{name}"
supply = "battery"
shed_order = {index}
master = {master}

[battery]
chemistry = "agm"
capacity = "70 Ah"
load_max = "50 W"

[sampling]
interval = "5 s"
host_interval = "1 min"

[[supervisor]]
address = "10.12.0.1:7464"
plaintext = true
"#
    );
    if master {
        text.push_str(
            r#"
[[sensor]]
kind = "ina226"
bus = "/dev/i2c-1"
shunt = "2 mOhm"
current_max = "20 A"
"#,
        );
        // Each master has a relay for every node but itself.
        for (gpio, other) in (0..NODES).filter(|other| *other != index).enumerate() {
            // Writing to a String cannot fail.
            let _ = write!(text, "\n[[switch]]\nnode = \"{}\"\ngpio = {}\n", node_name(other), gpio + 4);
        }
    }
    text
}

/// A container without a limit of its own.
fn container(name: &str, class: Class, demand: Demand, stops_in_s: u64) -> Recipe {
    Recipe { name: name.to_owned(), class, demand, stops_in: Duration::from_secs(stops_in_s), nano_cpus: 0 }
}

/// What runs on a node: the masters carry the way in, the others three kinds of work.
fn containers(index: usize) -> Vec<Recipe> {
    use Class::{Critical, Deferrable, Standard};
    use Demand::{Batch, Daily, Steady};
    if index < MASTERS {
        return vec![
            container("balancer", Critical, Daily { base: 0.08, peak: 0.5 }, 2),
            container("registry", Standard, Daily { base: 0.05, peak: 0.4 }, 3),
            container("metrics", Standard, Steady(0.2), 2),
            container("reports", Deferrable, Batch { busy: 0.8 }, 1),
        ];
    }
    match index % 3 {
        0 => vec![
            container("shop", Critical, Daily { base: 0.15, peak: 0.9 }, 3),
            // Somebody limited this one long ago: what is put back must be this limit, not none.
            Recipe {
                nano_cpus: 1_500_000_000,
                ..container("search", Standard, Daily { base: 0.2, peak: 1.2 }, 4)
            },
            container("mail", Standard, Steady(0.15), 3),
            container("thumbnails", Deferrable, Batch { busy: 1.6 }, 1),
            container("backup", Deferrable, Batch { busy: 0.9 }, 5),
        ],
        1 => vec![
            container("database", Critical, Daily { base: 0.2, peak: 0.8 }, 8),
            container("wiki", Standard, Daily { base: 0.1, peak: 0.7 }, 2),
            container("chat", Standard, Daily { base: 0.1, peak: 0.5 }, 2),
            container("training", Deferrable, Batch { busy: 2.4 }, 2),
        ],
        _ => vec![
            container("queue", Critical, Steady(0.2), 2),
            container("map", Standard, Daily { base: 0.1, peak: 0.9 }, 2),
            container("cameras", Standard, Steady(0.6), 3),
            container("video", Deferrable, Batch { busy: 2.0 }, 2),
            container("index", Deferrable, Batch { busy: 0.7 }, 2),
        ],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_demos_configs_are_configs() {
        let plan = Plan::demo().unwrap();
        assert_eq!(plan.nodes.len(), NODES);
        for (index, node) in plan.nodes.iter().enumerate() {
            let master = index < MASTERS;
            assert_eq!(node.config.node.master, master);
            assert_eq!(node.config.sensors.len(), usize::from(master), "only masters measure");
            assert_eq!(node.config.switches.len(), if master { NODES - 1 } else { 0 });
            assert!(node.containers.iter().any(|c| c.class == Class::Critical));
        }
    }
}
