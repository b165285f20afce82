//! Giving everything back without an agent that goes on: before it is removed from a node.
//!
//! The same reconciliation as ever, for the stage `Normal`: what was capped, paused or stopped by us is as it was
//! before, the most important first; what a person did is left as it is.

use std::collections::BTreeMap;
use std::time::Duration;

use protocol::{Stage, Uptime};

use super::action::{Action, Ids};
use super::event::{ContainerId, DockerEvent, Event};
use super::shed::{Shed, Terms};
use super::state::{State, Touched};
use crate::config::Containers;

/// Gives back.
#[derive(Debug, Clone)]
pub struct Release {
    shed: Shed,
    ids: Ids,
}

impl Release {
    /// Of what an agent wrote down.
    pub fn new(config: &Containers, ledger: BTreeMap<ContainerId, Touched>) -> Self {
        Self { shed: Shed::new(config, Stage::Normal, ledger), ids: Ids::default() }
    }

    /// Takes what Docker says or the outcome of a change, and asks for the next one. Other events mean nothing here.
    pub fn handle(&mut self, now: Uptime, event: Event, actions: &mut Vec<Action>) {
        match event {
            Event::Docker(event) => self.shed.docker(now, event, actions),
            Event::Outcome { action, result } => {
                self.shed.outcome(now, action, &result, actions);
            }
            _ => {}
        }
        // Nothing is written down first: giving back adds nothing to what is on disk already.
        let terms = Terms {
            stage: Stage::Normal,
            by_plan: false,
            saved: u64::MAX,
            unsaved_is_allowed: true,
            deadline: None,
            stop_max: Duration::ZERO,
        };
        self.shed.drive(now, &terms, &mut self.ids, actions);
    }

    /// When a change that failed is to be tried again.
    pub fn next_wake(&self, now: Uptime) -> Option<Uptime> {
        self.shed.next_wake(now)
    }

    /// Whether all is given back, as far as Docker says.
    pub fn is_done(&self) -> bool {
        self.shed.is_up() && self.shed.is_done()
    }

    /// What is still not as it was.
    pub fn left(&self) -> BTreeMap<ContainerId, Touched> {
        self.shed.ledger()
    }

    /// What the state file says from now on: nothing is held, what was learned of the battery stays.
    pub fn state(&self, before: State) -> State {
        State {
            stage: Stage::Normal,
            floor: Stage::Normal,
            ledger: self.left(),
            clock_capped: false,
            ..before
        }
    }
}

/// Docker does not answer: the event that says so.
pub const fn unreachable() -> Event {
    Event::Docker(DockerEvent::Down)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::action::ContainerChange;
    use crate::core::event::{ActionError, ContainerSeen, ContainerStatus, CpuSettings};

    const CAPPED: CpuSettings = CpuSettings { nano_cpus: 0, quota: 25_000, period: 0 };

    fn seen(name: &str, status: ContainerStatus, cpu: CpuSettings) -> ContainerSeen {
        ContainerSeen {
            id: ContainerId(name.to_owned()),
            name: name.to_owned(),
            labels: BTreeMap::new(),
            status,
            cpu,
        }
    }

    fn ledger() -> BTreeMap<ContainerId, Touched> {
        let own = Touched { cpu_before: Some(CpuSettings::default()), ..Touched::default() };
        BTreeMap::from([
            (ContainerId("capped".to_owned()), own),
            (ContainerId("paused".to_owned()), Touched { paused: true, ..Touched::default() }),
            (ContainerId("stopped".to_owned()), Touched { stopped: true, ..Touched::default() }),
        ])
    }

    fn containers() -> Vec<ContainerSeen> {
        let none = CpuSettings::default();
        vec![
            seen("capped", ContainerStatus::Running, CAPPED),
            seen("paused", ContainerStatus::Paused, none),
            seen("stopped", ContainerStatus::Exited, none),
            seen("paused by a person", ContainerStatus::Paused, none),
            seen("stopped by a person", ContainerStatus::Exited, none),
        ]
    }

    /// Plays until nothing more is asked; every change ends with `result`.
    fn play(result: &Result<(), ActionError>) -> (Vec<(String, ContainerChange)>, Release) {
        let mut release = Release::new(&Containers::default(), ledger());
        let mut changes = Vec::new();
        let mut events = vec![Event::Docker(DockerEvent::Containers(containers()))];
        while let Some(event) = events.pop() {
            let mut actions = Vec::new();
            release.handle(Uptime::START, event, &mut actions);
            for action in actions {
                if let Action::Container { id, container, change, .. } = action {
                    changes.push((container.0, change));
                    events.push(Event::Outcome { action: id, result: result.clone() });
                }
            }
        }
        (changes, release)
    }

    #[test]
    fn all_that_was_ours_is_given_back_and_nothing_else() {
        let (mut changes, release) = play(&Ok(()));
        changes.sort_by(|a, b| a.0.cmp(&b.0));
        let unlimited = CpuSettings { nano_cpus: 0, quota: -1, period: 0 };
        let wanted = [
            ("capped", ContainerChange::SetCpu(unlimited)),
            ("paused", ContainerChange::Unpause),
            ("stopped", ContainerChange::Start),
        ];
        assert_eq!(changes, wanted.map(|(name, change)| (name.to_owned(), change)));
        assert!(release.is_done());
        assert_eq!(release.left(), BTreeMap::new());
    }

    #[test]
    fn what_could_not_be_given_back_stays_written_down() {
        let (changes, release) = play(&Err(ActionError::TimedOut));
        assert_eq!(changes.len(), 3, "each is tried, and tried again later: {changes:?}");
        assert!(!release.is_done());
        assert!(release.next_wake(Uptime::START).is_some());
        assert_eq!(release.left(), ledger());
        let before = State { stage: Stage::Shed, clock_capped: true, relapses: 2, ..State::default() };
        let after = release.state(before);
        assert_eq!((after.stage, after.clock_capped, after.relapses), (Stage::Normal, false, 2));
        assert_eq!(after.ledger, ledger());
    }

    #[test]
    fn a_docker_that_does_not_answer_is_never_taken_for_done() {
        let mut release = Release::new(&Containers::default(), ledger());
        release.handle(Uptime::START, unreachable(), &mut Vec::new());
        assert!(!release.is_done());
        assert_eq!(release.left(), ledger());
    }
}
