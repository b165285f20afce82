//! The balancer: HAProxy's servers as the energy has them.
//!
//! It looks at HAProxy now and then, and often while something is under way; compares what it sees with what is wanted
//! ([`wanted`]); and says the difference. So it does not matter how things came to be: a restart of HAProxy, or of this
//! program, or a person's hand is just another state to steer from. Only the backends that the config names are touched, and
//! in them only nodes' own servers.
//!
//! It runs whether this supervisor leads or not: the address may move to this host, and then its HAProxy must know already.

mod hosts;
mod load;
mod notes;
pub mod seen;
pub mod settings;
pub mod wanted;
mod weights;

#[cfg(test)]
pub(crate) mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use protocol::{NodeName, SupplyName, Uptime};

pub(crate) use hosts::HostSeen;
pub use load::{BackendView, ServerView};
pub use notes::Note;
pub use seen::{Action, Event};
pub use settings::{BackendSettings, BalancerSettings, Work};

use super::member::Member;
use hosts::is_of_node;
use load::Load;
use seen::{Admission, Change, Command, Process, Refused, Seen, Server, ServerKey, Trouble};
use wanted::{Tasks, View, Wanted, Why};
use weights::Weights;

/// Between two looks while nothing is under way: as long as it takes at most to learn of a restart or a dead host.
const LOOK_SLOW: Duration = Duration::from_millis(250);
/// ... and while something is: a drain, a server that is to become ready.
const LOOK_FAST: Duration = Duration::from_millis(100);
/// ... and while a host is in doubt: visitors wait for its answers.
const LOOK_DOUBT: Duration = Duration::from_millis(50);
/// While HAProxy does not answer.
const LOOK_SILENT: Duration = Duration::from_secs(1);
/// While its socket is not there, as long as that may be a restart: until it is told its servers, visitors find none. To
/// find nobody costs next to nothing.
const LOOK_GONE: Duration = Duration::from_millis(25);
/// A restart takes no longer than this.
const RESTART_MAX: Duration = Duration::from_secs(10);
/// `io` ends every action sooner than this; should it not, the balancer goes on.
const ACTION_MAX: Duration = Duration::from_secs(15);
/// What HAProxy refused is not said again for so long, unless it was restarted.
const REFUSED_AGAIN: Duration = Duration::from_secs(30);

/// What a look came to.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) action: Option<Action>,
    pub(crate) notes: Vec<(Option<NodeName>, Note)>,
}

/// The balancer's state.
#[derive(Debug)]
pub(crate) struct Balancer {
    settings: BalancerSettings,
    /// What HAProxy showed last.
    seen: Option<Seen>,
    /// It was told something since: what it shows is to be looked at before it is told more.
    told_since: bool,
    process: Option<Process>,
    looked: Option<Uptime>,
    /// What was asked and has not ended.
    asked: Option<Uptime>,
    /// Why it does not answer.
    silent: Option<Trouble>,
    /// Since when it does not.
    silent_since: Option<Uptime>,
    weights: Weights,
    /// How each server is wanted, as was recorded.
    told: BTreeMap<ServerKey, (NodeName, Admission, Why)>,
    missing: BTreeSet<String>,
    /// Since when a node does not run a backend's work.
    absent: BTreeMap<ServerKey, Uptime>,
    /// Since when a server's node is lost.
    lost: BTreeMap<ServerKey, Uptime>,
    /// Servers of lost nodes, when what they had taken was ended: they take nothing new, so that is done once.
    ended: BTreeSet<ServerKey>,
    /// Since when a leaving node's servers are all out of service.
    drained: BTreeMap<NodeName, Uptime>,
    /// Servers whose checks passed since one of them was last answered otherwise: a silence of theirs is news.
    proven: BTreeSet<ServerKey>,
    /// Servers whose last word of a check was a silence, after they had been well, whatever their visitors have met since; and
    /// what the silence says of their hosts.
    unanswered: BTreeMap<ServerKey, HostSeen>,
    /// Since when a check that should be quick is under way, as far as was seen.
    awaited: BTreeMap<ServerKey, Uptime>,
    /// Servers that took work when HAProxy was last seen: where another process does not know them, they take it at once.
    served: BTreeSet<ServerKey>,
    /// A host is in doubt.
    doubtful: bool,
    /// Leaving nodes whose servers have nothing to end.
    quiet: BTreeSet<NodeName>,
    /// Since when a leaving node is spared, because nobody else in a backend serves.
    spared: BTreeMap<NodeName, Uptime>,
    refused: Vec<(Command, Uptime)>,
    load: Load,
    /// Something is under way.
    busy: bool,
}

impl Balancer {
    /// The weight of a supply's nodes, of 100; `None` while none was set.
    pub(crate) fn weight(&self, supply: &SupplyName) -> Option<u16> {
        self.weights.shown().get(supply).copied()
    }

    /// The backends, and what is asked of them; none while HAProxy does not answer.
    pub(crate) fn view(&self) -> Vec<BackendView> {
        let Some(seen) = &self.seen else { return Vec::new() };
        let known = self.settings.backends.iter().filter(|backend| !seen.missing.contains(&backend.name));
        known.map(|backend| self.load.view(backend, seen)).collect()
    }

    pub(crate) fn new(settings: BalancerSettings) -> Self {
        Self {
            settings,
            seen: None,
            told_since: false,
            process: None,
            looked: None,
            asked: None,
            silent: None,
            silent_since: None,
            weights: Weights::default(),
            told: BTreeMap::new(),
            missing: BTreeSet::new(),
            absent: BTreeMap::new(),
            lost: BTreeMap::new(),
            ended: BTreeSet::new(),
            drained: BTreeMap::new(),
            proven: BTreeSet::new(),
            unanswered: BTreeMap::new(),
            awaited: BTreeMap::new(),
            served: BTreeSet::new(),
            doubtful: false,
            quiet: BTreeSet::new(),
            spared: BTreeMap::new(),
            refused: Vec::new(),
            load: Load::default(),
            busy: false,
        }
    }

    /// When it is to be looked at again.
    pub(crate) fn next_wake(&self) -> Option<Uptime> {
        if let Some(asked) = self.asked {
            return Some(asked + ACTION_MAX);
        }
        let looked = self.looked?;
        Some(looked + self.pause(looked))
    }

    /// How long a look at this moment is good for.
    fn pause(&self, looked: Uptime) -> Duration {
        let restarts = self.silent_since.is_some_and(|since| looked.since(since) < RESTART_MAX);
        match &self.silent {
            Some(Trouble::Unreachable(_)) if restarts => LOOK_GONE,
            Some(_) => LOOK_SILENT,
            None if self.doubtful => LOOK_DOUBT,
            None if self.busy => LOOK_FAST,
            None => LOOK_SLOW,
        }
    }

    /// Takes what happened.
    pub(crate) fn take(&mut self, now: Uptime, event: Event, notes: &mut Vec<(Option<NodeName>, Note)>) {
        self.asked = None;
        match event {
            Event::Seen(seen) => self.on_seen(now, *seen, notes),
            Event::Done(refused) => {
                for Refused { command, why } in refused {
                    notes.push((None, Note::Refused { server: command.server.clone(), why }));
                    self.refused.push((command, now));
                }
                // What it is like now shows in a look, at once.
                self.looked = None;
            }
            Event::Silent(why) => {
                self.looked = Some(now);
                self.seen = None;
                self.silent_since.get_or_insert(now);
                self.load.forget();
                if self.silent.as_ref() != Some(&why) {
                    notes.push((None, Note::Silent { why: why.clone() }));
                    self.silent = Some(why);
                }
            }
        }
    }

    fn on_seen(&mut self, now: Uptime, seen: Seen, notes: &mut Vec<(Option<NodeName>, Note)>) {
        let process = seen.process.clone();
        let other = |before: &Process| {
            before.pid != process.pid || process.uptime + Duration::from_secs(1) < before.uptime
        };
        let restarted = self.process.as_ref().is_some_and(other);
        match &self.process {
            Some(before) if restarted => {
                notes.push((None, Note::Restarted { before: before.pid, pid: process.pid }));
                self.refused.clear();
                self.drained.clear();
                self.proven.clear();
                self.unanswered.clear();
                self.awaited.clear();
                self.load.forget();
            }
            before => {
                if before.is_none() || self.silent.is_some() {
                    let (version, pid) = (process.version.clone(), process.pid);
                    notes.push((None, Note::Answers { version, pid }));
                }
            }
        }
        (self.silent, self.silent_since) = (None, None);
        self.process = Some(process);
        for backend in &seen.missing {
            if self.missing.insert(backend.clone()) {
                notes.push((None, Note::NoBackend { backend: backend.clone() }));
            }
        }
        self.missing.retain(|backend| seen.missing.contains(backend));
        self.refused.retain(|(_, at)| now.since(*at) < REFUSED_AGAIN);
        self.follow_checks(now, &seen, restarted);
        self.load.follow(now, &seen);
        self.seen = Some(seen);
        self.told_since = false;
        self.looked = Some(now);
    }

    /// Compares what HAProxy shows with what is wanted.
    pub(crate) fn look(&mut self, now: Uptime, members: &[Member], tasks: &Tasks) -> Outcome {
        let mut outcome = Outcome::default();
        if self.asked.is_some_and(|asked| now.since(asked) < ACTION_MAX) {
            return outcome;
        }
        let commands = match self.seen.take() {
            Some(seen) if !self.told_since => {
                let commands = self.steer(now, members, tasks, &seen, &mut outcome.notes);
                self.seen = Some(seen);
                commands
            }
            seen => {
                self.seen = seen;
                Vec::new()
            }
        };
        if !commands.is_empty() {
            self.told_since = true;
            outcome.action = Some(Action::Do(commands));
        } else if self.looked.is_none_or(|looked| now.since(looked) >= self.pause(looked)) {
            let backends = self.settings.backends.iter().map(|backend| backend.name.clone());
            outcome.action = Some(Action::Look(backends.collect()));
        }
        if outcome.action.is_some() {
            self.asked = Some(now);
        }
        outcome
    }

    fn steer(
        &mut self,
        now: Uptime,
        members: &[Member],
        tasks: &Tasks,
        seen: &Seen,
        notes: &mut Vec<(Option<NodeName>, Note)>,
    ) -> Vec<Command> {
        if self.weights.follow(members) {
            notes.push((None, Note::Weights { weights: self.weights.shown() }));
        }
        let spans = |since: &BTreeMap<ServerKey, Uptime>| {
            since.iter().map(|(key, since)| (key.clone(), now.since(*since))).collect()
        };
        let (absent, lost) = (spans(&self.absent), spans(&self.lost));
        let Self { settings, weights, ended, served, .. } = self;
        let view =
            View { settings, members, weights, seen, tasks, absent: &absent, lost: &lost, ended, served };
        let wanted = view.wanted();
        let mut commands = view.commands(&wanted);
        commands.retain(|command| !self.refused.iter().any(|(refused, _)| refused == command));
        let ends = commands.iter().filter(|command| command.change == Change::EndConnected);
        self.ended.extend(ends.map(|command| command.server.clone()));
        self.remember(now, &wanted, seen, notes);
        self.follow_drains(now, members, &wanted, seen);
        let holds = |(key, server): (&ServerKey, &Server)| server.sessions > 0 && self.lost.contains_key(key);
        self.doubtful = seen.servers.iter().any(|(key, server)| self.is_doubtful(key, server))
            || seen.servers.iter().any(holds);
        self.busy = !commands.is_empty() || self.is_under_way(&wanted, seen);
        commands
    }

    /// What was recorded, and since when who does not serve, or is lost.
    fn remember(
        &mut self,
        now: Uptime,
        wanted: &[Wanted],
        seen: &Seen,
        notes: &mut Vec<(Option<NodeName>, Note)>,
    ) {
        for one in wanted {
            if one.why == Why::NotRunning {
                self.absent.entry(one.key.clone()).or_insert(now);
            } else {
                self.absent.remove(&one.key);
            }
            if one.why == Why::Lost {
                self.lost.entry(one.key.clone()).or_insert(now);
            } else {
                self.lost.remove(&one.key);
                self.ended.remove(&one.key);
            }
            let told = (one.node.clone(), one.admission, one.why);
            let shown = one.exists || seen.servers.contains_key(&one.key);
            if shown && self.told.get(&one.key) != Some(&told) {
                let (to, why) = (one.admission, one.why);
                notes.push((Some(one.node.clone()), Note::Server { server: one.key.clone(), to, why }));
                self.told.insert(one.key.clone(), told);
            }
        }
    }

    /// Which leaving nodes' servers are out of service, and since when.
    fn follow_drains(&mut self, now: Uptime, members: &[Member], wanted: &[Wanted], seen: &Seen) {
        self.quiet.clear();
        for Member { name, leaving, .. } in members {
            let own = || wanted.iter().filter(|one| one.node == *name);
            if *leaving && own().any(|one| one.why == Why::LastOne) {
                self.spared.entry(name.clone()).or_insert(now);
            } else {
                self.spared.remove(name);
            }
            let (mut out, mut sessions) = (*leaving, 0);
            for server in own().filter_map(|one| seen.servers.get(&one.key)) {
                out &= server.admission != Admission::Ready;
                sessions += server.sessions;
            }
            if !out {
                self.drained.remove(name);
                continue;
            }
            self.drained.entry(name.clone()).or_insert(now);
            if sessions == 0 {
                self.quiet.insert(name.clone());
            }
        }
    }

    fn is_under_way(&self, wanted: &[Wanted], seen: &Seen) -> bool {
        self.drained.keys().any(|node| !self.quiet.contains(node))
            || wanted.iter().any(|one| {
                seen.servers
                    .get(&one.key)
                    .is_some_and(|server| server.admission != one.admission && server.up)
            })
    }

    /// Whether a leaving node has nothing more to serve: its sessions ended, or their time is over. One that is spared is
    /// waited for no longer than a drain may last; and where HAProxy is silent, nobody can say.
    pub(crate) fn is_idle(&self, node: &NodeName, now: Uptime, asked: Uptime) -> bool {
        let over = |since: Uptime| now.since(since) >= self.settings.drain_max;
        if self.silent.is_some() {
            return over(asked);
        }
        if let Some(since) = self.spared.get(node) {
            return over(*since);
        }
        self.drained.get(node).is_some_and(|since| self.quiet.contains(node) || over(*since))
    }

    /// Whether a node's server takes work in every backend of a Swarm service.
    pub(crate) fn is_serving(&self, service: &str, node: &NodeName) -> bool {
        let Some(seen) = &self.seen else { return false };
        let of_service = |backend: &&BackendSettings| backend.work == Work::Service(service.to_owned());
        self.settings.backends.iter().filter(of_service).all(|backend| {
            seen.servers.iter().any(|(key, server)| {
                key.backend == backend.name
                    && is_of_node(&key.server, node)
                    && server.up
                    && server.admission == Admission::Ready
            })
        })
    }
}
