//! The state file: survives a power cut at any byte, and says so when it did not.
//!
//! Written to a new file, synced, renamed over the old one, and the folder synced: a reader sees the old state or the
//! new one, whole. Its bytes:
//!
//! | bytes | what |
//! |---|---|
//! | 4 | `HELI` |
//! | 2 | version, little endian |
//! | 16, 8, 8 | the moment of writing: boot, milliseconds since it, seconds since 1970 (all ones: not known) |
//! | 4 | length of the state |
//! | n | the state, as postcard |
//! | 4 | CRC-32 (ISO-HDLC) of everything before |
//!
//! A damaged file is kept aside and reported; the agent then starts as if it knew nothing, which is never healthy.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crc::{CRC_32_ISO_HDLC, Crc};
use rustix::fs::{FlockOperation, flock};
use thiserror::Error;

use super::boot::Moment;
use crate::core::state::{FirstState, State};

const MAGIC: &[u8; 4] = b"HELI";
/// Raised when [`State`]'s encoding changes: an agent that is older then starts as if it knew nothing.
const VERSION: u16 = 2;
/// The version before, which is still read.
const FIRST_VERSION: u16 = 1;
const HEADER_BYTES: usize = 4 + 2 + 16 + 8 + 8 + 4;
/// More than any state: a thousand containers take 100 KB.
const FILE_BYTES_MAX: usize = 1 << 20;
const CRC: Crc<u32> = Crc::<u32>::new(&CRC_32_ISO_HDLC);

/// Why bytes are no state.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Damage {
    /// Shorter or longer than it says.
    #[error("it is {found} bytes long, {wanted} are needed")]
    Length {
        /// The file's.
        found: usize,
        /// What its header says, or the least there must be.
        wanted: usize,
    },
    /// Not a state file at all.
    #[error("it does not begin like a state file")]
    Magic,
    /// Another version's.
    #[error("it is of version {found}, this agent writes {VERSION}")]
    Version {
        /// The file's.
        found: u16,
    },
    /// Some byte is not what was written.
    #[error("its checksum does not fit")]
    Checksum,
    /// The checksum fits, but the content is no state.
    #[error("its content is no state")]
    Content,
}

/// Why the agent must not start on a state file.
#[derive(Debug, Error)]
pub enum InUse {
    /// Another agent holds it.
    #[error("another agent{} uses the state file {}: two agents on one node need a config and a state file each",
            Pid(*.pid), .path.display())]
    Locked {
        /// The state file.
        path: PathBuf,
        /// The other's process, when it says.
        pid: Option<u32>,
    },
}

struct Pid(Option<u32>);

impl std::fmt::Display for Pid {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.map_or(Ok(()), |pid| write!(f, " (process {pid})"))
    }
}

/// What was found at the start.
#[derive(Debug)]
pub enum Found {
    /// No file: the first start.
    Nothing,
    /// A whole state, and how long ago it was written, when that can be known.
    State(Box<State>, Option<Duration>),
    /// A file that is no state, or cannot be read.
    Damaged {
        /// Why.
        why: String,
        /// Where it was put, so that a person can look at it; `None` when it could not be moved.
        kept_as: Option<PathBuf>,
    },
}

/// The file, held by this agent alone.
#[derive(Debug)]
pub struct StateFile {
    path: PathBuf,
    root: PathBuf,
    /// Held open: the lock ends with it, also after SIGKILL. `None` where the folder takes no lock (read-only).
    lock: Option<File>,
}

impl StateFile {
    /// Takes the file for this agent, and makes its folder if need be. `root` is `/`, or a made tree.
    ///
    /// A folder that cannot be written is no reason not to keep the node safe: the agent then runs without a lock,
    /// and each write's outcome says what is wrong.
    ///
    /// # Errors
    /// Another agent holds it.
    pub fn take(path: &Path, root: &Path) -> Result<Self, InUse> {
        if let Some(folder) = path.parent() {
            // When this fails, so does every write, and their outcomes say why.
            let _ = fs::create_dir_all(folder);
        }
        let lock = lock(path)?;
        Ok(Self { path: path.to_owned(), root: root.to_owned(), lock })
    }

    /// Whether no other agent can take it.
    pub fn is_locked(&self) -> bool {
        self.lock.is_some()
    }

    /// Reads it, and puts a damaged one aside.
    pub fn load(&self) -> Found {
        match peek(&self.path, &self.root) {
            Found::Damaged { why, .. } => {
                let aside = with_suffix(&self.path, ".damaged");
                let kept_as = fs::rename(&self.path, &aside).is_ok().then_some(aside);
                Found::Damaged { why, kept_as }
            }
            found => found,
        }
    }

    /// Writes it, durably: when this returns, a power cut does not take it back.
    ///
    /// # Errors
    /// The disk's own.
    pub fn save(&self, state: &State) -> io::Result<()> {
        let bytes = encode(state, &Moment::now(&self.root))?;
        let new = with_suffix(&self.path, ".new");
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
        file.write_all(&bytes)?;
        file.sync_all()?;
        fs::rename(&new, &self.path)?;
        if let Some(folder) = self.path.parent() {
            File::open(folder)?.sync_all()?;
        }
        Ok(())
    }
}

/// Reads a state file and changes nothing: for a dry run, and for tools.
pub fn peek(path: &Path, root: &Path) -> Found {
    let damaged = |why: String| Found::Damaged { why, kept_as: None };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Found::Nothing,
        Err(error) => return damaged(error.to_string()),
    };
    let mut bytes = Vec::new();
    // One byte more than any state has: a longer file is then too long instead of endless.
    if let Err(error) = file.take(FILE_BYTES_MAX as u64 + 1).read_to_end(&mut bytes) {
        return damaged(error.to_string());
    }
    match decode(&bytes) {
        Ok((state, written)) => Found::State(Box::new(state), Moment::now(root).since(&written)),
        Err(damage) => damaged(damage.to_string()),
    }
}

fn lock(path: &Path) -> Result<Option<File>, InUse> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(with_suffix(path, ".lock"));
    let Ok(mut file) = file else { return Ok(None) };
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {
            // For the other's message only: the lock holds without it.
            let _ = file.set_len(0).and_then(|()| write!(file, "{}", std::process::id()));
            Ok(Some(file))
        }
        Err(rustix::io::Errno::WOULDBLOCK) => {
            let mut text = String::new();
            let _ = file.take(16).read_to_string(&mut text);
            Err(InUse::Locked { path: path.to_owned(), pid: text.parse().ok() })
        }
        Err(_no_locks_here) => Ok(None),
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    PathBuf::from(name)
}

fn encode(state: &State, now: &Moment) -> io::Result<Vec<u8>> {
    frame(VERSION, &postcard::to_stdvec(state).map_err(io::Error::other)?, now)
}

fn frame(version: u16, body: &[u8], now: &Moment) -> io::Result<Vec<u8>> {
    let length = u32::try_from(body.len()).map_err(io::Error::other)?;
    let since_boot = u64::try_from(now.since_boot.as_millis()).unwrap_or(u64::MAX);
    let mut bytes = Vec::with_capacity(HEADER_BYTES + body.len() + 4);
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&version.to_le_bytes());
    bytes.extend_from_slice(&now.boot);
    bytes.extend_from_slice(&since_boot.to_le_bytes());
    bytes.extend_from_slice(&now.wall.map_or(u64::MAX, |wall| wall.as_secs()).to_le_bytes());
    bytes.extend_from_slice(&length.to_le_bytes());
    bytes.extend_from_slice(body);
    bytes.extend_from_slice(&CRC.checksum(&bytes).to_le_bytes());
    Ok(bytes)
}

fn decode(bytes: &[u8]) -> Result<(State, Moment), Damage> {
    let too_short = || Damage::Length { found: bytes.len(), wanted: HEADER_BYTES + 4 };
    let (magic, rest) = bytes.split_first_chunk::<4>().ok_or_else(too_short)?;
    if magic != MAGIC {
        return Err(Damage::Magic);
    }
    let (version, rest) = rest.split_first_chunk::<2>().ok_or_else(too_short)?;
    let version = u16::from_le_bytes(*version);
    if version != VERSION && version != FIRST_VERSION {
        return Err(Damage::Version { found: version });
    }
    let (boot, rest) = rest.split_first_chunk::<16>().ok_or_else(too_short)?;
    let (since_boot, rest) = rest.split_first_chunk::<8>().ok_or_else(too_short)?;
    let (wall, rest) = rest.split_first_chunk::<8>().ok_or_else(too_short)?;
    let (length, rest) = rest.split_first_chunk::<4>().ok_or_else(too_short)?;
    let wanted = u32::from_le_bytes(*length) as usize;
    if rest.len() != wanted.saturating_add(4) {
        return Err(Damage::Length { found: bytes.len(), wanted: (HEADER_BYTES + 4).saturating_add(wanted) });
    }
    let (body, checksum) = rest.split_last_chunk::<4>().ok_or_else(too_short)?;
    if CRC.checksum(&bytes[..bytes.len() - 4]) != u32::from_le_bytes(*checksum) {
        return Err(Damage::Checksum);
    }
    let read = if version == FIRST_VERSION {
        postcard::take_from_bytes::<FirstState>(body).map(|(first, rest)| (State::from(first), rest))
    } else {
        postcard::take_from_bytes::<State>(body)
    };
    match read {
        Ok((state, [])) => {
            let wall = u64::from_le_bytes(*wall);
            let written = Moment {
                boot: *boot,
                since_boot: Duration::from_millis(u64::from_le_bytes(*since_boot)),
                wall: (wall != u64::MAX).then(|| Duration::from_secs(wall)),
            };
            Ok((state, written))
        }
        _ => Err(Damage::Content),
    }
}

#[cfg(test)]
mod tests {
    use protocol::Stage;

    use super::*;
    use crate::core::event::{ContainerId, CpuSettings};
    use crate::core::state::Touched;

    fn state() -> State {
        let mut state = State { stage: Stage::Shed, relapses: 3, ..State::default() };
        let cpu_before = Some(CpuSettings { nano_cpus: 0, quota: -1, period: 50_000 });
        let touched = Touched { cpu_before, paused: true, ..Touched::default() };
        state.ledger.insert(ContainerId("c0ffee".repeat(10)), touched);
        state
    }

    fn file(folder: &Path) -> StateFile {
        StateFile::take(&folder.join("agent.state"), Path::new("/")).unwrap()
    }

    #[test]
    fn what_was_saved_is_found_again_with_its_age() {
        let folder = tempfile::tempdir().unwrap();
        let file = file(folder.path());
        assert!(matches!(file.load(), Found::Nothing));
        file.save(&state()).unwrap();
        let Found::State(found, Some(age)) = file.load() else { panic!("a whole state, and its age") };
        assert_eq!(*found, state());
        assert!(age < Duration::from_mins(1), "the same boot: {age:?}");
    }

    #[test]
    fn a_file_cut_at_any_byte_is_noticed_and_kept_aside() {
        let folder = tempfile::tempdir().unwrap();
        let file = file(folder.path());
        let whole = encode(&state(), &Moment::now(Path::new("/"))).unwrap();
        for length in 0..whole.len() {
            fs::write(&file.path, &whole[..length]).unwrap();
            let Found::Damaged { kept_as: Some(aside), .. } = file.load() else {
                panic!("cut at byte {length} of {} and taken for whole", whole.len())
            };
            assert_eq!(fs::read(aside).unwrap(), &whole[..length]);
            assert!(matches!(file.load(), Found::Nothing), "the damaged file is out of the way");
        }
    }

    #[test]
    fn a_file_of_the_first_version_still_says_what_was_changed_and_learned() {
        let kept = state();
        let learned = (
            None::<protocol::Soc>,
            0.1_f32,
            [1.0_f32; 9],
            [0.0_f32; 6],
            [0.1_f32; 6],
            [1.0_f32; 3],
            [0.0_f32; 2],
            0.02_f32,
            true,
        );
        let body = (kept.stage, kept.order, Some(learned), &kept.ledger, kept.relapses, kept.floor, true);
        let bytes = frame(FIRST_VERSION, &postcard::to_stdvec(&body).unwrap(), &Moment::default()).unwrap();
        let (found, _) = decode(&bytes).unwrap();
        assert!(found.learned.is_some());
        assert_eq!(State { learned: None, ..found }, State { clock_capped: true, ..kept });
    }

    #[test]
    fn any_flipped_bit_and_any_added_byte_is_noticed() {
        let whole = encode(&state(), &Moment::default()).unwrap();
        for bit in 0..whole.len() * 8 {
            let mut bytes = whole.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(decode(&bytes).is_err(), "bit {bit} flipped");
        }
        let mut longer = whole.clone();
        longer.push(0);
        assert!(matches!(decode(&longer), Err(Damage::Length { .. })));
        assert!(decode(&whole).is_ok());
    }

    #[test]
    fn a_power_cut_while_writing_leaves_the_old_state() {
        let folder = tempfile::tempdir().unwrap();
        let file = file(folder.path());
        file.save(&state()).unwrap();
        // The cut came before the rename: a half-written new file lies beside the old one.
        fs::write(with_suffix(&file.path, ".new"), b"HELI half").unwrap();
        assert!(matches!(file.load(), Found::State(found, _) if *found == state()));
        let after = State { stage: Stage::Drain, ..state() };
        file.save(&after).unwrap();
        assert!(
            matches!(file.load(), Found::State(found, _) if *found == after),
            "the half one is no obstacle"
        );
    }

    #[test]
    fn two_agents_cannot_share_a_state_file_but_can_share_a_folder() {
        let folder = tempfile::tempdir().unwrap();
        let first = file(folder.path());
        assert!(first.is_locked());
        let Err(InUse::Locked { pid, .. }) = StateFile::take(&first.path, Path::new("/")) else {
            panic!("taken twice")
        };
        assert_eq!(pid, Some(std::process::id()));
        StateFile::take(&folder.path().join("other.state"), Path::new("/")).unwrap();
        let path = first.path.clone();
        drop(first);
        StateFile::take(&path, Path::new("/")).unwrap();
    }

    #[test]
    fn a_peek_leaves_a_damaged_file_where_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("agent.state");
        fs::write(&path, b"noise").unwrap();
        assert!(matches!(peek(&path, Path::new("/")), Found::Damaged { kept_as: None, .. }));
        assert!(path.exists());
    }
}
