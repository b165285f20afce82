//! Changes one container. What is already as it should be is done.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bollard::Docker;
use bollard::errors::Error;
use bollard::models::ContainerUpdateBody;
use bollard::query_parameters::{
    InspectContainerOptions, StartContainerOptions, StopContainerOptionsBuilder,
};
use tokio::time::timeout;

use super::super::freezer::Freezer;
use super::{Engine, explain, status};
use crate::core::action::ContainerChange;
use crate::core::event::{ActionError, ContainerId, CpuSettings};

/// The engine carries out anything but a stop within this.
const CHANGE_TIMEOUT: Duration = Duration::from_secs(20);
/// The engine says what a container is within this.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
/// After a stop's own time-out: SIGKILL, unmounting, the network's teardown on a busy Pi.
const STOP_GRACE: Duration = Duration::from_secs(15);

/// Carries out one change. Ends within [`CHANGE_TIMEOUT`], a stop within its own time-out and [`STOP_GRACE`].
///
/// # Errors
/// In the core's terms; it decides whether to try again.
pub async fn change(engine: &Engine, id: &ContainerId, change: ContainerChange) -> Result<(), ActionError> {
    let docker = engine.client().map_err(|_no_socket| ActionError::Unreachable)?;
    let bound = match change {
        ContainerChange::Stop { timeout } => timeout + STOP_GRACE,
        _ => CHANGE_TIMEOUT,
    };
    engine.count_change();
    let ended = timeout(bound, carry_out(&docker, &id.0, change)).await;
    engine.count_change();
    match ended {
        Ok(result) => result.map_err(|error| explain(&error)),
        Err(_elapsed) => Err(ActionError::TimedOut),
    }
}

/// As [`change`], of a container that may be frozen behind Docker's back.
///
/// runc refuses to pause what stands still already, and no stop signal is heard there: it is thawed for the moment that
/// Docker takes, and frozen again if Docker's pause did not come about. While Docker does not answer it stays frozen.
///
/// # Errors
/// As [`change`].
pub async fn change_frozen(
    engine: &Engine,
    freezer: &Mutex<Freezer>,
    id: &ContainerId,
    wanted: ContainerChange,
) -> Result<(), ActionError> {
    let freezer = || freezer.lock().unwrap_or_else(PoisonError::into_inner);
    let pauses = wanted == ContainerChange::Pause;
    if !(pauses || matches!(wanted, ContainerChange::Stop { .. })) || !freezer().holds(id) {
        return change(engine, id, wanted).await;
    }
    answers(engine, id).await?;
    freezer().thaw(id)?;
    let result = change(engine, id, wanted).await;
    if pauses && result.is_err() {
        freezer().freeze(id)?;
    }
    result
}

/// Whether the engine answers for this container.
async fn answers(engine: &Engine, id: &ContainerId) -> Result<(), ActionError> {
    let docker = engine.client().map_err(|_no_socket| ActionError::Unreachable)?;
    match timeout(ANSWER_TIMEOUT, life(&docker, &id.0)).await {
        Ok(life) => life.map(drop).map_err(|error| explain(&error)),
        Err(_elapsed) => Err(ActionError::TimedOut),
    }
}

async fn carry_out(docker: &Docker, id: &str, change: ContainerChange) -> Result<(), Error> {
    match change {
        ContainerChange::SetCpu(cpu) => docker.update_container(id, update(cpu)).await,
        ContainerChange::Pause => {
            let result = docker.pause_container(id).await;
            unless(docker, id, result, Life::Paused).await
        }
        ContainerChange::Unpause => {
            let result = docker.unpause_container(id).await;
            unless(docker, id, result, Life::Running).await
        }
        ContainerChange::Stop { timeout } => stop(docker, id, timeout).await,
        // A container that runs already answers 304, which the client takes for done.
        ContainerChange::Start => docker.start_container(id, None::<StartContainerOptions>).await,
        // The control group's, not Docker's: `hands` has them carried out by the freezer.
        ContainerChange::Freeze | ContainerChange::Thaw => Ok(()),
    }
}

/// Stops it. A frozen container cannot hear its stop signal: it is thawed first, so that it ends as it was made to,
/// and not by SIGKILL after the whole time-out.
async fn stop(docker: &Docker, id: &str, timeout: Duration) -> Result<(), Error> {
    if life(docker, id).await? == Life::Paused {
        let result = docker.unpause_container(id).await;
        unless(docker, id, result, Life::Running).await?;
    }
    let seconds = i32::try_from(timeout.as_secs()).unwrap_or(i32::MAX);
    docker.stop_container(id, Some(StopContainerOptionsBuilder::default().t(seconds).build())).await
}

/// What a container is, as far as a refusal depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Life {
    Running,
    Paused,
    Other,
}

async fn life(docker: &Docker, id: &str) -> Result<Life, Error> {
    let state =
        docker.inspect_container(id, None::<InspectContainerOptions>).await?.state.unwrap_or_default();
    // Docker calls a paused container running as well.
    Ok(match (state.paused, state.running) {
        (Some(true), _) => Life::Paused,
        (_, Some(true)) => Life::Running,
        _ => Life::Other,
    })
}

/// A refusal (a second pause is a 409, a second unpause a 500 or 409) is done where the state is already so.
async fn unless(docker: &Docker, id: &str, result: Result<(), Error>, wanted: Life) -> Result<(), Error> {
    match result {
        Err(error) if matches!(status(&error), Some(409 | 500)) => {
            if life(docker, id).await? == wanted {
                Ok(())
            } else {
                Err(error)
            }
        }
        result => result,
    }
}

/// Docker takes a zero for "leave it as it is": a limit goes away by a quota of -1, and an unset period stays unset.
fn update(cpu: CpuSettings) -> ContainerUpdateBody {
    let set = |value: i64| (value != 0).then_some(value);
    if cpu.nano_cpus != 0 {
        return ContainerUpdateBody { nano_cpus: Some(cpu.nano_cpus), ..ContainerUpdateBody::default() };
    }
    ContainerUpdateBody {
        cpu_quota: Some(set(cpu.quota).unwrap_or(-1)),
        cpu_period: set(cpu.period),
        ..ContainerUpdateBody::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_that_was_never_set_goes_away_by_minus_one() {
        let body = update(CpuSettings::default());
        assert_eq!((body.nano_cpus, body.cpu_quota, body.cpu_period), (None, Some(-1), None));
    }

    #[test]
    fn nano_cpus_and_quota_are_never_sent_together() {
        let body = update(CpuSettings { nano_cpus: 500_000_000, quota: 0, period: 0 });
        assert_eq!((body.nano_cpus, body.cpu_quota, body.cpu_period), (Some(500_000_000), None, None));
        let body = update(CpuSettings { nano_cpus: 0, quota: 25_000, period: 50_000 });
        assert_eq!((body.nano_cpus, body.cpu_quota, body.cpu_period), (None, Some(25_000), Some(50_000)));
    }
}
