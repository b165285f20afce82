//! What persons asked of the fleet's nodes: kept and passed on, never acted on. The leader acts on it, by its orders.
//!
//! This node's links reach every supervisor, theirs reach no other supervisor: so each agent carries the news from one
//! to the next ([`protocol::standing`]). Nothing is kept over a restart: other agents have it, and supervisors do.

use std::collections::BTreeMap;

use protocol::standing::Standing;
use protocol::{NodeName, Seconds, Uptime};

/// More is not kept; who floods gains nothing.
const STANDING_MAX: usize = 64;

/// All that is known, the newest about each node.
#[derive(Debug, Clone, Default)]
pub struct Standings {
    held: BTreeMap<NodeName, Held>,
}

#[derive(Debug, Clone)]
struct Held {
    standing: Standing,
    /// When it ends, on this node's clock.
    until: Option<Uptime>,
}

impl Standings {
    /// Takes what a supervisor said; whether it was news.
    pub fn take(&mut self, now: Uptime, standing: &Standing) -> bool {
        self.held.retain(|_, held| held.until.is_none_or(|until| now < until));
        let known = self.held.get(&standing.node);
        if known.is_some_and(|held| held.standing.id >= standing.id)
            || (known.is_none() && self.held.len() >= STANDING_MAX)
        {
            return false;
        }
        let until = standing.left.map(|left| now + left.into());
        self.held.insert(standing.node.clone(), Held { standing: standing.clone(), until });
        true
    }

    /// All that still holds, with the time that is left.
    pub fn all(&self, now: Uptime) -> impl Iterator<Item = Standing> {
        let holds = move |held: &&Held| held.until.is_none_or(|until| now < until);
        self.held.values().filter(holds).map(move |held| Standing {
            left: held.until.map(|until| Seconds::from(until.since(now))),
            ..held.standing.clone()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::standing::{Wish, Words};
    use protocol::{Generation, OrderId, Term};

    fn standing(term: u64, node: &str, left: Option<u32>) -> Standing {
        Standing {
            id: OrderId { term: Term(term), generation: Generation(1) },
            node: node.parse().unwrap(),
            wish: Wish::Drain,
            left: left.map(Seconds),
            who: Words::cut("ada"),
            why: Words::cut("a new fan"),
        }
    }

    #[test]
    fn only_what_is_newer_is_news() {
        let mut standings = Standings::default();
        assert!(standings.take(Uptime::START, &standing(2, "pi1", None)));
        assert!(
            !standings.take(Uptime::START, &standing(2, "pi1", None)),
            "or it would be passed on for ever"
        );
        assert!(!standings.take(Uptime::START, &standing(1, "pi1", None)));
        assert!(standings.take(Uptime::START, &standing(3, "pi1", None)));
        assert_eq!(standings.all(Uptime::START).count(), 1);
    }

    #[test]
    fn what_is_passed_on_bears_the_time_that_is_left() {
        let mut standings = Standings::default();
        standings.take(Uptime::from_secs(100), &standing(1, "pi1", Some(60)));
        let left = |seconds| standings.all(Uptime::from_secs(seconds)).map(|s| s.left).collect::<Vec<_>>();
        assert_eq!(left(130), [Some(Seconds(30))]);
        assert_eq!(left(160), []);
    }

    #[test]
    fn a_flood_is_bounded() {
        let mut standings = Standings::default();
        for node in 0..200 {
            standings.take(Uptime::START, &standing(1, &format!("pi{node}"), None));
        }
        assert_eq!(standings.all(Uptime::START).count(), STANDING_MAX);
    }
}
