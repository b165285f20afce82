//! The journal of decisions on disk: `SQLite`, on a thread of its own, because an SD card can take a second to sync.
//!
//! Every record is on disk (`WAL`, `synchronous=FULL`) before the next one is begun; a cut at any byte loses at most
//! the last. A disk that is full or gone loses records and says so once; the fleet is run all the same, and the
//! journal goes on by itself when there is room again. The number of rows is bounded: the oldest go first.

mod store;

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use protocol::{NodeName, Standing, Term};
use serde::{Deserialize, Serialize};
use tokio::sync::{broadcast, mpsc, oneshot};

use super::clock::Timestamp;
use crate::core::{JournalState, Kept, KeptBudget, KnownNode, Record};

use store::Store;
pub use store::{OpenError, Query};

/// So many records wait for a slow disk; beyond that they are lost, and it is said.
const QUEUE_MAX: usize = 1024;

/// So many records wait for one slow follower of `events --follow`; then it misses some.
const FOLLOW_QUEUE_MAX: usize = 256;

/// A journal that could not be opened is tried again this often.
const REOPEN_INTERVAL: Duration = Duration::from_secs(30);

/// A record as it is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// The journal's number of it; `None` when it could not be written. (Orders have an `id`: this must not be one.)
    pub number: Option<i64>,
    /// The time of day, as this machine knew it.
    pub time: Timestamp,
    /// What was seen or decided.
    #[serde(flatten)]
    pub record: Record,
}

/// Work for the journal's thread.
enum Job {
    Record(Timestamp, Box<Record>),
    Remember(KnownNode),
    SaveTerm(Term),
    Keep(Box<KeptBudget>),
    KeepStanding(Timestamp, Box<Standing>),
    ForgetStanding(NodeName),
    Read(Query, oneshot::Sender<Result<Vec<Entry>, String>>),
    Sync(SyncSender<()>),
    Stop,
}

/// The way to the journal's thread.
#[derive(Debug)]
pub struct Journal {
    jobs: SyncSender<Job>,
    states: mpsc::UnboundedSender<JournalState>,
    written: broadcast::Sender<Entry>,
    thread: Option<JoinHandle<()>>,
    overrun: bool,
}

/// What operators' connections need of the journal.
#[derive(Debug, Clone)]
pub struct Reader {
    jobs: SyncSender<Job>,
    written: broadcast::Sender<Entry>,
}

impl Journal {
    /// Opens the journal, or goes on without one and says so through `states`; returns what an earlier life left.
    ///
    /// # Errors
    ///
    /// Only if the file is of a newer version of this program: going on would harm it.
    pub fn open(
        path: &Path,
        rows_max: u32,
        states: mpsc::UnboundedSender<JournalState>,
    ) -> Result<(Self, Kept), OpenError> {
        let mut keeper = Keeper::new(path, rows_max, states.clone());
        let kept = keeper.open()?;
        let (jobs, queue) = sync_channel(QUEUE_MAX);
        let (written, _) = broadcast::channel(FOLLOW_QUEUE_MAX);
        let followers = written.clone();
        let thread = std::thread::Builder::new()
            .name("journal".to_owned())
            .spawn(move || keeper.run(&queue, &followers))
            .map_err(|error| OpenError::Thread { why: error.to_string() })?;
        Ok((Self { jobs, states, written, thread: Some(thread), overrun: false }, kept))
    }

    /// For operators' connections.
    pub fn reader(&self) -> Reader {
        Reader { jobs: self.jobs.clone(), written: self.written.clone() }
    }

    /// Writes a record down, soon.
    pub fn record(&mut self, record: Record) {
        self.put(Job::Record(Timestamp::now(), Box::new(record)));
    }

    /// Remembers a node over a restart.
    pub fn remember(&mut self, node: KnownNode) {
        self.put(Job::Remember(node));
    }

    /// Remembers the term.
    pub fn save_term(&mut self, term: Term) {
        self.put(Job::SaveTerm(term));
    }

    /// Remembers what was learned of a supply.
    pub fn keep(&mut self, budget: Box<KeptBudget>) {
        self.put(Job::Keep(budget));
    }

    /// Remembers a person's standing order.
    pub fn keep_standing(&mut self, standing: Box<Standing>) {
        self.put(Job::KeepStanding(Timestamp::now(), standing));
    }

    /// Forgets the person's order about a node.
    pub fn forget_standing(&mut self, node: NodeName) {
        self.put(Job::ForgetStanding(node));
    }

    /// Waits until everything so far is on disk, or has failed to be.
    pub fn sync(&self) {
        let (done, wait) = sync_channel(1);
        if self.jobs.send(Job::Sync(done)).is_ok() {
            // The thread answers, or has ended: either way there is nothing more to wait for.
            let _ = wait.recv();
        }
    }

    fn put(&mut self, job: Job) {
        match self.jobs.try_send(job) {
            Ok(()) => self.overrun = false,
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) if !self.overrun => {
                self.overrun = true;
                let why = format!("the disk is too slow: {QUEUE_MAX} records wait, more are lost");
                // The loop that listens is the one that calls: it is there.
                let _ = self.states.send(JournalState::Failing { why });
            }
            Err(_) => {}
        }
    }

    /// Writes everything that waits, and ends the thread.
    pub fn close(mut self) {
        // Waits for a place in the queue: nothing more comes, and what waits is to be written.
        let _ = self.jobs.send(Job::Stop);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the journal's thread ended badly");
        }
    }
}

impl Reader {
    /// Records that a person asked for, oldest first.
    ///
    /// # Errors
    ///
    /// In words, when the journal cannot be read.
    pub async fn read(&self, query: Query) -> Result<Vec<Entry>, String> {
        let (reply, answer) = oneshot::channel();
        let busy = || "the journal is busy: the disk is slow".to_owned();
        self.jobs.try_send(Job::Read(query, reply)).map_err(|_| busy())?;
        answer.await.unwrap_or_else(|_| Err("the journal has been closed".to_owned()))
    }

    /// Everything that is recorded from now on.
    pub fn follow(&self) -> broadcast::Receiver<Entry> {
        self.written.subscribe()
    }
}

/// The thread's own state.
struct Keeper {
    path: PathBuf,
    rows_max: u32,
    store: Option<Store>,
    tried: Instant,
    states: mpsc::UnboundedSender<JournalState>,
    said: JournalState,
}

impl Keeper {
    fn new(path: &Path, rows_max: u32, states: mpsc::UnboundedSender<JournalState>) -> Self {
        let (path, tried) = (path.to_owned(), Instant::now());
        Self { path, rows_max, store: None, tried, states, said: JournalState::Working }
    }

    fn open(&mut self) -> Result<Kept, OpenError> {
        match Store::open(&self.path, self.rows_max).and_then(|store| {
            let kept = store.kept().map_err(|error| OpenError::sqlite(&self.path, &error))?;
            Ok((store, kept))
        }) {
            Ok((store, kept)) => {
                self.store = Some(store);
                Ok(kept)
            }
            Err(error @ OpenError::Newer { .. }) => Err(error),
            Err(error) => {
                self.say(JournalState::Failing { why: error.to_string() });
                Ok(Kept::default())
            }
        }
    }

    /// Says a change between writing and failing, once.
    fn say(&mut self, state: JournalState) {
        if std::mem::discriminant(&state) != std::mem::discriminant(&self.said) {
            self.said = state.clone();
            // Nobody listens any more while the program ends.
            let _ = self.states.send(state);
        }
    }

    fn run(mut self, queue: &Receiver<Job>, followers: &broadcast::Sender<Entry>) {
        while let Ok(job) = queue.recv() {
            match job {
                Job::Record(time, record) => {
                    let number = self.write(|store| store.append(time, &record));
                    // No follower is no error.
                    let _ = followers.send(Entry { number, time, record: *record });
                }
                Job::Remember(node) => {
                    self.write(|store| store.remember(&node));
                }
                Job::SaveTerm(term) => {
                    self.write(|store| store.save_term(term));
                }
                Job::Keep(budget) => {
                    self.write(|store| store.keep(&budget));
                }
                Job::KeepStanding(time, standing) => {
                    self.write(|store| store.keep_standing(time, &standing));
                }
                Job::ForgetStanding(node) => {
                    self.write(|store| store.forget_standing(&node));
                }
                Job::Read(query, reply) => {
                    let answer = self.store.as_ref().map_or_else(
                        || Err("there is no journal to read".to_owned()),
                        |store| store.read(&query).map_err(|error| error.to_string()),
                    );
                    // Who asked may be gone.
                    let _ = reply.send(answer);
                }
                Job::Sync(done) => {
                    let _ = done.send(());
                }
                Job::Stop => return,
            }
        }
    }

    /// Writes, opening the journal again if need be; what fails is said and lost.
    fn write<T>(&mut self, write: impl FnOnce(&mut Store) -> Result<T, rusqlite::Error>) -> Option<T> {
        if self.store.is_none() && self.tried.elapsed() >= REOPEN_INTERVAL {
            self.tried = Instant::now();
            self.store = Store::open(&self.path, self.rows_max).ok();
        }
        match write(self.store.as_mut()?) {
            Ok(value) => {
                self.say(JournalState::Working);
                Some(value)
            }
            Err(error) => {
                self.say(JournalState::Failing { why: error.to_string() });
                None
            }
        }
    }
}

#[cfg(test)]
mod tests;
