//! What goes wrong at a site, from dice of its own: the same faults come at the same times whatever the policy does.

use std::time::Duration;

use hardware::sim::bus::BusFault;
use protocol::Uptime;
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg32;

use super::plan::{LEADER, Mishaps};
use super::site::Faults;
use super::{Happening, Twin};

const YEAR: Duration = Duration::from_hours(365 * 24);
/// The largest step of a sensor's gain.
const DRIFT_MAX: f64 = 0.02;

/// A kind of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fault {
    SensorSilent,
    SensorStuck,
    SensorDrift,
    LinkLost,
    PowerLost,
    DockerSilent,
    ClockWrong,
}

impl Fault {
    /// All that come at rates.
    pub(super) const TIMED: [Self; 6] = [
        Self::SensorSilent,
        Self::SensorStuck,
        Self::SensorDrift,
        Self::LinkLost,
        Self::PowerLost,
        Self::DockerSilent,
    ];

    /// As in the site file and the outcome.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::SensorSilent => "sensor_silent",
            Self::SensorStuck => "sensor_stuck",
            Self::SensorDrift => "sensor_drift",
            Self::LinkLost => "link_lost",
            Self::PowerLost => "power_lost",
            Self::DockerSilent => "docker_silent",
            Self::ClockWrong => "clock_wrong",
        }
    }

    /// How often a year.
    const fn rate(self, faults: &Faults) -> f64 {
        match self {
            Self::SensorSilent => faults.sensor_silent,
            Self::SensorStuck => faults.sensor_stuck,
            Self::SensorDrift => faults.sensor_drift,
            Self::LinkLost => faults.link_lost,
            Self::PowerLost => faults.power_lost,
            Self::DockerSilent => faults.docker_silent,
            Self::ClockWrong => 0.0,
        }
    }

    /// How long one lasts, at least and at most.
    const fn lasts(self) -> (Duration, Duration) {
        match self {
            Self::SensorSilent | Self::SensorStuck => (Duration::from_mins(5), Duration::from_hours(4)),
            Self::LinkLost => (Duration::from_secs(20), Duration::from_mins(10)),
            Self::PowerLost => (Duration::from_mins(1), Duration::from_mins(20)),
            Self::DockerSilent => (Duration::from_mins(1), Duration::from_mins(5)),
            Self::SensorDrift | Self::ClockWrong => (Duration::ZERO, Duration::ZERO),
        }
    }
}

/// The dice of one kind of fault at one node.
#[derive(Debug, Clone)]
pub(super) struct Dice {
    rng: Pcg32,
    fault: Fault,
    rate: f64,
}

impl Dice {
    /// The dice that belong to a seed.
    pub(super) fn new(seed: u64, fault: Fault, node: usize, faults: &Faults) -> Self {
        let own = (fault as u64 + 1) << 32 | node as u64;
        let rng = Pcg32::seed_from_u64(seed.rotate_left(17) ^ own.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        Self { rng, fault, rate: fault.rate(faults) }
    }

    /// The time to the next one; `None` if there is never one.
    pub(super) fn next(&mut self) -> Option<Duration> {
        if self.rate <= 0.0 {
            return None;
        }
        // 1 - [0, 1) is never zero, so the logarithm is finite.
        let gap = -libm::log(1.0 - self.rng.random::<f64>()) / self.rate;
        Some(YEAR.mul_f64(gap).max(Duration::from_mins(1)))
    }

    /// How long it lasts, in whole seconds.
    pub(super) fn lasts(&mut self) -> Duration {
        let (from, to) = self.fault.lasts();
        Duration::from_secs(self.rng.random_range(from.as_secs()..=to.as_secs()))
    }

    /// A number from -1 to 1.
    fn side(&mut self) -> f64 {
        self.rng.random_range(-1.0..=1.0)
    }
}

impl Twin {
    /// Plans the first fault of each kind on a node.
    pub(super) fn plan_faults(&mut self, node: usize) {
        let Mishaps::Rates(faults) = self.mishaps else { return };
        let measures = self.nodes.get(node).is_some_and(|node| !node.plan.config.sensors.is_empty());
        for fault in Fault::TIMED {
            let of_sensor = matches!(fault, Fault::SensorSilent | Fault::SensorStuck | Fault::SensorDrift);
            if (of_sensor && !measures) || (fault == Fault::LinkLost && node == LEADER) {
                continue;
            }
            self.dice.insert((fault, node), Dice::new(self.seed, fault, node, &faults));
            self.plan_next_fault(fault, node);
        }
    }

    fn plan_next_fault(&mut self, fault: Fault, node: usize) {
        if let Some(after) = self.dice.get_mut(&(fault, node)).and_then(Dice::next) {
            self.queue.plan(self.now + after, Happening::Fault(fault, node));
        }
    }

    /// Something breaks.
    pub(super) fn fault(&mut self, fault: Fault, index: usize) {
        let Some(dice) = self.dice.get_mut(&(fault, index)) else { return };
        let (lasts, side) = (dice.lasts(), dice.side());
        let over = self.now + lasts;
        *self.faults_played.entry(fault.name()).or_default() += 1;
        let Some(node) = self.nodes.get_mut(index) else { return };
        match fault {
            Fault::SensorSilent => node.break_sensor(BusFault::Nak),
            Fault::SensorStuck => node.break_sensor(BusFault::Stuck),
            Fault::SensorDrift => node.drift(1.0 + side * DRIFT_MAX),
            Fault::LinkLost => self.cut_cable(index),
            Fault::DockerSilent => node.engine_silent_until = over,
            Fault::PowerLost => {
                node.unplugged = true;
                self.field.set_switch(index, false);
            }
            Fault::ClockWrong => {}
        }
        self.queue.plan(over, Happening::FaultOver(fault, index));
    }

    /// It is mended.
    pub(super) fn fault_over(&mut self, fault: Fault, index: usize) {
        let Some(node) = self.nodes.get_mut(index) else { return };
        match fault {
            Fault::SensorSilent | Fault::SensorStuck => node.mend_sensor(),
            Fault::LinkLost => node.wire.set_cut(false),
            Fault::PowerLost => {
                node.unplugged = false;
                let parked = node.parked || node.cut_on_purpose;
                if !parked || !node.plan.relay {
                    self.field.set_switch(index, true);
                }
            }
            Fault::DockerSilent | Fault::SensorDrift | Fault::ClockWrong => {}
        }
        self.plan_next_fault(fault, index);
    }

    /// The clock that an agent believes at its start: how long it was off, where it knows.
    pub(super) fn believed_off(&mut self, index: usize) -> Option<Duration> {
        let Mishaps::Rates(faults) = self.mishaps else { return None };
        if faults.clock_wrong <= 0.0 {
            return None;
        }
        let seed = self.seed;
        let dice = self
            .dice
            .entry((Fault::ClockWrong, index))
            .or_insert_with(|| Dice::new(seed, Fault::ClockWrong, index, &faults));
        if dice.rng.random::<f64>() >= faults.clock_wrong {
            return None;
        }
        let wrong = YEAR.mul_f64(dice.rng.random::<f64>());
        *self.faults_played.entry(Fault::ClockWrong.name()).or_default() += 1;
        Some(wrong)
    }

    /// Whether a node's engine answers.
    pub(super) fn engine_answers(&self, index: usize) -> bool {
        self.nodes.get(index).is_none_or(|node| self.now >= node.engine_silent_until)
    }
}

/// Never silent.
pub(super) const ANSWERS: Uptime = Uptime::START;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_come_as_often_as_the_file_says() {
        let faults = Faults { link_lost: 12.0, ..Faults::default() };
        let mut dice = Dice::new(5, Fault::LinkLost, 3, &faults);
        let years = 200;
        let (mut at, mut count) = (Duration::ZERO, 0);
        while at < YEAR * years {
            at += dice.next().unwrap() + dice.lasts();
            count += 1;
        }
        let rate = f64::from(count) / f64::from(years);
        assert!((rate - 12.0).abs() < 1.0, "{rate} a year");
        assert_eq!(Dice::new(5, Fault::PowerLost, 3, &faults).next(), None);
    }

    #[test]
    fn each_node_and_kind_has_dice_of_its_own() {
        let faults = Faults { link_lost: 12.0, power_lost: 12.0, ..Faults::default() };
        let first = |seed, fault, node| Dice::new(seed, fault, node, &faults).next();
        let one = first(5, Fault::LinkLost, 3);
        assert_eq!(one, first(5, Fault::LinkLost, 3));
        for other in
            [first(6, Fault::LinkLost, 3), first(5, Fault::PowerLost, 3), first(5, Fault::LinkLost, 4)]
        {
            assert_ne!(one, other);
        }
    }
}
