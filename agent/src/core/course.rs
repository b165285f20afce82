//! The stage that the node is in: never below its floor, up at once, down one rung at a time.
//!
//! The floor recovers slowly by itself; an order that lapses or is lifted does not. Either way the node takes one rung,
//! lives in it for the settling time, and only then takes the next: a fleet that is let go all at once would fall
//! right back.
//!
//! A node that a plan on energy woke goes at once to where the plan has it. It was woken alone and has its turn; the rungs between are
//! no more than changes for nothing.

use std::time::Duration;

use protocol::{Reason, Stage, Uptime};

use super::orders::Orders;

/// The stage and why.
#[derive(Debug, Clone)]
pub struct Course {
    stage: Stage,
    reason: Reason,
    /// Since when; `None` until the first step of this life.
    since: Option<Uptime>,
    settle: Duration,
    /// The stage is still the one that an earlier life ended in.
    resumed: bool,
}

/// A change of the stage.
#[derive(Debug, Clone, PartialEq)]
pub struct Turn {
    /// The stage left.
    pub from: Stage,
    /// The stage entered.
    pub to: Stage,
}

impl Course {
    /// Begins in a stage.
    pub const fn new(stage: Stage, reason: Reason, settle: Duration) -> Self {
        Self { stage, reason, since: None, settle, resumed: true }
    }

    /// The stage.
    pub const fn stage(&self) -> Stage {
        self.stage
    }

    /// Why.
    pub const fn reason(&self) -> &Reason {
        &self.reason
    }

    /// Steers towards what floor and order demand together.
    pub fn steer(&mut self, now: Uptime, floor: (Stage, &Reason), orders: &Orders) -> Option<Turn> {
        let since = *self.since.get_or_insert(now);
        let (target, reason) = match orders.reason() {
            Some(reason) if orders.stage() > floor.0 => (orders.stage(), reason),
            _ => floor,
        };
        let next = match target.cmp(&self.stage) {
            std::cmp::Ordering::Greater => target,
            std::cmp::Ordering::Equal => self.stage,
            std::cmp::Ordering::Less if now.since(since) < self.settle => return None,
            std::cmp::Ordering::Less if self.resumed && orders.is_by_forecast() => target,
            std::cmp::Ordering::Less => self.stage.descend(),
        };
        if self.reason != *reason {
            self.reason = reason.clone();
        }
        if next == self.stage {
            return None;
        }
        let turn = Turn { from: self.stage, to: next };
        self.stage = next;
        self.since = Some(now);
        self.resumed = false;
        Some(turn)
    }

    /// When a pending descent is due.
    pub fn next_wake(&self, target: Stage) -> Option<Uptime> {
        self.since.filter(|_| target < self.stage).map(|since| since + self.settle)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::message::Order;
    use protocol::{OrderId, OrderReason, Seconds, Soc};

    const SETTLE: Duration = Duration::from_mins(2);
    const CLEAR: (Stage, &Reason) = (Stage::Normal, &Reason::Clear);

    fn ordered(stage: Stage) -> Orders {
        ordered_for(stage, OrderReason::Operator)
    }

    fn ordered_for(stage: Stage, reason: OrderReason) -> Orders {
        let mut orders = Orders::new(None);
        let (id, valid_for) = (OrderId::default(), Seconds(9999));
        orders.take(Uptime::START, &Order { id, stage, reason, valid_for }).unwrap();
        orders
    }

    /// A plan on energy wants this.
    fn planned(stage: Stage) -> Orders {
        let (chance_permille, reserve, sun_in) = (950, Soc::from_percent(40.0), Seconds(36_000));
        let carries = OrderReason::ForecastCarries { chance_permille, reserve, sun_in, level: 1, of: 9 };
        ordered_for(stage, carries)
    }

    /// The turns of the first minutes, by their second.
    fn turns(course: &mut Course, floor: (Stage, &Reason), orders: &Orders) -> Vec<(u64, Stage)> {
        let turn = |second| Some((second, course.steer(Uptime::from_secs(second), floor, orders)?.to));
        (0..600).filter_map(turn).collect()
    }

    #[test]
    fn a_node_that_a_plan_woke_goes_at_once_to_where_the_plan_has_it() {
        let resumed = || Course::new(Stage::Halt, Reason::Resumed { stage: Stage::Halt }, SETTLE);
        assert_eq!(turns(&mut resumed(), CLEAR, &planned(Stage::Throttle)), [(120, Stage::Throttle)]);
        let shed = (Stage::Shed, &Reason::SocUnknown);
        assert_eq!(turns(&mut resumed(), shed, &planned(Stage::Normal)), [(120, Stage::Shed)]);
        let rungs = [(120, Stage::Drain), (240, Stage::Shed), (360, Stage::Throttle), (480, Stage::Normal)];
        assert_eq!(turns(&mut resumed(), CLEAR, &ordered(Stage::Normal)), rungs);
    }

    #[test]
    fn whoever_did_not_just_come_back_takes_rung_after_rung_under_a_plan_too() {
        let mut course = Course::new(Stage::Normal, Reason::Clear, SETTLE);
        course.steer(Uptime::START, CLEAR, &planned(Stage::Shed));
        let rungs = [(120, Stage::Throttle), (240, Stage::Normal)];
        assert_eq!(turns(&mut course, CLEAR, &planned(Stage::Normal)), rungs);
    }

    #[test]
    fn an_order_lifts_the_stage_at_once_and_its_end_lowers_it_rung_by_rung() {
        let mut course = Course::new(Stage::Normal, Reason::Clear, SETTLE);
        let at = Uptime::from_secs;
        assert_eq!(
            course.steer(at(0), CLEAR, &ordered(Stage::Drain)),
            Some(Turn { from: Stage::Normal, to: Stage::Drain })
        );
        assert!(matches!(course.reason(), Reason::Ordered { .. }));
        let stages = turns(&mut course, CLEAR, &Orders::new(None));
        assert_eq!(stages, [(120, Stage::Shed), (240, Stage::Throttle), (360, Stage::Normal)]);
        assert_eq!(course.reason(), &Reason::Clear);
    }

    #[test]
    fn an_order_below_the_floor_changes_nothing() {
        let low = Reason::RailLow { held: Seconds(5) };
        let mut course = Course::new(Stage::Normal, Reason::Clear, SETTLE);
        course.steer(Uptime::START, (Stage::Shed, &low), &ordered(Stage::Throttle));
        assert_eq!((course.stage(), course.reason()), (Stage::Shed, &low));
    }
}
