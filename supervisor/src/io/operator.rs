//! The operators' socket: one JSON request a line, one JSON answer a line.
//!
//! A Unix socket with mode 0660: whoever may open it may ask. A file that an earlier life left behind is replaced,
//! but only if nobody listens on it.

use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use protocol::{NodeName, Seconds};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::unix::OwnedWriteHalf;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::time::timeout;

use super::clock::Timestamp;
use super::enrolment::wish::{Reply, Wish};
use super::history::{self, Course, HistoryReader, Step};
use super::journal::{Entry, Query, Reader};
use crate::core::FleetView;
use crate::core::budget::view::{EnergyView, ForecastView};
use crate::core::person::{self, Accepted, PersonAnswer, Refused, Verb};
use crate::core::view::{NodeView, SCHEMA, SupplyView};

/// No request is longer.
const REQUEST_BYTES_MAX: u64 = 4096;

/// So many operators at one time.
const OPERATORS_MAX: usize = 16;

/// Who asks nothing, or does not read the answer, for so long is dropped.
const PATIENCE: Duration = Duration::from_secs(10);

/// `why` shows so many of the node's last records.
const WHY_RECORDS: u32 = 12;

/// What an operator asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "request", deny_unknown_fields)]
pub enum Request {
    /// The fleet.
    Status,
    /// Records of the journal.
    Events {
        /// Only those with a greater number.
        after: Option<i64>,
        /// Only those not before this time.
        since: Option<Timestamp>,
        /// Only the newest so many.
        limit: Option<u32>,
        /// Go on with every new one, a line each, until the operator leaves.
        #[serde(default)]
        follow: bool,
    },
    /// One node, and why it is as it is.
    Why {
        /// Its name, as typed.
        node: String,
    },
    /// Where the energy went.
    Energy,
    /// The sun to come, and what is planned with it.
    Forecast,
    /// Something about who is let into the cluster.
    Enrolment {
        /// What.
        wish: Wish,
    },
    /// Readings of the past.
    History {
        /// Not before.
        since: Timestamp,
        /// Rows of this length; without it, what suits the time asked for.
        #[serde(default)]
        step: Option<Step>,
        /// Only series whose text begins with one of these; none: all.
        #[serde(default)]
        of: Vec<String>,
    },
    /// A person's order.
    Person(Asked),
}

/// A person's order, as typed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    /// About which node.
    pub node: String,
    /// What.
    pub verb: Verb,
    /// For how long, in seconds; without it, until it is resumed.
    pub left: Option<u32>,
    /// Why.
    #[serde(default)]
    pub why: String,
    /// Insist, where that is possible.
    #[serde(default)]
    pub force: bool,
    /// On whose behalf root asks; nobody else is believed.
    pub behalf: Option<String>,
}

/// What is answered, a line each.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "answer")]
#[expect(clippy::large_enum_variant, reason = "an answer lives for one call")]
pub enum Answer {
    /// To `Status`.
    Status(Status),
    /// To `Events`: what is there.
    Events(Events),
    /// To `Events` with `follow`: one more.
    Event(Entry),
    /// To `Events` with `follow`: this operator reads so slowly that records were left out.
    Missed {
        /// How many.
        count: u64,
    },
    /// To `Why`.
    Why(Why),
    /// To `Energy`.
    Energy(Energies),
    /// To `Forecast`.
    Forecast(Forecasts),
    /// To `History`.
    History(Past),
    /// To `Enrolment`.
    Enrolment {
        /// [`SCHEMA`].
        schema: u32,
        /// What.
        reply: Reply,
    },
    /// To `Person`: it will be done.
    Accepted(Accepted),
    /// To `Person`: it will not be done.
    Refused(Refused),
    /// There is no such node.
    UnknownNode {
        /// What was asked for.
        node: String,
        /// Those that there are.
        known: Vec<NodeName>,
    },
    /// It cannot be answered.
    Error {
        /// In words.
        message: String,
    },
}

/// The fleet, and the supervisor itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// The supervisor's version.
    pub version: String,
    /// Its process.
    pub pid: u32,
    /// Where it listens for agents.
    pub listen: String,
    /// The fleet.
    #[serde(flatten)]
    pub fleet: FleetView,
}

/// Records of the journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Events {
    /// [`SCHEMA`].
    pub schema: u32,
    /// Oldest first.
    pub events: Vec<Entry>,
}

/// One node, and why it is as it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Why {
    /// [`SCHEMA`].
    pub schema: u32,
    /// The node.
    pub node: NodeView,
    /// Its supply.
    pub supply: Option<SupplyView>,
    /// Its last records, oldest first.
    pub events: Vec<Entry>,
}

/// Where the energy went.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Energies {
    /// [`SCHEMA`].
    pub schema: u32,
    /// Every supply with a site.
    pub supplies: Vec<EnergyView>,
}

/// The sun to come.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Forecasts {
    /// [`SCHEMA`].
    pub schema: u32,
    /// Every supply with a site.
    pub supplies: Vec<ForecastView>,
}

/// Readings of the past.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Past {
    /// [`SCHEMA`].
    pub schema: u32,
    /// How long a stretch each point tells about.
    pub step: Step,
    /// The courses, by the names of their series.
    pub series: Vec<Course>,
}

/// What is kept on disk, for who asks.
#[derive(Debug, Clone)]
pub(super) struct Shelf {
    pub(super) journal: Reader,
    pub(super) history: HistoryReader,
}

/// A question to the loop, which alone knows the fleet.
pub(super) enum Question {
    /// How is it?
    Fleet(oneshot::Sender<Status>),
    /// Where did its energy go?
    Energy(oneshot::Sender<Vec<EnergyView>>),
    /// What will the sun bring?
    Forecast(oneshot::Sender<Vec<ForecastView>>),
    /// Who is let in?
    Enrolment(Wish, oneshot::Sender<Reply>),
    /// A person's order.
    Person(person::Request, oneshot::Sender<PersonAnswer>),
}

/// Why the socket cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// Another supervisor listens there.
    #[error("{path}: another supervisor listens there already", path = path.display())]
    Taken {
        /// The socket.
        path: PathBuf,
    },
    /// What is there is no socket.
    #[error("{path}: this is no socket, and is left alone", path = path.display())]
    NoSocket {
        /// The file.
        path: PathBuf,
    },
    /// The folder or the file does not allow it.
    #[error("{path}: {cause}", path = path.display())]
    Io {
        /// The socket.
        path: PathBuf,
        /// Why.
        cause: io::Error,
    },
}

/// Opens the socket; a stale file is replaced, a living one is not.
///
/// # Errors
///
/// When another supervisor listens there, or the file system refuses.
pub(super) async fn bind(path: &Path) -> Result<UnixListener, SocketError> {
    let io = |cause| SocketError::Io { path: path.to_owned(), cause };
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(io)?;
    }
    match std::fs::symlink_metadata(path) {
        Ok(file) if !file.file_type().is_socket() => {
            return Err(SocketError::NoSocket { path: path.to_owned() });
        }
        Ok(_) => {
            if UnixStream::connect(path).await.is_ok() {
                return Err(SocketError::Taken { path: path.to_owned() });
            }
            std::fs::remove_file(path).map_err(io)?;
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(io(error)),
    }
    let listener = UnixListener::bind(path).map_err(io)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o660)).map_err(io)?;
    Ok(listener)
}

/// Answers operators for as long as the loop does.
pub(super) async fn serve(listener: UnixListener, questions: mpsc::Sender<Question>, shelf: Shelf) {
    let places = Arc::new(Semaphore::new(OPERATORS_MAX));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let connection = match listener.accept().await {
            Ok((connection, _)) => connection,
            Err(error) => {
                tracing::warn!("an operator could not be accepted: {error}");
                tokio::time::sleep(Duration::from_millis(200)).await;
                continue;
            }
        };
        let (questions, shelf) = (questions.clone(), shelf.clone());
        tokio::spawn(async move {
            // An operator who left early is no news.
            let _ = converse(connection, &questions, &shelf).await;
            drop(place);
        });
    }
}

async fn converse(
    connection: UnixStream,
    questions: &mpsc::Sender<Question>,
    shelf: &Shelf,
) -> io::Result<()> {
    let uid = connection.peer_cred().map_or(u32::MAX, |peer| peer.uid());
    let (read, mut write) = connection.into_split();
    let mut read = BufReader::new(read);
    loop {
        let mut line = String::new();
        let mut bounded = (&mut read).take(REQUEST_BYTES_MAX);
        let Ok(count) = timeout(PATIENCE, bounded.read_line(&mut line)).await else { return Ok(()) };
        if count? == 0 {
            return Ok(());
        }
        if !line.ends_with('\n') && line.len() as u64 >= REQUEST_BYTES_MAX {
            let message = format!("a request is one line of at most {REQUEST_BYTES_MAX} bytes");
            return say(&mut write, &Answer::Error { message }).await;
        }
        match serde_json::from_str(&line) {
            Ok(Request::Status) => {
                let answer = match fleet(questions).await {
                    Some(status) => Answer::Status(status),
                    None => stopping(),
                };
                say(&mut write, &answer).await?;
            }
            Ok(Request::Why { node }) => {
                let answer = why(&node, questions, &shelf.journal).await;
                say(&mut write, &answer).await?;
            }
            Ok(Request::Energy) => {
                let supplies = ask(questions, Question::Energy).await;
                let answer = |supplies| Answer::Energy(Energies { schema: SCHEMA, supplies });
                say(&mut write, &supplies.map_or_else(stopping, answer)).await?;
            }
            Ok(Request::Forecast) => {
                let supplies = ask(questions, Question::Forecast).await;
                let answer = |supplies| Answer::Forecast(Forecasts { schema: SCHEMA, supplies });
                say(&mut write, &supplies.map_or_else(stopping, answer)).await?;
            }
            Ok(Request::Enrolment { wish }) => {
                let reply = ask(questions, |reply| Question::Enrolment(wish, reply)).await;
                let answer = |reply| Answer::Enrolment { schema: SCHEMA, reply };
                say(&mut write, &reply.map_or_else(stopping, answer)).await?;
            }
            Ok(Request::History { since, step, of }) => {
                let answer = past(since, step, of, &shelf.history).await;
                say(&mut write, &answer).await?;
            }
            Ok(Request::Person(asked)) => {
                let answer = person(asked, uid, questions).await;
                say(&mut write, &answer).await?;
            }
            Ok(Request::Events { after, since, limit, follow }) => {
                let query = Query { after, since, node: None, limit };
                events(&mut write, query, follow, &shelf.journal).await?;
            }
            Err(error) => {
                let message = format!("this is no request: {error}");
                say(&mut write, &Answer::Error { message }).await?;
            }
        }
    }
}

/// The supervisor ended between question and answer.
fn stopping() -> Answer {
    Answer::Error { message: "the supervisor is stopping".to_owned() }
}

async fn fleet(questions: &mpsc::Sender<Question>) -> Option<Status> {
    ask(questions, Question::Fleet).await
}

/// Asks the loop; `None` when it has ended.
async fn ask<T>(
    questions: &mpsc::Sender<Question>,
    question: impl FnOnce(oneshot::Sender<T>) -> Question,
) -> Option<T> {
    let (reply, answer) = oneshot::channel();
    questions.send(question(reply)).await.ok()?;
    answer.await.ok()
}

/// Passes a person's order on, with the name of whoever holds the other end of the socket.
async fn person(asked: Asked, uid: u32, questions: &mpsc::Sender<Question>) -> Answer {
    let Ok(node) = asked.node.parse() else {
        let known = fleet(questions).await.map_or_else(Vec::new, |status| status.fleet.nodes);
        let known = known.into_iter().map(|node| node.name).collect();
        return Answer::UnknownNode { node: asked.node, known };
    };
    let who = who(uid, asked.behalf);
    let left = asked.left.map(Seconds);
    let request = person::Request { node, verb: asked.verb, left, who, why: asked.why, force: asked.force };
    let (reply, answer) = oneshot::channel();
    if questions.send(Question::Person(request, reply)).await.is_err() {
        return stopping();
    }
    match answer.await {
        Ok(Ok(accepted)) => Answer::Accepted(accepted),
        Ok(Err(refused)) => Answer::Refused(refused),
        Err(_) => stopping(),
    }
}

/// The name of a user of this machine; root may ask on somebody's behalf (`sudo`).
fn who(uid: u32, behalf: Option<String>) -> String {
    if let Some(behalf) = behalf.filter(|name| uid == 0 && !name.is_empty()) {
        return behalf;
    }
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let name = users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(uid)).then(|| name.to_owned())
    });
    name.unwrap_or_else(|| format!("uid {uid}"))
}

async fn why(name: &str, questions: &mpsc::Sender<Question>, journal: &Reader) -> Answer {
    let Some(Status { fleet, .. }) = fleet(questions).await else { return stopping() };
    let Some(node) = fleet.node(name).cloned() else {
        let known = fleet.nodes.into_iter().map(|node| node.name).collect();
        return Answer::UnknownNode { node: name.to_owned(), known };
    };
    let query = Query { node: Some(node.name.clone()), limit: Some(WHY_RECORDS), ..Query::default() };
    // A journal that cannot be read must not hide why the node is as it is: the newest records are in memory, too.
    let events = journal.read(query).await.unwrap_or_default();
    Answer::Why(Why { schema: SCHEMA, supply: fleet.supply(&node.supply).cloned(), node, events })
}

async fn past(since: Timestamp, step: Option<Step>, of: Vec<String>, history: &HistoryReader) -> Answer {
    let range = Timestamp::now().as_millis().saturating_sub(since.as_millis()).max(0).unsigned_abs();
    let step = step.unwrap_or_else(|| Step::for_range(Duration::from_millis(range)));
    match history.read(history::Query { since, step, of }).await {
        Ok(series) => Answer::History(Past { schema: SCHEMA, step, series }),
        Err(message) => Answer::Error { message },
    }
}

async fn events(write: &mut OwnedWriteHalf, query: Query, follow: bool, journal: &Reader) -> io::Result<()> {
    // Subscribed before reading, so that nothing falls between the two; what comes twice is left out by its number.
    let following = follow.then(|| journal.follow());
    let events = match journal.read(query).await {
        Ok(events) => events,
        Err(message) => return say(write, &Answer::Error { message }).await,
    };
    let last = events.last().and_then(|entry| entry.number);
    say(write, &Answer::Events(Events { schema: SCHEMA, events })).await?;
    let Some(mut following) = following else { return Ok(()) };
    loop {
        use tokio::sync::broadcast::error::RecvError;
        let answer = match following.recv().await {
            Ok(entry) if entry.number.is_some() && entry.number <= last => continue,
            Ok(entry) => Answer::Event(entry),
            Err(RecvError::Lagged(count)) => Answer::Missed { count },
            Err(RecvError::Closed) => return Ok(()),
        };
        say(write, &answer).await?;
    }
}

async fn say(write: &mut OwnedWriteHalf, answer: &Answer) -> io::Result<()> {
    let mut line = serde_json::to_vec(answer).map_err(io::Error::other)?;
    line.push(b'\n');
    timeout(PATIENCE, write.write_all(&line)).await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
}
