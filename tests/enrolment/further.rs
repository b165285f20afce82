//! Further supervisors: any one of them renews, and all of them know who was revoked.

use std::fs;

use crate::cluster::{Host, Node, PATIENCE};

/// A second supervisor of the first one's cluster, running.
fn second(first: &Host, config: &str) -> Host {
    let mut host = Host::alone(config);
    let token = first.token(&["--supervisor"]);
    let at = first.address.to_string();
    let joined =
        Host::heliostat(&["join", &at, "--token", &token, "--name", "m2", "--config", host.config()]);
    assert!(joined.status.success(), "{}", String::from_utf8_lossy(&joined.stderr));
    host.serve();
    host
}

#[test]
fn with_the_first_supervisor_gone_the_second_renews_and_revokes_and_the_first_learns_it() {
    let valid = "[enrolment]\nvalid_for = \"40 s\"\n";
    let mut first = Host::first(valid);
    let second = second(&first, valid);
    assert!(!second.data().join("trust/authority.key").exists(), "the authority's key stays where it is");
    let node = Node::new("pi1", &[first.address, second.address]);
    node.join(&first);
    let agent = node.run();
    first.wait_for_node("pi1");
    second.wait_for_node("pi1");
    let before = fs::read(node.identity()).unwrap();
    first.served = None;
    agent.wait_for_line("certificate renewed", PATIENCE);
    assert_ne!(fs::read(node.identity()).unwrap(), before);
    second.wait_for_node("pi1");
    assert!(second.ask(&["node", "revoke", "pi1"]).status.success());
    agent.wait_for_line("the node's enrolment was revoked", PATIENCE);
    first.serve();
    first.wait_for_event("enrolment_revoked", |event| event["node"] == "pi1");
}

#[test]
fn an_agents_token_makes_no_supervisor_and_a_second_one_lets_no_third_in() {
    let first = Host::first("");
    let other = Host::alone("");
    let at = first.address.to_string();
    let join = |token: &str| Host::heliostat(&["join", &at, "--token", token, "--config", other.config()]);
    let refused = join(&first.token(&[]));
    assert!(!refused.status.success());
    assert!(String::from_utf8_lossy(&refused.stderr).contains("for another role"));
    assert!(!other.data().join("trust/supervisor.pem").exists(), "nothing half done");
    let second = second(&first, "");
    let third = second.ask(&["token", "create", "--supervisor"]);
    assert!(!third.status.success());
    assert!(String::from_utf8_lossy(&third.stderr).contains("authority's key"));
    let twice = Host::heliostat(&[
        "join",
        &at,
        "--token",
        &first.token(&["--supervisor"]),
        "--config",
        second.config(),
    ]);
    assert!(!twice.status.success());
    assert!(String::from_utf8_lossy(&twice.stderr).contains("--force"));
}
