//! The balancer alone: what is seen and wanted in, commands out.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use protocol::{NodeName, Soc, Stage, Uptime};

use super::seen::{
    Admission, Change, Check, CheckTimes, Command, LastCheck, Process, Refused, Seen, Server, ServerKey,
    Trouble,
};
use super::wanted::{Tasks, Why};
use super::{Action, BackendSettings, Balancer, BalancerSettings, Event, HostSeen, Note, Work};
use crate::core::member::{Member, Presence};

/// A node that runs `web` and is well.
pub(crate) fn member(name: &str) -> Member {
    Member {
        name: name.parse().unwrap(),
        supply: "garage".parse().unwrap(),
        address: Some("10.0.0.9".parse().unwrap()),
        presence: Presence::Here,
        stage: Stage::Normal,
        leaving: false,
        soc: Some(Soc::from_percent(60.0)),
        running: vec!["web.1.abc".to_owned()],
        resting: Vec::new(),
        engine_gone: false,
    }
}

fn key(server: &str) -> ServerKey {
    ServerKey { backend: "web".to_owned(), server: server.to_owned() }
}

/// A server that is as [`member`] wants it.
fn server() -> Server {
    Server {
        address: Some("10.0.0.9".parse().unwrap()),
        port: 8080,
        admission: Admission::Ready,
        up: true,
        check: Check { configured: true, enabled: true, last: LastCheck::Passed, pending: false },
        agent_off: false,
        weight: 60,
        sessions: 0,
        requests: 0,
    }
}

struct World {
    now: Uptime,
    balancer: Balancer,
    members: Vec<Member>,
    servers: BTreeMap<ServerKey, Server>,
    tasks: Tasks,
    pid: u32,
    notes: Vec<(Option<NodeName>, Note)>,
}

impl World {
    /// `pi1` and `pi2` serve, and have their servers in the config.
    fn new() -> Self {
        let settings = BalancerSettings {
            backends: vec![BackendSettings {
                name: "web".to_owned(),
                work: Work::Service("web".to_owned()),
                port: 8080,
                agent_port: None,
                check: CheckTimes::default(),
            }],
            addresses: BTreeMap::new(),
            drain_max: Duration::from_secs(10),
        };
        Self {
            now: Uptime::from_secs(100),
            balancer: Balancer::new(settings),
            members: vec![member("pi1"), member("pi2")],
            servers: BTreeMap::from([(key("pi1"), server()), (key("pi2"), server())]),
            tasks: Tasks::default(),
            pid: 7,
            notes: Vec::new(),
        }
    }

    fn seen(&self) -> Event {
        let process =
            Process { pid: self.pid, uptime: self.now.since(Uptime::START), version: "2.6".to_owned() };
        Event::Seen(Box::new(Seen { process, servers: self.servers.clone(), missing: Vec::new() }))
    }

    fn tell(&mut self, event: Event) -> Option<Action> {
        self.balancer.take(self.now, event, &mut self.notes);
        self.act()
    }

    fn act(&mut self) -> Option<Action> {
        let outcome = self.balancer.look(self.now, &self.members, &self.tasks);
        self.notes.extend(outcome.notes);
        outcome.action
    }

    /// Looks until it asks for nothing, as HAProxy would answer; returns every command.
    fn settle(&mut self) -> Vec<Command> {
        let mut said = Vec::new();
        let mut action = self.act();
        for _ in 0..20 {
            action = match action {
                Some(Action::Look(_)) => self.tell(self.seen()),
                Some(Action::Do(commands)) => {
                    for command in &commands {
                        self.obey(command);
                    }
                    said.extend(commands);
                    self.tell(Event::Done(Vec::new()))
                }
                None => return said,
            };
        }
        panic!("it never rests: {said:?}");
    }

    fn obey(&mut self, command: &Command) {
        if let Change::Add { address, weight, .. } = command.change {
            let added = Server {
                address: Some(address.ip()),
                port: address.port(),
                admission: Admission::Maint,
                check: Check { configured: true, enabled: false, last: LastCheck::None, pending: false },
                weight,
                ..server()
            };
            assert!(self.servers.insert(command.server.clone(), added).is_none(), "added twice");
            return;
        }
        let server = self.servers.get_mut(&command.server).expect("told about a server that is not there");
        match command.change {
            Change::Address(address) => (server.address, server.port) = (Some(address.ip()), address.port()),
            Change::Weight(weight) => server.weight = weight,
            Change::Admission(admission) => server.admission = admission,
            Change::CheckOn => server.check.enabled = true,
            Change::AgentOn => server.agent_off = false,
            Change::EndSessions => server.sessions = 0,
            Change::Delete => {
                assert_eq!(server.admission, Admission::Maint, "only servers in maintenance can go");
                self.servers.remove(&command.server);
            }
            // What is still being connected stays.
            Change::Add { .. } | Change::EndConnected => {}
        }
    }

    fn pass(&mut self, time: Duration) -> Vec<Command> {
        self.now += time;
        self.settle()
    }

    fn said(&mut self, time: Duration) -> Vec<(String, Change)> {
        self.pass(time).into_iter().map(|command| (command.server.server, command.change)).collect()
    }
}

const SECOND: Duration = Duration::from_secs(1);

fn admission(server: &str, admission: Admission) -> (String, Change) {
    (server.to_owned(), Change::Admission(admission))
}

#[test]
fn what_is_as_wanted_is_told_nothing() {
    let mut world = World::new();
    assert_eq!(world.settle(), []);
    assert_eq!(world.pass(SECOND), []);
}

#[test]
fn a_server_that_is_not_ours_is_left_alone_whatever_it_is_like() {
    let mut world = World::new();
    let foreign = Server { weight: 0, admission: Admission::Maint, up: false, ..server() };
    world.servers.insert(key("sorry-page"), foreign.clone());
    world.members[0].leaving = true;
    world.pass(SECOND);
    assert_eq!(world.servers[&key("sorry-page")], foreign);
}

#[test]
fn a_node_that_runs_the_work_gets_a_server_and_serves_once_a_check_passed() {
    let mut world = World::new();
    world.members.push(member("pi3"));
    let address: SocketAddr = "10.0.0.9:8080".parse().unwrap();
    let add = Change::Add { address, weight: 60, check: CheckTimes::default(), agent_port: None };
    let expected = [
        ("heliostat-pi3".to_owned(), add),
        ("heliostat-pi3".to_owned(), Change::CheckOn),
        admission("heliostat-pi3", Admission::Drain),
    ];
    assert_eq!(world.said(SECOND), expected);
    assert_eq!(world.pass(SECOND), [], "nothing before a check passed");
    world.servers.get_mut(&key("heliostat-pi3")).unwrap().check.last = LastCheck::Passed;
    assert_eq!(world.said(SECOND), [admission("heliostat-pi3", Admission::Ready)]);
}

#[test]
fn a_server_that_was_added_goes_a_minute_after_its_work_and_the_configs_own_stays() {
    let mut world = World::new();
    world.servers.insert(key("heliostat-pi3"), server());
    world.members.push(member("pi3"));
    world.settle();
    for member in &mut world.members[1..] {
        member.running.clear();
    }
    let drained = [admission("pi2", Admission::Drain), admission("heliostat-pi3", Admission::Drain)];
    assert_eq!(world.said(SECOND), drained);
    assert_eq!(world.pass(SECOND * 58), []);
    let gone = [
        admission("pi2", Admission::Maint),
        admission("heliostat-pi3", Admission::Maint),
        ("heliostat-pi3".to_owned(), Change::Delete),
    ];
    assert_eq!(world.said(SECOND * 3), gone);
    world.members[1].running.push("web.2.def".to_owned());
    assert_eq!(world.said(SECOND)[0], admission("pi2", Admission::Drain), "checked again before it serves");
}

#[test]
fn a_leaving_node_is_idle_when_its_sessions_end_or_their_time_is_over() {
    let mut world = World::new();
    let pi2: NodeName = "pi2".parse().unwrap();
    world.settle();
    world.servers.get_mut(&key("pi2")).unwrap().sessions = 3;
    world.members[1].leaving = true;
    assert_eq!(world.said(SECOND), [admission("pi2", Admission::Drain)]);
    let asked = world.now;
    assert!(!world.balancer.is_idle(&pi2, world.now, asked));
    assert_eq!(world.balancer.next_wake(), Some(world.now + Duration::from_millis(100)), "it looks often");
    world.servers.get_mut(&key("pi2")).unwrap().sessions = 0;
    world.pass(SECOND);
    assert!(world.balancer.is_idle(&pi2, world.now, asked));

    world.servers.get_mut(&key("pi2")).unwrap().sessions = 1;
    world.pass(SECOND * 8);
    assert!(!world.balancer.is_idle(&pi2, world.now, asked));
    world.pass(SECOND * 2);
    assert!(
        world.balancer.is_idle(&pi2, world.now, asked),
        "a session that never ends holds nobody for ever"
    );
}

#[test]
fn the_last_one_that_serves_is_spared_until_another_takes_over() {
    let mut world = World::new();
    let pi1: NodeName = "pi1".parse().unwrap();
    world.settle();
    world.members[0].leaving = true;
    world.members[1].leaving = true;
    assert_eq!(world.pass(SECOND), [], "both leave: nobody is there to take over");
    let asked = world.now;
    assert!(!world.balancer.is_idle(&pi1, world.now, asked));
    world.members.push(member("pi3"));
    world.pass(SECOND);
    world.servers.get_mut(&key("heliostat-pi3")).unwrap().check.last = LastCheck::Passed;
    let said = world.said(SECOND);
    let expected = [
        admission("heliostat-pi3", Admission::Ready),
        admission("pi1", Admission::Drain),
        admission("pi2", Admission::Drain),
    ];
    assert_eq!(said, expected);
    world.pass(SECOND);
    assert!(world.balancer.is_idle(&pi1, world.now, asked));
}

#[test]
fn a_restart_of_haproxy_is_noticed_and_all_is_said_again() {
    let mut world = World::new();
    world.members[1].leaving = true;
    world.settle();
    world.pid = 8;
    world.servers = BTreeMap::from([(key("pi1"), Server { weight: 1, ..server() }), (key("pi2"), server())]);
    let said = world.said(SECOND);
    assert_eq!(said, [("pi1".to_owned(), Change::Weight(60)), admission("pi2", Admission::Drain)]);
    assert!(world.notes.iter().any(|(_, note)| *note == Note::Restarted { before: 7, pid: 8 }));
}

#[test]
fn a_server_that_a_restarted_haproxy_forgot_serves_again_at_once_if_it_did_before() {
    let mut world = World::new();
    let added = |node: &str| format!("heliostat-{node}");
    world.servers.insert(key(&added("pi3")), server());
    world.servers.insert(key(&added("pi4")), Server { up: false, ..server() });
    world.members.extend([member("pi3"), member("pi4")]);
    world.settle();
    world.balancer.take(world.now, Event::Silent(Trouble::Unreachable("gone".to_owned())), &mut world.notes);
    let soon = world.balancer.next_wake().unwrap().since(world.now);
    assert!(soon <= Duration::from_millis(50), "it may be back any moment: {soon:?}");
    world.pid = 8;
    world.servers = BTreeMap::from([(key("pi1"), server()), (key("pi2"), server())]);
    let said = world.said(SECOND);
    assert!(said.contains(&admission(&added("pi3"), Admission::Ready)), "{said:?}");
    assert!(said.contains(&admission(&added("pi4"), Admission::Drain)), "it was down: {said:?}");
}

#[test]
fn what_a_lost_host_has_taken_and_will_not_answer_ends_and_what_it_never_took_is_haproxys() {
    let ends = (String::from("pi2"), Change::EndSessions);
    let cases = [(LastCheck::Mute, 2, true), (LastCheck::TimedOut, 3, true), (LastCheck::Passed, 99, false)];
    for (last, after, does) in cases {
        let mut world = World::new();
        world.settle();
        let lost = world.servers.get_mut(&key("pi2")).unwrap();
        (lost.check.last, lost.up, lost.sessions) = (last, last == LastCheck::Passed, 20);
        assert_eq!(world.said(SECOND), [], "so far it is silent, not lost");
        world.members[1].presence = Presence::Lost;
        let mut looks = 1..20;
        // A look each 400 ms: what HAProxy was connecting is somebody else's within two of them.
        let mut connected_ended = None;
        let ended = looks.find(|look| {
            let said = world.said(SECOND * 2 / 5);
            if said.contains(&(String::from("pi2"), Change::EndConnected)) {
                connected_ended.get_or_insert(*look);
            }
            said.contains(&ends)
        });
        let at_once = (last == LastCheck::TimedOut).then_some(1);
        assert_eq!(connected_ended, at_once, "{last:?}: who had reached it waits for nobody");
        assert_eq!(ended.is_some(), does, "{last:?}");
        assert!(ended.is_none_or(|ended| ended <= after), "{last:?}: {ended:?}");
        assert!(last != LastCheck::TimedOut || ended != Some(1), "not what it is still connecting");
    }
}

#[test]
fn what_is_refused_is_said_once_and_tried_again_later() {
    let mut world = World::new();
    world.settle();
    world.servers.get_mut(&key("pi1")).unwrap().weight = 1;
    world.now += SECOND;
    assert!(matches!(world.act(), Some(Action::Look(_))));
    let Some(Action::Do(commands)) = world.tell(world.seen()) else { panic!() };
    let refused = Refused { command: commands[0].clone(), why: "no".to_owned() };
    assert!(matches!(world.tell(Event::Done(vec![refused])), Some(Action::Look(_))));
    assert_eq!(world.tell(world.seen()), None);
    world.now += SECOND;
    world.act();
    assert_eq!(world.tell(world.seen()), None, "not at once");
    assert_eq!(world.notes.iter().filter(|(_, note)| matches!(note, Note::Refused { .. })).count(), 1);
    world.now += SECOND * 40;
    world.act();
    assert!(matches!(world.tell(world.seen()), Some(Action::Do(_))), "but later");
}

#[test]
fn a_silent_haproxy_is_told_once_and_holds_nobody_longer_than_a_drain_may() {
    let mut world = World::new();
    let pi1: NodeName = "pi1".parse().unwrap();
    world.settle();
    for _ in 0..3 {
        world.now += SECOND;
        assert!(matches!(world.act(), Some(Action::Look(_))));
        world.tell(Event::Silent(Trouble::TimedOut));
    }
    assert_eq!(world.notes.iter().filter(|(_, note)| matches!(note, Note::Silent { .. })).count(), 1);
    assert!(!world.balancer.is_idle(&pi1, world.now, world.now));
    assert!(world.balancer.is_idle(&pi1, world.now + SECOND * 10, world.now));
}

#[test]
fn a_silent_agent_changes_nothing_a_lost_host_drains_and_a_parked_one_is_out() {
    let mut world = World::new();
    world.settle();
    world.members[0].presence = Presence::Unclear;
    assert_eq!(world.pass(SECOND), []);
    world.members[0].presence = Presence::Lost;
    assert_eq!(world.said(SECOND), [admission("pi1", Admission::Drain)]);
    world.members[0].presence = Presence::Parked;
    assert_eq!(world.said(SECOND), [admission("pi1", Admission::Maint)]);
    let whys: Vec<Why> = world
        .notes
        .iter()
        .filter_map(|(_, note)| if let Note::Server { why, .. } = note { Some(*why) } else { None })
        .collect();
    assert_eq!(whys, [Why::Serves, Why::Serves, Why::Lost, Why::Parked]);
}

impl World {
    /// What is thought of the host of `pi2` after a check that came to this, while it runs the work or not.
    fn sees(&mut self, last: LastCheck, up: bool, runs: bool) -> Option<HostSeen> {
        let server = self.servers.get_mut(&key("pi2")).unwrap();
        (server.check.last, server.up) = (last, up);
        self.pass(SECOND);
        self.balancer.sees(&"pi2".parse().unwrap(), |_| runs)
    }
}

#[test]
fn a_host_is_doubted_with_the_first_check_that_finds_nobody_and_silent_when_its_server_is_down() {
    let mut world = World::new();
    assert_eq!(world.sees(LastCheck::Passed, true, true), Some(HostSeen::Answers));
    assert_eq!(world.sees(LastCheck::TimedOut, true, true), Some(HostSeen::Doubtful));
    assert_eq!(world.balancer.next_wake(), Some(world.now + Duration::from_millis(50)), "it looks often");
    assert_eq!(world.sees(LastCheck::TimedOut, false, true), Some(HostSeen::Unreached));
    assert_eq!(world.sees(LastCheck::Failed, false, true), Some(HostSeen::Answers), "refused by its host");
}

#[test]
fn a_port_that_never_answered_since_it_was_closed_says_nothing_of_its_host() {
    let mut world = World::new();
    // A task was placed here: its port is open to the outside before its container has a network, and takes no connection.
    world.sees(LastCheck::Failed, false, false);
    assert_eq!(world.sees(LastCheck::TimedOut, false, true), None);
    assert_eq!(world.sees(LastCheck::Suspected, false, true), Some(HostSeen::Doubtful), "worth a question");
    world.sees(LastCheck::Passed, true, true);
    world.sees(LastCheck::TimedOut, true, true);
    assert_eq!(world.sees(LastCheck::TimedOut, false, true), Some(HostSeen::Unreached));
}

#[test]
fn visitors_who_find_nobody_are_a_doubt_and_as_good_as_a_second_check_after_one_that_found_nobody() {
    let mut world = World::new();
    world.sees(LastCheck::Passed, true, true);
    assert_eq!(world.sees(LastCheck::Suspected, false, true), Some(HostSeen::Doubtful));
    world.sees(LastCheck::TimedOut, true, true);
    assert_eq!(world.sees(LastCheck::Suspected, false, true), Some(HostSeen::Unreached));
    world.sees(LastCheck::Passed, false, true);
    assert_eq!(world.sees(LastCheck::Suspected, false, true), Some(HostSeen::Doubtful), "it answered since");
}

#[test]
fn a_check_under_way_that_visitors_errors_hide_counts_once_its_time_is_over() {
    let mut world = World::new();
    world.sees(LastCheck::Passed, true, true);
    let pi2 = key("pi2");
    world.servers.get_mut(&pi2).unwrap().check.pending = true;
    world.pass(SECOND / 4);
    let server = world.servers.get_mut(&pi2).unwrap();
    (server.check.pending, server.check.last, server.up) = (false, LastCheck::Suspected, false);
    world.pass(SECOND / 4);
    let sees = |world: &World| world.balancer.sees(&"pi2".parse().unwrap(), |_| true);
    assert_eq!(sees(&world), Some(HostSeen::Doubtful), "it may be answered still");
    world.pass(SECOND / 10);
    assert_eq!(sees(&world), Some(HostSeen::Unreached));
}

#[test]
fn a_program_that_starts_and_says_nothing_yet_is_no_silent_host_and_one_that_stands_still_is() {
    let mut world = World::new();
    world.sees(LastCheck::Failed, false, true);
    assert_eq!(world.sees(LastCheck::Mute, false, true), None);
    world.sees(LastCheck::Passed, true, true);
    assert_eq!(world.sees(LastCheck::Mute, true, true), Some(HostSeen::Doubtful));
    assert_eq!(world.sees(LastCheck::Mute, false, true), Some(HostSeen::Mute), "its kernel took it");
}

#[test]
fn where_the_work_does_not_run_a_silent_port_says_nothing_of_the_host() {
    let mut world = World::new();
    for (last, up) in [(LastCheck::TimedOut, false), (LastCheck::Mute, false), (LastCheck::TimedOut, true)] {
        assert_eq!(world.sees(last, up, false), None, "{last:?}");
    }
}

#[test]
fn a_task_that_swarm_wants_there_no_more_gets_no_visitors() {
    let mut world = World::new();
    world.settle();
    world.tasks.services.insert("web".to_owned());
    let task = ("web".to_owned(), "pi1".parse().unwrap());
    world.tasks.wanted.insert(task.clone());
    world.tasks.running.insert(task);
    // Its agent still says that it runs: it was cut off, and has been replaced.
    assert_eq!(world.said(SECOND), [admission("pi2", Admission::Drain)]);
    world.tasks = Tasks::default();
    assert_eq!(
        world.said(SECOND),
        [admission("pi2", Admission::Ready)],
        "where Swarm is silent, agents count"
    );
}
