//! A sensor's own count of the charge beside its own readings of the current, and what is made of it when they differ.
//!
//! A count that stands still, one that another program resets, a converter that clips: nobody here can say which of the two
//! is right. So it is told, with both numbers, and the one by which the battery empties faster rules until they agree again.

use std::time::Duration;

use protocol::{Charge, Current, Uptime};

use crate::core::action::{Action, Warning};
use crate::core::reading::{Count, Sample};

/// They are compared over stretches of so long ...
const STRETCH: Duration = Duration::from_mins(1);
/// ... and so many readings at least: fewer instants miss too much of what flows between them.
const READINGS: u32 = 60;
/// They may differ by this part of the greater, and by so much whatever they are.
const TOLERANCE: f64 = 0.1;
const TOLERANCE_LEAST: Current = Current::from_amps(0.3);
/// Once apart, they must come clearly nearer: no news at each noise bit.
const NEARER: f64 = 0.75;
/// So many stretches in a row begin or end a difference.
const STRETCHES: u8 = 2;
/// Readings farther apart than this are not joined to a mean.
const GAP_MAX: Duration = Duration::from_mins(5);

/// Which of the two rules while they differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ruler {
    Count,
    Readings,
}

/// A stretch over which both are added up.
#[derive(Debug, Clone, Copy)]
struct Stretch {
    begun: Uptime,
    first: Count,
    last: (Uptime, Current),
    read: Charge,
    readings: u32,
}

impl Stretch {
    const fn begin(now: Uptime, count: Count, current: Current) -> Self {
        Self { begun: now, first: count, last: (now, current), read: Charge::ZERO, readings: 0 }
    }
}

/// The comparison of the ruling sensor with itself.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Counts {
    stretch: Option<Stretch>,
    /// So many stretches in a row said otherwise than what stands.
    otherwise: u8,
    standing: Option<Ruler>,
}

impl Counts {
    /// Whether a difference stands.
    pub(super) const fn differ(&self) -> bool {
        self.standing.is_some()
    }

    /// Takes a sample of the ruling sensor; what of its count is to be believed stays in it.
    pub(super) fn take(
        &mut self,
        now: Uptime,
        sensor: usize,
        sample: &mut Sample,
        most: Current,
        actions: &mut Vec<Action>,
    ) {
        let Some((count, current)) = sample.count.zip(sample.current) else {
            sample.count = None;
            self.stretch = None;
            return;
        };
        self.add(now, sensor, (count, current), most, actions);
        if self.standing == Some(Ruler::Readings) {
            sample.count = None;
        }
    }

    fn add(
        &mut self,
        now: Uptime,
        sensor: usize,
        (count, current): (Count, Current),
        most: Current,
        actions: &mut Vec<Action>,
    ) {
        let begin = Some(Stretch::begin(now, count, current));
        let Some(mut stretch) = self.stretch else { return self.stretch = begin };
        let (at, before) = stretch.last;
        let (passed, spanned) = (now.since(at), now.since(stretch.begun));
        let Some(counted) = count.since(stretch.first).filter(|_| passed <= GAP_MAX) else {
            return self.stretch = begin;
        };
        stretch.read += (before + current) / 2.0 * passed;
        stretch.readings += 1;
        stretch.last = (now, current);
        self.stretch = Some(stretch);
        // More than the shunt can carry is no count, and need not be looked at for long.
        let absurd = counted.abs() > most * spanned.max(Duration::from_secs(1));
        if !absurd && (stretch.readings < READINGS || spanned < STRETCH) {
            return;
        }
        self.stretch = begin;
        let hours = spanned.as_secs_f64() / 3600.0;
        let mean = |charge: Charge| Current::from_amps(charge.amp_hours() / hours.max(1.0 / 3600.0));
        self.judge(sensor, mean(counted), mean(stretch.read), absurd, actions);
    }

    fn judge(
        &mut self,
        sensor: usize,
        counted: Current,
        read: Current,
        absurd: bool,
        actions: &mut Vec<Action>,
    ) {
        let part = if self.differ() { NEARER } else { 1.0 };
        let most = (counted.abs().max(read.abs()) * TOLERANCE).max(TOLERANCE_LEAST);
        let apart = absurd || (counted - read).abs() > most * part;
        if apart == self.differ() {
            self.otherwise = 0;
            return;
        }
        self.otherwise += 1;
        if self.otherwise < STRETCHES && !absurd {
            return;
        }
        self.otherwise = 0;
        // What no shunt carries is worse than nothing.
        let ruler = if counted > read && !absurd { Ruler::Count } else { Ruler::Readings };
        let rules = if ruler == Ruler::Count { "the count rules" } else { "the readings rule" };
        let what = if apart {
            format!("{counted} out of the battery by its own count but {read} by its readings: {rules}")
        } else {
            "its own count agrees with its readings again".to_owned()
        };
        self.standing = apart.then_some(ruler);
        actions.push(Action::Warn(Warning::Sensor { sensor: sensor as u8, what }));
    }
}

#[cfg(test)]
mod tests {
    use protocol::Voltage;

    use super::*;

    struct Bench {
        counts: Counts,
        now: u64,
        /// In ampere-seconds.
        count: f64,
        epoch: u32,
    }

    impl Bench {
        const fn new() -> Self {
            Self {
                counts: Counts { stretch: None, otherwise: 0, standing: None },
                now: 0,
                count: 0.0,
                epoch: 0,
            }
        }

        /// For so many seconds the readings say this and the count that; whether the count was handed on at the end, and
        /// what was told.
        fn run(&mut self, seconds: u64, read: f64, counted: f64) -> (bool, Vec<String>) {
            let (mut actions, mut handed) = (Vec::new(), false);
            for _ in 0..seconds {
                self.now += 1;
                self.count += counted;
                let out = Charge::from_amp_hours(self.count / 3600.0);
                let mut sample = Sample {
                    voltage: Voltage::from_volts(12.5),
                    current: Some(Current::from_amps(read)),
                    temperature: None,
                    reported: None,
                    count: Some(Count { epoch: (0, self.epoch), out }),
                    raw: self.now,
                };
                let most = Current::from_amps(50.0);
                self.counts.take(Uptime::from_secs(self.now), 0, &mut sample, most, &mut actions);
                handed = sample.count.is_some();
            }
            let told = actions.into_iter().map(|action| match action {
                Action::Warn(Warning::Sensor { sensor: 0, what }) => what,
                other => panic!("{other:?}"),
            });
            (handed, told.collect())
        }
    }

    #[test]
    fn a_count_that_agrees_is_handed_on_with_either_sign() {
        for amps in [0.0, 2.0, -8.0] {
            let mut bench = Bench::new();
            assert_eq!(bench.run(600, amps, amps * 1.05), (true, vec![]));
            assert!(!bench.counts.differ());
        }
    }

    #[test]
    fn a_count_that_stands_still_is_told_with_both_numbers_and_the_readings_rule_until_it_counts_again() {
        let mut bench = Bench::new();
        let (handed, told) = bench.run(300, 2.0, 0.0);
        assert!(!handed && bench.counts.differ());
        assert_eq!(
            told,
            ["0.00 A out of the battery by its own count but 2.00 A by its readings: the readings rule"]
        );
        assert_eq!(bench.run(300, 2.0, 0.0).1, Vec::<String>::new(), "told once");
        let (handed, told) = bench.run(300, 2.0, 2.0);
        assert!(handed && !bench.counts.differ());
        assert_eq!(told, ["its own count agrees with its readings again"]);
    }

    #[test]
    fn the_greater_discharge_rules_and_the_lesser_charge() {
        let mut bench = Bench::new();
        let (handed, told) = bench.run(300, 1.0, 3.0);
        assert!(handed, "the count is the worse one");
        assert_eq!(told.len(), 1);
        assert!(told[0].ends_with("the count rules"), "{told:?}");
        let mut bench = Bench::new();
        let (handed, told) = bench.run(300, -2.0, -6.0);
        assert!(!handed && told[0].ends_with("the readings rule"), "{told:?}");
    }

    #[test]
    fn a_leap_that_no_shunt_carries_is_never_handed_on() {
        for leap in [1e6, -1e6] {
            let mut bench = Bench::new();
            assert!(bench.run(30, 2.0, 2.0).0);
            bench.count += leap;
            let (handed, told) = bench.run(1, 2.0, 2.0);
            assert!(!handed && told[0].ends_with("the readings rule"), "{told:?}");
            assert!(bench.run(400, 2.0, 2.0).0, "believed again once it is well");
        }
    }

    #[test]
    fn a_new_epoch_begins_a_new_comparison() {
        let mut bench = Bench::new();
        for _ in 0..20 {
            assert!(bench.run(45, 2.0, 2.0).0);
            (bench.epoch, bench.count) = (bench.epoch + 1, 0.0);
        }
        assert!(!bench.counts.differ());
    }
}
