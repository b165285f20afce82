//! The supply as a supervisor tells it, for a node that does not measure it itself, or whose sensors failed.

use std::time::Duration;

use protocol::message::SupplyReport;
use protocol::report::{Basis, Energy, SocBand, TimeBand};
use protocol::{Fault, Seconds, Soc, Uptime, Voltage};

use crate::config::Battery;

/// The voltage at which `battery.load_max` is given.
const NOMINAL: Voltage = Voltage::from_volts(12.0);

/// The newest word of the supply.
#[derive(Debug, Clone)]
pub struct Relay {
    battery: Battery,
    /// Told at, with the age that it had then.
    newest: Option<(Uptime, SupplyReport)>,
}

impl Relay {
    /// For a node of this battery.
    pub const fn new(battery: Battery) -> Self {
        Self { battery, newest: None }
    }

    /// Takes a word, if it is news: not itself an estimate without a reading, and not older than what is known.
    pub fn take(&mut self, now: Uptime, report: SupplyReport) -> bool {
        let blind = report.energy.fault.is_some() || report.energy.voltage.is_none();
        let older = self.age(now).is_some_and(|age| age < Duration::from(report.age));
        if blind || older {
            return false;
        }
        self.newest = Some((now, report));
        true
    }

    /// How old the reading behind the newest word is: its age when it was told, and the time since.
    pub fn age(&self, now: Uptime) -> Option<Duration> {
        self.newest.as_ref().map(|(at, report)| now.since(*at) + Duration::from(report.age))
    }

    /// When the reading behind the newest word was made, or as early as this life knows.
    pub fn read_at(&self, now: Uptime) -> Option<Uptime> {
        let age = self.age(now)?;
        Some(Uptime::from_millis(
            now.as_millis().saturating_sub(u64::try_from(age.as_millis()).unwrap_or(u64::MAX)),
        ))
    }

    /// What is known at `now`: fresh until `hold`, then aged at the greatest load that the supply can have.
    pub fn energy(&self, now: Uptime, hold: Duration) -> Energy {
        let Some((at, report)) = &self.newest else { return Energy::default() };
        let age = now.since(*at) + Duration::from(report.age);
        if age < hold {
            return report.energy;
        }
        let drawn = self.battery.load_max / NOMINAL * age / self.battery.capacity;
        let aged = |soc: Soc| Soc::from_fraction(soc.fraction() - drawn);
        let late = |time: Seconds| Seconds(time.0.saturating_sub(Seconds::from(age).0));
        Energy {
            soc: report.energy.soc.map(|band| SocBand { low: aged(band.low), best: aged(band.best), ..band }),
            time_to_empty: report.energy.time_to_empty.map(|band| TimeBand {
                low: late(band.low),
                best: late(band.best),
                high: band.high,
            }),
            basis: if report.energy.soc.is_some() { Basis::Aged } else { Basis::Unknown },
            fault: Some(Fault::LinkLost),
            ..report.energy
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hardware::battery::Chemistry;
    use protocol::{Charge, Power, Temperature};

    fn relay() -> Relay {
        Relay::new(Battery {
            chemistry: Chemistry::Agm,
            capacity: Charge::from_amp_hours(50.0),
            cutoff: None,
            resistance: None,
            load_max: Power::from_watts(60.0),
            temperature: Temperature::from_celsius(25.0),
        })
    }

    fn word(percent: f64, age: u32) -> SupplyReport {
        let soc = Soc::from_percent(percent);
        let energy = Energy {
            voltage: Some(Voltage::from_volts(12.5)),
            soc: Some(SocBand { low: soc, best: soc, high: soc }),
            basis: Basis::Counted,
            ..Energy::default()
        };
        SupplyReport { energy, age: Seconds(age) }
    }

    const HOLD: Duration = Duration::from_secs(30);

    #[test]
    fn the_age_that_a_word_had_when_it_was_told_counts() {
        let mut relay = relay();
        assert!(relay.take(Uptime::from_secs(100), word(80.0, 20)));
        assert_eq!(relay.age(Uptime::from_secs(105)), Some(Duration::from_secs(25)));
        assert!(!relay.take(Uptime::from_secs(105), word(99.0, 600)), "older than what is known");
    }

    #[test]
    fn an_old_word_gets_worse_at_the_greatest_load() {
        let mut relay = relay();
        relay.take(Uptime::START, word(80.0, 0));
        assert_eq!(relay.energy(Uptime::from_secs(29), HOLD).fault, None);
        // 60 W at 12 V is 5 A: a tenth of 50 Ah an hour.
        let aged = relay.energy(Uptime::from_secs(3600), HOLD);
        assert_eq!((aged.basis, aged.fault), (Basis::Aged, Some(Fault::LinkLost)));
        let band = aged.soc.unwrap();
        assert!((band.low.percent() - 70.0).abs() < 0.01, "{band:?}");
        assert!((band.high.percent() - 80.0).abs() < 0.01, "the upper bound does not move");
    }

    #[test]
    fn another_nodes_estimate_without_a_reading_is_no_news() {
        let mut relay = relay();
        let mut blind = word(80.0, 0);
        blind.energy.fault = Some(Fault::BusGone);
        assert!(!relay.take(Uptime::START, blind));
        assert_eq!(relay.age(Uptime::START), None);
    }
}
