//! Keepalived's process: has it read its config, starts it again.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Signal, kill_process};
use tokio::process::Command;
use tokio::time::timeout;

use super::conf;
use super::host::Host;
use crate::config::Keepalived;

/// A command that takes longer is given up, and killed.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(15);

/// So much of what a command says on its way out is worth repeating.
const WORDS_MAX: usize = 300;

/// Writes the config, and has it read if it changed.
pub(super) async fn configure(settings: &Keepalived) -> Result<(), String> {
    if !conf::write(settings)? {
        return Ok(());
    }
    match (settings.reload.is_empty(), Host::new(settings).keepalived()) {
        (false, _) => command(&settings.reload).await,
        (true, Some(pid)) => kill_process(pid, Signal::HUP).map_err(|error| {
            let file = settings.file.display();
            format!("{file} changed, but keepalived (process {}) cannot be sent SIGHUP: {error}; set address.reload", pid.as_raw_nonzero())
        }),
        // It will read it when it starts.
        (true, None) => Ok(()),
    }
}

/// Starts keepalived by the command of the config; without one, somebody else does. A left-over pid file would keep it
/// from starting.
pub(super) async fn restart(settings: &Keepalived) -> Result<(), String> {
    if settings.restart.is_empty() || Host::new(settings).keepalived().is_some() {
        return Ok(());
    }
    conf::write(settings)?;
    remove_left_over(&settings.pid_file);
    command(&settings.restart).await
}

fn remove_left_over(path: &Path) {
    if let Err(error) = std::fs::remove_file(path)
        && error.kind() != std::io::ErrorKind::NotFound
    {
        // It belongs to root on most systems: who starts keepalived there sees to it.
        tracing::debug!("{}: {error}", PathBuf::from(path).display());
    }
}

/// Runs a command to its end, within a bound.
async fn command(words: &[String]) -> Result<(), String> {
    let Some((program, arguments)) = words.split_first() else { return Ok(()) };
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).kill_on_drop(true);
    let failed = |why: String| format!("{}: {why}", words.join(" "));
    match timeout(COMMAND_TIMEOUT, command.output()).await {
        Err(_elapsed) => Err(failed(format!("did not end within {} s", COMMAND_TIMEOUT.as_secs()))),
        Ok(Err(error)) => Err(failed(error.to_string())),
        Ok(Ok(output)) if output.status.success() => Ok(()),
        Ok(Ok(output)) => {
            let said = String::from_utf8_lossy(&output.stderr);
            let said: String = said.trim().chars().filter(|c| !c.is_control()).take(WORDS_MAX).collect();
            Err(failed(format!("{}: {said}", output.status)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[tokio::test]
    async fn a_command_that_fails_says_which_and_why() {
        assert_eq!(command(&words(&["true"])).await, Ok(()));
        let why = command(&words(&["sh", "-c", "echo no such unit >&2; exit 5"])).await.unwrap_err();
        assert!(why.contains("exit status: 5") && why.contains("no such unit"), "{why}");
        let why = command(&words(&["/no/such/program"])).await.unwrap_err();
        assert!(why.contains("/no/such/program"), "{why}");
    }
}
