//! Programs that own a terminal, when the terminal goes away: a closed window, an SSH line that broke.

use std::fs::{File, OpenOptions};
use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use crate::served::{DEADLINE, Served};

/// Takes the alternate screen, and gives it back (xterm's control sequences, DEC private mode 1049).
const TAKEN: &[u8] = b"\x1b[?1049h";
const GIVEN_BACK: &[u8] = b"\x1b[?1049l";

/// Where some bytes are among others.
fn contains(all: &[u8], some: &[u8]) -> Option<usize> {
    all.windows(some.len()).position(|bytes| bytes == some)
}

/// The person's end of a terminal, and the program in it.
pub(crate) struct Window {
    end: File,
    child: Child,
}

impl Window {
    /// The program in a terminal of its own. `controlling`: it hears SIGHUP when the window is closed, as under a shell.
    pub(crate) fn open(words: &[&str], controlling: bool) -> Self {
        Self::open_with(Path::new(env!("CARGO_BIN_EXE_heliostat")), words, controlling)
    }

    /// As [`Self::open`], any program.
    fn open_with(program: &Path, words: &[&str], controlling: bool) -> Self {
        let end = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        grantpt(&end).unwrap();
        unlockpt(&end).unwrap();
        let name = ptsname(&end, Vec::new()).unwrap().into_string().unwrap();
        let size = Winsize { ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&end, size).unwrap();
        let near = || Stdio::from(OpenOptions::new().read(true).write(true).open(&name).unwrap());
        // It leads no group, so `setsid` need not fork: the child that is waited for is the program itself.
        let mut command = Command::new("setsid");
        command.args(controlling.then_some("--ctty")).arg(program).args(words);
        command.env("TERM", "xterm-256color");
        let child = command.stdin(near()).stdout(near()).stderr(near()).spawn().unwrap();
        Self { end: end.into(), child }
    }

    /// Reads what is drawn until the alternate screen was taken.
    fn wait_for_screen(&mut self) {
        self.read_until(|drawn, _| contains(drawn, TAKEN).is_some());
    }

    /// Reads what is drawn until it is enough; `true` to the reader once nothing more can come.
    fn read_until(&mut self, enough: impl Fn(&[u8], bool) -> bool) -> Vec<u8> {
        self.read_within(DEADLINE, enough)
    }

    fn read_within(&mut self, most: Duration, enough: impl Fn(&[u8], bool) -> bool) -> Vec<u8> {
        let mut drawn = Vec::new();
        let begun = Instant::now();
        loop {
            let mut polled = [PollFd::new(&self.end, PollFlags::IN)];
            let _ = poll(&mut polled, Some(&Timespec { tv_sec: 1, tv_nsec: 0 }));
            let seen = polled[0].revents();
            let mut bytes = [0; 4096];
            // EIO is the end: nobody holds the other side any more.
            let count = if seen.is_empty() { 0 } else { self.end.read(&mut bytes).unwrap_or(0) };
            drawn.extend_from_slice(&bytes[..count]);
            let ended = count == 0 && seen.contains(PollFlags::HUP);
            if enough(&drawn, ended) {
                return drawn;
            }
            assert!(!ended && begun.elapsed() < most, "{}", String::from_utf8_lossy(&drawn));
        }
    }

    /// Reads what is drawn for as long as something else lasts.
    pub(crate) fn read_while(&mut self, lasts: impl Fn() -> bool) -> Vec<u8> {
        self.read_within(10 * DEADLINE, |_, _| !lasts())
    }

    /// The program's process.
    pub(crate) fn process(&self) -> u32 {
        self.child.id()
    }

    /// Closes the window; the program must end.
    fn close(self) {
        let Self { end, mut child } = self;
        drop(end);
        let begun = Instant::now();
        while child.try_wait().unwrap().is_none() {
            if begun.elapsed() > DEADLINE {
                child.kill().unwrap();
                child.wait().unwrap();
                panic!("still there {DEADLINE:?} after its terminal went");
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

#[test]
fn a_dashboard_whose_terminal_goes_away_ends_instead_of_reading_its_end_for_ever() {
    let folder = tempfile::tempdir().unwrap();
    let served = Served::start(folder.path());
    let socket = served.data.join("supervisor.sock");
    for controlling in [true, false] {
        let words = ["dashboard", "--socket", socket.to_str().unwrap()];
        let mut window = Window::open(&words, controlling);
        window.wait_for_screen();
        window.close();
    }
}

#[test]
fn a_demo_whose_terminal_goes_away_ends() {
    for controlling in [true, false] {
        let mut window = Window::open(&["demo"], controlling);
        window.wait_for_screen();
        window.close();
    }
}

#[test]
#[ignore = "panics on purpose: the test below runs it in a terminal of its own"]
fn a_bug_in_a_terminal() {
    let _screen = supervisor::tui::Screen::open().unwrap();
    panic!("as a bug would");
}

#[test]
fn a_panic_gives_the_terminal_back_and_is_read_on_it() {
    let this = std::env::current_exe().unwrap();
    let words = ["--exact", "terminal::a_bug_in_a_terminal", "--ignored", "--nocapture"];
    let mut window = Window::open_with(&this, &words, true);
    let drawn = window.read_until(|_, ended| ended);
    assert!(!window.child.wait().unwrap().success());
    let place =
        |bytes| contains(&drawn, bytes).unwrap_or_else(|| panic!("{}", String::from_utf8_lossy(&drawn)));
    assert!(place(TAKEN) < place(GIVEN_BACK));
    assert!(place(GIVEN_BACK) < place(b"as a bug would"), "told where it can be read");
}
