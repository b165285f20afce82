//! A stand-in for Docker's engine where no real one can run: the agent's part of the API on a Unix socket, over containers
//! that are only remembered. Speaks plain `std`, so that one compiler call builds it for an emulated Pi.
//!
//! `engine SOCKET NAME=CLASS...` says on stdout what is done to whom: `pause batch`, `update web quota=25000`, ...
//!
//! With `ENGINE_GROUPS=FOLDER` in its environment each container is a process in a control group of its own under that
//! folder, as Docker's cgroupfs driver has them, and a pause is the group's freezer.

#![allow(clippy::disallowed_methods, reason = "a program for tests: it touches sockets and files")]

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

/// One remembered container.
#[derive(Debug)]
struct Container {
    id: String,
    name: String,
    class: String,
    state: &'static str,
    /// `NanoCpus`, `CpuQuota`, `CpuPeriod`.
    cpu: [i64; 3],
    /// Its control group, and the process in it while it runs.
    group: Option<PathBuf>,
    process: Option<Child>,
}

/// The CPU settings, as Docker calls them and as they are told.
const CPU: [(&str, &str); 3] = [("NanoCpus", "nano"), ("CpuQuota", "quota"), ("CpuPeriod", "period")];

type Shared = Arc<Mutex<Vec<Container>>>;

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let Some(socket) = args.next() else {
        eprintln!("engine: which socket?");
        return ExitCode::from(2);
    };
    let containers = (1_u32..).zip(args).map(|(number, spec)| {
        let (name, class) = spec.split_once('=').unwrap_or((&spec, "standard"));
        let (name, class) = (name.to_owned(), class.to_owned());
        let id = format!("{number:012x}{number:052x}");
        let group = std::env::var_os("ENGINE_GROUPS").map(|folder| PathBuf::from(folder).join(&id));
        Container { id, name, class, state: "running", cpu: [0; 3], group, process: None }
    });
    let mut containers: Vec<Container> = containers.collect();
    for container in &mut containers {
        if let Err(error) = begin(container) {
            eprintln!("engine: {}: {error}", container.name);
            return ExitCode::FAILURE;
        }
    }
    let containers: Shared = Arc::new(Mutex::new(containers));
    let _ = std::fs::remove_file(&socket);
    let listener = match UnixListener::bind(&socket) {
        Ok(listener) => listener,
        Err(error) => {
            eprintln!("engine: {socket}: {error}");
            return ExitCode::FAILURE;
        }
    };
    say("listens");
    for link in listener.incoming().flatten() {
        let containers = Arc::clone(&containers);
        std::thread::spawn(move || serve(&link, &containers));
    }
    ExitCode::SUCCESS
}

/// Starts a container's process, in its group.
fn begin(container: &mut Container) -> std::io::Result<()> {
    let Some(group) = &container.group else { return Ok(()) };
    std::fs::create_dir_all(group)?;
    // It does a little and waits, as work that is of use to somebody does.
    let mut process = Command::new("sh");
    process.args(["-c", "while :; do sleep 1; done"]).stdin(Stdio::null());
    let process = container.process.insert(process.spawn()?);
    std::fs::write(group.join("cgroup.procs"), process.id().to_string())
}

/// Has the kernel do to a container's group what Docker's runtime would.
fn carry_out(container: &mut Container, what: &str) -> std::io::Result<()> {
    let Some(group) = container.group.clone() else { return Ok(()) };
    match what {
        "pause" => std::fs::write(group.join("cgroup.freeze"), "1"),
        "unpause" => std::fs::write(group.join("cgroup.freeze"), "0"),
        "start" => begin(container),
        _ => {
            // Frozen processes die of this too.
            std::fs::write(group.join("cgroup.kill"), "1")?;
            std::fs::write(group.join("cgroup.freeze"), "0")?;
            container.process.take().map_or(Ok(()), |mut process| process.wait().map(drop))
        }
    }
}

fn say(words: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "engine: {words}").and_then(|()| out.flush());
}

/// Answers one request.
fn serve(mut link: &UnixStream, containers: &Shared) -> Option<()> {
    let mut reader = BufReader::new(link.try_clone().ok()?);
    let mut first = String::new();
    reader.read_line(&mut first).ok()?;
    let mut length = 0;
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        let header = header.trim().to_ascii_lowercase();
        if header.is_empty() {
            break;
        }
        if let Some(value) = header.strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let mut words = first.split(' ');
    let (method, target) = (words.next()?, words.next()?);
    let path = target.split('?').next()?;
    // `/v1.41/containers/json` and `/containers/json` are one.
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty() && !is_version(part)).collect();
    if parts == ["events"] {
        let _ = link.write_all(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n",
        );
        // Holds the stream open until the other side leaves.
        let _ = reader.read(&mut [0]);
        return None;
    }
    let (status, answer) = answer(method, &parts, &String::from_utf8_lossy(&body), containers);
    let head = format!(
        "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        answer.len()
    );
    link.write_all((head + &answer).as_bytes()).ok()
}

fn is_version(part: &str) -> bool {
    part.strip_prefix("v1.").is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit()))
}

fn answer(method: &str, parts: &[&str], body: &str, containers: &Shared) -> (u16, String) {
    let mut containers = containers.lock().unwrap_or_else(PoisonError::into_inner);
    match (method, parts) {
        ("GET", ["_ping"]) => (200, "OK".to_owned()),
        ("GET", ["version"]) => (200, r#"{"Version":"stand-in","ApiVersion":"1.41"}"#.to_owned()),
        ("GET", ["containers", "json"]) => {
            let all: Vec<String> = containers.iter().map(summary).collect();
            (200, format!("[{}]", all.join(",")))
        }
        (_, ["containers", id, what]) => {
            let found = containers.iter_mut().find(|container| container.id == *id || container.name == *id);
            match found {
                Some(container) => one(container, what, body),
                None => (404, r#"{"message":"No such container"}"#.to_owned()),
            }
        }
        _ => (404, r#"{"message":"page not found"}"#.to_owned()),
    }
}

/// What is asked of one container.
fn one(container: &mut Container, what: &str, body: &str) -> (u16, String) {
    let refused = |words: &str| (409, format!(r#"{{"message":"{words}"}}"#));
    let (needed, becomes): (&[&str], &'static str) = match what {
        "json" => return (200, details(container)),
        "update" => {
            update(container, body);
            return (200, r#"{"Warnings":[]}"#.to_owned());
        }
        "pause" => (&["running"], "paused"),
        "unpause" => (&["paused"], "running"),
        "stop" => (&["running", "paused"], "exited"),
        "start" => (&["exited"], "running"),
        _ => return (404, r#"{"message":"page not found"}"#.to_owned()),
    };
    if container.state == becomes && matches!(what, "stop" | "start") {
        return (304, String::new());
    }
    if !needed.contains(&container.state) {
        return refused("it is not in a state for that");
    }
    if let Err(error) = carry_out(container, what) {
        return (500, format!(r#"{{"message":"{error}"}}"#));
    }
    container.state = becomes;
    say(&format!("{what} {}", container.name));
    (204, String::new())
}

fn update(container: &mut Container, body: &str) {
    let numbers = numbers(body);
    let mut told = String::new();
    for (value, (key, name)) in container.cpu.iter_mut().zip(CPU) {
        // Docker takes a zero for "leave it as it is".
        if let Some(set) = numbers.get(key).filter(|set| **set != 0) {
            *value = *set;
            let _ = std::fmt::Write::write_fmt(&mut told, format_args!(" {name}={set}"));
        }
    }
    say(&format!("update {}{told}", container.name));
}

/// Every `"Key": number` of a JSON text.
fn numbers(text: &str) -> HashMap<&str, i64> {
    let mut found = HashMap::new();
    for part in text.split([',', '{', '}']) {
        if let Some((key, value)) = part.split_once(':')
            && let Ok(value) = value.trim().parse()
        {
            found.insert(key.trim().trim_matches('"'), value);
        }
    }
    found
}

fn summary(container: &Container) -> String {
    let Container { id, name, class, state, .. } = container;
    format!(
        r#"{{"Id":"{id}","Names":["/{name}"],"Image":"stand-in","State":"{state}","Labels":{{"heliostat.class":"{class}"}}}}"#
    )
}

fn details(container: &Container) -> String {
    let Container { id, name, state, cpu: [nano, quota, period], .. } = container;
    let (running, paused) = (matches!(*state, "running" | "paused"), *state == "paused");
    format!(
        r#"{{"Id":"{id}","Name":"/{name}","State":{{"Status":"{state}","Running":{running},"Paused":{paused}}},"HostConfig":{{"NanoCpus":{nano},"CpuQuota":{quota},"CpuPeriod":{period}}}}}"#
    )
}
