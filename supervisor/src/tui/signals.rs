//! Signals that end or suspend a program which owns a terminal or a line.
#![allow(clippy::disallowed_methods, reason = "this is io: a thread for signals")]

use std::io;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::Duration;

use rustix::process::Signal;
use tokio::signal::unix::{SignalKind, signal};

/// A program whose terminal is gone ends within this, also when whoever reads the terminal is stuck in it.
const END_WITHIN: Duration = Duration::from_secs(2);
/// The status of a program that SIGHUP ended, as shells count.
const HUNG_UP: i32 = 128 + 1;

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
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build()?;
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
        let (asked, hung_up) = tokio::select! {
            _ = terminate.recv() => (Asked::Quit, false),
            _ = interrupt.recv() => (Asked::Quit, false),
            _ = hangup.recv() => (Asked::Quit, true),
            _ = stop.recv() => (Asked::Suspend, false),
        };
        if sender.send(asked).is_err() {
            return;
        }
        if hung_up {
            // There is no terminal left that could be given back.
            tokio::time::sleep(END_WITHIN).await;
            std::process::exit(HUNG_UP);
        }
    }
}
