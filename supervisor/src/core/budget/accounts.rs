//! Where the watt-hours went: by node and by class of work, day by day.
//!
//! What flows through the battery is measured; the rest follows from the learned load: what is always on, what an idle node
//! takes, what its work adds. The parts are scaled so that together they are the measured load whenever the battery
//! alone carries it. Days are solar days, from midnight to midnight, where the time is known.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use protocol::{Energy, NodeName, Power};
use serde::{Deserialize, Serialize};

use super::uses::Shares;
use crate::core::forecast::WallClock;

/// So many days are kept.
pub(super) const DAYS_MAX: usize = 31;

/// One node's energy.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct NodeEnergy {
    /// To be up, whatever it does: board, converter, system.
    pub idle: Energy,
    /// For deferrable work.
    pub deferrable: Energy,
    /// For standard work.
    pub standard: Energy,
    /// For critical work.
    pub critical: Energy,
}

impl NodeEnergy {
    /// All of it.
    pub fn total(&self) -> Energy {
        self.idle + self.deferrable + self.standard + self.critical
    }
}

/// One day.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct DayEnergy {
    /// The time of day that the machine's clock showed when it began, in seconds since 1970; `None` without a clock.
    pub began: Option<WallClock>,
    /// How much of it was seen.
    pub seen_minutes: u32,
    /// What the panel gave, as inferred.
    pub panel: Energy,
    /// Into the battery, as measured.
    pub charged: Energy,
    /// Out of the battery, as measured.
    pub drawn: Energy,
    /// For what is always on: network switch, charger.
    pub always: Energy,
    /// For each node.
    pub nodes: BTreeMap<NodeName, NodeEnergy>,
}

/// What is seen of a stretch of time.
pub(super) struct Seen<'a> {
    pub(super) time: Duration,
    pub(super) panel: Power,
    /// Out of the battery; negative while it charges.
    pub(super) drawn: Power,
    pub(super) always: Power,
    /// Each node that is up: idle power, and what its work takes.
    pub(super) nodes: &'a [(NodeName, Power, Shares)],
    /// What a node's processors take when they are busy.
    pub(super) busy: Power,
}

/// The days, the newest last.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Accounts {
    days: VecDeque<DayEnergy>,
    #[serde(default)]
    number: Option<i64>,
}

impl Accounts {
    /// Itself, within its bounds.
    pub(super) fn sound(mut self) -> Self {
        while self.days.len() > DAYS_MAX {
            self.days.pop_front();
        }
        self
    }

    /// The days, the newest last.
    pub(super) fn days(&self) -> impl Iterator<Item = &DayEnergy> {
        self.days.iter()
    }

    /// Adds a stretch of time to the day of that number.
    pub(super) fn add(&mut self, number: i64, wall: Option<WallClock>, seen: &Seen<'_>) {
        if self.number != Some(number) || self.days.is_empty() {
            self.number = Some(number);
            if self.days.len() == DAYS_MAX {
                self.days.pop_front();
            }
            self.days.push_back(DayEnergy { began: wall, ..DayEnergy::default() });
        }
        let Some(day) = self.days.back_mut() else { return };
        let minutes = (seen.time.as_secs() + 30) / 60;
        day.seen_minutes = day.seen_minutes.saturating_add(u32::try_from(minutes).unwrap_or(0));
        day.panel += seen.panel * seen.time;
        let flowed = seen.drawn.abs() * seen.time;
        if seen.drawn > Power::ZERO {
            day.drawn += flowed;
        } else {
            day.charged += flowed;
        }
        let scale = seen.scale();
        day.always += seen.always * scale * seen.time;
        for (name, idle, shares) in seen.nodes {
            let node = day.nodes.entry(name.clone()).or_default();
            let work = |share: f64| seen.busy * share * scale * seen.time;
            node.idle += *idle * scale * seen.time;
            node.deferrable += work(shares.deferrable);
            node.standard += work(shares.standard);
            node.critical += work(shares.critical);
        }
    }
}

impl Seen<'_> {
    /// What the learned parts must be multiplied with to be what was measured; 1 while the panel's part is not known.
    fn scale(&self) -> f64 {
        let work = |shares: &Shares| shares.deferrable + shares.standard + shares.critical;
        let parts = self
            .nodes
            .iter()
            .fold(self.always, |sum, (_, idle, shares)| sum + *idle + self.busy * work(shares));
        if self.panel > Power::ZERO || self.drawn <= Power::ZERO || parts <= Power::ZERO {
            return 1.0;
        }
        (self.drawn / parts).clamp(0.5, 2.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_hours(1);

    fn watts(watts: f64) -> Power {
        Power::from_watts(watts)
    }

    #[test]
    fn by_night_the_parts_are_the_measured_load() {
        let mut accounts = Accounts::default();
        let shares = Shares { deferrable: 0.5, standard: 0.2, critical: 0.1 };
        let nodes =
            [("pi1".parse().unwrap(), watts(3.0), shares), ("pi2".parse().unwrap(), watts(3.0), shares)];
        let seen = Seen {
            time: HOUR,
            panel: watts(0.0),
            drawn: watts(18.0),
            always: watts(6.0),
            nodes: &nodes,
            busy: watts(2.5),
        };
        accounts.add(1, None, &seen);
        let day = accounts.days().last().unwrap();
        let sum = day.nodes.values().fold(day.always, |sum, node| sum + node.total());
        assert!((sum.watt_hours() - 18.0).abs() < 1e-9, "{sum}");
        let node = day.nodes.values().next().unwrap();
        assert!(node.deferrable > node.standard && node.standard > node.critical);
    }

    #[test]
    fn days_are_kept_apart_and_only_so_many() {
        let mut accounts = Accounts::default();
        for day in 0..100 {
            let seen = Seen {
                time: HOUR,
                panel: watts(50.0),
                drawn: watts(-20.0),
                always: watts(6.0),
                nodes: &[],
                busy: watts(2.5),
            };
            accounts.add(day, None, &seen);
            accounts.add(day, None, &seen);
        }
        assert_eq!(accounts.days().count(), DAYS_MAX);
        let day = accounts.days().last().unwrap();
        assert_eq!((day.seen_minutes, day.charged), (120, Energy::from_watt_hours(40.0)));
        assert_eq!(day.panel, Energy::from_watt_hours(100.0));
    }
}
