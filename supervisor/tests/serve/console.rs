//! The dashboard at the end of a serial line of 9600 baud, with noise, and with plugs that are pulled.

use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use protocol::Stage;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use crate::agent::{Agent, hello, report};
use crate::served::{Served, heliostat};

/// What 9600 baud carry, in bytes a second: eight bits, a start and a stop.
const BYTES_PER_SECOND: usize = 960;
/// The line is emptied this often.
const TICK: Duration = Duration::from_millis(50);

/// A screen that was disturbed is right again in three to ten seconds, and the times
/// are printed; this bound is for a machine that is busy with other tests, while the fleet changes.
const WITHIN: Duration = Duration::from_secs(25);

/// The far end of a line: a terminal, and the wire to it.
struct FarEnd {
    wire: File,
    terminal: vt100::Parser,
    bytes: usize,
    dice: u64,
    /// The last four bytes.
    heard: u32,
    /// Whether it says where its cursor is: nearly all do.
    answers: bool,
}

impl FarEnd {
    /// Plugged in where `device` points to from now on.
    fn plug_in(device: &Path) -> Self {
        // No child may hold this end, or pulling it would be no cut.
        let wire = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        grantpt(&wire).unwrap();
        unlockpt(&wire).unwrap();
        let name = ptsname(&wire, Vec::new()).unwrap();
        let _ = std::fs::remove_file(device);
        std::os::unix::fs::symlink(name.to_str().unwrap(), device).unwrap();
        Self {
            wire: wire.into(),
            terminal: vt100::Parser::new(24, 80, 0),
            bytes: 0,
            dice: 42,
            heard: 0,
            answers: true,
        }
    }

    /// Lets the line run for a time, at its speed. `noise` of a thousand bytes are changed.
    fn run(&mut self, time: Duration, noise: u64) {
        let end = Instant::now() + time;
        while Instant::now() < end {
            std::thread::sleep(TICK);
            let mut bytes = vec![0; BYTES_PER_SECOND * TICK.as_millis() as usize / 1000];
            if !self.is_readable() {
                continue;
            }
            // EIO until somebody opens the other end.
            let Ok(count) = self.wire.read(&mut bytes) else { continue };
            self.bytes += count;
            for byte in &mut bytes[..count] {
                // Knuth's generator: enough for noise.
                self.dice = self.dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                if (self.dice >> 33) % 1000 < noise {
                    *byte = (self.dice >> 45) as u8;
                }
                self.take(*byte);
            }
        }
    }

    /// Shows a byte. A terminal answers when it is asked where its cursor is.
    fn take(&mut self, byte: u8) {
        self.terminal.process(&[byte]);
        self.heard = self.heard << 8 | u32::from(byte);
        if self.answers && self.heard.to_be_bytes() == *b"\x1b[6n" {
            let (row, column) = self.terminal.screen().cursor_position();
            // Nobody may be there to hear it.
            let _ = write!(self.wire, "\x1b[{};{}R", row + 1, column + 1);
        }
    }

    fn is_readable(&self) -> bool {
        let mut polled = [PollFd::new(&self.wire, PollFlags::IN)];
        poll(&mut polled, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).is_ok_and(|count| count > 0)
            && polled[0].revents().contains(PollFlags::IN)
    }

    fn type_in(&mut self, bytes: &[u8]) {
        self.wire.write_all(bytes).unwrap();
    }

    /// Runs until the screen is right, at most so long; returns how long it took.
    fn run_until_right(&mut self, most: Duration) -> Duration {
        let begun = Instant::now();
        while !self.is_right() {
            assert!(begun.elapsed() < most, "after {most:?}:\n{}", self.terminal.screen().contents());
            self.run(TICK * 2, 0);
        }
        begun.elapsed()
    }

    /// Whether every row is what the dashboard shows of this fleet: the parts of it that do not change with time, and
    /// nothing where nothing belongs.
    fn is_right(&self) -> bool {
        let screen = self.terminal.screen().contents();
        let rows: Vec<String> =
            self.terminal.screen().rows(0, 80).map(|row| row.trim_end().to_owned()).collect();
        let row = |number: usize| rows.get(number).map_or("", String::as_str);
        // Agents of these tests say nothing more, so that in time they are late, and lost.
        let node = |name: &str, row: &str| {
            let plain = row.strip_prefix([' ', '*']).unwrap_or(row);
            let stands = ["S shed", "? late", "! LOST"].iter().any(|state| plain.contains(state));
            plain.starts_with(name) && stands
        };
        row(0).starts_with(" heliostat 127.0.0.1:")
            && row(0).ends_with('Z')
            && row(1).starts_with("garage 12.6")
            && (row(2).starts_with("  measured by pi") || row(2).starts_with("  ! not known"))
            && row(3).starts_with(" node       stage      link  cpu temp C/s/d run       wgt why")
            && (1..=5).all(|number| node(&format!("pi{number} "), row(3 + number)))
            && row(9).starts_with("pi")
            && row(9).contains(": ")
            && row(23) == " up/down choose  Enter why                           1-4 pages  ? help  q quits"
            && screen.bytes().all(|byte| byte == b'\n' || (b' '..=b'~').contains(&byte))
    }
}

/// The program on the line.
struct Console(Child);

impl Console {
    fn start(served: &Served, device: &Path) -> Self {
        let mut command = heliostat();
        command.args(["dashboard", "--baud", "9600", "--size", "80x24", "--tty"]).arg(device);
        command.arg("--data").arg(&served.data);
        Self(command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap())
    }
}

impl Drop for Console {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn fleet(folder: &Path) -> (Served, Vec<Agent>) {
    let served = Served::start(folder);
    let agent = |number: usize| {
        let mut shedding = report(58.0);
        (shedding.stage, shedding.floor) = (Stage::Shed, Stage::Shed);
        shedding.reason = protocol::Reason::VoltageBelow {
            compensated: protocol::Voltage::from_volts(12.02),
            threshold: protocol::Voltage::from_volts(12.05),
            held: protocol::Seconds(600),
        };
        Agent::join_and_report(served.address, hello(&format!("pi{number}")), shedding)
    };
    let agents = (1..=5).map(agent).collect();
    (served, agents)
}

fn device(folder: &Path) -> PathBuf {
    folder.join("ttyUSB0")
}

#[test]
fn at_9600_baud_the_first_picture_is_small_and_a_steady_screen_costs_little() {
    let folder = tempfile::tempdir().unwrap();
    let (served, _agents) = fleet(folder.path());
    let mut far = FarEnd::plug_in(&device(folder.path()));
    let _console = Console::start(&served, &device(folder.path()));
    let took = far.run_until_right(Duration::from_secs(20));
    let first = far.bytes;
    far.run(Duration::from_secs(3), 0);
    let before = far.bytes;
    far.run(Duration::from_secs(15), 0);
    let steady = (far.bytes - before) as f64 / 15.0;
    println!("serial: first picture {first} bytes in {took:?}; steady {steady:.0} bytes/s");
    assert!(first <= 4096, "{first} bytes");
    assert!(steady <= 200.0, "{steady} bytes a second");
}

#[test]
fn noise_is_gone_within_ten_seconds_and_a_pulled_plug_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let (served, _agents) = fleet(folder.path());
    let mut far = FarEnd::plug_in(&device(folder.path()));
    let _console = Console::start(&served, &device(folder.path()));
    far.run_until_right(Duration::from_secs(20));
    // On the way to the terminal only: nobody here knows of it.
    far.run(Duration::from_secs(5), 100);
    far.terminal.process(b"\x1b[2J\x1b[3;9r\x1b[7mjunk\x1b[");
    let silent = far.run_until_right(WITHIN);
    // On the way back, too: every byte that there is, keys and escapes among them.
    far.type_in(&(0..=255).collect::<Vec<u8>>());
    far.run(Duration::from_secs(2), 200);
    far.type_in(b" 1 1");
    let both = far.run_until_right(WITHIN);
    // The plug is pulled, and put into another terminal, which shows nothing yet.
    drop(far);
    let mut far = FarEnd::plug_in(&device(folder.path()));
    let plug = far.run_until_right(WITHIN);
    // The terminal at the far end is switched off and on.
    far.terminal.process(b"\x1bc");
    let restart = far.run_until_right(WITHIN);
    // One that never answers is written anew row by row.
    far.answers = false;
    far.run(Duration::from_secs(3), 0);
    far.terminal.process(b"\x1bc");
    let mute = far.run_until_right(WITHIN);
    println!(
        "serial: right again after noise {silent:?}, noise both ways {both:?}, plug {plug:?}, restart {restart:?}, restart of \
         a terminal that never answers {mute:?}"
    );
}

#[test]
fn on_a_line_nobody_gives_orders_without_a_pin_or_ends_the_program() {
    let folder = tempfile::tempdir().unwrap();
    let (served, _agents) = fleet(folder.path());
    let mut far = FarEnd::plug_in(&device(folder.path()));
    let mut console = Console::start(&served, &device(folder.path()));
    far.run_until_right(Duration::from_secs(20));
    far.type_in(b"d\rp\rq\x03");
    far.type_in(b" 1");
    far.run_until_right(Duration::from_secs(10));
    assert!(console.0.try_wait().unwrap().is_none(), "it still runs");
    assert!(served.events().iter().all(|event| event["kind"] != "person_ordered"));
}

#[test]
fn what_is_no_line_is_refused_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "x").unwrap();
    for (device, words) in [(file.to_str().unwrap(), "no serial line"), ("/nowhere/tty", "No such file")] {
        let output = heliostat().args(["dashboard", "--tty", device]).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains(words), "{said}");
    }
    let output = heliostat().args(["dashboard"]).output().unwrap();
    assert!(String::from_utf8_lossy(&output.stderr).contains("needs a terminal"));
}
