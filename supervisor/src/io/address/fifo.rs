//! Keepalived's notify fifo: made here, opened for both directions, so that neither side's restart ends it.

use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, FileType, Mode, mknodat};
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;

use super::conf::INSTANCE;

/// No line of keepalived is longer; what is, is thrown away up to its end.
const LINE_BYTES_MAX: usize = 256;

/// The open fifo.
#[derive(Debug)]
pub(super) struct Fifo {
    path: PathBuf,
    inode: u64,
    pipe: pipe::Receiver,
    lines: Lines,
}

/// What keepalived said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Line {
    /// Our instance changed.
    Ours {
        /// `MASTER`, `BACKUP`, `FAULT`, `STOP`, `DELETED` or one that a later version has.
        state: String,
        /// Its effective priority.
        priority: String,
    },
    /// Another instance or group of an existing config: not ours to follow.
    Other,
    /// Nothing that keepalived is known to say.
    Unknown(String),
}

impl Fifo {
    /// Makes it where it is missing, and opens it.
    ///
    /// # Errors
    ///
    /// In words: something else is there, or the folder does not allow it.
    pub(super) fn open(path: &Path) -> Result<Self, String> {
        let words = |error: io::Error| format!("{}: {error}", path.display());
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(words)?;
        }
        match mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR | Mode::RGRP | Mode::WGRP, 0) {
            Ok(()) | Err(rustix::io::Errno::EXIST) => {}
            Err(error) => return Err(words(error.into())),
        }
        let file = std::fs::symlink_metadata(path).map_err(words)?;
        if !file.file_type().is_fifo() {
            return Err(format!("{}: this is no fifo, and is left alone", path.display()));
        }
        // Open for writing, too: it has no end then when keepalived closes its side.
        let pipe = pipe::OpenOptions::new().read_write(true).open_receiver(path).map_err(words)?;
        Ok(Self { path: path.to_owned(), inode: file.ino(), pipe, lines: Lines::default() })
    }

    /// Whether its name still leads to it.
    pub(super) fn is_still_there(&self) -> bool {
        std::fs::symlink_metadata(&self.path).is_ok_and(|file| file.ino() == self.inode)
    }

    /// The next line, however long it takes. Cancelled, it loses nothing.
    pub(super) async fn line(&mut self) -> Line {
        let mut buffer = [0; 512];
        loop {
            if let Some(line) = self.lines.next() {
                return line;
            }
            match self.pipe.read(&mut buffer).await {
                Ok(read) if read > 0 => self.lines.feed(buffer.get(..read).unwrap_or_default()),
                // It cannot end while we hold it open for writing; if it fails all the same, the ticks must do.
                _ => std::future::pending().await,
            }
        }
    }
}

/// Lines out of pieces.
#[derive(Debug, Default)]
struct Lines {
    bytes: Vec<u8>,
    /// What comes belongs to a line that was too long.
    overlong: bool,
}

impl Lines {
    fn feed(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    fn next(&mut self) -> Option<Line> {
        loop {
            let Some(end) = self.bytes.iter().position(|byte| *byte == b'\n') else {
                if self.bytes.len() > LINE_BYTES_MAX {
                    self.bytes.clear();
                    self.overlong = true;
                }
                return None;
            };
            let line: Vec<u8> = self.bytes.drain(..=end).collect();
            if !std::mem::take(&mut self.overlong) && line.len() <= LINE_BYTES_MAX {
                return Some(parse(String::from_utf8_lossy(&line).trim_end()));
            }
        }
    }
}

/// `INSTANCE "heliostat" MASTER 150`
fn parse(line: &str) -> Line {
    let words: Vec<&str> = line.split_whitespace().collect();
    match words[..] {
        ["INSTANCE", name, state, priority] if name.trim_matches('"') == INSTANCE => {
            Line::Ours { state: state.to_owned(), priority: priority.to_owned() }
        }
        ["INSTANCE" | "GROUP", _, _, _] | ["VS" | "RS", ..] => Line::Other,
        _ => Line::Unknown(line.chars().filter(|c| !c.is_control()).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(pieces: &[&str]) -> Vec<Line> {
        let mut lines = Lines::default();
        let mut found = Vec::new();
        for piece in pieces {
            lines.feed(piece.as_bytes());
            found.extend(std::iter::from_fn(|| lines.next()));
        }
        found
    }

    fn ours(state: &str, priority: &str) -> Line {
        Line::Ours { state: state.to_owned(), priority: priority.to_owned() }
    }

    #[test]
    fn a_line_in_pieces_is_one_line_and_two_lines_in_a_piece_are_two() {
        let pieces = ["INSTANCE \"helio", "stat\" MAST", "ER 150\nINSTANCE \"heliostat\" BACKUP 90\nINST"];
        assert_eq!(all(&pieces), [ours("MASTER", "150"), ours("BACKUP", "90")]);
    }

    #[test]
    fn other_instances_are_not_ours_and_nonsense_is_said_without_what_upsets_a_terminal() {
        let found = all(&["INSTANCE \"VI_1\" MASTER 100\n", "GROUP \"G\" FAULT 0\n", "\x1b[2Jhello\n"]);
        assert_eq!(found, [Line::Other, Line::Other, Line::Unknown("[2Jhello".to_owned())]);
    }

    #[test]
    fn a_line_without_end_is_thrown_away_up_to_its_end() {
        let long = "x".repeat(300);
        assert_eq!(all(&[&long, "yyy\n", "INSTANCE \"heliostat\" STOP 0\n"]), [ours("STOP", "0")]);
    }

    #[tokio::test]
    async fn a_fifo_outlives_its_writers_and_is_noticed_when_it_is_gone() {
        use std::io::Write as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run/fifo");
        let mut fifo = Fifo::open(&path).unwrap();
        for state in ["MASTER", "BACKUP"] {
            let mut writer = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
            writeln!(writer, "INSTANCE \"heliostat\" {state} 150").unwrap();
            drop(writer);
            assert_eq!(fifo.line().await, ours(state, "150"));
        }
        assert!(fifo.is_still_there());
        std::fs::remove_file(&path).unwrap();
        assert!(!fifo.is_still_there());
        std::fs::write(&path, "a file").unwrap();
        assert!(Fifo::open(&path).unwrap_err().contains("no fifo"));
        assert_eq!(std::fs::read(&path).unwrap(), b"a file");
    }
}
