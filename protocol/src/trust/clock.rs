//! The moment by which certificates are judged. Pis before the 5 have no clock at boot.
//!
//! It is the latest of what the machine says, what was confirmed before, and what this build knows; so a clock that
//! starts in 1970 neither refuses everybody nor takes what ran out last month. A moment is confirmed, and remembered on
//! disk, only by a handshake that succeeded: a clock that runs off into the future finds every certificate run out,
//! confirms nothing, and is as good as new once it is right again.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use rustls::pki_types::UnixTime;
use rustls::time_provider::TimeProvider;
use serde::{Deserialize, Serialize};

use crate::trust::kept;

/// No certificate of ours is older than the first build that made them: 2026-11-01.
const FIRST_BUILD: u64 = 1_793_491_200;

/// From when all certificates of ours hold: a clock can then be too early for none of them.
pub const CERTIFICATES_BEGIN: WallTime = WallTime(FIRST_BUILD);

/// What is on disk is brought up to date this often: SD cards die of writes.
const REMEMBER_EVERY: u64 = 24 * 3600;

/// A time of day in seconds since 1970, as certificates have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct WallTime(pub u64);

impl WallTime {
    /// So much later.
    #[must_use]
    pub const fn plus(self, span: Duration) -> Self {
        Self(self.0.saturating_add(span.as_secs()))
    }

    /// How long it is from `earlier` until this; zero when it is not later.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_secs(self.0.saturating_sub(earlier.0))
    }
}

/// As RFC 3339 has it, in UTC.
impl fmt::Display for WallTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = i64::try_from(self.0).unwrap_or(i64::MAX);
        match jiff::Timestamp::from_second(seconds) {
            Ok(stamp) => fmt::Display::fmt(&stamp, f),
            Err(_) => write!(f, "{} s after 1970", self.0),
        }
    }
}

/// Where a clock takes the time of day from.
type Source = Arc<dyn Fn() -> WallTime + Send + Sync>;

/// The clock; clones share what was confirmed.
#[derive(Clone)]
pub struct Clock {
    source: Source,
    confirmed: Arc<AtomicU64>,
    remembered: Arc<AtomicU64>,
    path: Option<PathBuf>,
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clock").field("now", &self.now()).field("path", &self.path).finish_non_exhaustive()
    }
}

impl Clock {
    /// The machine's clock; what was confirmed is remembered in a file. One that cannot be read is as good as none.
    pub fn open(path: &Path) -> Self {
        Self::with_source(Arc::new(machine), Some(path))
    }

    /// A clock that takes the time of day from elsewhere, for rehearsals and tests.
    pub fn with_source(source: Source, path: Option<&Path>) -> Self {
        let read = |path: &Path| fs::read_to_string(path).ok()?.trim().parse().ok();
        let remembered = path.and_then(read).unwrap_or(0);
        Self {
            source,
            confirmed: Arc::new(AtomicU64::new(remembered)),
            remembered: Arc::new(AtomicU64::new(remembered)),
            path: path.map(Path::to_owned),
        }
    }

    /// The moment by which certificates are judged.
    pub fn now(&self) -> WallTime {
        let confirmed = WallTime(self.confirmed.load(Ordering::Relaxed));
        (self.source)().max(confirmed).max(built())
    }

    /// A handshake succeeded: it is at least as late as this clock says. Remembered on disk once a day.
    pub fn confirm(&self) {
        let now = self.now().0;
        self.confirmed.fetch_max(now, Ordering::Relaxed);
        if now < self.remembered.load(Ordering::Relaxed).saturating_add(REMEMBER_EVERY) {
            return;
        }
        self.remembered.store(now, Ordering::Relaxed);
        if let Some(path) = &self.path {
            // Without it, this clock begins at the build's date after the next boot: as on the first day.
            let _ = kept::write(path, format!("{now}\n").as_bytes());
        }
    }
}

impl TimeProvider for Clock {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(Duration::from_secs(self.now().0)))
    }
}

fn machine() -> WallTime {
    let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    WallTime(since_1970.map_or(0, |since| since.as_secs()))
}

/// When this was built, where the builder says so; otherwise the first build's date.
fn built() -> WallTime {
    let said = option_env!("SOURCE_DATE_EPOCH").and_then(|text| text.parse().ok());
    WallTime(said.unwrap_or(0).max(FIRST_BUILD))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64, path: Option<&Path>) -> Clock {
        Clock::with_source(Arc::new(move || WallTime(seconds)), path)
    }

    #[test]
    fn a_clock_that_starts_in_1970_begins_at_the_build() {
        assert!(at(12, None).now() >= WallTime(FIRST_BUILD));
    }

    #[test]
    fn what_was_confirmed_outlives_a_restart_without_a_clock() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("clock");
        let later = FIRST_BUILD + 1_000_000_000;
        at(later, Some(&path)).confirm();
        assert_eq!(at(0, Some(&path)).now(), WallTime(later));
        fs::write(&path, "noise").unwrap();
        assert!(at(0, Some(&path)).now() < WallTime(later), "a damaged file is as good as none");
    }

    #[test]
    fn a_moment_that_nothing_confirmed_is_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("clock");
        let far = FIRST_BUILD + 3_000_000_000;
        assert_eq!(at(far, Some(&path)).now(), WallTime(far));
        assert!(at(0, Some(&path)).now() < WallTime(far));
    }

    #[test]
    fn the_disk_is_written_once_a_day_at_most() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("clock");
        let seconds = Arc::new(AtomicU64::new(FIRST_BUILD + 1_000_000_000));
        let shown = Arc::clone(&seconds);
        let clock =
            Clock::with_source(Arc::new(move || WallTime(shown.load(Ordering::Relaxed))), Some(&path));
        clock.confirm();
        let first = fs::read_to_string(&path).unwrap();
        seconds.fetch_add(REMEMBER_EVERY - 1, Ordering::Relaxed);
        clock.confirm();
        assert_eq!(fs::read_to_string(&path).unwrap(), first);
        seconds.fetch_add(1, Ordering::Relaxed);
        clock.confirm();
        assert_ne!(fs::read_to_string(&path).unwrap(), first);
    }
}
