//! How many replicas run, and where they crowd.

use super::*;

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
