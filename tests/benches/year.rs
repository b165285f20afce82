//! A year of the example site on one core: how long it takes under each policy, beside the budget of a minute.

#![allow(clippy::disallowed_methods, reason = "a bench measures time")]
#![allow(clippy::expect_used, reason = "a bench that cannot measure must stop")]

use std::time::Instant;

use serde_json::json;
use supervisor::twin::Site;
use supervisor::twin::policy::Policy;
use supervisor::twin::run::run;

/// What a year of ten nodes may take.
const BUDGET_S: f64 = 60.0;
/// What is played: a tenth of a year at each of two seasons would leave out the long nights.
const DAYS: f64 = 365.0;

fn main() {
    let json = std::env::args().any(|argument| argument == "--json");
    let site = Site::example().expect("the example");
    let mut rows = Vec::new();
    for policy in Policy::ALL {
        let begun = Instant::now();
        let outcome = run(&site, policy, 1, DAYS).expect("it runs");
        rows.push((policy, begun.elapsed().as_secs_f64(), outcome.worth_served / outcome.worth_wanted));
    }
    if json {
        let rows: Vec<_> = rows
            .iter()
            .map(|(policy, seconds, _)| {
                json!({"name": policy.name(), "seconds": seconds, "of_budget": seconds / BUDGET_S})
            })
            .collect();
        println!("{}", json!({"bench": "year", "rows": rows}));
        return;
    }
    println!("{:16} {:>9} {:>10} {:>14}", "a year under", "s", "of budget", "worth served");
    for (policy, seconds, part) in rows {
        println!(
            "{:16} {seconds:9.1} {:9.0} % {:12.1} %",
            policy.name(),
            100.0 * seconds / BUDGET_S,
            100.0 * part
        );
    }
}
