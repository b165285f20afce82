//! From the edge to the last progress of a frozen process: the agent's whole loop in this process, over a real control group
//! with a busy process in it.
//!
//! Docker is a stand-in that lists one container and then falls silent, so that what stands still does so by the freezer
//! alone. The edge comes over a socket at the edge of `io` where a gpiochip's would come; the chip is simulated at the register
//! and converts at once (a real one takes up to its update time to notice: 35 ms as the agent sets it).

use std::fs;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use agent::config::Config;
use hardware::linux::Root;
use tests::board::{ALERT, Board, SENSOR, end, monotonic};
use tests::wait;
use tests::watcher::Watcher;

/// Lives of the agent, one edge each: an edge that comes again is heard seldom, on purpose.
const EDGES: usize = 100;
/// Dips that only polling sees, in one life.
const DIPS: usize = 60;
/// `Nice` of `deploy/heliostat-agent.service`.
const NICE: i32 = -10;
/// Whatever is waited for comes within this.
const PATIENCE: Duration = Duration::from_mins(1);
/// Without progress for so long, and told to stand still, a process does.
const STILL: Duration = Duration::from_millis(30);
/// The stand-in's first container.
const ID: &str = "0000000000010000000000000000000000000000000000000000000000000001";

/// What was measured, in milliseconds.
pub(crate) struct Figures {
    /// From the edge to the kernel's own word that the group is to stand still.
    pub(crate) told: Vec<f64>,
    /// From the edge to the last progress of the group's process; 0 when it got no processor in between.
    pub(crate) still: Vec<f64>,
}

/// A group with a busy process.
struct Busy {
    group: PathBuf,
    file: &'static str,
    process: Child,
    progress: fs::File,
}

/// Where version 2 is mounted: alone, or beside version 1.
fn mount() -> Option<PathBuf> {
    ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"]
        .map(PathBuf::from)
        .into_iter()
        .find(|mount| mount.join("cgroup.controllers").exists())
}

/// The busy process: says again and again what time it is.
pub(crate) fn be_busy(progress: &Path) -> ! {
    let _ = rustix::process::setpriority_process(None, 0);
    let file = fs::OpenOptions::new().write(true).open(progress).expect("the progress file");
    loop {
        let now = u64::try_from(monotonic().as_nanos()).unwrap_or(0);
        file.write_at(&now.to_ne_bytes(), 0).expect("the progress file");
    }
}

impl Busy {
    fn start(mount: &Path, folder: &Path) -> Option<Self> {
        let group = mount.join(format!("heliostat-bench-{}", std::process::id())).join(ID);
        fs::create_dir_all(&group).ok()?;
        let path = folder.join("progress");
        fs::write(&path, [0; 8]).expect("the progress file");
        let process = Command::new(std::env::current_exe().expect("this program"))
            .arg("--busy")
            .arg(&path)
            .stdin(Stdio::null())
            .spawn()
            .expect("this program");
        let progress = fs::File::open(&path).expect("the progress file");
        let busy = Self { group, file: "cgroup.freeze", process, progress };
        fs::write(busy.group.join("cgroup.procs"), busy.process.id().to_string()).ok()?;
        Some(busy)
    }

    /// When the process was last seen at work.
    fn last(&self) -> Duration {
        let mut stamp = [0; 8];
        let _ = self.progress.read_at(&mut stamp, 0);
        Duration::from_nanos(u64::from_ne_bytes(stamp))
    }

    fn is_told(&self) -> bool {
        fs::read_to_string(self.group.join(self.file)).is_ok_and(|word| word.trim() == "1")
    }

    /// Waits until it stands still; when it was told, and when it was last at work.
    fn stands_still(&self) -> (Duration, Duration) {
        let begun = Instant::now();
        while !self.is_told() {
            assert!(begun.elapsed() < PATIENCE, "it is never told to stand still");
            std::thread::sleep(Duration::from_micros(20));
        }
        let told = monotonic();
        wait::until_true("it stands still", PATIENCE, || monotonic().saturating_sub(self.last()) > STILL);
        (told, self.last())
    }

    fn works(&self) {
        wait::until_true("it works again", PATIENCE, || {
            !self.is_told() && monotonic().saturating_sub(self.last()) < STILL
        });
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        let _ = fs::write(self.group.join(self.file), "0");
        let _ = self.process.kill();
        let _ = self.process.wait();
        for _ in 0..100 {
            if fs::remove_dir(&self.group).is_ok() {
                break;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        let _ = self.group.parent().map(fs::remove_dir);
    }
}

/// A place to run the agent in: its config's folder, the group, the board.
struct Rig {
    folder: tempfile::TempDir,
    busy: Busy,
    board: Board,
    watcher: Watcher,
}

impl Rig {
    fn new() -> Option<Self> {
        let mount = mount()?;
        let folder = tempfile::tempdir_in("/dev/shm").expect("a folder");
        let busy = Busy::start(&mount, folder.path())?;
        // The agent's root, in which control groups are where they are.
        let fs = folder.path().join("root/sys/fs");
        fs::create_dir_all(&fs).expect("a folder");
        std::os::unix::fs::symlink(&mount, fs.join("cgroup")).expect("a link");
        let board = Board::new(Root::at(folder.path().join("root")));
        Some(Self { folder, busy, board, watcher: Watcher::listen() })
    }

    fn config(&self, alert: &str) -> Config {
        let path = |name: &str| self.folder.path().join(name).display().to_string();
        let text = format!(
            "[node]\nname = \"bench\"\nsupply = \"roof\"\n[battery]\nchemistry = \"agm\"\ncapacity = \"70 Ah\"\n\
             {SENSOR}{alert}[sampling]\ninterval = \"100 ms\"\n[policy]\nsettle = \"0 s\"\n\
             [containers]\nsocket = \"{}\"\n[state]\npath = \"{}\"\nfrozen = \"{}\"\n[halt]\npower_off = \"none\"\n\
             [[supervisor]]\naddress = \"{}\"\n",
            path("docker.sock"),
            path("agent.state"),
            path("frozen"),
            self.watcher.address(),
        );
        Config::parse(&text, Path::new("bench.toml")).expect("a config")
    }

    /// Runs the agent until Docker's one container is known to it, and Docker silent.
    fn agent(&self, alert: &str) -> std::thread::JoinHandle<Result<(), agent::io::run::RunError>> {
        let socket = self.folder.path().join("docker.sock");
        let _ = fs::remove_file(&socket);
        let mut docker = Command::new(env!("CARGO_BIN_EXE_engine-stand-in"))
            .arg(&socket)
            .arg("batch=deferrable")
            .stdout(Stdio::null())
            .spawn()
            .expect("the stand-in");
        wait::until_true("the stand-in", PATIENCE, || socket.exists());
        self.board.battery(12.8);
        self.watcher.forget();
        let agent = self.board.run(self.config(alert));
        // A dip before the container is known would freeze nothing, and one before the line is armed would be polled.
        wait::until_true("the container is known", PATIENCE, || {
            self.watcher.report().is_some_and(|report| report.docker_up && report.containers_total == 1)
        });
        wait::until_true("the line is heard", PATIENCE, || alert.is_empty() || self.board.is_heard());
        let _ = docker.kill();
        let _ = docker.wait();
        agent
    }

    /// One dip; how long it took, in milliseconds.
    fn dip(&self, figures: &mut Figures) {
        let begun = monotonic();
        self.board.battery(11.4);
        let (told, last) = self.busy.stands_still();
        let millis = |at: Duration| at.saturating_sub(begun).as_secs_f64() * 1e3;
        figures.told.push(millis(told));
        figures.still.push(millis(last));
        self.board.battery(12.8);
    }
}

/// Measures edges; `None` where no control group of version 2 can be made.
pub(crate) fn by_edge() -> Option<Figures> {
    // As the agent's unit has it, so that it runs before those that it is to stop; threads inherit it.
    let _ = rustix::process::setpriority_process(None, NICE);
    let rig = Rig::new()?;
    let mut figures = Figures { told: Vec::new(), still: Vec::new() };
    for _ in 0..EDGES {
        let agent = rig.agent(ALERT);
        rig.dip(&mut figures);
        end(agent);
        rig.busy.works();
        let _ = fs::remove_file(rig.folder.path().join("agent.state"));
    }
    Some(figures)
}

/// Measures what polling at 10 Hz sees, at moments that nothing is in step with.
pub(crate) fn by_polling() -> Option<Figures> {
    let rig = Rig::new()?;
    let mut figures = Figures { told: Vec::new(), still: Vec::new() };
    let agent = rig.agent("");
    for round in 0..DIPS as u64 {
        rig.busy.works();
        // Knuth's multiplicative hash: moments spread over a sampling interval, the same ones each run.
        std::thread::sleep(Duration::from_micros(round.wrapping_mul(2_654_435_761) % 100_000));
        rig.dip(&mut figures);
    }
    end(agent);
    Some(figures)
}
