//! The log goes to stderr, one line an event. Under systemd the journal adds the time itself.

use std::io::{IsTerminal, stderr};

use tracing::Level;

/// Begins logging. `verbose`: also what is only of use when something is sought.
pub fn start(verbose: bool) {
    let level = if verbose { Level::DEBUG } else { Level::INFO };
    let log = tracing_subscriber::fmt()
        .with_writer(stderr)
        .with_max_level(level)
        .with_target(false)
        .with_ansi(stderr().is_terminal());
    if std::env::var_os("JOURNAL_STREAM").is_some() {
        log.without_time().init();
    } else {
        log.init();
    }
}
