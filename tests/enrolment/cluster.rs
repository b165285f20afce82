//! Supervisors and nodes, each with a folder and a port of its own.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use tests::program::{self, Program};
use tests::wait;

/// Far more than anything here takes on a slow machine.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// A port that was free a moment ago.
fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A supervisor's host.
pub(crate) struct Host {
    folder: TempDir,
    pub(crate) address: SocketAddr,
    pub(crate) served: Option<Program>,
}

impl Host {
    /// One that belongs to no cluster yet.
    pub(crate) fn alone(config: &str) -> Self {
        let (folder, address) = (tempfile::tempdir().expect("a folder"), free_address());
        let data = folder.path().join("data");
        fs::create_dir(&data).expect("made");
        let text = format!("listen = \"{address}\"\ndata = {data:?}\nnode = \"m1\"\n{config}");
        fs::write(folder.path().join("supervisor.toml"), text).expect("written");
        Self { folder, address, served: None }
    }

    /// The first of a cluster, running.
    pub(crate) fn first(config: &str) -> Self {
        let mut host = Self::alone(config);
        let made = Host::heliostat(&["init", "--config", host.config(), "--name", "m1"]);
        assert!(made.status.success(), "{}", text(&made.stderr));
        host.serve();
        host
    }

    pub(crate) fn config(&self) -> &'static str {
        // A test's few paths may live as long as it does.
        Box::leak(self.folder.path().join("supervisor.toml").display().to_string().into_boxed_str())
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Starts it, and waits until it listens.
    pub(crate) fn serve(&mut self) {
        let served = Program::start("heliostat", &["serve", "--config", self.config()]);
        served.wait_for_line("listening on", PATIENCE);
        self.served = Some(served);
    }

    /// A command of the operator's tool.
    pub(crate) fn heliostat(args: &[&str]) -> Output {
        Command::new(program::path("heliostat")).args(args).stdin(Stdio::null()).output().expect("it runs")
    }

    /// A command that asks the running supervisor.
    pub(crate) fn ask(&self, args: &[&str]) -> Output {
        let data = self.data();
        Self::heliostat(&[args, &["--data", data.to_str().expect("a path")]].concat())
    }

    /// As [`Self::ask`], with `--json`.
    pub(crate) fn ask_json(&self, args: &[&str]) -> Value {
        let output = self.ask(&[args, &["--json"]].concat());
        assert!(output.status.success(), "{args:?}: {}", text(&output.stderr));
        serde_json::from_slice(&output.stdout).expect("JSON")
    }

    /// A new token.
    pub(crate) fn token(&self, more: &[&str]) -> String {
        let made = self.ask_json(&[&["token", "create"], more].concat());
        made["token"].as_str().expect("a token").to_owned()
    }

    /// Waits for a record of the journal.
    pub(crate) fn wait_for_event(&self, kind: &str, fits: impl Fn(&Value) -> bool) -> Value {
        wait::until(format!("an event {kind}"), PATIENCE, || {
            let events = text(&self.ask(&["events", "--json", "-n", "500"]).stdout);
            let mut events = events.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
            events.find(|event| event["kind"] == kind && fits(event))
        })
    }

    /// Waits until a node is there.
    pub(crate) fn wait_for_node(&self, name: &str) {
        wait::until_true(format!("{name} to be alive"), PATIENCE, || {
            let status: Value =
                serde_json::from_slice(&self.ask(&["status", "--json"]).stdout).unwrap_or_default();
            let nodes = status["nodes"].as_array().cloned().unwrap_or_default();
            nodes.iter().any(|node| node["name"] == name && node["liveness"] == "alive")
        });
    }
}

/// A node.
pub(crate) struct Node {
    folder: TempDir,
    name: String,
}

impl Node {
    /// With a steady battery, reporting to these.
    pub(crate) fn new(name: &str, supervisors: &[SocketAddr]) -> Self {
        let node = Self { folder: tempfile::tempdir().expect("a folder"), name: name.to_owned() };
        let rows: Vec<String> = (0..=8640).map(|row| format!("{},12.9,0.4,25", row * 10)).collect();
        let trace = format!("time_s,voltage_V,current_A,temp_C\n{}\n", rows.join("\n"));
        fs::write(node.path("trace.csv"), trace).expect("written");
        node.configure(name, supervisors);
        node
    }

    /// Writes its config anew.
    pub(crate) fn configure(&self, name: &str, supervisors: &[SocketAddr]) {
        let section = |address: &SocketAddr| format!("[[supervisor]]\naddress = \"{address}\"\n");
        let config = format!(
            "[node]\nname = \"{name}\"\nsupply = \"main\"\n[battery]\nchemistry = \"agm\"\ncapacity = \"70 Ah\"\n\
             [[sensor]]\nkind = \"replay\"\ntrace = \"trace.csv\"\n[containers]\nsocket = {:?}\n\
             [state]\npath = {:?}\n[halt]\npower_off = \"none\"\n{}",
            self.path("docker.sock"),
            self.path("agent.state"),
            supervisors.iter().map(section).collect::<String>(),
        );
        fs::write(self.path("agent.toml"), config).expect("written");
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Its identity's file.
    pub(crate) fn identity(&self) -> PathBuf {
        self.path("agent.pem")
    }

    /// Tries to join.
    pub(crate) fn try_to_join(&self, at: SocketAddr, token: &str, more: &[&str]) -> Output {
        Command::new(program::path("heliostat-agent"))
            .args(["join", &at.to_string(), "--token", token, "--config"])
            .arg(self.path("agent.toml"))
            .args(more)
            .stdin(Stdio::null())
            .output()
            .expect("it runs")
    }

    /// Joins.
    pub(crate) fn join(&self, host: &Host) {
        let output = self.try_to_join(host.address, &host.token(&[]), &[]);
        assert!(output.status.success(), "{} did not join: {}", self.name, text(&output.stderr));
    }

    /// Tries to join, must not, and has nothing half done.
    pub(crate) fn refused(&self, at: SocketAddr, token: &str) -> String {
        let before = fs::read(self.identity()).ok();
        let output = self.try_to_join(at, token, &[]);
        assert_eq!(output.status.code(), Some(1), "{}", text(&output.stdout));
        assert_eq!(fs::read(self.identity()).ok(), before, "what was there is there, and nothing else");
        text(&output.stderr)
    }

    /// Runs the agent.
    pub(crate) fn run(&self) -> Program {
        let config = self.path("agent.toml");
        Program::start("heliostat-agent", &["run", "--config", config.to_str().expect("a path")])
    }
}

/// A file's permissions.
pub(crate) fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(path).expect("a file").permissions().mode() & 0o777
}
