//! A Docker engine as far as the agent can tell: containers with restart policies, and every refusal that counts.

use std::collections::BTreeMap;

use super::super::action::ContainerChange;
use super::super::event::{ActionError, ContainerId, ContainerSeen, ContainerStatus, CpuSettings};

/// What Docker does with a container when the engine starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Restart {
    No,
    UnlessStopped,
    Always,
}

/// One container.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Container {
    pub(super) seen: ContainerSeen,
    restart: Restart,
    /// Stopped by a command, not by its own end.
    stopped_by_hand: bool,
    /// What a person would find without an agent.
    pub(super) wanted: ContainerStatus,
    pub(super) wanted_cpu: CpuSettings,
    /// Its control group stands still, which the engine does not know.
    pub(super) frozen: bool,
    /// The engine's restart ended it for good: whether it should run is anybody's guess.
    pub(super) lost: bool,
}

/// The engine.
#[derive(Debug, Clone, Default)]
pub(super) struct Docker {
    pub(super) containers: BTreeMap<ContainerId, Container>,
    next: u32,
}

impl Docker {
    pub(super) fn run(
        &mut self,
        name: &str,
        restart: Restart,
        cpu: CpuSettings,
        labels: &[(&str, &str)],
    ) -> ContainerId {
        self.next += 1;
        let id = ContainerId(format!("{:064x}", self.next));
        let seen = ContainerSeen {
            id: id.clone(),
            name: name.to_owned(),
            labels: labels.iter().map(|(label, value)| ((*label).to_owned(), (*value).to_owned())).collect(),
            status: ContainerStatus::Running,
            cpu,
        };
        let wanted = ContainerStatus::Running;
        let container = Container {
            seen,
            restart,
            stopped_by_hand: false,
            wanted,
            wanted_cpu: cpu,
            frozen: false,
            lost: false,
        };
        self.containers.insert(id.clone(), container);
        id
    }

    pub(super) fn list(&self) -> Vec<ContainerSeen> {
        self.containers.values().map(|container| container.seen.clone()).collect()
    }

    pub(super) fn by_name(&self, name: &str) -> &Container {
        self.containers
            .values()
            .find(|container| container.seen.name == name)
            .expect("a container of this name")
    }

    /// Carries out a change, or refuses it as Docker would.
    pub(super) fn change(&mut self, id: &ContainerId, change: ContainerChange) -> Result<(), ActionError> {
        use ContainerStatus::{Exited, Paused, Running};
        let Some(container) = self.containers.get_mut(id) else { return Err(ActionError::NotFound) };
        if matches!(change, ContainerChange::Pause | ContainerChange::Stop { .. }) {
            // `io` thaws what Docker is to pause or stop.
            container.frozen = false;
        }
        let status = &mut container.seen.status;
        let refused = |words: &str| Err(ActionError::Refused(words.to_owned()));
        match change {
            ContainerChange::Freeze if *status == Running => container.frozen = true,
            ContainerChange::Freeze => return Err(ActionError::NotFound),
            ContainerChange::Thaw => container.frozen = false,
            ContainerChange::Pause if *status == Running => *status = Paused,
            ContainerChange::Unpause if *status == Paused => *status = Running,
            ContainerChange::Start if *status == Exited => {
                *status = Running;
                container.stopped_by_hand = false;
            }
            // Starting what runs and stopping what has ended succeed and change nothing.
            ContainerChange::Start if *status == Running => {}
            ContainerChange::Stop { .. } if *status == Exited => {}
            ContainerChange::Stop { .. } if *status == Running => {
                *status = Exited;
                container.stopped_by_hand = true;
            }
            ContainerChange::SetCpu(cpu) => return container.set_cpu(cpu),
            ContainerChange::Pause => return refused("is not running"),
            ContainerChange::Unpause => return refused("is not paused"),
            ContainerChange::Start => return refused("cannot start a paused container"),
            ContainerChange::Stop { .. } => return refused("is paused: unpause it before stopping"),
        }
        Ok(())
    }

    /// The engine restarts: what ran is ended, and started again as its policy says.
    pub(super) fn restart(&mut self) {
        for container in self.containers.values_mut() {
            container.frozen = false;
            let alive = container.seen.status != ContainerStatus::Exited;
            let again = match container.restart {
                Restart::Always => true,
                Restart::UnlessStopped => alive || !container.stopped_by_hand,
                Restart::No => false,
            };
            // A policy of "no" loses what ran, with or without an agent; what was stopped stays as it is.
            if alive || again {
                container.wanted = if again { ContainerStatus::Running } else { ContainerStatus::Exited };
            }
            container.lost |= alive && !again;
            container.seen.status = if again { ContainerStatus::Running } else { ContainerStatus::Exited };
            if again {
                container.stopped_by_hand = false;
            }
        }
    }

    /// A person stops a container that is there to be stopped.
    pub(super) fn person_stops(&mut self, id: &ContainerId) {
        if let Some(container) = self.containers.get_mut(id)
            && container.seen.status == ContainerStatus::Running
        {
            container.seen.status = ContainerStatus::Exited;
            container.frozen = false;
            container.stopped_by_hand = true;
            container.wanted = ContainerStatus::Exited;
        }
    }

    /// A person starts a container.
    pub(super) fn person_starts(&mut self, id: &ContainerId) {
        if let Some(container) = self.containers.get_mut(id)
            && container.seen.status == ContainerStatus::Exited
        {
            container.seen.status = ContainerStatus::Running;
            container.stopped_by_hand = false;
            container.wanted = ContainerStatus::Running;
        }
    }

    /// A deployment replaces a container: same name, new id.
    pub(super) fn recreate(&mut self, id: &ContainerId) {
        if let Some(old) = self.containers.remove(id) {
            let labels: Vec<(&str, &str)> =
                old.seen.labels.iter().map(|(label, value)| (label.as_str(), value.as_str())).collect();
            self.run(&old.seen.name, old.restart, old.wanted_cpu, &labels);
        }
    }
}

impl Container {
    /// Docker's rules for updates: zero is "unchanged", and `NanoCpus` excludes the other two.
    fn set_cpu(&mut self, cpu: CpuSettings) -> Result<(), ActionError> {
        let now = &mut self.seen.cpu;
        if (cpu.nano_cpus > 0 && now.quota > 0) || (cpu.quota > 0 && now.nano_cpus > 0) {
            return Err(ActionError::Refused("Conflicting options: Nano CPUs and CPU Quota".to_owned()));
        }
        for (new, old) in
            [(cpu.nano_cpus, &mut now.nano_cpus), (cpu.quota, &mut now.quota), (cpu.period, &mut now.period)]
        {
            if new != 0 {
                *old = new;
            }
        }
        Ok(())
    }

    /// The limit in force: two settings that limit alike are alike.
    pub(super) fn limit(cpu: CpuSettings) -> (i64, i64, i64) {
        let quota = if cpu.quota > 0 { cpu.quota } else { -1 };
        let period = if cpu.period > 0 { cpu.period } else { 100_000 };
        (cpu.nano_cpus, quota, period)
    }
}
