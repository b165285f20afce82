//! The ladder against readings made for one condition at a time.

use std::time::Duration;

use hardware::battery::Chemistry;
use protocol::report::{Basis, SocBand, TimeBand};
use protocol::{Charge, Current, Power, Soc, Voltage};

use super::*;

mod rebound;
mod with_plan;
mod woken;

const SECOND: Duration = Duration::from_secs(1);
/// Between two looks where hours pass.
const STRIDE: Duration = Duration::from_secs(10);

fn battery(chemistry: Chemistry) -> Battery {
    Battery {
        chemistry,
        capacity: Charge::from_amp_hours(70.0),
        cutoff: None,
        resistance: None,
        load_max: Power::from_watts(50.0),
        temperature: Temperature::from_celsius(25.0),
    }
}

/// A ladder and what it sees.
struct Bench {
    ladder: Ladder,
    policy: Policy,
    energy: Energy,
    host: HostSample,
    age: Duration,
    fault: Fault,
    celsius: f64,
    by_plan: bool,
    dip: Option<Reason>,
    now: Uptime,
    /// Between two looks.
    stride: Duration,
    floors: Vec<Stage>,
}

impl Bench {
    fn new(chemistry: Chemistry) -> Self {
        Self::resumed(chemistry, None)
    }

    fn resumed(chemistry: Chemistry, resumed: Option<Resumed>) -> Self {
        let policy = Policy::for_chemistry(chemistry);
        Self {
            ladder: Ladder::new(&policy, &battery(chemistry), 0, resumed),
            policy,
            energy: Energy { basis: Basis::Counted, ..Energy::default() },
            host: HostSample::default(),
            age: Duration::ZERO,
            fault: Fault::NotYet,
            celsius: 25.0,
            by_plan: false,
            dip: None,
            now: Uptime::START,
            stride: SECOND,
            floors: Vec::new(),
        }
        .supply(90.0, 12.7, 0.5)
    }

    /// The lower bound of the charge in percent, V* in volts, the current in amperes.
    fn supply(mut self, percent: f64, volts: f64, amps: f64) -> Self {
        self.set(percent, volts, amps);
        self
    }

    fn set(&mut self, percent: f64, volts: f64, amps: f64) {
        let soc = Soc::from_percent;
        self.energy.soc =
            Some(SocBand { low: soc(percent), best: soc(percent + 3.0), high: soc(percent + 6.0) });
        self.energy.compensated = Some(Voltage::from_volts(volts));
        self.energy.voltage = Some(Voltage::from_volts(volts - 0.02 * amps));
        self.energy.current = Some(Current::from_amps(amps));
    }

    fn step(&mut self) {
        let fresh = self.age.is_zero();
        let inputs = Inputs {
            energy: &self.energy,
            age: self.age,
            fault: self.fault,
            fresh,
            temperature: Temperature::from_celsius(self.celsius),
            host: &self.host,
            by_plan: self.by_plan,
            dip: self.dip.as_ref(),
        };
        let before = self.ladder.floor();
        self.ladder.step(self.now, &inputs);
        if self.ladder.floor() != before {
            self.floors.push(self.ladder.floor());
        }
    }

    /// Lets time pass.
    fn live(&mut self, span: Duration) -> &mut Self {
        for _ in 0..span.as_secs() / self.stride.as_secs() {
            self.now += self.stride;
            self.step();
        }
        self
    }

    /// Lets time pass without readings.
    fn blind(&mut self, span: Duration) -> &mut Self {
        for _ in 0..span.as_secs() / self.stride.as_secs() {
            self.now += self.stride;
            self.age += self.stride;
            self.step();
        }
        self
    }

    fn floor(&self) -> Stage {
        self.ladder.floor()
    }
}

const fn mins(minutes: u64) -> Duration {
    Duration::from_mins(minutes)
}

#[test]
fn every_threshold_of_the_table_enters_its_stage_after_its_delay_and_not_before() {
    use Stage::{Drain, Halt, Shed, Throttle};
    for (chemistry, percent, volts, stage, minutes) in [
        (Chemistry::Agm, 69.9, 12.6, Throttle, 10),
        (Chemistry::Agm, 90.0, 12.19, Throttle, 10),
        (Chemistry::Agm, 54.9, 12.6, Shed, 10),
        (Chemistry::Agm, 90.0, 12.04, Shed, 10),
        (Chemistry::Agm, 44.9, 12.6, Drain, 5),
        (Chemistry::Agm, 90.0, 11.89, Drain, 5),
        (Chemistry::Agm, 34.9, 12.6, Halt, 2),
        (Chemistry::Agm, 90.0, 11.69, Halt, 2),
        (Chemistry::LiFePO4, 49.9, 13.3, Throttle, 10),
        (Chemistry::LiFePO4, 34.9, 13.3, Shed, 10),
        (Chemistry::LiFePO4, 90.0, 12.99, Shed, 10),
        (Chemistry::LiFePO4, 24.9, 13.3, Drain, 5),
        (Chemistry::LiFePO4, 90.0, 12.79, Drain, 5),
        (Chemistry::LiFePO4, 14.9, 13.3, Halt, 2),
        (Chemistry::LiFePO4, 90.0, 12.39, Halt, 2),
    ] {
        let mut bench = Bench::new(chemistry).supply(percent, volts, 2.0);
        bench.step();
        bench.live(mins(minutes).saturating_sub(SECOND));
        assert!(bench.floor() < stage, "{chemistry} {percent} % {volts} V: {stage} too early");
        bench.live(SECOND);
        assert_eq!(bench.floor(), stage, "{chemistry} {percent} % {volts} V");
    }
}

#[test]
fn what_lies_at_the_thresholds_enters_nothing() {
    for (chemistry, percent, volts) in [(Chemistry::Agm, 70.0, 12.20), (Chemistry::LiFePO4, 50.0, 13.0)] {
        let mut bench = Bench::new(chemistry).supply(percent, volts, 2.0);
        bench.live(mins(120));
        assert_eq!(bench.floor(), Stage::Normal, "{chemistry}");
    }
}

#[test]
fn a_battery_that_fills_is_not_throttled_for_its_charge() {
    let mut bench = Bench::new(Chemistry::Agm).supply(66.0, 12.9, -3.0);
    bench.live(mins(120));
    assert_eq!(bench.floor(), Stage::Normal);
    bench.set(66.0, 12.6, 2.0);
    bench.live(mins(11));
    assert_eq!(bench.floor(), Stage::Throttle);
}

#[test]
fn a_time_to_empty_too_short_drains() {
    let mut bench = Bench::new(Chemistry::Agm);
    let time =
        |minutes: u32| TimeBand { low: Seconds(minutes * 60), best: Seconds(9999), high: Seconds(99999) };
    bench.energy.time_to_empty = Some(time(91));
    bench.live(mins(20));
    assert_eq!(bench.floor(), Stage::Normal);
    bench.energy.time_to_empty = Some(time(89));
    bench.live(mins(6));
    assert_eq!(bench.floor(), Stage::Drain);
    assert!(matches!(bench.ladder.reason(), Reason::TimeToEmptyBelow { threshold: Seconds(5400), .. }));
}

#[test]
fn terminals_that_collapse_halt_at_once_but_one_reading_does_not() {
    let mut bench = Bench::new(Chemistry::Flooded);
    bench.energy.voltage = Some(Voltage::from_volts(11.2));
    bench.live(SECOND);
    // Silence after a single low reading proves nothing.
    bench.blind(mins(1));
    assert_eq!(bench.floor(), Stage::Normal);
    bench.age = Duration::ZERO;
    bench.live(SECOND * 11);
    assert_eq!(bench.floor(), Stage::Halt);
    assert!(matches!(bench.ladder.reason(), Reason::VoltageCollapsed { .. }));
}

#[test]
fn the_reason_bears_its_numbers() {
    let mut bench = Bench::new(Chemistry::Agm).supply(54.0, 12.6, 2.0);
    bench.live(mins(11));
    let wanted = Reason::SocBelow {
        soc: Soc::from_percent(54.0),
        threshold: Soc::from_percent(55.0),
        held: Seconds(600),
    };
    assert_eq!(bench.ladder.reason(), &wanted);
    bench.set(54.0, 12.6, -5.0);
    bench.live(mins(5));
    assert_eq!(bench.ladder.reason(), &wanted, "it stays that of the decision");
}

#[test]
fn climbing_jumps_to_what_holds_and_recovery_takes_one_rung_at_a_time() {
    let mut bench = Bench::new(Chemistry::Agm).supply(20.0, 11.5, 3.0);
    bench.live(mins(3));
    assert_eq!(bench.floors, [Stage::Halt], "no rung in between");
    bench.set(90.0, 12.9, -4.0);
    bench.live(mins(240));
    assert_eq!(bench.floors[1..], [Stage::Drain, Stage::Shed, Stage::Throttle, Stage::Normal]);
    assert!(matches!(bench.ladder.reason(), Reason::Recovered { .. }));
}

#[test]
fn each_rung_is_left_on_all_its_conditions_only() {
    // (rung, charge, V*, amperes) that just do not leave, for each condition.
    for (percent, volts, amps, stage) in [
        (75.0, 12.6, -1.0, Stage::Throttle),
        (76.0, 12.35, -1.0, Stage::Throttle),
        (62.0, 12.6, -1.0, Stage::Shed),
        (63.0, 12.6, 1.0, Stage::Shed),
        (55.0, 12.6, -1.0, Stage::Drain),
        (50.0, 12.7, -1.0, Stage::Halt),
        (51.0, 12.57, -1.0, Stage::Halt),
        (51.0, 12.7, 1.0, Stage::Halt),
    ] {
        let resumed = Resumed { floor: stage, relapses: 0, woken: false };
        let mut bench = Bench::resumed(Chemistry::Agm, Some(resumed)).supply(percent, volts, amps);
        bench.live(mins(90));
        assert_eq!(bench.floor(), stage, "{percent} % {volts} V {amps} A");
    }
}

#[test]
fn a_battery_that_is_nearly_full_need_not_charge_to_recover() {
    let resumed = Resumed { floor: Stage::Drain, relapses: 0, woken: false };
    let mut bench = Bench::resumed(Chemistry::Agm, Some(resumed)).supply(88.0, 12.7, 2.0);
    bench.live(mins(90));
    assert_eq!(bench.floor(), Stage::Normal, "night, and a sensor that was unplugged for a while");
}

#[test]
fn cold_raises_the_thresholds_of_lead_acid_alone() {
    for (chemistry, percent, stage) in
        [(Chemistry::Agm, 60.0, Stage::Shed), (Chemistry::LiFePO4, 55.0, Stage::Normal)]
    {
        let mut bench = Bench::new(chemistry).supply(percent, 13.3, 2.0);
        bench.celsius = 10.0;
        bench.live(mins(11));
        assert_eq!(bench.floor(), stage, "{chemistry} at {percent} % and 10 C");
    }
}

#[test]
fn a_charge_that_is_not_known_throttles_and_the_voltage_still_rules() {
    let mut bench = Bench::new(Chemistry::Agm).supply(30.0, 12.6, 1.0);
    bench.energy.basis = Basis::Unknown;
    bench.live(mins(9));
    assert_eq!(bench.floor(), Stage::Normal);
    bench.live(mins(2));
    assert_eq!((bench.floor(), bench.ladder.reason()), (Stage::Throttle, &Reason::SocUnknown));
    bench.live(mins(600));
    assert_eq!(bench.floor(), Stage::Throttle, "neither worse, for a bound that means nothing, nor better");
    bench.set(30.0, 11.8, 1.0);
    bench.live(mins(6));
    assert_eq!(bench.floor(), Stage::Drain);
}

#[test]
fn where_only_voltage_is_measured_voltage_leads_down_and_up() {
    let mut bench = Bench::new(Chemistry::Agm);
    bench.energy.basis = Basis::VoltageOnly;
    let volts = |bench: &mut Bench, volts, minutes| {
        bench.set(40.0, volts, 0.0);
        bench.energy.current = None;
        bench.live(mins(minutes));
        bench.floor()
    };
    assert_eq!(volts(&mut bench, 12.5, 60), Stage::Normal, "a wide band's lower bound sheds nothing");
    assert_eq!(volts(&mut bench, 12.0, 11), Stage::Shed);
    assert_eq!(volts(&mut bench, 12.4, 120), Stage::Shed, "nothing charges");
    assert_eq!(volts(&mut bench, 13.3, 120), Stage::Normal);
}

#[test]
fn a_missing_reading_changes_nothing_then_climbs_rung_by_rung_to_drain() {
    let mut bench = Bench::new(Chemistry::Agm);
    bench.live(SECOND);
    bench.fault = Fault::BusGone;
    bench.blind(mins(5).saturating_sub(SECOND));
    assert_eq!(bench.floor(), Stage::Normal);
    bench.blind(SECOND);
    assert_eq!(bench.floor(), Stage::Throttle);
    assert_eq!(bench.ladder.reason(), &Reason::NoReading { fault: Fault::BusGone, age: Seconds(300) });
    bench.blind(mins(5));
    assert_eq!(bench.floor(), Stage::Shed);
    bench.blind(mins(5));
    assert_eq!(bench.floor(), Stage::Drain);
    bench.blind(mins(600));
    assert_eq!(
        bench.floors,
        [Stage::Throttle, Stage::Shed, Stage::Drain],
        "the estimate says there is energy"
    );
    bench.set(34.0, 12.6, 1.0);
    bench.energy.basis = Basis::Aged;
    bench.blind(mins(3));
    assert_eq!(bench.floor(), Stage::Halt, "the aged estimate says there may be none");
    assert!(matches!(bench.ladder.reason(), Reason::NoReading { fault: Fault::BusGone, .. }));
}

#[test]
fn blind_from_the_start_counts_down_from_drains_threshold() {
    let mut bench = Bench::new(Chemistry::Agm);
    bench.energy = Energy::default();
    bench.fault = Fault::NoSensor;
    bench.blind(mins(16));
    assert_eq!(bench.floor(), Stage::Drain);
    // From 45 % to 35 % of 70 Ah at 50 W and 12 V: 1 h 40 min.
    bench.blind(mins(98));
    assert_eq!(bench.floor(), Stage::Drain);
    bench.blind(mins(3));
    assert_eq!(bench.floor(), Stage::Halt);
}

#[test]
fn a_stage_is_never_left_without_readings() {
    for stage in Stage::ALL {
        let resumed = Resumed { floor: stage, relapses: 0, woken: true };
        let mut bench = Bench::resumed(Chemistry::Agm, Some(resumed)).supply(95.0, 13.0, -3.0);
        bench.stride = STRIDE;
        bench.age = mins(1);
        bench.blind(mins(300));
        assert!(bench.floor() >= stage);
        assert!(bench.floors.is_sorted());
    }
}

#[test]
fn rail_and_heat_throttle_and_clear_by_themselves() {
    let mut bench = Bench::new(Chemistry::Agm);
    bench.host.rail_low = Some(true);
    bench.live(SECOND * 4);
    assert_eq!(bench.floor(), Stage::Normal, "a single dip");
    bench.live(SECOND * 3);
    assert_eq!(bench.floor(), Stage::Throttle);
    assert!(matches!(bench.ladder.reason(), Reason::RailLow { .. }));
    bench.host.rail_low = Some(false);
    bench.live(mins(4));
    assert_eq!(bench.floor(), Stage::Throttle);
    bench.live(mins(2));
    assert_eq!(bench.floor(), Stage::Normal);

    bench.host.temperature = Some(Temperature::from_celsius(78.0));
    bench.live(SECOND * 30);
    assert!(matches!(bench.ladder.reason(), Reason::Hot { .. }), "{:?}", bench.ladder.reason());
    bench.host.temperature = Some(Temperature::from_celsius(71.0));
    bench.live(mins(30));
    assert_eq!(bench.floor(), Stage::Throttle, "5 K below, not merely below");
    bench.host.temperature = Some(Temperature::from_celsius(69.0));
    bench.live(mins(6));
    assert_eq!(bench.floor(), Stage::Normal);
}

#[test]
fn the_next_wish_is_the_next_moment_that_matters() {
    let mut bench = Bench::new(Chemistry::Agm).supply(54.0, 12.6, 2.0);
    bench.live(SECOND);
    let wish = |bench: &Bench| bench.ladder.next_wake(bench.now, bench.now).unwrap();
    assert_eq!(wish(&bench), bench.now + bench.policy.stale_hold, "should the readings end");
    // Woken only when it wishes, it climbs when one that is asked every second does.
    let mut climbed = None;
    for _ in 0..100 {
        // A reading comes with each waking.
        bench.now = wish(&bench);
        bench.step();
        if bench.floor() == Stage::Shed {
            climbed.get_or_insert(bench.now);
        }
    }
    assert_eq!(climbed, Some(Uptime::from_secs(601)));
}

#[test]
fn a_dip_leads_into_shed_at_once_and_out_again_after_the_settling_time_whatever_the_charge_is() {
    // Shed's own way out, 62 % and charging, does not hold: the node would stay until the morning.
    let mut bench = Bench::new(Chemistry::Agm).supply(60.0, 12.3, 2.0);
    let (voltage, threshold) = (Voltage::from_volts(11.4), Voltage::from_volts(11.5));
    bench.dip = Some(Reason::VoltageCollapsed { voltage, threshold, held: Seconds(0) });
    bench.live(SECOND);
    assert_eq!(bench.ladder.floor(), Stage::Shed);
    assert_eq!(bench.ladder.reason(), bench.dip.as_ref().unwrap());
    bench.live(Duration::from_mins(10));
    assert_eq!(bench.ladder.floor(), Stage::Shed, "it goes on");
    bench.dip = None;
    bench.live(bench.policy.settle.saturating_sub(SECOND));
    assert_eq!(bench.ladder.floor(), Stage::Shed);
    bench.live(2 * SECOND);
    assert_eq!(bench.ladder.floor(), Stage::Throttle);
    bench.live(bench.policy.settle * 3);
    assert_eq!(
        bench.ladder.floor(),
        Stage::Throttle,
        "the charge holds it there, as it would have without the dip"
    );
}

#[test]
fn a_dip_leads_back_to_where_it_found_the_node() {
    let mut bench = Bench::new(Chemistry::Agm).supply(72.0, 12.5, 2.0);
    bench.dip = Some(Reason::Clear);
    bench.live(SECOND);
    bench.dip = None;
    bench.live(bench.policy.settle * 3);
    assert_eq!(
        bench.floors,
        [Stage::Shed, Stage::Throttle, Stage::Normal],
        "72 % would not leave a throttle of the supply's"
    );
}

#[test]
fn a_dip_under_a_battery_that_is_low_becomes_the_supplys_affair() {
    let mut bench = Bench::new(Chemistry::Agm).supply(50.0, 12.0, 2.0);
    bench.dip = Some(Reason::Clear);
    bench.live(SECOND);
    assert_eq!(bench.ladder.floor(), Stage::Shed);
    bench.dip = None;
    bench.live(Duration::from_mins(30));
    assert_eq!(bench.ladder.floor(), Stage::Shed, "the charge holds it there");
}
