//! What the picture shows, as plain data: whoever has a fleet (simulated or real) fills it, [`super::draw`] paints it.

use protocol::report::{ContainerState, SocBand, TimeBand};
use protocol::{Class, Current, Power, Soc, Stage, Voltage};

/// Seconds in a day.
pub const DAY_S: u32 = 86_400;

/// A moment at the site, in its local time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct SiteTime {
    /// Seconds since midnight before the first day.
    pub seconds: u32,
}

impl SiteTime {
    /// Which day, from 1.
    pub const fn day(self) -> u32 {
        self.seconds / DAY_S + 1
    }

    /// The hour of the day, with fraction.
    pub fn hour(self) -> f64 {
        f64::from(self.seconds % DAY_S) / 3600.0
    }

    /// `21:40`.
    pub fn clock(self) -> String {
        let minutes = self.seconds % DAY_S / 60;
        format!("{:02}:{:02}", minutes / 60, minutes % 60)
    }
}

/// Everything on the screen.
#[derive(Debug, Clone, PartialEq)]
pub struct Scene {
    /// What this is, for someone who never heard of it.
    pub title: String,
    /// The time at the site.
    pub time: SiteTime,
    /// The time of day in a word: night, dawn, day, dusk.
    pub daylight: &'static str,
    /// How fast time passes, or that it is paused.
    pub pace: String,
    /// What is happening, in plain words.
    pub now: String,
    /// The battery and the panel.
    pub supply: SupplyLine,
    /// The nodes, in the order in which they are listed.
    pub nodes: Vec<NodeLine>,
    /// What happened over the day.
    pub strip: Strip,
    /// What was decided and why, newest last.
    pub decisions: Vec<DecisionLine>,
    /// Keys that do something, for the first line's right end.
    pub keys: &'static str,
}

/// The battery and the panel. `None` where there is no honest value.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct SupplyLine {
    /// At the terminals, as the freshest node reads it.
    pub voltage: Option<Voltage>,
    /// Out of the battery; negative while it charges.
    pub current: Option<Current>,
    /// What all nodes and the switch draw.
    pub load: Power,
    /// What the panel gives.
    pub sun: Power,
    /// The state of charge as estimated.
    pub soc: Option<SocBand>,
    /// The state of charge as it is, where somebody knows (a simulation does).
    pub soc_truth: Option<Soc>,
    /// The time to usable empty.
    pub time_to_empty: Option<TimeBand>,
}

/// What a node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum NodeMode {
    /// Runs, in this stage.
    Up(Stage),
    /// Has power and starts.
    Booting,
    /// Switched off on purpose.
    Parked,
    /// Lost its power.
    Dark,
}

impl NodeMode {
    /// Its name, at most eight characters.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Up(stage) => stage.name(),
            Self::Booting => "boots",
            Self::Parked => "parked",
            Self::Dark => "no power",
        }
    }

    /// One letter that no other mode has, for those who do not see the colours.
    pub const fn letter(self) -> char {
        match self {
            Self::Up(Stage::Normal) => 'N',
            Self::Up(Stage::Throttle) => 'T',
            Self::Up(Stage::Shed) => 'S',
            Self::Up(Stage::Drain) => 'D',
            Self::Up(Stage::Halt) => 'H',
            Self::Booting => 'b',
            Self::Parked => 'p',
            Self::Dark => '!',
        }
    }
}

/// One container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContainerMark {
    /// How much it matters.
    pub class: Class,
    /// What it does.
    pub state: ContainerState,
}

/// One node's line.
#[derive(Debug, Clone, PartialEq)]
pub struct NodeLine {
    /// Its name.
    pub name: String,
    /// What it is.
    pub mode: NodeMode,
    /// Why, with the numbers.
    pub reason: String,
    /// The same where there is no room for it.
    pub brief: String,
    /// Its containers, critical first.
    pub containers: Vec<ContainerMark>,
    /// What it draws at 5 V.
    pub power: Power,
}

/// What was decided.
#[derive(Debug, Clone, PartialEq)]
pub struct DecisionLine {
    /// When.
    pub time: SiteTime,
    /// Who: a node.
    pub node: String,
    /// What, and why.
    pub text: String,
    /// The same where there is no room for it.
    pub brief: String,
}

/// One moment of the strip.
#[derive(Debug, Clone, PartialEq)]
pub struct StripSample {
    /// When.
    pub time: SiteTime,
    /// What the panel gave.
    pub sun: Power,
    /// The state of charge as estimated.
    pub soc: Option<SocBand>,
    /// The modes of the nodes, in the order of [`Scene::nodes`].
    pub modes: Vec<NodeMode>,
}

/// What happened over the day, sampled.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Strip {
    /// The left end.
    pub from: SiteTime,
    /// The right end.
    pub to: SiteTime,
    /// The most that the panel can give: the sun's full height.
    pub sun_max: Power,
    /// In order of time.
    pub samples: Vec<StripSample>,
}

impl Strip {
    /// Splits the strip into so many columns of equal time, each with its samples (none, where nothing happened yet).
    pub fn columns(&self, count: u16) -> Vec<&[StripSample]> {
        let span = u64::from(self.to.seconds.saturating_sub(self.from.seconds));
        let edge = |column: u16| {
            let offset = span * u64::from(column) / u64::from(count.max(1));
            u64::from(self.from.seconds) + offset
        };
        (0..count)
            .map(|column| {
                let start = self.samples.partition_point(|s| u64::from(s.time.seconds) < edge(column));
                let end = self.samples.partition_point(|s| u64::from(s.time.seconds) < edge(column + 1));
                self.samples.get(start..end).unwrap_or_default()
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(seconds: u32) -> StripSample {
        StripSample { time: SiteTime { seconds }, sun: Power::ZERO, soc: None, modes: Vec::new() }
    }

    #[test]
    fn columns_share_the_samples_without_losing_or_doubling_one() {
        let strip = Strip {
            from: SiteTime { seconds: 100 },
            to: SiteTime { seconds: 1100 },
            sun_max: Power::ZERO,
            samples: (100..1100).step_by(30).map(sample).collect(),
        };
        for count in [1, 7, 33, 200] {
            let columns = strip.columns(count);
            assert_eq!(columns.len(), usize::from(count));
            assert_eq!(columns.iter().map(|c| c.len()).sum::<usize>(), strip.samples.len());
        }
    }

    #[test]
    fn a_mode_is_told_by_its_letter_alone() {
        let mut letters: Vec<char> = Stage::ALL
            .map(NodeMode::Up)
            .into_iter()
            .chain([NodeMode::Booting, NodeMode::Parked, NodeMode::Dark])
            .map(NodeMode::letter)
            .collect();
        letters.sort_unstable();
        letters.dedup();
        assert_eq!(letters.len(), 8);
    }

    #[test]
    fn the_clock_goes_over_midnight() {
        let time = SiteTime { seconds: DAY_S + 65 * 60 };
        assert_eq!((time.day(), time.clock().as_str()), (2, "01:05"));
    }
}
