//! Who speaks in clear where TLS is wanted, the other way round, or neither.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Instant;

use tests::wait;

use crate::cluster::{Host, Node, PATIENCE};

#[test]
fn an_agent_in_clear_is_told_to_join() {
    let host = Host::first("");
    let node = Node::new("pi1", &[host.address]);
    let agent = node.run();
    agent.wait_for_line("takes protected ones only: enrol the node", PATIENCE);
    host.wait_for_event("link_refused", |event| event["refusal"] == "unprotected");
}

#[test]
fn an_agent_with_a_certificate_tells_a_supervisor_without_one_apart() {
    let (host, mut plain) = (Host::first(""), Host::alone(""));
    plain.serve();
    let node = Node::new("pi1", &[plain.address]);
    node.join(&host);
    let agent = node.run();
    agent.wait_for_line("speaks no TLS; this node has a certificate", PATIENCE);
    plain.wait_for_event("link_refused", |event| event["refusal"] == "no_certificates");
    let token = host.token(&[]);
    let said = Node::new("pi2", &[]).refused(plain.address, &token);
    assert!(said.contains("speaks no TLS") && said.contains("heliostat init"), "{said}");
}

#[test]
fn garbage_costs_the_stranger_its_connection_and_nobody_else_anything() {
    let host = Host::first("");
    let node = Node::new("pi1", &[host.address]);
    node.join(&host);
    let _agent = node.run();
    host.wait_for_node("pi1");
    for garbage in [
        &b"GET / HTTP/1.1\r\n\r\n"[..],
        &[0x16, 3, 1, 0xff, 0xff],
        &[0x16, 3, 1, 0, 5, 1, 2, 3, 4, 5],
        &vec![0x16; 20_000],
    ] {
        let mut stranger = TcpStream::connect(host.address).unwrap();
        stranger.set_read_timeout(Some(PATIENCE)).unwrap();
        let _ = stranger.write_all(garbage);
        // Whatever is answered: the connection ends.
        let mut answer = Vec::new();
        let _ = stranger.read_to_end(&mut answer);
        assert!(answer.len() < 1000);
    }
    host.wait_for_event("handshake_failed", |event| event["refused"]["why"] == "not_tls");
    host.wait_for_node("pi1");
}

#[test]
fn who_dawdles_in_the_handshake_holds_one_place_for_a_bounded_time() {
    let host = Host::first("");
    let node = Node::new("pi1", &[host.address]);
    let token = host.token(&[]);
    let dawdlers: Vec<TcpStream> = (0..100)
        .map(|_| {
            let mut dawdler = TcpStream::connect(host.address).unwrap();
            dawdler.write_all(&[0x16, 3, 1]).unwrap();
            dawdler
        })
        .collect();
    let begun = Instant::now();
    // More than there are places for: each is over within its deadline, and a joining gets its turn.
    wait::until_true("a turn", PATIENCE, || node.try_to_join(host.address, &token, &[]).status.success());
    assert!(node.identity().exists());
    println!("a hundred dawdlers: joined after {:?}", begun.elapsed());
    for mut dawdler in dawdlers {
        dawdler.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut nothing = Vec::new();
        match dawdler.read_to_end(&mut nothing) {
            Ok(_) => {}
            Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "{error}"),
        }
    }
    host.wait_for_event("handshake_failed", |event| event["refused"]["why"] == "slow");
}
