//! What balancers are told, and the grace before the first stop, through the whole core.

use std::time::Duration;

use protocol::Stage;

use super::docker::Restart;
use super::world::{CONFIG, HEALTHY, World};
use crate::core::action::{Action, ContainerChange};
use crate::core::event::{CpuSettings, DockerEvent, Event, LinkEvent, SWARM_TASK};
use crate::core::traffic::{Traffic, Why};

const SECOND: Duration = Duration::from_secs(1);

fn behind_a_balancer() -> World {
    World::new(&format!("{CONFIG}[agent_check]\nlisten = \"127.0.0.1:7465\"\ngrace = \"3 s\"\n"))
}

fn stops(world: &World) -> Vec<Duration> {
    let stop = |(at, action): &(protocol::Uptime, Action)| {
        let stops = matches!(action, Action::Container { change: ContainerChange::Stop { .. }, .. });
        stops.then(|| at.since(protocol::Uptime::START))
    };
    world.log.iter().filter_map(stop).collect()
}

#[test]
fn a_node_that_does_not_know_itself_takes_no_work() {
    let mut world = behind_a_balancer();
    assert_ne!(world.agent.traffic(), Traffic::Takes { share: None }, "never blindly up");
    assert!(world.agent.traffic().to_string().starts_with("stopped#"));
    world.event(Event::Docker(DockerEvent::Containers(Vec::new())));
    assert_eq!(world.agent.traffic(), Traffic::Refuses(Why::NotYet));
    world.live(SECOND * 60, SECOND, HEALTHY);
    let Traffic::Takes { share: Some(share) } = world.agent.traffic() else {
        panic!("{:?}", world.agent.traffic())
    };
    assert!((2..=100).contains(&share), "{share}");
    world.event(Event::Docker(DockerEvent::Down));
    assert_eq!(world.agent.traffic(), Traffic::Refuses(Why::Docker));
}

#[test]
fn with_a_supervisor_the_share_is_its_to_set() {
    let mut world = behind_a_balancer();
    world.event(Event::Docker(DockerEvent::Containers(Vec::new())));
    world.live(SECOND * 60, SECOND, HEALTHY);
    world.link_up();
    assert_eq!(world.agent.traffic().to_string(), "up");
    world.link(LinkEvent::Down { refusal: None });
    assert!(
        world.agent.traffic().to_string().starts_with("up ")
            && world.agent.traffic().to_string().ends_with('%')
    );
}

#[test]
fn who_drains_tells_balancers_at_once_and_stops_its_containers_after_the_grace() {
    let mut world = behind_a_balancer();
    world.docker.run("web", Restart::Always, CpuSettings::default(), &[]);
    world.list();
    world.link_up();
    world.live(SECOND * 60, SECOND, HEALTHY);
    let began = world.now;
    world.order(Stage::Drain, 600);
    assert_eq!(world.agent.traffic(), Traffic::Refuses(Why::Stage(Stage::Drain)));
    world.live(SECOND * 10, SECOND, HEALTHY);
    let stops = stops(&world);
    assert_eq!(stops.len(), 1);
    let waited = stops[0].saturating_sub(began.since(protocol::Uptime::START));
    assert!(waited >= SECOND * 3 && waited <= SECOND * 4, "{waited:?}");
}

#[test]
fn an_agent_that_stops_takes_no_work() {
    let mut world = behind_a_balancer();
    world.list();
    world.live(SECOND * 60, SECOND, HEALTHY);
    world.event(Event::Terminate);
    assert_eq!(world.agent.traffic(), Traffic::Refuses(Why::Stopping));
}

#[test]
fn a_swarm_task_that_was_stopped_is_not_started_again_because_swarm_runs_another_one() {
    let mut world = behind_a_balancer();
    world.docker.run("web.1.abc", Restart::No, CpuSettings::default(), &[(SWARM_TASK, "abc")]);
    world.docker.run("plain", Restart::No, CpuSettings::default(), &[]);
    world.list();
    world.link_up();
    world.live(SECOND * 60, SECOND, HEALTHY);
    world.order(Stage::Drain, 600);
    world.live(SECOND * 60, SECOND, HEALTHY);
    assert_eq!(stops(&world).len(), 2);
    world.order(Stage::Normal, 600);
    world.live(SECOND * 1200, SECOND, HEALTHY);
    assert_eq!(world.agent.stage(), Stage::Normal);
    let started: Vec<_> = world.changes().into_iter().filter(|change| change.contains("start")).collect();
    assert_eq!(started.len(), 1, "{started:?}");
    assert!(started[0].contains("plain"), "{started:?}");
}
