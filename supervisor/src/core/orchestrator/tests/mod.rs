//! The orchestrator alone, over a Swarm that does what swarmkit does with replicas, slots and availability.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use protocol::{NodeName, Stage, Uptime};

mod forgotten;
mod leaving;
mod lost;
mod managers;
mod replicas;
mod talking;

use super::seen::{Availability, Change, Edit, Manager, Seen, Service, SwarmNode, Task, Trouble};
use super::{Action, Around, Event, HeldDown, Note, Orchestrator, OrchestratorSettings};
use crate::core::balancer;
use crate::core::member::{Member, Presence};

/// What the balancer says of nodes.
#[derive(Default)]
struct Traffic {
    /// Still has sessions.
    held: BTreeSet<NodeName>,
    overdue: BTreeSet<NodeName>,
    /// Nodes whose server takes no work yet.
    not_serving: BTreeSet<NodeName>,
}

impl Around for Traffic {
    fn is_idle(&self, node: &NodeName) -> bool {
        !self.held.contains(node)
    }

    fn is_overdue(&self, node: &NodeName) -> bool {
        self.overdue.contains(node)
    }

    fn is_serving(&self, _service: &str, node: &NodeName) -> bool {
        !self.not_serving.contains(node)
    }
}

struct World {
    now: Uptime,
    core: Orchestrator,
    members: Vec<Member>,
    traffic: Traffic,
    swarm: Seen,
    /// New tasks stay short of running, and new managers short of reachable.
    slow: bool,
    /// New tasks get no node, though there is one.
    forgetful: bool,
    /// New tasks are not there yet in the next look.
    late: bool,
    leads: bool,
    done: Vec<String>,
    notes: Vec<(Option<NodeName>, Note)>,
    slots: u64,
}

fn name(text: &str) -> NodeName {
    text.parse().unwrap()
}

fn service(replicas: u64) -> Service {
    Service {
        name: "web".to_owned(),
        replicas: Some(replicas),
        labels: BTreeMap::new(),
        start_first: false,
        one_per_node: true,
        constraints: Vec::new(),
        version: 1,
    }
}

impl World {
    /// Five nodes, the first three managers, `pi1` leading and answering; `web` runs twice, on `pi4` and `pi5`.
    fn new() -> Self {
        let node = |index: u8| SwarmNode {
            hostname: format!("pi{index}"),
            address: None,
            manager: (index <= 3).then_some(Manager { leader: index == 1, reachable: true }),
            wants_manager: index <= 3,
            availability: Availability::Active,
            ready: true,
            labels: BTreeMap::from([
                ("heliostat.stage".to_owned(), "normal".to_owned()),
                ("heliostat.supply".to_owned(), "garage".to_owned()),
            ]),
            version: 1,
        };
        let swarm = Seen {
            this: "id1".to_owned(),
            nodes: (1..=5).map(|index| (format!("id{index}"), node(index))).collect(),
            services: BTreeMap::from([("svc".to_owned(), service(2))]),
            tasks: Vec::new(),
        };
        let mut world = Self {
            now: Uptime::from_secs(100),
            core: Orchestrator::new(OrchestratorSettings::default()),
            members: (1..=5).map(|index| balancer::tests::member(&format!("pi{index}"))).collect(),
            traffic: Traffic::default(),
            swarm,
            slow: false,
            forgetful: false,
            late: false,
            leads: true,
            done: Vec::new(),
            notes: Vec::new(),
            slots: 0,
        };
        for index in 1..=3 {
            world.member(&format!("pi{index}")).running.clear();
        }
        world.add_task("svc", Some("id4"));
        world.add_task("svc", Some("id5"));
        world
    }

    fn add_task(&mut self, service: &str, node: Option<&str>) {
        self.slots += 1;
        let running = node.is_some() && !self.slow;
        let task =
            Task { service: service.to_owned(), node: node.map(str::to_owned), slot: self.slots, running };
        self.swarm.tasks.push(task);
    }

    fn member(&mut self, node: &str) -> &mut Member {
        self.members.iter_mut().find(|member| member.name.as_str() == node).unwrap()
    }

    fn node(&mut self, id: &str) -> &mut SwarmNode {
        self.swarm.nodes.get_mut(id).unwrap()
    }

    fn free_node(&self, service: &str) -> Option<String> {
        let taken = |id: &String| {
            self.swarm.tasks.iter().any(|task| task.service == service && task.node.as_ref() == Some(id))
        };
        if self.forgetful {
            return None;
        }
        let open = |node: &SwarmNode| node.ready && node.availability == Availability::Active;
        let mut ids = self.swarm.nodes.iter().rev().filter(|(id, node)| open(node) && !taken(id));
        ids.next().map(|(id, _)| id.clone())
    }

    /// As Swarm would: replicas become slots, a drained node loses its tasks, their slots start elsewhere.
    fn obey(&mut self, change: &Change) {
        let words = match &change.edit {
            Edit::Node { availability, manager } => {
                let node = self.swarm.nodes.get_mut(&change.id).unwrap();
                assert_eq!(node.version, change.version, "decided on a stale version");
                node.version += 1;
                if let Some(availability) = availability {
                    node.availability = *availability;
                }
                if let Some(manager) = manager {
                    node.wants_manager = *manager;
                    node.manager = manager.then_some(Manager { leader: false, reachable: !self.slow });
                }
                relabel(&mut node.labels, &change.labels);
                let role = manager.map(|manager| if manager { " promoted" } else { " demoted" });
                let (hostname, availability) = (node.hostname.clone(), *availability);
                if availability == Some(Availability::Drain) {
                    self.empty(&change.id);
                }
                let availability = availability.map_or_else(String::new, |to| format!(" {to}"));
                format!("{hostname}{availability}{}", role.unwrap_or_default())
            }
            Edit::Service { replicas } => {
                let service = self.swarm.services.get_mut(&change.id).unwrap();
                assert_eq!(service.version, change.version, "decided on a stale version");
                service.version += 1;
                relabel(&mut service.labels, &change.labels);
                let words = replicas.map_or_else(|| "web labels".to_owned(), |to| format!("web {to}"));
                service.replicas = replicas.or(service.replicas);
                // Whatever was changed, Swarm looks at the whole service.
                if let Some(to) = service.replicas {
                    self.scale(&change.id, to);
                }
                words
            }
        };
        self.done.push(words);
    }

    fn empty(&mut self, id: &str) {
        let (gone, kept) = std::mem::take(&mut self.swarm.tasks)
            .into_iter()
            .partition(|task: &Task| task.node.as_deref() == Some(id));
        self.swarm.tasks = kept;
        // The old task's replacement waits for its end: it is there, and does not run.
        for task in gone {
            self.swarm.tasks.push(Task { node: None, running: false, ..task });
        }
    }

    fn scale(&mut self, service: &str, to: u64) {
        while !self.late && (self.swarm.tasks.len() as u64) < to {
            let node = self.free_node(service);
            self.add_task(service, node.as_deref());
        }
        while self.swarm.tasks.len() as u64 > to {
            // Who does not run goes first.
            let idle = self.swarm.tasks.iter().position(|task| !task.running);
            self.swarm.tasks.remove(idle.unwrap_or(self.swarm.tasks.len() - 1));
        }
    }

    /// Waiting tasks start.
    fn start(&mut self) {
        self.slow = false;
        for index in 0..self.swarm.tasks.len() {
            let task = self.swarm.tasks[index].clone();
            let node = task.node.or_else(|| self.free_node(&task.service));
            self.swarm.tasks[index].running = node.is_some();
            self.swarm.tasks[index].node = node;
        }
    }

    /// Looks until there is nothing more to say; returns what was said.
    fn settle(&mut self) -> Vec<String> {
        self.done.clear();
        let mut event = None;
        for _ in 0..40 {
            if let Some(event) = event.take() {
                self.core.take(self.now, event, &self.members, &mut self.notes);
            }
            let outcome = self.core.look(self.now, &self.members, &self.traffic, self.leads);
            self.notes.extend(outcome.notes);
            match outcome.action {
                Some(Action::Look) => event = Some(Event::Seen(Box::new(self.swarm.clone()))),
                Some(Action::Do(changes)) => {
                    for change in &changes {
                        self.obey(change);
                    }
                    event = Some(Event::Done { done: changes.len(), trouble: None });
                }
                None => return std::mem::take(&mut self.done),
            }
        }
        panic!("it never rests: {:?}", self.done);
    }

    fn pass(&mut self, time: Duration) -> Vec<String> {
        self.now += time;
        self.settle()
    }

    fn leave(&mut self, node: &str) {
        let member = self.member(node);
        member.leaving = true;
    }

    fn running(&self) -> Vec<&str> {
        let mut nodes: Vec<_> = self
            .swarm
            .tasks
            .iter()
            .filter(|task| task.running)
            .filter_map(|task| task.node.as_deref())
            .collect();
        nodes.sort_unstable();
        nodes
    }
}

fn relabel(labels: &mut BTreeMap<String, String>, wanted: &BTreeMap<String, Option<String>>) {
    for (key, value) in wanted {
        match value {
            Some(value) => labels.insert(key.clone(), value.clone()),
            None => labels.remove(key),
        };
    }
}

const SECOND: Duration = Duration::from_secs(1);
