//! Links with certificates: renewed, run out, revoked, under a wrong name.

use std::fs;

use tests::wait;

use crate::cluster::{Host, Node, PATIENCE};

#[test]
fn a_certificate_renews_itself_well_before_it_runs_out_and_the_node_stays() {
    let host = Host::first("[enrolment]\nvalid_for = \"20 s\"\n");
    let node = Node::new("pi1", &[host.address]);
    node.join(&host);
    let first = fs::read(node.identity()).unwrap();
    let agent = node.run();
    host.wait_for_node("pi1");
    agent.wait_for_line("certificate renewed", PATIENCE);
    assert_ne!(fs::read(node.identity()).unwrap(), first);
    host.wait_for_event("enrolled", |event| event["through"] == "certificate");
    // The link that stands ends with the old certificate, and comes back with the new.
    agent.wait_for_line("the certificate ran out while the link stood", PATIENCE);
    host.wait_for_node("pi1");
}

#[test]
fn a_certificate_that_ran_out_while_the_node_was_off_is_refused_and_both_sides_say_so() {
    let host = Host::first("[enrolment]\nvalid_for = \"10 s\"\n");
    let node = Node::new("pi1", &[host.address]);
    node.join(&host);
    let path = node.path("agent.toml");
    let ends = wait::until("the certificate's end", PATIENCE, || {
        let check = std::process::Command::new(tests::program::path("heliostat-agent"))
            .args(["check", "--json", "--config"])
            .arg(&path)
            .output()
            .ok()?;
        let check: serde_json::Value = serde_json::from_slice(&check.stdout).ok()?;
        check["identity"]["until"].as_str().map(str::to_owned)
    });
    wait::until_true(format!("{ends} to pass"), PATIENCE, || {
        let now = protocol::trust::Clock::open(&node.path("no.clock")).now();
        now.to_string() > ends
    });
    let agent = node.run();
    agent.wait_for_line("it has run out", PATIENCE);
    let event = host.wait_for_event("handshake_failed", |event| event["refused"]["distrust"] == "expired");
    assert_eq!(event["refused"]["why"], "theirs");
    let again = node.try_to_join(host.address, &host.token(&["--node", "pi1"]), &["--force"]);
    assert!(again.status.success(), "a token lets it in again: {}", String::from_utf8_lossy(&again.stderr));
}

#[test]
fn a_revoked_node_loses_its_link_at_once_and_is_let_in_again_only_by_a_token() {
    let host = Host::first("");
    let node = Node::new("pi1", &[host.address]);
    node.join(&host);
    let mut agent = node.run();
    host.wait_for_node("pi1");
    assert!(host.ask(&["node", "revoke", "pi1"]).status.success());
    agent.wait_for_line("the node's enrolment was revoked", PATIENCE);
    host.wait_for_event("enrolment_revoked", |event| event["node"] == "pi1");
    host.wait_for_event("link_refused", |event| event["node"] == "pi1" && event["refusal"] == "revoked");
    let unknown = host.ask(&["node", "revoke", "pi9"]);
    assert!(!unknown.status.success());
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("no node pi9"));
    agent.kill();
    let again = node.try_to_join(host.address, &host.token(&[]), &["--force"]);
    assert!(again.status.success(), "{}", String::from_utf8_lossy(&again.stderr));
    let _agent = node.run();
    host.wait_for_node("pi1");
}

#[test]
fn a_revocation_outlives_a_power_cut_of_the_supervisor() {
    let mut host = Host::first("");
    let node = Node::new("pi1", &[host.address]);
    node.join(&host);
    assert!(host.ask(&["node", "revoke", "pi1"]).status.success());
    host.served.as_mut().unwrap().kill();
    host.serve();
    let agent = node.run();
    agent.wait_for_line("the node's enrolment was revoked", PATIENCE);
}

#[test]
fn an_agent_that_claims_anothers_name_is_refused_and_the_other_stays() {
    let host = Host::first("");
    let (honest, liar) = (Node::new("pi1", &[host.address]), Node::new("pi2", &[host.address]));
    honest.join(&host);
    liar.join(&host);
    let _agent = honest.run();
    host.wait_for_node("pi1");
    liar.configure("pi1", &[host.address]);
    let agent = liar.run();
    agent.wait_for_line("its certificate says pi2", PATIENCE);
    agent.wait_for_line("another node's than the one that the hello names", PATIENCE);
    let refused = host.wait_for_event("link_refused", |event| event["refusal"] == "other_name");
    assert_eq!(refused["node"], "pi2", "the journal names whose certificate it was");
    host.wait_for_node("pi1");
}
