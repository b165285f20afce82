//! Whoever started a lab may end in any way, also by SIGKILL: the lab ends with it.
//!
//! The keeper is a process of its own session that holds one end of a pipe. The other end is the owner's and nobody
//! else's; when the owner ends, the kernel closes it, and the keeper takes everything down (`reap.sh`). An orderly end
//! goes the same way, so that this one way is well trodden. Should a machine go down with keeper and all, the next lab
//! sweeps up what is left of owners that are gone.

use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

/// Every lab's folder begins so.
const PREFIX: &str = "heliostat-lab-";
/// What takes a lab down.
const REAP: &str = include_str!("reap.sh");
/// A folder without an owner's name is one that is just being made, until it is this old.
const MAKING: Duration = Duration::from_mins(2);
/// Unix sockets have paths of at most 108 bytes; ours lie this deep in a folder at the most.
const FOLDER_LENGTH_MAX: usize = 70;

/// The folder of a lab, and the process that outlives its owner to clear it away.
#[derive(Debug)]
pub(super) struct Keeper {
    folder: PathBuf,
    process: Child,
    /// As long as this is open, the lab stays.
    leash: Option<ChildStdin>,
}

impl Keeper {
    /// Makes the folder, after clearing away those of owners that are gone.
    ///
    /// # Panics
    /// When there is no place for it.
    pub(super) fn start() -> Self {
        sweep();
        let folder: TempDir = tempfile::Builder::new().prefix(PREFIX).tempdir().expect("a temporary folder");
        // From here on the keeper removes it.
        let folder = folder.keep();
        let length = folder.as_os_str().len();
        assert!(
            length <= FOLDER_LENGTH_MAX,
            "{} is too long for sockets in it: {length} of {FOLDER_LENGTH_MAX} bytes; set TMPDIR to a shorter folder",
            folder.display()
        );
        let own = std::process::id();
        let start = start_of(own).expect("this process's own start");
        std::fs::create_dir(folder.join("pids")).expect("a folder");
        std::fs::write(folder.join("owner"), format!("{own} {start}\n")).expect("a file");
        let mut process = reap(&folder, &[]).stdin(Stdio::piped()).spawn().expect("sh");
        let leash = process.stdin.take();
        Self { folder, process, leash }
    }

    /// The lab's folder.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The lab's name: no other lab of this machine has it.
    pub(super) fn name(&self) -> String {
        self.folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
    }
}

/// Notes a process that must not outlive the lab.
///
/// # Panics
/// When it is gone already.
pub(super) fn note(folder: &Path, name: &str, pid: u32) {
    let start = start_of(pid).unwrap_or_else(|| panic!("{name} ended at once"));
    std::fs::write(folder.join("pids").join(name), format!("{pid} {start}\n")).expect("a file");
}

impl Drop for Keeper {
    fn drop(&mut self) {
        drop(self.leash.take());
        let _ = self.process.wait();
    }
}

/// The command that takes a lab down.
fn reap(folder: &Path, more: &[&str]) -> Command {
    let mut command = Command::new("setsid");
    command.args(["sh", "-c", REAP, "reap"]).arg(folder).args(more);
    command.current_dir("/").stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// Clears away the labs of owners that are gone.
pub(super) fn sweep() {
    let Ok(entries) = std::fs::read_dir(std::env::temp_dir()) else { return };
    for entry in entries.flatten() {
        let folder = entry.path();
        if !entry.file_name().to_string_lossy().starts_with(PREFIX) || is_owned(&folder) {
            continue;
        }
        let _ = reap(&folder, &["now"]).stdin(Stdio::null()).status();
    }
}

/// Whether a lab's owner lives.
fn is_owned(folder: &Path) -> bool {
    let Ok(owner) = std::fs::read_to_string(folder.join("owner")) else {
        let age = folder.metadata().and_then(|folder| folder.modified()).map(|made| made.elapsed());
        return age.is_ok_and(|age| age.is_ok_and(|age| age < MAKING));
    };
    let mut words = owner.split_whitespace();
    let pid = words.next().and_then(|pid| pid.parse().ok());
    let start = words.next().and_then(|start| start.parse::<u64>().ok());
    pid.is_some_and(|pid| start.is_some() && start_of(pid) == start)
}

/// When a process started, in the kernel's ticks: with its id, this names it for good. `None` when it is gone.
fn start_of(pid: u32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // Behind the name, which may hold anything, the fields are plain; this is the 22nd of all.
    stat.rsplit_once(')')?.1.split_whitespace().nth(19)?.parse().ok()
}
