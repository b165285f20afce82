//! Powers the node off, so that the disks are whole when the charger cuts the load.
//!
//! Sync, then systemd (services end in order), and if the node still runs after a bound, the kernel alone: a service that
//! hangs must not keep the node up until the battery is flat.

use std::io;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::system::{RebootCommand, reboot};
use tokio::task::spawn_blocking;
use tokio::time::{sleep, timeout};
use tracing::{info, warn};

use crate::config::PowerOffBy;
use crate::core::event::ActionError;

/// Disks are synced within this, or the power off goes on without: an SD card can hang for good.
const SYNC_TIMEOUT: Duration = Duration::from_secs(20);
/// `systemctl poweroff` only asks; it answers within this.
const ASK_TIMEOUT: Duration = Duration::from_secs(20);
/// How long systemd may take to end all services. Its own default for one service is 90 s.
const PATIENCE: Duration = Duration::from_mins(2);

/// How this node is powered off.
#[derive(Debug, Clone)]
pub struct PowerOff {
    by: PowerOffBy,
    systemctl: PathBuf,
    patience: Duration,
    kernel: fn() -> io::Result<()>,
}

impl PowerOff {
    /// The way that the config names.
    pub fn new(by: PowerOffBy) -> Self {
        let kernel = || Ok(reboot(RebootCommand::PowerOff)?);
        Self { by, systemctl: PathBuf::from("systemctl"), patience: PATIENCE, kernel }
    }

    /// Does it. When it succeeds by anything but [`PowerOffBy::None`], this does not return: the node is off, or systemd
    /// ends this program by SIGTERM, and is then in charge.
    ///
    /// # Errors
    /// Neither systemd nor the kernel would.
    pub async fn carry_out(self) -> Result<(), ActionError> {
        if timeout(SYNC_TIMEOUT, spawn_blocking(rustix::fs::sync)).await.is_err() {
            warn!("the disks are not synced after {} s", SYNC_TIMEOUT.as_secs());
        }
        if self.by == PowerOffBy::None {
            info!("disks synced; the node stays up, as configured");
            return Ok(());
        }
        match self.ask_systemd().await {
            Ok(()) => {
                sleep(self.patience).await;
                warn!("still up {} s after systemd was asked to power off", self.patience.as_secs());
            }
            Err(error) => warn!("systemd does not power off: {error}"),
        }
        match (self.kernel)() {
            Ok(()) => Ok(()),
            Err(error) => Err(ActionError::Refused(format!("the kernel does not power off: {error}"))),
        }
    }

    async fn ask_systemd(&self) -> io::Result<()> {
        let mut command = Command::new(&self.systemctl);
        command.args(["--no-block", "poweroff"]).stdin(Stdio::null());
        match timeout(ASK_TIMEOUT, spawn_blocking(move || command.status())).await {
            Ok(joined) => match joined.map_err(io::Error::other)?? {
                status if status.success() => Ok(()),
                status => Err(io::Error::other(format!("systemctl ended with {status}"))),
            },
            Err(_elapsed) => Err(io::Error::new(io::ErrorKind::TimedOut, "systemctl does not answer")),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// A power off whose systemctl is a script, and whose kernel only says that it was asked.
    fn carry_out(by: PowerOffBy, script: &str) -> (Result<(), ActionError>, bool) {
        let folder = tempfile::tempdir().unwrap();
        let systemctl = folder.path().join("systemctl");
        let asked = folder.path().join("asked");
        fs::write(&systemctl, format!("#!/bin/sh\necho \"$@\" > {}\n{script}\n", asked.display())).unwrap();
        fs::set_permissions(&systemctl, fs::Permissions::from_mode(0o755)).unwrap();
        let kernel = || Err(io::Error::other("asked the kernel"));
        let power_off = PowerOff { by, systemctl, patience: Duration::from_millis(1), kernel };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let result = runtime.block_on(power_off.carry_out());
        let asked = fs::read_to_string(asked).is_ok_and(|words| words.trim() == "--no-block poweroff");
        (result, asked)
    }

    #[test]
    fn a_systemd_that_refuses_or_hangs_leaves_it_to_the_kernel() {
        for script in ["exit 1", "exit 0"] {
            let (result, asked) = carry_out(PowerOffBy::Systemd, script);
            assert!(asked, "systemd comes first");
            let Err(ActionError::Refused(words)) = result else { panic!("{script}: {result:?}") };
            assert!(words.contains("asked the kernel"), "{words}");
        }
    }

    #[test]
    fn a_node_that_is_to_stay_up_asks_nobody() {
        assert_eq!(carry_out(PowerOffBy::None, "exit 0"), (Ok(()), false));
    }
}
