//! A real Docker engine of the test's own, which can be restarted, killed and thrown away.
//!
//! It runs in its own process, mount and network namespaces: nothing of the machine's own Docker, iptables or
//! `/run` is touched, and one SIGKILL to the namespace's first process ends everything in it. Images come from no
//! registry: the one image is made of a static busybox.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::{require, wait};

/// The image that every engine has: busybox as `/bin/sh` and friends.
pub const IMAGE: &str = "heliostat-test/busybox";

/// How long a daemon may take to answer, on a busy machine.
const READY: Duration = Duration::from_mins(1);

/// A running engine.
#[derive(Debug)]
pub struct Engine {
    folder: TempDir,
    /// `unshare`, which dies with the namespace and takes it along (`--kill-child`).
    namespace: Child,
    /// The first process of the namespace, as the host numbers it.
    init: u32,
    /// `nsenter` around the daemon: it stops when the daemon does, and does not go on by itself.
    around: AtomicU32,
}

impl Engine {
    /// Starts an engine and loads the image.
    ///
    /// # Panics
    /// When a step fails; the daemon's log is part of the message.
    pub fn start() -> Self {
        let folder =
            tempfile::Builder::new().prefix("heliostat-engine-").tempdir().expect("a temporary folder");
        let mut namespace = Command::new("unshare")
            .args([
                "--mount",
                "--propagation",
                "private",
                "--uts",
                "--ipc",
                "--net",
                "--pid",
                "--fork",
                "--kill-child",
            ])
            .args(["sh", "-c", INIT])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(folder.path().join("unshare.log")).expect("a log file"))
            .spawn()
            .expect("unshare");
        let init = wait::until("the engine's namespace", READY, || {
            assert!(namespace.try_wait().expect("unshare").is_none(), "unshare ended at once");
            child_of(namespace.id())
        });
        let engine = Self { folder, namespace, init, around: AtomicU32::new(0) };
        wait::until_true("a private /run", READY, || engine.inside().args(["test", "-e", "/run/ready"]).ok());
        engine.start_daemon();
        engine.import_image();
        engine
    }

    /// The engine's socket, reachable from outside its namespaces.
    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("d.sock")
    }

    /// The folder of this engine: a place for the test's own files too.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Runs `docker ARGS` against this engine and gives its output, trimmed.
    ///
    /// # Panics
    /// When docker fails.
    pub fn docker(&self, args: &[&str]) -> String {
        self.try_docker(args)
            .unwrap_or_else(|error| panic!("docker {}: {error}\n{}", args.join(" "), self.log()))
    }

    /// As [`Self::docker`], for a command that may fail: its words are the error.
    ///
    /// # Errors
    /// What docker said.
    pub fn try_docker(&self, args: &[&str]) -> Result<String, String> {
        let output = Command::new(require::find_program("docker").ok_or("no docker client")?)
            .arg("-H")
            .arg(format!("unix://{}", self.socket().display()))
            .args(args)
            .stdin(Stdio::null())
            .output()
            .map_err(|error| error.to_string())?;
        if output.status.success() {
            Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
        } else {
            Err(String::from_utf8_lossy(&output.stderr).trim().to_owned())
        }
    }

    /// Runs a container that sleeps, with these extra arguments of `docker run`.
    pub fn run(&self, name: &str, args: &[&str]) -> String {
        let mut all = vec!["run", "-d", "--name", name, "--network", "none"];
        all.extend(args);
        // `exec` makes the sleep PID 1's own; the trap makes `docker stop` quick.
        all.extend([IMAGE, "sh", "-c", "trap 'exit 0' TERM; while :; do sleep 1000 & wait $!; done"]);
        self.docker(&all)
    }

    /// One field of `docker inspect`, by Go template; empty when the container does not exist.
    pub fn inspect(&self, name: &str, template: &str) -> String {
        self.try_docker(&["inspect", "-f", template, name]).unwrap_or_default()
    }

    /// A container's state in one word: `running`, `paused`, `exited`, ...
    pub fn state(&self, name: &str) -> String {
        self.inspect(name, "{{.State.Status}}")
    }

    /// A container's CPU settings: (`NanoCpus`, `CpuQuota`, `CpuPeriod`).
    pub fn cpu(&self, name: &str) -> (i64, i64, i64) {
        let text =
            self.inspect(name, "{{.HostConfig.NanoCpus}} {{.HostConfig.CpuQuota}} {{.HostConfig.CpuPeriod}}");
        let numbers: Vec<i64> = text.split_whitespace().filter_map(|word| word.parse().ok()).collect();
        let [nano, quota, period] = numbers[..] else { panic!("no CPU settings of {name}: {text:?}") };
        (nano, quota, period)
    }

    /// Ends the daemon as a package update does (SIGTERM) and starts it again.
    pub fn restart(&self) {
        self.stop_daemon("-TERM");
        self.start_daemon();
    }

    /// Ends the daemon as a crash does (SIGKILL) and starts it again.
    pub fn crash(&self) {
        self.stop_daemon("-KILL");
        self.start_daemon();
    }

    /// Sends the daemon a signal that does not end it: `-STOP` has it hang, `-CONT` go on.
    ///
    /// # Panics
    /// When there is no daemon.
    pub fn signal_daemon(&self, signal: &str) {
        let pid = std::fs::read_to_string(self.pid_file()).expect("the daemon's pid file");
        assert!(self.inside().args(["kill", signal, pid.trim()]).ok(), "kill {signal}");
        if signal == "-CONT" {
            self.go_on();
        }
    }

    /// Has what is around the daemon go on: stopped, it would not notice the daemon's end.
    fn go_on(&self) {
        let around = i32::try_from(self.around.load(Ordering::Relaxed)).ok().and_then(Pid::from_raw);
        let _ = around.map(|around| kill_process(around, Signal::CONT));
    }

    /// Ends the daemon and leaves it down.
    pub fn stop_daemon(&self, signal: &str) {
        let pid = std::fs::read_to_string(self.pid_file()).expect("the daemon's pid file");
        let _ = self.inside().args(["kill", signal, pid.trim()]).status();
        wait::until_true("dockerd to end", READY, || !self.inside().args(["kill", "-0", pid.trim()]).ok());
        let _ = std::fs::remove_file(self.pid_file());
        let _ = std::fs::remove_file(self.socket());
    }

    /// Starts the daemon and waits until it answers.
    ///
    /// # Panics
    /// When it does not answer in time.
    pub fn start_daemon(&self) {
        let folder = self.folder.path().display();
        let log =
            std::fs::OpenOptions::new().create(true).append(true).open(self.log_file()).expect("a log file");
        let mut child = self
            .inside()
            .arg("dockerd")
            .args(["-H", &format!("unix://{folder}/d.sock"), "--data-root", &format!("{folder}/data")])
            .args(["--exec-root", "/run/docker", "--pidfile", &format!("{folder}/d.pid")])
            .args(["--exec-opt", "native.cgroupdriver=cgroupfs", "--cgroup-parent", &self.cgroup()])
            .args(["--bridge", "none", "--iptables=false", "--ip6tables=false"])
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a log file"))
            .stderr(log)
            .spawn()
            .expect("dockerd");
        self.around.store(child.id(), Ordering::Relaxed);
        // nsenter ends with its dockerd; somebody has to take its exit status.
        std::thread::spawn(move || child.wait());
        wait::until("dockerd to answer", READY, || self.try_docker(&["version"]).ok());
    }

    /// The daemon's log so far, its end.
    pub fn log(&self) -> String {
        let log = std::fs::read_to_string(self.log_file()).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(30)..].join("\n")
    }

    fn cgroup(&self) -> String {
        format!("/heliostat-test-{}", self.init)
    }

    fn log_file(&self) -> PathBuf {
        self.folder.path().join("dockerd.log")
    }

    fn pid_file(&self) -> PathBuf {
        self.folder.path().join("d.pid")
    }

    /// A command inside the engine's namespaces.
    fn inside(&self) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["-t", &self.init.to_string(), "-m", "-u", "-i", "-n", "-p", "--"]);
        command
    }

    /// Makes the image from a static busybox, with no registry.
    fn import_image(&self) {
        if self.try_docker(&["image", "inspect", IMAGE]).is_ok() {
            return;
        }
        let root = self.folder.path().join("image");
        let bin = root.join("bin");
        std::fs::create_dir_all(&bin).expect("a folder");
        std::fs::create_dir_all(root.join("tmp")).expect("a folder");
        std::fs::copy(require::find_program("busybox").expect("busybox"), bin.join("busybox"))
            .expect("busybox");
        for tool in ["sh", "sleep", "cat", "true", "echo", "yes"] {
            std::os::unix::fs::symlink("busybox", bin.join(tool)).expect("a link");
        }
        let tar = Command::new("tar").arg("-C").arg(&root).args(["-c", "."]).output().expect("tar");
        assert!(tar.status.success(), "tar: {}", String::from_utf8_lossy(&tar.stderr));
        let mut import = Command::new(require::find_program("docker").expect("docker"))
            .args(["-H", &format!("unix://{}", self.socket().display()), "import", "-", IMAGE])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .expect("docker import");
        import.stdin.take().expect("a pipe").write_all(&tar.stdout).expect("docker import");
        assert!(import.wait().expect("docker import").success(), "docker import failed\n{}", self.log());
    }
}

/// What the namespace's first process does: a `/run` of its own, loopback up, reap orphans (containerd's shims), wait.
const INIT: &str = "mount -t tmpfs -o mode=755 tmpfs /run && mount -t proc proc /proc && mkdir -p /run/lock \
    && { ip link set lo up 2>/dev/null; touch /run/ready; } && while :; do sleep 1000 & wait $!; done";

impl Drop for Engine {
    fn drop(&mut self) {
        // One SIGKILL to the first process ends daemon, shims and containers at once; the mounts go with the namespace.
        if let Some(init) = i32::try_from(self.init).ok().and_then(Pid::from_raw) {
            let _ = kill_process(init, Signal::KILL);
        }
        self.go_on();
        while self.namespace.try_wait().is_ok_and(|status| status.is_none()) {
            // A paused container is frozen in its cgroup, and of version 1 no signal reaches it before it is thawed.
            let thaw = format!(
                "find /sys/fs/cgroup/freezer{} -name freezer.state 2>/dev/null | while read f; do echo THAWED >$f; done",
                self.cgroup()
            );
            let _ = Command::new("sh").args(["-c", &thaw]).stderr(Stdio::null()).status();
            std::thread::sleep(Duration::from_millis(50));
        }
        remove_cgroups(&self.cgroup());
    }
}

/// Removes the (now empty) control groups of an engine, in whichever hierarchies it made them.
fn remove_cgroups(name: &str) {
    let find = format!(
        "for c in /sys/fs/cgroup{name} /sys/fs/cgroup/*{name}; do [ -d \"$c\" ] && find \"$c\" -depth -type d -exec rmdir {{}} + ; done"
    );
    for _ in 0..50 {
        let _ = Command::new("sh").args(["-c", &find]).stderr(Stdio::null()).status();
        let left = Command::new("sh")
            .args(["-c", &format!("ls -d /sys/fs/cgroup{name} /sys/fs/cgroup/*{name}")])
            .ok();
        if !left {
            return;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// The only child of a process, from /proc.
fn child_of(parent: u32) -> Option<u32> {
    let children = std::fs::read_to_string(format!("/proc/{parent}/task/{parent}/children")).ok()?;
    children.split_whitespace().next()?.parse().ok()
}

/// Runs a command for its success alone.
trait Ok {
    fn ok(&mut self) -> bool;
}

impl Ok for Command {
    fn ok(&mut self) -> bool {
        self.stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    }
}
