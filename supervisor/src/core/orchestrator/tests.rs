//! The orchestrator alone, over a Swarm that does what swarmkit does with replicas, slots and availability.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use protocol::{NodeName, Stage, Uptime};

use super::seen::{Availability, Change, Edit, Manager, Seen, Service, SwarmNode, Task, Trouble};
use super::{Action, Around, Event, Note, Orchestrator, OrchestratorSettings};
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
            leads: true,
            done: Vec::new(),
            notes: Vec::new(),
            slots: 0,
        };
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
                if let Some(to) = *replicas {
                    service.replicas = Some(to);
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
        while (self.swarm.tasks.len() as u64) < to {
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

#[test]
fn a_swarm_that_is_as_wanted_is_told_nothing() {
    let mut world = World::new();
    assert_eq!(world.settle(), Vec::<String>::new());
    assert_eq!(world.pass(SECOND * 10), Vec::<String>::new());
}

#[test]
fn a_leaving_node_is_replaced_first_and_drained_when_the_replacement_serves() {
    let mut world = World::new();
    world.settle();
    world.leave("pi5");
    world.slow = true;
    assert_eq!(world.pass(SECOND * 6), ["pi5 pause", "web 3"]);
    assert!(!world.core.is_free(&name("pi5")));
    assert_eq!(world.running(), ["id4", "id5"], "the old one still serves");
    assert_eq!(world.pass(SECOND), Vec::<String>::new(), "the new one does not run");
    world.start();
    let new = world.swarm.tasks.last().unwrap().node.clone().unwrap();
    assert_eq!(new, "id3");
    world.traffic.not_serving.insert(name("pi3"));
    assert_eq!(world.pass(SECOND), Vec::<String>::new(), "it runs, and takes no work yet");
    world.traffic.not_serving.clear();
    world.traffic.held.insert(name("pi5"));
    assert_eq!(world.pass(SECOND), Vec::<String>::new(), "a session is still there");
    world.traffic.held.clear();
    assert_eq!(world.pass(SECOND), ["pi5 drain", "web 2"]);
    world.pass(SECOND);
    assert!(world.core.is_free(&name("pi5")));
    assert_eq!(world.running(), ["id3", "id4"], "nobody who serves was stopped for the count");
}

#[test]
fn what_we_drained_is_given_back_and_what_a_person_drained_is_not() {
    let mut world = World::new();
    world.node("id2").availability = Availability::Drain;
    world.settle();
    world.leave("pi5");
    world.leave("pi2");
    let done = world.pass(SECOND * 6);
    assert!(done.contains(&"pi5 drain".to_owned()) && !done.contains(&"pi2 drain".to_owned()), "{done:?}");
    world.start();
    world.settle();
    // Another life of this program: what is ours stands in Swarm itself.
    world.core = Orchestrator::new(OrchestratorSettings::default());
    world.member("pi5").leaving = false;
    world.member("pi2").leaving = false;
    assert_eq!(world.pass(SECOND)[0], "pi5 active");
    assert_eq!(world.node("id2").availability, Availability::Drain);
    assert!(!world.node("id5").labels.contains_key("heliostat.held"));
}

#[test]
fn a_node_that_a_person_made_active_again_is_not_fought_over() {
    let mut world = World::new();
    world.leave("pi5");
    world.settle();
    world.start();
    world.pass(SECOND);
    assert_eq!(world.node("id5").availability, Availability::Drain);
    world.node("id5").availability = Availability::Active;
    world.node("id5").version += 1;
    assert_eq!(world.pass(SECOND * 6), Vec::<String>::new());
}

#[test]
fn a_lost_node_is_replaced_at_once_and_drained_when_the_replacement_runs() {
    let mut world = World::new();
    world.settle();
    world.member("pi5").presence = Presence::Lost;
    // Not drained first: the old slot's own replacement, which waits, would take the node that has room.
    assert_eq!(world.pass(SECOND * 6), ["pi5 pause", "web 3", "pi5 drain", "web 2"]);
    assert_eq!(world.running(), ["id3", "id4"]);
}

#[test]
fn a_replacement_of_a_lost_task_that_never_runs_is_waited_for_no_longer_than_its_time() {
    let mut world = World::new();
    world.settle();
    world.slow = true;
    world.member("pi5").presence = Presence::Lost;
    assert_eq!(world.pass(SECOND * 6), ["pi5 pause", "web 3"]);
    assert_eq!(world.pass(SECOND * 10), Vec::<String>::new());
    assert_eq!(world.pass(SECOND * 15)[0], "pi5 drain");
}

#[test]
fn of_one_that_is_alone_there_are_never_two_unless_its_owner_says_so() {
    let mut world = World::new();
    world.swarm.services.insert("svc".to_owned(), service(1));
    world.swarm.tasks.remove(0);
    world.settle();
    world.leave("pi5");
    assert_eq!(world.pass(SECOND * 6), ["pi5 drain"]);

    let mut world = World::new();
    world.swarm.services.insert("svc".to_owned(), Service { start_first: true, ..service(1) });
    world.swarm.tasks.remove(0);
    world.settle();
    world.leave("pi5");
    assert_eq!(world.pass(SECOND * 6), ["pi5 pause", "web 2", "pi5 drain", "web 1"]);
}

#[test]
fn where_no_node_has_room_nobody_waits_for_a_replacement() {
    let mut world = World::new();
    for id in ["id1", "id2", "id3"] {
        world.node(id).availability = Availability::Drain;
    }
    world.settle();
    world.leave("pi5");
    assert_eq!(world.pass(SECOND * 6), ["pi5 drain"]);
}

#[test]
fn replicas_follow_the_nodes_between_their_bounds() {
    let mut world = World::new();
    let bounds = [("heliostat.replicas.min", "1"), ("heliostat.replicas.max", "3")];
    let labels = bounds.map(|(key, value)| (key.to_owned(), value.to_owned()));
    world.swarm.services.get_mut("svc").unwrap().labels.extend(labels);
    assert_eq!(world.settle(), ["web 3"]);
    for (node, id) in [("pi1", "id1"), ("pi2", "id2"), ("pi3", "id3")] {
        world.member(node).presence = Presence::Parked;
        world.node(id).ready = false;
    }
    world.leads = true;
    let done = world.pass(SECOND * 6);
    assert_eq!(done.last().unwrap(), "web 2", "{done:?}");
    assert_eq!(world.running(), ["id4", "id5"]);
}

#[test]
fn the_leading_manager_hands_over_after_a_stand_in_was_promoted_and_takes_its_place_back() {
    let mut world = World::new();
    world.settle();
    world.leave("pi1");
    assert_eq!(world.pass(SECOND * 6), ["pi1 drain", "pi4 promoted", "pi1 demoted"]);
    world.node("id2").manager = Some(Manager { leader: true, reachable: true });
    world.swarm.this = "id2".to_owned();
    assert!(world.core.is_free(&name("pi1")));
    assert_eq!(world.pass(SECOND * 30), Vec::<String>::new());
    world.member("pi1").leaving = false;
    world.start();
    assert_eq!(world.pass(SECOND * 6), ["pi1 active"]);
    assert_eq!(world.pass(SECOND * 11), ["pi1 promoted"]);
    assert_eq!(world.pass(SECOND * 5), Vec::<String>::new(), "reachable comes too early");
    assert_eq!(world.pass(SECOND * 11), ["pi4 demoted"]);
    assert_eq!(world.pass(SECOND * 60), Vec::<String>::new());
}

#[test]
fn one_stand_in_is_promoted_however_long_it_takes_to_catch_up() {
    let mut world = World::new();
    world.settle();
    world.slow = true;
    world.leave("pi1");
    assert_eq!(world.pass(SECOND * 6), ["pi1 drain", "pi4 promoted"]);
    world.node("id4").manager = Some(Manager { leader: false, reachable: true });
    assert_eq!(world.pass(SECOND * 6), ["pi1 demoted"]);
}

#[test]
fn a_leading_manager_without_a_stand_in_hands_over_all_the_same_and_another_one_stays() {
    let mut world = World::new();
    world.member("pi4").stage = Stage::Shed;
    world.member("pi5").stage = Stage::Shed;
    world.settle();
    world.leave("pi1");
    world.leave("pi2");
    let done = world.pass(SECOND * 6);
    assert!(
        done.contains(&"pi1 demoted".to_owned()) && !done.contains(&"pi2 demoted".to_owned()),
        "{done:?}"
    );
}

#[test]
fn a_standby_looks_and_says_nothing() {
    let mut world = World::new();
    world.leads = false;
    world.settle();
    world.leave("pi5");
    world.member("pi4").presence = Presence::Lost;
    assert_eq!(world.pass(SECOND * 6), Vec::<String>::new());
    world.leads = true;
    assert!(!world.pass(SECOND).is_empty(), "but knows all when it leads");
}

#[test]
fn a_node_that_swarm_calls_down_though_it_answers_is_noticed_once_in_a_while() {
    let mut world = World::new();
    world.settle();
    world.node("id5").ready = false;
    let mut stuck = Vec::new();
    for _ in 0..60 {
        world.now += SECOND;
        let event = Event::Seen(Box::new(world.swarm.clone()));
        world.core.take(world.now, event, &world.members, &mut world.notes);
        let outcome = world.core.look(world.now, &world.members, &world.traffic, true);
        stuck.extend(outcome.stuck.into_iter().map(|node| (world.now, node)));
    }
    assert_eq!(stuck, [(Uptime::from_secs(121), name("pi5"))]);
}

#[test]
fn a_stale_version_is_looked_at_again_and_other_trouble_waits() {
    let mut world = World::new();
    world.settle();
    world.leave("pi5");
    world.now += SECOND * 6;
    let seen = || Event::Seen(Box::new(World::new().swarm));
    let act = |world: &mut World, event: Option<Event>| {
        if let Some(event) = event {
            world.core.take(world.now, event, &world.members, &mut world.notes);
        }
        world.core.look(world.now, &world.members, &world.traffic, true).action
    };
    let Some(Action::Do(_)) = act(&mut world, None) else { panic!("it knows already") };
    let stale = Event::Done { done: 0, trouble: Some(Trouble::Stale) };
    assert_eq!(act(&mut world, Some(stale)), Some(Action::Look), "at once");
    let Some(Action::Do(_)) = act(&mut world, Some(seen())) else { panic!("decided again") };
    let refused = Event::Done { done: 0, trouble: Some(Trouble::Refused("no".to_owned())) };
    assert_eq!(act(&mut world, Some(refused)), None, "not in a tight loop");
}

#[test]
fn where_swarm_cannot_be_told_nobody_waits_for_it() {
    let mut world = World::new();
    world.settle();
    world.now += SECOND * 6;
    assert_eq!(world.core.look(world.now, &world.members, &world.traffic, true).action, Some(Action::Look));
    let silent = Event::Silent(Trouble::NotManager);
    world.core.take(world.now, silent, &world.members, &mut world.notes);
    assert!(world.core.is_free(&name("pi5")));
    world.leave("pi5");
    assert_eq!(world.core.look(world.now, &world.members, &world.traffic, true).action, None);
}

#[test]
fn a_crowded_service_spreads_to_a_node_that_came_back_one_task_at_a_time() {
    let mut world = World::new();
    world.core = Orchestrator::new(OrchestratorSettings { rebalance: Some(Duration::from_mins(10)) });
    world.swarm.services.insert("svc".to_owned(), Service { one_per_node: false, ..service(3) });
    world.add_task("svc", Some("id4"));
    for id in ["id1", "id2", "id3"] {
        world.node(id).availability = Availability::Pause;
    }
    world.settle();
    world.node("id3").availability = Availability::Active;
    world.swarm.tasks.iter_mut().for_each(|task| task.node = Some("id4".to_owned()));
    world.node("id5").availability = Availability::Pause;
    assert_eq!(world.pass(SECOND * 6), ["web 4", "web 3"]);
    assert_eq!(world.pass(SECOND * 6), Vec::<String>::new(), "not before its time");
}
