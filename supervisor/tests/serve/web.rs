//! What a visitor, a Prometheus and a person asleep get to see.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

use protocol::Stage;
use serde_json::Value;

use crate::agent::{Agent, hello, report};
use crate::served::{DEADLINE, Served};

/// A supervisor with a page, and a node that sheds.
fn with_a_page(folder: &Path) -> (Served, SocketAddr, Agent) {
    let (mut served, web) = Served::with_web(folder, "[web]\nlisten = \"127.0.0.1:0\"\n");
    let mut shedding = report(58.0);
    (shedding.stage, shedding.floor) = (Stage::Shed, Stage::Shed);
    let agent = Agent::join_and_report(served.address, hello("pi1"), shedding);
    served.wait_for_log("pi1: is in shed");
    (served, web, agent)
}

/// Sends a request as it is, and reads until the other end closes.
fn say(web: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(web).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn get(web: SocketAddr, path: &str) -> (String, String) {
    let answer = say(web, &format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"));
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_ascii_lowercase(), body.to_owned())
}

#[test]
fn the_page_comes_whole_with_headers_that_let_nothing_else_in() {
    let folder = tempfile::tempdir().unwrap();
    let (_served, web, _agent) = with_a_page(folder.path());
    let (head, body) = get(web, "/");
    assert!(head.starts_with("http/1.1 200"), "{head}");
    for header in [
        "content-security-policy: default-src 'none'",
        "x-content-type-options: nosniff",
        "x-frame-options: deny",
        "referrer-policy: no-referrer",
    ] {
        assert!(head.contains(header), "{header} is missing: {head}");
    }
    assert!(body.contains("</html>") && body.len() <= 50 * 1024, "{} bytes", body.len());
}

#[test]
fn only_what_is_there_can_be_read_and_nothing_can_be_written() {
    let folder = tempfile::tempdir().unwrap();
    let (_served, web, _agent) = with_a_page(folder.path());
    for path in ["/nothing", "/../etc/passwd", "/status", "/live/../metrics"] {
        assert!(get(web, path).0.starts_with("http/1.1 404"), "{path}");
    }
    for method in ["POST", "PUT", "DELETE", "OPTIONS"] {
        let answer = say(
            web,
            &format!("{method} / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"),
        );
        assert!(answer.starts_with("HTTP/1.1 405"), "{method}: {answer}");
    }
    assert!(say(web, "garbage\r\n\r\n").starts_with("HTTP/1.1 400"));
}

#[test]
fn visitors_see_the_energy_and_why_but_no_addresses() {
    let folder = tempfile::tempdir().unwrap();
    let (served, web, _agent) = with_a_page(folder.path());
    let (_, body) = get(web, "/status.json");
    let data: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(data["schema"], 1);
    assert_eq!(data["nodes"][0]["state"], "shed");
    assert_eq!(data["supplies"][0]["soc"][1], 61.0);
    assert!(!body.contains(&served.address.port().to_string()), "{body}");
}

#[test]
fn what_changes_comes_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    let (served, web, _agent) = with_a_page(folder.path());
    let mut stream = TcpStream::connect(web).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream.write_all(b"GET /live HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let mut lines = BufReader::new(stream).lines().map(Result::unwrap);
    let mut next = |node: &str| {
        let begun = Instant::now();
        while begun.elapsed() < DEADLINE {
            let line = lines.next().unwrap();
            if line.starts_with("data: ") && line.contains(&format!("\"name\":\"{node}\"")) {
                return line;
            }
        }
        panic!("nothing about {node} came");
    };
    let first = next("pi1");
    assert!(!first.contains("pi2"));
    let _second = Agent::join_and_report(served.address, hello("pi2"), report(58.0));
    next("pi2");
}

#[test]
fn metrics_are_what_prometheus_reads() {
    let folder = tempfile::tempdir().unwrap();
    let (_served, web, _agent) = with_a_page(folder.path());
    let (head, body) = get(web, "/metrics");
    assert!(head.contains("content-type: text/plain; version=0.0.4"), "{head}");
    let mut families = std::collections::BTreeSet::new();
    for line in body.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            // What only grows says so by its name, and nothing else does.
            assert_eq!(kind, if name.ends_with("_total") { "counter" } else { "gauge" }, "{name}");
            assert!(families.insert(name.to_owned()), "{name} is there twice");
            assert!(name.starts_with("heliostat_"), "{name}");
        } else if !line.starts_with('#') {
            let (series, value) = line.rsplit_once(' ').unwrap();
            value.parse::<f64>().unwrap();
            let name = series.split('{').next().unwrap();
            assert!(families.contains(name), "{line} stands outside its family");
        }
    }
    for sample in [
        "heliostat_leading 1",
        "heliostat_supply_soc_ratio{supply=\"garage\",bound=\"best\"} 0.61",
        "heliostat_node_stage{node=\"pi1\",stage=\"shed\"} 1",
        "heliostat_node_liveness{node=\"pi1\",state=\"alive\"} 1",
    ] {
        assert!(body.contains(sample), "{sample} is missing:\n{body}");
    }
}

#[test]
fn sixty_idle_visitors_do_not_keep_operators_waiting() {
    let folder = tempfile::tempdir().unwrap();
    let (served, web, _agent) = with_a_page(folder.path());
    let idle: Vec<_> = (0..100).map(|_| TcpStream::connect(web).unwrap()).collect();
    let begun = Instant::now();
    assert_eq!(served.ask_json(&["status"])["schema"], 1);
    assert!(begun.elapsed() < Duration::from_secs(20));
    drop(idle);
    let begun = Instant::now();
    loop {
        let stream = TcpStream::connect(web).unwrap();
        drop(stream);
        let answer = std::panic::catch_unwind(|| get(web, "/"));
        if answer.is_ok_and(|(head, _)| head.starts_with("http/1.1 200")) {
            return;
        }
        assert!(begun.elapsed() < DEADLINE, "places are given back");
    }
}

/// Takes one webhook's request, and answers it.
fn take_one(hook: &TcpListener) -> Value {
    let (stream, _) = hook.accept().unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    let mut reader = BufReader::new(stream);
    let (mut length, mut line) = (0, String::new());
    while reader.read_line(&mut line).unwrap() > 2 {
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        line.clear();
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    reader.get_mut().write_all(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap();
    serde_json::from_slice(&body).unwrap()
}

#[test]
fn what_matters_is_told_once_and_the_rest_together_later() {
    let folder = tempfile::tempdir().unwrap();
    let hook = TcpListener::bind("127.0.0.1:0").unwrap();
    let mail = folder.path().join("mail.txt");
    let config = format!(
        "[links]\nlate_after = 1\nlost_after = 2\n[notify]\nwebhook = \"http://{}/x\"\nat_most_every = \"3 s\"\n\
         command = [\"/usr/bin/tee\", \"-a\", \"{}\"]\n",
        hook.local_addr().unwrap(),
        mail.display()
    );
    let served = Served::start_configured(folder.path(), &config);
    let agent = Agent::join_and_report(served.address, hello("pi1"), report(80.0));
    let first = take_one(&hook);
    assert_eq!((&first["schema"], &first["events"][0]["urgency"]), (&1.into(), &"note".into()), "{first}");
    // A node that is cut off: late, then lost, then its supply is not known.
    drop(agent);
    let begun = Instant::now();
    let lost = loop {
        let message = take_one(&hook);
        if message["urgency"] == "critical" {
            break message;
        }
        assert!(begun.elapsed() < DEADLINE);
    };
    assert!(
        lost["text"].as_str().unwrap().contains("pi1") || lost["text"].as_str().unwrap().contains("garage"),
        "{lost}"
    );
    assert!(lost["subject"].as_str().unwrap().contains("critical"), "{lost}");
    let mails = std::fs::read_to_string(&mail).unwrap();
    assert!(mails.contains("[heliostat "), "{mails}");
}
