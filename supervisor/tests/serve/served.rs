//! A running supervisor, with a folder and ports of its own.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// No condition may take longer to come true, on the slowest machine.
pub(crate) const DEADLINE: Duration = Duration::from_mins(1);

/// The supervisor.
pub(crate) struct Served {
    child: Child,
    pub(crate) data: PathBuf,
    pub(crate) address: SocketAddr,
    log: Receiver<String>,
}

/// A command of the built program.
pub(crate) fn heliostat() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_heliostat"));
    command.stdin(Stdio::null()).env_remove("NOTIFY_SOCKET").env_remove("WATCHDOG_USEC");
    command
}

/// A supervisor that could not start: what it said.
pub(crate) fn refused_to_serve(data: &Path, more: &[&str]) -> String {
    let output = serve_command(data, more).output().unwrap();
    assert!(!output.status.success(), "it must not start");
    String::from_utf8(output.stderr).unwrap()
}

fn serve_command(data: &Path, more: &[&str]) -> Command {
    let mut command = heliostat();
    command.arg("serve").arg("--data").arg(data).args(["--listen", "127.0.0.1:0"]).args(more);
    command
}

impl Served {
    /// Starts one on a port that the system chooses.
    pub(crate) fn start(data: &Path) -> Self {
        Self::start_with(data, &[])
    }

    /// As [`Self::start`], with this config.
    pub(crate) fn start_configured(data: &Path, config: &str) -> Self {
        let file = data.join("supervisor.toml");
        std::fs::write(&file, config).unwrap();
        Self::start_with(data, &["--config", file.to_str().unwrap()])
    }

    /// As [`Self::start_configured`], with a web page; returns where it is.
    pub(crate) fn with_web(data: &Path, config: &str) -> (Self, SocketAddr) {
        let file = data.join("supervisor.toml");
        std::fs::write(&file, config).unwrap();
        let mut served = Self::spawn(data, &["--config", file.to_str().unwrap()]);
        let line = served.wait_for_log("metrics on http://");
        let web = line.split("http://").nth(1).unwrap().trim_end_matches('/').parse().unwrap();
        (served.listening(), web)
    }

    fn start_with(data: &Path, more: &[&str]) -> Self {
        Self::spawn(data, more).listening()
    }

    /// Waits until it says where it listens.
    fn listening(mut self) -> Self {
        let line = self.wait_for_log("listening on ");
        let address = line.split("listening on ").nth(1).unwrap().split(',').next().unwrap();
        self.address = address.parse().unwrap();
        self
    }

    fn spawn(data: &Path, more: &[&str]) -> Self {
        let mut child = serve_command(data, more).stderr(Stdio::piped()).spawn().unwrap();
        let stderr = child.stderr.take().unwrap();
        let (lines, log) = channel();
        // Reads for as long as the process writes, so that it never waits for us.
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                if lines.send(line).is_err() {
                    return;
                }
            }
        });
        Self { child, data: data.to_owned(), address: "127.0.0.1:0".parse().unwrap(), log }
    }

    /// The next line of the log that holds this.
    pub(crate) fn wait_for_log(&mut self, words: &str) -> String {
        let end = Instant::now() + DEADLINE;
        let mut seen = Vec::new();
        while let Ok(line) = self.log.recv_timeout(end.saturating_duration_since(Instant::now())) {
            if line.contains(words) {
                return line;
            }
            seen.push(line);
        }
        panic!("{words:?} never appeared in the log: {seen:#?}");
    }

    /// Runs an operator's command against it.
    pub(crate) fn ask(&self, arguments: &[&str]) -> Output {
        heliostat().args(arguments).arg("--data").arg(&self.data).output().unwrap()
    }

    /// As [`Self::ask`], with `--json`.
    pub(crate) fn ask_json(&self, arguments: &[&str]) -> Value {
        let output = self.ask(&[arguments, &["--json"]].concat());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// The records so far.
    pub(crate) fn events(&self) -> Vec<Value> {
        let output = self.ask(&["events", "--json", "-n", "1000"]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout)
            .unwrap()
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// Waits until the records hold one of a kind.
    pub(crate) fn wait_for_event(&self, kind: &str, fits: impl Fn(&Value) -> bool) -> Value {
        let end = Instant::now() + DEADLINE;
        loop {
            let found = self.events().into_iter().find(|event| event["kind"] == kind && fits(event));
            if let Some(event) = found {
                return event;
            }
            assert!(Instant::now() < end, "no event {kind}: {:#?}", self.events());
        }
    }

    /// A field of a node in `status`.
    pub(crate) fn node(&self, name: &str) -> Value {
        let status = self.ask_json(&["status"]);
        status["nodes"]
            .as_array()
            .unwrap()
            .iter()
            .find(|node| node["name"] == name)
            .cloned()
            .unwrap_or_default()
    }

    /// The most memory it ever held, in kB.
    pub(crate) fn memory_max_kb(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.child.id().cast_signed()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// Power cut: no chance to write anything.
    pub(crate) fn kill(mut self) {
        self.signal(Signal::KILL);
        self.child.wait().unwrap();
    }

    /// An orderly stop.
    pub(crate) fn stop(mut self) {
        self.signal(Signal::TERM);
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // Both fail when it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
