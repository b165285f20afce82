//! The stage that the node is in: never below its floor, up at once, down one rung at a time.
//!
//! The floor recovers slowly by itself; an order that lapses or is lifted does not. Either way the node takes one rung,
//! lives in it for the settling time, and only then takes the next: a fleet that is let go all at once would fall
//! right back.

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
        Self { stage, reason, since: None, settle }
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
            std::cmp::Ordering::Less if now.since(since) >= self.settle => self.stage.descend(),
            std::cmp::Ordering::Less => return None,
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
    use protocol::{OrderId, OrderReason, Seconds};

    const SETTLE: Duration = Duration::from_mins(2);
    const CLEAR: (Stage, &Reason) = (Stage::Normal, &Reason::Clear);

    fn ordered(stage: Stage) -> Orders {
        let mut orders = Orders::new(None);
        let (id, reason, valid_for) = (OrderId::default(), OrderReason::Operator, Seconds(9999));
        orders.take(Uptime::START, &Order { id, stage, reason, valid_for }).unwrap();
        orders
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
        let mut stages = Vec::new();
        for second in 1..500 {
            if let Some(turn) = course.steer(at(second), CLEAR, &Orders::new(None)) {
                stages.push((second, turn.to));
            }
        }
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
