//! Programs that own a terminal, when the terminal goes away: a closed window, an SSH line that broke.

use std::fs::{File, OpenOptions};
use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use crate::served::{DEADLINE, Served};

/// The person's end of a terminal, and the program in it.
struct Window {
    end: File,
    child: Child,
}

impl Window {
    /// A program in a terminal of its own. `controlling`: it hears SIGHUP when the window is closed, as under a shell.
    fn open(words: &[&str], controlling: bool) -> Self {
        let end = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        grantpt(&end).unwrap();
        unlockpt(&end).unwrap();
        let name = ptsname(&end, Vec::new()).unwrap().into_string().unwrap();
        let near = || Stdio::from(OpenOptions::new().read(true).write(true).open(&name).unwrap());
        // It leads no group, so `setsid` need not fork: the child that is waited for is the program itself.
        let mut command = Command::new("setsid");
        command.args(controlling.then_some("--ctty")).arg(env!("CARGO_BIN_EXE_heliostat")).args(words);
        command.env("TERM", "xterm-256color").env("COLUMNS", "80").env("LINES", "24");
        let child = command.stdin(near()).stdout(near()).stderr(near()).spawn().unwrap();
        Self { end: end.into(), child }
    }

    /// Reads what is drawn until the alternate screen was taken.
    fn wait_for_screen(&mut self) {
        let mut drawn = Vec::new();
        let begun = Instant::now();
        while !drawn.windows(8).any(|bytes| bytes == b"\x1b[?1049h") {
            assert!(begun.elapsed() < DEADLINE, "{}", String::from_utf8_lossy(&drawn));
            let mut polled = [PollFd::new(&self.end, PollFlags::IN)];
            let _ = poll(&mut polled, Some(&Timespec { tv_sec: 1, tv_nsec: 0 }));
            if polled[0].revents().contains(PollFlags::IN) {
                let mut bytes = [0; 4096];
                let count = self.end.read(&mut bytes).unwrap_or(0);
                drawn.extend_from_slice(&bytes[..count]);
            }
        }
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
