//! The address on this host: what keepalived is told, what it says, and whether the address is really here.
//!
//! Keepalived's fifo tells changes only, and a keepalived that was killed tells nothing. So what counts is what is
//! found on the host: the kernel's list of its addresses, and keepalived's process. It is looked for at start, on every
//! line of the fifo, when keepalived's process ends, and every [`LOOK_INTERVAL`].

mod conf;
mod fifo;
mod host;
mod kernel;
mod process;

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{interval, sleep};

use crate::config::Keepalived;
use crate::core::{AddressAction, AddressEvent, Sighting};
use fifo::Fifo;
use host::Host;

/// Without any news it is looked this often.
const LOOK_INTERVAL: Duration = Duration::from_secs(2);

/// After a line of the fifo the kernel may take a moment to show what it says: it is looked again after these.
const LOOKS_AFTER_LINE: [Duration; 5] = [
    Duration::from_millis(5),
    Duration::from_millis(20),
    Duration::from_millis(50),
    Duration::from_millis(100),
    Duration::from_millis(300),
];

/// So many events wait for a busy core; they are few.
const EVENTS_MAX: usize = 16;

/// The way to keepalived.
#[derive(Debug)]
pub(super) struct Address {
    settings: Keepalived,
    events: mpsc::Sender<AddressEvent>,
}

impl Address {
    /// Writes keepalived's config if it changed, and looks for the address from here on. The first sighting is there at
    /// once.
    pub(super) fn start(settings: Keepalived) -> (Self, Sighting, mpsc::Receiver<AddressEvent>) {
        let (events, received) = mpsc::channel(EVENTS_MAX);
        let host = Host::new(&settings);
        let first = host.look();
        let address = Self { settings, events };
        address.perform(AddressAction::Configure);
        tokio::spawn(watch(host, first, address.settings.clone(), address.events.clone()));
        (address, first, received)
    }

    /// Carries out what the core wants; what fails comes back as an event.
    pub(super) fn perform(&self, what: AddressAction) {
        let (settings, events) = (self.settings.clone(), self.events.clone());
        // At once, so that two of them keep their order; a line in a file that is in memory.
        let weighed = match what {
            AddressAction::Weigh { offset } => conf::weigh(&settings, offset),
            AddressAction::Configure | AddressAction::Restart => Ok(()),
        };
        tokio::spawn(async move {
            let done = match what {
                AddressAction::Configure => process::configure(&settings).await,
                AddressAction::Restart => process::restart(&settings).await,
                AddressAction::Weigh { .. } => weighed,
            };
            if let Err(why) = done {
                // The loop that listens has ended: so does the program.
                let _ = events.send(AddressEvent::Failed { what, why }).await;
            }
        });
    }
}

/// Looks for the address whenever something may have changed, and tells what did.
async fn watch(host: Host, mut told: Sighting, settings: Keepalived, events: mpsc::Sender<AddressEvent>) {
    let mut fifo = match Fifo::open(&settings.fifo) {
        Ok(fifo) => Some(fifo),
        Err(why) => {
            let event = AddressEvent::Failed { what: AddressAction::Configure, why };
            if events.send(event).await.is_err() {
                return;
            }
            None
        }
    };
    let mut tick = interval(LOOK_INTERVAL);
    loop {
        let line = tokio::select! {
            line = next_line(&mut fifo) => { log(&line); true }
            () = host.keepalived_ends() => false,
            _ = tick.tick() => false,
        };
        let looks: &[Duration] = if line { &LOOKS_AFTER_LINE } else { &[] };
        for wait in std::iter::once(&Duration::ZERO).chain(looks) {
            sleep(*wait).await;
            let seen = host.look();
            if seen != told {
                told = seen;
                if events.send(AddressEvent::Seen(seen)).await.is_err() {
                    return;
                }
                break;
            }
        }
        if let Some(open) = &fifo
            && !open.is_still_there()
        {
            tracing::warn!("{}: it was removed, and is made anew", settings.fifo.display());
            fifo = Fifo::open(&settings.fifo).ok();
        }
    }
}

async fn next_line(fifo: &mut Option<Fifo>) -> fifo::Line {
    match fifo {
        Some(fifo) => fifo.line().await,
        // Without a fifo the ticks must do.
        None => std::future::pending().await,
    }
}

fn log(line: &fifo::Line) {
    match line {
        fifo::Line::Ours { state, priority } => {
            tracing::debug!("keepalived: {state} with priority {priority}");
        }
        fifo::Line::Other => {}
        fifo::Line::Unknown(text) => tracing::warn!("keepalived says something that is not known: {text}"),
    }
}
