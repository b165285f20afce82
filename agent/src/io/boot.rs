//! How long the node was off: across a restart of the agent exactly, across a boot only where the clock can be trusted.
//!
//! A Pi before the 5 has no clock of its own: until the network has set it, its time is that of the last shutdown, and
//! a night without power would look like a second.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A moment, as this boot of the kernel and as the world count it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Moment {
    /// The kernel's identity of this boot; all zero when it does not say.
    pub boot: [u8; 16],
    /// Since that boot.
    pub since_boot: Duration,
    /// Since 1970; `None` while the clock is not to be trusted.
    pub wall: Option<Duration>,
}

impl Moment {
    /// Now. `root` is `/`, or a made tree.
    pub fn now(root: &Path) -> Self {
        let boot = fs::read_to_string(root.join("proc/sys/kernel/random/boot_id"));
        let since_boot = fs::read_to_string(root.join("proc/uptime"));
        let trusted = is_clock_trusted(root);
        Self {
            boot: boot.ok().and_then(|text| parse_boot(&text)).unwrap_or_default(),
            since_boot: since_boot.ok().and_then(|text| parse_uptime(&text)).unwrap_or_default(),
            wall: trusted.then(|| SystemTime::now().duration_since(UNIX_EPOCH).ok()).flatten(),
        }
    }

    /// How long ago `earlier` was; `None` when nobody can know.
    pub fn since(&self, earlier: &Self) -> Option<Duration> {
        if self.boot != [0; 16] && self.boot == earlier.boot {
            return self.since_boot.checked_sub(earlier.since_boot);
        }
        self.wall?.checked_sub(earlier.wall?)
    }
}

/// Whether the network has set the clock, or a battery has kept it.
fn is_clock_trusted(root: &Path) -> bool {
    ["run/systemd/timesync/synchronized", "dev/rtc0"].iter().any(|path| root.join(path).exists())
}

/// The time of day by the clock on this node's wall, in minutes since midnight; `None` while it is not to be trusted.
pub fn minute_of_day(root: &Path) -> Option<u16> {
    let now = is_clock_trusted(root).then(jiff::Zoned::now)?;
    u16::try_from(i32::from(now.hour()) * 60 + i32::from(now.minute())).ok()
}

/// Reads a UUID's 32 digits.
fn parse_boot(text: &str) -> Option<[u8; 16]> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    let mut boot = [0; 16];
    if digits.len() != boot.len() * 2 {
        return None;
    }
    for (byte, pair) in boot.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(boot)
}

/// Reads the first number of `/proc/uptime`.
fn parse_uptime(text: &str) -> Option<Duration> {
    Duration::try_from_secs_f64(text.split_whitespace().next()?.parse().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(boot: u8, since_boot: u64, wall: Option<u64>) -> Moment {
        Moment {
            boot: [boot; 16],
            since_boot: Duration::from_secs(since_boot),
            wall: wall.map(Duration::from_secs),
        }
    }

    #[test]
    fn within_one_boot_the_clock_does_not_matter() {
        let (before, after) = (moment(7, 100, Some(9_000)), moment(7, 160, Some(10)));
        assert_eq!(after.since(&before), Some(Duration::from_mins(1)));
    }

    #[test]
    fn across_boots_only_a_trusted_clock_counts() {
        let before = moment(7, 100, Some(1_000));
        assert_eq!(moment(8, 5, Some(4_600)).since(&before), Some(Duration::from_hours(1)));
        assert_eq!(moment(8, 5, None).since(&before), None, "not yet set by the network");
        assert_eq!(moment(8, 5, Some(900)).since(&before), None, "it went backwards: it was wrong once");
    }

    #[test]
    fn this_machine_knows_its_boot() {
        let now = Moment::now(Path::new("/"));
        assert_ne!(now.boot, [0; 16]);
        assert!(now.since_boot > Duration::ZERO);
    }
}
