//! The flight recorder's file: a ring of checksummed slots, beside the state file.
//!
//! Of fixed size and written once in full when it is made, so that a write changes one or two blocks of the disk and
//! nothing else. Every slot stands for itself: whatever a power cut leaves half-written fails its own checksum, and all
//! others are read. A slot's [`SLOT_BYTES`]:
//!
//! | bytes | what |
//! |---|---|
//! | 8 | number, from 1 on, little endian: slot `(number - 1) % SLOTS` |
//! | 8 | seconds since 1970 at the writing, all ones while the clock is not to be trusted |
//! | 1 | version |
//! | 1 | length of the record |
//! | n | the record, as postcard; zeros up to the end |
//! | 4 | CRC-32 (ISO-HDLC) of everything before |

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crc::{CRC_32_ISO_HDLC, Crc};
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::timeout;
use tracing::warn;

use super::boot::Moment;
use crate::core::recorder::Record;

/// A slot.
pub const SLOT_BYTES: usize = 256;
/// How many there are: more than eleven hours of a record every ten seconds.
pub const SLOTS: u64 = 4096;
const HEADER_BYTES: usize = 8 + 8 + 1 + 1;
const RECORD_BYTES_MAX: usize = SLOT_BYTES - HEADER_BYTES - 4;
/// Raised when a record's encoding changes other than by appending.
const VERSION: u8 = 1;
const CRC: Crc<u32> = Crc::<u32>::new(&CRC_32_ISO_HDLC);
/// Batches that may wait for a slow disk; then the oldest of the last minutes are the ones that are missing.
const QUEUE: usize = 16;
/// At the end a disk is waited for this long.
const FINISH_WITHIN: Duration = Duration::from_secs(5);

/// A record as it was read back.
#[derive(Debug, Clone, PartialEq)]
pub struct Kept {
    /// Its number: one more than the one before.
    pub number: u64,
    /// Since 1970, when the clock was to be trusted at the writing of its batch.
    pub wall: Option<Duration>,
    /// What was recorded.
    pub record: Record,
}

/// What a recorder's file holds.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Tape {
    /// All that is whole, oldest first.
    pub kept: Vec<Kept>,
    /// Slots that hold something else than a whole record: a write that was cut off, or a newer agent's.
    pub damaged: usize,
}

/// Where the recorder of a state file is.
pub fn path(state: &Path) -> PathBuf {
    state.with_extension("recorder")
}

/// Reads a recorder's file; whatever is damaged in it is counted, and no obstacle to the rest.
///
/// # Errors
/// The file cannot be read at all.
pub fn read(path: &Path) -> io::Result<Tape> {
    let mut bytes = Vec::new();
    File::open(path)?.take(SLOTS * SLOT_BYTES as u64).read_to_end(&mut bytes)?;
    let mut tape = Tape::default();
    for (place, slot) in (0u64..).zip(bytes.chunks(SLOT_BYTES)) {
        if *slot == [0; SLOT_BYTES] {
            continue;
        }
        match decode(slot) {
            // A slot in another's place is a copy that something else made.
            Some(kept) if (kept.number - 1) % SLOTS == place => tape.kept.push(kept),
            _ => tape.damaged += 1,
        }
    }
    tape.kept.sort_by_key(|kept| kept.number);
    Ok(tape)
}

/// The file, open for writing.
#[derive(Debug)]
pub struct Ring {
    file: File,
    /// The number of the next record.
    next: u64,
}

impl Ring {
    /// Opens the file, and makes it if there is none. A file of another size is made anew: nothing in it could be read.
    ///
    /// # Errors
    /// The disk's own.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
        let whole = SLOTS * SLOT_BYTES as u64;
        if file.metadata()?.len() != whole {
            file.set_len(0)?;
            let zeros = vec![0; SLOT_BYTES * 64];
            for _ in 0..SLOTS / 64 {
                (&file).write_all(&zeros)?;
            }
            file.sync_all()?;
        }
        let next = read(path)?.kept.last().map_or(1, |kept| kept.number + 1);
        Ok(Self { file, next })
    }

    /// Writes records, durably: when this returns, a power cut does not take them back.
    ///
    /// # Errors
    /// The disk's own. The records are then lost, the ring goes on.
    pub fn append(&mut self, records: &[Record], wall: Option<Duration>) -> io::Result<()> {
        let first = (self.next - 1) % SLOTS;
        let mut bytes = Vec::with_capacity(records.len() * SLOT_BYTES);
        for record in records {
            if let Some(slot) = encode(self.next, wall, record) {
                bytes.extend_from_slice(&slot);
                self.next += 1;
            }
        }
        // In one write up to the file's end, in a second one from its beginning.
        let until_end = usize::try_from(SLOTS - first).unwrap_or(usize::MAX).saturating_mul(SLOT_BYTES);
        let (tail, head) = bytes.split_at(until_end.min(bytes.len()));
        self.file.write_all_at(tail, first * SLOT_BYTES as u64)?;
        self.file.write_all_at(head, 0)?;
        self.file.sync_data()
    }
}

/// A slot; `None` for a record that is longer than any that the core makes.
fn encode(number: u64, wall: Option<Duration>, record: &Record) -> Option<[u8; SLOT_BYTES]> {
    let body = postcard::to_stdvec(record).ok().filter(|body| body.len() <= RECORD_BYTES_MAX)?;
    let mut slot = [0; SLOT_BYTES];
    slot[..8].copy_from_slice(&number.to_le_bytes());
    slot[8..16].copy_from_slice(&wall.map_or(u64::MAX, |wall| wall.as_secs()).to_le_bytes());
    slot[16] = VERSION;
    slot[17] = u8::try_from(body.len()).ok()?;
    slot[HEADER_BYTES..HEADER_BYTES + body.len()].copy_from_slice(&body);
    let sum = CRC.checksum(&slot[..SLOT_BYTES - 4]);
    slot[SLOT_BYTES - 4..].copy_from_slice(&sum.to_le_bytes());
    Some(slot)
}

fn decode(slot: &[u8]) -> Option<Kept> {
    let slot: &[u8; SLOT_BYTES] = slot.try_into().ok()?;
    let (content, sum) = slot.split_last_chunk::<4>()?;
    if CRC.checksum(content) != u32::from_le_bytes(*sum) || content[16] != VERSION {
        return None;
    }
    let (number, rest) = content.split_first_chunk::<8>()?;
    let number = Some(u64::from_le_bytes(*number)).filter(|number| *number > 0)?;
    let wall = u64::from_le_bytes(*rest.first_chunk::<8>()?);
    let body = content.get(HEADER_BYTES..HEADER_BYTES + usize::from(content[17]))?;
    match postcard::take_from_bytes(body) {
        Ok((record, [])) => {
            Some(Kept { number, wall: (wall != u64::MAX).then(|| Duration::from_secs(wall)), record })
        }
        _ => None,
    }
}

/// Hands batches to the writer, which works off the loop.
#[derive(Debug)]
pub struct Writer {
    queue: Sender<Vec<Record>>,
    writing: JoinHandle<()>,
}

impl Writer {
    /// Starts the writer on a file. What it cannot do it says once: a node without a recorder is kept safe as any other.
    pub fn start(path: PathBuf) -> Self {
        let (queue, batches) = mpsc::channel(QUEUE);
        Self { queue, writing: tokio::spawn(write_all(path, batches)) }
    }

    /// Queues a batch.
    pub fn keep(&self, batch: Vec<Record>) {
        if !batch.is_empty() && self.queue.try_send(batch).is_err() {
            tracing::debug!("the flight recorder's disk is too slow: a batch is lost");
        }
    }

    /// Waits until all that is queued is on disk, or the disk hangs.
    pub async fn finish(self) {
        drop(self.queue);
        let _late = timeout(FINISH_WITHIN, self.writing).await;
    }
}

async fn write_all(path: PathBuf, mut batches: Receiver<Vec<Record>>) {
    let mut told = false;
    let mut ring: Option<Ring> = None;
    while let Some(batch) = batches.recv().await {
        let (held, to) = (ring.take(), path.clone());
        let written = spawn_blocking(move || {
            let mut ring = held.map_or_else(|| Ring::open(&to), Ok)?;
            let wall = Moment::now(Path::new("/")).wall;
            ring.append(&batch, wall).map(|()| ring)
        });
        match written.await {
            Ok(Ok(whole)) => (ring, told) = (Some(whole), false),
            Ok(Err(error)) if !told => {
                warn!("the flight recorder {} cannot be written: {error}", path.display());
                told = true;
            }
            Ok(Err(_)) => {}
            Err(_panicked) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use protocol::{BootId, Stage, Uptime};

    use super::*;
    use crate::core::recorder::Note;

    fn record(second: u64) -> Record {
        Record { at: Uptime::from_secs(second), what: Note::Began { boot: BootId(7), stage: Stage::Shed } }
    }

    fn seconds(path: &Path) -> Vec<u64> {
        read(path).unwrap().kept.iter().map(|kept| kept.record.at.as_millis() / 1000).collect()
    }

    fn made() -> (tempfile::TempDir, PathBuf, Ring) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("agent.recorder");
        let ring = Ring::open(&path).unwrap();
        (folder, path, ring)
    }

    #[test]
    fn what_was_written_is_read_back_in_order_by_the_next_life_too() {
        let (_folder, path, mut ring) = made();
        ring.append(&[record(1), record(2)], Some(Duration::from_secs(1_700_000_000))).unwrap();
        drop(ring);
        let mut ring = Ring::open(&path).unwrap();
        ring.append(&[record(3)], None).unwrap();
        assert_eq!(seconds(&path), [1, 2, 3]);
        let tape = read(&path).unwrap();
        assert_eq!((tape.damaged, tape.kept[2].number, tape.kept[2].wall), (0, 3, None));
        assert_eq!(tape.kept[0].wall, Some(Duration::from_secs(1_700_000_000)));
    }

    #[test]
    fn a_full_ring_forgets_its_oldest_and_keeps_its_size() {
        let (_folder, path, mut ring) = made();
        let size = fs::metadata(&path).unwrap().len();
        for batch in 0..SLOTS / 10 + 2 {
            let records: Vec<Record> = (0..10).map(|place| record(batch * 10 + place)).collect();
            ring.append(&records, None).unwrap();
        }
        let all = seconds(&path);
        let last = (SLOTS / 10 + 2) * 10 - 1;
        assert_eq!((all.len() as u64, all.last()), (SLOTS, Some(&last)));
        assert!(all.windows(2).all(|pair| pair[1] == pair[0] + 1), "no gap where the ring closes");
        assert_eq!(fs::metadata(&path).unwrap().len(), size);
        assert_eq!(Ring::open(&path).unwrap().next, last + 2);
    }

    #[test]
    fn a_write_that_is_cut_at_any_byte_costs_only_what_it_was_to_write() {
        let (_folder, path, mut ring) = made();
        ring.append(&[record(1), record(2)], None).unwrap();
        let before = fs::read(&path).unwrap();
        ring.append(&[record(3), record(4)], None).unwrap();
        let after = fs::read(&path).unwrap();
        let from = 2 * SLOT_BYTES;
        let disk = OpenOptions::new().write(true).open(&path).unwrap();
        for cut in 0..=2 * SLOT_BYTES {
            disk.write_all_at(&before[from..from + 2 * SLOT_BYTES], from as u64).unwrap();
            disk.write_all_at(&after[from..from + cut], from as u64).unwrap();
            let kept = seconds(&path);
            assert!(kept.starts_with(&[1, 2]), "cut at {cut}: {kept:?}");
            assert_eq!(kept.len(), 2 + cut / SLOT_BYTES, "cut at {cut}");
            // The next life writes over what was cut off.
            let mut ring = Ring::open(&path).unwrap();
            ring.append(&[record(9)], None).unwrap();
            assert_eq!(seconds(&path).last(), Some(&9), "cut at {cut}");
        }
    }

    #[test]
    fn a_flipped_bit_costs_its_slot_and_no_other() {
        let (_folder, path, mut ring) = made();
        ring.append(&[record(1), record(2), record(3)], None).unwrap();
        let whole = fs::read(&path).unwrap();
        let disk = OpenOptions::new().write(true).open(&path).unwrap();
        for bit in (SLOT_BYTES * 8)..(SLOT_BYTES * 16) {
            let mut slot = whole[SLOT_BYTES..2 * SLOT_BYTES].to_vec();
            slot[bit / 8 - SLOT_BYTES] ^= 1 << (bit % 8);
            disk.write_all_at(&slot, SLOT_BYTES as u64).unwrap();
            assert_eq!(seconds(&path), [1, 3], "bit {bit}");
            assert_eq!(read(&path).unwrap().damaged, 1);
        }
    }

    #[test]
    fn a_file_that_is_no_recorder_is_made_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("agent.recorder");
        fs::write(&path, "something else").unwrap();
        assert_eq!(read(&path).unwrap().damaged, 1);
        let mut ring = Ring::open(&path).unwrap();
        ring.append(&[record(1)], None).unwrap();
        assert_eq!(seconds(&path), [1]);
    }
}
