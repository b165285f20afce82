//! The built agent on a made config, and a supervisor played by the test.

#![allow(dead_code, reason = "each test uses the part it needs")]

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use protocol::frame::stream::{self, Decoder};
use protocol::message::{Hello, Welcome};
use protocol::{AgentMessage, Report, Sequence, SupervisorMessage, Term};
use tempfile::TempDir;

/// No wait of these tests is longer; far more than what is waited for ever takes.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// A folder with a config whose sensor plays a steady battery.
pub(crate) struct Site {
    folder: TempDir,
}

impl Site {
    /// A battery that stays at 12.9 V for `seconds` of the trace, played at `speed` times life. `more` is added to the
    /// config.
    pub(crate) fn new(seconds: u32, speed: u32, more: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let site = Self { folder };
        let rows: Vec<String> = (0..=seconds / 10).map(|row| format!("{},12.9,0.4,25", row * 10)).collect();
        let rows = rows.join("\n");
        fs::write(site.path("trace.csv"), format!("time_s,voltage_V,current_A,temp_C\n{rows}\n"))
            .expect("written");
        let config = format!(
            "[node]\nname = \"pi-1\"\nsupply = \"main\"\n\
             [battery]\nchemistry = \"agm\"\ncapacity = \"70 Ah\"\n\
             [[sensor]]\nkind = \"replay\"\ntrace = \"trace.csv\"\nspeed = {speed}.0\n\
             [containers]\nsocket = \"{}\"\n[state]\npath = \"{}\"\n[halt]\npower_off = \"none\"\n{more}\n",
            site.path("docker.sock").display(),
            site.path("agent.state").display(),
        );
        fs::write(site.path("agent.toml"), config).expect("written");
        site
    }

    /// A file of this site.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The names of all files, sorted.
    pub(crate) fn files(&self) -> Vec<String> {
        let entries = fs::read_dir(self.folder.path()).expect("the folder");
        let mut names: Vec<String> = entries
            .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    /// Starts `run` on the config.
    pub(crate) fn run(&self, more: &[&str]) -> Agent {
        start(&self.path("agent.toml"), &self.path("log"), more)
    }
}

/// Starts `run` on a config; the log goes to a file.
pub(crate) fn start(config: &Path, log: &Path, more: &[&str]) -> Agent {
    let to = fs::File::create(log).expect("a log");
    let child = Command::new(env!("CARGO_BIN_EXE_heliostat-agent"))
        .args(["run", "--config"])
        .arg(config)
        .args(more)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(to)
        .spawn()
        .expect("it starts");
    Agent { child, log: log.to_owned() }
}

/// A running agent; killed when dropped.
pub(crate) struct Agent {
    child: Child,
    log: PathBuf,
}

impl Agent {
    /// What it logged so far.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Waits until the log holds a text.
    pub(crate) fn wait_for(&self, text: &str) {
        until(|| self.log().contains(text).then_some(()), || format!("{text:?} in the log:\n{}", self.log()));
    }

    /// Asks it to stop, as systemd does.
    pub(crate) fn terminate(&self) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("it runs");
    }

    /// Waits until it ends.
    pub(crate) fn ends(&mut self) -> ExitStatus {
        let child = &mut self.child;
        until(|| child.try_wait().expect("its state"), || "the agent to end".to_owned())
    }

    /// Whether it runs.
    pub(crate) fn runs(&mut self) -> bool {
        self.child.try_wait().expect("its state").is_none()
    }

    /// SIGKILL.
    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Waits for a condition.
pub(crate) fn until<T>(mut condition: impl FnMut() -> Option<T>, what: impl Fn() -> String) -> T {
    let start = Instant::now();
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(start.elapsed() < PATIENCE, "waited in vain for {}", what());
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A supervisor, as far as a test speaks for it.
pub(crate) struct Supervisor(TcpListener);

impl Supervisor {
    /// Listens on a port that the system chooses.
    pub(crate) fn listen() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.set_nonblocking(true).expect("set");
        Self(listener)
    }

    /// Where.
    pub(crate) fn address(&self) -> SocketAddr {
        self.0.local_addr().expect("an address")
    }

    /// A config's section that names it.
    pub(crate) fn section(&self) -> String {
        format!("[[supervisor]]\naddress = \"{}\"\n", self.address())
    }

    /// The next link that an agent opens.
    pub(crate) fn accept(&self) -> Link {
        let (socket, _) = until(|| self.0.accept().ok(), || "an agent to call".to_owned());
        socket.set_nonblocking(false).expect("set");
        socket.set_read_timeout(Some(PATIENCE)).expect("set");
        Link { socket, decoder: Decoder::new(), read: Vec::new() }
    }

    /// The next link, greeted and welcomed.
    pub(crate) fn welcome(&self) -> (Link, Hello) {
        let mut link = self.accept();
        let Some(Said::Hello(hello)) = link.hear() else { panic!("a hello comes first") };
        let welcome = Welcome { version: hello.version_max, term: Term(1), leading: true };
        link.say(&SupervisorMessage::Welcome(welcome));
        (link, hello)
    }
}

/// What an agent said.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Said {
    /// Its greeting.
    Hello(Hello),
    /// A full report.
    Full(Sequence, Box<Report>),
    /// A delta, and how many numbers back its base is.
    Delta(Sequence, u16),
    /// Good-bye.
    Goodbye,
    /// Anything else.
    Other,
}

/// One link, from the supervisor's side.
pub(crate) struct Link {
    socket: TcpStream,
    decoder: Decoder,
    read: Vec<u8>,
}

impl Link {
    /// The next message; `None` when the agent closed the link.
    pub(crate) fn hear(&mut self) -> Option<Said> {
        loop {
            let mut rest = self.read.as_slice();
            let said = self.decoder.push(&mut rest).expect("a frame").map(|message| {
                match AgentMessage::decode(message).expect("a message") {
                    AgentMessage::Hello(hello) => Said::Hello(hello),
                    AgentMessage::Report { sequence, report } => Said::Full(sequence, Box::new(report)),
                    AgentMessage::Delta { sequence, back, .. } => Said::Delta(sequence, back),
                    AgentMessage::Goodbye(_) => Said::Goodbye,
                    AgentMessage::Container(_)
                    | AgentMessage::Outcome(_)
                    | AgentMessage::Standing(_)
                    | AgentMessage::Engine(_)
                    | AgentMessage::Leading(_) => Said::Other,
                }
            });
            self.read = rest.to_vec();
            if said.is_some() {
                return said;
            }
            let mut buffer = [0; 4096];
            match self.socket.read(&mut buffer) {
                Ok(0) => return None,
                Ok(length) => self.read.extend_from_slice(&buffer[..length]),
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return None,
                Err(error) => panic!("no message: {error}"),
            }
        }
    }

    /// Hears on until a report, and gives it.
    pub(crate) fn report(&mut self) -> Said {
        loop {
            let said = self.hear().expect("the link holds");
            if matches!(said, Said::Full(..) | Said::Delta(..)) {
                return said;
            }
        }
    }

    /// Says a message.
    pub(crate) fn say(&mut self, message: &SupervisorMessage) {
        let mut bytes = [0; protocol::frame::MESSAGE_BYTES_MAX];
        let length = message.encode(&mut bytes).expect("it fits");
        let mut frame = [0; stream::FRAME_BYTES_MAX];
        let length = stream::encode(&bytes[..length], &mut frame).expect("it fits");
        self.say_bytes(&frame[..length]);
    }

    /// Says anything at all. The agent may have closed the link meanwhile: then it does not hear it.
    pub(crate) fn say_bytes(&mut self, bytes: &[u8]) {
        let _ = self.socket.write_all(bytes);
    }

    /// Whether the agent closes the link, whatever it says before.
    pub(crate) fn is_closed(&mut self) -> bool {
        while self.hear().is_some() {}
        true
    }
}
