//! Docker Swarm as data, by its API.

use bollard::models::{Node, SwarmInitRequest, SwarmJoinRequest};
use bollard::{API_DEFAULT_VERSION, Docker};

use super::host::{Host, PATIENCE};
use crate::wait;

/// How long one call may take, in seconds: an engine that has lost its quorum answers late.
const CALL_SECONDS: u64 = 30;

/// A node as a manager shows it (`docker node ls`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeLine {
    /// Its id in Swarm.
    pub id: String,
    /// Its host's name.
    pub name: String,
    /// Whether Swarm hears it: `ready`, `down`, `unknown`, `disconnected`.
    pub state: String,
    /// Whether it takes work: `active`, `pause`, `drain`.
    pub availability: String,
    /// `None` for a worker; for a manager `leader`, `reachable` or `unreachable`.
    pub manager: Option<String>,
}

/// Makes a Swarm: the first host leads it, the next `managers - 1` are managers, the others workers.
pub(super) fn make(hosts: &[Host], managers: usize) {
    let Some((first, others)) = hosts.split_first() else { return };
    let address = first.address().to_string();
    run(async {
        let request = SwarmInitRequest {
            listen_addr: Some(format!("{address}:2377")),
            advertise_addr: Some(address.clone()),
            data_path_addr: Some(address.clone()),
            ..SwarmInitRequest::default()
        };
        engine(first).init_swarm(request).await.expect("a Swarm begins");
    });
    let tokens = run(async { engine(first).inspect_swarm().await }).expect("the Swarm's tokens");
    let tokens = tokens.join_tokens.expect("the Swarm's tokens");
    for (index, host) in others.iter().enumerate() {
        let token = if index + 1 < managers { tokens.manager.clone() } else { tokens.worker.clone() };
        join(host, &first.address().to_string(), token);
    }
    let all = hosts.len();
    wait::until_true("all nodes to be ready in Swarm", PATIENCE, || {
        nodes(first).is_ok_and(|nodes| nodes.iter().filter(|node| node.state == "ready").count() == all)
    });
}

fn join(host: &Host, of: &str, token: Option<String>) {
    let address = host.address().to_string();
    run(async {
        let request = SwarmJoinRequest {
            listen_addr: Some(format!("{address}:2377")),
            advertise_addr: Some(address.clone()),
            data_path_addr: Some(address.clone()),
            remote_addrs: Some(vec![format!("{of}:2377")]),
            join_token: token,
        };
        let joined = engine(host).join_swarm(request).await;
        joined.unwrap_or_else(|error| panic!("{} does not join the Swarm: {error}", host.name()));
    });
}

/// The nodes as a manager sees them, by name.
///
/// # Errors
/// What the engine said: it is no manager, or has no quorum.
pub(super) fn nodes(manager: &Host) -> Result<Vec<NodeLine>, String> {
    let nodes = run(async { engine(manager).list_nodes(None).await }).map_err(|error| error.to_string())?;
    let mut lines: Vec<NodeLine> = nodes.into_iter().map(line).collect();
    lines.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(lines)
}

fn line(node: Node) -> NodeLine {
    let manager = node.manager_status.map(|status| match status.reachability {
        _ if status.leader == Some(true) => "leader".to_owned(),
        Some(reachability) => reachability.to_string(),
        None => "unknown".to_owned(),
    });
    let shown = |text: Option<String>| text.unwrap_or_default();
    NodeLine {
        id: shown(node.id),
        name: shown(node.description.and_then(|description| description.hostname)),
        state: shown(node.status.and_then(|status| status.state).map(|state| state.to_string())),
        availability: shown(
            node.spec.and_then(|spec| spec.availability).map(|availability| availability.to_string()),
        ),
        manager,
    }
}

/// A host's engine by its API.
///
/// # Panics
/// When the socket's path is none.
pub(super) fn engine(host: &Host) -> Docker {
    let socket = host.socket();
    Docker::connect_with_unix(&socket.display().to_string(), CALL_SECONDS, API_DEFAULT_VERSION)
        .expect("a socket's path")
}

/// Runs a call to its end.
pub(super) fn run<T>(call: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(call)
}
