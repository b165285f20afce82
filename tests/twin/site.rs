//! What holds whoever decides: the same story for the same seed, one sky for all, and no watt-hour lost.

use std::path::Path;

use supervisor::twin::policy::Policy;
use supervisor::twin::run::run;
use supervisor::twin::{Outcome, Site};

/// The example, with some of its text replaced.
pub(crate) fn example_with(changes: &[(&str, &str)]) -> Site {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/site.toml");
    let mut text = std::fs::read_to_string(&file).expect("the example");
    for (from, to) in changes {
        assert!(text.contains(from), "the example lacks {from:?}");
        text = text.replacen(from, to, 1);
    }
    let mut none = |_: &Path| Err(std::io::Error::other("no file is named"));
    Site::parse(&text, &file, &mut none).expect("a site")
}

pub(crate) fn play(site: &Site, policy: Policy, seed: u64, days: f64) -> Outcome {
    run(site, policy, seed, days).expect("it runs")
}

#[test]
fn the_same_seed_gives_the_same_bytes_under_every_policy_and_another_seed_others() {
    let site = Site::example().expect("the example");
    for policy in Policy::ALL {
        let bytes = |seed| serde_json::to_string(&play(&site, policy, seed, 4.0)).expect("JSON");
        assert_eq!(bytes(3), bytes(3), "{policy}");
        assert_ne!(bytes(3), bytes(4), "{policy}");
    }
}

#[test]
fn every_policy_meets_the_same_sky() {
    let site = Site::example().expect("the example");
    let skies: Vec<Vec<f64>> = Policy::ALL
        .iter()
        .map(|policy| play(&site, *policy, 5, 6.0).daily.iter().map(|day| day.available_wh).collect())
        .collect();
    assert!(skies.iter().all(|sky| *sky == skies[0]), "{skies:?}");
    assert!(skies[0].iter().all(|wh| *wh > 0.0));
}

#[test]
fn the_energy_of_a_year_adds_up_to_a_hundredth() {
    let site = Site::example().expect("the example");
    for policy in [Policy::None, Policy::Nut, Policy::Threshold] {
        let energy = play(&site, policy, 1, 365.0).energy_wh;
        assert!(energy.panel_taken > 10_000.0 && energy.panel_taken <= energy.panel_available, "{energy:?}");
        assert!(energy.gap.abs() < 0.01 * energy.panel_taken, "{policy}: {energy:?}");
        assert!(energy.boards < energy.nodes && energy.converters > 0.0 && energy.battery_lost > 0.0);
    }
}

#[test]
fn the_classes_energy_and_the_boards_are_all_that_the_nodes_used() {
    let site = Site::example().expect("the example");
    for policy in [Policy::Heliostat, Policy::Nut] {
        let outcome = play(&site, policy, 2, 20.0);
        let classes: f64 = outcome.classes.values().map(|class| class.energy_wh).sum();
        let (nodes, boards) = (outcome.energy_wh.nodes, outcome.energy_wh.boards);
        assert!((nodes - boards - classes).abs() < 0.01 * nodes, "{policy}: {nodes} = {boards} + {classes}");
    }
}

#[test]
fn a_year_wears_the_battery_and_a_site_that_does_not_age_keeps_it() {
    let aged = play(&Site::example().expect("the example"), Policy::Nut, 1, 365.0).battery;
    assert!(aged.capacity_left < 0.97 && aged.capacity_left > 0.6, "{aged:?}");
    assert!(aged.wear_cycles > 0.0 && aged.wear_calendar > 0.1 && aged.full_cycles > 30.0, "{aged:?}");
    let kept = play(&example_with(&[("ages = true ", "ages = false ")]), Policy::Nut, 1, 30.0).battery;
    assert!((kept.capacity_left - 1.0).abs() < 1e-9, "{kept:?}");
}

#[test]
fn a_bigger_panel_serves_more() {
    let served = |watts: &str| {
        let power = format!("power = \"{watts}\"");
        let site = example_with(&[("power = \"200 W\"", &power)]);
        play(&site, Policy::Heliostat, 1, 15.0).worth_served
    };
    assert!(served("600 W") > served("150 W") * 1.2);
}
