//! What a node says of itself. A full report stands alone; a delta is against the last acknowledged report.

use heapless::Vec;
use serde::{Deserialize, Serialize};

use crate::fault::Fault;
use crate::id::{ContainerName, ContainerSlot, OrderId};
use crate::reason::Reason;
use crate::stage::{Class, Stage};
use crate::time::Seconds;
use crate::units::{Cpus, Current, Frequency, Power, Soc, Temperature, Voltage};

/// The most containers that one report lists; a node with more reports its most important ones and the count.
pub const CONTAINERS_MAX: usize = 32;

/// A state of charge with its 80 % band: one time in ten it is below `low`, one time in ten above `high`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SocBand {
    /// 10th percentile.
    pub low: Soc,
    /// Best estimate.
    pub best: Soc,
    /// 90th percentile.
    pub high: Soc,
}

/// A time to (usable) empty with its 80 % band.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimeBand {
    /// 10th percentile: it lasts at least this long, nine times in ten.
    pub low: Seconds,
    /// Best estimate.
    pub best: Seconds,
    /// 90th percentile.
    pub high: Seconds,
}

impl TimeBand {
    /// How long the same charge carries another load: "if we shed now". `told_for` is the load that this band was told
    /// for. A rough rule, in inverse proportion: a smaller load lasts a little longer than this, since less is lost in
    /// the battery, and a greater one is taken to lose the part [`Self::HARDER`] for every multiple of `told_for` that it
    /// is above it. `None` where either load is none.
    pub fn at_load(self, told_for: Power, load: Power) -> Option<Self> {
        let ratio = told_for.watts() / load.watts();
        if !(told_for.watts() > 0.0 && load.watts() > 0.0 && ratio.is_finite()) {
            return None;
        }
        let factor = ratio / (1.0 + Self::HARDER * (1.0 / ratio - 1.0).max(0.0));
        let scaled = |time: Seconds| Seconds((f64::from(time.0) * factor).min(f64::from(u32::MAX)) as u32);
        Some(Self { low: scaled(self.low), best: scaled(self.best), high: scaled(self.high) })
    }

    /// What a doubled load loses, as a part of the charge: Peukert's exponent of flooded lead-acid, 1.2, which is the
    /// worst of the chemistries.
    const HARDER: f64 = 0.15;
}

/// What the state of charge rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// Nothing: there is no honest value.
    #[default]
    Unknown,
    /// Coulombs counted and corrected by voltage.
    Counted,
    /// Voltage alone: no current is measured. Coarser, and its band says so.
    VoltageOnly,
    /// The last known value, aged at its worst rate since the readings stopped.
    Aged,
}

/// What is known of the supply's energy. `None` where there is no honest value.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Energy {
    /// At the terminals, as read.
    pub voltage: Option<Voltage>,
    /// Out of the battery; negative while it charges.
    pub current: Option<Current>,
    /// What the terminals would show at rest: the voltage plus current times resistance, 5 min mean.
    pub compensated: Option<Voltage>,
    /// State of charge.
    pub soc: Option<SocBand>,
    /// Time to usable empty at the present load, which fades into that of the last day the longer it lasts; `None` also while the
    /// battery charges.
    pub time_to_empty: Option<TimeBand>,
    /// What the state of charge rests on.
    pub basis: Basis,
    /// Why there is no fresh reading, if there is none.
    pub fault: Option<Fault>,
}

/// What is known of the board.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Host {
    /// Processor use over the last interval, per mille of all CPUs.
    pub cpu_permille: Option<u16>,
    /// Processor temperature.
    pub temperature: Option<Temperature>,
    /// The cap on the processor's clock, while there is one.
    pub frequency_cap: Option<Frequency>,
    /// The firmware's under-voltage flag of the 5 V rail.
    pub rail_low: Option<bool>,
}

/// What a container is doing, as Docker says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ContainerState {
    /// Running without a limit of ours.
    Running,
    /// Running under a CPU cap of ours.
    Capped(Cpus),
    /// Paused by us.
    Paused,
    /// Stopped by us; comes back with the energy.
    Stopped,
    /// Not running, and not by us.
    Down,
}

/// One container in a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContainerReport {
    /// Which one; its name and class went ahead in a [`ContainerEntry`].
    pub slot: ContainerSlot,
    /// What it does.
    pub state: ContainerState,
}

/// Introduces a container before it appears in reports: sent once on each link, and again when it changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContainerEntry {
    /// Its place in the reports.
    pub slot: ContainerSlot,
    /// Its name.
    pub name: ContainerName,
    /// How much it matters.
    pub class: Class,
}

/// The whole state of a node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// How long the agent has been running.
    pub uptime: Seconds,
    /// What the node does.
    pub stage: Stage,
    /// The lowest stage that its own readings allow.
    pub floor: Stage,
    /// Why it is in its stage.
    pub reason: Reason,
    /// Its supply.
    pub energy: Energy,
    /// Its board.
    pub host: Host,
    /// The newest order that it accepted.
    pub order: Option<OrderId>,
    /// How many containers the agent manages, also beyond [`CONTAINERS_MAX`].
    pub containers_total: u16,
    /// Its containers, by slot.
    pub containers: Vec<ContainerReport, CONTAINERS_MAX>,
    /// Whether Docker answers.
    pub docker_up: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    const BAND: TimeBand = TimeBand { low: Seconds(3600), best: Seconds(7200), high: Seconds(9000) };

    #[test]
    fn half_the_load_lasts_twice_as_long_and_a_greater_one_less_than_in_proportion() {
        let watts = Power::from_watts;
        let half = BAND.at_load(watts(28.0), watts(14.0)).unwrap();
        assert_eq!((half.low, half.best, half.high), (Seconds(7200), Seconds(14_400), Seconds(18_000)));
        let double = BAND.at_load(watts(14.0), watts(28.0)).unwrap();
        assert!(double.best < Seconds(3600) && double.best > Seconds(3000), "{double:?}");
        assert_eq!(BAND.at_load(watts(14.0), watts(14.0)), Some(BAND));
    }

    #[test]
    fn no_load_or_an_absurd_one_has_no_time() {
        for (told_for, load) in [(0.0, 5.0), (5.0, 0.0), (5.0, -1.0), (f64::NAN, 5.0), (5.0, f64::NAN)] {
            assert_eq!(BAND.at_load(Power::from_watts(told_for), Power::from_watts(load)), None);
        }
    }
}
