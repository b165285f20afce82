//! Swarm's nodes, services and tasks in the core's terms.

use std::collections::{BTreeMap, HashMap};

use bollard::Docker;
use bollard::models::{
    EndpointPortConfigPublishModeEnum, Node, NodeSpecAvailabilityEnum, NodeSpecRoleEnum, NodeState,
    Reachability, Service, ServiceSpec, ServiceSpecUpdateConfigOrderEnum, Task, TaskState,
};
use bollard::query_parameters::{ListNodesOptions, ListServicesOptions, ListTasksOptionsBuilder};

use super::explain;
use crate::core::orchestrator::seen::{self, Availability, Manager, Seen, SwarmNode, Trouble};

/// The id of this host's node.
pub(super) async fn this(docker: &Docker) -> Result<String, Trouble> {
    let info = docker.info().await.map_err(|error| explain(&error))?;
    let id = info.swarm.and_then(|swarm| swarm.node_id).unwrap_or_default();
    if id.is_empty() { Err(Trouble::NoSwarm) } else { Ok(id) }
}

/// Everything that is looked at.
pub(super) async fn all(docker: &Docker, this: String) -> Result<Seen, Trouble> {
    let running = HashMap::from([("desired-state", vec!["running"])]);
    let tasks = ListTasksOptionsBuilder::default().filters(&running).build();
    let (nodes, services, tasks) = tokio::try_join!(
        docker.list_nodes(None::<ListNodesOptions>),
        docker.list_services(None::<ListServicesOptions>),
        docker.list_tasks(Some(tasks)),
    )
    .map_err(|error| explain(&error))?;
    Ok(Seen {
        this,
        nodes: nodes.into_iter().filter_map(node).collect(),
        services: services.into_iter().filter_map(service).collect(),
        tasks: tasks.into_iter().filter_map(task).collect(),
    })
}

/// What has no id, no version or no spec is none of Swarm's objects.
fn node(node: Node) -> Option<(String, SwarmNode)> {
    let spec = node.spec?;
    let status = node.status.unwrap_or_default();
    let manager = node.manager_status.map(|manager| Manager {
        leader: manager.leader.unwrap_or(false),
        reachable: manager.reachability == Some(Reachability::REACHABLE),
    });
    let seen = SwarmNode {
        hostname: node.description?.hostname?,
        address: address(status.addr.as_deref()),
        manager,
        wants_manager: spec.role == Some(NodeSpecRoleEnum::MANAGER),
        availability: match spec.availability? {
            NodeSpecAvailabilityEnum::PAUSE => Availability::Pause,
            NodeSpecAvailabilityEnum::DRAIN => Availability::Drain,
            NodeSpecAvailabilityEnum::ACTIVE | NodeSpecAvailabilityEnum::EMPTY => Availability::Active,
        },
        ready: status.state == Some(NodeState::READY),
        labels: labels(spec.labels),
        version: node.version?.index?,
    };
    Some((node.id?, seen))
}

fn labels(labels: Option<HashMap<String, String>>) -> BTreeMap<String, String> {
    labels.unwrap_or_default().into_iter().collect()
}

/// A manager that leads may be shown as 0.0.0.0 or as loopback: that is nobody's address to others.
fn address(text: Option<&str>) -> Option<std::net::IpAddr> {
    let address: std::net::IpAddr = text?.parse().ok()?;
    (!address.is_unspecified() && !address.is_loopback()).then_some(address)
}

fn service(service: Service) -> Option<(String, seen::Service)> {
    let spec = service.spec?;
    let replicas = spec.mode.as_ref().and_then(|mode| mode.replicated.as_ref()?.replicas);
    let (constraints, one_per_node) = placement(&spec);
    let seen = seen::Service {
        name: spec.name.clone()?,
        replicas: replicas.and_then(|count| u64::try_from(count).ok()),
        labels: labels(spec.labels.clone()),
        start_first: spec.update_config.as_ref().and_then(|update| update.order)
            == Some(ServiceSpecUpdateConfigOrderEnum::START_FIRST),
        one_per_node: has_host_ports(&spec) || one_per_node,
        constraints,
        version: service.version?.index?,
    };
    Some((service.id?, seen))
}

fn has_host_ports(spec: &ServiceSpec) -> bool {
    let ports = spec.endpoint_spec.as_ref().and_then(|endpoint| endpoint.ports.as_ref());
    ports.is_some_and(|ports| {
        ports.iter().any(|port| port.publish_mode == Some(EndpointPortConfigPublishModeEnum::HOST))
    })
}

/// Its constraints, and whether no more than one task may be on a node.
fn placement(spec: &ServiceSpec) -> (Vec<String>, bool) {
    let placement = spec.task_template.as_ref().and_then(|template| template.placement.as_ref());
    let constraints = placement.and_then(|placement| placement.constraints.clone()).unwrap_or_default();
    (constraints, placement.and_then(|placement| placement.max_replicas) == Some(1))
}

fn task(task: Task) -> Option<seen::Task> {
    Some(seen::Task {
        service: task.service_id?,
        node: task.node_id.filter(|id| !id.is_empty()),
        slot: task.slot.and_then(|slot| u64::try_from(slot).ok()).unwrap_or(0),
        running: task.status.and_then(|status| status.state) == Some(TaskState::RUNNING),
    })
}
