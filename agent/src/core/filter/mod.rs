//! Which readings may be believed.
//!
//! Each sensor has a [`watch::Watch`]: it tells a living sensor from a stuck, absurd or silent one. This module puts
//! several sensors of one supply together: one of them rules, the others check it. When two differ by more than their
//! errors explain, nobody can say which is right, so the worse one (the lower voltage) rules until they agree again.
//! [`currents`] does the same for the current, [`counts`] for what a sensor counts by itself, and [`Filter::reported`] hands on what charge the sensors themselves report.
//!
//! What comes out is a believable sample, or the typed reason why there is none; never a number made up.

mod counts;
mod currents;
mod watch;

use std::time::Duration;

use hardware::battery::Chemistry;
use protocol::{Current, Fault, Seconds, Soc, Uptime, Voltage};

use super::action::{Action, Warning};
use super::reading::{Reading, Sample, SensorId};
use crate::config::{Battery, Config, Sensor};
use counts::Counts;
use currents::Currents;
use watch::{Change, Limits, Watch};

/// Two sensors of one supply may differ by this part of the voltage: clones in the field read up to 1.5 % off.
const TOLERANCE: f64 = 0.02;
/// A difference counts once it lasted this long, and is over once it was gone this long: the sensors are not read at
/// the same instant.
const DISAGREEMENT_HOLD: Duration = Duration::from_secs(30);
/// A living sensor's noise changes its raw value well within this time, when it measures a current.
const STUCK_AFTER: Duration = Duration::from_mins(15);
/// As [`STUCK_AFTER`], of a sensor of voltage alone: coarse, and at rest truly constant.
const STUCK_AFTER_VOLTAGE_ONLY: Duration = Duration::from_hours(1);
/// A battery moves less than this between two samples, unless something was switched (a charger at 14.4 V that is cut
/// off leaves 12.9 V).
const JUMP: Voltage = Voltage::from_volts(2.0);
/// The greatest current of a sensor whose range is not configured, in parts of the capacity per hour: a starter motor.
const CURRENT_MAX_PER_HOUR: f64 = 10.0;

/// What the filter makes of an event.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Heard {
    /// A sample to believe.
    Sample(Sample),
    /// Nothing believable, for this reason.
    Miss(Fault),
    /// Nothing new: another sensor rules, or a single bad reading that the next good one makes forgotten.
    Nothing,
}

/// The sensors of this node's supply.
#[derive(Debug, Clone)]
pub struct Filter {
    watches: Vec<Watch>,
    ruling: usize,
    disagreement: Disagreement,
    currents: Currents,
    counts: Counts,
    silence: Duration,
}

/// Whether the ruling sensor and another one differ, and since when.
#[derive(Debug, Clone, Copy, Default)]
struct Disagreement {
    /// The present course (differing or agreeing) began then.
    since: Option<Uptime>,
    /// The one that reads more, and the fault that says by how much.
    standing: Option<(usize, Fault)>,
}

impl Filter {
    /// For the configured sensors.
    pub fn new(config: &Config) -> Self {
        let interval = config.sampling.interval;
        let watches =
            config.sensors.iter().map(|sensor| Watch::new(limits(&config.battery, sensor, interval)));
        Self {
            watches: watches.collect(),
            ruling: 0,
            disagreement: Disagreement::default(),
            currents: Currents::default(),
            counts: Counts::default(),
            silence: (interval * 5).max(Duration::from_secs(10)),
        }
    }

    /// Whether this node measures its supply itself.
    pub fn has_sensor(&self) -> bool {
        !self.watches.is_empty()
    }

    /// The sensor that rules.
    pub fn ruling(&self) -> SensorId {
        SensorId(self.ruling as u8)
    }

    /// Whether a sensor is faulty, or two disagree: something for a person.
    pub fn is_faulty(&self) -> bool {
        self.disagreement.standing.is_some()
            || self.currents.differ()
            || self.counts.differ()
            || self.watches.iter().any(Watch::is_faulty)
    }

    /// Why a sensor is not believed, or what it disagrees about; `None` while all is well with it.
    pub fn fault(&self, sensor: SensorId) -> Option<Fault> {
        let index = usize::from(sensor.0);
        let disagreement =
            self.disagreement.standing.filter(|(place, _)| *place == index).map(|(_, fault)| fault);
        self.watches.get(index).and_then(Watch::fault).or(disagreement)
    }

    /// Takes a reading.
    pub fn take(
        &mut self,
        now: Uptime,
        sensor: SensorId,
        reading: Reading,
        actions: &mut Vec<Action>,
    ) -> Heard {
        let index = usize::from(sensor.0);
        let Some(watch) = self.watches.get_mut(index) else { return Heard::Nothing };
        let change = watch.take(now, reading);
        tell(index, change, now, actions);
        self.cross_check(now, actions);
        self.cross_check_currents(now, actions);
        self.choose();
        self.hear(now, index, actions)
    }

    /// Looks for sensors that have gone silent.
    pub fn tick(&mut self, now: Uptime, actions: &mut Vec<Action>) -> Heard {
        let mut silent = false;
        for (index, watch) in self.watches.iter_mut().enumerate() {
            watch.expect(now);
            if watch.heard_at().is_some_and(|heard| now.since(heard) > self.silence) {
                silent = true;
                // A bus line that is held makes the reader wait for ever.
                let change = watch.take(now, Err(Fault::BusError));
                tell(index, change, now, actions);
            }
        }
        if !silent {
            return Heard::Nothing;
        }
        self.choose();
        self.hear(now, self.ruling, actions)
    }

    /// When a sensor that says nothing is to be noticed.
    pub fn next_wake(&self) -> Option<Uptime> {
        let moment = Duration::from_millis(1);
        self.watches.iter().filter_map(|watch| Some(watch.heard_at()? + self.silence + moment)).min()
    }

    /// What the sensor at `index` has just said, as the supply's reading.
    fn hear(&mut self, now: Uptime, index: usize, actions: &mut Vec<Action>) -> Heard {
        let Some(watch) = self.watches.get(self.ruling) else { return Heard::Miss(Fault::NoSensor) };
        if let Some(fault) = watch.fault() {
            return Heard::Miss(fault);
        }
        if index != self.ruling {
            return Heard::Nothing;
        }
        let Some(mut sample) = watch.fresh(now) else { return Heard::Nothing };
        let most = watch.most();
        let mut counts = self.counts;
        counts.take(now, index, &mut sample, most, actions);
        self.counts = counts;
        let own = sample.current;
        let mut others = self.currents(now).map(|(_, current)| current);
        if self.currents.differ() {
            sample.current = others.max_by(|a, b| a.amps().total_cmp(&b.amps()));
        } else if sample.current.is_none() {
            sample.current = others.next();
        }
        if sample.current != own {
            // Another sensor's current, which this one's count knows nothing of.
            sample.count = None;
        }
        Heard::Sample(sample)
    }

    /// What the living sensors show of the current, each with its place.
    fn currents(&self, now: Uptime) -> impl Iterator<Item = (usize, Current)> + Clone {
        let living = self.watches.iter().enumerate().filter(|(_, watch)| !watch.is_faulty());
        living.filter_map(move |(place, watch)| {
            Some((place, watch.believed_within(now, self.silence)?.current?))
        })
    }

    /// The lowest charge that a living sensor reports of its own, and which one it is.
    pub fn reported(&self, now: Uptime) -> Option<(SensorId, Soc)> {
        let living = self.watches.iter().enumerate().filter(|(_, watch)| !watch.is_faulty());
        let reported = living.filter_map(|(place, watch)| {
            Some((SensorId(place as u8), watch.believed_within(now, self.silence)?.reported?))
        });
        reported.min_by(|a, b| a.1.fraction().total_cmp(&b.1.fraction()))
    }

    fn cross_check_currents(&mut self, now: Uptime, actions: &mut Vec<Action>) {
        if self.watches.len() < 2 {
            return;
        }
        let mut currents = self.currents;
        currents.step(now, self.currents(now), actions);
        self.currents = currents;
    }

    /// Compares every living sensor with the first living one.
    fn cross_check(&mut self, now: Uptime, actions: &mut Vec<Action>) {
        if self.watches.len() < 2 {
            return;
        }
        let apart = self.widest(now);
        let differs = apart.is_some();
        if differs == self.disagreement.standing.is_some() {
            self.disagreement.since = None;
            return;
        }
        let since = *self.disagreement.since.get_or_insert(now);
        if now.since(since) < DISAGREEMENT_HOLD {
            return;
        }
        self.disagreement.since = None;
        let (place, what) = match (apart, self.disagreement.standing) {
            (Some((higher, fault)), _) => (higher, fault.to_string()),
            (None, Some((higher, _))) => (higher, "agrees with the other sensor again".to_owned()),
            (None, None) => return,
        };
        self.disagreement.standing = apart;
        actions.push(Action::Warn(Warning::Sensor { sensor: place as u8, what }));
    }

    /// The living sensor that reads the most, when it lies beyond tolerance above the one that reads the least.
    fn widest(&self, now: Uptime) -> Option<(usize, Fault)> {
        let living = || {
            let all = self.watches.iter().enumerate().filter(|(_, watch)| !watch.is_faulty());
            all.filter_map(|(index, watch)| Some((index, watch.believed_within(now, self.silence)?.voltage)))
        };
        let by_voltage = |a: &(usize, Voltage), b: &(usize, Voltage)| a.1.volts().total_cmp(&b.1.volts());
        let (_, low) = living().min_by(by_voltage)?;
        let (index, high) = living().max_by(by_voltage)?;
        // Once apart, they must come clearly nearer: no news at each noise bit.
        let part = if self.disagreement.standing.is_some() { 0.75 } else { 1.0 };
        (high - low > high * (TOLERANCE * part))
            .then_some((index, Fault::Disagrees { ours: high, other: low }))
    }

    /// Who rules: the lowest voltage while they disagree, else the first living one that measures a current, else the
    /// first living one.
    fn choose(&mut self) {
        let living =
            || self.watches.iter().enumerate().filter(|(_, watch)| !watch.is_faulty() && watch.has_read());
        let chosen = if self.disagreement.standing.is_some() {
            living().min_by(|a, b| a.1.volts().total_cmp(&b.1.volts()))
        } else {
            living().find(|(_, watch)| watch.has_current()).or_else(|| living().next())
        };
        if let Some((index, _)) = chosen {
            self.ruling = index;
        }
    }
}

/// Tells a person that a sensor's fault began or ended.
fn tell(index: usize, change: Option<Change>, now: Uptime, actions: &mut Vec<Action>) {
    let what = match change {
        None => return,
        Some(Change::Began(fault)) => fault.to_string(),
        Some(Change::Ended { fault, since }) => {
            format!("reads again after {} ({fault})", Seconds::from(now.since(since)))
        }
    };
    actions.push(Action::Warn(Warning::Sensor { sensor: index as u8, what }));
}

/// What this sensor may show.
fn limits(battery: &Battery, sensor: &Sensor, interval: Duration) -> Limits {
    let any = Current::from_amps((battery.capacity.amp_hours() * CURRENT_MAX_PER_HOUR).max(100.0));
    // A shunt shows a little more than its range before it clips.
    let current = sensor.current_max().map_or(any, |most| most * 1.25);
    let usual = Chemistry::usual(battery.chemistry);
    Limits {
        low: usual.believable_low,
        high: usual.believable_high,
        current,
        jump: JUMP,
        stuck_after: STUCK_AFTER.max(interval * 10),
        stuck_after_voltage_only: STUCK_AFTER_VOLTAGE_ONLY.max(interval * 10),
    }
}

#[cfg(test)]
mod tests;
