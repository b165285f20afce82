//! Writes the ledger down and answers whoever waits for that, in this order, on a thread of its own: a disk may take a
//! second to sync.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use protocol::trust::JoinRefusal;
use tokio::sync::{oneshot, watch};

use super::Folder;
use crate::core::enrolment::ledger::Ledger;
use crate::core::enrolment::{Impossible, Verdict};

/// Work for the thread.
enum Job {
    Keep(Box<Ledger>),
    Answer(oneshot::Sender<Verdict>, Verdict),
}

/// The way to the thread. Dropped, the thread writes what waits and ends.
#[derive(Debug)]
pub struct Keeper {
    jobs: Option<Sender<Job>>,
    thread: Option<JoinHandle<()>>,
    newest: watch::Sender<Arc<Ledger>>,
}

impl Keeper {
    /// Starts the thread. `ledger` is what is on disk.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(folder: Folder, ledger: &Ledger) -> std::io::Result<Self> {
        let (jobs, queue) = channel();
        let thread =
            std::thread::Builder::new().name("ledger".to_owned()).spawn(move || run(&folder, &queue))?;
        let (newest, _) = watch::channel(Arc::new(ledger.clone()));
        Ok(Self { jobs: Some(jobs), thread: Some(thread), newest })
    }

    /// The newest ledger, for who passes it on.
    pub fn newest(&self) -> watch::Receiver<Arc<Ledger>> {
        self.newest.subscribe()
    }

    /// Writes a ledger down.
    pub fn keep(&self, ledger: Box<Ledger>) {
        self.newest.send_replace(Arc::new((*ledger).clone()));
        self.put(Job::Keep(ledger));
    }

    /// Answers once everything before is on disk.
    pub fn answer(&self, reply: oneshot::Sender<Verdict>, verdict: Verdict) {
        self.put(Job::Answer(reply, verdict));
    }

    fn put(&self, job: Job) {
        // The thread ends only after this sender.
        if let Some(jobs) = &self.jobs {
            let _ = jobs.send(job);
        }
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the ledger's thread ended badly");
        }
    }
}

fn run(folder: &Folder, queue: &Receiver<Job>) {
    // What could not be written yet.
    let mut unwritten: Option<Box<Ledger>> = None;
    while let Ok(job) = queue.recv() {
        match job {
            Job::Keep(ledger) => unwritten = write(folder, ledger),
            Job::Answer(reply, verdict) => {
                if let Some(ledger) = unwritten.take() {
                    unwritten = write(folder, ledger);
                }
                let verdict = match verdict {
                    Verdict::Grant { .. } if unwritten.is_some() => Verdict::Refuse(JoinRefusal::NotKept),
                    Verdict::Done(_) if unwritten.is_some() => Verdict::Impossible(Impossible::NotKept),
                    verdict => verdict,
                };
                // Who asked may be gone.
                let _ = reply.send(verdict);
            }
        }
    }
}

/// Writes; gives back what could not be written.
fn write(folder: &Folder, ledger: Box<Ledger>) -> Option<Box<Ledger>> {
    match folder.save_ledger(&ledger) {
        Ok(()) => None,
        Err(error) => {
            tracing::error!("who is let in cannot be written down: {error}");
            Some(ledger)
        }
    }
}

#[cfg(test)]
mod tests {
    use protocol::trust::{EnrolmentId, Role, Who};

    use super::*;

    #[tokio::test]
    async fn nobody_is_let_in_whom_the_disk_does_not_know() {
        let data = tempfile::tempdir().unwrap();
        let folder = Folder::of(data.path());
        folder.init(&"m1".parse().unwrap()).unwrap();
        let keeper = Keeper::start(folder.clone(), &Ledger::default()).unwrap();
        let who = Who { role: Role::Agent, name: "pi1".parse().unwrap(), enrolment: EnrolmentId([1; 8]) };
        let grant = Verdict::Grant { who, valid_for: std::time::Duration::from_secs(1) };
        let ask = async || {
            let (reply, answer) = oneshot::channel();
            keeper.keep(Box::default());
            keeper.answer(reply, grant.clone());
            answer.await.unwrap()
        };
        assert_eq!(ask().await, grant);
        // A folder in the place of the file: it cannot be written.
        std::fs::remove_file(folder.ledger_file()).unwrap();
        std::fs::create_dir(folder.ledger_file()).unwrap();
        assert_eq!(ask().await, Verdict::Refuse(JoinRefusal::NotKept));
        std::fs::remove_dir(folder.ledger_file()).unwrap();
        assert_eq!(ask().await, grant, "the disk is there again");
        assert!(folder.ledger().is_ok());
    }
}
