use proptest::prelude::*;

use super::*;

const ALL: [Chemistry; 4] = Chemistry::ALL;
const LABEL: Charge = Charge::from_amp_hours(70.0);

fn battery(chemistry: Chemistry, percent: f64) -> Battery {
    Battery::new(chemistry, LABEL, Condition::NEW, Soc::from_percent(percent))
}

fn amps(value: f64) -> Current {
    Current::from_amps(value)
}

/// Discharges to a voltage at a constant current; gives the charge that came out.
fn discharge(battery: &mut Battery, current: Current, to: Voltage) -> Charge {
    let dt = Duration::from_secs(10);
    let mut drawn = Charge::ZERO;
    while battery.voltage(current) > to {
        battery.step(dt, current);
        drawn += current * dt;
    }
    drawn
}

/// Charges as a charger would: constant current, then constant voltage, for a time.
fn charge(battery: &mut Battery, most: Current, voltage: Voltage, time: Duration) {
    let dt = Duration::from_secs(10);
    for _ in 0..time.as_secs() / dt.as_secs() {
        let current = battery.current_at(voltage).max(-most);
        battery.step(dt, current);
    }
}

fn cut(chemistry: Chemistry) -> Voltage {
    Voltage::from_volts(if chemistry == Chemistry::LiFePO4 { 10.0 } else { 10.5 })
}

#[test]
fn a_20_hour_discharge_yields_the_label() {
    for chemistry in ALL {
        let mut battery = battery(chemistry, 100.0);
        let drawn = discharge(&mut battery, amps(3.5), cut(chemistry));
        assert!((drawn / LABEL - 1.0).abs() < 0.04, "{chemistry:?}: {drawn}");
        assert!(battery.true_soc().percent() < 4.0, "{chemistry:?}: {}", battery.true_soc());
    }
}

#[test]
fn a_faster_discharge_yields_less_and_a_rest_gives_some_of_it_back() {
    for (chemistry, most) in [(Chemistry::Agm, 0.92), (Chemistry::Flooded, 0.85)] {
        let mut battery = battery(chemistry, 100.0);
        let first = discharge(&mut battery, amps(14.0), cut(chemistry));
        assert!(first / LABEL < most, "{chemistry:?}: {first}");
        let exhausted = battery.voltage(Current::ZERO);
        for _ in 0..360 {
            battery.step(Duration::from_secs(10), Current::ZERO);
        }
        assert!(battery.voltage(Current::ZERO) > exhausted + Voltage::from_volts(0.1), "recovers");
        assert!(discharge(&mut battery, amps(3.5), cut(chemistry)) > Charge::from_amp_hours(3.0));
    }
}

#[test]
fn sags_at_once_then_further_and_recovers_in_minutes() {
    let mut battery = battery(Chemistry::Agm, 60.0);
    let rest = battery.voltage(Current::ZERO);
    let at_once = battery.voltage(amps(5.0));
    for _ in 0..30 {
        battery.step(Duration::from_secs(10), amps(5.0));
    }
    let later = battery.voltage(amps(5.0));
    assert!(at_once < rest - Voltage::from_volts(0.03), "{at_once} from {rest}");
    assert!(later < at_once - Voltage::from_volts(0.03), "{later} from {at_once}");
    let released = battery.voltage(Current::ZERO);
    for _ in 0..60 {
        battery.step(Duration::from_secs(10), Current::ZERO);
    }
    assert!(battery.voltage(Current::ZERO) > released + Voltage::from_volts(0.02));
    assert!(battery.voltage(Current::ZERO) < rest, "but some charge is gone");
}

#[test]
fn the_charging_current_tapers_and_a_full_battery_stays_full() {
    for (chemistry, volts) in [(Chemistry::Agm, 14.4), (Chemistry::Flooded, 14.4), (Chemistry::LiFePO4, 14.2)]
    {
        let absorption = Voltage::from_volts(volts);
        let mut battery = battery(chemistry, 30.0);
        charge(&mut battery, amps(10.0), absorption, Duration::from_hours(2));
        assert_eq!(battery.current_at(absorption).max(amps(-10.0)), amps(-10.0), "{chemistry:?}: bulk");
        charge(&mut battery, amps(10.0), absorption, Duration::from_hours(14));
        assert!(battery.true_soc().percent() > 98.0, "{chemistry:?}: {}", battery.true_soc());
        let tail = -battery.current_at(absorption);
        assert!(tail < amps(1.4), "{chemistry:?}: under 2 % of the capacity, was {tail}");
        charge(&mut battery, amps(10.0), absorption, Duration::from_hours(48));
        assert!(battery.stored() < battery_full(chemistry), "{chemistry:?}: nothing beyond full");
    }
}

/// A little above what a full one stores (its polarisation included).
fn battery_full(chemistry: Chemistry) -> Energy {
    battery(chemistry, 100.0).stored() + Energy::from_watt_hours(2.0)
}

#[test]
fn loses_a_few_percent_in_a_month_at_rest() {
    for chemistry in ALL {
        let mut battery = battery(chemistry, 100.0);
        for _ in 0..30 * 24 * 60 {
            battery.step(Duration::from_mins(1), Current::ZERO);
        }
        let lost = 100.0 - battery.true_soc().percent();
        assert!((1.0..9.0).contains(&lost), "{chemistry:?}: {lost} %");
    }
}

#[test]
fn cold_takes_capacity_and_stiffness() {
    let (mut warm, mut cold) = (battery(Chemistry::Agm, 100.0), battery(Chemistry::Agm, 100.0));
    cold.set_temperature(Temperature::from_celsius(0.0));
    assert!(cold.voltage(amps(10.0)) < warm.voltage(amps(10.0)));
    let (warm, cold) = (
        discharge(&mut warm, amps(3.5), Voltage::from_volts(10.5)),
        discharge(&mut cold, amps(3.5), Voltage::from_volts(10.5)),
    );
    assert!((0.75..0.95).contains(&(cold / warm)), "{cold} of {warm}");
}

#[test]
fn lithium_takes_no_charge_below_freezing() {
    let mut battery = battery(Chemistry::LiFePO4, 50.0);
    battery.set_temperature(Temperature::from_celsius(-1.0));
    assert_eq!(battery.current_at(Voltage::from_volts(14.2)), Current::ZERO);
    assert_eq!(battery.current_for(Power::from_watts(-50.0)), Some(Current::ZERO));
    assert!(battery.current_for(Power::from_watts(50.0)).is_some(), "it still delivers");
}

#[test]
fn an_aged_battery_has_less_and_sags_more() {
    let new = battery(Chemistry::Agm, 80.0);
    let aged = Battery::new(Chemistry::Agm, LABEL, Condition::AGED, Soc::from_percent(80.0));
    assert!(aged.nominal() < new.nominal());
    assert!(aged.voltage(amps(10.0)) < new.voltage(amps(10.0)));
    assert!((aged.true_soc().percent() - 80.0).abs() < 1e-6);
}

#[test]
fn what_an_ageing_battery_held_in_its_lost_part_is_lost() {
    let mut battery = battery(Chemistry::Agm, 80.0);
    let (before, soc) = (battery.stored(), battery.true_soc());
    battery.set_condition(LABEL, Condition { capacity: 0.9, resistance: 1.5 });
    assert!((before - battery.stored() - battery.lost()).abs() < Energy::from_watt_hours(1e-9));
    assert!(battery.stored() < before * 0.92);
    assert!((battery.true_soc().percent() - soc.percent()).abs() < 1e-9, "as full as before, of less");
}

#[test]
fn cannot_deliver_more_than_its_resistance_allows() {
    assert!(battery(Chemistry::Agm, 50.0).current_for(Power::from_watts(20_000.0)).is_none());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn energy_is_stored_lost_or_delivered(
        kind in 0..4_usize,
        start in 25.0..95.0_f64,
        celsius in 1.0..40.0_f64,
        loads in prop::collection::vec(-8.0..8.0_f64, 1..8),
    ) {
        let mut battery = battery(ALL[kind], start);
        battery.set_temperature(Temperature::from_celsius(celsius));
        let before = battery.stored();
        let (mut delivered, mut moved) = (Energy::ZERO, Energy::ZERO);
        let dt = Duration::from_secs(5);
        for load in loads {
            for _ in 0..360 {
                let (low, high) = (battery.current_at(cut(ALL[kind])), battery.current_at(Voltage::from_volts(14.6)));
                let current = amps(load).min(low).max(high);
                let energy = battery.voltage(current) * current * dt;
                delivered += energy;
                moved += energy.abs();
                battery.step(dt, current);
            }
        }
        let gap = before - battery.stored() - delivered - battery.lost();
        prop_assert!(gap.abs() < moved * 0.002 + Energy::from_watt_hours(0.02), "{gap:.3} of {moved}");
        prop_assert!(battery.lost() >= Energy::ZERO);
    }

    #[test]
    fn voltage_falls_with_current_and_power_solves_for_it(
        kind in 0..4_usize,
        soc in 5.0..99.0_f64,
        watts in -150.0..150.0_f64,
        more in 0.1..50.0_f64,
    ) {
        let battery = battery(ALL[kind], soc);
        prop_assert!(battery.voltage(amps(watts / 12.0 + more)) < battery.voltage(amps(watts / 12.0)));
        if let Some(current) = battery.current_for(Power::from_watts(watts)) {
            let power = battery.voltage(current) * current;
            prop_assert!((power.watts() - watts).abs() < 1e-6);
            let back = battery.current_at(battery.voltage(current));
            prop_assert!((back - current).abs() < amps(1e-9));
        }
    }
}
