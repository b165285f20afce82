//! Sensors that live, die, lie and disagree.

use std::fmt::Write as _;
use std::path::Path;

use protocol::Current;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn filter(sensors: usize) -> Filter {
    let mut text =
        "[node]\nsupply = \"roof\"\n[battery]\nchemistry = \"agm\"\ncapacity = \"70 Ah\"\n".to_owned();
    for address in 0..sensors {
        let _ = write!(
            text,
            "[[sensor]]\nkind = \"ina226\"\nbus = \"/dev/i2c-1\"\naddress = {}\nshunt = \"2 mOhm\"\n\
             current_max = \"20 A\"\n",
            0x40 + address
        );
    }
    Filter::new(&Config::parse(&text, Path::new("test.toml")).expect("a config"))
}

/// A filter, its clock, and what it warned of.
struct Bench {
    filter: Filter,
    now: Uptime,
    raw: u64,
    actions: Vec<Action>,
}

impl Bench {
    fn new(sensors: usize) -> Self {
        Self { filter: filter(sensors), now: Uptime::START, raw: 0, actions: Vec::new() }
    }

    fn sample(&mut self, volts: f64, amps: f64) -> Sample {
        self.raw += 1;
        Sample {
            voltage: Voltage::from_volts(volts),
            current: Some(Current::from_amps(amps)),
            temperature: None,
            reported: None,
            count: None,
            raw: self.raw,
        }
    }

    fn take(&mut self, sensor: u8, reading: Reading) -> Heard {
        self.filter.take(self.now, SensorId(sensor), reading, &mut self.actions)
    }

    /// One second later.
    fn read(&mut self, volts: f64) -> Heard {
        self.now += SECOND;
        let sample = self.sample(volts, 1.0);
        self.take(0, Ok(sample))
    }

    fn fail(&mut self, fault: Fault) -> Heard {
        self.now += SECOND;
        self.take(0, Err(fault))
    }

    /// Two sensors, a second of both; what the first and the second are heard as.
    fn both(&mut self, first: f64, second: f64) -> [Heard; 2] {
        self.now += SECOND;
        let (a, b) = (self.sample(first, 1.0), self.sample(second, 1.0));
        [self.take(0, Ok(a)), self.take(1, Ok(b))]
    }

    fn warnings(&mut self) -> Vec<(u8, String)> {
        let drained = self.actions.drain(..).filter_map(|action| match action {
            Action::Warn(Warning::Sensor { sensor, what }) => Some((sensor, what)),
            _ => None,
        });
        drained.collect()
    }
}

fn voltage(heard: Heard) -> Option<f64> {
    match heard {
        Heard::Sample(sample) => Some(sample.voltage.volts()),
        _ => None,
    }
}

#[test]
fn a_single_failure_is_forgotten_by_the_next_good_reading() {
    let mut bench = Bench::new(1);
    assert_eq!(voltage(bench.read(12.5)), Some(12.5));
    assert_eq!(bench.fail(Fault::NoAcknowledge), Heard::Nothing);
    assert_eq!(bench.fail(Fault::NoAcknowledge), Heard::Nothing);
    assert_eq!(voltage(bench.read(12.5)), Some(12.5));
    assert_eq!(bench.warnings(), []);
}

#[test]
fn a_sensor_that_keeps_failing_is_faulty_and_needs_several_good_readings_to_be_believed() {
    let mut bench = Bench::new(1);
    bench.read(12.5);
    for _ in 0..2 {
        bench.fail(Fault::BusGone);
    }
    assert_eq!(bench.fail(Fault::BusGone), Heard::Miss(Fault::BusGone));
    assert!(bench.filter.is_faulty());
    assert_eq!(bench.read(12.5), Heard::Miss(Fault::BusGone));
    assert_eq!(bench.read(12.5), Heard::Miss(Fault::BusGone));
    assert_eq!(voltage(bench.read(12.5)), Some(12.5));
    let told = bench.warnings();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[1].1.starts_with("reads again after 5 s"), "{told:?}");
}

#[test]
fn what_no_battery_shows_is_not_believed() {
    for (volts, amps) in
        [(0.0, 1.0), (5.0, 1.0), (31.0, 1.0), (f64::NAN, 1.0), (12.5, 60.0), (12.5, f64::NAN)]
    {
        let mut bench = Bench::new(1);
        bench.read(12.5);
        let mut last = Heard::Nothing;
        for _ in 0..3 {
            bench.now += SECOND;
            let sample = bench.sample(volts, amps);
            last = bench.take(0, Ok(sample));
        }
        let Heard::Miss(fault) = last else { panic!("{volts} V {amps} A: {last:?}") };
        match fault {
            Fault::VoltageAbsurd { read, .. } => assert!((read.volts() - volts).abs() < 1e-9),
            Fault::CurrentAbsurd { read, limit } => {
                assert!(read > limit && limit == Current::from_amps(25.0));
            }
            Fault::Garbled => assert!(volts.is_nan() || amps.is_nan()),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_value_that_never_moves_is_stuck_and_moving_again_heals_it() {
    let mut bench = Bench::new(1);
    bench.read(12.5);
    let frozen = bench.sample(12.5, 1.0);
    let mut stuck_at = None;
    for second in 0..1200_u32 {
        bench.now += SECOND;
        if let Heard::Miss(Fault::Stuck { .. }) = bench.take(0, Ok(frozen)) {
            stuck_at.get_or_insert(second);
        }
    }
    assert_eq!(stuck_at, Some(900));
    for _ in 0..2 {
        bench.read(12.5);
    }
    assert_eq!(voltage(bench.read(12.51)), Some(12.51));
    assert_eq!(bench.warnings().len(), 2);
}

#[test]
fn a_spike_is_doubted_and_a_lasting_jump_believed() {
    let mut bench = Bench::new(1);
    for _ in 0..5 {
        bench.read(12.5);
    }
    assert_eq!(bench.read(9.0), Heard::Nothing);
    assert_eq!(voltage(bench.read(12.5)), Some(12.5));
    assert_eq!(bench.read(14.6), Heard::Nothing);
    assert_eq!(bench.read(14.6), Heard::Nothing);
    assert_eq!(voltage(bench.read(14.6)), Some(14.6), "a charger was switched on");
    assert_eq!(bench.warnings(), []);
}

#[test]
fn silence_is_a_fault() {
    let mut bench = Bench::new(1);
    bench.read(12.5);
    let wake = bench.filter.next_wake().expect("it waits for the sensor");
    assert_eq!(bench.filter.tick(bench.now + SECOND * 9, &mut bench.actions), Heard::Nothing);
    let mut heard = bench.filter.tick(wake, &mut bench.actions);
    for _ in 0..2 {
        let next = bench.filter.next_wake().expect("it still waits");
        heard = bench.filter.tick(next, &mut bench.actions);
    }
    assert_eq!(heard, Heard::Miss(Fault::BusError));
}

#[test]
fn the_second_sensor_takes_over_when_the_first_fails() {
    let mut bench = Bench::new(2);
    assert!(matches!(bench.both(12.50, 12.52), [Heard::Sample(_), Heard::Nothing]), "the first rules");
    let mut heard = Vec::new();
    for _ in 0..4 {
        bench.now += SECOND;
        let sample = bench.sample(12.52, 1.0);
        heard.push((bench.take(0, Err(Fault::NoAcknowledge)), bench.take(1, Ok(sample))));
    }
    let (first, second) = heard.last().expect("four");
    assert_eq!(*first, Heard::Nothing, "a spare is at work: nothing is missed");
    assert_eq!(voltage(*second), Some(12.52));
}

#[test]
fn sensors_that_differ_are_told_with_both_numbers_and_the_worse_one_rules() {
    let mut bench = Bench::new(2);
    for _ in 0..10 {
        bench.both(12.60, 12.55);
    }
    for _ in 0..40 {
        bench.both(12.60, 12.10);
    }
    let expected = Fault::Disagrees { ours: Voltage::from_volts(12.60), other: Voltage::from_volts(12.10) };
    assert_eq!(bench.filter.fault(SensorId(0)), Some(expected));
    let [first, second] = bench.both(12.60, 12.10);
    assert_eq!((first, voltage(second)), (Heard::Nothing, Some(12.10)));
    assert_eq!(bench.warnings(), [(0, expected.to_string())]);
    for _ in 0..40 {
        bench.both(12.60, 12.55);
    }
    assert!(!bench.filter.is_faulty());
    assert!(matches!(bench.both(12.60, 12.55), [Heard::Sample(_), Heard::Nothing]));
}

#[test]
fn currents_that_differ_are_told_with_both_numbers_and_the_greater_discharge_rules() {
    let mut bench = Bench::new(2);
    let both = |bench: &mut Bench, first: f64, second: f64| {
        bench.now += SECOND;
        let (a, b) = (bench.sample(12.5, first), bench.sample(12.5, second));
        let heard = bench.take(0, Ok(a));
        bench.take(1, Ok(b));
        heard
    };
    let amps = |heard: Heard| match heard {
        Heard::Sample(sample) => sample.current.map(Current::amps),
        _ => None,
    };
    for _ in 0..100 {
        both(&mut bench, 3.0, 3.2);
    }
    assert_eq!(bench.warnings(), [], "within what shunts differ by");
    // A shunt of twice its value; and one that is wired the other way round.
    for (first, second, worse, told_of) in [(1.5, 3.0, 3.0, 0), (3.0, -3.0, 3.0, 1)] {
        for _ in 0..70 {
            both(&mut bench, first, second);
        }
        assert_eq!(amps(both(&mut bench, first, second)), Some(worse));
        assert!(bench.filter.is_faulty());
        let told = bench.warnings();
        assert_eq!(told.len(), 1, "{told:?}");
        assert_eq!(told[0].0, told_of);
        for part in [first, second] {
            assert!(told[0].1.contains(&format!("{part:.2} A")), "{told:?}");
        }
        for _ in 0..70 {
            both(&mut bench, 3.0, 3.1);
        }
        assert_eq!(amps(both(&mut bench, 3.0, 3.1)), Some(3.0), "they agree: the first rules again");
        assert_eq!(bench.warnings().len(), 1);
    }
}

#[test]
fn a_burst_between_two_readings_is_no_difference() {
    let mut bench = Bench::new(2);
    for second in 0..300 {
        bench.now += SECOND;
        let burst = if second % 20 < 10 { 3.0 } else { 0.0 };
        let (a, b) = (bench.sample(12.5, 2.0), bench.sample(12.5, 2.0 + burst));
        bench.take(0, Ok(a));
        bench.take(1, Ok(b));
    }
    assert_eq!(bench.warnings(), []);
}

#[test]
fn the_lowest_reported_charge_of_the_living_sensors_is_handed_on() {
    let mut bench = Bench::new(2);
    assert_eq!(bench.filter.reported(bench.now), None);
    for (first, second) in [(None, Some(70.0)), (Some(55.0), Some(70.0))] {
        bench.now += SECOND;
        for (sensor, percent) in [(0, first), (1, second)] {
            let mut sample = bench.sample(12.5, 1.0);
            sample.reported = percent.map(Soc::from_percent);
            bench.take(sensor, Ok(sample));
        }
    }
    assert_eq!(bench.filter.reported(bench.now), Some((SensorId(0), Soc::from_percent(55.0))));
    assert_eq!(bench.filter.reported(bench.now + SECOND * 60), None, "an old word is none");
}

#[test]
fn a_reading_of_a_sensor_that_is_not_configured_is_nothing() {
    let mut bench = Bench::new(1);
    let sample = bench.sample(12.5, 1.0);
    assert_eq!(bench.take(7, Ok(sample)), Heard::Nothing);
}
