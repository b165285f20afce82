//! A client that asks at a set rate, whatever becomes of its requests, and keeps the fate of each.
//!
//! The loop is open: a slow answer delays no later request, and a latency counts from the moment at which the request
//! was due, so that an outage cannot hide behind a client that waits. Every request has a connection of its own, as a
//! visitor's first has.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{MissedTickBehavior, interval, timeout};

/// A visitor gives up after this long.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// What became of one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fate {
    /// When it was due, from the client's start.
    pub due: Duration,
    /// From then until its end.
    pub took: Duration,
    /// How it ended.
    pub end: Result<Replica, Failure>,
}

/// Who answered.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Replica {
    /// The host that it ran on.
    pub host: String,
    /// The task, or the container.
    pub task: String,
}

/// Why there was no answer.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Failure {
    /// Nobody listens there.
    Refused,
    /// The connection broke.
    Broken,
    /// Nothing for as long as a visitor waits.
    TimedOut,
    /// The network knows no way.
    Unreachable,
    /// An answer that is none, with its status.
    Status(u16),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused => f.write_str("refused"),
            Self::Broken => f.write_str("broken off"),
            Self::TimedOut => f.write_str("timed out"),
            Self::Unreachable => f.write_str("unreachable"),
            Self::Status(status) => write!(f, "status {status}"),
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::ConnectionRefused => Self::Refused,
            io::ErrorKind::TimedOut => Self::TimedOut,
            io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => Self::Unreachable,
            _ => Self::Broken,
        }
    }
}

/// A client at work. Dropped, it stops.
#[derive(Debug)]
pub struct Client {
    fates: Arc<Mutex<Vec<Fate>>>,
    stop: Arc<AtomicBool>,
    begun: Instant,
    thread: Option<JoinHandle<()>>,
}

impl Client {
    /// Begins to ask `GET /` of `target` at this rate (a second), from the network namespace of a process.
    pub(super) fn start(namespace_of: u32, target: SocketAddr, rate: u32) -> Self {
        let fates = Arc::new(Mutex::new(Vec::new()));
        let stop = Arc::new(AtomicBool::new(false));
        let begun = Instant::now();
        let (kept, stopped) = (Arc::clone(&fates), Arc::clone(&stop));
        let thread = std::thread::spawn(move || {
            in_network_of(namespace_of, ask_at_rate(target, rate, begun, kept, stopped));
        });
        Self { fates, stop, begun, thread: Some(thread) }
    }

    /// How long it has been at work: the clock of [`Fate::due`].
    pub fn now(&self) -> Duration {
        self.begun.elapsed()
    }

    /// The requests that have ended so far.
    ///
    /// # Panics
    /// Never, short of a poisoned lock.
    pub fn so_far(&self) -> Tally {
        Tally::new(self.fates.lock().expect("no panic while locked").clone())
    }

    /// Asks no more, waits for the answers that are still to come, and gives the fate of every request.
    ///
    /// # Panics
    /// When the client itself failed.
    pub fn finish(mut self) -> Tally {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the client works");
        }
        self.so_far()
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// Runs a future on this thread, after moving it into the network namespace of a process. For threads made for it.
///
/// # Panics
/// When the namespace is gone.
pub(super) fn in_network_of<T>(pid: u32, future: impl Future<Output = T>) -> T {
    let namespace = std::fs::File::open(format!("/proc/{pid}/ns/net")).expect("the client's network");
    move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network)).expect("root");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(future)
}

async fn ask_at_rate(
    target: SocketAddr,
    rate: u32,
    begun: Instant,
    fates: Arc<Mutex<Vec<Fate>>>,
    stop: Arc<AtomicBool>,
) {
    let mut ticks = interval(Duration::from_secs(1) / rate);
    // A tick that came late is made up for: the rate is the visitors', not the machine's.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut asked = tokio::task::JoinSet::new();
    while !stop.load(Ordering::Relaxed) {
        let due = ticks.tick().await.into_std().duration_since(begun);
        let fates = Arc::clone(&fates);
        asked.spawn(async move {
            let end = ask(target, "/", PATIENCE).await;
            let took = begun.elapsed().saturating_sub(due);
            if let Ok(mut fates) = fates.lock() {
                fates.push(Fate { due, took, end });
            }
        });
        while asked.try_join_next().is_some() {}
    }
    while asked.join_next().await.is_some() {}
}

/// One request on a connection of its own.
pub(super) async fn ask(target: SocketAddr, path: &str, patience: Duration) -> Result<Replica, Failure> {
    let answer = timeout(patience, async {
        let mut stream = TcpStream::connect(target).await?;
        exchange(&mut stream, target, path).await
    });
    answer.await.map_err(|_elapsed| Failure::TimedOut)?
}

/// One request on a connection that is made first; what happens before the request is sent is `meanwhile`'s. To be called in the
/// network that it is to come from.
pub(super) async fn ask_late(target: SocketAddr, meanwhile: impl FnOnce()) -> Result<Replica, Failure> {
    let mut stream = TcpStream::connect(target).await?;
    meanwhile();
    timeout(PATIENCE, exchange(&mut stream, target, "/")).await.map_err(|_elapsed| Failure::TimedOut)?
}

async fn exchange(stream: &mut TcpStream, target: SocketAddr, path: &str) -> Result<Replica, Failure> {
    let request = format!("GET {path} HTTP/1.0\r\nHost: {}\r\nConnection: close\r\n\r\n", target.ip());
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::with_capacity(512);
    while !is_whole(&answer) && stream.read_buf(&mut answer).await? > 0 {}
    understand(&String::from_utf8_lossy(&answer)).unwrap_or(Err(Failure::Broken))
}

/// Whether all of an answer is there, by its own word: like a browser, nobody waits for the connection's end then.
fn is_whole(answer: &[u8]) -> bool {
    let text = String::from_utf8_lossy(answer);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().filter_map(|line| line.split_once(':')).find_map(|(name, value)| {
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok()).flatten()
    });
    length.is_some_and(|length| body.len() >= length)
}

/// An answer's replica, or its status; `None` when it broke off.
fn understand(answer: &str) -> Option<Result<Replica, Failure>> {
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status: u16 = head.split_whitespace().nth(1)?.parse().ok()?;
    if status != 200 {
        return Some(Err(Failure::Status(status)));
    }
    // A body without its end broke off: the service ends it with a line feed.
    let mut words = body.strip_suffix('\n')?.split_whitespace();
    Some(Ok(Replica { host: words.next()?.to_owned(), task: words.next()?.to_owned() }))
}

/// The fates of many requests.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    fates: Vec<Fate>,
}

impl Tally {
    /// Of these, put into the order in which they were due.
    pub fn new(mut fates: Vec<Fate>) -> Self {
        fates.sort_by_key(|fate| fate.due);
        Self { fates }
    }

    /// All of them, in the order in which they were due.
    pub fn fates(&self) -> &[Fate] {
        &self.fates
    }

    /// Those that were due between two moments of the client's clock.
    #[must_use]
    pub fn between(&self, from: Duration, to: Duration) -> Self {
        Self { fates: self.fates.iter().filter(|fate| (from..to).contains(&fate.due)).cloned().collect() }
    }

    /// How many failed.
    pub fn failed(&self) -> usize {
        self.fates.iter().filter(|fate| fate.end.is_err()).count()
    }

    /// How many took longer than this, answered or not.
    pub fn slower_than(&self, bound: Duration) -> usize {
        self.fates.iter().filter(|fate| fate.took > bound).count()
    }

    /// The longest that one took, answered or not.
    pub fn slowest(&self) -> Duration {
        self.fates.iter().map(|fate| fate.took).max().unwrap_or_default()
    }

    /// How many each host answered.
    pub fn by_host(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for replica in self.fates.iter().filter_map(|fate| fate.end.as_ref().ok()) {
            *counts.entry(replica.host.clone()).or_default() += 1;
        }
        counts
    }

    /// How many failed in each way.
    pub fn failures(&self) -> BTreeMap<Failure, usize> {
        let mut counts = BTreeMap::new();
        for failure in self.fates.iter().filter_map(|fate| fate.end.as_ref().err()) {
            *counts.entry(failure.clone()).or_default() += 1;
        }
        counts
    }

    /// From a moment until the first answer to a request that was due after the last failed one since then. Zero when
    /// none failed; `None` when it never was well again.
    pub fn outage(&self, since: Duration) -> Option<Duration> {
        let failed = self.fates.iter().rposition(|fate| fate.due >= since && fate.end.is_err());
        let Some(last) = failed else { return Some(Duration::ZERO) };
        let next = self.fates.get(last + 1..)?.iter().map(|fate| fate.due + fate.took).min()?;
        Some(next.saturating_sub(since))
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} requests: {} failed, {} slower than 0.5 s, {} slower than 1 s, slowest {:.2} s",
            self.fates.len(),
            self.failed(),
            self.slower_than(Duration::from_millis(500)),
            self.slower_than(Duration::from_secs(1)),
            self.slowest().as_secs_f64()
        )?;
        for (failure, count) in self.failures() {
            write!(f, "; {count} {failure}")?;
        }
        for (host, count) in self.by_host() {
            write!(f, "; {host} {count}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fate(due_ms: u64, took_ms: u64, end: Result<&str, Failure>) -> Fate {
        let end = end.map(|host| Replica { host: host.to_owned(), task: "web".to_owned() });
        Fate { due: Duration::from_millis(due_ms), took: Duration::from_millis(took_ms), end }
    }

    #[test]
    fn an_outage_ends_with_the_first_answer_after_the_last_failure() {
        let tally = Tally::new(vec![
            fate(0, 1, Ok("w1")),
            fate(100, 900, Err(Failure::TimedOut)),
            fate(200, 5, Ok("w2")),
            fate(300, 3, Err(Failure::Refused)),
            fate(400, 20, Ok("w2")),
        ]);
        assert_eq!(tally.outage(Duration::from_millis(50)), Some(Duration::from_millis(370)));
        assert_eq!(tally.outage(Duration::from_millis(350)), Some(Duration::ZERO));
        assert_eq!((tally.failed(), tally.slower_than(Duration::from_millis(500))), (2, 1));
        assert_eq!(tally.between(Duration::from_millis(150), Duration::from_millis(350)).fates().len(), 2);
    }

    #[test]
    fn an_outage_that_never_ends_has_no_end() {
        let tally = Tally::new(vec![fate(0, 1, Ok("w1")), fate(100, 1, Err(Failure::Refused))]);
        assert_eq!(tally.outage(Duration::ZERO), None);
    }

    #[test]
    fn half_an_answer_is_none() {
        assert_eq!(understand("HTTP/1.0 200 OK\r\n\r\nw1 web.1"), None);
        assert_eq!(understand("HTTP/1.0 200 OK\r\n"), None);
        assert_eq!(understand("HTTP/1.0 503 no\r\n\r\nno\n"), Some(Err(Failure::Status(503))));
        let replica = Replica { host: "w1".into(), task: "web.1".into() };
        assert_eq!(understand("HTTP/1.0 200 OK\r\n\r\nw1 web.1\n"), Some(Ok(replica)));
    }
}
