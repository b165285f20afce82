//! What is known of a supply: the estimate of the nodes that measure it, cross-checked, with its age.
//!
//! One sensor: its newest report is the supply's state. Several: the fresh ones are compared, and the worse one
//! rules, because believing the better of two is how batteries are killed. None fresh: the newest old one is kept
//! with its age, and nobody is ordered to spend more by it.

use std::time::Duration;

use protocol::report::{Basis, Energy};
use protocol::{NodeName, Soc, SupplyName, Uptime};

use super::fleet::Fleet;
use super::liveness::Liveness;
use super::settings::PlanSettings;
use super::view::Disagreement;

/// The state of one supply.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Estimate {
    /// Of the sensor that rules.
    pub(crate) energy: Energy,
    /// The node that measured it.
    pub(crate) source: NodeName,
    /// How old it is.
    pub(crate) age: Duration,
    /// Whether it is the present: fresh, without fault, with a state of charge that is not merely aged.
    pub(crate) known: bool,
    /// The sensors that differ most, beyond tolerance.
    pub(crate) disagreement: Option<Disagreement>,
}

impl Estimate {
    /// The state of charge to act by: the lower bound.
    pub(crate) fn soc_low(&self) -> Option<Soc> {
        self.energy.soc.map(|band| band.low)
    }

    /// Whether the panel gives more than the load takes. A supply without a current sensor cannot say.
    pub(crate) fn charging(&self) -> Option<bool> {
        self.energy.current.map(|current| current.amps() < 0.0)
    }
}

/// One node's word on its supply.
struct Witness<'a> {
    node: &'a NodeName,
    energy: &'a Energy,
    age: Duration,
    sound: bool,
}

/// What is known of a supply now; `None` when no node ever measured it.
pub(crate) fn estimate(
    fleet: &Fleet,
    supply: &SupplyName,
    settings: &PlanSettings,
    now: Uptime,
) -> Option<Estimate> {
    let witnesses: Vec<Witness<'_>> = fleet
        .nodes()
        .filter(|node| node.supply == *supply && node.has_sensor)
        .filter_map(|node| {
            let (report, at) = node.report.as_ref()?;
            let age = now.since(*at);
            let energy = &report.energy;
            let sound = age <= settings.fresh
                && matches!(node.liveness(), Liveness::Alive | Liveness::Late)
                && energy.fault.is_none()
                && energy.soc.is_some()
                && matches!(energy.basis, Basis::Counted | Basis::VoltageOnly);
            Some(Witness { node: &node.name, energy, age, sound })
        })
        .collect();
    let ruling = worst_sound(&witnesses).or_else(|| witnesses.iter().min_by_key(|witness| witness.age))?;
    Some(Estimate {
        energy: *ruling.energy,
        source: ruling.node.clone(),
        age: ruling.age,
        known: ruling.sound,
        disagreement: disagreement(&witnesses, settings),
    })
}

/// The sound witness with the lowest state of charge.
fn worst_sound<'a, 'b>(witnesses: &'b [Witness<'a>]) -> Option<&'b Witness<'a>> {
    let low = |witness: &Witness<'_>| witness.energy.soc.map_or(0.0, |band| band.low.fraction());
    witnesses.iter().filter(|witness| witness.sound).min_by(|a, b| low(a).total_cmp(&low(b)))
}

/// The worst and the best sound witness, if they differ beyond tolerance in charge or in voltage.
fn disagreement(witnesses: &[Witness<'_>], settings: &PlanSettings) -> Option<Disagreement> {
    let worst = worst_sound(witnesses)?;
    let worse_soc = worst.energy.soc?.low;
    witnesses
        .iter()
        .filter(|witness| witness.sound && witness.node != worst.node)
        .filter_map(|other| {
            let other_soc = other.energy.soc?.low;
            let points = other_soc.points_above(worse_soc);
            // The mean of minutes: two sensors are never read at the same moment of a changing load.
            let (worse_voltage, other_voltage) = (worst.energy.compensated, other.energy.compensated);
            let volts_apart = worse_voltage
                .zip(other_voltage)
                .is_some_and(|(a, b)| (a - b).abs() > settings.disagree_voltage);
            let disagreement = Disagreement {
                worse: worst.node.clone(),
                worse_soc,
                worse_voltage,
                other: other.node.clone(),
                other_soc,
                other_voltage,
            };
            (points > settings.disagree_points || volts_apart).then_some((points, disagreement))
        })
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, disagreement)| disagreement)
}
