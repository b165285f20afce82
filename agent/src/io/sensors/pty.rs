//! A serial line for tests: the one end is a device file, the other is held here.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::symlink;
use std::path::Path;

use rustix::fs::{OFlags, fcntl_setfl};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};

/// The end that plays the device. Dropped, it is an adapter pulled out.
pub(super) struct Pty(File);

impl Pty {
    /// A line whose other end is at `path`.
    pub(super) fn linked(path: &Path) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap().into_string().unwrap();
        let mut settings = tcgetattr(&master).unwrap();
        settings.make_raw();
        tcsetattr(&master, OptionalActions::Now, &settings).unwrap();
        fcntl_setfl(&master, OFlags::RDWR | OFlags::NONBLOCK).unwrap();
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        symlink(name, path).unwrap();
        Self(File::from(master))
    }

    /// What was sent to the device since the last time.
    pub(super) fn sent(&mut self) -> Vec<u8> {
        let mut bytes = vec![0; 256];
        let length = self.0.read(&mut bytes).unwrap_or(0);
        bytes.truncate(length);
        bytes
    }
}

impl Write for Pty {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}
