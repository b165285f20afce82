//! CPU caps in Docker's own terms, and the way back from them.
//!
//! A container limited by `NanoCpus` (`docker run --cpus`) is capped by `NanoCpus`; every other one by `CpuQuota`, its
//! period kept, because Docker refuses both at once and never unsets `NanoCpus`. Docker takes 0 for "unchanged", so
//! what was unset comes back as -1, which is Docker's word for unlimited. A cap never raises a limit.

use protocol::Cpus;

use crate::core::event::CpuSettings;

/// What Docker and the kernel take for an unset period, in microseconds.
const PERIOD_DEFAULT: i64 = 100_000;
/// The least quota that the kernel takes, in microseconds.
const QUOTA_MIN: i64 = 1000;
/// No limit, in Docker's terms; 0 would be "unchanged".
const QUOTA_UNLIMITED: i64 = -1;
/// `NanoCpus` of a thousandth of a CPU.
const NANO_PER_MILLI: i64 = 1_000_000;

/// The settings that hold a container of these original settings to `cap`; `None` where its own limit is no higher.
pub(super) fn capped(original: CpuSettings, cap: Cpus) -> Option<CpuSettings> {
    if original.nano_cpus > 0 {
        let nano_cpus = i64::from(cap.milli()) * NANO_PER_MILLI;
        return (nano_cpus < original.nano_cpus).then_some(CpuSettings { nano_cpus, ..original });
    }
    let period = if original.period > 0 { original.period } else { PERIOD_DEFAULT };
    let quota = (i64::from(cap.milli()) * period / 1000).max(QUOTA_MIN);
    let lower = original.quota <= 0 || quota < original.quota;
    lower.then_some(CpuSettings { quota, ..original })
}

/// The settings that give a container its original limits back.
pub(super) const fn restored(original: CpuSettings) -> CpuSettings {
    if original.nano_cpus > 0 || original.quota > 0 {
        return original;
    }
    CpuSettings { quota: QUOTA_UNLIMITED, ..original }
}

/// Whether two settings limit alike: Docker shows "unset" in more than one way.
pub(super) fn alike(a: CpuSettings, b: CpuSettings) -> bool {
    let plain = |cpu: CpuSettings| {
        let quota = if cpu.quota > 0 { cpu.quota } else { QUOTA_UNLIMITED };
        let period = if cpu.period > 0 { cpu.period } else { PERIOD_DEFAULT };
        (cpu.nano_cpus, quota, period)
    };
    plain(a) == plain(b)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn cpu(nano_cpus: i64, quota: i64, period: i64) -> CpuSettings {
        CpuSettings { nano_cpus, quota, period }
    }

    #[test]
    fn each_kind_of_limit_is_capped_in_its_own_terms() {
        let quarter = Cpus::from_milli(250);
        assert_eq!(capped(cpu(0, 0, 0), quarter), Some(cpu(0, 25_000, 0)), "never limited");
        assert_eq!(capped(cpu(0, -1, 0), quarter), Some(cpu(0, 25_000, 0)), "unlimited");
        assert_eq!(capped(cpu(0, 50_000, 0), quarter), Some(cpu(0, 25_000, 0)), "by quota");
        assert_eq!(capped(cpu(0, 0, 50_000), quarter), Some(cpu(0, 12_500, 50_000)), "its period is kept");
        assert_eq!(capped(cpu(800_000_000, 0, 0), quarter), Some(cpu(250_000_000, 0, 0)), "by --cpus");
        assert_eq!(capped(cpu(0, 0, 1000), quarter), Some(cpu(0, 1000, 1000)), "the kernel's least quota");
    }

    #[test]
    fn a_cap_never_raises_a_limit() {
        let one = Cpus::from_milli(1000);
        assert_eq!(capped(cpu(500_000_000, 0, 0), one), None);
        assert_eq!(capped(cpu(0, 50_000, 100_000), one), None);
        assert_eq!(capped(cpu(1_000_000_000, 0, 0), one), None, "equal is no cap");
    }

    #[test]
    fn what_was_unset_comes_back_as_unlimited_and_counts_as_the_same() {
        for original in [cpu(0, 0, 0), cpu(0, -1, 0), cpu(0, 0, 50_000)] {
            assert_eq!(restored(original).quota, -1);
            assert!(alike(restored(original), original));
        }
        for original in [cpu(0, 50_000, 0), cpu(800_000_000, 0, 0)] {
            assert_eq!(restored(original), original);
        }
        assert!(!alike(cpu(0, 25_000, 0), cpu(0, 0, 0)));
    }
}
