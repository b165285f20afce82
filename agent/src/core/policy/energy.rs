//! What the supply says to each rung: the conditions that enter it and those that leave it.

use std::time::Duration;

use hardware::battery::Chemistry;
use protocol::report::{Basis, Energy};
use protocol::{Current, Reason, Seconds, Soc, Stage, Temperature, Uptime, Voltage};

use super::{Hold, Inputs};
use crate::config::Policy;
use crate::config::policy::{Enter, Rung};

/// Where only the voltage is known, a rung without a leaving voltage of its own is left this far above the one that
/// enters it.
const LEAVE_MARGIN: Voltage = Voltage::from_volts(0.15);
/// Below this a lead-acid battery holds less than its label: thresholds rise by a point a kelvin (about 1 % of the
/// capacity a kelvin: Trojan, User's Guide).
const COLD: Temperature = Temperature::from_celsius(20.0);
/// The most that the cold adds, in points.
const COLD_POINTS_MAX: f64 = 20.0;

/// The stages that have conditions, in the order of [`Conditions::rungs`].
const RUNGS: [Stage; 4] = [Stage::Throttle, Stage::Shed, Stage::Drain, Stage::Halt];

/// A condition that holds, with its numbers, so that a reason can be made of it.
#[derive(Debug, Clone, Copy, Default)]
struct Watched<T> {
    hold: Hold,
    value: T,
    threshold: T,
}

impl<T: Copy + PartialOrd> Watched<T> {
    /// Notes a value against its threshold; a value or a threshold that is not there breaks the hold.
    fn note(&mut self, now: Uptime, value: Option<T>, threshold: Option<T>) {
        let below = match (value, threshold) {
            (Some(value), Some(threshold)) if value < threshold => {
                (self.value, self.threshold) = (value, threshold);
                true
            }
            _ => false,
        };
        self.hold.note(now, below);
    }
}

/// The three conditions that enter a stage.
#[derive(Debug, Clone, Copy, Default)]
struct Entering {
    soc: Watched<Soc>,
    voltage: Watched<Voltage>,
    time_to_empty: Watched<Seconds>,
}

impl Entering {
    fn holds(&self) -> bool {
        self.soc.hold.holds() || self.voltage.hold.holds() || self.time_to_empty.hold.holds()
    }

    /// The reason, once any condition held for the delay.
    fn reason(&self, now: Uptime, hold: Duration) -> Option<Reason> {
        let held = |watch: &Hold| watch.held(now, hold).map(Seconds::from);
        let Self { soc, voltage, time_to_empty: time } = self;
        if let Some(held) = held(&soc.hold) {
            return Some(Reason::SocBelow { soc: soc.value, threshold: soc.threshold, held });
        }
        if let Some(held) = held(&voltage.hold) {
            return Some(Reason::VoltageBelow {
                compensated: voltage.value,
                threshold: voltage.threshold,
                held,
            });
        }
        let held = held(&time.hold)?;
        Some(Reason::TimeToEmptyBelow { time_to_empty: time.value, threshold: time.threshold, held })
    }

    fn due(&self, hold: Duration) -> impl Iterator<Item = Uptime> {
        [self.soc.hold.due(hold), self.voltage.hold.due(hold), self.time_to_empty.hold.due(hold)]
            .into_iter()
            .flatten()
    }
}

/// The supply's conditions over time.
#[derive(Debug, Clone)]
pub(super) struct Conditions {
    lead_acid: bool,
    rungs: [Entering; RUNGS.len()],
    collapse: Watched<Voltage>,
    /// The last reading of the terminals.
    read: Uptime,
    /// The state of charge was counted when the last reading came: aged, it may still be leant on.
    trusted: bool,
}

impl Conditions {
    pub(super) fn new(chemistry: Chemistry) -> Self {
        Self {
            lead_acid: chemistry.is_lead_acid(),
            rungs: Default::default(),
            collapse: Watched::default(),
            read: Uptime::START,
            trusted: false,
        }
    }

    /// Notes what is known now.
    ///
    /// While readings are `stale`, voltages are those of the past and prove nothing, so their clocks stand; the state
    /// of charge and the time to empty are aged at their worst rate, and go on counting.
    pub(super) fn note(&mut self, now: Uptime, policy: &Policy, inputs: &Inputs<'_>, stale: bool) {
        let energy = inputs.energy;
        let discharging = stale || energy.current.is_none_or(|current| current > Current::ZERO);
        let points = self.cold_points(inputs.temperature);
        if !stale {
            self.trusted = energy.soc.is_some() && energy.basis == Basis::Counted;
        }
        let lower = self.soc(energy, stale);
        for (entering, stage) in self.rungs.iter_mut().zip(RUNGS) {
            let Some(Rung { enter, .. }) = policy.rung(stage) else { continue };
            let soc = lower.filter(|_| discharging || !enter.discharging);
            let threshold = policy.enter_soc(stage, inputs.by_plan).map(|soc| soc.plus_points(points));
            entering.soc.note(now, soc, threshold);
            let time = energy.time_to_empty.map(|band| band.low);
            entering.time_to_empty.note(now, time, enter.time_to_empty.map(Seconds::from));
            if !stale {
                entering.voltage.note(now, energy.compensated, enter.voltage);
            }
        }
        if inputs.fresh {
            self.read = now;
            self.collapse.note(now, energy.voltage, Some(policy.collapse));
        } else if stale {
            self.collapse.hold.reset();
        }
    }

    /// The deepest stage whose condition held for its delay.
    pub(super) fn demand(&self, now: Uptime, policy: &Policy, shed_order: u8) -> Option<(Stage, Reason)> {
        // From reading to reading: silence after a single low one proves nothing.
        if let Some(held) = self.collapse.hold.held(self.read, policy.collapse_hold) {
            let (voltage, threshold) = (self.collapse.value, self.collapse.threshold);
            return Some((Stage::Halt, Reason::VoltageCollapsed { voltage, threshold, held: held.into() }));
        }
        let hold = |enter: &Enter| policy.enter_hold(enter, shed_order);
        let stages = self.rungs.iter().zip(RUNGS).rev();
        let mut held = stages.filter_map(|(entering, stage)| {
            Some((stage, entering.reason(now, hold(&policy.rung(stage)?.enter))?))
        });
        held.next()
    }

    /// Whether everything says that `stage` may be left.
    pub(super) fn may_leave(&self, stage: Stage, policy: &Policy, inputs: &Inputs<'_>) -> bool {
        let Some(Rung { enter, leave }) = policy.rung(stage) else { return false };
        let deeper = self.rungs.iter().zip(RUNGS).filter(|(_, rung)| *rung >= stage);
        if self.collapse.hold.holds() || deeper.into_iter().any(|(entering, _)| entering.holds()) {
            return false;
        }
        let energy = inputs.energy;
        let points = self.cold_points(inputs.temperature);
        let soc = self.soc(energy, false);
        let above = |value: Option<Voltage>, level: Option<Voltage>| {
            level.is_none_or(|level| value.is_some_and(|value| value > level))
        };
        // A battery that is well filled proves by its level what charging would prove.
        let plenty = match (soc, policy.throttle.leave.soc) {
            (Some(soc), Some(level)) => soc > level.plus_points(points),
            _ => false,
        };
        let charging = energy.current.map_or_else(
            // Nothing measures a current: a voltage above any that a battery shows at rest comes from a charger.
            || energy.compensated.is_some_and(|voltage| voltage > self.full_rest()),
            |current| current < Current::ZERO,
        );
        let charged = match (soc, policy.leave_soc(stage, inputs.by_plan)) {
            (Some(soc), Some(level)) => soc > level.plus_points(points),
            (Some(_), None) => true,
            // The voltage alone must do, so it must be there.
            (None, _) => leave
                .voltage
                .or(enter.voltage.map(|voltage| voltage + LEAVE_MARGIN))
                .is_some_and(|level| energy.compensated.is_some_and(|voltage| voltage > level)),
        };
        charged
            && above(energy.compensated, leave.voltage)
            && (plenty || above(energy.voltage, leave.terminal))
            && (plenty || charging || !policy.leave_charging(stage, inputs.by_plan))
    }

    /// When the next condition will have held for its delay, among those deeper than `floor`.
    pub(super) fn next_wake(
        &self,
        now: Uptime,
        policy: &Policy,
        shed_order: u8,
        floor: Stage,
    ) -> Option<Uptime> {
        let deeper = self.rungs.iter().zip(RUNGS).filter(|(_, stage)| *stage > floor);
        let rungs = deeper.filter_map(|(entering, stage)| {
            let hold = policy.enter_hold(&policy.rung(stage)?.enter, shed_order);
            entering.due(hold).filter(|due| *due > now).min()
        });
        rungs.min()
    }

    /// Whether nothing is known of the state of charge, and nothing was when the last reading came.
    pub(super) const fn is_unknown(&self, energy: &Energy) -> bool {
        let known = energy.soc.is_some() && !matches!(energy.basis, Basis::Unknown);
        !known && !self.trusted
    }

    /// Whether an aged state of charge may be leant on.
    pub(super) const fn is_trusted(&self) -> bool {
        self.trusted
    }

    /// The lower bound of the state of charge, where it is worth more than the voltage.
    ///
    /// A band made of voltage alone, or too wide to be known at all, has a lower bound that would hold a healthy node
    /// down: there the voltage's own thresholds are the better witness. While readings are missing the band widens by
    /// its worst rate, and its lower bound is just what counts.
    fn soc(&self, energy: &Energy, stale: bool) -> Option<Soc> {
        let counts = match energy.basis {
            Basis::Counted => true,
            Basis::Aged | Basis::Unknown => self.trusted && (stale || energy.basis == Basis::Aged),
            Basis::VoltageOnly => energy.compensated.is_none(),
        };
        energy.soc.filter(|_| counts).map(|band| band.low)
    }

    /// How many points the cold adds to every threshold of a lead-acid battery.
    fn cold_points(&self, temperature: Temperature) -> f64 {
        if self.lead_acid { (COLD - temperature).celsius().clamp(0.0, COLD_POINTS_MAX) } else { 0.0 }
    }

    /// The rest voltage of a full battery, with a margin.
    fn full_rest(&self) -> Voltage {
        if self.lead_acid { Voltage::from_volts(13.0) } else { Voltage::from_volts(13.6) }
    }
}
