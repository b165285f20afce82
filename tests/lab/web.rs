//! The web service of the lab's image: says who answers.
//!
//! `GET /` answers `HOST TASK` after its work, `GET /health` answers `ok` once it is up. Asked to end (SIGTERM), it takes no
//! new connection, finishes the requests that it has, and ends. `web check` asks its own `/health`, for Docker's health
//! checks. By environment:
//!
//! | variable | meaning |
//! |---|---|
//! | `WEB_PORT` | the port, 8080 by default |
//! | `WEB_HOST`, `WEB_TASK` | what it answers; the container's host name by default |
//! | `WEB_START_MS` | how long it takes until it is up; until then it answers 503 |
//! | `WEB_WORK_US` | processor time that a request takes |
//! | `WEB_DATABASE` | `ADDRESS:PORT` of a `PostgreSQL` in which every request books a row; without it there is none |

#![allow(
    clippy::disallowed_methods,
    reason = "a small server: sockets, clocks and the environment are its job"
)]

mod database;

use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::{JoinSet, LocalSet};

/// A request's head is at most this long.
const HEAD_MAX: usize = 4096;
/// Whoever is slower than this is no visitor.
const PATIENCE: Duration = Duration::from_secs(10);

/// What it was told.
struct Service {
    name: String,
    up_at: Instant,
    work: Duration,
    database: Option<SocketAddr>,
}

fn main() -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let port = number("WEB_PORT").unwrap_or(8080);
    let port = u16::try_from(port).map_err(io::Error::other)?;
    if std::env::args().nth(1).as_deref() == Some("check") {
        return runtime.block_on(check(port));
    }
    let host = text("WEB_HOST").or_else(|| text("HOSTNAME")).unwrap_or_else(|| "nobody".to_owned());
    let task = text("WEB_TASK").or_else(|| text("HOSTNAME")).unwrap_or_else(|| "nobody".to_owned());
    let service = Service {
        name: format!("{host} {task}\n"),
        up_at: Instant::now() + Duration::from_millis(number("WEB_START_MS").unwrap_or(0)),
        work: Duration::from_micros(number("WEB_WORK_US").unwrap_or(0)),
        database: text("WEB_DATABASE")
            .map(|address| address.parse().map_err(io::Error::other))
            .transpose()?,
    };
    LocalSet::new().block_on(&runtime, serve(port, Rc::new(service)))
}

fn text(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|text| !text.is_empty())
}

fn number(name: &str) -> Option<u64> {
    text(name)?.parse().ok()
}

async fn serve(port: u16, service: Rc<Service>) -> io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let listener = TcpListener::bind(SocketAddr::from(([0, 0, 0, 0], port))).await?;
    let mut requests = JoinSet::new();
    loop {
        tokio::select! {
            _ = terminate.recv() => break,
            Ok((stream, _)) = listener.accept() => {
                let service = Rc::clone(&service);
                requests.spawn_local(async move {
                    // A visitor who goes away is no trouble of ours.
                    let _ = tokio::time::timeout(PATIENCE, answer(stream, &service)).await;
                });
            }
        }
        while requests.try_join_next().is_some() {}
    }
    drop(listener);
    while requests.join_next().await.is_some() {}
    Ok(())
}

async fn answer(mut stream: TcpStream, service: &Service) -> io::Result<()> {
    let mut head = Vec::with_capacity(512);
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        if head.len() > HEAD_MAX || stream.read_buf(&mut head).await? == 0 {
            return Ok(());
        }
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let path = head.split_whitespace().nth(1).unwrap_or("/");
    let (status, body) = if Instant::now() < service.up_at {
        ("503 Service Unavailable", "not up yet\n")
    } else if path == "/health" {
        ("200 OK", "ok\n")
    } else {
        work(service.work);
        match book(service).await {
            Ok(()) => ("200 OK", service.name.as_str()),
            Err(_) => ("500 Internal Server Error", "not booked\n"),
        }
    };
    let length = body.len();
    let answer = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}");
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await
}

/// Books the request, where there is a database.
async fn book(service: &Service) -> io::Result<()> {
    match service.database {
        Some(address) => database::book(address, service.name.trim_end()).await,
        None => Ok(()),
    }
}

/// Keeps the processor busy, as a page that is made does.
fn work(span: Duration) {
    let begun = Instant::now();
    while begun.elapsed() < span {
        std::hint::spin_loop();
    }
}

/// Asks the service beside it.
async fn check(port: u16) -> io::Result<()> {
    let mut stream = TcpStream::connect(SocketAddr::from(([127, 0, 0, 1], port))).await?;
    stream.write_all(b"GET /health HTTP/1.0\r\n\r\n").await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    if answer.starts_with("HTTP/1.1 200") { Ok(()) } else { Err(io::Error::other("not healthy")) }
}
