//! What a node's work takes in each stage, and what it is worth: learned from reports.
//!
//! A node reports how busy its processors are and which containers of which class it has, but not which container uses
//! how much. So its use is averaged apart for each stage that it was seen in; the differences tell the classes apart:
//! what still runs in `Drain` is critical, what `Shed` adds to that is standard work, and so on. Where a stage was
//! never seen, the containers stand in: each counts alike, a deferrable one twice (batch work is greedy), and a cap is
//! taken to leave what [`CAPPED`] says. (By a plan, standard work is not capped.)

use protocol::report::Report;
use protocol::{Class, Stage};
use serde::{Deserialize, Serialize};

/// Looks that an average remembers (best one a minute): about a day.
const MEMORY: f64 = 1440.0;
/// So many looks make an average that is worth more than a guess.
const LOOKS_LEAST: u32 = 20;
/// Before anything was seen, a node's processors are this busy.
const BUSY: f64 = 0.3;
/// What the system and the agent use for themselves: about 0.04 of four cores.
const OWN: f64 = 0.01;
/// What is left of deferrable work under its cap, before it was seen.
const CAPPED: f64 = 0.4;

/// Work of the three classes: parts of a node's processors, or containers.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Shares {
    pub(crate) deferrable: f64,
    pub(crate) standard: f64,
    pub(crate) critical: f64,
}

impl Shares {
    fn sum(self) -> f64 {
        self.deferrable + self.standard + self.critical
    }
}

/// An average of looks.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
struct Average {
    value: f64,
    looks: u32,
}

impl Average {
    fn look(&mut self, value: f64) {
        self.looks = self.looks.saturating_add(1);
        self.value += (value - self.value) / f64::from(self.looks).min(MEMORY);
    }

    fn known(&self) -> Option<f64> {
        (self.looks >= LOOKS_LEAST).then_some(self.value)
    }
}

/// One node's use, by stage, and how many containers of each class it has.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Uses {
    /// `Normal` to `Drain`.
    stages: [Average; 4],
    /// Deferrable, standard, critical.
    containers: [u16; 3],
}

impl Uses {
    /// Itself, if it can be what was learned.
    pub(super) fn sound(self) -> Option<Self> {
        self.stages.iter().all(|average| (0.0..=1.0).contains(&average.value)).then_some(self)
    }

    /// Takes a look at a node that is up.
    pub(super) fn look(&mut self, report: &Report, classes: impl Iterator<Item = Class>) {
        let mut containers = [0u16; 3];
        for class in classes {
            if let Some(count) = containers.get_mut(class as usize) {
                *count = count.saturating_add(1);
            }
        }
        if containers != [0; 3] {
            self.containers = containers;
        }
        if let (Some(permille), Some(average)) =
            (report.host.cpu_permille, self.stages.get_mut(report.stage as usize))
        {
            average.look(f64::from(permille.min(1000)) / 1000.0);
        }
    }

    /// Whether it runs something critical. Of a node whose containers were never seen, that must be assumed.
    pub(crate) fn is_critical(&self) -> bool {
        self.containers[Class::Critical as usize] > 0 || self.containers == [0; 3]
    }

    /// How busy its processors are in a stage, by class.
    pub(crate) fn split(&self, stage: Stage) -> Shares {
        let seen = |stage: Stage| self.stages.get(stage as usize).and_then(Average::known);
        let beyond_own = |stage| seen(stage).map(|busy| (busy - OWN).max(0.0));
        let guess = self.guess();
        // Where `Normal` was not seen, what was seen of a deeper stage says how far the guess is off at least.
        let all = beyond_own(Stage::Normal).unwrap_or_else(|| {
            let deeper = [Stage::Throttle, Stage::Shed, Stage::Drain].into_iter().filter_map(beyond_own);
            deeper.fold(BUSY, f64::max)
        });
        let critical = beyond_own(Stage::Drain).unwrap_or(guess.critical * all).min(all);
        let rest = (all - critical).max(0.0);
        let others = (guess.standard + guess.deferrable).max(1e-9);
        let standard = rest * guess.standard / others;
        let deferrable = rest * guess.deferrable / others;
        let capped = beyond_own(Stage::Shed).map_or(standard, |seen| seen - critical);
        let capped = capped.clamp(0.0, rest);
        let slowed = beyond_own(Stage::Throttle)
            .map_or(deferrable * CAPPED, |seen| seen - critical - capped)
            .clamp(0.0, (rest - capped).max(0.0));
        match stage {
            Stage::Normal => Shares { deferrable, standard, critical },
            Stage::Throttle => Shares { deferrable: slowed, standard: capped, critical },
            Stage::Shed => Shares { deferrable: 0.0, standard: capped, critical },
            Stage::Drain => Shares { critical, ..Shares::default() },
            Stage::Halt => Shares::default(),
        }
    }

    /// How busy its processors are in a stage, its own use included: 0 to 1.
    pub(crate) fn busy(&self, stage: Stage) -> f64 {
        if stage == Stage::Halt { 0.0 } else { (self.split(stage).sum() + OWN).min(1.0) }
    }

    /// How many containers of each class a stage keeps content, each by the part of what it wants that it gets. One that
    /// runs is worth as much when nobody uses it: a lamp in a lighthouse is not busy.
    pub(crate) fn content(&self, stage: Stage) -> Shares {
        let [deferrable, standard, critical] = self.containers.map(f64::from);
        // Of a node whose containers were never seen, one of each must be assumed.
        let (deferrable, standard, critical) =
            if self.containers == [0; 3] { (1.0, 1.0, 1.0) } else { (deferrable, standard, critical) };
        let all = Shares { deferrable, standard, critical };
        let slowed = || {
            let (free, slowed) = (self.split(Stage::Normal).deferrable, self.split(stage).deferrable);
            if free > OWN { (slowed / free).min(1.0) } else { CAPPED }
        };
        match stage {
            Stage::Normal => all,
            Stage::Throttle => Shares { deferrable: deferrable * slowed(), ..all },
            Stage::Shed => Shares { deferrable: 0.0, ..all },
            Stage::Drain => Shares { deferrable: 0.0, standard: 0.0, ..all },
            Stage::Halt => Shares::default(),
        }
    }

    /// The classes' parts, by the containers.
    fn guess(&self) -> Shares {
        let [deferrable, standard, critical] = self.containers.map(f64::from);
        let all = 2.0 * deferrable + standard + critical;
        if all <= 0.0 {
            return Shares { deferrable: 0.4, standard: 0.4, critical: 0.2 };
        }
        Shares { deferrable: 2.0 * deferrable / all, standard: standard / all, critical: critical / all }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::Seconds;
    use protocol::report::{Energy, Host};

    fn report(stage: Stage, permille: u16) -> Report {
        Report {
            uptime: Seconds(1),
            stage,
            floor: Stage::Normal,
            reason: protocol::Reason::Clear,
            energy: Energy::default(),
            host: Host { cpu_permille: Some(permille), ..Host::default() },
            order: None,
            containers_total: 3,
            containers: <_>::default(),
            docker_up: true,
        }
    }

    fn seen(stages: &[(Stage, u16)]) -> Uses {
        let mut uses = Uses::default();
        for (stage, permille) in stages {
            for _ in 0..LOOKS_LEAST {
                uses.look(&report(*stage, *permille), [Class::Deferrable, Class::Critical].into_iter());
            }
        }
        uses
    }

    #[test]
    fn stages_that_were_seen_tell_the_classes_apart() {
        let uses =
            seen(&[(Stage::Normal, 700), (Stage::Throttle, 400), (Stage::Shed, 200), (Stage::Drain, 200)]);
        let near = |a: f64, b: f64| (a - b).abs() < 1e-9;
        let (normal, throttle) = (uses.split(Stage::Normal), uses.split(Stage::Throttle));
        assert!(near(normal.critical, 0.19) && near(normal.deferrable, 0.5) && near(normal.standard, 0.0));
        assert!(near(throttle.deferrable, 0.2) && near(throttle.critical, 0.19), "{throttle:?}");
        assert!(near(uses.busy(Stage::Shed), 0.2) && near(uses.busy(Stage::Halt), 0.0));
    }

    #[test]
    fn each_stage_uses_no_more_than_the_one_above_whatever_was_seen() {
        for permille in [[0, 900, 50, 1000], [1000, 0, 0, 0], [300, 300, 300, 300], [10, 20, 30, 40]] {
            let stages = Stage::ALL.into_iter().zip(permille).collect::<Vec<_>>();
            let uses = seen(&stages);
            for pair in Stage::ALL.windows(2) {
                assert!(uses.busy(pair[0]) >= uses.busy(pair[1]) - 1e-9, "{permille:?} {pair:?}");
            }
        }
    }

    #[test]
    fn what_was_never_seen_is_guessed_by_the_containers_and_counts_as_critical() {
        let uses = Uses::default();
        assert!(uses.is_critical());
        assert!(uses.busy(Stage::Normal) > uses.busy(Stage::Throttle));
        assert!(uses.split(Stage::Shed).deferrable.abs() < f64::EPSILON);
    }
}
