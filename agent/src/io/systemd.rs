//! What systemd is told: ready, the stage as a status line, and that the loop still turns. Nothing where it did not ask
//! (no `NOTIFY_SOCKET`, no `WATCHDOG_USEC`).

use std::time::{Duration, Instant};

use sd_notify::NotifyState;

/// The service manager, if one listens.
#[derive(Debug)]
pub struct Systemd {
    /// Half of what the watchdog allows, and when the next sign of life is due.
    watchdog: Option<(Duration, Instant)>,
}

impl Systemd {
    /// As the environment says.
    pub fn from_env() -> Self {
        let watchdog = sd_notify::watchdog_enabled().map(|interval| (interval / 2, Instant::now()));
        Self { watchdog }
    }

    /// The agent reads its sensors and decides.
    pub fn ready(&self, status: &str) {
        tell(&[NotifyState::Ready, NotifyState::Status(status)]);
    }

    /// One line for `systemctl status`.
    pub fn status(&self, status: &str) {
        tell(&[NotifyState::Status(status)]);
    }

    /// The agent ends on purpose.
    pub fn stopping(&self) {
        tell(&[NotifyState::Stopping]);
    }

    /// Says that the loop turns, if that is due; says when it is due next.
    pub fn keep_alive(&mut self) -> Option<Instant> {
        let (interval, due) = self.watchdog.as_mut()?;
        let now = Instant::now();
        if *due <= now {
            tell(&[NotifyState::Watchdog]);
            *due = now + *interval;
        }
        Some(*due)
    }
}

/// A manager that does not listen any more is none of the agent's business: the node is kept safe without it.
fn tell(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::debug!("systemd does not listen: {error}");
    }
}
