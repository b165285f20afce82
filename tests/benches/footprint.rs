//! What the agent costs while it watches: memory, processor time, wake-ups, bytes on the wire.
//!
//! The shipped build (`--profile ship`) reads its battery ten times a second through the registers of a simulated
//! INA226 and reports to a real supervisor over loopback, with mutual TLS and without. Peers that are installed are measured beside it, in the
//! same way and the same minutes; absolute figures are this machine's, ratios travel.

#![allow(clippy::disallowed_methods, reason = "a bench measures time and processes")]
#![allow(clippy::expect_used, reason = "a bench that cannot measure must stop")]
#![allow(clippy::unnecessary_debug_formatting, reason = "a quoted path is what TOML wants")]

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use protocol::{Charge, Current, Soc};
use serde_json::json;
use tests::footprint::Footprint;
use tests::trace::Story;
use tests::{require, wait};

/// Start-up (allocations, connects, first full report) is not what is measured.
const SETTLE: Duration = Duration::from_secs(8);
/// Long enough for several heartbeats and a look at the containers.
const MEASURE: Duration = Duration::from_mins(1);

/// The floor that a blocking program with mutual TLS at 10 Hz reached, measured once on a like machine: RSS and PSS
/// in MB, processor milliseconds a minute, wake-ups a second, bytes a second.
const FLOOR: [f64; 5] = [2.75, 1.25, 20.0, 10.0, 216.0];

fn main() {
    let json = std::env::args().any(|argument| argument == "--json");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut rows = vec![("floor: blocking, mTLS, 10 Hz (recorded)".to_owned(), FLOOR)];
    for (name, interval, link) in [
        ("heliostat-agent, mTLS, 10 Hz", "100 ms", Link::Protected),
        ("heliostat-agent, in clear, 10 Hz", "100 ms", Link::Clear),
        ("heliostat-agent, mTLS, 1 Hz (default)", "1 s", Link::Protected),
    ] {
        rows.push((name.to_owned(), agent(folder.path(), interval, link)));
    }
    rows.extend(node_exporter());
    if json {
        let rows: Vec<_> = rows
            .iter()
            .map(|(name, [rss, pss, cpu, wakeups, bytes])| {
                json!({"name": name, "rss_MB": rss, "pss_MB": pss, "cpu_ms_per_min": cpu, "wakeups_per_s": wakeups, "wire_bytes_per_s": bytes})
            })
            .collect();
        println!("{}", json!({"bench": "footprint", "rows": rows}));
        return;
    }
    println!(
        "{:44} {:>8} {:>8} {:>11} {:>11} {:>9}",
        "", "RSS MB", "PSS MB", "CPU ms/min", "wake-ups/s", "bytes/s"
    );
    for (name, [rss, pss, cpu, wakeups, bytes]) in rows {
        println!("{name:44} {rss:8.2} {pss:8.2} {cpu:11.1} {wakeups:11.1} {bytes:9.0}");
    }
}

/// Whether the link to the supervisor is protected.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Link {
    Clear,
    Protected,
}

/// Measures the agent, reading at this interval.
fn agent(folder: &Path, interval: &str, link: Link) -> [f64; 5] {
    let folder = &folder.join(format!("{}-{}", interval.replace(' ', "-"), link == Link::Protected));
    std::fs::create_dir(folder).expect("a folder");
    let (mut supervisor, listen) = supervisor(folder, link);
    let wire = Arc::new(AtomicU64::new(0));
    let address = counting_proxy(listen, &wire);
    let trace = folder.join("trace.csv");
    Story::begin(Charge::from_amp_hours(70.0), Soc::from_percent(95.0))
        .hold(Duration::from_hours(1), Current::from_amps(2.3))
        .write(&trace);
    let config = folder.join("agent.toml");
    let text = format!(
        "[node]\nname = \"bench\"\nsupply = \"roof\"\n[battery]\nchemistry = \"agm\"\ncapacity = \"70 Ah\"\n\
         [sampling]\ninterval = \"{interval}\"\n[[sensor]]\nkind = \"replay\"\ntrace = {trace:?}\n\
         [containers]\nsocket = {:?}\n[state]\npath = {:?}\n[halt]\npower_off = \"none\"\n\
         [[supervisor]]\naddress = \"{address}\"\n",
        folder.join("no-docker.sock"),
        folder.join("agent.state"),
    );
    std::fs::write(&config, text).expect("the config");
    let program = target().join("ship/heliostat-agent");
    if link == Link::Protected {
        join(&program, &config, &address, folder);
    }
    let mut agent = Command::new(&program)
        .args(["run", "--config", config.to_str().expect("a path")])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| panic!("{}: {error}", program.display()));
    wait::until_true("the agent's first bytes", Duration::from_secs(20), || wire.load(Ordering::Relaxed) > 0);
    let figures = measure(&[agent.id()], &wire);
    end(&mut agent);
    end(&mut supervisor);
    figures
}

/// Makes the agent one of the supervisor's cluster.
fn join(program: &Path, config: &Path, address: &str, folder: &Path) {
    let made = Command::new(target().join("release/heliostat"))
        .args(["token", "create", "--json", "--data"])
        .arg(folder.join("supervisor"))
        .output()
        .expect("the supervisor's program");
    let token: serde_json::Value = serde_json::from_slice(&made.stdout).expect("a token");
    let joined = Command::new(program)
        .args(["join", address, "--token", token["token"].as_str().expect("a token"), "--config"])
        .arg(config)
        .output()
        .expect("the agent's program");
    assert!(joined.status.success(), "{}", String::from_utf8_lossy(&joined.stderr));
}

/// A supervisor on a port of the system's choice.
fn supervisor(folder: &Path, link: Link) -> (Child, String) {
    let port = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port");
    let program = target().join("release/heliostat");
    if link == Link::Protected {
        let init = Command::new(&program)
            .args(["init", "--name", "bench", "--data"])
            .arg(folder.join("supervisor"))
            .output()
            .expect("the supervisor's program");
        assert!(init.status.success(), "{}", String::from_utf8_lossy(&init.stderr));
    }
    let child = Command::new(&program)
        .args(["serve", "--listen", &port.to_string(), "--data"])
        .arg(folder.join("supervisor"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| panic!("{}: {error}", program.display()));
    wait::until_true("the supervisor to listen", Duration::from_secs(20), || {
        TcpStream::connect(port).is_ok()
    });
    (child, port.to_string())
}

/// `node_exporter` scraped once a second, where it is installed.
fn node_exporter() -> Option<(String, [f64; 5])> {
    let program = require::find_program("prometheus-node-exporter")?;
    let port = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).ok()?;
    let mut child = Command::new(program)
        .arg(format!("--web.listen-address={port}"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    wait::until_true("node_exporter to listen", Duration::from_secs(20), || TcpStream::connect(port).is_ok());
    let wire = Arc::new(AtomicU64::new(0));
    let (counted, stop) = (Arc::clone(&wire), Arc::new(AtomicU64::new(0)));
    let stopped = Arc::clone(&stop);
    let scraper = std::thread::spawn(move || {
        while stopped.load(Ordering::Relaxed) == 0 {
            let begun = Instant::now();
            if let Ok(mut stream) = TcpStream::connect(port) {
                let _ = stream.write_all(b"GET /metrics HTTP/1.0\r\nAccept-Encoding: gzip\r\n\r\n");
                let mut answer = Vec::new();
                let _ = stream.read_to_end(&mut answer);
                counted.fetch_add(answer.len() as u64, Ordering::Relaxed);
            }
            std::thread::sleep(Duration::from_secs(1).saturating_sub(begun.elapsed()));
        }
    });
    let figures = measure(&[child.id()], &wire);
    stop.store(1, Ordering::Relaxed);
    let _ = scraper.join();
    end(&mut child);
    Some(("node_exporter, default, scraped at 1 Hz".to_owned(), figures))
}

/// Cost of some processes over the measuring time.
fn measure(pids: &[u32], wire: &AtomicU64) -> [f64; 5] {
    std::thread::sleep(SETTLE);
    let all = || pids.iter().map(|pid| Footprint::of(*pid).expect("the process runs")).collect::<Vec<_>>();
    let (before, bytes_before, begun) = (all(), wire.load(Ordering::Relaxed), Instant::now());
    std::thread::sleep(MEASURE);
    let (after, bytes, seconds) =
        (all(), wire.load(Ordering::Relaxed) - bytes_before, begun.elapsed().as_secs_f64());
    let sum = |of: fn(&Footprint) -> f64, when: &[Footprint]| when.iter().map(of).sum::<f64>();
    let grown = |of: fn(&Footprint) -> f64| sum(of, &after) - sum(of, &before);
    [
        sum(|cost| cost.rss_kib as f64, &after) / 1024.0,
        sum(|cost| cost.pss_kib as f64, &after) / 1024.0,
        grown(|cost| cost.cpu.as_secs_f64()) * 1000.0 * 60.0 / seconds,
        grown(|cost| cost.wakeups as f64) / seconds,
        bytes as f64 / seconds,
    ]
}

/// Passes connections on and counts what the caller sends.
fn counting_proxy(to: String, wire: &Arc<AtomicU64>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    let wire = Arc::clone(wire);
    std::thread::spawn(move || {
        for caller in listener.incoming().flatten() {
            let Ok(callee) = TcpStream::connect(&to) else { continue };
            let (Ok(back_from), Ok(back_to)) = (callee.try_clone(), caller.try_clone()) else { continue };
            std::thread::spawn(move || pump(back_from, back_to, &AtomicU64::new(0)));
            let wire = Arc::clone(&wire);
            std::thread::spawn(move || pump(caller, callee, &wire));
        }
    });
    address
}

fn pump(mut from: TcpStream, mut to: TcpStream, count: &AtomicU64) {
    let mut buffer = [0; 4096];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        count.fetch_add(length as u64, Ordering::Relaxed);
        if to.write_all(&buffer[..length]).is_err() {
            return;
        }
    }
}

/// The folder that holds `release` and `ship`.
fn target() -> PathBuf {
    let mut folder = std::env::current_exe().expect("the bench's own path");
    while folder.pop() {
        if folder.join("ship").is_dir() {
            return folder;
        }
    }
    panic!("the shipped agent is not built: run tests/bench, which builds it");
}

fn end(child: &mut Child) {
    let _ = child.kill();
    let _ = child.wait();
}
