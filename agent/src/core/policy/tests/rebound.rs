//! Voltages that spring back when the load falls, and noise: no flapping.

use proptest::prelude::*;

use super::*;

/// A battery whose voltage springs back when the load falls, with a load that follows the stage.
fn rebound(chemistry: Chemistry, resistance: f64, sun: f64, hours: u64, start: f64) -> Vec<Stage> {
    let mut bench = Bench::new(chemistry);
    let capacity = 70.0;
    let mut percent: f64 = start;
    let mut mean: Option<f64> = None;
    bench.stride = STRIDE;
    for step in 0..hours * 3600 / STRIDE.as_secs() {
        let load = match bench.floor() {
            Stage::Normal => 4.0,
            Stage::Throttle => 3.0,
            Stage::Shed => 2.2,
            Stage::Drain => 1.2,
            Stage::Halt => 0.1,
        };
        let amps = load - sun;
        percent = (percent - STRIDE.as_secs_f64() * amps / capacity / 36.0).clamp(0.0, 100.0);
        let rest = chemistry.usual().rest.voltage(Soc::from_percent(percent)).volts();
        // Half of the sag is compensated: the estimator does not know the resistance well.
        let seen = rest - 0.5 * resistance * amps;
        let smooth = mean.map_or(seen, |mean| mean + (seen - mean) * STRIDE.as_secs_f64() / 300.0);
        mean = Some(smooth);
        bench.now = Uptime::from_secs(step * STRIDE.as_secs());
        bench.set(percent, smooth, amps);
        bench.energy.voltage = Some(Voltage::from_volts(rest - resistance * amps));
        bench.step();
    }
    bench.floors
}

#[test]
fn shedding_that_lets_the_voltage_rebound_does_not_oscillate() {
    for chemistry in Chemistry::ALL {
        for resistance in [0.02, 0.08] {
            let floors = rebound(chemistry, resistance, 0.0, 20, 80.0);
            assert!(floors.is_sorted(), "{chemistry} {resistance} Ohm: {floors:?}");
            // A sun that just carries the shed load, but not the whole one.
            let floors = rebound(chemistry, resistance, 2.6, 72, 60.0);
            let turns = floors.windows(2).filter(|pair| pair[1] < pair[0]).count();
            assert!(turns <= 8, "{chemistry} {resistance} Ohm: {floors:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    /// Whatever is read: the floor recovers one rung at a time, each rung held.
    #[test]
    fn recovery_is_one_rung_at_a_time(
        course in prop::collection::vec((0.0..100.0_f64, 10.5..14.5_f64, -5.0..5.0_f64, 1..7200_u64, any::<bool>()), 1..20)
    ) {
        let mut bench = Bench::new(Chemistry::Agm);
        let mut entered = (Stage::Normal, bench.now);
        for (percent, volts, amps, seconds, silent) in course {
            bench.set(percent, volts, amps);
            bench.age = Duration::ZERO;
            for _ in 0..seconds / 10 {
                bench.now += SECOND * 10;
                if silent {
                    bench.age += SECOND * 10;
                }
                bench.step();
                if bench.floor() < entered.0 {
                    prop_assert_eq!(bench.floor(), entered.0.descend());
                    prop_assert!(bench.now.since(entered.1) >= mins(15));
                    prop_assert!(bench.age < bench.policy.stale_hold, "never blindly");
                }
                if bench.floor() != entered.0 {
                    entered = (bench.floor(), bench.now);
                }
            }
        }
    }

    /// Noise around any threshold does not flap the floor.
    #[test]
    fn noise_at_a_threshold_does_not_flap(
        percent in prop::sample::select(&[70.0, 55.0, 45.0, 35.0, 75.0, 62.0, 50.0][..]),
        noise in prop::collection::vec(-3.0..3.0_f64, 400),
        amps in -1.0..1.0_f64,
    ) {
        let mut bench = Bench::new(Chemistry::Agm);
        bench.stride = STRIDE;
        for (index, noise) in noise.iter().cycle().take(2000).enumerate() {
            let sign = if index % 7 < 3 { 1.0 } else { -1.0 };
            bench.set(percent + noise, 12.6, amps + sign);
            bench.live(SECOND * 30);
        }
        prop_assert!(bench.floors.len() <= 6, "{:?} in 16 hours", bench.floors);
    }
}
