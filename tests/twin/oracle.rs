//! The oracle: under its own bound, close to it, and over everybody else.

use supervisor::twin::policy::Policy;
use supervisor::twin::{Outcome, Site};

use crate::site::play;

/// Long enough for spells of cloud.
const DAYS: f64 = 45.0;

fn part(outcome: &Outcome) -> f64 {
    outcome.worth_served / outcome.worth_wanted
}

#[test]
fn nobody_serves_more_than_the_bound_and_the_oracle_comes_near() {
    let site = Site::example().unwrap();
    for seed in [1, 2] {
        let oracle = play(&site, Policy::Oracle, seed, DAYS);
        let bound = oracle.bound.unwrap();
        let bound_part = bound.worth / oracle.worth_wanted;
        println!("seed {seed}: bound {bound_part:.4}, played {:.4}", part(&oracle));
        assert!(oracle.worth_served <= bound.worth, "{} over {}", oracle.worth_served, bound.worth);
        assert!(bound.worth_masters_up <= bound.worth, "{bound:?}: less freedom is worth no more");
        assert!(oracle.worth_served >= 0.93 * bound.worth, "{} of {}", oracle.worth_served, bound.worth);
        assert_eq!((oracle.brown_outs, oracle.charger_cuts), (0, 0), "a known night surprises nobody");
        for policy in [Policy::Heliostat, Policy::Nut, Policy::Climate] {
            let other = play(&site, policy, seed, DAYS);
            println!("  {policy}: {:.4}", part(&other));
            assert!(
                other.worth_served <= bound.worth,
                "{policy}: {} over {}",
                other.worth_served,
                bound.worth
            );
            assert!(other.worth_served <= oracle.worth_served * 1.01, "{policy} knows less than the oracle");
            if policy == Policy::Climate {
                assert!(other.worth_served <= bound.worth_masters_up, "{bound:?}: its masters stay up");
                assert!(other.worth_served >= 0.85 * oracle.worth_served, "{}", other.worth_served);
            }
        }
    }
}
