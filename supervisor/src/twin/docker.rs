//! The Docker of one simulated node: containers that want processor time and get what they are allowed.
//!
//! It keeps to what the engine really does: a second pause is refused, a paused container cannot be stopped in time
//! by its own signal, `CpuQuota` 0 means "unchanged", and a boot starts again what was not stopped by hand or by us.

use std::collections::BTreeMap;
use std::time::Duration;

use agent::core::action::ContainerChange;
use agent::core::event::{ActionError, ContainerId, ContainerSeen, ContainerStatus, CpuSettings};
use protocol::Class;

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
    fn at(self, hour: f64, number: usize) -> f64 {
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

/// One container.
#[derive(Debug, Clone)]
struct Container {
    recipe: Recipe,
    seen: ContainerSeen,
}

/// The engine and its containers; survives power cuts as a disk does.
#[derive(Debug, Clone)]
pub struct Docker {
    containers: BTreeMap<ContainerId, Container>,
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
            (id, Container { recipe: recipe.clone(), seen })
        });
        Self { containers: containers.collect() }
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
        let container = self.containers.get_mut(id).ok_or(ActionError::NotFound)?;
        let seen = &mut container.seen;
        match (change, seen.status) {
            (ContainerChange::SetCpu(cpu), _) => seen.cpu = updated(seen.cpu, cpu)?,
            (ContainerChange::Pause, Running) => seen.status = Paused,
            (ContainerChange::Unpause, Paused) | (ContainerChange::Start, Exited) => seen.status = Running,
            (ContainerChange::Stop { .. }, Running | Paused) => seen.status = Exited,
            // The engine answers 304 and is content.
            (ContainerChange::Stop { .. }, Exited) | (ContainerChange::Start, Running) => {}
            (ContainerChange::Pause, Paused) => {
                return Err(ActionError::Refused(format!("container {id} is already paused")));
            }
            (change, status) => {
                return Err(ActionError::Refused(format!(
                    "{change:?} of container {id}, which is {status:?}"
                )));
            }
        }
        Ok(())
    }

    /// The node boots: what ran or was paused when the power went runs again, what was stopped stays stopped.
    pub fn boot(&mut self) {
        for container in self.containers.values_mut() {
            if container.seen.status == ContainerStatus::Paused {
                container.seen.status = ContainerStatus::Running;
            }
        }
    }

    /// The processor time that all containers use now, in CPUs, at most what the board has.
    pub fn cpus(&self, site_seconds: u32, board_cpus: f64) -> f64 {
        let hour = f64::from(site_seconds % 86_400) / 3600.0;
        let used = |(number, container): (usize, &Container)| match container.seen.status {
            ContainerStatus::Running => {
                container.recipe.demand.at(hour, number).min(limit(container.seen.cpu).unwrap_or(board_cpus))
            }
            _ => 0.0,
        };
        self.containers.values().enumerate().map(used).sum::<f64>().min(board_cpus)
    }

    /// Every container with its class and whether it serves now (runs, however slowly).
    pub fn served(&self) -> impl Iterator<Item = (Class, bool)> + '_ {
        self.containers.values().map(|c| (c.recipe.class, c.seen.status == ContainerStatus::Running))
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
        assert!((docker.cpus(0, 4.0) - 0.25).abs() < 1e-12);
        let zero = CpuSettings::default();
        docker.apply(&id, ContainerChange::SetCpu(zero)).unwrap();
        assert!((docker.cpus(0, 4.0) - 0.25).abs() < 1e-12, "zero means unchanged");
        let free = CpuSettings { quota: -1, period: 100_000, nano_cpus: 0 };
        docker.apply(&id, ContainerChange::SetCpu(free)).unwrap();
        assert!((docker.cpus(0, 4.0) - 2.0).abs() < 1e-12);
    }

    #[test]
    fn a_second_pause_is_refused() {
        let (mut docker, id) = engine();
        assert_eq!(docker.apply(&id, ContainerChange::Pause), Ok(()));
        assert!(matches!(docker.apply(&id, ContainerChange::Pause), Err(ActionError::Refused(_))));
        assert!(docker.cpus(0, 4.0).abs() < 1e-12, "a paused container uses nothing");
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
