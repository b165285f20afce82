//! What Prometheus reads of a built agent, and what else may come to that port.

#![allow(
    clippy::disallowed_methods,
    reason = "tests touch clocks, files and processes: that is what they are for"
)]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on says so by panicking")]

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};

mod common;

use common::{PATIENCE, Site, until};

/// A port that is free now.
fn free() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address")
}

/// Asks; what came back, if anything did.
fn ask(address: SocketAddr, question: &str) -> Option<String> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    stream.write_all(question.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    Some(answer)
}

fn get(address: SocketAddr, path: &str) -> Option<String> {
    ask(address, &format!("GET {path} HTTP/1.1\r\nHost: pi-1\r\n\r\n"))
}

#[test]
fn prometheus_reads_what_the_node_knows_without_any_supervisor() {
    let address = free();
    let site = Site::new(24 * 3600, 60, &format!("[metrics]\nlisten = \"{address}\""));
    let agent = site.run(&[]);
    let known = "heliostat_agent_soc_ratio{bound=\"low\"} 0.";
    let answer = until(
        || get(address, "/metrics").filter(|answer| answer.contains(known)),
        || format!("{}\n{:?}", agent.log(), get(address, "/metrics")),
    );
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    assert!(head.starts_with("HTTP/1.1 200 OK") && head.contains("text/plain; version=0.0.4"), "{head}");
    assert!(head.contains(&format!("Content-Length: {}", body.len())), "{head}");
    for sample in [
        "heliostat_agent_voltage_volts 12.9",
        "heliostat_agent_current_amperes 0.4",
        "heliostat_agent_sensor_fault 0",
        "heliostat_agent_docker_up 0",
        "heliostat_agent_linked 0",
        "heliostat_agent_containers{class=\"critical\",state=\"running\"} 0",
        ",node=\"pi-1\",supply=\"main\"} 1",
    ] {
        assert!(body.contains(sample), "{sample:?} is missing:\n{body}");
    }
    let holds =
        body.lines().filter(|line| line.starts_with("heliostat_agent_stage{") && line.ends_with(" 1"));
    assert_eq!(holds.count(), 1, "one stage holds:\n{body}");
    let mut families = BTreeSet::new();
    for line in body.lines().filter(|line| !line.starts_with("# HELP ")) {
        if let Some(family) = line.strip_prefix("# TYPE ").and_then(|rest| rest.strip_suffix(" gauge")) {
            assert!(families.insert(family.to_owned()), "{family} is there twice");
            continue;
        }
        let (series, value) = line.rsplit_once(' ').expect("a sample");
        value.parse::<f64>().expect("a number");
        assert!(families.contains(series.split('{').next().unwrap_or_default()), "{line}");
    }
}

#[test]
fn whoever_asks_for_anything_else_or_nothing_keeps_nobody_waiting() {
    let address = free();
    let site = Site::new(24 * 3600, 60, &format!("[metrics]\nlisten = \"{address}\""));
    let agent = site.run(&["--dry-run"]);
    until(|| get(address, "/metrics"), || agent.log());
    for path in ["/", "/metrics/", "/../etc/passwd"] {
        assert!(get(address, path).expect("an answer").starts_with("HTTP/1.1 404"), "{path}");
    }
    let post = ask(address, "POST /metrics HTTP/1.1\r\n\r\n").expect("an answer");
    assert!(post.starts_with("HTTP/1.1 405"), "{post}");
    // A head without an end.
    assert_eq!(ask(address, &"x".repeat(5000)).unwrap_or_default(), "");
    // A crowd that says nothing loses its places after a while.
    let silent: Vec<_> = (0..12).map(|_| TcpStream::connect(address).expect("it listens")).collect();
    until(|| get(address, "/metrics").filter(|answer| answer.contains("200 OK")), || agent.log());
    drop(silent);
}
