//! Whose servers get how much: each node's share follows the state of charge of its supply.
//!
//! A supply at 80 % and one at 40 % share two to one. The lower bound counts, as everywhere; a supply of unknown state counts
//! as the poorest that is known, and where none is known all are equal. So that weights do not follow every rounding of an
//! estimate, they stand until one of them is off by more than [`OFF_POINTS`] and [`OFF_PART`]; then all move together, so that
//! equal supplies are exactly equal. A weight is never 0: what is to get nothing is drained, by a reason of its own.

use std::collections::BTreeMap;

use protocol::{Soc, SupplyName};

use crate::core::member::Member;

/// A weight that is off by less than so many points stands ...
const OFF_POINTS: f64 = 1.5;
/// ... and so does one that is off by less than this part of it.
const OFF_PART: f64 = 0.05;
/// Full: a point of charge is a point of weight.
const FULL: f64 = 100.0;

/// The weights that stand, by supply.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Weights(BTreeMap<SupplyName, f64>);

impl Weights {
    /// Follows the supplies; returns whether the weights moved.
    pub(super) fn follow(&mut self, members: &[Member]) -> bool {
        let fresh = fresh(members);
        let off = |(supply, share): (&SupplyName, &f64)| {
            self.0.get(supply).is_none_or(|standing| {
                let difference = (share - standing).abs();
                difference > OFF_POINTS && difference > standing * OFF_PART
            })
        };
        if !fresh.iter().any(off) {
            return false;
        }
        let before = self.shown();
        self.0 = fresh;
        self.shown() != before
    }

    /// The weight of a supply's nodes, 1 to 100.
    pub(super) fn of(&self, supply: &SupplyName) -> u16 {
        self.0.get(supply).map_or(1, |share| share.round().clamp(1.0, FULL) as u16)
    }

    /// All of them as they are set.
    pub(super) fn shown(&self) -> BTreeMap<SupplyName, u16> {
        self.0.keys().map(|supply| (supply.clone(), self.of(supply))).collect()
    }
}

/// What each supply's share would be now, in points.
fn fresh(members: &[Member]) -> BTreeMap<SupplyName, f64> {
    let mut known: BTreeMap<SupplyName, Option<Soc>> = BTreeMap::new();
    for member in members {
        known.entry(member.supply.clone()).or_insert(member.soc);
    }
    let points = |soc: Soc| (soc.fraction() * FULL).max(1.0);
    let poorest = known.values().flatten().map(|soc| points(*soc)).fold(FULL, f64::min);
    known.into_iter().map(|(supply, soc)| (supply, soc.map_or(poorest, points))).collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::member;
    use super::*;

    fn weights(socs: &[(&str, Option<f64>)]) -> Vec<Member> {
        let on = |(index, (supply, soc)): (usize, &(&str, Option<f64>))| Member {
            supply: supply.parse().unwrap(),
            soc: soc.map(Soc::from_percent),
            ..member(&format!("pi{index}"))
        };
        socs.iter().enumerate().map(on).collect()
    }

    fn shown(weights: &Weights) -> Vec<u16> {
        weights.shown().into_values().collect()
    }

    #[test]
    fn shares_follow_the_supplies() {
        let mut standing = Weights::default();
        assert!(standing.follow(&weights(&[("a", Some(80.0)), ("b", Some(40.0)), ("c", Some(20.0))])));
        assert_eq!(shown(&standing), [80, 40, 20]);
    }

    #[test]
    fn an_unknown_supply_counts_as_the_poorest_and_none_known_as_equal() {
        let mut standing = Weights::default();
        standing.follow(&weights(&[("a", Some(80.0)), ("b", None), ("c", Some(20.0))]));
        assert_eq!(shown(&standing), [80, 20, 20]);
        standing.follow(&weights(&[("a", None), ("b", None), ("c", None)]));
        assert_eq!(shown(&standing), [100, 100, 100]);
    }

    #[test]
    fn small_steps_move_nothing_and_when_one_moves_equal_supplies_are_equal() {
        let mut standing = Weights::default();
        standing.follow(&weights(&[("a", Some(60.0)), ("b", Some(58.0))]));
        assert!(!standing.follow(&weights(&[("a", Some(58.9)), ("b", Some(59.1))])));
        assert_eq!(shown(&standing), [60, 58]);
        assert!(standing.follow(&weights(&[("a", Some(55.0)), ("b", Some(55.0))])));
        assert_eq!(shown(&standing), [55, 55]);
    }

    #[test]
    fn no_weight_is_ever_zero() {
        let mut standing = Weights::default();
        standing.follow(&weights(&[("a", Some(0.0)), ("b", Some(90.0))]));
        assert_eq!(shown(&standing), [1, 90]);
    }
}
