//! What gives way while a leader plans with a forecast: the charge at which a node alone begins to stretch its energy.
//!
//! Alone, a node cannot know that the sun is back in two hours, so it throttles at dusk and sheds at half. A leader
//! with a forecast knows, and slows the fleet down as far as the night needs and no further: thresholds that know
//! no sun must not beat it. So while an order by forecast is in force, `Throttle` and `Shed` wait for a lower charge, close
//! above that of `Drain`. What keeps the battery and the SD card safe stays as it is: `Drain`, `Halt`, the emergency,
//! every voltage and every time to empty. The order lapses with its leader, and the lone thresholds hold again.

use protocol::{Soc, Stage};

use super::{Policy, Rung};

/// Points above `Drain` at which a rung is entered and left, `Throttle` first: three points are an hour of ten busy
/// nodes on 70 Ah, time enough to shed in good order before `Drain`.
const POINTS: [(f64, f64); 2] = [(5.0, 8.0), (3.0, 6.0)];

/// Charges (lower bounds) of one rung.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stretch {
    /// Entered below this.
    pub enter: Soc,
    /// Left above this.
    pub leave: Soc,
}

/// The charges that hold with a plan; `None` where `Drain` has no charge to lie above: nothing gives way there.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct WithPlan {
    /// Of `Throttle`.
    pub throttle: Option<Stretch>,
    /// Of `Shed`.
    pub shed: Option<Stretch>,
}

impl WithPlan {
    /// The defaults: a few points above where `Drain` is entered.
    pub fn above(drain: &Rung) -> Self {
        let [throttle, shed] = POINTS.map(|(enter, leave)| {
            let drain = drain.enter.soc?;
            Some(Stretch { enter: drain.plus_points(enter), leave: drain.plus_points(leave) })
        });
        Self { throttle, shed }
    }

    const fn of(&self, stage: Stage) -> Option<Stretch> {
        match stage {
            Stage::Throttle => self.throttle,
            Stage::Shed => self.shed,
            Stage::Normal | Stage::Drain | Stage::Halt => None,
        }
    }
}

impl Policy {
    /// Below which charge a stage is entered, alone or with a plan. Of two that are set the lower one holds with a plan:
    /// it stretches, and never saves earlier.
    pub fn enter_soc(&self, stage: Stage, by_plan: bool) -> Option<Soc> {
        let alone = self.rung(stage)?.enter.soc?;
        Some(match self.with_plan.of(stage).filter(|_| by_plan) {
            Some(stretch) if stretch.enter < alone => stretch.enter,
            _ => alone,
        })
    }

    /// Above which charge a stage is left, alone or with a plan.
    pub fn leave_soc(&self, stage: Stage, by_plan: bool) -> Option<Soc> {
        let alone = self.rung(stage)?.leave.soc?;
        Some(match self.with_plan.of(stage).filter(|_| by_plan) {
            Some(stretch) if stretch.leave < alone => stretch.leave,
            _ => alone,
        })
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
    fn with_a_plan_throttle_and_shed_wait_longer_and_nothing_else_does() {
        for chemistry in Chemistry::ALL {
            let policy = Policy::for_chemistry(chemistry);
            for stage in &Stage::ALL[1..] {
                let (alone, planned) = (policy.enter_soc(*stage, false), policy.enter_soc(*stage, true));
                match stage {
                    Stage::Throttle | Stage::Shed => assert!(planned < alone, "{chemistry} {stage}"),
                    _ => assert_eq!(planned, alone, "{chemistry} {stage}"),
                }
                assert!(policy.leave_soc(*stage, true) > planned, "{chemistry} {stage}: exit above enter");
            }
            assert!(policy.enter_soc(Stage::Shed, true) > policy.enter_soc(Stage::Drain, true));
            assert!(!policy.leave_charging(Stage::Shed, true) && policy.leave_charging(Stage::Halt, true));
        }
    }

    #[test]
    fn a_plan_never_makes_a_node_save_earlier_than_alone() {
        let mut policy = Policy::for_chemistry(Chemistry::Agm);
        policy.shed.enter.soc = Some(Soc::from_percent(46.0));
        assert_eq!(policy.enter_soc(Stage::Shed, true), Some(Soc::from_percent(46.0)));
    }
}
