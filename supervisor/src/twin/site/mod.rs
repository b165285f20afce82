//! The site file: a field site as a person describes it, proved before anything runs.
//!
//! One TOML file says where the site is, what feeds it, what hangs on it, what its work is worth and what goes wrong
//! there; `deploy/site.toml` is one with every key explained. [`Site`] is the proved form, and all that a simulation
//! needs: [`Site::settings`] is its physics, [`Site::plan`] its nodes with the configs of their agents, [`Site::sky`]
//! what its panel could give hour by hour.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use hardware::battery::Chemistry;
use hardware::boards::Board;
use hardware::sim::battery::Condition;
use hardware::sim::charger;
use hardware::sim::converter::Converter;
use hardware::sim::outdoors::Outdoors;
use hardware::sim::panel::Panel;
use hardware::sim::record::Record;
use hardware::sim::site::Settings;
use hardware::sim::sun::SolarTime;
use hardware::sim::weather::Climate;
use protocol::{Charge, Class, NodeName, Power, Soc};

use super::docker::Recipe;
use super::sky_seed;

mod configs;
mod error;
mod file;
mod load;
mod prove;

#[cfg(test)]
mod tests;

pub use error::SiteError;
pub use load::Reader;

/// The example that ships, and that a run without a file plays.
const EXAMPLE: &str = include_str!("../../../../deploy/site.toml");
/// Its name in errors.
const EXAMPLE_FILE: &str = "deploy/site.toml";

/// A field site, proved.
#[derive(Debug, Clone)]
pub struct Site {
    /// Where it is, and when it begins.
    pub place: Place,
    /// Its battery.
    pub battery: Battery,
    /// Its panel; the soiling is what no rain washes off.
    pub panel: Panel,
    /// Its charger.
    pub charger: charger::Settings,
    /// What the network switch draws at 12 V.
    pub network: Power,
    /// The sky over it.
    pub climate: Climate,
    /// A measured sky, played instead of the climate's.
    pub record: Option<Arc<Record>>,
    /// Its nodes; a node's place here is its number everywhere in a simulation.
    pub nodes: Vec<SiteNode>,
    /// What an hour of a container that gets all it wants is worth.
    pub worth: Worth,
    /// What goes wrong.
    pub faults: Faults,
    /// How finely it is simulated.
    pub pace: Pace,
}

/// Where a site is, and when it begins.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Place {
    /// Degrees, north positive, -66 to 66.
    pub latitude_degrees: f64,
    /// Degrees, east positive.
    pub longitude_degrees: f64,
    /// The first moment, in solar time.
    pub start: SolarTime,
}

/// A site's battery.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Battery {
    /// Its chemistry.
    pub chemistry: Chemistry,
    /// Its label.
    pub capacity: Charge,
    /// What is left of the label when the run begins.
    pub condition: Condition,
    /// How full it is then.
    pub soc: Soc,
    /// Whether it wears.
    pub ages: bool,
}

/// One node.
#[derive(Debug, Clone)]
pub struct SiteNode {
    /// Its name.
    pub name: NodeName,
    /// Its board.
    pub board: &'static Board,
    /// What turns 12 V into its 5 V.
    pub converter: Converter,
    /// Whether a supervisor may run there; masters switch the others' relays. The first one leads.
    pub master: bool,
    /// Whether it measures the battery.
    pub sensor: bool,
    /// Whether a relay breaks its power while it is off; otherwise it draws its board's halted power.
    pub relay: bool,
    /// Its place in the shed order: greater saves earlier.
    pub shed_order: u8,
    /// Its containers.
    pub work: Vec<Recipe>,
}

/// What an hour of a container that gets all it wants is worth, by class.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Worth {
    /// Of `critical` work.
    pub critical: f64,
    /// Of `standard` work.
    pub standard: f64,
    /// Of `deferrable` work.
    pub deferrable: f64,
}

impl Worth {
    /// Of a class.
    pub const fn of(&self, class: Class) -> f64 {
        match class {
            Class::Critical => self.critical,
            Class::Standard => self.standard,
            Class::Deferrable => self.deferrable,
        }
    }
}

/// How often things go wrong in a year: each sensor's, link's or node's own rate, with exponential gaps.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Faults {
    /// A sensor does not answer, for minutes to hours.
    pub sensor_silent: f64,
    /// A sensor repeats its last reading, for minutes to hours.
    pub sensor_stuck: f64,
    /// A sensor's gain steps by up to 2 %, and stays there.
    pub sensor_drift: f64,
    /// A node's network cable is out, for seconds to minutes.
    pub link_lost: f64,
    /// A node's plug is pulled, for minutes.
    pub power_lost: f64,
    /// A node's container engine does not answer, for minutes.
    pub docker_silent: f64,
    /// The part of the boots at which the clock is believed and wrong.
    pub clock_wrong: f64,
}

/// How finely a site is simulated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// Between two readings of a sensor.
    pub sampling: Duration,
    /// Between two steps of the physics. The same for every policy: the sky is drawn step by step.
    pub step: Duration,
}

impl Site {
    /// Reads and proves a site file, and the weather's CSV that it may name (beside it).
    ///
    /// # Errors
    ///
    /// The first thing in either file that cannot be.
    pub fn load(file: &Path) -> Result<Self, SiteError> {
        load::load(file)
    }

    /// The example that ships.
    ///
    /// # Errors
    ///
    /// If it is none: a mistake in that file, which the tests would show.
    pub fn example() -> Result<Self, SiteError> {
        Self::parse(EXAMPLE, Path::new(EXAMPLE_FILE), &mut load::no_files)
    }

    /// Proves a site file's text; `read` gives the text of the weather's CSV.
    ///
    /// # Errors
    ///
    /// The first thing in it that cannot be.
    pub fn parse(text: &str, file: &Path, read: Reader<'_>) -> Result<Self, SiteError> {
        prove::prove(text, file, read)
    }

    /// The site's physics, under the sky of a run with this seed.
    pub fn settings(&self, seed: u64) -> Settings {
        Settings {
            chemistry: self.battery.chemistry,
            label: self.battery.capacity,
            condition: self.battery.condition,
            soc: self.battery.soc,
            panel: self.panel,
            charger: self.charger,
            latitude_degrees: self.place.latitude_degrees,
            climate: self.climate,
            record: self.record.clone(),
            ages: self.battery.ages,
            start: self.place.start,
            network: self.network,
            seed: sky_seed(seed),
        }
    }

    /// What the panel could give in each stretch of `every`, as means, for so many days: what a run with this seed will
    /// meet, whatever its policy does. `every` should be a multiple of the physics' step.
    pub fn sky(&self, seed: u64, days: u32, every: Duration) -> Vec<Power> {
        let mut outdoors = Outdoors::new(&self.settings(seed));
        let steps = (every.as_millis() / self.pace.step.as_millis().max(1)).max(1) as u32;
        let stretches = Duration::from_hours(24).as_millis() / every.as_millis().max(1) * u128::from(days);
        let mut elapsed = Duration::ZERO;
        (0..stretches)
            .map(|_| {
                let mut sum = Power::ZERO;
                for _ in 0..steps {
                    elapsed += self.pace.step;
                    outdoors.step(self.pace.step, self.place.start.after(elapsed));
                    sum += outdoors.available();
                }
                sum / f64::from(steps)
            })
            .collect()
    }

    /// How many nodes there are of each class of work, and all that their containers want at noon: for a headline.
    pub fn containers(&self) -> BTreeMap<&'static str, usize> {
        let mut counts = BTreeMap::new();
        for recipe in self.nodes.iter().flat_map(|node| &node.work) {
            *counts.entry(recipe.class.name()).or_default() += 1;
        }
        counts
    }
}
