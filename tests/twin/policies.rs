//! That each policy does what its name says.

use std::collections::BTreeMap;

use supervisor::twin::policy::Policy;
use supervisor::twin::{Outcome, Site};

use crate::site::{example_with, play};

fn uptime(outcome: &Outcome, class: &str) -> f64 {
    outcome.classes[class].uptime
}

#[test]
fn nobody_lets_the_charger_cut_and_each_cut_kills_what_ran() {
    let outcome = play(&Site::example().unwrap(), Policy::None, 1, 60.0);
    assert!(outcome.charger_cuts > 0, "a site that is short of energy");
    assert!(outcome.brown_outs >= outcome.charger_cuts * 10, "ten boards each time: {}", outcome.brown_outs);
    // All or nothing: every class runs as long as the others.
    assert!((uptime(&outcome, "critical") - uptime(&outcome, "deferrable")).abs() < 1e-9);
}

#[test]
fn nut_never_lets_the_charger_cut_and_keeps_no_class_longer_than_another() {
    let outcome = play(&Site::example().unwrap(), Policy::Nut, 1, 60.0);
    assert_eq!((outcome.charger_cuts, outcome.brown_outs), (0, 0));
    assert!(outcome.wakes > 0, "and everything comes back");
    assert!((uptime(&outcome, "critical") - uptime(&outcome, "deferrable")).abs() < 0.05);
    assert!(outcome.battery.soc_min > 0.15, "the reserve is kept, roughly: {:?}", outcome.battery);
}

#[test]
fn thresholds_without_hysteresis_chatter() {
    let site = Site::example().unwrap();
    let (alone, nut) = (play(&site, Policy::Threshold, 1, 60.0), play(&site, Policy::Nut, 1, 60.0));
    assert!(alone.stage_changes_mean > 3.0 * nut.stage_changes_mean, "{}", alone.stage_changes_mean);
}

#[test]
fn work_follows_the_sun_where_that_is_the_policy() {
    let outcome = play(&Site::example().unwrap(), Policy::SolarProtocol, 1, 30.0);
    // While the charger feeds them, critical containers run day and night and the others by day.
    let (critical, standard) = (uptime(&outcome, "critical"), uptime(&outcome, "standard"));
    assert!(standard < 0.75 * critical && standard > 0.25 * critical, "{standard} of {critical}");
}

#[test]
fn heliostat_keeps_its_promises_through_weeks_of_faults() {
    let faults = [
        ("sensor_silent = 4.0", "sensor_silent = 60.0"),
        ("sensor_stuck = 2.0", "sensor_stuck = 60.0"),
        ("sensor_drift = 0.5", "sensor_drift = 6.0"),
        ("link_lost = 12.0", "link_lost = 180.0"),
        ("power_lost = 0.5", "power_lost = 24.0"),
        ("docker_silent = 6.0", "docker_silent = 120.0"),
        ("clock_wrong = 0.2", "clock_wrong = 0.5"),
    ];
    let outcome = play(&example_with(&faults), Policy::Heliostat, 2, 30.0);
    assert_eq!(outcome.broken, [], "{:?}", outcome.faults);
    assert_eq!((outcome.brown_outs, outcome.charger_cuts), (0, 0), "{:?}", outcome.faults);
    let played: u32 = outcome.faults.values().sum();
    assert!(played > 100 && outcome.faults.len() >= 6, "{:?}", outcome.faults);
}

#[test]
fn heliostat_keeps_what_matters_running_longest() {
    let outcome = play(&Site::example().unwrap(), Policy::Heliostat, 1, 45.0);
    assert_eq!((outcome.brown_outs, outcome.charger_cuts), (0, 0));
    assert_eq!(outcome.broken, []);
    let by_class: BTreeMap<_, _> =
        outcome.classes.iter().map(|(name, class)| (*name, class.uptime)).collect();
    assert!(by_class["critical"] >= by_class["standard"], "{by_class:?}");
    assert!(by_class["standard"] >= by_class["deferrable"], "{by_class:?}");
    assert!(outcome.stage_changes_max <= 6.0, "{}", outcome.stage_changes_max);
}

#[test]
fn a_site_with_plenty_of_energy_serves_everything_under_every_policy_that_lets_it() {
    let plenty = example_with(&[
        ("power = \"200 W\"", "power = \"2 kW\""),
        ("capacity = \"100 Ah\"", "capacity = \"600 Ah\""),
    ]);
    for policy in [Policy::Heliostat, Policy::Nut, Policy::None] {
        let outcome = play(&plenty, policy, 1, 10.0);
        assert!(uptime(&outcome, "critical") > 0.99, "{policy}: {:?}", outcome.classes);
    }
}
