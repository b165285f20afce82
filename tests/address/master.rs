//! A host of this suite: its agent on a battery's story, and on masters the supervisor and keepalived.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use supervisor::core::FleetView;
use supervisor::io::ask::Asker;
use supervisor::io::operator::{Answer, Request};
use tests::program::{self, Program};
use tests::require::find_program;
use tests::trace::Story;

use crate::wire::{SHARED, Wire};

/// No condition may take longer to come true.
pub(crate) const PATIENCE: Duration = Duration::from_mins(2);

/// Runs an agent on a host; every agent knows all masters.
pub(crate) fn agent(
    wire: &Wire,
    host: u8,
    masters: u8,
    (supply, speed, story): (&str, u32, &Story),
    folder: &Path,
) -> Program {
    let file = |name: &str| folder.join(format!("{name}-{host}"));
    let (trace, config) = (file("trace.csv"), file("agent.toml"));
    story.write(&trace);
    let mut text = format!(
        "[node]\nname = \"pi{host}\"\nsupply = \"{supply}\"\nshed_order = {host}\nmaster = {}\n\
         [battery]\nchemistry = \"agm\"\ncapacity = \"20 Ah\"\nload_max = \"50 W\"\n\
         [[sensor]]\nkind = \"replay\"\ntrace = {trace:?}\nspeed = {speed}\n\
         [policy]\ndrain_budget = \"50 min\"\nhalt_budget = \"30 min\"\n\
         [containers]\nsocket = {:?}\n[state]\npath = {:?}\n[halt]\npower_off = \"none\"\n",
        host <= masters,
        file("docker.sock"),
        file("agent.state"),
    );
    for master in 1..=masters {
        let _ =
            write!(text, "[[supervisor]]\naddress = \"{}:7464\"\nplaintext = true\n", Wire::address(master));
    }
    std::fs::write(&config, text).expect("the config");
    let arguments = ["run", "--config", config.to_str().expect("a path")];
    Program::start_in(&wire.host(host), &program::path("heliostat-agent"), &arguments)
}

/// A master: its supervisor, and the keepalived that it drives.
pub(crate) struct Master {
    host: u8,
    namespace: String,
    folder: PathBuf,
    supervisor: Option<Program>,
}

impl Master {
    /// Starts the supervisor, which starts keepalived. The lower the number, the higher the priority.
    pub(crate) fn start(wire: &Wire, host: u8, masters: u8, folder: &Path) -> Self {
        let folder = folder.join(format!("master-{host}"));
        std::fs::create_dir_all(&folder).expect("the folder");
        let mut master = Self { host, namespace: wire.host(host), folder, supervisor: None };
        master.configure(masters);
        master.serve();
        master
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Starts keepalived as a daemon. What a crash left behind would keep it from starting.
    fn keepalived_command(&self) -> String {
        let keepalived = find_program("keepalived").expect("keepalived");
        let file = |name: &str| self.file(name).display().to_string();
        let (pid, vrrp) = (file("keepalived.pid"), file("vrrp.pid"));
        format!(
            "rm -f {pid} {vrrp}; exec {} -f {} -p {pid} -r {vrrp}",
            keepalived.display(),
            file("keepalived.conf"),
        )
    }

    fn configure(&self, masters: u8) {
        let host = self.host;
        let peers: Vec<String> = (1..=masters)
            .filter(|other| *other != host)
            .map(|other| format!("{:?}", Wire::address(other)))
            .collect();
        let text = format!(
            "listen = \"0.0.0.0:7464\"\nplaintext = true\ndata = {data:?}\nnode = \"pi{host}\"\n\
             [address]\nkind = \"keepalived\"\nip = \"{SHARED}/24\"\ninterface = \"eth0\"\nsource = \"{}\"\n\
             peers = [{}]\npriority = {}\npid_file = {:?}\nwatch_supervisor = false\n\
             restart = [\"sh\", \"-c\", {:?}]\n",
            Wire::address(host),
            peers.join(", "),
            160 - host * 10,
            self.file("keepalived.pid"),
            self.keepalived_command(),
            data = self.folder,
        );
        std::fs::write(self.file("supervisor.toml"), text).expect("the config");
    }

    /// Starts the supervisor (again).
    pub(crate) fn serve(&mut self) {
        let config = self.file("supervisor.toml");
        let arguments = ["serve", "--config", config.to_str().expect("a path")];
        let program = Program::start_in(&self.namespace, &program::path("heliostat"), &arguments);
        program.wait_for_line("listening on", PATIENCE);
        self.supervisor = Some(program);
    }

    /// The supervisor dies as in a crash.
    pub(crate) fn kill_supervisor(&mut self) {
        self.supervisor = None;
    }

    /// Keepalived dies, with all its processes.
    pub(crate) fn kill_keepalived(&self) {
        for name in ["keepalived.pid", "vrrp.pid"] {
            let pid = std::fs::read_to_string(self.file(name)).ok().and_then(|text| text.trim().parse().ok());
            let pid = pid.and_then(rustix::process::Pid::from_raw).expect("a pid file");
            rustix::process::kill_process(pid, rustix::process::Signal::KILL).expect("keepalived was there");
        }
    }

    fn ask(&self, request: &Request) -> Option<Answer> {
        Asker::connect(&self.file("supervisor.sock")).ok()?.ask(request).ok()
    }

    /// The fleet as this supervisor sees it; `None` while it does not run.
    pub(crate) fn fleet(&self) -> Option<FleetView> {
        match self.ask(&Request::Status)? {
            Answer::Status(status) => Some(status.fleet),
            _ => None,
        }
    }

    /// Whether this one leads.
    pub(crate) fn leads(&self) -> bool {
        self.fleet().is_some_and(|fleet| fleet.leading)
    }

    /// Runs a command of the operator's tool beside it: what it said, and whether it succeeded.
    pub(crate) fn run(&self, arguments: &[&str]) -> (String, bool) {
        let mut command = std::process::Command::new(program::path("heliostat"));
        let output =
            command.args(arguments).arg("--data").arg(&self.folder).output().expect("the program runs");
        let said = [output.stdout, output.stderr].concat();
        (String::from_utf8_lossy(&said).into_owned(), output.status.success())
    }

    /// Its journal, as lines a person reads.
    pub(crate) fn journal(&self) -> Vec<String> {
        let request = Request::Events { after: None, since: None, limit: None, follow: false };
        match self.ask(&request) {
            Some(Answer::Events(events)) => {
                events.events.iter().map(|entry| entry.record.to_string()).collect()
            }
            _ => Vec::new(),
        }
    }
}
