//! How a container wants to be treated: its `heliostat.` labels.
//!
//! | label | value | where it is missing or not understood |
//! |---|---|---|
//! | `heliostat.class` | `critical`, `standard`, `deferrable` | `standard` |
//! | `heliostat.throttle-cpus` | CPUs, `"0.25"` | the config's cap of its class |
//! | `heliostat.stop-timeout` | seconds or a duration, `"30s"` | the config's time-out |
//! | `heliostat.order` | a whole number: lower is shed first within its class | 0; ties go by name |

use std::time::Duration;

use protocol::{Class, Cpus};

use crate::config::Containers;
use crate::config::text::parse_duration;
use crate::core::action::Warning;
use crate::core::event::{ContainerSeen, SWARM_TASK};

const CLASS: &str = "heliostat.class";
const THROTTLE_CPUS: &str = "heliostat.throttle-cpus";
const STOP_TIMEOUT: &str = "heliostat.stop-timeout";
const ORDER: &str = "heliostat.order";
/// Labels that belong to services, and reach their containers only by accident.
const OF_SERVICES: &str = "heliostat.replicas.";
/// The longest time-out that a label may ask for: no budget is longer.
const STOP_TIMEOUT_MAX: Duration = Duration::from_hours(1);

/// How a container is treated.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Settings {
    /// How much it matters.
    pub(crate) class: Class,
    /// Its cap at `Throttle`; `None` for what is never capped.
    pub(crate) cap: Option<Cpus>,
    /// How long it may take to stop.
    pub(crate) stop_timeout: Duration,
    /// Its place within its class: lower is shed first.
    pub(crate) order: i32,
    /// The config forbids to touch it.
    pub(crate) untouched: bool,
    /// It is a Swarm task's: once it has ended, Swarm runs another one in its place.
    pub(crate) of_swarm: bool,
}

/// Reads the labels of a container; what is not understood becomes a warning and the safe default.
pub(super) fn read(seen: &ContainerSeen, config: &Containers, warnings: &mut Vec<Warning>) -> Settings {
    let mut bad = |label: &str, value: &str, assumed: String| {
        let (label, value) = (label.to_owned(), value.to_owned());
        warnings.push(Warning::BadLabel { container: seen.name.clone(), label, value, assumed });
    };
    let mut class = Class::default();
    let (mut cap, mut stop_timeout, mut order) = (None, config.stop_timeout, 0);
    for (label, value) in &seen.labels {
        match label.as_str() {
            CLASS => match value.parse() {
                Ok(read) => class = read,
                Err(_) => bad(label, value, Class::default().to_string()),
            },
            THROTTLE_CPUS => match value.parse() {
                Ok(read) => cap = Some(read),
                Err(_) => bad(label, value, "the config's cap".to_owned()),
            },
            STOP_TIMEOUT => match timeout(value) {
                Some(read) => stop_timeout = read,
                None => bad(label, value, format!("{} s", config.stop_timeout.as_secs())),
            },
            ORDER => match value.parse() {
                Ok(read) => order = read,
                Err(_) => bad(label, value, "0".to_owned()),
            },
            other if other.starts_with(OF_SERVICES) || other == SWARM_TASK => {}
            other => bad(other, value, "nothing: no such label is known".to_owned()),
        }
    }
    let cap = match class {
        Class::Critical => None,
        Class::Standard => Some(cap.unwrap_or(config.throttle_standard)),
        Class::Deferrable => Some(cap.unwrap_or(config.throttle_deferrable)),
    };
    let untouched = config.untouched.contains(&seen.name);
    let of_swarm = seen.labels.contains_key(SWARM_TASK);
    Settings { class, cap, stop_timeout, order, untouched, of_swarm }
}

/// Whole seconds, or a duration with its unit.
fn timeout(text: &str) -> Option<Duration> {
    let span = text.parse().map(Duration::from_secs).ok().or_else(|| parse_duration(text));
    span.filter(|span| *span <= STOP_TIMEOUT_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::event::{ContainerId, ContainerStatus, CpuSettings};

    fn settings(labels: &[(&str, &str)]) -> (Settings, Vec<Warning>) {
        let seen = ContainerSeen {
            id: ContainerId("c0ffee".into()),
            name: "web".into(),
            labels: labels.iter().map(|(label, value)| ((*label).into(), (*value).into())).collect(),
            status: ContainerStatus::Running,
            cpu: CpuSettings::default(),
        };
        let mut warnings = Vec::new();
        let settings = read(&seen, &Containers::default(), &mut warnings);
        (settings, warnings)
    }

    #[test]
    fn every_label_is_read() {
        let (read, warnings) = settings(&[
            (CLASS, "deferrable"),
            (THROTTLE_CPUS, "0.5"),
            (STOP_TIMEOUT, "90"),
            (ORDER, "-3"),
            ("heliostat.replicas.min", "1"),
        ]);
        assert_eq!(warnings, []);
        let wanted = Settings {
            class: Class::Deferrable,
            cap: Some(Cpus::from_milli(500)),
            stop_timeout: Duration::from_secs(90),
            order: -3,
            untouched: false,
            of_swarm: false,
        };
        assert_eq!(read, wanted);
        assert_eq!(settings(&[(STOP_TIMEOUT, "30s")]).0.stop_timeout, Duration::from_secs(30));
    }

    #[test]
    fn no_label_is_standard() {
        let (read, warnings) = settings(&[]);
        assert_eq!((read.class, read.cap, read.order), (Class::Standard, Some(Cpus::from_milli(1000)), 0));
        assert_eq!(warnings, []);
    }

    #[test]
    fn a_critical_container_is_never_capped() {
        assert_eq!(settings(&[(CLASS, "critical"), (THROTTLE_CPUS, "0.1")]).0.cap, None);
    }

    #[test]
    fn a_label_that_is_not_understood_is_told_and_replaced_by_the_default() {
        let (defaults, _) = settings(&[]);
        for (label, value) in [
            (CLASS, "Critical"),
            (CLASS, ""),
            (THROTTLE_CPUS, "0"),
            (THROTTLE_CPUS, "much"),
            (STOP_TIMEOUT, "-1"),
            (STOP_TIMEOUT, "2 days"),
            (ORDER, "first"),
            ("heliostat.clas", "critical"),
        ] {
            let (read, warnings) = settings(&[(label, value)]);
            assert_eq!(read, defaults, "{label}={value}");
            assert!(
                matches!(&warnings[..], [Warning::BadLabel { container, label: l, value: v, .. }]
                    if container == "web" && l == label && v == value),
                "{warnings:?}"
            );
        }
    }
}
