//! Quantities behave as physics and the wire want it.

use std::time::Duration;

use proptest::prelude::*;
use protocol::{Charge, Cpus, Current, Energy, Power, Resistance, Soc, Uptime, Voltage};

/// A positive amount of something, far from the ends of what a float can hold.
fn amount() -> impl Strategy<Value = f64> {
    0.001..100_000.0_f64
}

fn close(left: f64, right: f64) -> bool {
    (left - right).abs() <= 1e-9 * left.abs().max(right.abs()).max(1.0)
}

proptest! {
    #[test]
    fn products_divide_back_into_their_factors(volts in amount(), amps in amount()) {
        let (voltage, current) = (Voltage::from_volts(volts), Current::from_amps(amps));
        let power = voltage * current;
        prop_assert!(close((power / current).volts(), volts));
        prop_assert!(close((power / voltage).amps(), amps));
        prop_assert!(close(((voltage / current) * current).volts(), volts));
        prop_assert!(close((current * (voltage / current)).volts(), volts));
    }

    #[test]
    fn a_rate_over_a_time_lasts_that_time(watts in amount(), seconds in 1..10_000_000_u64) {
        let (power, time) = (Power::from_watts(watts), Duration::from_secs(seconds));
        let energy: Energy = power * time;
        prop_assert!(close((energy / time).watts(), watts));
        let lasts = energy.lasts(power).unwrap();
        prop_assert!(close(lasts.as_secs_f64(), time.as_secs_f64()));
        let charge: Charge = Current::from_amps(watts) * time;
        prop_assert!(close(charge.lasts(Current::from_amps(watts)).unwrap().as_secs_f64(), time.as_secs_f64()));
    }

    #[test]
    fn nothing_lasts_less_than_no_time_and_no_rate_makes_it_panic(left in any::<f64>(), rate in any::<f64>()) {
        let lasts = Energy::from_watt_hours(left).lasts(Power::from_watts(rate));
        prop_assert!(rate > 0.0 || lasts.is_none() || rate.is_nan());
    }

    #[test]
    fn text_with_its_unit_reads_back(milli in any::<i32>()) {
        let value = f64::from(milli) / 1000.0;
        let voltage = Voltage::from_volts(value);
        prop_assert_eq!(format!("{voltage:.3}").parse(), Ok(voltage));
        prop_assert_eq!(format!("{milli}mV").parse().map(|read: Voltage| close(read.volts(), value)), Ok(true));
        prop_assert_eq!(format!("{value} Ohm").parse(), Ok(Resistance::from_ohms(value)));
        for other in [format!("{value} A"), format!("{value}")] {
            prop_assert!(other.parse::<Voltage>().is_err(), "{}", other);
        }
    }

    #[test]
    fn arbitrary_text_is_a_quantity_or_an_error(text in "\\PC{0,12}") {
        if let Ok(voltage) = text.parse::<Voltage>() {
            prop_assert!(voltage.is_finite() && text.trim_end().ends_with('V'));
        }
        if let Ok(soc) = text.parse::<Soc>() {
            prop_assert!((0.0..=1.0).contains(&soc.fraction()));
        }
        if let Ok(cpus) = text.parse::<Cpus>() {
            prop_assert!(cpus >= Cpus::from_milli(10));
        }
    }

    #[test]
    fn a_state_of_charge_stays_within_its_bounds(fraction in any::<f64>(), points in any::<f64>()) {
        let soc = Soc::from_fraction(fraction);
        for soc in [soc, soc.plus_points(points), Soc::from_percent(points)] {
            prop_assert!(soc >= Soc::EMPTY && soc <= Soc::FULL);
        }
    }

    #[test]
    fn the_wire_form_of_every_integer_is_that_integer(milli in any::<i32>()) {
        let mut out = [0; 8];
        let voltage = Voltage::from_volts(f64::from(milli) / 1000.0);
        let bytes = postcard::to_slice(&voltage, &mut out).unwrap();
        prop_assert_eq!(postcard::from_bytes::<i32>(bytes), Ok(milli));
        prop_assert_eq!(postcard::from_bytes::<Voltage>(bytes), Ok(voltage));
    }

    #[test]
    fn json_has_quantities_as_text_with_their_unit(milli in -20_000..20_000_i32) {
        let current = Current::from_amps(f64::from(milli) / 1000.0);
        let text = serde_json::to_string(&current).unwrap();
        prop_assert_eq!(&text, &format!("\"{current}\""));
        let read: Current = serde_json::from_str(&text).unwrap();
        prop_assert!((read - current).abs() <= Current::from_amps(0.005_001), "rounded to what is shown");
    }

    #[test]
    fn times_are_ordered_and_never_negative(start in any::<u64>(), millis in any::<u64>()) {
        let earlier = Uptime::from_millis(start);
        let later = earlier + Duration::from_millis(millis);
        prop_assert!(later >= earlier);
        prop_assert_eq!(earlier - later, Duration::ZERO);
        prop_assert_eq!(later - earlier, Duration::from_millis(later.as_millis() - start));
    }
}
