//! The panel's power, inferred.

use hardware::sim::noise::Gaussian;
use protocol::{Current, Power, Voltage};

use super::super::inference::{Doing, HoldPoints, Holding, LoadModel};

/// The true load: a switch of 8 W, nodes of 2.9 W, 1.7 W more when busy.
fn truth(doing: &Doing) -> f64 {
    8.0 + 2.9 * f64::from(doing.nodes_up) + 1.7 * doing.busy
}

fn nights(count: u32) -> LoadModel {
    let mut model = LoadModel::default();
    let mut noise = Gaussian::new(4);
    for minute in 0..count * 600 {
        let nodes_up = 10 - (minute / 120 % 5) as u16;
        let doing = Doing { nodes_up, busy: f64::from(nodes_up) * f64::from(minute % 11) / 20.0 };
        let voltage = Voltage::from_volts(12.4);
        let drawn = truth(&doing) + 0.8 * noise.draw();
        model.learn(&doing, voltage, Current::from_amps(drawn / 12.4));
    }
    model
}

#[test]
fn two_nights_teach_what_the_fleet_draws() {
    let model = nights(2);
    for doing in [
        Doing { nodes_up: 10, busy: 3.0 },
        Doing { nodes_up: 6, busy: 0.0 },
        Doing { nodes_up: 8, busy: 4.0 },
    ] {
        let load = model.load(&doing);
        let off = (load.power.watts() - truth(&doing)).abs();
        assert!(off < 0.5, "{off:.2} W off at {doing:?}");
        assert!((0.3..2.0).contains(&load.spread.watts()), "{}", load.spread);
    }
}

#[test]
fn what_was_never_seen_is_known_less_well() {
    let model = nights(2);
    let seen = model.load(&Doing { nodes_up: 8, busy: 2.0 }).spread;
    assert!(LoadModel::default().load(&Doing { nodes_up: 8, busy: 2.0 }).spread > seen * 3.0);
}

#[test]
fn by_day_the_panel_is_the_load_less_what_the_battery_gives() {
    let model = nights(2);
    let doing = Doing { nodes_up: 9, busy: 2.0 };
    let (panel, voltage) = (63.0, Voltage::from_volts(13.4));
    let current = Current::from_amps((truth(&doing) - panel) / 13.4);
    let seen = model.panel(&doing, voltage, current);
    assert!((seen.power.watts() - panel).abs() < 0.6, "{}", seen.power);
    let night = model.panel(&doing, voltage, Current::from_amps(5.0));
    assert_eq!(night.power, Power::ZERO, "a panel draws nothing");
}

#[test]
fn nonsense_teaches_nothing() {
    let mut model = nights(1);
    let before = model;
    let doing = Doing { nodes_up: 5, busy: 1.0 };
    for amps in [f64::NAN, f64::INFINITY, -3.0] {
        model.learn(&doing, Voltage::from_volts(12.5), Current::from_amps(amps));
    }
    assert_eq!(model, before);
    assert_eq!(model.sound(), before);
}

/// An AGM battery of 70 Ah on the usual charger.
fn usual() -> HoldPoints {
    HoldPoints {
        absorption: Voltage::from_volts(14.4),
        float: Voltage::from_volts(13.6),
        tail: Current::from_amps(1.4),
    }
}

#[test]
fn a_full_battery_holds_the_panel_back_and_a_rising_one_does_not() {
    let hold = usual();
    let curtail = |volts: f64, amps: f64| hold.curtail(Voltage::from_volts(volts), Current::from_amps(amps));
    assert!(curtail(14.38, -2.0), "absorption");
    assert!(curtail(13.62, -0.3), "float");
    assert!(curtail(13.55, 0.4), "float, the load at a little more than the panel");
    assert!(!curtail(13.6, -6.0), "on the way to absorption");
    assert!(!curtail(13.6, 3.0), "the load is more than the panel gives");
    assert!(!curtail(12.9, -5.0), "bulk");
}

/// A day's moments: volts, amperes (negative while it charges), whether there is light, and whether the panel is held back.
fn follow(moments: &[(f64, f64, bool, bool)]) {
    let (points, mut holding) = (usual(), Holding::default());
    for (volts, amps, lit, held) in moments {
        let seen = holding.look(&points, Voltage::from_volts(*volts), Current::from_amps(*amps), *lit);
        assert_eq!(seen, *held, "{volts} V, {amps} A");
    }
}

#[test]
fn after_absorption_the_panel_is_held_back_at_float_however_much_the_battery_still_takes() {
    follow(&[
        (13.59, -7.6, true, false), // on its way up
        (14.37, -7.4, true, true),  // absorption
        (13.56, -2.2, true, true),  // float, and more than the tail
        (13.55, -1.2, true, true),
        (13.2, -0.5, true, false), // a cloud: all that it gives
        (13.5, 3.0, true, false),  // the load takes more than it gives
        (13.56, -2.1, true, true),
    ]);
}

#[test]
fn a_charge_that_begins_anew_is_not_held_back_at_float() {
    follow(&[(14.3, -5.0, true, true), (12.75, 0.5, true, false), (13.6, -6.0, true, false)]);
    let morning = [(14.3, -5.0, true, true), (13.3, 2.0, false, false), (13.55, -6.0, true, false)];
    follow(&morning);
}

#[test]
fn a_charger_that_minds_the_heat_holds_back_lower() {
    // 34 C: 0.16 V less of both.
    follow(&[(14.24, -5.0, true, true), (13.44, -1.9, true, true)]);
}
