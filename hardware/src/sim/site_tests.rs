use proptest::prelude::*;
use protocol::Cpus;

use super::*;
use crate::boards::Board;
use crate::sim::converter::Converter;
use crate::sim::load::{Limit, Work};
use crate::sim::weather::DayKind;

const SECOND: Duration = Duration::from_secs(1);

fn settings(chemistry: Chemistry, percent: f64) -> Settings {
    let label = Charge::from_amp_hours(70.0);
    Settings {
        chemistry,
        label,
        condition: Condition::NEW,
        soc: Soc::from_percent(percent),
        panel: Panel {
            label: Power::from_watts(250.0),
            tilt_degrees: 35.0,
            azimuth_degrees: 0.0,
            soiling: 0.03,
        },
        charger: charger::Settings::usual(chemistry, label),
        latitude_degrees: 45.0,
        climate: Climate::TEMPERATE,
        record: None,
        ages: false,
        start: SolarTime { day: 100, since_midnight: Duration::from_hours(18) },
        network: Power::from_watts(5.0),
        seed: 5,
    }
}

fn nodes(busy_milli: u32) -> Vec<NodeLoad> {
    let board = Board::from_model("Raspberry Pi 3 Model B").unwrap();
    let mut node = NodeLoad::new(board, Converter::SYNCHRONOUS);
    node.set_work(&[Work { wants: Cpus::from_milli(busy_milli), limit: Limit::Free }]);
    vec![node; 10]
}

fn run(site: &mut Site, time: Duration, step: Duration) {
    for _ in 0..time.as_secs() / step.as_secs() {
        site.step(step);
    }
}

/// What entered from the panel is stored, lost in the battery, or used: the gap between the two sides.
fn gap(site: &Site, stored_at_start: Energy) -> Energy {
    let kept = site.battery().stored() - stored_at_start + site.battery().lost();
    site.accounts().panel - site.accounts().used() - kept
}

#[test]
fn a_fair_day_fills_the_battery_and_the_charger_curtails() {
    let mut site = Site::new(&settings(Chemistry::Agm, 90.0), nodes(200));
    site.weather_mut().ordain(Some(DayKind::Fair));
    run(&mut site, Duration::from_hours(13), SECOND);
    let morning = site.true_soc();
    assert!(morning.percent() < 75.0, "a night took its part: {morning}");
    run(&mut site, Duration::from_hours(10), SECOND);
    assert!(site.true_soc().percent() > 95.0, "{}", site.true_soc());
    let Accounts { available, panel, .. } = *site.accounts();
    assert!(panel < available * 0.95, "{panel} of {available} taken");
    assert_eq!(site.brown_outs(), 0);
}

#[test]
fn unmanaged_nodes_run_the_battery_down_until_the_charger_cuts_them_off() {
    let mut site = Site::new(&settings(Chemistry::Agm, 40.0), nodes(3000));
    site.weather_mut().ordain(Some(DayKind::Dull));
    while site.charger().load_closed() && site.elapsed() < Duration::from_hours(24) {
        site.step(SECOND);
    }
    assert!(!site.charger().load_closed());
    site.step(SECOND);
    assert_eq!(site.brown_outs(), 10, "each node once");
    assert_eq!(site.running(), 0);
    assert_eq!(site.load(), Power::ZERO);
    let cut = site.voltage();
    run(&mut site, Duration::from_mins(10), SECOND);
    assert!(site.voltage() > cut, "the battery recovers without its load");
    site.weather_mut().ordain(Some(DayKind::Fair));
    while !site.charger().load_closed() && site.elapsed() < Duration::from_hours(72) {
        site.step(SECOND);
    }
    assert!(site.charger().load_closed(), "the sun brings it back");
    run(&mut site, Duration::from_mins(2), SECOND);
    assert_eq!(site.running(), 10, "and the nodes boot");
}

#[test]
fn a_load_step_shows_at_the_terminals_at_once_and_goes_with_it() {
    let mut site = Site::new(&settings(Chemistry::Agm, 60.0), nodes(0));
    run(&mut site, Duration::from_hours(4), SECOND);
    let before = (site.voltage(), site.current());
    for index in 0..10 {
        let work = [Work { wants: Cpus::from_milli(4000), limit: Limit::Free }];
        site.node_mut(index).unwrap().set_work(&work);
    }
    site.step(SECOND);
    assert!(site.voltage() < before.0 - Voltage::from_volts(0.01));
    assert!(site.current() > before.1 + Current::from_amps(1.0));
    for index in 0..10 {
        site.node_mut(index).unwrap().set_work(&[]);
    }
    run(&mut site, Duration::from_mins(5), SECOND);
    assert!((site.voltage() - before.0).abs() < Voltage::from_volts(0.02));
}

#[test]
fn a_battery_that_cannot_carry_the_load_loses_the_nodes() {
    let mut settings = settings(Chemistry::Agm, 1.0);
    settings.condition = Condition { capacity: 0.3, resistance: 60.0 };
    settings.charger.cutoff = Voltage::ZERO;
    let mut site = Site::new(&settings, nodes(4000));
    site.step(SECOND);
    assert_eq!(site.brown_outs(), 10);
}

#[test]
fn a_frozen_lithium_battery_leaves_the_sun_to_the_panel() {
    let mut settings = settings(Chemistry::LiFePO4, 50.0);
    settings.climate = Climate::even(0.35, 0.4, -15.0, 5.0);
    settings.start.since_midnight = Duration::from_hours(9);
    let mut site = Site::new(&settings, nodes(500));
    run(&mut site, Duration::from_hours(6), SECOND);
    assert!(site.true_soc().percent() < 50.0, "nothing was charged");
    assert!(site.accounts().panel <= site.accounts().available);
}

#[test]
fn the_same_seed_gives_the_same_site_to_the_last_bit() {
    let days = |seed| {
        let mut site = Site::new(&Settings { seed, ..settings(Chemistry::Flooded, 70.0) }, nodes(800));
        run(&mut site, Duration::from_hours(48), Duration::from_secs(5));
        (site.voltage().volts().to_bits(), site.accounts().panel.watt_hours().to_bits())
    };
    assert_eq!(days(1), days(1));
    assert_ne!(days(1), days(2));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn every_watt_hour_is_accounted_for(
        kind in 0..4_usize,
        soc in 5.0..100.0_f64,
        busy in 0..4000_u32,
        day in 1..365_u32,
        celsius in -10.0..35.0_f64,
        seed in any::<u64>(),
        step in 1..10_u64,
    ) {
        let mut settings = settings(Chemistry::ALL[kind], soc);
        settings.start.day = day;
        settings.seed = seed;
        settings.climate = Climate::even(0.35, 0.4, celsius, 5.0);
        let mut site = Site::new(&settings, nodes(busy));
        let stored = site.battery().stored();
        run(&mut site, Duration::from_hours(60), Duration::from_secs(step));
        let moved = site.accounts().panel + site.accounts().used();
        let gap = gap(&site, stored);
        prop_assert!(gap.abs() < moved * 0.003 + Energy::from_watt_hours(0.2), "{gap:.3} of {moved}");
        prop_assert!(site.accounts().panel <= site.accounts().available + Energy::from_watt_hours(0.01));
        prop_assert!(site.voltage() <= site.charger().ceiling(site.battery().temperature()) + Voltage::from_volts(0.9));
        prop_assert!(site.voltage() > Voltage::from_volts(5.0));
    }
}
