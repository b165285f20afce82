//! What HAProxy's checks say of a host: one of the witnesses when a node may be lost ([`crate::core::witness`]).

use std::time::Duration;

use protocol::{NodeName, Uptime};

use super::Balancer;
use super::seen::{Admission, LastCheck, Seen, Server, ServerKey};
use super::settings::Work;

/// A check that is usually quick and takes longer than this is not answered (`timeout check` of `deploy/haproxy.cfg`).
const CHECK_MAX: Duration = Duration::from_millis(300);

/// What HAProxy's checks say of a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HostSeen {
    /// Somebody answers there.
    Answers,
    /// A check found nobody, and the next ones will tell.
    Doubtful,
    /// Its server is down, and nobody there takes a connection: not even its kernel answers.
    Unreached,
    /// Its server is down, and connections are taken there and not answered: it stands still, or its service does.
    Mute,
}

impl Balancer {
    /// Which servers have been well since they were last seen otherwise, which are unanswered, which take work.
    pub(super) fn follow_checks(&mut self, now: Uptime, seen: &Seen, restarted: bool) {
        self.proven.retain(|key| {
            seen.servers
                .get(key)
                .is_some_and(|server| server.check.enabled && server.check.last != LastCheck::Failed)
        });
        let passed = |(_, server): &(&ServerKey, &Server)| server.check.last == LastCheck::Passed;
        self.proven.extend(seen.servers.iter().filter(passed).map(|(key, _)| key.clone()));
        for (key, server) in &seen.servers {
            // Who has not been well since its port was closed may be a container that begins: Docker opens its port to the outside
            // before it has a network.
            let proven = self.proven.contains(key);
            let suspected = server.check.last == LastCheck::Suspected;
            if server.check.pending {
                self.awaited.entry(key.clone()).or_insert(now);
            } else if !suspected {
                self.awaited.remove(key);
            }
            let long = self.awaited.get(key).is_some_and(|since| now.since(*since) >= CHECK_MAX);
            match server.check.last {
                // What its visitors met hides what became of the check.
                LastCheck::Suspected if proven && long => {
                    self.unanswered.entry(key.clone()).or_insert(HostSeen::Unreached);
                }
                LastCheck::TimedOut if proven => _ = self.unanswered.insert(key.clone(), HostSeen::Unreached),
                LastCheck::Mute if proven => _ = self.unanswered.insert(key.clone(), HostSeen::Mute),
                LastCheck::Suspected => {}
                _ => _ = self.unanswered.remove(key),
            }
        }
        self.unanswered.retain(|key, _| seen.servers.contains_key(key));
        self.awaited.retain(|key, _| seen.servers.contains_key(key));
        if !restarted {
            let serves =
                |(_, server): &(&ServerKey, &Server)| server.admission == Admission::Ready && server.up;
            self.served = seen.servers.iter().filter(serves).map(|(key, _)| key.clone()).collect();
        }
    }

    /// What HAProxy's checks say of a node's host; `None` where they say nothing. `runs`: whether the node runs a backend's
    /// work. Of a server whose work runs elsewhere no time-out says anything: a closed port may well be silent.
    pub(crate) fn sees(&self, node: &NodeName, runs: impl Fn(&Work) -> bool) -> Option<HostSeen> {
        let seen = self.seen.as_ref()?;
        let works = |backend: &str| {
            self.settings.backends.iter().any(|known| known.name == backend && runs(&known.work))
        };
        let own = || {
            let of_node =
                |(key, server): &(&ServerKey, &Server)| is_of_node(&key.server, node) && server.check.enabled;
            seen.servers.iter().filter(of_node)
        };
        if own().any(|(_, server)| matches!(server.check.last, LastCheck::Passed | LastCheck::Failed)) {
            return Some(HostSeen::Answers);
        }
        let mut found = None;
        for (key, server) in own().filter(|(key, _)| works(&key.backend)) {
            match self.unanswered.get(key) {
                Some(silence) if !server.up => return Some(*silence),
                Some(_) => found = Some(HostSeen::Doubtful),
                None if self.is_doubtful(key, server) => found = Some(HostSeen::Doubtful),
                None => {}
            }
        }
        found
    }

    /// Whether a check of a node's server is under way: its answer is late if its host is gone, and it may be asked otherwise
    /// meanwhile.
    pub(crate) fn awaits(&self, node: &NodeName) -> bool {
        let pending =
            |(key, server): (&ServerKey, &Server)| server.check.pending && is_of_node(&key.server, node);
        self.seen.as_ref().is_some_and(|seen| seen.servers.iter().any(pending))
    }

    /// Whether the next checks of a server will tell whether its host is gone.
    pub(super) fn is_doubtful(&self, key: &ServerKey, server: &Server) -> bool {
        // Out of service, nobody checks it.
        let checked = server.check.enabled && server.admission != Admission::Maint;
        checked
            && match server.check.last {
                LastCheck::Suspected => true,
                LastCheck::TimedOut => server.up,
                LastCheck::Mute => server.up && self.proven.contains(key),
                LastCheck::None | LastCheck::Passed | LastCheck::Failed => false,
            }
    }
}

/// Whether a server is a node's: it bears its name, or was made for it.
pub(super) fn is_of_node(server: &str, node: &NodeName) -> bool {
    server.strip_prefix("heliostat-").unwrap_or(server) == node.as_str()
}
