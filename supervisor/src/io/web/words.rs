//! What happens, for somebody who never heard of stages and orders.

use protocol::{Reason, Stage};

use crate::core::Liveness;
use crate::core::journal::{Record, What};
use crate::core::view::NodeView;

/// What a node does for its visitors now.
pub(super) fn does(view: &NodeView) -> &'static str {
    match (view.liveness, view.stage) {
        (Liveness::Alive, Some(stage)) => works(stage),
        (Liveness::Alive | Liveness::NeverSeen, _) => "was not heard of yet",
        (Liveness::Late, _) => "is late to answer",
        (Liveness::Lost, _) => "does not answer",
        (Liveness::Parked, _) => "is switched off",
        (Liveness::Leaving, _) => "is about to stop",
    }
}

/// What a stage means.
const fn works(stage: Stage) -> &'static str {
    match stage {
        Stage::Normal => "runs everything",
        Stage::Throttle => "runs everything, some of it slower",
        Stage::Shed => "pauses what can wait",
        Stage::Drain => "runs only what matters most",
        Stage::Halt => "switches itself off",
    }
}

/// Why a node saves energy; nothing where it does not.
pub(super) fn why(view: &NodeView) -> String {
    let saves = view.stage.is_some_and(|stage| stage > Stage::Normal);
    match (&view.reason, view.liveness) {
        (Some(reason), Liveness::Alive) if saves => plain(reason),
        (_, Liveness::Parked) => "to save energy".to_owned(),
        _ => String::new(),
    }
}

/// A reason without the number of its order, which means nothing to a visitor.
fn plain(reason: &Reason) -> String {
    match reason {
        Reason::Ordered { why, .. } => why.to_string(),
        other => other.to_string(),
    }
}

/// A record as a sentence, if it is one for visitors.
pub(super) fn told(record: &Record) -> Option<String> {
    let node = record.node.as_ref()?;
    let what = match &record.what {
        // That it was there from the beginning is no news.
        What::Stage { from: None, to: Stage::Normal, .. } => return None,
        What::Stage { to: to @ Stage::Normal, .. } => format!("{} again", works(*to)),
        What::Stage { to, reason, .. } => format!("{}: {}", works(*to), plain(reason)),
        What::Liveness { to: Liveness::Parked, .. } => "is switched off, to save energy".to_owned(),
        What::Liveness { to: Liveness::Lost, .. } => "does not answer".to_owned(),
        What::Liveness { from: Liveness::Lost | Liveness::Parked, to: Liveness::Alive, .. } => {
            "is back".to_owned()
        }
        What::Waking { .. } => "is switched on again".to_owned(),
        _ => return None,
    };
    Some(format!("{node} {what}"))
}

#[cfg(test)]
mod tests {
    use protocol::{OrderId, OrderReason, Seconds, Soc, Uptime};

    use super::*;

    fn record(what: What) -> Record {
        Record { at: Uptime::START, node: Some("pi4".parse().unwrap()), supply: None, what }
    }

    #[test]
    fn a_stage_is_told_as_what_it_means_and_without_its_orders_number() {
        let why = OrderReason::SupplyLow {
            soc: Soc::from_percent(58.0),
            threshold: Soc::from_percent(61.0),
            place: 4,
            of: 4,
        };
        let reason = Reason::Ordered { order: OrderId::default(), why };
        let stage = |from, to| What::Stage { from, to, floor: Stage::Normal, reason: reason.clone() };
        assert_eq!(
            told(&record(stage(Some(Stage::Throttle), Stage::Shed))).unwrap(),
            "pi4 pauses what can wait: supply at 58.0 % (lower bound) < 61.0 %, turn 4 of 4"
        );
        assert_eq!(
            told(&record(stage(Some(Stage::Throttle), Stage::Normal))).unwrap(),
            "pi4 runs everything again"
        );
        assert_eq!(told(&record(stage(None, Stage::Normal))), None);
    }

    #[test]
    fn a_node_that_comes_for_the_first_time_is_no_news_but_one_that_comes_back_is() {
        let change = |from, to| What::Liveness { from, to, silent: Seconds(0) };
        assert_eq!(told(&record(change(Liveness::NeverSeen, Liveness::Alive))), None);
        assert_eq!(told(&record(change(Liveness::Late, Liveness::Alive))), None);
        assert_eq!(told(&record(change(Liveness::Parked, Liveness::Alive))).unwrap(), "pi4 is back");
        assert_eq!(told(&record(change(Liveness::Late, Liveness::Lost))).unwrap(), "pi4 does not answer");
    }
}
