//! What the containers would be like: a dry run changes none, but the core is to see its changes, or it would ask for the
//! same ones for ever.

use std::collections::BTreeMap;

use crate::core::action::ContainerChange;
use crate::core::event::{ContainerId, ContainerSeen, ContainerStatus, CpuSettings};

/// The containers as Docker shows them, with the changes that were not made.
#[derive(Debug, Default)]
pub struct Shadow {
    seen: Vec<ContainerSeen>,
    changed: BTreeMap<ContainerId, Changed>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Changed {
    status: Option<ContainerStatus>,
    cpu: Option<CpuSettings>,
}

impl Shadow {
    /// Takes a list from Docker and gives it as it would be.
    pub fn overlay(&mut self, seen: Vec<ContainerSeen>) -> Vec<ContainerSeen> {
        self.changed.retain(|id, _| seen.iter().any(|container| container.id == *id));
        self.seen = seen;
        self.shown()
    }

    /// Takes a change that is not made and gives the list as it would be.
    pub fn change(&mut self, id: &ContainerId, change: ContainerChange) -> Vec<ContainerSeen> {
        let changed = self.changed.entry(id.clone()).or_default();
        match change {
            ContainerChange::SetCpu(cpu) => changed.cpu = Some(cpu),
            ContainerChange::Pause => changed.status = Some(ContainerStatus::Paused),
            ContainerChange::Unpause | ContainerChange::Start => {
                changed.status = Some(ContainerStatus::Running);
            }
            ContainerChange::Stop { .. } => changed.status = Some(ContainerStatus::Exited),
            // Docker would not know of it.
            ContainerChange::Freeze | ContainerChange::Thaw => {}
        }
        self.shown()
    }

    fn shown(&self) -> Vec<ContainerSeen> {
        let show = |container: &ContainerSeen| {
            let changed = self.changed.get(&container.id).copied().unwrap_or_default();
            ContainerSeen {
                status: changed.status.unwrap_or(container.status),
                cpu: changed.cpu.unwrap_or(container.cpu),
                ..container.clone()
            }
        };
        self.seen.iter().map(show).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn running(id: &str) -> ContainerSeen {
        ContainerSeen {
            id: ContainerId(id.to_owned()),
            name: id.to_owned(),
            labels: BTreeMap::new(),
            status: ContainerStatus::Running,
            cpu: CpuSettings::default(),
        }
    }

    #[test]
    fn a_change_that_is_not_made_shows_in_this_list_and_the_next() {
        let mut shadow = Shadow::default();
        shadow.overlay(vec![running("a"), running("b")]);
        let list = shadow.change(&ContainerId("a".to_owned()), ContainerChange::Pause);
        assert_eq!(
            list.iter().map(|c| c.status).collect::<Vec<_>>(),
            [ContainerStatus::Paused, ContainerStatus::Running]
        );
        let list = shadow.overlay(vec![running("a")]);
        assert_eq!(list[0].status, ContainerStatus::Paused, "Docker still says running");
        shadow.overlay(vec![]);
        assert_eq!(
            shadow.overlay(vec![running("a")])[0].status,
            ContainerStatus::Running,
            "a new one of that id"
        );
    }
}
