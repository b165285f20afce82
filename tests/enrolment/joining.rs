//! Tokens: who gets in by one, and who does not.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use tests::wait;

use crate::cluster::{Host, Node, PATIENCE, mode};

#[test]
fn a_node_joins_by_a_token_links_and_reports() {
    let host = Host::first("");
    let node = Node::new("pi1", &[host.address]);
    node.join(&host);
    assert_eq!(mode(&node.identity()), 0o600);
    assert!(!node.path("agent.pem.joining").exists(), "nothing is left of the joining");
    let joined = host.wait_for_event("enrolled", |event| event["node"] == "pi1");
    assert_eq!(joined["role"], "agent");
    let agent = node.run();
    agent.wait_for_line("links are protected", PATIENCE);
    host.wait_for_node("pi1");
    let again = node.refused(host.address, &host.token(&[]));
    assert!(again.contains("joined already, as pi1") && again.contains("--force"), "{again}");
}

#[test]
fn an_authority_is_made_once_and_its_key_is_its_owners_alone() {
    let host = Host::first("");
    let key = host.data().join("trust/authority.key");
    assert_eq!(mode(&key), 0o600);
    let before = fs::read(&key).unwrap();
    let again = Host::heliostat(&["init", "--config", host.config()]);
    assert!(!again.status.success());
    let said = String::from_utf8_lossy(&again.stderr).into_owned();
    assert!(said.contains("belongs to a cluster already") && said.contains("nothing was changed"), "{said}");
    assert_eq!(fs::read(&key).unwrap(), before);
    let ledger = fs::read_to_string(host.data().join("trust/ledger.json")).unwrap();
    let token = host.token(&[]);
    let kept = fs::read_to_string(host.data().join("trust/ledger.json")).unwrap();
    assert!(kept.len() > ledger.len() && !kept.contains(&token[4..30]), "a token is kept as a hash");
}

#[test]
fn a_stolen_token_that_was_used_up_lets_nobody_in_and_both_sides_say_so() {
    let host = Host::first("");
    let token = host.token(&[]);
    let (owner, thief) = (Node::new("pi1", &[host.address]), Node::new("pi2", &[host.address]));
    assert!(owner.try_to_join(host.address, &token, &[]).status.success());
    let said = thief.refused(host.address, &token);
    assert!(said.contains("used already"), "{said}");
    let event = host.wait_for_event("join_refused", |event| event["node"] == "pi2");
    assert!(event["refusal"]["token_spent"].is_object(), "{event}");
    let listed = host.ask_json(&["token", "list"]);
    assert_eq!(listed["tokens"][0]["state"], "spent");
}

#[test]
fn a_token_that_ran_out_or_was_taken_back_lets_nobody_in() {
    let host = Host::first("");
    let node = Node::new("pi1", &[host.address]);
    let short = host.token(&["--for", "1s"]);
    wait::until_true("the token to run out", PATIENCE, || {
        host.ask_json(&["token", "list"])["tokens"][0]["state"] == "expired"
    });
    let said = node.refused(host.address, &short);
    assert!(said.contains("ran out at"), "{said}");
    let made = host.ask_json(&["token", "create"]);
    assert!(host.ask(&["token", "revoke", made["id"].as_str().unwrap()]).status.success());
    let said = node.refused(host.address, made["token"].as_str().unwrap());
    assert!(said.contains("revoked"), "{said}");
    host.wait_for_event("join_refused", |event| event["refusal"] == "token_revoked");
}

#[test]
fn a_token_of_another_cluster_is_not_even_shown_there() {
    let (ours, theirs) = (Host::first(""), Host::first(""));
    let node = Node::new("pi1", &[ours.address]);
    let said = node.refused(theirs.address, &ours.token(&[]));
    assert!(said.contains("another authority") && said.contains("Nothing was told"), "{said}");
    let event = theirs.wait_for_event("handshake_failed", |_| true);
    assert_eq!(event["refused"]["distrust"], "other_authority");
    let token = ours.token(&[]);
    let slip = format!("{}x", &token[..token.len() - 1]);
    let output = node.try_to_join(ours.address, &slip, &[]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("letter wrong"));
}

#[test]
fn a_name_that_is_taken_is_refused_unless_it_is_the_same_node_or_was_meant() {
    let host = Host::first("");
    let (first, other) = (Node::new("pi1", &[host.address]), Node::new("pi1", &[host.address]));
    first.join(&host);
    let said = other.refused(host.address, &host.token(&[]));
    assert!(said.contains("of that name") && said.contains("--node"), "{said}");
    let same = first.try_to_join(host.address, &host.token(&[]), &["--force"]);
    assert!(same.status.success(), "{}", String::from_utf8_lossy(&same.stderr));
    let meant = other.try_to_join(host.address, &host.token(&["--node", "pi1"]), &[]);
    assert!(meant.status.success(), "{}", String::from_utf8_lossy(&meant.stderr));
    let agent = first.run();
    agent.wait_for_line("the node's enrolment was revoked", PATIENCE);
}

#[test]
fn a_joining_that_was_interrupted_is_taken_up_again_with_the_same_token() {
    let host = Host::first("");
    let node = Node::new("pi1", &[host.address]);
    let token = host.token(&[]);
    // As when the power fails while the answer is on its way: the key is there, the identity is not.
    protocol::trust::kept::joining_key(&node.identity()).unwrap();
    let before = fs::read(node.path("agent.pem.joining")).unwrap();
    assert!(node.try_to_join(host.address, &token, &[]).status.success());
    fs::remove_file(node.identity()).unwrap();
    fs::write(node.path("agent.pem.joining"), &before).unwrap();
    fs::set_permissions(node.path("agent.pem.joining"), fs::Permissions::from_mode(0o600)).unwrap();
    let again = node.try_to_join(host.address, &token, &[]);
    assert!(again.status.success(), "{}", String::from_utf8_lossy(&again.stderr));
    let standing = host.ask_json(&["node", "list"]);
    let agents = standing["enrolments"].as_array().unwrap().iter().filter(|one| one["role"] == "agent");
    assert_eq!(agents.count(), 1, "one token, one enrolment");
}
