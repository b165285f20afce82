//! What a process costs, read from /proc: memory, processor time, wake-ups.

use std::time::Duration;

/// A process's cost so far.
#[derive(Debug, Clone, Copy, Default)]
pub struct Footprint {
    /// Resident memory now, in KiB (`VmRSS`).
    pub rss_kib: u64,
    /// Proportional share of memory now, in KiB (`smaps_rollup`).
    pub pss_kib: u64,
    /// Processor time of all threads since the start.
    pub cpu: Duration,
    /// Voluntary context switches of all threads since the start: each is a wake-up from waiting.
    pub wakeups: u64,
    /// Bytes that reached the storage layer since the start.
    pub written_bytes: u64,
}

impl Footprint {
    /// Reads a process's cost.
    ///
    /// # Errors
    /// When the process is gone.
    pub fn of(pid: u32) -> std::io::Result<Self> {
        let read = |file: &str| std::fs::read_to_string(format!("/proc/{pid}/{file}"));
        let field = |text: &str, name: &str| -> u64 {
            text.lines()
                .find_map(|line| line.strip_prefix(name))
                .and_then(|rest| rest.split_whitespace().next()?.parse().ok())
                .unwrap_or(0)
        };
        let mut wakeups = 0;
        let mut cpu = Duration::ZERO;
        for task in std::fs::read_dir(format!("/proc/{pid}/task"))? {
            let task = task?.path();
            wakeups += field(&std::fs::read_to_string(task.join("status"))?, "voluntary_ctxt_switches:");
            // schedstat: nanoseconds on a CPU, nanoseconds waiting for one, slices.
            let schedstat = std::fs::read_to_string(task.join("schedstat"))?;
            cpu += Duration::from_nanos(
                schedstat.split_whitespace().next().and_then(|nanos| nanos.parse().ok()).unwrap_or(0),
            );
        }
        Ok(Self {
            rss_kib: field(&read("status")?, "VmRSS:"),
            pss_kib: field(&read("smaps_rollup")?, "Pss:"),
            cpu,
            wakeups,
            written_bytes: field(&read("io").unwrap_or_default(), "write_bytes:"),
        })
    }
}
