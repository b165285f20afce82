//! The agents' config files of a site, written as a person would write them and read by the agent's own parser.

use std::fmt::Write as _;
use std::path::PathBuf;

use agent::config::{Config, ConfigError};
use hardware::sim::load::NodeLoad;
use protocol::Power;

use super::{Site, SiteNode};
use crate::twin::plan::{FieldPlan, Mishaps, NodePlan, Plan};

/// The greatest load that agents are told has this much room over the sum of the labels.
const LOAD_ROOM: f64 = 1.1;
/// The pins of a board that a master switches relays with.
pub(super) const RELAY_PINS: std::ops::RangeInclusive<u8> = 4..=27;

impl Site {
    /// The nodes with their configs, for a run with agents.
    ///
    /// # Errors
    ///
    /// If a config made here is refused by the agent: its policy does not fit this battery or this charger.
    pub fn plan(&self) -> Result<Plan, ConfigError> {
        let mut nodes = Vec::with_capacity(self.nodes.len());
        for node in &self.nodes {
            let file = PathBuf::from(format!("{}.toml", node.name));
            nodes.push(NodePlan {
                name: node.name.clone(),
                config: Config::parse(&self.config_text(node), &file)?,
                containers: node.work.clone(),
                board: node.board,
                converter: node.converter,
                relay: node.relay,
            });
        }
        let field = FieldPlan {
            settings: self.settings(0),
            first_days: Vec::new(),
            step: self.pace.step,
            longitude_degrees: Some(self.place.longitude_degrees),
        };
        let (mishaps, worth) = (Mishaps::Rates(self.faults), self.worth);
        Ok(Plan { nodes, field, mishaps, worth, told: false, past_days: 0 })
    }

    fn config_text(&self, node: &SiteNode) -> String {
        let SiteNode { name, shed_order, master, .. } = node;
        let (capacity, cutoff) = (self.battery.capacity.amp_hours(), self.charger.cutoff.volts());
        let load_max = (self.load_max() * LOAD_ROOM).watts();
        let chemistry = self.battery.chemistry;
        let sampling = self.pace.sampling.as_secs();
        // A reading that is told on at the pace of a long run may be seven samplings old before the next one comes.
        let (stale, climb) = ((8 * sampling).max(30), (20 * sampling).max(300));
        let mut text = format!(
            "[node]\nname = \"{name}\"\nsupply = \"battery\"\nshed_order = {shed_order}\nmaster = {master}\n\n\
             [battery]\nchemistry = \"{chemistry}\"\ncapacity = \"{capacity} Ah\"\ncutoff = \"{cutoff} V\"\n\
             load_max = \"{load_max:.0} W\"\n\n\
             [sampling]\ninterval = \"{sampling} s\"\nhost_interval = \"10 min\"\n\n\
             [policy]\nstale_hold = \"{stale} s\"\nstale_climb = \"{climb} s\"\n\n\
             [[supervisor]]\naddress = \"10.12.0.1:7464\"\nplaintext = true\n"
        );
        if node.sensor {
            // As wide as the load and the panel ask for: a 2 mOhm shunt ends at 41 A.
            let most = (load_max.max(self.panel.label.watts()) / 11.0 * 1.5).clamp(10.0, 40.0);
            // Writing to a String cannot fail.
            let _ = write!(
                text,
                "\n[[sensor]]\nkind = \"ina226\"\nbus = \"/dev/i2c-1\"\nshunt = \"2 mOhm\"\n\
                 current_max = \"{most:.0} A\"\n"
            );
        }
        if *master {
            // Each master has a relay for every node with one, but itself.
            let others = self.nodes.iter().filter(|other| other.relay && other.name != node.name);
            for (pin, other) in RELAY_PINS.zip(others) {
                let _ = write!(text, "\n[[switch]]\nnode = \"{}\"\ngpio = {pin}\n", other.name);
            }
        }
        text
    }

    /// What all nodes and the network switch draw at the most, at 12 V.
    pub fn load_max(&self) -> Power {
        let nodes = self.nodes.iter().map(|node| NodeLoad::new(node.board, node.converter).input_loaded());
        nodes.sum::<Power>() + self.network
    }
}
