//! One emulated Raspberry Pi 3B: its console, its monitor, its card.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;
use tests::{program, wait};

/// The board comes up within this on a machine that is busy with other things; half a minute otherwise.
const UP: Duration = Duration::from_mins(5);
/// A line of the console is answered within this.
const ANSWER: Duration = Duration::from_mins(2);
/// What the init says.
const MARK: &str = "hil: done ";

/// Runs a command of this machine and gives what it said.
pub(crate) fn host(command: &mut Command) -> String {
    let ended = command.stdin(Stdio::null()).output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let said =
        format!("{}{}", String::from_utf8_lossy(&ended.stdout), String::from_utf8_lossy(&ended.stderr));
    assert!(ended.status.success(), "{command:?} ended with {}:\n{said}", ended.status);
    said
}

/// Where `tests/hil/parts` put its parts, and the cross-built agent.
pub(crate) struct Parts {
    folder: PathBuf,
    agent: PathBuf,
}

impl Parts {
    /// Finds them.
    pub(crate) fn find() -> Self {
        let built = program::path("engine-stand-in");
        let target = built.ancestors().nth(2).expect("a target folder");
        let parts = Self {
            folder: target.join("hil"),
            agent: target.join("cross/build/aarch64-unknown-linux-gnu/ship/heliostat-agent"),
        };
        for part in [&parts.agent, &parts.folder.join("kernel"), &parts.folder.join("initramfs/init")] {
            assert!(part.exists(), "{} is missing: run tests/run hil, which makes it", part.display());
        }
        parts
    }

    /// How large the shipped agent is.
    pub(crate) fn agent_bytes(&self) -> u64 {
        fs::metadata(&self.agent).expect("the agent").len()
    }

    /// The initramfs with the agent and these files in it.
    pub(crate) fn initramfs(&self, to: &Path, files: &[(&str, &str)]) {
        let tree = tempfile::tempdir().expect("a folder");
        host(Command::new("cp").arg("-a").arg(self.folder.join("initramfs")).arg(tree.path().join("root")));
        let root = tree.path().join("root");
        fs::copy(&self.agent, root.join("bin/heliostat-agent")).expect("the agent");
        for (path, text) in files {
            fs::write(root.join(path), text).expect("written");
        }
        let archive = format!("find . | cpio -o -H newc --quiet | gzip -1 > '{}'", to.display());
        host(Command::new("sh").current_dir(&root).args(["-ec", &archive]));
    }
}

/// A fresh card: one ext4 file system.
pub(crate) fn card(path: &Path) {
    // The controller takes cards of a power of two only.
    fs::File::create(path).and_then(|file| file.set_len(64 << 20)).expect("a card");
    host(Command::new("mkfs.ext4").args(["-q", "-F", "-m", "0"]).arg(path));
}

/// Takes a file from a card as a power cut left it, the way the next boot would: the journal is played first.
pub(crate) fn from_card(card: &Path, file: &str, to: &Path) {
    let checked = Command::new("e2fsck").arg("-fy").arg(card).output().expect("e2fsck");
    // 0: nothing to do, 1: the journal was played.
    assert!(
        checked.status.code().is_some_and(|code| code <= 1),
        "{}",
        String::from_utf8_lossy(&checked.stdout)
    );
    let dump = format!("dump {file} {}", to.display());
    host(Command::new("debugfs").args(["-R", &dump]).arg(card));
}

/// A running board. Killed when dropped, and by the kernel should this program die.
pub(crate) struct Pi {
    qemu: Child,
    console: UnixStream,
    said: Arc<Mutex<String>>,
    monitor: BufReader<UnixStream>,
    card: PathBuf,
    _sockets: TempDir,
}

impl Pi {
    /// Switches it on and waits until its init listens.
    pub(crate) fn boot(parts: &Parts, initramfs: &Path, card: &Path) -> Self {
        let sockets = tempfile::tempdir().expect("a folder");
        let (console, monitor) = (sockets.path().join("console"), sockets.path().join("monitor"));
        let mut command = Command::new("setpriv");
        command
            .args([
                "--pdeathsig",
                "KILL",
                "qemu-system-aarch64",
                "-M",
                "raspi3b",
                "-display",
                "none",
                "-no-reboot",
            ])
            .arg("-kernel")
            .arg(parts.folder.join("kernel"))
            .arg("-dtb")
            .arg(parts.folder.join("board.dtb"))
            .arg("-initrd")
            .arg(initramfs)
            .args([
                "-append",
                "console=ttyS1,115200 iomem=relaxed panic=5 quiet",
                "-serial",
                "null",
                "-serial",
            ])
            .arg(format!("unix:{},server=on,wait=off", console.display()))
            .arg("-qmp")
            .arg(format!("unix:{},server=on,wait=off", monitor.display()))
            .arg("-drive")
            .arg(format!("if=sd,format=raw,file={}", card.display()))
            .args(["-device", "tmp105,id=air,bus=i2c-bus.1,address=0x48"]);
        let qemu = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().expect("QEMU");
        let connect =
            |path: &Path| wait::until(format!("{}", path.display()), UP, || UnixStream::connect(path).ok());
        let (console, monitor) = (connect(&console), BufReader::new(connect(&monitor)));
        let said = Arc::new(Mutex::new(String::new()));
        keep(console.try_clone().expect("a handle"), &said);
        let mut pi = Self { qemu, console, said, monitor, card: card.to_owned(), _sockets: sockets };
        pi.qmp("qmp_capabilities", &json!({}));
        pi.wait_for("hil: up", 0, UP);
        pi
    }

    /// Waits for a text on the console after a place; gives the place behind it.
    fn wait_for(&mut self, text: &str, from: usize, deadline: Duration) -> usize {
        let begun = Instant::now();
        loop {
            if let Some(at) = self.said.lock().expect("no panic while locked")[from..].find(text) {
                return from + at + text.len();
            }
            let gone = self.qemu.try_wait().expect("QEMU's state");
            assert!(
                gone.is_none() && begun.elapsed() < deadline,
                "waited in vain for {text:?} (QEMU ended: {gone:?}):\n{}",
                self.said.lock().expect("no panic while locked")
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Has a line carried out; gives what it printed and how it ended.
    pub(crate) fn try_sh(&mut self, line: &str) -> (String, i32) {
        let from = self.said.lock().expect("no panic while locked").len();
        self.console.write_all(format!("{line}\n").as_bytes()).expect("the console");
        let end = self.wait_for(MARK, from, ANSWER);
        self.wait_for("\n", end, ANSWER);
        let said = self.said.lock().expect("no panic while locked");
        let status = said[end..].lines().next().and_then(|word| word.trim().parse().ok()).expect("a status");
        (said[from..end - MARK.len()].replace('\r', "").trim().to_owned(), status)
    }

    /// As [`Self::try_sh`], of a line that must succeed.
    pub(crate) fn sh(&mut self, line: &str) -> String {
        let (said, status) = self.try_sh(line);
        assert_eq!(status, 0, "{line}: {said}");
        said
    }

    /// Looks until a line's output satisfies.
    pub(crate) fn until(
        &mut self,
        what: &str,
        line: &str,
        deadline: Duration,
        good: impl Fn(&str) -> bool,
    ) -> String {
        let begun = Instant::now();
        loop {
            let (said, _) = self.try_sh(line);
            if good(&said) {
                return said;
            }
            if begun.elapsed() >= deadline {
                let log = self.try_sh("cat /run/agent.log").0;
                panic!("waited {deadline:?} in vain for {what}; {line}: {said}\n{log}");
            }
            // The board has one emulated processor's time: asking takes from what is asked about.
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    /// Asks QEMU's monitor.
    pub(crate) fn qmp(&mut self, execute: &str, arguments: &Value) -> Value {
        let line = json!({ "execute": execute, "arguments": arguments }).to_string();
        self.monitor.get_mut().write_all(line.as_bytes()).expect("the monitor");
        loop {
            let mut answer = String::new();
            self.monitor.read_line(&mut answer).expect("the monitor");
            let answer: Value = serde_json::from_str(&answer).expect("JSON");
            assert!(answer.get("error").is_none(), "{execute}: {answer}");
            if let Some(value) = answer.get("return") {
                return value.clone();
            }
        }
    }

    /// A word of the board's memory, as the processor would read it.
    fn word(&mut self, address: u32) -> u32 {
        let arguments = json!({ "command-line": format!("xp /1xw {address:#x}") });
        let said = self.qmp("human-monitor-command", &arguments);
        let word = said.as_str().and_then(|said| said.trim().rsplit("0x").next()).expect("a word");
        u32::from_str_radix(word, 16).expect("a word")
    }

    /// The level of a GPIO line, from the level registers (BCM2835 ARM Peripherals, 6.1: GPLEV0 and GPLEV1).
    pub(crate) fn gpio(&mut self, line: u32) -> bool {
        self.word(0x3f20_0034 + line / 32 * 4) >> (line % 32) & 1 == 1
    }

    /// Sets a register of the chip.
    pub(crate) fn chip(&mut self, register: u8, value: u16) {
        self.sh(&format!("echo {value:#x} >/sys/kernel/debug/hil_i2c/{register:02x}"));
    }

    /// What the battery is to look like: a shunt of 2 mOhm under an INA226 (SBOS547B 7.6: 2.5 uV and 1.25 mV a bit).
    pub(crate) fn battery(&mut self, volts: f64, amps: f64) {
        self.chip(0x01, ((amps * 0.002 / 2.5e-6).round() as i16).cast_unsigned());
        self.chip(0x02, (volts / 1.25e-3).round() as u16);
    }

    /// The card as the death of QEMU at this very moment would leave it: the process is stopped wherever it is, between two
    /// writes of one request too, which its own `stop` would let end.
    pub(crate) fn cut_card(&mut self, to: &Path) {
        let signal = |signal| kill_process(Pid::from_child(&self.qemu), signal).expect("a signal to QEMU");
        signal(Signal::STOP);
        host(Command::new("cp").arg("--sparse=always").arg(&self.card).arg(to));
        signal(Signal::CONT);
    }

    /// Waits until the board has switched itself off.
    pub(crate) fn ends(&mut self, deadline: Duration) {
        wait::until("the board to switch itself off", deadline, || {
            self.qemu.try_wait().expect("QEMU's state")
        });
    }

    /// Pulls the plug.
    pub(crate) fn cut(self) {
        drop(self);
    }
}

impl Drop for Pi {
    fn drop(&mut self) {
        let _ = self.qemu.kill();
        let _ = self.qemu.wait();
        if std::thread::panicking() {
            eprintln!(
                "--- the console's end ---\n{}\n---",
                self.said.lock().map(|said| tail(&said, 8000).to_owned()).unwrap_or_default()
            );
        }
    }
}

/// The last bytes of what the console said, which is all ASCII.
fn tail(said: &str, bytes: usize) -> &str {
    said.get(said.len().saturating_sub(bytes)..).unwrap_or(said)
}

/// Keeps what the console says, in a thread that ends with it.
fn keep(mut console: UnixStream, said: &Arc<Mutex<String>>) {
    let said = Arc::clone(said);
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(length @ 1..) = console.read(&mut buffer) {
            if let Ok(mut said) = said.lock() {
                // The console speaks ASCII; a byte of line noise at power-up is none.
                said.extend(buffer[..length].iter().map(|byte| char::from(byte & 0x7f)));
            }
        }
    });
}
