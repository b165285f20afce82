//! What flowed between two samples: by the sensor's own count where it has one, else by the mean of the two currents.
//!
//! A count misses nothing between two readings, however far apart they are; the mean of two instants misses every burst
//! between them.

use std::time::Duration;

use protocol::Current;

use super::{Estimator, Last};
use crate::core::reading::Sample;

impl Estimator {
    /// The mean current since the last sample by the sensor's own count, A, with the right sign and without the offset;
    /// `None` where it does not count, or where its count was broken meanwhile.
    pub(super) fn counted_mean(&self, last: Option<Last>, sample: &Sample, passed: Duration) -> Option<f64> {
        let since = sample.count?.since(last?.count?)?;
        let hours = passed.as_secs_f64() / 3600.0;
        let mean = since.amp_hours() / hours;
        (hours > 0.0 && mean.is_finite()).then(|| self.turned(mean) - self.leak)
    }

    /// Counts what flowed at this mean current.
    pub(super) fn count(&mut self, amps: f64, seconds: f64) {
        let charge = amps * seconds / 3600.0;
        if self.suspect.is_at_end(amps + self.leak) {
            self.unseen += charge;
        }
        if charge > 0.0 {
            self.pending.0 += charge;
            self.counted.0 += charge;
        } else {
            self.pending.1 -= charge;
            self.counted.1 -= charge;
        }
        self.counted.2 += seconds / 3600.0;
    }

    /// Nobody read for so long, but the sensor went on counting: the charge is known, the voltage's course is not.
    pub(super) fn bridge_counted(&mut self, mean: f64, passed: Duration) {
        self.count(mean, passed.as_secs_f64());
        self.settle_pending();
        self.window.clear();
        self.draw();
    }

    /// The mean of two currents where nobody counted.
    pub(super) fn mean_of(before: Option<Current>, amps: f64) -> f64 {
        before.map_or(amps, |before| 0.5 * (before.amps() + amps))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use hardware::chips::ina228::{Counted, Ina228, Settings};
    use hardware::sim::bus::SimBus;
    use hardware::sim::chips::SimIna228;
    use protocol::{Current, Resistance, Uptime, Voltage};

    use super::*;
    use crate::config::Config;
    use crate::core::reading::Count;

    const CONFIG: &str = "[node]\nsupply = \"roof\"\n[battery]\nchemistry = \"agm\"\ncapacity = \"70 Ah\"\n";
    const START: f64 = 0.9;

    /// A battery that gives 1 A whenever the chip is read, and 9 A for a quarter of the time between: 3 A on average.
    /// Read once in so many seconds for ten hours, the register's way; the error of the drawn charge, in Ah.
    fn error_of_drawn(interval: u64, counts: bool, reset_at: Option<u64>) -> f64 {
        let shunt = Resistance::from_ohms(0.002);
        let bus = SimBus::new();
        let chip = bus.attach(0x40, SimIna228::new(shunt));
        let mut driver =
            Ina228::new(bus.clone(), 0x40, Settings::new(shunt, Current::from_amps(20.0))).unwrap();
        driver.configure().unwrap();
        let battery = Config::parse(CONFIG, Path::new("a.toml")).unwrap().battery;
        let mut estimator = Estimator::new(battery, None, None);
        estimator.assume_soc(protocol::Soc::from_percent(START * 100.0));
        let mut drawn = 0.0;
        let mut first = None;
        for second in 1..=36_000_u64 {
            let phase = second % interval;
            let amps = if phase > interval / 4 && phase <= interval / 2 { 9.0 } else { 1.0 };
            // The voltage says nothing here: it is where a battery of this charge rests.
            let volts = Voltage::from_volts(12.6);
            chip.with(|chip| chip.measure(Uptime::from_secs(second), volts, Current::from_amps(amps)));
            if first.is_some() {
                drawn += amps / 3600.0;
            }
            if reset_at == Some(second) {
                bus.inject(hardware::sim::bus::BusFault::ForgetSettings);
                let _ = driver.read_counting();
                bus.heal();
            }
            if phase != 0 {
                continue;
            }
            let Ok((measured, Counted { epoch, charge })) = driver.read_counting() else { continue };
            let count = Count { epoch: (0, epoch), out: charge };
            first.get_or_insert(second);
            let sample = Sample {
                voltage: measured.voltage,
                current: Some(measured.current),
                temperature: None,
                reported: None,
                count: counts.then_some(count),
                raw: measured.raw,
            };
            estimator.observe(Uptime::from_secs(second), &sample);
        }
        let (out, into, _) = estimator.counted;
        out - into - drawn
    }

    #[test]
    fn a_count_sees_the_bursts_between_two_readings_and_instants_do_not() {
        for interval in [60, 240] {
            let (by_count, by_instants) =
                (error_of_drawn(interval, true, None), error_of_drawn(interval, false, None));
            println!(
                "every {interval} s: off by {by_count:.3} Ah of 30 by the count, {by_instants:.2} Ah without"
            );
            assert!(by_count.abs() < 0.1, "{interval} s: {by_count} Ah");
            assert!(by_instants < -15.0, "{interval} s: {by_instants} Ah");
        }
    }

    #[test]
    fn a_chip_that_is_reset_costs_the_count_of_one_interval() {
        // Between two readings: the chip forgets its count with its settings.
        let off = error_of_drawn(60, true, Some(18_030));
        assert!(off < 0.1 && off > -0.2, "{off} Ah: two minutes of bursts at most");
    }

    #[test]
    fn over_a_long_gap_the_count_keeps_the_charge_that_nobody_saw() {
        let sample = |second: u64, amp_seconds: f64, counts: bool| Sample {
            voltage: Voltage::from_volts(12.6),
            current: Some(Current::from_amps(1.0)),
            temperature: None,
            reported: None,
            count: counts.then_some(Count {
                epoch: (0, 0),
                out: protocol::Charge::from_amp_hours(amp_seconds / 3600.0),
            }),
            raw: second,
        };
        let band = |counts: bool| {
            let battery = Config::parse(CONFIG, Path::new("a.toml")).unwrap().battery;
            let mut estimator = Estimator::new(battery, None, None);
            estimator.assume_soc(protocol::Soc::from_percent(START * 100.0));
            estimator.observe(Uptime::from_secs(1), &sample(1, 0.0, counts));
            // An hour with nobody to read: 7 Ah, a tenth of the battery, went.
            estimator.observe(Uptime::from_secs(3_601), &sample(3_601, 7.0 * 3600.0, counts));
            estimator.energy(Uptime::from_secs(3_601)).soc
        };
        let counted = band(true).expect("it is known");
        assert!((counted.best.fraction() - (START - 0.1)).abs() < 0.02, "{counted:?}");
        assert!(counted.high.fraction() - counted.low.fraction() < 0.08, "as sure as before: {counted:?}");
        let guessed = band(false).expect("a guess");
        assert!((guessed.best.fraction() - START).abs() < 0.02, "nobody saw it: {guessed:?}");
    }

    #[test]
    fn a_count_of_another_stretch_is_no_count() {
        let battery = Config::parse(CONFIG, Path::new("a.toml")).unwrap().battery;
        let estimator = Estimator::new(battery, None, None);
        let count = |epoch| Count { epoch, out: protocol::Charge::from_amp_hours(1.0) };
        let last = |epoch| Last {
            at: Uptime::START,
            voltage: Voltage::ZERO,
            current: None,
            count: Some(Count { out: protocol::Charge::ZERO, ..count(epoch) }),
        };
        let sample = Sample {
            voltage: Voltage::ZERO,
            current: None,
            temperature: None,
            reported: None,
            count: Some(count((2, 7))),
            raw: 0,
        };
        let hour = Duration::from_hours(1);
        assert_eq!(estimator.counted_mean(Some(last((2, 7))), &sample, hour), Some(1.0));
        assert_eq!(estimator.counted_mean(Some(last((2, 7))), &sample, Duration::ZERO), None);
        for other in [(2, 6), (1, 7)] {
            assert_eq!(estimator.counted_mean(Some(last(other)), &sample, hour), None);
        }
        assert_eq!(estimator.counted_mean(None, &sample, hour), None);
    }
}
