//! A year of a site on one core: what each policy serves, beside the oracle's, and how long it takes to play, beside the budget
//! of a minute.
//!
//! `-- --seeds 10` plays ten years, each under its own sky and with its own faults; `-- --site FILE` another site than the
//! example; `-- --json` for machines.

#![allow(clippy::disallowed_methods, reason = "a bench measures time")]
#![allow(clippy::expect_used, reason = "a bench that cannot measure must stop")]

use std::path::PathBuf;
use std::time::Instant;

use serde_json::{Value, json};
use supervisor::twin::policy::Policy;
use supervisor::twin::run::run;
use supervisor::twin::{Outcome, Site};

/// What a year of ten nodes may take.
const BUDGET_S: f64 = 60.0;
/// What is played: a tenth of a year at each of two seasons would leave out the long nights.
const DAYS: f64 = 365.0;

/// Years under one policy.
struct Years {
    policy: Policy,
    /// To play one of them.
    seconds: f64,
    outcomes: Vec<Outcome>,
}

/// The mean, the least and the greatest of a figure over the years.
struct Spread {
    mean: f64,
    least: f64,
    greatest: f64,
}

fn main() {
    let asked = Asked::of(std::env::args().skip(1));
    let site = match &asked.site {
        Some(file) => Site::load(file).expect("the site's file"),
        None => Site::example().expect("the example"),
    };
    let years: Vec<Years> = Policy::ALL.into_iter().map(|policy| play(&site, policy, asked.seeds)).collect();
    let oracle = years.iter().find(|years| years.policy == Policy::Oracle).expect("it was played");
    if asked.json {
        let rows: Vec<Value> = years.iter().map(|years| years.json(oracle)).collect();
        println!("{}", json!({"bench": "year", "seeds": asked.seeds, "rows": rows}));
    } else {
        print(&years, oracle);
    }
}

/// What the bench was asked for; what cargo passes besides is passed over.
struct Asked {
    seeds: u64,
    site: Option<PathBuf>,
    json: bool,
}

impl Asked {
    fn of(words: impl Iterator<Item = String>) -> Self {
        let mut asked = Self { seeds: 1, site: None, json: false };
        let mut words = words;
        while let Some(word) = words.next() {
            match &*word {
                "--seeds" => {
                    asked.seeds = words.next().and_then(|count| count.parse().ok()).expect("--seeds N");
                }
                "--site" => asked.site = Some(words.next().expect("--site FILE").into()),
                "--json" => asked.json = true,
                _ => {}
            }
        }
        asked
    }
}

fn play(site: &Site, policy: Policy, seeds: u64) -> Years {
    let begun = Instant::now();
    let outcomes: Vec<Outcome> =
        (1..=seeds).map(|seed| run(site, policy, seed, DAYS).expect("it runs")).collect();
    Years { policy, seconds: begun.elapsed().as_secs_f64() / seeds.max(1) as f64, outcomes }
}

impl Years {
    fn spread(&self, figure: impl Fn(&Outcome) -> f64) -> Spread {
        let all: Vec<f64> = self.outcomes.iter().map(figure).collect();
        Spread {
            mean: all.iter().sum::<f64>() / all.len().max(1) as f64,
            least: all.iter().copied().fold(f64::INFINITY, f64::min),
            greatest: all.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        }
    }

    fn worth(&self) -> Spread {
        self.spread(|one| one.worth_served / one.worth_wanted)
    }

    fn critical(&self) -> Spread {
        self.spread(|one| one.classes.get("critical").map_or(1.0, |class| class.uptime))
    }

    fn brown_outs(&self) -> u32 {
        self.outcomes.iter().map(|one| one.brown_outs).sum()
    }

    fn json(&self, oracle: &Self) -> Value {
        let (worth, critical) = (self.worth(), self.critical());
        json!({
            "name": self.policy.name(),
            "seconds": self.seconds,
            "of_budget": self.seconds / BUDGET_S,
            "worth": {"mean": worth.mean, "least": worth.least, "greatest": worth.greatest},
            "of_oracle": worth.mean / oracle.worth().mean,
            "critical_uptime": {"mean": critical.mean, "least": critical.least, "greatest": critical.greatest},
            "brown_outs": self.brown_outs(),
            "stage_changes_a_node_a_day_max": self.spread(|one| one.stage_changes_max).greatest,
            "promises_broken": self.outcomes.iter().map(|one| one.broken.len()).sum::<usize>(),
        })
    }
}

fn print(years: &[Years], oracle: &Years) {
    println!(
        "{:16} {:>7} {:>10} {:>24} {:>10} {:>24} {:>11} {:>14}",
        "a year under",
        "s",
        "of budget",
        "worth served",
        "of oracle",
        "critical ran",
        "brown-outs",
        "changes a day"
    );
    let range = |spread: &Spread| {
        let [mean, least, greatest] = [spread.mean, spread.least, spread.greatest].map(|part| 100.0 * part);
        format!("{mean:.1} % ({least:.1}-{greatest:.1})")
    };
    for years in years {
        let worth = years.worth();
        println!(
            "{:16} {:7.1} {:8.0} % {:>24} {:8.1} % {:>24} {:11} {:14.1}",
            years.policy.name(),
            years.seconds,
            100.0 * years.seconds / BUDGET_S,
            range(&worth),
            100.0 * worth.mean / oracle.worth().mean,
            range(&years.critical()),
            years.brown_outs(),
            years.spread(|one| one.stage_changes_max).greatest,
        );
    }
    let bound = |figure: fn(&supervisor::twin::outcome::Bound) -> f64| {
        oracle.spread(|one| one.bound.as_ref().map_or(f64::NAN, |bound| figure(bound) / one.worth_wanted))
    };
    println!("\nno policy serves more than {} of all worth", range(&bound(|bound| bound.worth)));
    println!("  with its masters up whenever a node is: {}", range(&bound(|bound| bound.worth_masters_up)));
    let critical = oracle.spread(|one| one.bound.as_ref().map_or(f64::NAN, |bound| bound.critical_uptime));
    println!("  and none runs critical work for more than {} of the time", range(&critical));
}
