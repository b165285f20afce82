//! What the supervisor goes by, with every default and where it comes from.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use protocol::{Charge, Current, Energy, NodeName, Soc, Stage, SupplyName, Voltage};
use serde::{Deserialize, Serialize};

use super::address::AddressKind;
use super::balancer::BalancerSettings;
use super::forecast::inference::HoldPoints;
use super::forecast::{Chance, Site};
use super::orchestrator::OrchestratorSettings;

/// All of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// The node that this supervisor runs on: it is saved for last, because the leader dies with it.
    pub host: Option<NodeName>,
    /// How it is decided who leads.
    pub address: AddressKind,
    /// The HAProxy of this host, if it is to be driven.
    pub balancer: Option<BalancerSettings>,
    /// The Swarm of this host, if it is to be driven.
    pub orchestrator: Option<OrchestratorSettings>,
    /// A node that is to drain is relieved of traffic and work first, within this.
    pub relief_max: Duration,
    /// The most links at one time; more are refused.
    pub links_max: usize,
    /// The most nodes; a hello of another one is refused. Bounds what strangers can make us remember.
    pub nodes_max: usize,
    /// A link that did not say hello after this long is refused.
    pub hello_timeout: Duration,
    /// A node is late after so many heartbeats without a word ...
    pub late_after: u32,
    /// ... and lost after so many.
    pub lost_after: u32,
    /// Orders lapse after this long without renewal; they are renewed at a third of it.
    pub order_valid: Duration,
    /// How the fleet is planned.
    pub plan: PlanSettings,
    /// The supplies that the config names; others appear as nodes name them, with the defaults.
    pub supplies: BTreeMap<SupplyName, SupplySettings>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            host: None,
            address: AddressKind::default(),
            balancer: None,
            orchestrator: None,
            relief_max: Duration::from_mins(1),
            links_max: 128,
            nodes_max: 256,
            hello_timeout: Duration::from_secs(10),
            late_after: 2,
            lost_after: 4,
            order_valid: Duration::from_mins(10),
            plan: PlanSettings::default(),
            supplies: BTreeMap::new(),
        }
    }
}

impl Settings {
    /// The settings of a supply, or the defaults of one that the config does not name.
    pub fn supply(&self, name: &SupplyName) -> SupplySettings {
        self.supplies.get(name).cloned().unwrap_or_default()
    }

    /// Renewed this often, an order survives two lost renewals.
    pub fn order_renew(&self) -> Duration {
        self.order_valid / 3
    }
}

/// How the fleet is planned.
#[derive(Debug, Clone, PartialEq)]
pub struct PlanSettings {
    /// The leader acts so many points of state of charge above the nodes' own floors.
    pub lead_points: f64,
    /// Each place in the shed order adds so many points, so that nodes take their turns ...
    pub stagger_points: f64,
    /// ... but all places together span no more than this: the stages' thresholds are 10 points apart.
    pub stagger_points_max: f64,
    /// The lead in time to empty.
    pub lead_time: Duration,
    /// What each place adds in time to empty.
    pub stagger_time: Duration,
    /// A threshold must be crossed for this long before a node is ordered to save more.
    pub shed_hold: Duration,
    /// Between two steps that save energy, on one supply.
    pub shed_dwell: Duration,
    /// The leaving conditions must hold for this long before a node is let off a rung.
    pub recover_hold: Duration,
    /// Between two recoveries or wakes on one supply: what came back must have settled.
    pub settle: Duration,
    /// Between two wakes on one supply: ten boards that boot at once pull the rail under 4.63 V.
    pub wake_interval: Duration,
    /// The waking conditions must hold for this long.
    pub wake_hold: Duration,
    /// A parked node stays off at least this long.
    pub off_min: Duration,
    /// A woken node that did not call after this long has failed to wake.
    pub wake_timeout: Duration,
    /// The charge current that must be left over for each node that is woken.
    pub wake_surplus: Current,
    /// An estimate older than this is no longer the present: nobody is ordered to spend more.
    pub fresh: Duration,
    /// Sensors of one supply that differ by more points than this disagree, and the difference is recorded.
    pub disagree_points: f64,
    /// Sensors of one supply that differ by more volts than this disagree.
    pub disagree_voltage: Voltage,
    /// A supply's state is relayed at least this often to its nodes without a sensor ...
    pub relay_interval: Duration,
    /// ... and on change, but not more often than this.
    pub relay_spacing: Duration,
    /// Where there is a forecast: the chance that is wanted to stay above the reserve until the sun is back.
    pub chance_wanted: Chance,
    /// What work is worth to the plan.
    pub worth: Worth,
}

/// What an hour of a container that gets all it wants is worth, by class. Only their proportions matter.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Worth {
    /// Of critical containers.
    pub critical: f64,
    /// Of standard ones.
    pub standard: f64,
    /// Of deferrable ones.
    pub deferrable: f64,
}

impl Default for Worth {
    fn default() -> Self {
        Self { critical: 10.0, standard: 3.0, deferrable: 1.0 }
    }
}

impl Default for PlanSettings {
    fn default() -> Self {
        Self {
            lead_points: 1.0,
            stagger_points: 0.5,
            stagger_points_max: 5.0,
            lead_time: Duration::from_mins(10),
            stagger_time: Duration::from_mins(2),
            shed_hold: Duration::from_secs(30),
            shed_dwell: Duration::from_secs(30),
            recover_hold: Duration::from_mins(5),
            settle: Duration::from_mins(2),
            wake_interval: Duration::from_secs(90),
            wake_hold: Duration::from_mins(10),
            off_min: Duration::from_mins(10),
            wake_timeout: Duration::from_mins(5),
            // A Pi 4 under load takes 5.4 W at 5 V: 0.5 A of a 12 V supply behind a poor converter.
            wake_surplus: Current::from_amps(0.5),
            fresh: Duration::from_secs(90),
            disagree_points: 15.0,
            disagree_voltage: Voltage::from_volts(0.3),
            relay_interval: Duration::from_secs(10),
            relay_spacing: Duration::from_secs(2),
            chance_wanted: Chance::from_fraction(0.9),
            worth: Worth::default(),
        }
    }
}

/// What a battery is made of, as far as it moves thresholds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Chemistry {
    /// Flooded lead-acid: a car or leisure battery.
    #[default]
    Flooded,
    /// Lead-acid in glass mat.
    Agm,
    /// Lead-acid as gel.
    Gel,
    /// Lithium iron phosphate, four cells in series.
    LiFePO4,
}

impl fmt::Display for Chemistry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Flooded => "flooded",
            Self::Agm => "agm",
            Self::Gel => "gel",
            Self::LiFePO4 => "lifepo4",
        })
    }
}

impl Chemistry {
    /// The mean voltage at which it gives its charge: Renogy's and gridwright's tables at half charge, under load.
    const fn nominal(self) -> Voltage {
        match self {
            Self::Flooded => Voltage::from_volts(12.1),
            Self::Agm | Self::Gel => Voltage::from_volts(12.3),
            Self::LiFePO4 => Voltage::from_volts(13.0),
        }
    }

    /// What a battery of this chemistry and label holds.
    pub fn energy(self, label: Charge) -> Energy {
        label * self.nominal()
    }

    /// The part of the energy charged that can be drawn again: charge efficiency (0.95 to 0.97; 0.995 for LiFePO4), and
    /// charging at about 13.5 V what is given back at about 12.4 V (13.4 and 13.0 V).
    pub const fn efficiency(self) -> f64 {
        match self {
            Self::Flooded => 0.84,
            Self::Agm | Self::Gel => 0.88,
            Self::LiFePO4 => 0.96,
        }
    }

    /// How steeply it takes less charge as it fills: capacities an hour for each part that is missing. A lead-acid battery
    /// at 80 % takes about a fifth of its capacity an hour, at 95 % a twentieth.
    pub const fn acceptance(self) -> f64 {
        match self {
            Self::Flooded | Self::Agm | Self::Gel => 1.0,
            Self::LiFePO4 => 8.0,
        }
    }

    /// The usual charger's absorption and float voltage, as chargers come from the shop (Victron's and `EPEver`'s presets).
    pub const fn charging(self) -> (Voltage, Voltage) {
        let (absorption, float) = match self {
            Self::Flooded => (14.4, 13.8),
            Self::Agm => (14.4, 13.6),
            Self::Gel => (14.1, 13.7),
            Self::LiFePO4 => (14.2, 13.5),
        };
        (Voltage::from_volts(absorption), Voltage::from_volts(float))
    }
}

/// Where a supply's panel is and what its battery holds: what a forecast and a plan on energy need.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SiteSettings {
    /// The place and the panel.
    pub site: Site,
    /// The battery, by its label.
    pub capacity: Charge,
    /// Where the charger holds the panel back: absorption.
    pub absorption: Voltage,
    /// ... and float.
    pub float: Voltage,
}

/// A charge current below this part of the capacity an hour, at the float voltage, is a full battery's.
const TAIL: f64 = 0.02;

impl SiteSettings {
    /// A site with the chemistry's usual charger.
    pub const fn usual(site: Site, chemistry: Chemistry, capacity: Charge) -> Self {
        let (absorption, float) = chemistry.charging();
        Self { site, capacity, absorption, float }
    }

    /// Where the charger holds the panel back.
    pub fn hold_points(&self) -> HoldPoints {
        let tail = self.capacity / Duration::from_hours(1) * TAIL;
        HoldPoints { absorption: self.absorption, float: self.float, tail }
    }
}

/// What is known of a supply beforehand.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SupplySettings {
    /// Its chemistry. Lead-acid when nothing is said: its thresholds are the higher ones.
    pub chemistry: Chemistry,
    /// Nodes that are expected there, shown as never seen until they call.
    pub nodes: BTreeSet<NodeName>,
    /// Its place under the sun, if the leader is to plan on energy; without it, it plans by thresholds.
    pub site: Option<SiteSettings>,
}

impl SupplySettings {
    /// The floors that nodes of this supply have by default; the leader acts a little above them.
    pub fn thresholds(&self) -> Thresholds {
        Thresholds::for_chemistry(self.chemistry)
    }
}

/// With a plan, drained and parked nodes come back so many points above where `Halt` is entered.
const COMES_BACK: f64 = 6.0;

/// The nodes' default floors by state of charge (lower bound), as the agents' own policy has them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Thresholds {
    enter: [Soc; 4],
    leave: [Soc; 4],
    /// `Drain` is entered below this time to empty (lower bound).
    pub drain_time_to_empty: Duration,
    /// A parked node is woken only above this state of charge (lower bound), before leads.
    pub wake_soc: Soc,
    /// ... and above this terminal voltage.
    pub wake_voltage: Voltage,
}

impl Thresholds {
    /// Defaults: starter and deep-cycle lead-acid keep half their charge; LiFePO4 gives more of it.
    pub const fn for_chemistry(chemistry: Chemistry) -> Self {
        match chemistry {
            Chemistry::Flooded | Chemistry::Agm | Chemistry::Gel => Self {
                enter: percents([70.0, 55.0, 45.0, 35.0]),
                leave: percents([75.0, 62.0, 55.0, 50.0]),
                drain_time_to_empty: Duration::from_mins(90),
                wake_soc: Soc::from_percent(50.0),
                wake_voltage: Voltage::from_volts(12.6),
            },
            Chemistry::LiFePO4 => Self {
                enter: percents([50.0, 35.0, 25.0, 15.0]),
                leave: percents([55.0, 42.0, 33.0, 25.0]),
                drain_time_to_empty: Duration::from_mins(90),
                wake_soc: Soc::from_percent(25.0),
                wake_voltage: Voltage::from_volts(13.2),
            },
        }
    }

    /// With a plan that rests on a forecast: what comes before `Halt` waits until close above it, as the agents' own thresholds
    /// do while such an order is in force, and what the plan drained or parked comes back on a level close above it.
    #[must_use]
    pub const fn with_plan(self) -> Self {
        let halt = self.enter[3];
        let back = halt.plus_points(COMES_BACK);
        Self {
            enter: [halt.plus_points(7.0), halt.plus_points(5.0), halt.plus_points(3.0), halt],
            leave: [halt.plus_points(9.0), halt.plus_points(7.0), back, back],
            wake_soc: back,
            ..self
        }
    }

    /// Below which state of charge a stage is entered; `None` for `Normal`.
    pub fn enter(&self, stage: Stage) -> Option<Soc> {
        rung(stage).and_then(|rung| self.enter.get(rung).copied())
    }

    /// Above which state of charge a stage is left; `None` for `Normal`.
    pub fn leave(&self, stage: Stage) -> Option<Soc> {
        rung(stage).and_then(|rung| self.leave.get(rung).copied())
    }
}

/// Four percentages as states of charge.
const fn percents(values: [f64; 4]) -> [Soc; 4] {
    [
        Soc::from_percent(values[0]),
        Soc::from_percent(values[1]),
        Soc::from_percent(values[2]),
        Soc::from_percent(values[3]),
    ]
}

/// A stage's place in the tables, `Throttle` first.
const fn rung(stage: Stage) -> Option<usize> {
    match stage {
        Stage::Normal => None,
        Stage::Throttle => Some(0),
        Stage::Shed => Some(1),
        Stage::Drain => Some(2),
        Stage::Halt => Some(3),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stage_is_left_above_where_it_is_entered() {
        for chemistry in [Chemistry::Flooded, Chemistry::Agm, Chemistry::Gel, Chemistry::LiFePO4] {
            let thresholds = Thresholds::for_chemistry(chemistry);
            for stage in &Stage::ALL[1..] {
                assert!(thresholds.leave(*stage) > thresholds.enter(*stage), "{chemistry} {stage}");
            }
            assert!(Some(thresholds.wake_soc) > thresholds.enter(Stage::Halt), "{chemistry}");
            let planned = thresholds.with_plan();
            for stage in &Stage::ALL[1..] {
                assert!(planned.leave(*stage) > planned.enter(*stage), "{chemistry} {stage} with a plan");
                assert!(
                    planned.enter(*stage) <= thresholds.enter(*stage),
                    "{chemistry} {stage}: a plan stretches"
                );
            }
        }
    }

    #[test]
    fn the_staggered_places_of_one_stage_end_below_the_next_stage() {
        let plan = PlanSettings::default();
        for chemistry in [Chemistry::Flooded, Chemistry::LiFePO4] {
            let thresholds = Thresholds::for_chemistry(chemistry);
            for pair in Stage::ALL[1..].windows(2) {
                let (upper, lower) = (thresholds.enter(pair[0]).unwrap(), thresholds.enter(pair[1]).unwrap());
                assert!(upper.points_above(lower) > plan.lead_points + plan.stagger_points_max);
            }
        }
    }
}
