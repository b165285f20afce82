//! What the engine lists, in the core's terms.
//!
//! The client's enums are strict: one container in a state that a newer engine invented would fail the whole list. Then
//! the list is asked for state by state, and the odd one is left out (and so left alone), the rest is kept safe as ever.

use std::collections::{BTreeMap, HashMap};

use bollard::Docker;
use bollard::errors::Error;
use bollard::models::{ContainerSummary, ContainerSummaryStateEnum, HostConfig};
use bollard::query_parameters::{InspectContainerOptions, ListContainersOptionsBuilder};
use tracing::warn;

use super::status;
use crate::core::event::{ContainerId, ContainerSeen, ContainerStatus, CpuSettings, SWARM_TASK};

/// Labels that begin so are ours.
const LABEL_PREFIX: &str = "heliostat.";

/// The states that engines have always had.
const STATES: [&str; 7] = ["created", "running", "paused", "restarting", "exited", "removing", "dead"];

/// The CPU settings of containers, so that not every list has to ask for each: only `inspect` shows them.
#[derive(Debug, Default)]
pub struct CpuCache(BTreeMap<String, CpuSettings>);

impl CpuCache {
    /// Forgets one container's: they may have changed.
    pub fn forget(&mut self, id: &str) {
        self.0.remove(id);
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        self.0.clear();
    }
}

/// All containers, running or not.
///
/// # Errors
/// The engine does not answer, or not with a list.
pub async fn all(docker: &Docker, cache: &mut CpuCache) -> Result<Vec<ContainerSeen>, Error> {
    let summaries = match list(docker, None).await {
        Err(Error::JsonDataError { message, .. }) => {
            warn!("Docker lists something that this agent cannot read ({message}): asking state by state");
            state_by_state(docker).await?
        }
        listed => listed?,
    };
    let mut containers = Vec::with_capacity(summaries.len());
    for summary in summaries {
        let Some(id) = summary.id.clone() else { continue };
        let cpu = match cache.0.get(&id) {
            Some(cpu) => *cpu,
            None => match inspect_cpu(docker, &id).await? {
                Some(cpu) => {
                    cache.0.insert(id.clone(), cpu);
                    cpu
                }
                None => continue,
            },
        };
        containers.push(seen(id, summary, cpu));
    }
    cache.0.retain(|id, _| containers.iter().any(|container| container.id.0 == *id));
    Ok(containers)
}

async fn list(docker: &Docker, state: Option<&str>) -> Result<Vec<ContainerSummary>, Error> {
    let mut options = ListContainersOptionsBuilder::default().all(true);
    if let Some(state) = state {
        options = options.filters(&HashMap::from([("status", vec![state])]));
    }
    docker.list_containers(Some(options.build())).await
}

/// All containers in the states that are known. One that cannot be read even so fails the list: a list that leaves out
/// what we changed would look as if it were gone.
async fn state_by_state(docker: &Docker) -> Result<Vec<ContainerSummary>, Error> {
    let mut summaries = Vec::new();
    for state in STATES {
        summaries.extend(list(docker, Some(state)).await?);
    }
    Ok(summaries)
}

/// The CPU settings of one container; `None` when it is gone, or cannot be read.
async fn inspect_cpu(docker: &Docker, id: &str) -> Result<Option<CpuSettings>, Error> {
    match docker.inspect_container(id, None::<InspectContainerOptions>).await {
        Ok(container) => Ok(Some(container.host_config.as_ref().map(cpu).unwrap_or_default())),
        Err(error) if status(&error) == Some(404) => Ok(None),
        Err(Error::JsonDataError { message, .. }) => {
            warn!("container {id} cannot be read, and is left alone: {message}");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

fn cpu(config: &HostConfig) -> CpuSettings {
    CpuSettings {
        nano_cpus: config.nano_cpus.unwrap_or(0),
        quota: config.cpu_quota.unwrap_or(0),
        period: config.cpu_period.unwrap_or(0),
    }
}

fn seen(id: String, summary: ContainerSummary, cpu: CpuSettings) -> ContainerSeen {
    let names = summary.names.unwrap_or_default();
    // A legacy link adds names with two slashes; the container's own has one, at the front.
    let own = names.iter().find(|name| name.rfind('/') == Some(0)).or(names.first());
    let name =
        own.map_or_else(|| id.chars().take(12).collect(), |name| name.trim_start_matches('/').to_owned());
    let labels = summary.labels.unwrap_or_default();
    ContainerSeen {
        id: ContainerId(id),
        name,
        labels: labels.into_iter().filter(|(key, _)| is_told(key)).collect(),
        status: status_of(summary.state),
        cpu,
    }
}

/// Labels that the core goes by.
fn is_told(key: &str) -> bool {
    key.starts_with(LABEL_PREFIX) || key == SWARM_TASK
}

fn status_of(state: Option<ContainerSummaryStateEnum>) -> ContainerStatus {
    use ContainerSummaryStateEnum as State;
    match state {
        Some(State::RUNNING) => ContainerStatus::Running,
        Some(State::PAUSED) => ContainerStatus::Paused,
        Some(State::EXITED | State::DEAD) => ContainerStatus::Exited,
        // Created but never started, on its way, or unsaid: not to be touched now.
        Some(State::CREATED | State::RESTARTING | State::REMOVING | State::STOPPING | State::EMPTY)
        | None => ContainerStatus::Transient,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_keeps_its_own_name_and_our_labels_only() {
        let summary = ContainerSummary {
            names: Some(vec!["/web/db".to_owned(), "/db".to_owned()]),
            labels: Some(HashMap::from([
                ("heliostat.class".to_owned(), "critical".to_owned()),
                ("com.example.vendor".to_owned(), "x".to_owned()),
            ])),
            state: Some(ContainerSummaryStateEnum::PAUSED),
            ..ContainerSummary::default()
        };
        let container = seen("0123456789abcdef".to_owned(), summary, CpuSettings::default());
        assert_eq!(container.name, "db");
        assert_eq!(container.labels, BTreeMap::from([("heliostat.class".to_owned(), "critical".to_owned())]));
        assert_eq!(container.status, ContainerStatus::Paused);
    }

    #[test]
    fn a_container_with_no_name_is_called_by_its_id() {
        let container =
            seen("0123456789abcdef".to_owned(), ContainerSummary::default(), CpuSettings::default());
        assert_eq!(container.name, "0123456789ab");
        assert_eq!(container.status, ContainerStatus::Transient, "what is unsaid is not touched");
    }
}
