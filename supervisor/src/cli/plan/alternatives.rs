//! `--alternatives FILE.toml`: what else could be bought, one table each.
//!
//! ```toml
//! [[alternative]]
//! name = "two panels"     # for the table (default: what it is made of)
//! panel = "200 W"         # what is left out is as in the site asked about
//! battery = "100 Ah"
//! chemistry = "lifepo4"
//! nodes = 8
//! board = "pi3b"
//! network = "3 W"
//! relays = true
//! tilt = 20.0
//! ```

use std::path::Path;

use anyhow::{Context, anyhow, ensure};
use hardware::battery::Chemistry;
use serde::Deserialize;

use super::input;
use crate::twin::Site;
use crate::twin::sizing::{Alternative, Choices};

/// More rows than this are no table to choose from.
const ALTERNATIVES_MAX: usize = 60;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    alternative: Vec<Table>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    name: Option<String>,
    nodes: Option<u32>,
    battery: Option<String>,
    chemistry: Option<Chemistry>,
    panel: Option<String>,
    tilt: Option<f64>,
    board: Option<String>,
    network: Option<String>,
    relays: Option<bool>,
}

/// Reads the alternatives to a site.
pub(super) fn read(file: &Path, site: &Site) -> anyhow::Result<Vec<Alternative>> {
    let name = file.display();
    let text = std::fs::read_to_string(file).with_context(|| format!("{name}: cannot be read"))?;
    let tables: File =
        toml::from_str(&text).map_err(|error| anyhow!("{name}: {}", error.to_string().trim_end()))?;
    let count = tables.alternative.len();
    ensure!(
        (1..=ALTERNATIVES_MAX).contains(&count),
        "{name}: {count} alternatives: 1 to {ALTERNATIVES_MAX} can be compared"
    );
    let alternative = |(number, table): (usize, &Table)| {
        table.alternative(site).with_context(|| format!("{name}: alternative {}", number + 1))
    };
    tables.alternative.iter().enumerate().map(alternative).collect()
}

impl Table {
    fn alternative(&self, site: &Site) -> anyhow::Result<Alternative> {
        let choices = Choices {
            nodes: self.nodes.map(input::nodes).transpose()?,
            battery: parsed("battery", self.battery.as_deref(), input::capacity)?,
            chemistry: self.chemistry,
            panel: parsed("panel", self.panel.as_deref(), input::panel)?,
            tilt_degrees: self.tilt,
            board: parsed("board", self.board.as_deref(), input::board)?,
            network: parsed("network", self.network.as_deref(), input::switch)?,
            relays: self.relays,
        };
        ensure!(
            self.tilt.is_none_or(|tilt| (0.0..=90.0).contains(&tilt)),
            "tilt = {}: 0 to 90 degrees are possible",
            self.tilt.unwrap_or_default()
        );
        let site = choices.apply(site);
        let name = self.name.clone().unwrap_or_else(|| input::name_of(&site));
        Ok(Alternative { name, site })
    }
}

/// A value in its text form, named when it is none.
fn parsed<T>(
    key: &str,
    text: Option<&str>,
    read: impl Fn(&str) -> Result<T, String>,
) -> anyhow::Result<Option<T>> {
    text.map(|text| read(text).map_err(|error| anyhow!("{key} = {text:?}: {error}"))).transpose()
}
