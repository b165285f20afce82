//! What visitors ask: requests a second of each server, by HAProxy's own counts, and each backend as a person may see it.

use std::collections::BTreeMap;
use std::time::Duration;

use protocol::{NodeName, Uptime};
use serde::{Deserialize, Serialize};

use super::seen::{Admission, Seen, Server, ServerKey};
use super::settings::{BackendSettings, Work};

/// Requests are counted over this time: less is noise on a quiet site, more is old news.
const OVER: Duration = Duration::from_secs(5);

/// How fast requests come.
#[derive(Debug, Default)]
pub(super) struct Load {
    /// When counting began, and each server's count then.
    begun: Option<(Uptime, BTreeMap<ServerKey, u64>)>,
    /// Requests a second, over the last span that was counted to its end.
    paces: BTreeMap<ServerKey, f64>,
}

impl Load {
    /// Takes in what HAProxy shows.
    pub(super) fn follow(&mut self, now: Uptime, seen: &Seen) {
        let counts = || seen.servers.iter().map(|(key, server)| (key.clone(), server.requests)).collect();
        let Some((begun, before)) = &self.begun else {
            self.begun = Some((now, counts()));
            return;
        };
        let span = now.since(*begun);
        if span < OVER {
            return;
        }
        let pace = |(key, server): (&ServerKey, &Server)| {
            // A count that went back is another process's: it says nothing of this span.
            let more = server.requests.checked_sub(*before.get(key)?)?;
            Some((key.clone(), more as f64 / span.as_secs_f64()))
        };
        self.paces = seen.servers.iter().filter_map(pace).collect();
        self.begun = Some((now, counts()));
    }

    /// HAProxy does not answer, or another process does: what was counted says nothing any more.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }

    /// A backend as it is now.
    pub(super) fn view(&self, backend: &BackendSettings, seen: &Seen) -> BackendView {
        let own = seen.servers.iter().filter(|(key, _)| key.backend == backend.name);
        let servers: Vec<_> = own.map(|(key, server)| self.server(key, server)).collect();
        let paces: Option<Vec<f64>> = servers.iter().map(|server| server.requests_per_second).collect();
        BackendView {
            name: backend.name.clone(),
            service: match &backend.work {
                Work::Service(name) | Work::Container(name) => name.clone(),
            },
            requests_per_second: paces.filter(|paces| !paces.is_empty()).map(|paces| paces.iter().sum()),
            servers,
        }
    }

    fn server(&self, key: &ServerKey, server: &Server) -> ServerView {
        let name = key.server.strip_prefix(super::wanted::ADDED).unwrap_or(&key.server);
        ServerView {
            name: key.server.clone(),
            node: name.parse().ok(),
            up: server.up,
            admission: server.admission,
            weight: server.weight,
            sessions: server.sessions,
            requests: server.requests,
            requests_per_second: self.paces.get(key).copied(),
        }
    }
}

/// A backend of the balancer, and what is asked of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BackendView {
    /// HAProxy's name for it.
    pub name: String,
    /// The service, or the containers' name, that it serves.
    pub service: String,
    /// Requests a second, of all its servers; `None` while they were not counted for long enough.
    pub requests_per_second: Option<f64>,
    /// Its servers, by name.
    pub servers: Vec<ServerView>,
}

impl BackendView {
    /// Whether a service of this name, as containers show it, is what it serves.
    pub fn serves(&self, service: &str) -> bool {
        match self.service.strip_suffix('*') {
            Some(prefix) => service.starts_with(prefix),
            None => self.service == service,
        }
    }
}

/// A server of a backend.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ServerView {
    /// HAProxy's name for it.
    pub name: String,
    /// The node whose name that is, if it can be one's.
    pub node: Option<NodeName>,
    /// Whether HAProxy's checks find it well.
    pub up: bool,
    /// Whether it takes work.
    pub admission: Admission,
    /// Its weight, of 256.
    pub weight: u16,
    /// Sessions that it serves now.
    pub sessions: u32,
    /// Requests since HAProxy was started.
    pub requests: u64,
    /// Requests a second.
    pub requests_per_second: Option<f64>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::balancer::seen::{Check, CheckTimes, Process};

    fn key(server: &str) -> ServerKey {
        ServerKey { backend: "web".to_owned(), server: server.to_owned() }
    }

    fn seen(counts: &[(&str, u64)]) -> Seen {
        let server = |requests| Server {
            address: None,
            port: 80,
            admission: Admission::Ready,
            up: true,
            check: Check::default(),
            agent_off: false,
            weight: 100,
            sessions: 2,
            requests,
        };
        Seen {
            process: Process { pid: 1, uptime: Duration::from_mins(1), version: "2.6".to_owned() },
            servers: counts.iter().map(|(name, count)| (key(name), server(*count))).collect(),
            missing: Vec::new(),
        }
    }

    fn backend(work: Work) -> BackendSettings {
        let check = CheckTimes::default();
        BackendSettings { name: "web".to_owned(), work, port: 80, agent_port: None, check }
    }

    fn at(millis: u64) -> Uptime {
        Uptime::from_millis(millis)
    }

    #[test]
    fn requests_are_counted_over_some_seconds_and_belong_to_a_node() {
        let backend = backend(Work::Service("shop".to_owned()));
        let mut load = Load::default();
        load.follow(at(0), &seen(&[("pi1", 1000), ("heliostat-pi2", 40)]));
        load.follow(at(1000), &seen(&[("pi1", 1010), ("heliostat-pi2", 41)]));
        assert_eq!(load.view(&backend, &seen(&[("pi1", 1010)])).requests_per_second, None, "too early");
        let now = seen(&[("pi1", 1050), ("heliostat-pi2", 60)]);
        load.follow(at(5000), &now);
        let view = load.view(&backend, &now);
        assert_eq!(view.requests_per_second, Some(14.0));
        let added = view.servers.iter().find(|server| server.name == "heliostat-pi2").unwrap();
        assert_eq!(added.node.as_ref().map(NodeName::as_str), Some("pi2"));
        assert_eq!(added.requests_per_second, Some(4.0));
        assert!(view.serves("shop") && !view.serves("shop2"));
    }

    #[test]
    fn a_haproxy_that_was_restarted_counts_from_its_own_beginning() {
        let mut load = Load::default();
        load.follow(at(0), &seen(&[("pi1", 1000)]));
        let anew = seen(&[("pi1", 3)]);
        load.follow(at(6000), &anew);
        let backend = backend(Work::Container("shop-*".to_owned()));
        let view = load.view(&backend, &anew);
        assert_eq!(view.requests_per_second, None, "a lower count is no rate");
        assert!(view.serves("shop-web"));
    }
}
