//! What the balancer is driven by: which backends are ours, and what they serve.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use protocol::NodeName;

use super::seen::CheckTimes;

/// All of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BalancerSettings {
    /// The backends that are driven; no other is touched.
    pub backends: Vec<BackendSettings>,
    /// Where nodes are, for those whose address is to be another than the one they are known by.
    pub addresses: BTreeMap<NodeName, IpAddr>,
    /// A drain counts as done after this long, however many sessions there still are.
    pub drain_max: Duration,
}

/// One backend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackendSettings {
    /// HAProxy's name for it.
    pub name: String,
    /// What it serves.
    pub work: Work,
    /// The port on which the nodes serve it.
    pub port: u16,
    /// The port on which the nodes' agents answer `agent-check`, for servers that are added.
    pub agent_port: Option<u16>,
    /// How servers that are added are checked.
    pub check: CheckTimes,
}

/// What a backend's servers run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Work {
    /// A Swarm service.
    Service(String),
    /// Containers of this name; with a trailing `*`, of every name that begins so.
    Container(String),
}

impl Work {
    /// Whether a container of this name is part of it. A Swarm task's container is called `service.slot.task`.
    pub fn covers(&self, container: &str) -> bool {
        match self {
            Self::Service(service) => {
                container.strip_prefix(service.as_str()).is_some_and(|rest| rest.starts_with('.'))
            }
            Self::Container(name) => match name.strip_suffix('*') {
                Some(prefix) => container.starts_with(prefix),
                None => container == name,
            },
        }
    }
}

impl Default for CheckTimes {
    /// A host that dies is seen within a second: two checks of 250 ms, each with `timeout check` of the defaults section.
    fn default() -> Self {
        Self { interval: Duration::from_millis(250), fall: 2, rise: 2 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_covers_its_tasks_and_no_namesake() {
        let work = Work::Service("web".to_owned());
        assert!(work.covers("web.1.8xk2"));
        assert!(!work.covers("web2.1.8xk2") && !work.covers("web"));
    }

    #[test]
    fn a_container_is_meant_by_its_whole_name_or_by_its_beginning() {
        assert!(Work::Container("web".to_owned()).covers("web"));
        assert!(!Work::Container("web".to_owned()).covers("web-1"));
        assert!(Work::Container("shop-web*".to_owned()).covers("shop-web-1"));
    }
}
