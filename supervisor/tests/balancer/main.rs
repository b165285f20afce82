//! The built `heliostat serve` drives a real HAProxy on loopback, between small web servers and clients of ours.
//!
//! Every test has an HAProxy, a socket, addresses and ports of its own. Without HAProxy on this machine they cannot run, and
//! say so; with `CI=true` they fail then.

#![expect(clippy::disallowed_methods, reason = "tests start processes and read clocks")]
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

#[path = "../serve/agent.rs"]
#[allow(dead_code, reason = "shared with another test, which uses the rest")]
mod agent;
mod haproxy;
#[path = "../serve/served.rs"]
#[allow(dead_code, reason = "shared with another test, which uses the rest")]
mod served;
mod web;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use protocol::{Report, Stage, SupervisorMessage};

use agent::{Agent, hello, report};
use haproxy::HaProxy;
use served::{DEADLINE, Served};
use web::Web;

/// A supervisor, an HAProxy, and some nodes with a web server each.
struct Site {
    haproxy: HaProxy,
    supervisor: Served,
    webs: BTreeMap<String, Web>,
    agents: BTreeMap<String, Agent>,
    folder: tempfile::TempDir,
}

impl Site {
    /// Nodes with the state of charge of their supplies, each on a supply of its own; `None` when there is no HAProxy.
    fn start(nodes: &[(&str, f64)], backend: &str) -> Option<Self> {
        if !HaProxy::is_here() {
            assert!(std::env::var_os("CI").is_none(), "HAProxy is not installed: apt-get install haproxy");
            eprintln!("skipped: HAProxy is not installed");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let mut webs = BTreeMap::new();
        let mut addresses = String::from("[balancer.addresses]\n");
        let port = web::free_port();
        for (name, _) in nodes {
            let web = Web::start(name, port);
            writeln!(addresses, "{name} = \"{}\"", web.address.ip()).unwrap();
            webs.insert((*name).to_owned(), web);
        }
        let haproxy = HaProxy::start(folder.path(), backend, &webs);
        let config = format!(
            "[balancer]\nsocket = \"{}\"\ndrain_max = \"30 s\"\n\
             [[balancer.backend]]\nname = \"web\"\ncontainer = \"web\"\nport = {port}\n{addresses}",
            haproxy.socket.display()
        );
        let supervisor = Served::start_configured(folder.path(), &config);
        let mut site = Self { haproxy, supervisor, webs, agents: BTreeMap::new(), folder };
        for (name, soc) in nodes {
            site.join(name, *soc);
        }
        Some(site)
    }

    fn join(&mut self, name: &str, soc: f64) {
        let hello = protocol::message::Hello { supply: format!("of-{name}").parse().unwrap(), ..hello(name) };
        let agent = Agent::join_and_report(self.supervisor.address, hello, report(soc));
        self.agents.insert(name.to_owned(), agent);
    }

    fn report(&mut self, name: &str, report: Report) {
        self.agents.get_mut(name).unwrap().report(report);
    }

    fn drains(&mut self, name: &str, soc: f64) {
        self.report(name, Report { stage: Stage::Drain, floor: Stage::Drain, ..report(soc) });
    }

    /// Who answered how many of so many requests, in percent.
    fn shares(&self, requests: u32) -> BTreeMap<String, f64> {
        let mut counts: BTreeMap<String, f64> = BTreeMap::new();
        for _ in 0..requests {
            let name = web::get(self.haproxy.front, "/").expect("no request fails");
            *counts.entry(name).or_default() += 100.0 / f64::from(requests);
        }
        counts
    }
}

/// An agent that gives a full report whenever it is asked for one, on a thread of its own: as promptly as a living one.
struct Answering {
    answers: Arc<AtomicU32>,
    mute: Arc<AtomicBool>,
    thread: JoinHandle<Agent>,
}

impl Answering {
    fn start(mut agent: Agent) -> Self {
        let (answers, mute) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicBool::new(false)));
        let (count, is_mute) = (Arc::clone(&answers), Arc::clone(&mute));
        let thread = std::thread::spawn(move || {
            loop {
                agent.hear_until(|message| (*message == SupervisorMessage::RequestFull).then_some(()));
                if is_mute.load(Ordering::Relaxed) {
                    return agent;
                }
                agent.report(report(80.0));
                count.fetch_add(1, Ordering::Relaxed);
            }
        });
        Self { answers, mute, thread }
    }

    /// How often it has answered.
    fn answers(&self) -> u32 {
        self.answers.load(Ordering::Relaxed)
    }

    /// Makes it mute, waits for the first question that it leaves without an answer, and gives the agent back.
    fn until_asked_in_vain(self) -> Agent {
        self.mute.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}

/// Waits for a condition.
fn until<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + DEADLINE;
    loop {
        if let Some(found) = condition() {
            return found;
        }
        assert!(Instant::now() < end, "never came true: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

const STATIC: &str =
    "server pi1 {pi1} weight 100\nserver pi2 {pi2} weight 100\nserver pi3 {pi3} weight 100\n";

#[test]
fn shares_follow_the_supplies_and_equal_supplies_are_equal() {
    let Some(mut site) = Site::start(&[("pi1", 80.0), ("pi2", 40.0), ("pi3", 20.0)], STATIC) else { return };
    until("the weights follow", || (site.haproxy.weights() == [80, 40, 20]).then_some(()));
    let shares = site.shares(420);
    for (node, part) in [("pi1", 400.0 / 7.0), ("pi2", 200.0 / 7.0), ("pi3", 100.0 / 7.0)] {
        assert!((shares[node] - part).abs() < 5.0, "{node}: {shares:?}");
    }
    // Who looks after it sees what was asked of whom.
    until("requests are counted", || {
        let backend = site.supervisor.ask_json(&["status"])["backends"][0].clone();
        let counted = |server: &serde_json::Value| {
            Some((server["node"].as_str()?.to_owned(), server["requests"].as_u64()?))
        };
        let counts: BTreeMap<_, _> = backend["servers"].as_array()?.iter().filter_map(counted).collect();
        let all = counts.values().sum::<u64>() >= 420 && counts["pi1"] > counts["pi2"];
        (all && backend["service"] == "web" && backend["requests_per_second"].is_f64()).then_some(())
    });
    for node in ["pi1", "pi2", "pi3"] {
        site.report(node, report(50.0));
    }
    until("the weights are equal", || (site.haproxy.weights() == [50, 50, 50]).then_some(()));
    let shares = site.shares(300);
    assert!(shares.values().all(|share| (share - 100.0 / 3.0).abs() < 1.0), "{shares:?}");
}

#[test]
fn a_node_that_drains_gets_nothing_new_and_is_relieved_when_its_last_session_ends() {
    let Some(mut site) = Site::start(&[("pi1", 80.0), ("pi2", 80.0), ("pi3", 80.0)], STATIC) else { return };
    until("the weights are set", || (site.haproxy.weights() == [80, 80, 80]).then_some(()));
    let front = site.haproxy.front;
    let slow: Vec<_> = (0..3).map(|_| std::thread::spawn(move || web::get(front, "/slow"))).collect();
    until("each has one", || site.webs.values().all(|web| web.waiting() == 1).then_some(()));
    site.drains("pi2", 80.0);
    until("it drains", || (site.haproxy.state("web", "pi2") == "DRAIN").then_some(()));
    let shares = site.shares(60);
    assert!(!shares.contains_key("pi2"), "{shares:?}");
    let relieved = |site: &Site| {
        site.supervisor.events().iter().any(|event| event["kind"] == "relieved" && event["node"] == "pi2")
    };
    assert!(!relieved(&site), "a session is still open");
    site.webs["pi2"].release();
    until("it is relieved", || relieved(&site).then_some(()));
    site.webs.values().for_each(Web::release);
    for answer in slow {
        assert!(answer.join().unwrap().is_ok(), "no session was cut");
    }
}

#[test]
fn after_a_restart_of_haproxy_all_is_as_it_was_wanted() {
    let Some(mut site) = Site::start(&[("pi1", 80.0), ("pi2", 40.0), ("pi3", 20.0)], STATIC) else { return };
    site.drains("pi2", 40.0);
    let as_wanted = |site: &Site| {
        (site.haproxy.weights() == [80, 40, 20] && site.haproxy.state("web", "pi2") == "DRAIN").then_some(())
    };
    until("all is as wanted", || as_wanted(&site));
    site.haproxy.restart(site.folder.path());
    let began = Instant::now();
    until("all is as wanted again", || as_wanted(&site));
    println!("restored {} ms after HAProxy was started again", began.elapsed().as_millis());
    assert!(began.elapsed() < Duration::from_secs(10));
    site.supervisor.wait_for_event("balancer", |event| event["note"]["balancer"] == "restarted");
}

#[test]
fn what_is_not_ours_is_left_as_it_is() {
    let backend = format!("{STATIC}server sorry 127.0.0.1:9 weight 17 disabled\n");
    let Some(mut site) = Site::start(&[("pi1", 80.0), ("pi2", 40.0), ("pi3", 20.0)], &backend) else {
        return;
    };
    let others =
        |site: &Site| ["web/sorry", "foreign/pi1", "foreign/pi2"].map(|server| site.haproxy.line(server));
    let before = others(&site);
    site.drains("pi1", 80.0);
    until("it drains", || (site.haproxy.state("web", "pi1") == "DRAIN").then_some(()));
    until("the weights follow", || (site.haproxy.weights()[1..] == [40, 20]).then_some(()));
    assert_eq!(others(&site), before);
}

#[test]
fn a_node_without_a_server_gets_one_and_loses_it_when_it_is_parked() {
    let Some(mut site) = Site::start(&[("pi1", 80.0), ("pi2", 80.0)], "server pi1 {pi1} weight 100\n") else {
        return;
    };
    until("the new one serves", || site.shares(10).contains_key("pi2").then_some(()));
    assert_eq!(site.haproxy.state("web", "heliostat-pi2"), "UP");
    site.agents.remove("pi2").unwrap().park();
    until("it is gone", || (site.haproxy.state("web", "heliostat-pi2").is_empty()).then_some(()));
    assert_eq!(site.shares(10).len(), 1);
}

#[test]
fn a_host_that_falls_silent_is_lost_only_when_its_agent_does_not_answer_either() {
    let Some(mut site) = Site::start(&[("pi1", 80.0), ("pi2", 80.0), ("pi3", 80.0)], STATIC) else { return };
    until("the weights are set", || (site.haproxy.weights() == [80, 80, 80]).then_some(()));
    // Its server accepts and says nothing, as a frozen host's does; its agent answers what it is asked, at once.
    let agent = Answering::start(site.agents.remove("pi2").unwrap());
    site.webs["pi2"].freeze();
    let front = site.haproxy.front;
    let visitors: Vec<_> = (0..6).map(|_| std::thread::spawn(move || web::get(front, "/"))).collect();
    until("HAProxy notices", || site.haproxy.state("web", "pi2").starts_with("DOWN").then_some(()));
    let lost = |site: &Site| site.supervisor.events().iter().any(|event| event["kind"] == "host_lost");
    let before = agent.answers();
    until("it is asked again", || (agent.answers() >= before + 2).then_some(()));
    assert!(!lost(&site), "its agent answers");
    assert!(visitors.iter().any(|one| !one.is_finished()), "and so it keeps what it has taken");
    // From here on it does not.
    let began = Instant::now();
    let mut agent = agent.until_asked_in_vain();
    until("it is lost", || lost(&site).then_some(()));
    println!("lost {} ms after its last word", began.elapsed().as_millis());
    for one in visitors {
        assert_ne!(one.join().unwrap().expect("asked again elsewhere"), "pi2");
    }
    println!("all visitors are answered {} ms after it", began.elapsed().as_millis());
    agent.report(report(80.0));
    site.supervisor.wait_for_event("host_found", |event| event["node"] == "pi2");
    assert_eq!(site.shares(30).len(), 2);
}
