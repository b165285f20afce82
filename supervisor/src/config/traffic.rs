//! `[balancer]` and `[orchestrator]`: where traffic and work are steered.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use protocol::NodeName;
use serde::Deserialize;

use super::error::ConfigError;
use super::file::Span;
use super::prove::Prover;
use crate::core::balancer::seen::CheckTimes;
use crate::core::balancer::{BackendSettings, BalancerSettings, Work};
use crate::core::orchestrator::OrchestratorSettings;

/// Where Debian's HAProxy has its socket.
const HAPROXY_SOCKET: &str = "/run/haproxy/admin.sock";
/// Where Docker has its own.
const DOCKER_SOCKET: &str = "/var/run/docker.sock";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BalancerTable {
    socket: Option<PathBuf>,
    drain_max: Option<Span>,
    #[serde(default, rename = "backend")]
    backends: Vec<BackendTable>,
    #[serde(default)]
    addresses: BTreeMap<NodeName, IpAddr>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct BackendTable {
    name: String,
    service: Option<String>,
    container: Option<String>,
    port: u16,
    agent_port: Option<u16>,
    check_interval: Option<Span>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    /// Containers stay where they are.
    #[default]
    None,
    /// Docker Swarm.
    Swarm,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OrchestratorTable {
    #[serde(default)]
    kind: Kind,
    socket: Option<PathBuf>,
    rebalance: Option<Span>,
}

/// HAProxy's socket, and what it is driven by.
pub(super) fn balancer(
    table: &BalancerTable,
    prove: &Prover<'_>,
) -> Result<(PathBuf, BalancerSettings), ConfigError> {
    let drain_max = super::file::span(table.drain_max, Duration::from_secs(10));
    prove.span("balancer.drain_max", drain_max, &(Duration::ZERO..=Duration::from_mins(10)))?;
    if table.backends.is_empty() {
        let why =
            "none is there: name each backend of haproxy.cfg that is to be driven in a [[balancer.backend]]";
        return Err(prove.balancer("backend", why.to_owned()));
    }
    let mut backends: Vec<BackendSettings> = Vec::new();
    for table in &table.backends {
        let backend = backend(table, prove)?;
        if backends.iter().any(|other| other.name == backend.name) {
            return Err(prove.balancer("backend.name", format!("{:?} is there twice", backend.name)));
        }
        backends.push(backend);
    }
    let socket = table.socket.clone().unwrap_or_else(|| PathBuf::from(HAPROXY_SOCKET));
    Ok((socket, BalancerSettings { backends, addresses: table.addresses.clone(), drain_max }))
}

fn backend(table: &BackendTable, prove: &Prover<'_>) -> Result<BackendSettings, ConfigError> {
    word(prove, "backend.name", &table.name)?;
    let work = match (&table.service, &table.container) {
        (Some(service), None) => Work::Service(service.clone()),
        (None, Some(container)) => Work::Container(container.clone()),
        (None, None) | (Some(_), Some(_)) => {
            let why = format!(
                "{:?} must say what it serves: `service` (of Swarm) or `container` (a name), one of the two",
                table.name
            );
            return Err(prove.balancer("backend", why));
        }
    };
    let (Work::Service(name) | Work::Container(name)) = &work;
    if name.is_empty() || name == "*" {
        return Err(prove.balancer("backend", format!("{:?} would serve every container", table.name)));
    }
    if table.port == 0 || table.agent_port == Some(0) {
        return Err(prove.balancer("backend.port", "0 is no port: 1 to 65535".to_owned()));
    }
    let usual = CheckTimes::default();
    let interval = super::file::span(table.check_interval, usual.interval);
    prove.span(
        "balancer.backend.check_interval",
        interval,
        &(Duration::from_millis(100)..=Duration::from_mins(1)),
    )?;
    Ok(BackendSettings {
        name: table.name.clone(),
        work,
        port: table.port,
        agent_port: table.agent_port,
        check: CheckTimes { interval, ..usual },
    })
}

/// A name goes into HAProxy's commands: only what HAProxy's own configuration takes as one.
fn word(prove: &Prover<'_>, key: &'static str, name: &str) -> Result<(), ConfigError> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "-_.:".contains(c);
    if !name.is_empty() && name.chars().all(fits) {
        return Ok(());
    }
    let why = format!("{name:?} is no name of HAProxy's: letters, digits, '-', '_', '.' and ':'");
    Err(prove.balancer(key, why))
}

/// Docker's socket, and how Swarm is driven; `None` where it is not.
pub(super) fn orchestrator(
    table: &OrchestratorTable,
    prove: &Prover<'_>,
) -> Result<Option<(PathBuf, OrchestratorSettings)>, ConfigError> {
    let rebalance = table.rebalance.map(|span| span.0);
    if let Some(interval) = rebalance {
        prove.span(
            "orchestrator.rebalance",
            interval,
            &(Duration::from_secs(10)..=Duration::from_hours(24)),
        )?;
    }
    let socket = table.socket.clone().unwrap_or_else(|| PathBuf::from(DOCKER_SOCKET));
    Ok((table.kind == Kind::Swarm).then_some((socket, OrchestratorSettings { rebalance })))
}
