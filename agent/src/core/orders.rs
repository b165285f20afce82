//! What a leader ordered: accepted by (term, generation), never older than what was obeyed, lapsing without renewal.
//!
//! An order can only make the node more careful than its floor: `effective = max(floor, ordered)`. It does not outlive
//! its leader: not renewed within `valid_for`, it lapses, and the floor alone rules.

use std::time::Duration;

use protocol::message::{Order, OrderRefusal};
use protocol::{OrderId, Reason, Stage, Uptime};

/// How long a stage that was ordered in an earlier life is kept, for a supervisor to renew it.
const RESUMED_FOR: Duration = Duration::from_mins(2);

/// The orders of this node.
#[derive(Debug, Clone)]
pub struct Orders {
    newest: Option<OrderId>,
    current: Option<Current>,
}

/// The order in force.
#[derive(Debug, Clone)]
struct Current {
    stage: Stage,
    /// Who gave it and why, or that an earlier life was given it.
    reason: Reason,
    /// Whether a leader of this life gave it.
    given: bool,
    until: Uptime,
}

impl Orders {
    /// Goes on from an earlier life: the newest order that it obeyed.
    pub const fn new(newest: Option<OrderId>) -> Self {
        Self { newest, current: None }
    }

    /// Keeps a stage that an earlier life was ordered to, until a supervisor had time to renew the order.
    pub fn resume(&mut self, stage: Stage) {
        let reason = Reason::Resumed { stage };
        self.current = Some(Current { stage, reason, given: false, until: Uptime::START });
    }

    /// The first moment of this life: what is resumed is kept from here on.
    pub fn begin(&mut self, now: Uptime) {
        if let Some(current) = self.current.as_mut().filter(|current| !current.given) {
            current.until = now + RESUMED_FOR;
        }
    }

    /// Takes an order.
    ///
    /// # Errors
    /// When a newer one was obeyed already.
    pub fn take(&mut self, now: Uptime, order: &Order) -> Result<(), OrderRefusal> {
        self.admit(order.id)?;
        self.current = Some(Current {
            stage: order.stage,
            reason: Reason::Ordered { order: order.id, why: order.reason.clone() },
            given: true,
            until: now + order.valid_for.into(),
        });
        Ok(())
    }

    /// Whether something of this plan may be obeyed; if so, nothing older will be.
    ///
    /// # Errors
    /// When a newer plan was obeyed already.
    pub fn admit(&mut self, id: OrderId) -> Result<(), OrderRefusal> {
        match self.newest {
            Some(newest) if newest > id => Err(OrderRefusal::Older { newest }),
            _ => {
                self.newest = Some(id);
                Ok(())
            }
        }
    }

    /// Lets the order lapse when its time is over.
    pub fn step(&mut self, now: Uptime) {
        self.current.take_if(|current| now >= current.until);
    }

    /// The stage ordered; `Normal` while no order is in force.
    pub fn stage(&self) -> Stage {
        self.current.as_ref().map_or(Stage::Normal, |current| current.stage)
    }

    /// Why, while a stage is ordered.
    pub fn reason(&self) -> Option<&Reason> {
        self.current.as_ref().map(|current| &current.reason)
    }

    /// Whether the order in force rests on a forecast of the sun.
    pub fn is_by_forecast(&self) -> bool {
        let by_forecast =
            |reason: &Reason| matches!(reason, Reason::Ordered { why, .. } if why.is_by_forecast());
        self.reason().is_some_and(by_forecast)
    }

    /// Whether a leader of this life orders `Halt`: a node that was woken is not powered off for an order of before.
    pub fn demands_halt(&self) -> bool {
        self.current.as_ref().is_some_and(|current| current.stage == Stage::Halt && current.given)
    }

    /// The newest order obeyed.
    pub const fn newest(&self) -> Option<OrderId> {
        self.newest
    }

    /// When the order lapses.
    pub fn next_wake(&self) -> Option<Uptime> {
        self.current.as_ref().map(|current| current.until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::{Generation, OrderReason, Seconds, Term};

    fn order(term: u64, generation: u64, stage: Stage) -> Order {
        let id = OrderId { term: Term(term), generation: Generation(generation) };
        Order { id, stage, reason: OrderReason::Operator, valid_for: Seconds(60) }
    }

    #[test]
    fn an_older_order_is_refused_and_changes_nothing() {
        let mut orders = Orders::new(None);
        orders.take(Uptime::START, &order(2, 5, Stage::Drain)).unwrap();
        let newest = OrderId { term: Term(2), generation: Generation(5) };
        for older in [order(2, 4, Stage::Normal), order(1, 99, Stage::Normal)] {
            assert_eq!(orders.take(Uptime::START, &older), Err(OrderRefusal::Older { newest }));
        }
        assert_eq!(orders.stage(), Stage::Drain);
        orders.take(Uptime::START, &order(3, 1, Stage::Shed)).unwrap();
        assert_eq!(orders.stage(), Stage::Shed, "a greater term begins its generations anew");
    }

    #[test]
    fn a_restart_does_not_forget_which_orders_are_old() {
        let newest = OrderId { term: Term(7), generation: Generation(3) };
        let mut orders = Orders::new(Some(newest));
        assert_eq!(
            orders.take(Uptime::START, &order(7, 2, Stage::Halt)),
            Err(OrderRefusal::Older { newest })
        );
    }

    #[test]
    fn an_order_lapses_unless_it_is_renewed() {
        let mut orders = Orders::new(None);
        let at = Uptime::from_secs;
        orders.take(at(0), &order(1, 1, Stage::Shed)).unwrap();
        orders.step(at(59));
        orders.take(at(59), &order(1, 1, Stage::Shed)).expect("the same order again renews it");
        orders.step(at(118));
        assert_eq!(orders.stage(), Stage::Shed);
        assert_eq!(orders.next_wake(), Some(at(119)));
        orders.step(at(119));
        assert_eq!((orders.stage(), orders.reason()), (Stage::Normal, None));
    }

    #[test]
    fn an_order_of_an_earlier_life_is_kept_for_a_while_but_powers_nothing_off() {
        let mut orders = Orders::new(None);
        orders.resume(Stage::Halt);
        orders.begin(Uptime::from_secs(7));
        assert_eq!(orders.reason(), Some(&Reason::Resumed { stage: Stage::Halt }));
        assert!(!orders.demands_halt());
        orders.step(Uptime::from_secs(6) + RESUMED_FOR);
        assert_eq!(orders.stage(), Stage::Halt);
        orders.step(Uptime::from_secs(7) + RESUMED_FOR);
        assert_eq!(orders.stage(), Stage::Normal);
    }
}
