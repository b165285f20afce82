//! Tells systemd how the supervisor is: ready, alive, stopping. Without systemd these say nothing to nobody.

use std::time::Duration;

use sd_notify::NotifyState;

/// Links are accepted from now on.
pub(super) fn ready(status: &str) {
    send(&[NotifyState::Ready, NotifyState::Status(status)]);
}

/// The loop still turns.
pub(super) fn alive() {
    send(&[NotifyState::Watchdog]);
}

/// It stops on purpose.
pub(super) fn stopping() {
    send(&[NotifyState::Stopping]);
}

/// How often to say [`alive`]: half of what systemd waits for. `None` where no watchdog is set.
pub(super) fn watchdog_interval() -> Option<Duration> {
    sd_notify::watchdog_enabled().map(|limit| limit / 2)
}

fn send(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!("systemd was not told: {error}");
    }
}
