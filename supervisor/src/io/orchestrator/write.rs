//! One change to Swarm: the object is read again, and changed only if it is still the version that was decided on.
//!
//! The engine takes whole specs, labels included: what is not changed goes back as it came.

use std::collections::{BTreeMap, HashMap};

use bollard::Docker;
use bollard::models::{NodeSpecAvailabilityEnum, NodeSpecRoleEnum};
use bollard::query_parameters::{InspectServiceOptions, UpdateNodeOptions, UpdateServiceOptions};

use super::explain;
use crate::core::orchestrator::seen::{Availability, Change, Edit, Trouble};

/// Carries one change out.
pub(super) async fn change(docker: &Docker, change: &Change) -> Result<(), Trouble> {
    match change.edit {
        Edit::Node { availability, manager } => node(docker, change, availability, manager).await,
        Edit::Service { replicas } => service(docker, change, replicas).await,
    }
}

async fn node(
    docker: &Docker,
    change: &Change,
    availability: Option<Availability>,
    manager: Option<bool>,
) -> Result<(), Trouble> {
    let found = docker.inspect_node(&change.id).await.map_err(|error| explain(&error))?;
    let version = same(found.version.and_then(|version| version.index), change)?;
    let mut spec = found.spec.unwrap_or_default();
    if let Some(availability) = availability {
        spec.availability = Some(match availability {
            Availability::Active => NodeSpecAvailabilityEnum::ACTIVE,
            Availability::Pause => NodeSpecAvailabilityEnum::PAUSE,
            Availability::Drain => NodeSpecAvailabilityEnum::DRAIN,
        });
    }
    if let Some(manager) = manager {
        spec.role = Some(if manager { NodeSpecRoleEnum::MANAGER } else { NodeSpecRoleEnum::WORKER });
    }
    relabel(spec.labels.get_or_insert_default(), &change.labels);
    let options = UpdateNodeOptions { version };
    docker.update_node(&change.id, spec, options).await.map_err(|error| explain(&error))
}

async fn service(docker: &Docker, change: &Change, replicas: Option<u64>) -> Result<(), Trouble> {
    let found = docker
        .inspect_service(&change.id, None::<InspectServiceOptions>)
        .await
        .map_err(|error| explain(&error))?;
    let version = same(found.version.and_then(|version| version.index), change)?;
    let mut spec = found.spec.unwrap_or_default();
    if let Some(replicas) = replicas {
        let replicated = spec.mode.as_mut().and_then(|mode| mode.replicated.as_mut());
        let Some(replicated) = replicated else { return Err(Trouble::Stale) };
        replicated.replicas = i64::try_from(replicas).ok();
    }
    relabel(spec.labels.get_or_insert_default(), &change.labels);
    let version =
        i32::try_from(version).map_err(|_| Trouble::Refused("its version is too great".to_owned()))?;
    let options = UpdateServiceOptions { version, ..UpdateServiceOptions::default() };
    docker.update_service(&change.id, spec, options, None).await.map_err(|error| explain(&error))?;
    Ok(())
}

/// The version to be changed, if it is the one that was decided on.
fn same(found: Option<u64>, change: &Change) -> Result<i64, Trouble> {
    match found {
        Some(found) if found == change.version => i64::try_from(found).map_err(|_| Trouble::Stale),
        _ => Err(Trouble::Stale),
    }
}

fn relabel(labels: &mut HashMap<String, String>, wanted: &BTreeMap<String, Option<String>>) {
    for (key, value) in wanted {
        match value {
            Some(value) => labels.insert(key.clone(), value.clone()),
            None => labels.remove(key),
        };
    }
}
