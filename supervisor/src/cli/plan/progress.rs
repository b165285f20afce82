//! How far the computing is, on a terminal.

use std::io::{self, IsTerminal, Write};

/// A line on standard error that is written over; nothing where that is no terminal.
#[derive(Debug)]
pub(super) struct Progress {
    shown: bool,
    done: usize,
    of: usize,
}

impl Progress {
    /// For so many years in all.
    pub(super) fn new(years: usize) -> Self {
        Self { shown: io::stderr().is_terminal(), done: 0, of: years }
    }

    /// One more year is done. A terminal that does not take it is no reason to stop.
    pub(super) fn step(&mut self) {
        self.done += 1;
        if self.shown {
            let _ = write!(io::stderr(), "\r{} of {} years simulated", self.done, self.of);
        }
    }

    /// The line goes.
    pub(super) fn done(&self) {
        if self.shown {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}
