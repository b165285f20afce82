//! What is told of the site: the scene for the picture, and what is happening now in plain words.

use agent::core::event::{ContainerSeen, ContainerStatus};
use protocol::report::ContainerState;
use protocol::{Cpus, OrderReason, Reason, Stage};

use super::Twin;
use super::chronicle::Change;
use super::docker::Recipe;
use super::node::{Node, Phase};
use crate::tui::scene::{ContainerMark, DAY_S, NodeLine, NodeMode, SiteTime, Strip, SupplyLine};
use crate::tui::{Scene, brief};

/// A change is news for this long, in seconds of the site.
const NEWS_S: u32 = 45 * 60;
/// The strip shows this much at once.
const STRIP_S: u32 = 2 * DAY_S;

impl Twin {
    /// Everything on the screen. `pace` says how fast time passes, `keys` which keys do something.
    pub fn scene(&self, pace: String, keys: &'static str, days: f64) -> Scene {
        let time = self.time();
        Scene {
            title: format!("Heliostat demo: {} Pis, one car battery, one solar panel", self.nodes.len()),
            time,
            daylight: self.daylight(),
            pace,
            now: self.now_in_words(),
            supply: self.supply_line(),
            nodes: self.nodes.iter().enumerate().map(|(index, node)| self.node_line(index, node)).collect(),
            strip: self.strip(days),
            decisions: self.chronicle.decisions.clone(),
            keys,
        }
    }

    /// The time of day in a word.
    pub fn daylight(&self) -> &'static str {
        // The sine of six degrees: civil twilight ends there.
        let height = self.field.sun_height();
        let morning = self.time().hour() < 12.0;
        match (height, morning) {
            (height, _) if height > 0.1 => "day",
            (height, true) if height > -0.1 => "dawn",
            (height, false) if height > -0.1 => "dusk",
            _ => "night",
        }
    }

    fn supply_line(&self) -> SupplyLine {
        let energy = self.measuring().map(|(_, energy)| energy).unwrap_or_default();
        SupplyLine {
            voltage: energy.voltage,
            current: energy.current,
            load: self.field.load(),
            sun: self.field.sun_taken(),
            soc: self.estimate(),
            soc_truth: Some(self.field.true_soc()),
            // While the sun fills it, the time to empty is one at night's load: true, but no help here.
            time_to_empty: energy.time_to_empty.filter(|_| energy.current.is_some_and(|c| c.amps() > 0.0)),
        }
    }

    fn node_line(&self, index: usize, node: &Node) -> NodeLine {
        let brief = node.running().map(|running| brief::phrase(running.agent.reason()));
        let reason = match &node.phase {
            Phase::Up(running) => running.agent.reason().to_string(),
            Phase::Booting => "starts: system, Docker, agent".to_owned(),
            Phase::Halted | Phase::Off if node.parked => {
                format!("switched off at {} to save energy", self.time_at(node.off_since).clock())
            }
            Phase::Halted | Phase::Off => "its power was cut".to_owned(),
        };
        let up = node.running().is_some();
        let mark = |(recipe, seen): (&Recipe, &ContainerSeen)| ContainerMark {
            class: recipe.class,
            state: if up { container_state(recipe, seen) } else { ContainerState::Down },
        };
        NodeLine {
            name: node.plan.name.to_string(),
            mode: node.mode(),
            brief: brief.unwrap_or_else(|| reason.clone()),
            reason,
            containers: node.docker.containers().into_iter().map(mark).collect(),
            power: self.field.draws(index),
        }
    }

    /// The last two days, or less if the run is shorter.
    fn strip(&self, days: f64) -> Strip {
        let length = ((days * f64::from(DAY_S)) as u32).min(STRIP_S);
        let to = self.time().seconds.max(self.starts_s + length);
        let from = to - length;
        let first = self.chronicle.strip.partition_point(|sample| sample.time.seconds < from);
        Strip {
            from: SiteTime { seconds: from },
            to: SiteTime { seconds: to },
            sun_max: self.field.sun_max(),
            samples: self.chronicle.strip.get(first..).unwrap_or_default().to_vec(),
        }
    }

    /// What is happening, for someone who never heard of it: the battery, the fleet, the last change and its cause.
    pub fn now_in_words(&self) -> String {
        let mut words = self.battery_in_words();
        words.push(' ');
        words.push_str(&self.fleet_in_words());
        let news = self.chronicle.changes.last();
        if let Some(change) = news.filter(|change| self.time().seconds < change.time.seconds + NEWS_S) {
            words.push(' ');
            words.push_str(&self.change_in_words(change));
        }
        words
    }

    fn battery_in_words(&self) -> String {
        let supply = self.supply_line();
        let charge = supply
            .soc
            .map_or("of unknown charge".to_owned(), |soc| format!("at {:.0} %", soc.best.percent()));
        let flow = match supply.current {
            Some(current) if current.amps() < -0.2 => "the sun fills it",
            Some(_) if self.field.sun_taken().watts() > 2.0 => "the sun carries part of the load",
            Some(_) => "it alone carries the load",
            None => "nobody measures it",
        };
        format!("The battery is {charge}; {flow}.")
    }

    fn fleet_in_words(&self) -> String {
        let count =
            |wanted: fn(&NodeMode) -> bool| self.nodes.iter().filter(|node| wanted(&node.mode())).count();
        let normal = count(|mode| *mode == NodeMode::Up(Stage::Normal));
        if normal == self.nodes.len() {
            return "Every node does all of its work.".to_owned();
        }
        let groups: [(usize, &str); 7] = [
            (normal, "work freely"),
            (count(|mode| *mode == NodeMode::Up(Stage::Throttle)), "run slower"),
            (count(|mode| *mode == NodeMode::Up(Stage::Shed)), "paused what can wait"),
            (count(|mode| *mode == NodeMode::Up(Stage::Drain)), "keep only what is critical"),
            (count(|mode| matches!(mode, NodeMode::Up(Stage::Halt) | NodeMode::Booting)), "stop or start"),
            (count(|mode| *mode == NodeMode::Parked), "are switched off to save energy"),
            (count(|mode| *mode == NodeMode::Dark), "have no power"),
        ];
        let parts: Vec<String> = groups
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, what)| format!("{count} {what}"))
            .collect();
        format!("{}.", parts.join(", "))
    }

    fn change_in_words(&self, change: &Change) -> String {
        let name = self.nodes.get(change.node).map_or("", |node| node.plan.name.as_str());
        let saves = change.to > change.from;
        let what = match (saves, change.to) {
            (true, Stage::Throttle) => "slows down",
            (true, Stage::Shed) => "pauses what can wait",
            (true, Stage::Drain) => "keeps only what is critical",
            (true, _) => "switches itself off",
            (false, Stage::Normal) => "does all of its work again",
            (false, _) => "does more of its work again",
        };
        let because = match &change.reason {
            Reason::Ordered { why: OrderReason::SupplyLow { soc, threshold, place, of }, .. } => {
                let turn =
                    if *place == 1 { "first".to_owned() } else { format!("as number {place} of {of}") };
                format!("{turn}, because the charge may be as low as {soc}, under its limit of {threshold}")
            }
            Reason::Ordered { why, .. } => format!("because {why}"),
            reason => format!("because {reason}"),
        };
        format!("{} {name} {what} {because}.", change.time.clock())
    }
}

/// A container's state as a report would tell it.
fn container_state(recipe: &Recipe, seen: &ContainerSeen) -> ContainerState {
    match seen.status {
        ContainerStatus::Running if recipe.is_capped(seen.cpu) => ContainerState::Capped(Cpus::from_milli(0)),
        ContainerStatus::Running => ContainerState::Running,
        ContainerStatus::Paused => ContainerState::Paused,
        ContainerStatus::Exited => ContainerState::Stopped,
        ContainerStatus::Transient => ContainerState::Down,
    }
}
