//! The board itself: how busy it is, and which model.

use super::file::{FileError, Root, garbled, read_text};
use crate::boards::Board;

/// Jiffies since boot, over all processors (Linux, `Documentation/filesystems/proc.rst`, `/proc/stat`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Jiffies {
    busy: u64,
    total: u64,
}

impl Jiffies {
    /// The first line: `cpu user nice system idle iowait irq softirq steal guest guest_nice`; guests are in user already.
    fn parse(text: &str) -> Option<Self> {
        let mut words = text.lines().next()?.split_ascii_whitespace();
        if words.next()? != "cpu" {
            return None;
        }
        let counts: Vec<u64> = words.take(8).map(str::parse).collect::<Result<_, _>>().ok()?;
        let [_user, _nice, _system, idle, rest @ ..] = counts.as_slice() else { return None };
        let waiting = rest.first().copied().unwrap_or(0);
        let total = counts.iter().fold(0_u64, |sum, count| sum.saturating_add(*count));
        Some(Self { busy: total.saturating_sub(idle.saturating_add(waiting)), total })
    }
}

/// How busy the processors are, from one look to the next.
#[derive(Debug, Default)]
pub struct CpuUse {
    last: Option<Jiffies>,
}

impl CpuUse {
    /// A watcher that has not looked yet.
    pub const fn new() -> Self {
        Self { last: None }
    }

    /// Use of all processors since the last look, per mille of their sum; `None` at the first look, and where no time has
    /// passed or the counters ran backwards.
    ///
    /// # Errors
    /// `/proc/stat` cannot be read or understood.
    pub fn permille(&mut self, root: &Root) -> Result<Option<u16>, FileError> {
        let path = root.path("/proc/stat");
        let text = read_text(&path, "is /proc mounted?")?;
        let now = Jiffies::parse(&text).ok_or_else(|| garbled(&path, &text, "the processors' times"))?;
        let last = self.last.replace(now);
        Ok(last.and_then(|last| {
            let total = now.total.checked_sub(last.total).filter(|total| *total > 0)?;
            // Waiting for I/O may count backwards (proc.rst says so): never more than all.
            let busy = now.busy.saturating_sub(last.busy).min(total);
            Some((u128::from(busy) * 1000 / u128::from(total)) as u16)
        }))
    }
}

/// The device tree's name of the board, such as `Raspberry Pi 4 Model B Rev 1.5`; `None` on a machine without one.
///
/// # Errors
/// It is there but cannot be read.
pub fn model(root: &Root) -> Result<Option<String>, FileError> {
    match read_text(&root.path("/proc/device-tree/model"), "no device tree") {
        Ok(text) => Ok(Some(text)),
        Err(FileError::Missing { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The board by its model, where it is one that is known.
///
/// # Errors
/// The model is there but cannot be read.
pub fn board(root: &Root) -> Result<Option<&'static Board>, FileError> {
    Ok(model(root)?.as_deref().and_then(Board::from_model))
}
