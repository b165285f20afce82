//! The history of readings on disk: by minute, by hour, by day; `SQLite`, on a thread of its own.
//!
//! Readings are gathered in memory and written once in [`FLUSH_EVERY`], in one transaction: an SD card dies of writes.
//! A power cut costs at most what was not written yet, and nothing that was (`WAL`). The number of rows is bounded: the
//! oldest minutes go first, then the oldest hours. What cannot be written is lost and said once; the fleet is run all the
//! same. Decisions are elsewhere, and whole: in the journal.

mod gather;
mod store;

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use super::clock::Timestamp;
use crate::core::history::{Sample, Series};

use gather::Gather;
use store::Store;

/// What was gathered is written this often.
pub const FLUSH_EVERY: Duration = Duration::from_mins(5);
/// Readings are taken this often.
pub const SAMPLE_EVERY: Duration = Duration::from_secs(10);
/// A file that could not be opened is tried again this often.
const REOPEN_EVERY: Duration = Duration::from_mins(1);
/// So much may wait for a slow disk.
const QUEUE_MAX: usize = 64;
/// Before this (2024-01-01) a clock has not been set yet: readings would lie about when they were.
const CLOCK_SET_MS: i64 = 1_704_067_200_000;

/// How long a stretch is that one row tells about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// A minute.
    Minute,
    /// An hour.
    Hour,
    /// A day, from midnight to midnight UTC.
    Day,
}

impl Step {
    /// In seconds.
    pub const fn seconds(self) -> i64 {
        match self {
            Self::Minute => 60,
            Self::Hour => 3600,
            Self::Day => 86_400,
        }
    }

    /// The finest that shows so long a time in not much more than a thousand points.
    pub fn for_range(range: Duration) -> Self {
        match range.as_secs() {
            0..=172_800 => Self::Minute,
            172_801..=5_184_000 => Self::Hour,
            _ => Self::Day,
        }
    }
}

/// What is asked of the history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// Not before.
    pub since: Timestamp,
    /// Rows of this length.
    pub step: Step,
    /// Only series whose text begins with one of these; none: all.
    pub of: Vec<String>,
}

/// One stretch of a series.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// When it begins.
    pub time: Timestamp,
    /// The least.
    pub min: f64,
    /// The mean.
    pub mean: f64,
    /// The most.
    pub max: f64,
    /// Of so many readings.
    pub count: u32,
}

/// One series over time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Course {
    /// What.
    pub series: Series,
    /// In what its numbers are.
    pub unit: String,
    /// Oldest first. Where nothing was known there is no point.
    pub points: Vec<Point>,
}

/// Work for the thread.
enum Job {
    Add(Timestamp, Vec<Sample>),
    Read(Query, oneshot::Sender<Result<Vec<Course>, String>>),
    Stop,
}

/// The way to the thread.
#[derive(Debug)]
pub struct History {
    jobs: SyncSender<Job>,
    thread: Option<JoinHandle<()>>,
}

/// What operators' connections need of it.
#[derive(Debug, Clone)]
pub struct HistoryReader(SyncSender<Job>);

impl History {
    /// Begins to keep one.
    ///
    /// # Errors
    ///
    /// If the system has no thread for it. A file that cannot be opened is tried again later.
    pub fn open(path: &Path, rows_max: u32) -> std::io::Result<Self> {
        let (jobs, queue) = sync_channel(QUEUE_MAX);
        let keeper = Keeper {
            path: path.to_owned(),
            rows_max,
            store: None,
            tried: None,
            gather: Gather::default(),
            flushed: Instant::now(),
            failing: false,
        };
        let thread =
            std::thread::Builder::new().name("history".to_owned()).spawn(move || keeper.run(&queue))?;
        Ok(Self { jobs, thread: Some(thread) })
    }

    /// Takes readings in.
    pub fn add(&self, time: Timestamp, samples: Vec<Sample>) {
        if time.as_millis() < CLOCK_SET_MS {
            return;
        }
        match self.jobs.try_send(Job::Add(time, samples)) {
            Ok(()) | Err(TrySendError::Disconnected(_)) => {}
            Err(TrySendError::Full(_)) => tracing::debug!("the disk is slow: readings are left out"),
        }
    }

    /// For operators' connections.
    pub fn reader(&self) -> HistoryReader {
        HistoryReader(self.jobs.clone())
    }

    /// Writes what was gathered, and ends the thread.
    pub fn close(mut self) {
        let _ = self.jobs.send(Job::Stop);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the history's thread ended badly");
        }
    }
}

impl HistoryReader {
    /// Reads, what was not written yet included.
    ///
    /// # Errors
    ///
    /// In words, when it cannot be read.
    pub async fn read(&self, query: Query) -> Result<Vec<Course>, String> {
        let (reply, answer) = oneshot::channel();
        let busy = || "the history is busy: the disk is slow".to_owned();
        self.0.try_send(Job::Read(query, reply)).map_err(|_| busy())?;
        answer.await.unwrap_or_else(|_| Err("the history has been closed".to_owned()))
    }
}

/// The thread's own state.
struct Keeper {
    path: PathBuf,
    rows_max: u32,
    store: Option<Store>,
    tried: Option<Instant>,
    gather: Gather,
    flushed: Instant,
    failing: bool,
}

impl Keeper {
    fn run(mut self, queue: &Receiver<Job>) {
        while let Ok(job) = queue.recv() {
            match job {
                Job::Add(time, samples) => {
                    self.gather.add(time, samples);
                    if self.flushed.elapsed() >= FLUSH_EVERY {
                        self.flush();
                    }
                }
                Job::Read(query, reply) => {
                    // What is asked for is to be there: a person asks seldom.
                    self.flush();
                    let store = self.store.as_ref().ok_or_else(|| "there is no history to read".to_owned());
                    let answer =
                        store.and_then(|store| store.read(&query).map_err(|error| error.to_string()));
                    // Who asked may be gone.
                    let _ = reply.send(answer);
                }
                Job::Stop => break,
            }
        }
        self.flush();
    }

    /// Writes what was gathered; what cannot be written is lost.
    fn flush(&mut self) {
        self.flushed = Instant::now();
        let rows = self.gather.take();
        if self.store.is_none() && self.tried.is_none_or(|tried| tried.elapsed() >= REOPEN_EVERY) {
            self.tried = Some(Instant::now());
            match Store::open(&self.path, self.rows_max) {
                Ok(store) => self.store = Some(store),
                Err(error) => self.say(&error.to_string()),
            }
        }
        let Some(store) = &mut self.store else { return };
        match store.write(&rows) {
            Ok(()) => self.failing = false,
            Err(error) => self.say(&error.to_string()),
        }
    }

    /// Once for each time that it begins to fail.
    fn say(&mut self, why: &str) {
        if !std::mem::replace(&mut self.failing, true) {
            tracing::warn!("{}: the history cannot be kept: {why}", self.path.display());
        }
    }
}

#[cfg(test)]
mod tests;
