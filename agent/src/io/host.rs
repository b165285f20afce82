//! The board at one moment: how busy, how hot, and whether its 5 V rail sags.

use hardware::linux::cpufreq::Cpufreq;
use hardware::linux::host::CpuUse;
use hardware::linux::{FileError, Root, hwmon};
use protocol::Frequency;
use tracing::warn;

use super::boot;
use crate::core::event::HostSample;

/// Looks at the board.
#[derive(Debug)]
pub struct Host {
    root: Root,
    cpu: CpuUse,
    clocks: Cpufreq,
    /// What was said of each thing that could not be looked at, so that it is said once.
    said: Vec<String>,
}

impl Host {
    /// Of this root.
    pub fn new(root: &Root) -> Self {
        Self { root: root.clone(), cpu: CpuUse::new(), clocks: Cpufreq::new(root), said: Vec::new() }
    }

    /// Looks once. What cannot be looked at is not known; it is never taken for well.
    pub fn sample(&mut self) -> HostSample {
        let cpu = self.cpu.permille(&self.root);
        let temperature = hwmon::cpu_temperature(&self.root);
        let rail_low = hwmon::rail_low(&self.root);
        let cap = self.frequency_cap();
        HostSample {
            minute_of_day: boot::minute_of_day(&self.root.path("/")),
            frequency_cap: self.known(cap),
            cpu_permille: self.known(cpu),
            temperature: self.known(temperature),
            rail_low: self.known(rail_low),
        }
    }

    /// The lowest cap below what the board can do.
    fn frequency_cap(&self) -> Result<Option<Frequency>, FileError> {
        let policies = self.clocks.policies()?;
        Ok(policies.iter().filter(|policy| policy.cap < policy.max).map(|policy| policy.cap).min())
    }

    fn known<T>(&mut self, looked: Result<Option<T>, FileError>) -> Option<T> {
        looked.unwrap_or_else(|error| {
            let words = error.to_string();
            if !self.said.contains(&words) {
                warn!("{words}");
                self.said.push(words);
            }
            None
        })
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn what_a_board_does_not_have_is_not_known() {
        let tree = tempfile::tempdir().unwrap();
        let mut host = Host::new(&Root::at(tree.path()));
        assert_eq!(host.sample(), HostSample::default());
        let monitor = tree.path().join("sys/class/hwmon/hwmon0");
        fs::create_dir_all(&monitor).unwrap();
        fs::write(monitor.join("name"), "rpi_volt").unwrap();
        fs::write(monitor.join("in0_lcrit_alarm"), "1").unwrap();
        assert_eq!(host.sample().rail_low, Some(true));
        fs::write(monitor.join("in0_lcrit_alarm"), "?").unwrap();
        assert_eq!(host.sample().rail_low, None, "garbage is not health");
        assert_eq!(host.said.len(), 2, "each trouble once: {:?}", host.said);
        host.sample();
        assert_eq!(host.said.len(), 2);
    }
}
