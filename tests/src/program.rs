//! The built programs, run as a user runs them, with their output kept line by line.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::wait;

/// Where cargo put a program of this workspace, beside the tests' own folder.
///
/// # Panics
/// When it was not built.
pub fn path(name: &str) -> PathBuf {
    let mut folder = std::env::current_exe().expect("the test's own path");
    while folder.pop() {
        let program = folder.join(name);
        if program.is_file() {
            return program;
        }
        if folder.file_name().is_some_and(|folder| folder == "target") {
            break;
        }
    }
    panic!("{name} is not built: run `cargo build --workspace --bins` first (tests/run does)");
}

/// A running program. Killed when dropped.
#[derive(Debug)]
pub struct Program {
    child: Child,
    lines: Arc<Mutex<Vec<String>>>,
}

impl Program {
    /// Starts a program of this workspace.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn start(name: &str, args: &[&str]) -> Self {
        let mut command = Command::new(path(name));
        command.args(args);
        Self::spawn(name, command)
    }

    /// As [`Self::start`], in a network namespace, also with a program of the machine.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn start_in(namespace: &str, program: &Path, args: &[&str]) -> Self {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net=/run/netns/{namespace}")).arg(program).args(args);
        Self::spawn(&program.display().to_string(), command)
    }

    /// Starts a program of another root folder in it, with a network of its own: two such programs meet nowhere.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn start_chrooted(root: &Path, program: &[&str]) -> Self {
        let mut command = Command::new("unshare");
        command.args(["--net", "chroot"]).arg(root).args(program);
        Self::spawn(&program.join(" "), command)
    }

    fn spawn(name: &str, mut command: Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        let lines = Arc::new(Mutex::new(Vec::new()));
        keep(child.stdout.take().expect("a pipe"), &lines);
        keep(child.stderr.take().expect("a pipe"), &lines);
        Self { child, lines }
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// All that it wrote so far, both streams.
    ///
    /// # Panics
    /// Never, short of a poisoned lock.
    pub fn output(&self) -> String {
        self.lines.lock().expect("no panic while locked").join("\n")
    }

    /// Waits until a line contains `text`, and gives that line.
    pub fn wait_for_line(&self, text: &str, deadline: Duration) -> String {
        wait::until(format!("{text:?} in the output of process {}", self.pid()), deadline, || {
            let lines = self.lines.lock().expect("no panic while locked");
            lines.iter().find(|line| line.contains(text)).cloned()
        })
    }

    /// Whether it still runs.
    pub fn runs(&mut self) -> bool {
        self.child.try_wait().is_ok_and(|status| status.is_none())
    }

    /// As a power cut would end it.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Asks it to end (SIGTERM) and waits for that.
    ///
    /// # Panics
    /// When it does not end in time.
    pub fn terminate(&mut self, deadline: Duration) -> ExitStatus {
        let pid =
            i32::try_from(self.pid()).ok().and_then(rustix::process::Pid::from_raw).expect("a process id");
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        wait::until("the program to end after SIGTERM", deadline, || self.child.try_wait().ok().flatten())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            eprintln!("--- output of process {} ---\n{}\n---", self.pid(), self.output());
        }
    }
}

/// Keeps a stream's lines, in a thread that ends with the stream.
fn keep(stream: impl std::io::Read + Send + 'static, lines: &Arc<Mutex<Vec<String>>>) {
    let lines = Arc::clone(lines);
    std::thread::spawn(move || {
        for line in BufReader::new(stream).lines() {
            let Ok(line) = line else { return };
            if let Ok(mut lines) = lines.lock() {
                lines.push(line);
            }
        }
    });
}
