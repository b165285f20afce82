//! What gives way while a leader plans with a forecast: the charge at which a node alone begins to stretch its energy.
//!
//! Alone, a node cannot know that the sun is back in two hours, so it throttles at dusk, sheds at half and drains with a
//! third of what it may use still in the battery. A leader with a forecast knows, and slows the fleet down as far as the
//! night needs and no further: thresholds that know no sun must not beat it. So while an order by forecast is in force,
//! `Throttle`, `Shed` and `Drain` wait for a lower charge, close above that of `Halt`, and a woken node comes back sooner. What
//! keeps the battery and the SD card safe stays as it is: where `Halt` is entered, the emergency, every voltage and every
//! time to empty; and the proof that draining and halting fit before the load is cut is made for these charges too. The
//! order lapses with its leader, and the lone thresholds hold again.

use protocol::{Soc, Stage};

use super::{Policy, Rung};

/// Points above `Halt` at which a rung is entered and left, `Throttle` first: three points are an hour of ten busy
/// nodes on 70 Ah, and draining takes five minutes.
const POINTS: [(f64, f64); 3] = [(7.0, 9.0), (5.0, 7.0), (3.0, 5.0)];
/// ... and at which `Halt` is left: the margin between waking and halting is five at least.
const HALT_LEFT: f64 = 6.0;

/// Charges (lower bounds) of one rung.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stretch {
    /// Entered below this.
    pub enter: Soc,
    /// Left above this.
    pub leave: Soc,
}

/// The charges that hold with a plan; `None` where `Halt` has no charge to lie above: nothing gives way there.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct WithPlan {
    /// Of `Throttle`.
    pub throttle: Option<Stretch>,
    /// Of `Shed`.
    pub shed: Option<Stretch>,
    /// Of `Drain`.
    pub drain: Option<Stretch>,
    /// Above which `Halt` is left; where it is entered does not give way.
    pub halt_leave: Option<Soc>,
}

impl WithPlan {
    /// The defaults: a few points above where `Halt` is entered.
    pub fn above(halt: &Rung) -> Self {
        let [throttle, shed, drain] = POINTS.map(|(enter, leave)| {
            let halt = halt.enter.soc?;
            Some(Stretch { enter: halt.plus_points(enter), leave: halt.plus_points(leave) })
        });
        Self { throttle, shed, drain, halt_leave: halt.enter.soc.map(|soc| soc.plus_points(HALT_LEFT)) }
    }

    const fn enter(&self, stage: Stage) -> Option<Soc> {
        match self.of(stage) {
            Some(stretch) => Some(stretch.enter),
            None => None,
        }
    }

    const fn leave(&self, stage: Stage) -> Option<Soc> {
        match (stage, self.of(stage)) {
            (Stage::Halt, _) => self.halt_leave,
            (_, Some(stretch)) => Some(stretch.leave),
            (_, None) => None,
        }
    }

    const fn of(&self, stage: Stage) -> Option<Stretch> {
        match stage {
            Stage::Throttle => self.throttle,
            Stage::Shed => self.shed,
            Stage::Drain => self.drain,
            Stage::Normal | Stage::Halt => None,
        }
    }
}

impl Policy {
    /// Below which charge a stage is entered, alone or with a plan. Of two that are set the lower one holds with a plan:
    /// it stretches, and never saves earlier.
    pub fn enter_soc(&self, stage: Stage, by_plan: bool) -> Option<Soc> {
        let alone = self.rung(stage)?.enter.soc?;
        let planned = self.with_plan.enter(stage).filter(|_| by_plan);
        Some(planned.filter(|planned| *planned < alone).unwrap_or(alone))
    }

    /// Above which charge a stage is left, alone or with a plan.
    pub fn leave_soc(&self, stage: Stage, by_plan: bool) -> Option<Soc> {
        let alone = self.rung(stage)?.leave.soc?;
        let planned = self.with_plan.leave(stage).filter(|_| by_plan);
        Some(planned.filter(|planned| *planned < alone).unwrap_or(alone))
    }

    /// Whether a stage is left only while the battery charges. With a plan, `Shed` is not: the plan knows the night.
    pub fn leave_charging(&self, stage: Stage, by_plan: bool) -> bool {
        let given_way = by_plan && self.with_plan.of(stage).is_some();
        self.rung(stage).is_some_and(|rung| rung.leave.charging) && !given_way
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hardware::battery::Chemistry;

    #[test]
    fn with_a_plan_everything_before_halt_waits_longer_and_halt_does_not() {
        for chemistry in Chemistry::ALL {
            let policy = Policy::for_chemistry(chemistry);
            for stage in &Stage::ALL[1..] {
                let (alone, planned) = (policy.enter_soc(*stage, false), policy.enter_soc(*stage, true));
                match stage {
                    Stage::Halt => assert_eq!(planned, alone, "{chemistry} {stage}"),
                    _ => assert!(planned < alone, "{chemistry} {stage}"),
                }
                assert!(policy.leave_soc(*stage, true) > planned, "{chemistry} {stage}: exit above enter");
            }
            for pair in Stage::ALL[1..].windows(2) {
                assert!(
                    policy.enter_soc(pair[0], true) > policy.enter_soc(pair[1], true),
                    "{chemistry} {pair:?}"
                );
            }
            assert!(!policy.leave_charging(Stage::Shed, true) && policy.leave_charging(Stage::Halt, true));
        }
    }

    #[test]
    fn a_plan_never_makes_a_node_save_earlier_than_alone() {
        let mut policy = Policy::for_chemistry(Chemistry::Agm);
        policy.shed.enter.soc = Some(Soc::from_percent(39.0));
        assert_eq!(policy.enter_soc(Stage::Shed, true), Some(Soc::from_percent(39.0)));
    }
}
