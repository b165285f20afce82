//! The Docker adapter against an engine that misbehaves, played by the test: answers that no real one gives on demand.

#![allow(
    clippy::disallowed_methods,
    reason = "tests touch clocks, files and processes: that is what they are for"
)]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on says so by panicking")]

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use agent::core::action::ContainerChange;
use agent::core::event::{ActionError, ContainerId, ContainerStatus, DockerEvent, Event};
use agent::io::docker::{Engine, change, watch};
use tempfile::TempDir;
use tokio::sync::mpsc;

/// What the engine answers to a request line: a status and a body; `None`: nothing, ever.
type Answer = fn(&str) -> Option<(u16, String)>;

/// An engine on a socket of its own.
struct Fake {
    folder: TempDir,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Fake {
    fn start(answer: Answer) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let listener = UnixListener::bind(folder.path().join("docker.sock")).expect("a socket");
        let requests = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&requests);
        std::thread::spawn(move || {
            for link in listener.incoming().flatten() {
                let kept = Arc::clone(&kept);
                std::thread::spawn(move || serve(&link, answer, &kept));
            }
        });
        Self { folder, requests }
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("docker.sock")
    }

    fn requests(&self) -> Vec<String> {
        self.requests.lock().expect("no panic").clone()
    }
}

/// Answers one request.
fn serve(mut link: &UnixStream, answer: Answer, kept: &Mutex<Vec<String>>) {
    let mut lines = BufReader::new(link).lines();
    let Some(Ok(request)) = lines.next() else { return };
    while lines.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
    kept.lock().expect("no panic").push(request.clone());
    let Some((status, body)) = answer(&request) else {
        // Holds the link until the other side gives up.
        let _ = lines.next();
        return;
    };
    let length = body.len();
    let head =
        format!("HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n");
    let _ = link.write_all((head + &body).as_bytes());
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(future)
}

/// The first things that the watcher says.
fn watched(fake: &Fake, count: usize) -> Vec<DockerEvent> {
    block_on(async {
        let (events, mut incoming) = mpsc::channel(16);
        let watcher = tokio::spawn(watch::run(Engine::new(fake.socket()), events, false));
        let mut seen = Vec::new();
        while seen.len() < count {
            match tokio::time::timeout(Duration::from_secs(30), incoming.recv()).await {
                Ok(Some(Event::Docker(event))) => seen.push(event),
                other => panic!("{other:?}"),
            }
        }
        watcher.abort();
        seen
    })
}

fn listed(id: &str, state: &str) -> String {
    format!("{{\"Id\":\"{id}\",\"Names\":[\"/{id}\"],\"State\":\"{state}\",\"Labels\":{{}}}}")
}

#[test]
fn a_container_in_a_state_that_nobody_knows_does_not_hide_the_others() {
    let fake = Fake::start(|request| {
        let known = listed("a", "running");
        match request {
            _ if request.contains("/events") => None,
            // The filter's text is percent-encoded: {"status":["running"]}.
            _ if request.contains("/containers/json") && request.contains("running") => {
                Some((200, format!("[{known}]")))
            }
            _ if request.contains("/containers/json") && request.contains("filters=") => {
                Some((200, "[]".to_owned()))
            }
            _ if request.contains("/containers/json") => {
                Some((200, format!("[{known},{}]", listed("b", "hibernating"))))
            }
            _ => Some((200, "{\"HostConfig\":{\"NanoCpus\":500000000}}".to_owned())),
        }
    });
    let seen = watched(&fake, 1);
    let [DockerEvent::Containers(containers)] = seen.as_slice() else { panic!("{seen:?}") };
    assert_eq!(containers.len(), 1, "{containers:?}");
    assert_eq!(containers[0].name, "a");
    assert_eq!(containers[0].status, ContainerStatus::Running);
    assert_eq!(containers[0].cpu.nano_cpus, 500_000_000);
}

#[test]
fn an_engine_that_answers_with_garbage_is_down_and_asked_again() {
    let fake = Fake::start(|_| Some((200, "not json".to_owned())));
    assert_eq!(watched(&fake, 2), [DockerEvent::Down, DockerEvent::Down]);
    assert!(fake.requests().iter().filter(|request| request.contains("/containers/json")).count() >= 2);
}

#[test]
fn an_engine_that_gives_no_events_is_asked_for_lists_all_the_same() {
    let fake = Fake::start(|request| match request {
        _ if request.contains("/events") => Some((403, "{\"message\":\"forbidden\"}".to_owned())),
        _ if request.contains("/containers/json") => Some((200, format!("[{}]", listed("a", "running")))),
        _ => Some((200, "{}".to_owned())),
    });
    let seen = watched(&fake, 3);
    assert!(
        seen.iter().all(|event| matches!(event, DockerEvent::Containers(list) if list.len() == 1)),
        "{seen:?}"
    );
}

#[test]
fn an_engine_that_is_not_there_is_down() {
    let fake = Fake::start(|_| None);
    std::fs::remove_file(fake.socket()).expect("removed");
    assert_eq!(watched(&fake, 1), [DockerEvent::Down]);
}

/// Pauses a container of an engine.
fn pause(answer: Answer) -> Result<(), ActionError> {
    let fake = Fake::start(answer);
    let engine = Engine::new(fake.socket());
    block_on(change::change(&engine, &ContainerId("c".to_owned()), ContainerChange::Pause))
}

#[test]
fn a_refused_pause_is_done_where_the_container_is_paused_already() {
    const PAUSED: &str = "{\"State\":{\"Paused\":true,\"Running\":true}}";
    const EXITED: &str = "{\"State\":{\"Paused\":false,\"Running\":false}}";
    assert_eq!(
        pause(|request| {
            if request.contains("/pause") {
                return Some((409, "{\"message\":\"already paused\"}".to_owned()));
            }
            Some((200, PAUSED.to_owned()))
        }),
        Ok(())
    );
    let refused = pause(|request| {
        if request.contains("/pause") {
            return Some((409, "{\"message\":\"is not running\"}".to_owned()));
        }
        Some((200, EXITED.to_owned()))
    });
    assert_eq!(refused, Err(ActionError::Refused("is not running (HTTP 409)".to_owned())));
}

#[test]
fn errors_come_in_the_cores_terms() {
    assert_eq!(
        pause(|_| Some((404, "{\"message\":\"no such container\"}".to_owned()))),
        Err(ActionError::NotFound)
    );
    let engine = Engine::new(PathBuf::from("/nowhere/docker.sock"));
    let container = ContainerId("c".to_owned());
    assert_eq!(
        block_on(change::change(&engine, &container, ContainerChange::Start)),
        Err(ActionError::Unreachable)
    );
}

#[test]
fn a_stop_that_hangs_ends_after_its_own_time_and_a_grace() {
    let fake = Fake::start(|request| {
        request
            .starts_with("GET")
            .then(|| (200, "{\"State\":{\"Paused\":false,\"Running\":true}}".to_owned()))
    });
    let engine = Engine::new(fake.socket());
    let start = Instant::now();
    let stop = ContainerChange::Stop { timeout: Duration::from_secs(0) };
    let result = block_on(change::change(&engine, &ContainerId("c".to_owned()), stop));
    assert_eq!(result, Err(ActionError::TimedOut));
    assert!(start.elapsed() < Duration::from_mins(1));
}
