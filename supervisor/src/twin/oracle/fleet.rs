//! What a site's nodes may do, quarter of an hour by quarter of an hour: watts, and the work that is served.
//!
//! A node is off, or does what one of the ladder's stages leaves it. Its watts are those of the simulated board and
//! converter at what its containers then use; where they want more than the board has, all get less alike. The day is cut into [`SLOTS`]; a batch job's minutes are averaged over a slot.

use std::sync::Arc;

use hardware::sim::load::{Limit, NodeLoad, Work};
use protocol::{Class, Cpus, Power, Stage};

use super::STEP;
use super::front::{Aim, Front, Mode};
use crate::twin::docker::Recipe;
use crate::twin::policy::Level;
use crate::twin::site::{Site, SiteNode, Worth};

/// Stretches of a day.
pub const SLOTS: usize = (24 * 3600 / STEP.as_secs()) as usize;
/// Looks at the demand within a slot.
const LOOKS: usize = 15;
/// What a node may do besides being off, from the least on.
pub const STAGES: [Stage; 4] = [Stage::Drain, Stage::Shed, Stage::Throttle, Stage::Normal];
/// The classes, most important first; [`PerClass`] counts in this order.
pub const CLASSES: [Class; 3] = [Class::Critical, Class::Standard, Class::Deferrable];

/// A number for each of [`CLASSES`].
pub type PerClass = [f64; 3];

/// What a node does, as an index into its modes: 0 is off, then [`STAGES`].
pub const fn stage_of(mode: u8) -> Option<Stage> {
    match mode {
        0 => None,
        1 => Some(STAGES[0]),
        2 => Some(STAGES[1]),
        3 => Some(STAGES[2]),
        _ => Some(STAGES[3]),
    }
}

/// One thing that one node may do in one slot.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Doing {
    /// What it draws at 12 V.
    pub power: Power,
    /// Processor that each class gets, in CPUs.
    pub cpus: PerClass,
    /// Containers of each class that want anything, each by the part of it that it gets.
    pub content: PerClass,
    /// Containers of each class that run.
    pub running: PerClass,
}

/// One slot of the day.
#[derive(Debug, Clone)]
pub struct Slot {
    /// For each node what it may do: off first, then [`STAGES`].
    pub nodes: Vec<Vec<Doing>>,
    /// The fleet's efficient choices.
    pub front: Arc<Front>,
}

impl Slot {
    /// What a choice of the front comes to: processor and running containers by class.
    pub fn tally(&self, modes: &[u8]) -> (PerClass, PerClass) {
        let (mut cpus, mut running) = ([0.0; 3], [0.0; 3]);
        for (node, mode) in self.nodes.iter().zip(modes) {
            let Some(doing) = node.get(usize::from(*mode)) else { continue };
            for class in 0..3 {
                cpus[class] += doing.cpus[class];
                running[class] += doing.running[class];
            }
        }
        (cpus, running)
    }
}

/// A site's nodes through the day.
#[derive(Debug, Clone)]
pub struct Fleet {
    /// By slot of the day.
    pub slots: Vec<Slot>,
    /// Containers of each class.
    pub containers: PerClass,
    /// Processor that everything running would use, by slot.
    pub wanted: Vec<PerClass>,
    /// Containers of each class that want anything, by slot.
    wanting: Vec<PerClass>,
}

impl Fleet {
    /// Of a site, with fronts for an aim.
    pub fn of(site: &Site, aim: Aim) -> Self {
        let mut containers = [0.0; 3];
        for recipe in site.nodes.iter().flat_map(|node| &node.work) {
            containers[index(recipe.class)] += 1.0;
        }
        let slots: Vec<Slot> = (0..SLOTS).map(|slot| Slot::of(site, slot, containers[0], aim)).collect();
        let demand = |slot| demanded(site, slot);
        let (wanted, wanting) = (0..SLOTS).map(demand).unzip();
        Self { slots, containers, wanted, wanting }
    }

    /// The same where masters are off only when every node is, as under any policy that runs on them.
    #[must_use]
    pub fn keeping_masters(mut self, site: &Site, aim: Aim) -> Self {
        let kept: Vec<bool> = site.nodes.iter().map(|node| node.master).collect();
        for slot in &mut self.slots {
            let modes = modes(&slot.nodes, self.containers[0], site);
            slot.front = Arc::new(Front::keeping(&modes, &kept, aim));
        }
        self
    }

    /// What all of it is worth an hour in a slot, if everything ran.
    pub fn worth_wanted(&self, slot: usize, worth: &Worth) -> f64 {
        worth_of(&self.wanting[slot % SLOTS], worth)
    }
}

impl Slot {
    fn of(site: &Site, slot: usize, critical: f64, aim: Aim) -> Self {
        let nodes: Vec<Vec<Doing>> = site.nodes.iter().map(|node| doings(node, slot)).collect();
        let modes = modes(&nodes, critical, site);
        Self { front: Arc::new(Front::of(&modes, aim)), nodes }
    }
}

/// The nodes' modes as a front weighs them; `critical` is how many critical containers there are.
fn modes(nodes: &[Vec<Doing>], critical: f64, site: &Site) -> Vec<Vec<Mode>> {
    let mode = |doing: &Doing| Mode {
        power: doing.power,
        worth: worth_of(&doing.content, &site.worth),
        critical: doing.running[0] / critical.max(1.0),
    };
    nodes.iter().map(|node| node.iter().map(mode).collect()).collect()
}

/// The place of a class in [`CLASSES`].
pub const fn index(class: Class) -> usize {
    match class {
        Class::Critical => 0,
        Class::Standard => 1,
        Class::Deferrable => 2,
    }
}

/// What an hour of it is worth: a weight is for an hour in which a container gets all that it wants.
fn worth_of(content: &PerClass, worth: &Worth) -> f64 {
    CLASSES.iter().zip(content).map(|(class, content)| worth.of(*class) * content).sum()
}

/// What a node may do in a slot: the mean over its looks.
fn doings(node: &SiteNode, slot: usize) -> Vec<Doing> {
    let off = Doing { power: off(node), cpus: [0.0; 3], content: [0.0; 3], running: [0.0; 3] };
    let stages = STAGES.map(|stage| {
        let mut mean = Doing { running: running(node, stage), ..off };
        let mut power = Power::ZERO;
        for hour in looks(slot) {
            let (cpus, content) = used(node, stage, hour);
            power += draws(node, cpus.iter().sum());
            let looks = LOOKS as f64;
            mean.cpus.iter_mut().zip(cpus).for_each(|(mean, cpus)| *mean += cpus / looks);
            mean.content.iter_mut().zip(content).for_each(|(mean, content)| *mean += content / looks);
        }
        Doing { power: power / LOOKS as f64, ..mean }
    });
    std::iter::once(off).chain(stages).collect()
}

/// What a node draws when it is off: nothing behind a relay, what its halted board takes otherwise.
fn off(node: &SiteNode) -> Power {
    let mut load = NodeLoad::new(node.board, node.converter);
    load.halt();
    load.set_switch(!node.relay);
    load.input()
}

/// What it draws while its containers use so many CPUs.
fn draws(node: &SiteNode, cpus: f64) -> Power {
    let mut load = NodeLoad::new(node.board, node.converter);
    load.set_work(&[Work { wants: Cpus::from_milli((cpus * 1000.0 + 0.5) as u32), limit: Limit::Free }]);
    load.input()
}

/// Containers of each class that a stage lets run.
fn running(node: &SiteNode, stage: Stage) -> PerClass {
    let level = Level::of(stage);
    let mut running = [0.0; 3];
    for recipe in node.work.iter().filter(|recipe| level.part(recipe.class) > 0.0) {
        running[index(recipe.class)] += 1.0;
    }
    running
}

/// What each class uses at an hour in a stage, and how many containers that makes content; where they want more than the
/// board has, all get less alike.
fn used(node: &SiteNode, stage: Stage, hour: f64) -> (PerClass, PerClass) {
    let level = Level::of(stage);
    let (mut uses, mut content) = ([0.0; 3], [0.0; 3]);
    for (number, recipe) in node.work.iter().enumerate() {
        let (class, wants) = (index(recipe.class), recipe.demand.at(hour, number));
        let used = within_limit(recipe, wants) * level.part(recipe.class);
        uses[class] += used;
        content[class] += if wants > 0.0 { used / wants } else { 0.0 };
    }
    let scale = (f64::from(node.board.cores) / uses.iter().sum::<f64>()).min(1.0);
    (uses.map(|uses| uses * scale), content.map(|content| content * scale))
}

/// What a container uses of what it wants, within the limit that somebody gave it.
fn within_limit(recipe: &Recipe, wants: f64) -> f64 {
    if recipe.nano_cpus > 0 { wants.min(recipe.nano_cpus as f64 / 1e9) } else { wants }
}

/// What the containers of each class want in a slot on average, whatever their boards can give, and how many want anything.
fn demanded(site: &Site, slot: usize) -> (PerClass, PerClass) {
    let (mut wanted, mut wanting) = ([0.0; 3], [0.0; 3]);
    for hour in looks(slot) {
        for (number, recipe) in site.nodes.iter().flat_map(|node| node.work.iter().enumerate()) {
            let (class, wants) = (index(recipe.class), recipe.demand.at(hour, number));
            wanted[class] += wants / LOOKS as f64;
            wanting[class] += f64::from(u8::from(wants > 0.0)) / LOOKS as f64;
        }
    }
    (wanted, wanting)
}

/// The hours of the day at which a slot is looked at.
fn looks(slot: usize) -> impl Iterator<Item = f64> {
    let hours = STEP.as_secs_f64() / 3600.0;
    (0..LOOKS).map(move |look| (slot as f64 + (look as f64 + 0.5) / LOOKS as f64) * hours)
}
