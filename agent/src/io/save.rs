//! Writes the state file off the loop, one write after the other, each with an outcome within a bound.
//!
//! A sync on a busy SD card takes a second, on a dying one for ever: sensors are read meanwhile all the same.

use std::pin::pin;
use std::time::Duration;

use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::state_file::StateFile;
use crate::core::action::ActionId;
use crate::core::event::{ActionError, Event};
use crate::core::state::State;

/// A write ends within this, or counts as failed (and is still waited for before the next begins).
const SAVE_TIMEOUT: Duration = Duration::from_secs(20);
/// Writes that may wait for a slow disk.
const QUEUE: usize = 16;

/// Hands states to the writer.
#[derive(Debug)]
pub struct Saver {
    queue: Sender<(ActionId, Box<State>)>,
}

impl Saver {
    /// Starts the writer; outcomes go to `events`.
    pub fn start(file: StateFile, events: Sender<Event>) -> Self {
        let (queue, states) = mpsc::channel(QUEUE);
        tokio::spawn(write_all(file, states, events));
        Self { queue }
    }

    /// Queues a state.
    ///
    /// # Errors
    /// So many wait already that the disk must be hanging.
    pub fn save(&self, id: ActionId, state: Box<State>) -> Result<(), ActionError> {
        self.queue.try_send((id, state)).map_err(|_full| ActionError::TimedOut)
    }
}

async fn write_all(mut file: StateFile, mut states: Receiver<(ActionId, Box<State>)>, events: Sender<Event>) {
    while let Some((action, state)) = states.recv().await {
        let mut write = pin!(spawn_blocking(move || {
            let result = file.save(&state);
            (file, result)
        }));
        let in_time = timeout(SAVE_TIMEOUT, &mut write).await;
        let (joined, late) = match in_time {
            Ok(joined) => (joined, false),
            Err(_elapsed) => {
                let result = Err(ActionError::TimedOut);
                if events.send(Event::Outcome { action, result }).await.is_err() {
                    return;
                }
                (write.await, true)
            }
        };
        // The write never panics; should it, the queue closes and every further save fails at once.
        let Ok((back, written)) = joined else { return };
        file = back;
        let result = written.map_err(|error| ActionError::Refused(error.to_string()));
        if !late && events.send(Event::Outcome { action, result }).await.is_err() {
            return;
        }
    }
}
