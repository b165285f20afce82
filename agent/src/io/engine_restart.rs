//! Restarts the container engine by the command of the config.

use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;
use tokio::time::timeout;

use crate::core::event::ActionError;

/// Longer is not waited for, and the command is killed. An engine stops all its containers first, each within its time, and
/// systemd gives a service 90 s to end.
const RESTART_MAX: Duration = Duration::from_mins(3);

/// Runs the command to its end.
///
/// # Errors
/// It could not be run, said no, or did not end in time.
pub async fn restart(words: &[String]) -> Result<(), ActionError> {
    restart_within(words, RESTART_MAX).await
}

async fn restart_within(words: &[String], bound: Duration) -> Result<(), ActionError> {
    let Some((program, arguments)) = words.split_first() else { return Err(ActionError::Unsupported) };
    let mut command = Command::new(program);
    command
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    match timeout(bound, command.output()).await {
        Err(_elapsed) => Err(ActionError::TimedOut),
        Ok(Err(error)) => Err(ActionError::Refused(format!("{program}: {error}"))),
        Ok(Ok(output)) if output.status.success() => Ok(()),
        Ok(Ok(output)) => {
            let said = String::from_utf8_lossy(&output.stderr);
            let said =
                said.lines().find(|line| !line.trim().is_empty()).unwrap_or_default().trim().to_owned();
            Err(ActionError::Refused(format!("{program}: {}: {said}", output.status)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    async fn refused(command: &[&str]) -> String {
        match restart(&words(command)).await {
            Err(ActionError::Refused(said)) => said,
            other => panic!("{command:?}: {other:?}"),
        }
    }

    #[tokio::test]
    async fn a_command_that_fails_says_which_and_why() {
        assert_eq!(restart(&words(&["true"])).await, Ok(()));
        let said = refused(&["sh", "-c", "echo; echo no such unit >&2; exit 5"]).await;
        assert!(said.contains("exit status: 5") && said.contains("no such unit"), "{said}");
        assert!(refused(&["/no/such/program"]).await.contains("/no/such/program"));
        assert_eq!(restart(&[]).await, Err(ActionError::Unsupported));
    }

    #[tokio::test]
    async fn a_command_that_hangs_is_given_up_and_killed() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("pid");
        let script = format!("echo $$ >{}; exec sleep 1000", file.display());
        let ended = restart_within(&words(&["sh", "-c", &script]), Duration::from_secs(5)).await;
        assert_eq!(ended, Err(ActionError::TimedOut));
        let pid = std::fs::read_to_string(file).expect("it began").trim().parse().expect("a process id");
        let pid = rustix::process::Pid::from_raw(pid).expect("a process id");
        // Killed as soon as it is dropped; until it is waited for, it is a zombie, and that no signal counts.
        let begun = std::time::Instant::now();
        let state = || std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero()));
        while state().is_ok_and(|stat| !stat.contains(") Z")) {
            assert!(begun.elapsed() < Duration::from_mins(1), "it lives on");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}
