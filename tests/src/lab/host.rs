//! One host: namespaces of its own, a real Docker engine, the project's programs, a cable, a power plug and a disk.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use super::keeper;
use super::layout::Plan;
use super::net::Switch;
use super::part::Part;
use super::unix;
use crate::{program, require, wait};

/// How long anything may take to start or to end, on a busy machine.
pub(super) const PATIENCE: Duration = Duration::from_mins(1);

/// A way to lose a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// Its cable is pulled: everything on it runs on, and nobody hears it.
    Wire,
    /// Its power is gone: everything on it ends at once, and not one packet more leaves it.
    Power,
    /// Its programs stand still, while its kernel still accepts connections.
    Freeze,
}

/// A host.
#[derive(Debug)]
pub struct Host {
    plan: Plan,
    lab: PathBuf,
    folder: PathBuf,
    /// The parent of its containers' control groups, from the top of each hierarchy.
    group: String,
    switch: Arc<Switch>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    namespace: Option<Namespace>,
    /// What runs, or is to run again after a power cut.
    parts: BTreeMap<Part, Option<Child>>,
    cut: Option<Cut>,
}

#[derive(Debug)]
struct Namespace {
    /// `unshare`, which ends with the namespace.
    parent: Child,
    /// The first process of the namespace, as the machine numbers it.
    init: u32,
}

impl Host {
    /// A host that is still off, with an empty disk.
    pub(super) fn new(plan: Plan, lab: &Path, name_of_lab: &str, switch: &Arc<Switch>) -> Self {
        let folder = lab.join(&plan.name);
        std::fs::create_dir_all(folder.join("hwmon")).expect("a folder");
        std::fs::write(folder.join("systemctl"), SYSTEMCTL).expect("a file");
        std::fs::write(folder.join(RESTART_ENGINE), RESTART_ENGINE_SCRIPT).expect("a file");
        std::fs::write(folder.join(Part::Dockerd.config_file()), "{}\n").expect("a file");
        let group = format!("/{name_of_lab}/{}", plan.name);
        let state = Mutex::new(State::default());
        Self { plan, lab: lab.to_owned(), folder, group, switch: Arc::clone(switch), state }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.plan.name
    }

    /// Its address.
    pub const fn address(&self) -> Ipv4Addr {
        self.plan.address
    }

    /// What was planned of it.
    pub const fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Its disk: configs, logs, Docker's data. It stays over power cuts.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Its engine's socket, reachable from outside.
    pub fn socket(&self) -> PathBuf {
        self.folder.join("docker.sock")
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no panic while locked")
    }

    /// Powers it up with its engine, and with whatever else ran when its power went.
    ///
    /// # Panics
    /// When it does not come up; the engine's log is part of the message.
    pub fn power_up(&self) {
        self.boot();
        let parts: Vec<Part> = self.state().parts.keys().copied().collect();
        for part in Part::ALL {
            if part == Part::Dockerd || parts.contains(&part) {
                self.start(part);
            }
        }
    }

    fn boot(&self) {
        let mut state = self.state();
        assert!(state.namespace.is_none(), "{} is on already", self.name());
        // What a power cut left of the last life.
        self.switch.unplug(self.name());
        let _ = std::fs::remove_file(self.socket());
        let mut parent = Command::new("setsid")
            .args(["unshare", "--mount", "--propagation", "private", "--uts", "--ipc", "--net", "--pid"])
            .args(["--fork", "--kill-child", "sh", "-c", INIT, "init"])
            .args([self.name(), &self.folder.display().to_string(), &self.group])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(self.log_file("init"))
            .spawn()
            .expect("setsid");
        keeper::note(&self.lab, &format!("{}-parent", self.name()), parent.id());
        let init = wait::until(format!("the namespace of {}", self.name()), PATIENCE, || {
            assert!(parent.try_wait().expect("unshare").is_none(), "unshare ended: {}", self.log_of("init"));
            child_of(parent.id())
        });
        keeper::note(&self.lab, &format!("{}-init", self.name()), init);
        state.namespace = Some(Namespace { parent, init });
        state.cut = None;
        drop(state);
        wait::until_true(format!("{} to boot: {}", self.name(), self.log_of("init")), PATIENCE, || {
            succeeds(self.inside(&["test", "-e", "/run/ready"]))
        });
        self.switch.plug(self.name(), init, self.address());
    }

    /// Whether it has power. A host whose agent powered it off has none.
    pub fn is_on(&self) -> bool {
        self.notice_power_off();
        self.state().namespace.is_some()
    }

    /// A host may have powered itself off.
    fn notice_power_off(&self) {
        let mut state = self.state();
        let ended = state
            .namespace
            .as_mut()
            .is_some_and(|namespace| namespace.parent.try_wait().is_ok_and(|status| status.is_some()));
        if ended {
            state.namespace = None;
            forget_ended(&mut state.parts);
        }
    }

    /// Loses it.
    ///
    /// # Panics
    /// When it is lost already.
    pub fn cut(&self, how: Cut) {
        let mut state = self.state();
        assert!(state.cut.is_none(), "{} is cut already: {:?}", self.name(), state.cut);
        match how {
            Cut::Wire => self.switch.cable(self.name(), false),
            Cut::Freeze => self.freeze(true),
            Cut::Power => {
                // First the cable, or the dying kernel would say goodbye for every socket.
                self.switch.cable(self.name(), false);
                if let Some(mut namespace) = state.namespace.take() {
                    signal(namespace.init, Signal::KILL);
                    let _ = namespace.parent.wait();
                }
                forget_ended(&mut state.parts);
            }
        }
        state.cut = Some(how);
    }

    /// Brings it back as it was before the cut: the cable, the power (with the old disk), or its programs.
    ///
    /// # Panics
    /// When it does not come back.
    pub fn restore(&self) {
        self.notice_power_off();
        let cut = self.state().cut.take();
        match cut {
            Some(Cut::Wire) => self.switch.cable(self.name(), true),
            Some(Cut::Freeze) => self.freeze(false),
            Some(Cut::Power) => self.power_up(),
            None if self.state().namespace.is_none() => self.power_up(),
            None => {}
        }
    }

    /// Puts it onto the other side of a split network, or back: it meets those only that are there as well.
    pub fn set_apart(&self, apart: bool) {
        self.switch.set_apart(self.name(), apart);
    }

    fn freeze(&self, frozen: bool) {
        let v1 = PathBuf::from(format!("/sys/fs/cgroup/freezer{}/freezer.state", self.group));
        let v2 = PathBuf::from(format!("/sys/fs/cgroup{}/cgroup.freeze", self.group));
        let (file, word) = if v1.exists() {
            (v1, if frozen { "FROZEN" } else { "THAWED" })
        } else {
            (v2, if frozen { "1" } else { "0" })
        };
        std::fs::write(&file, word).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    }

    /// Writes the config of a program, for its next start.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn configure(&self, part: Part, text: &str) {
        std::fs::write(self.folder.join(part.config_file()), text).expect("a config");
    }

    /// Gives the host the kernel's settings that the agent's package brings, now and whenever an interface appears, as
    /// systemd-udevd does elsewhere.
    ///
    /// # Panics
    /// When they cannot be written.
    pub fn take_kernel_settings(&self) {
        let file = self.folder.join(KERNEL_SETTINGS);
        let text = super::config::kernel_settings(self.plan.master, &self.folder.join(PASS_ON));
        std::fs::write(&file, text).expect("a file");
        assert!(
            succeeds(self.inside(&["sh", &file.display().to_string()])),
            "{}: kernel settings",
            self.name()
        );
    }

    /// Starts a program. An engine is waited for until it answers.
    ///
    /// # Panics
    /// When it is running, or cannot start.
    pub fn start(&self, part: Part) {
        assert!(!self.runs(part), "{} already runs on {}", part.name(), self.name());
        for leftover in part.leftovers() {
            let _ = self.inside(&["rm", "-f", leftover]).status();
        }
        let command = part.command(&self.folder, &self.group);
        let log = self.log_file(part.name());
        let child = self
            .inside(&[
                "sh",
                "-c",
                if part == Part::Dockerd { JOIN_AND_KEEP } else { JOIN },
                "join",
                &self.group,
            ])
            .args(command)
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a log"))
            .stderr(log)
            .spawn()
            .expect("nsenter");
        self.state().parts.insert(part, Some(child));
        if part == Part::Dockerd {
            wait::until_true(format!("the engine of {}", self.name()), PATIENCE, || {
                assert!(self.runs(part), "dockerd on {} ended:\n{}", self.name(), self.log(part));
                unix::is_answering(&self.socket())
            });
        }
    }

    /// Whether a program runs.
    pub fn runs(&self, part: Part) -> bool {
        let mut state = self.state();
        let child = state.parts.get_mut(&part).and_then(Option::as_mut);
        child.is_some_and(|child| child.try_wait().is_ok_and(|status| status.is_none()))
    }

    /// Ends a program as a crash does, and waits until it is gone. It stays down, also over a power cut.
    pub fn kill(&self, part: Part) {
        self.end(part, Signal::KILL);
    }

    /// Asks a program to end, and waits until it has. It stays down, also over a power cut.
    pub fn stop(&self, part: Part) {
        self.end(part, Signal::TERM);
    }

    /// Ends a program as a package update does, and starts it again.
    pub fn restart(&self, part: Part) {
        self.stop(part);
        self.start(part);
    }

    fn end(&self, part: Part, how: Signal) {
        let Some(Some(mut child)) = self.state().parts.remove(&part) else { return };
        if let Some(program) = program_of(part, &child) {
            signal(program, how);
        }
        wait::until_true(format!("{} on {} to end", part.name(), self.name()), PATIENCE, || {
            child.try_wait().is_ok_and(|status| status.is_some())
        });
    }

    /// The process of a program, as the machine numbers it; `None` when it does not run.
    pub fn pid(&self, part: Part) -> Option<u32> {
        let state = self.state();
        program_of(part, state.parts.get(&part)?.as_ref()?)
    }

    /// The end of a program's log.
    pub fn log(&self, part: Part) -> String {
        self.log_of(part.name())
    }

    /// Shows the ends of all logs, for a test that failed.
    pub(super) fn show_logs(&self) {
        for part in Part::ALL.into_iter().filter(|part| part != &Part::Dockerd) {
            let log = self.log(part);
            if !log.is_empty() {
                eprintln!("--- {} of {} ---\n{log}", part.name(), self.name());
            }
        }
    }

    fn log_of(&self, name: &str) -> String {
        let log = std::fs::read_to_string(self.folder.join(format!("{name}.log"))).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(30)..].join("\n")
    }

    fn log_file(&self, name: &str) -> File {
        let path = self.folder.join(format!("{name}.log"));
        OpenOptions::new().create(true).append(true).open(path).expect("a log")
    }

    /// A command inside the host.
    ///
    /// # Panics
    /// When the host is off.
    pub fn inside(&self, words: &[&str]) -> Command {
        let state = self.state();
        let init = state.namespace.as_ref().unwrap_or_else(|| panic!("{} is off", self.name())).init;
        let mut command = Command::new("nsenter");
        command.args(["-t", &init.to_string(), "-m", "-u", "-i", "-n", "-p", "--"]).args(words);
        command
    }

    /// Runs `heliostat ARGS` as an operator of this master's supervisor does, and gives what it printed.
    ///
    /// # Errors
    /// What it complained about.
    pub fn heliostat(&self, args: &[&str]) -> Result<String, String> {
        let mut command = Command::new(program::path("heliostat"));
        output(command.args(args).arg("--data").arg(self.folder.join("supervisor")))
    }

    /// What this master's supervisor knows of the fleet: `heliostat status --json`. `None` while nobody answers.
    pub fn fleet(&self) -> Option<serde_json::Value> {
        serde_json::from_str(&self.heliostat(&["status", "--json"]).ok()?).ok()
    }

    /// A node's stage as this master's supervisor knows it.
    pub fn stage_of(&self, node: &str) -> Option<String> {
        stage_in(&self.fleet()?, node)
    }

    /// Runs `docker ARGS` on its engine and gives its output, trimmed.
    ///
    /// # Panics
    /// When docker fails.
    pub fn docker(&self, args: &[&str]) -> String {
        self.try_docker(args)
            .unwrap_or_else(|error| panic!("{}: docker {}: {error}", self.name(), args.join(" ")))
    }

    /// As [`Self::docker`], for a command that may fail: its words are the error.
    ///
    /// # Errors
    /// What docker said.
    pub fn try_docker(&self, args: &[&str]) -> Result<String, String> {
        let mut command = Command::new(require::find_program("docker").ok_or("no docker client")?);
        output(command.arg("-H").arg(format!("unix://{}", self.socket().display())).args(args))
    }
}

/// A node's stage, in what a supervisor knows of the fleet.
pub(super) fn stage_in(fleet: &serde_json::Value, node: &str) -> Option<String> {
    let nodes = fleet.pointer("/fleet/nodes").or_else(|| fleet.pointer("/nodes"))?.as_array()?;
    nodes.iter().find(|known| known["name"] == node)?["stage"].as_str().map(str::to_owned)
}

/// What a program printed, trimmed; what it complained about is the error.
fn output(command: &mut Command) -> Result<String, String> {
    let output = command.stdin(Stdio::null()).output().map_err(|error| error.to_string())?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}

/// Takes the exit status of programs that went with their host; they stay known, to be started again with it.
fn forget_ended(parts: &mut BTreeMap<Part, Option<Child>>) {
    for child in parts.values_mut() {
        if let Some(mut child) = child.take() {
            let _ = child.wait();
        }
    }
}

fn signal(pid: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        let _ = kill_process(pid, signal);
    }
}

/// The only child of a process.
fn child_of(parent: u32) -> Option<u32> {
    let children = std::fs::read_to_string(format!("/proc/{parent}/task/{parent}/children")).ok()?;
    children.split_whitespace().next()?.parse().ok()
}

/// The process of a part; an engine has a shell above it that keeps it.
fn program_of(part: Part, child: &Child) -> Option<u32> {
    let program = child_of(child.id())?;
    if part == Part::Dockerd { child_of(program) } else { Some(program) }
}

/// Runs a command for its success alone.
fn succeeds(mut command: Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Puts itself into the host's control group (of the freezer, or of version 2), then becomes the program.
const JOIN: &str = r#"group=$1; shift
for top in /sys/fs/cgroup/freezer /sys/fs/cgroup; do
  [ -e "$top$group/host/cgroup.procs" ] && echo 0 >"$top$group/host/cgroup.procs"
done
exec "$@""#;

/// As [`JOIN`], for an engine: when its restart was asked for ([`RESTART_ENGINE`]), another one follows it, as under systemd.
const JOIN_AND_KEEP: &str = r#"group=$1; shift
for top in /sys/fs/cgroup/freezer /sys/fs/cgroup; do
  [ -e "$top$group/host/cgroup.procs" ] && echo 0 >"$top$group/host/cgroup.procs"
done
while :; do
  "$@"; status=$?
  [ -e /run/restart-engine ] || exit $status
  rm -f /run/docker.pid /run/restart-engine
done"#;

/// In a host's folder: what `systemctl restart docker` is elsewhere. Ends when a new engine answers.
pub(super) const RESTART_ENGINE: &str = "restart-engine";
const RESTART_ENGINE_SCRIPT: &str = r#"#!/bin/sh
socket=$(dirname "$0")/docker.sock
touch /run/restart-engine
kill "$(cat /run/docker.pid)" || exit 1
while [ -e /run/restart-engine ]; do sleep 0.1; done
until docker -H "unix://$socket" version >/dev/null 2>&1; do sleep 0.1; done
"#;

/// In a host's folder: the kernel's settings, as shell commands.
const KERNEL_SETTINGS: &str = "kernel-settings";

/// What nft is told on one of several masters, in the host's folder.
pub(super) const PASS_ON: &str = "address.nft";

/// What a host's first process does: a `/run`, a `/proc` and a hardware monitor of its own, no DNS (which fails at once
/// instead of hanging), no systemd, whose udev's part in the
/// kernel's settings it plays; then it takes up orphans (containerd's shims) for as long as there is power.
const INIT: &str = r#"set -e
name=$1 folder=$2 group=$3
top=/sys/fs/cgroup/freezer; [ -d $top ] || top=/sys/fs/cgroup
mkdir -p "$top$group/host"; echo 0 >"$top$group/host/cgroup.procs"
mount -t tmpfs -o mode=755 tmpfs /run; mkdir -p /run/lock
mount -t proc proc /proc
mount -t tmpfs -o mode=755 tmpfs /sys/class; mkdir -p /sys/class/hwmon/hwmon0
mount --bind "$folder/hwmon" /sys/class/hwmon/hwmon0
hostname "$name"
echo nameserver 127.0.0.1 >/run/resolv.conf; mount --bind /run/resolv.conf /etc/resolv.conf
chmod +x "$folder/systemctl"
if [ -e /usr/bin/systemctl ]; then mount --bind "$folder/systemctl" /usr/bin/systemctl; fi
ip monitor link | while read -r _; do [ ! -e "$folder/kernel-settings" ] || . "$folder/kernel-settings"; done &
touch /run/ready
set +e
while :; do sleep 1000 & wait $!; done"#;

/// A host has no systemd: asked to power off, it leaves that to the kernel, which ends the process namespace.
const SYSTEMCTL: &str = "#!/bin/sh\necho 'this host has no systemd' >&2\nexit 1\n";
