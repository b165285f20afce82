//! Signals that end or suspend a program which owns a terminal or a line.
#![allow(clippy::disallowed_methods, reason = "this is io: a thread for signals")]

use std::io;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;

use rustix::process::Signal;
use tokio::signal::unix::{SignalKind, signal};

/// What a signal asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    Quit,
    Suspend,
}

/// Signals, from now on caught.
#[derive(Debug)]
pub struct Signals(Receiver<Asked>);

impl Signals {
    /// Listens for signals on a thread of its own, which ends with the program.
    ///
    /// # Errors
    ///
    /// If they cannot be caught.
    pub fn watch() -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
        let (sender, receiver) = mpsc::channel();
        // Registered before the terminal is taken: a signal in between must not kill us with the terminal broken.
        let (ready, registered) = mpsc::channel();
        thread::spawn(move || runtime.block_on(forward_signals(&sender, &ready)));
        registered.recv().map_err(io::Error::other)??;
        Ok(Self(receiver))
    }

    /// The next one that came, if one did.
    pub(super) fn next(&self) -> Option<Asked> {
        self.0.try_recv().ok()
    }

    /// Whether one came that ends the program. Who serves a line is not suspended.
    pub fn asks_to_quit(&self) -> bool {
        self.0.try_iter().any(|asked| asked == Asked::Quit)
    }
}

/// Turns signals into [`Asked`], until nobody listens.
async fn forward_signals(sender: &Sender<Asked>, ready: &Sender<io::Result<()>>) {
    let all = || -> io::Result<_> {
        Ok((
            signal(SignalKind::terminate())?,
            signal(SignalKind::interrupt())?,
            signal(SignalKind::hangup())?,
            signal(SignalKind::from_raw(Signal::TSTP.as_raw()))?,
        ))
    };
    let (mut terminate, mut interrupt, mut hangup, mut stop) = match all() {
        Ok(all) => all,
        Err(error) => {
            let _ = ready.send(Err(error));
            return;
        }
    };
    let _ = ready.send(Ok(()));
    loop {
        let asked = tokio::select! {
            _ = terminate.recv() => Asked::Quit,
            _ = interrupt.recv() => Asked::Quit,
            _ = hangup.recv() => Asked::Quit,
            _ = stop.recv() => Asked::Suspend,
        };
        if sender.send(asked).is_err() {
            return;
        }
    }
}
