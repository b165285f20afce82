//! The Docker of one simulated node: containers that want processor time and get what they are allowed.
//!
//! It keeps to what the engine really does: a second pause is refused, a paused container cannot be stopped in time
//! by its own signal, `CpuQuota` 0 means "unchanged", and a boot starts again what was not stopped by hand or by us.

use std::collections::BTreeMap;
use std::time::Duration;

use agent::core::action::ContainerChange;
use agent::core::event::{ActionError, ContainerId, ContainerSeen, ContainerStatus, CpuSettings};
use protocol::Class;

use super::policy::Level;

/// How much processor a container wants over the day.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Demand {
    /// The same at all hours, in CPUs.
    Steady(f64),
    /// A service that people use: `base` at night, up to `peak` at noon, in CPUs.
    Daily {
        /// At night.
        base: f64,
        /// At noon.
        peak: f64,
    },
    /// A batch job: `busy` CPUs for a third of each hour, at a minute that differs by container.
    Batch {
        /// While it works.
        busy: f64,
    },
}

impl Demand {
    /// CPUs wanted at an hour of the day (0 to 24), for the container with this number.
    pub(super) fn at(self, hour: f64, number: usize) -> f64 {
        match self {
            Self::Steady(cpus) => cpus,
            Self::Daily { base, peak } => {
                // A parabola from six to twenty o'clock with its top at one: no transcendental function needed.
                let from_top = (hour - 13.0) / 7.0;
                base + (peak - base) * (1.0 - from_top * from_top).max(0.0)
            }
            Self::Batch { busy } => {
                let phase = (hour * 3.0 + number as f64) % 3.0;
                if phase < 1.0 { busy } else { 0.02 }
            }
        }
    }
}

/// What a container is made of.
#[derive(Debug, Clone, PartialEq)]
pub struct Recipe {
    /// Its name.
    pub name: String,
    /// How much it matters.
    pub class: Class,
    /// What it wants.
    pub demand: Demand,
    /// How long it takes to end by itself after its stop signal.
    pub stops_in: Duration,
    /// The limit that somebody gave it: 10^-9 CPUs, 0 for none.
    pub nano_cpus: i64,
}

impl Recipe {
    /// The settings as somebody made them, before any of ours.
    fn original(&self) -> CpuSettings {
        CpuSettings { nano_cpus: self.nano_cpus, ..CpuSettings::default() }
    }

    /// Whether the settings allow less than the original ones.
    pub fn is_capped(&self, now: CpuSettings) -> bool {
        let allowed = |cpu| limit(cpu).unwrap_or(f64::INFINITY);
        allowed(now) < allowed(self.original())
    }
}

/// The classes, in the order in which [`Load`] and its like have them.
pub const CLASSES: [Class; 3] = [Class::Deferrable, Class::Standard, Class::Critical];

/// What the containers of one class want and use.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct ClassLoad {
    /// How many there are.
    pub containers: u32,
    /// How many run, however slowly.
    pub running: u32,
    /// Work that they want, in CPUs at the greatest clock.
    pub wants: f64,
    /// Work that they get done.
    pub uses: f64,
    /// How many want anything now: a batch job between two batches does not.
    pub wanting: f64,
    /// Of these, each by the part of what it wants that it gets.
    pub content: f64,
}

/// What the containers of a node want and use.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Load {
    /// Processor time that all use together, in CPUs at the present clock.
    pub cpus: f64,
    /// The work that this is, in CPUs at the greatest clock.
    pub work: f64,
    /// By class, as in [`CLASSES`].
    pub classes: [ClassLoad; 3],
}

/// One container.
#[derive(Debug, Clone)]
struct Container {
    recipe: Recipe,
    seen: ContainerSeen,
    /// Its control group stands still, which the engine does not know.
    frozen: bool,
}

impl Container {
    /// Whether its processes get any time.
    fn works(&self) -> bool {
        self.seen.status == ContainerStatus::Running && !self.frozen
    }
}

/// The engine and its containers; survives power cuts as a disk does.
#[derive(Debug, Clone)]
pub struct Docker {
    containers: BTreeMap<ContainerId, Container>,
    /// The part of what each class wants that it may use: for policies without agents.
    held: [f64; 3],
    changes: u64,
}

/// The period of a CPU quota when none is set, in microseconds (the kernel's).
const PERIOD_US: i64 = 100_000;

impl Docker {
    /// An engine that runs all these; `node` makes the ids differ between nodes.
    pub fn new(node: usize, recipes: &[Recipe]) -> Self {
        let containers = recipes.iter().enumerate().map(|(number, recipe)| {
            let id = ContainerId(format!("{:064x}", (node + 1) * 0x1_0000 + number + 1));
            let labels = BTreeMap::from([("heliostat.class".to_owned(), recipe.class.name().to_owned())]);
            let status = ContainerStatus::Running;
            let cpu = recipe.original();
            let seen = ContainerSeen { id: id.clone(), name: recipe.name.clone(), labels, status, cpu };
            (id, Container { recipe: recipe.clone(), seen, frozen: false })
        });
        Self { containers: containers.collect(), held: [1.0; 3], changes: 0 }
    }

    /// All containers, as the engine lists them.
    pub fn list(&self) -> Vec<ContainerSeen> {
        self.containers.values().map(|container| container.seen.clone()).collect()
    }

    /// How long a change takes before it ends.
    pub fn takes(&self, id: &ContainerId, change: ContainerChange) -> Duration {
        match change {
            ContainerChange::SetCpu(_) => Duration::from_millis(180),
            ContainerChange::Pause | ContainerChange::Unpause => Duration::from_millis(90),
            ContainerChange::Freeze | ContainerChange::Thaw => Duration::from_millis(1),
            ContainerChange::Start => Duration::from_millis(1_400),
            ContainerChange::Stop { timeout } => {
                self.containers.get(id).map_or(Duration::ZERO, |c| c.recipe.stops_in.min(timeout))
            }
        }
    }

    /// Carries out a change.
    ///
    /// # Errors
    ///
    /// As the engine refuses it: unknown container, paused twice, not paused, not running.
    pub fn apply(&mut self, id: &ContainerId, change: ContainerChange) -> Result<(), ActionError> {
        use ContainerStatus::{Exited, Paused, Running};
        self.changes += 1;
        let container = self.containers.get_mut(id).ok_or(ActionError::NotFound)?;
        let seen = &mut container.seen;
        match (change, seen.status) {
            (ContainerChange::SetCpu(cpu), _) => seen.cpu = updated(seen.cpu, cpu)?,
            (ContainerChange::Freeze, Running) => container.frozen = true,
            (ContainerChange::Thaw, _) => container.frozen = false,
            (ContainerChange::Pause, Running) => seen.status = Paused,
            (ContainerChange::Unpause, Paused) | (ContainerChange::Start, Exited) => seen.status = Running,
            (ContainerChange::Stop { .. }, Running | Paused) => seen.status = Exited,
            // The engine answers 304 and is content.
            (ContainerChange::Stop { .. }, Exited) | (ContainerChange::Start, Running) => {}
            (ContainerChange::Pause, Paused) => {
                return Err(ActionError::Refused(format!("container {id} is already paused")));
            }
            (ContainerChange::Freeze, _) => return Err(ActionError::NotFound),
            (change, status) => {
                return Err(ActionError::Refused(format!(
                    "{change:?} of container {id}, which is {status:?}"
                )));
            }
        }
        if !matches!(change, ContainerChange::Freeze | ContainerChange::SetCpu(_)) {
            container.frozen = false;
        }
        Ok(())
    }

    /// The node boots: what ran or was paused when the power went runs again, what was stopped stays stopped.
    pub fn boot(&mut self) {
        self.changes += 1;
        for container in self.containers.values_mut() {
            container.frozen = false;
            if container.seen.status == ContainerStatus::Paused {
                container.seen.status = ContainerStatus::Running;
            }
        }
    }

    /// What all containers want and use now, on a board with so many cores at this part of its greatest clock. `running` is
    /// false where no system runs: they want all the same.
    ///
    /// Work is counted in CPUs at the greatest clock. At half the clock the same work takes twice the processor time, so a
    /// slow clock costs nothing until a limit, or the board, has no more time to give.
    pub fn load(&self, site_seconds: u32, cores: f64, speed: f64, running: bool) -> Load {
        let hour = f64::from(site_seconds % 86_400) / 3600.0;
        let mut load = Load::default();
        let mut used = 0.0;
        for (number, container) in self.containers.values().enumerate() {
            let Recipe { class, demand, .. } = container.recipe;
            let wants = demand.at(hour, number);
            let of_class = &mut load.classes[class as usize];
            of_class.containers += 1;
            of_class.wants += wants;
            of_class.wanting += f64::from(u8::from(wants > 0.0));
            let held = self.held[class as usize];
            if running && container.works() && held > 0.0 {
                let uses = wants.min(limit(container.seen.cpu).unwrap_or(cores) * speed) * held;
                of_class.running += 1;
                of_class.uses += uses;
                of_class.content += if wants > 0.0 { uses / wants } else { 0.0 };
                used += uses;
            }
        }
        load.work = used.min(cores * speed);
        load.cpus = load.work / speed;
        if used > load.work {
            // More than the board has is shared out evenly.
            for of_class in &mut load.classes {
                of_class.uses *= load.work / used;
                of_class.content *= load.work / used;
            }
        }
        load
    }

    /// Holds the containers of each class to a part of what they want, 0 stops them: what a policy without agents does.
    pub fn hold(&mut self, level: &Level) {
        self.held = CLASSES.map(|class| level.part(class).clamp(0.0, 1.0));
        self.changes += 1;
    }

    /// Counts up with every change of a container: what was computed for an earlier number may not hold any more.
    pub fn changes(&self) -> u64 {
        self.changes
    }

    /// Every container with its class and whether it serves now (runs, however slowly).
    pub fn served(&self) -> impl Iterator<Item = (Class, bool)> + '_ {
        self.containers.values().map(|c| (c.recipe.class, c.works()))
    }

    /// What each container is made of and how the engine shows it, in the engine's order.
    pub fn all(&self) -> impl Iterator<Item = (&Recipe, &ContainerSeen)> {
        self.containers.values().map(|c| (&c.recipe, &c.seen))
    }

    /// How long it takes to stop all that runs, one class after the other.
    pub fn stop_takes(&self) -> Duration {
        self.containers.values().map(|c| c.recipe.stops_in).max().unwrap_or_default()
    }

    /// What each container is made of and how the engine shows it, critical ones first.
    pub fn containers(&self) -> Vec<(&Recipe, &ContainerSeen)> {
        let mut all: Vec<_> = self.containers.values().map(|c| (&c.recipe, &c.seen)).collect();
        all.sort_by_key(|(recipe, _)| std::cmp::Reverse(recipe.class));
        all
    }
}

/// The limit that CPU settings stand for, in CPUs; `None` for no limit.
fn limit(cpu: CpuSettings) -> Option<f64> {
    if cpu.nano_cpus > 0 {
        return Some(cpu.nano_cpus as f64 * 1e-9);
    }
    let period = if cpu.period > 0 { cpu.period } else { PERIOD_US };
    (cpu.quota > 0).then(|| cpu.quota as f64 / period as f64)
}

/// What `docker update` makes of the settings: zero leaves a setting as it is, and the two kinds exclude each other.
fn updated(mut old: CpuSettings, new: CpuSettings) -> Result<CpuSettings, ActionError> {
    if new.nano_cpus > 0 && (new.quota != 0 || new.period != 0) {
        return Err(ActionError::Refused("NanoCPUs and CPU quota exclude each other".to_owned()));
    }
    if new.nano_cpus > 0 && (old.quota > 0 || old.period > 0) {
        return Err(ActionError::Refused("CPU quota is set, NanoCPUs cannot be".to_owned()));
    }
    if old.nano_cpus > 0 && (new.quota != 0 || new.period != 0) {
        return Err(ActionError::Refused("NanoCPUs is set, CPU quota cannot be".to_owned()));
    }
    if new.nano_cpus > 0 {
        old.nano_cpus = new.nano_cpus;
    }
    if new.quota != 0 {
        old.quota = new.quota;
    }
    if new.period != 0 {
        old.period = new.period;
    }
    Ok(old)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn engine() -> (Docker, ContainerId) {
        let recipe = Recipe {
            name: "batch".to_owned(),
            class: Class::Deferrable,
            demand: Demand::Steady(2.0),
            stops_in: Duration::from_secs(3),
            nano_cpus: 0,
        };
        let docker = Docker::new(0, &[recipe]);
        let id = docker.list()[0].id.clone();
        (docker, id)
    }

    #[test]
    fn a_quota_holds_the_demand_down_and_minus_one_lets_it_go() {
        let (mut docker, id) = engine();
        let cap = CpuSettings { quota: 25_000, period: 100_000, nano_cpus: 0 };
        docker.apply(&id, ContainerChange::SetCpu(cap)).unwrap();
        assert!((docker.load(0, 4.0, 1.0, true).cpus - 0.25).abs() < 1e-12);
        let zero = CpuSettings::default();
        docker.apply(&id, ContainerChange::SetCpu(zero)).unwrap();
        assert!((docker.load(0, 4.0, 1.0, true).cpus - 0.25).abs() < 1e-12, "zero means unchanged");
        let free = CpuSettings { quota: -1, period: 100_000, nano_cpus: 0 };
        docker.apply(&id, ContainerChange::SetCpu(free)).unwrap();
        assert!((docker.load(0, 4.0, 1.0, true).cpus - 2.0).abs() < 1e-12);
    }

    #[test]
    fn a_second_pause_is_refused() {
        let (mut docker, id) = engine();
        assert_eq!(docker.apply(&id, ContainerChange::Pause), Ok(()));
        assert!(matches!(docker.apply(&id, ContainerChange::Pause), Err(ActionError::Refused(_))));
        assert!(docker.load(0, 4.0, 1.0, true).cpus.abs() < 1e-12, "a paused container uses nothing");
    }

    #[test]
    fn what_the_board_has_not_is_shared_and_what_is_down_wants_all_the_same() {
        let recipe = |class, cpus| Recipe {
            name: format!("{class:?}"),
            class,
            demand: Demand::Steady(cpus),
            stops_in: Duration::ZERO,
            nano_cpus: 0,
        };
        let recipes = [recipe(Class::Critical, 2.0), recipe(Class::Deferrable, 6.0)];
        let mut docker = Docker::new(0, &recipes);
        let load = docker.load(0, 4.0, 1.0, true);
        assert!((load.cpus - 4.0).abs() < 1e-12);
        // The deferrable one can use the whole board at most: 2 of 6 and 4 of 6 of what there is.
        assert!((load.classes[2].uses - 4.0 / 3.0).abs() < 1e-9, "{load:?}");
        let down = docker.load(0, 4.0, 1.0, false);
        assert!(down.cpus.abs() < 1e-12 && (down.classes[2].wants - 2.0).abs() < 1e-12);
        assert_eq!((down.classes[2].containers, down.classes[2].running), (1, 0));
        let slow = docker.load(0, 4.0, 0.5, true);
        assert!((slow.work - 2.0).abs() < 1e-12 && (slow.cpus - 4.0).abs() < 1e-12, "{slow:?}");
        docker.hold(&Level::of(protocol::Stage::Shed));
        let slow = docker.load(0, 4.0, 0.5, true);
        assert!(
            (slow.work - 2.0).abs() < 1e-12,
            "the same work, in all of the slower board's time: {slow:?}"
        );
        let held = docker.load(0, 4.0, 1.0, true);
        assert_eq!((held.classes[0].running, held.classes[2].running), (0, 1));
        assert!((held.cpus - 2.0).abs() < 1e-12);
    }

    #[test]
    fn a_boot_starts_again_what_was_not_stopped() {
        let (mut docker, id) = engine();
        docker.apply(&id, ContainerChange::Pause).unwrap();
        docker.boot();
        assert_eq!(docker.list()[0].status, ContainerStatus::Running);
        docker.apply(&id, ContainerChange::Stop { timeout: Duration::from_secs(10) }).unwrap();
        docker.boot();
        assert_eq!(docker.list()[0].status, ContainerStatus::Exited);
    }

    #[test]
    fn a_stop_takes_as_long_as_the_container_needs_or_the_time_out_allows() {
        let (docker, id) = engine();
        let stop = |secs| ContainerChange::Stop { timeout: Duration::from_secs(secs) };
        assert_eq!(docker.takes(&id, stop(10)), Duration::from_secs(3));
        assert_eq!(docker.takes(&id, stop(1)), Duration::from_secs(1));
    }
}
