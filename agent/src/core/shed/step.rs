//! From what is seen and what is wanted to the next single change of one container.
//!
//! ```text
//!           Pause            Unpause, then
//!  running ------> paused ------------------+
//!     |    <------                          v
//!     |    Unpause                        stopped
//!     +---------------- Stop -------------> |
//!     <---------------- Start --------------+
//! ```
//!
//! Only what we paused, stopped or capped is undone. What a person stopped stays stopped, what a person paused stays
//! paused, and what a person starts while the stage wants it stopped is stopped again (and started at the end).

use std::time::Duration;

use protocol::Class;

use super::cpu;
use super::label::Settings;
use super::wish::{Run, Wish};
use crate::core::action::ContainerChange;
use crate::core::event::{ContainerStatus, CpuSettings};
use crate::core::state::Touched;

/// A kind of change: retries are counted by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Cap,
    Restore,
    Pause,
    Unpause,
    Stop,
    Start,
}

impl Kind {
    pub(super) const COUNT: usize = 6;

    /// For the log.
    pub(super) const fn verb(self) -> &'static str {
        match self {
            Self::Cap => "cap the CPUs of",
            Self::Restore => "restore the CPUs of",
            Self::Pause => "pause",
            Self::Unpause => "unpause",
            Self::Stop => "stop",
            Self::Start => "start",
        }
    }
}

/// A change that is needed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Step {
    pub(super) kind: Kind,
    pub(super) change: ContainerChange,
    /// Whether it saves energy (shed order) or gives it back (the reverse).
    pub(super) saves: bool,
    /// What must be on disk before it is done.
    pub(super) remember: Touched,
}

/// What is seen of a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) status: ContainerStatus,
    pub(super) cpu: CpuSettings,
}

/// The next change towards the wish; `None` when there is nothing to do (now).
pub(super) fn next(seen: Seen, touched: Touched, wish: Wish, stop_timeout: Duration) -> Option<Step> {
    if seen.status == ContainerStatus::Transient {
        return None;
    }
    run_step(seen, touched, wish.run, stop_timeout).or_else(|| cpu_step(seen, touched, wish))
}

fn run_step(seen: Seen, touched: Touched, run: Run, timeout: Duration) -> Option<Step> {
    use ContainerStatus::{Exited, Paused, Running};
    let step = |kind, change, saves, remember| Some(Step { kind, change, saves, remember });
    match (run, seen.status) {
        (Run::Free, Paused) if touched.paused => {
            step(Kind::Unpause, ContainerChange::Unpause, false, touched)
        }
        (Run::Free, Exited) if touched.stopped => step(Kind::Start, ContainerChange::Start, false, touched),
        (Run::Paused, Running) => {
            step(Kind::Pause, ContainerChange::Pause, true, Touched { paused: true, ..touched })
        }
        (Run::Stopped, Running) => {
            step(Kind::Stop, ContainerChange::Stop { timeout }, true, Touched { stopped: true, ..touched })
        }
        // A frozen process cannot end in good order: thaw it, with the stop already written down.
        (Run::Stopped, Paused) if touched.paused => {
            step(Kind::Unpause, ContainerChange::Unpause, true, Touched { stopped: true, ..touched })
        }
        _ => None,
    }
}

fn cpu_step(seen: Seen, touched: Touched, wish: Wish) -> Option<Step> {
    let original = touched.cpu_before.unwrap_or(seen.cpu);
    let wanted = wish.cap.and_then(|cap| cpu::capped(original, cap));
    match wanted {
        // A container that does not run burns nothing.
        Some(_) if seen.status != ContainerStatus::Running => None,
        Some(capped) => (!cpu::alike(seen.cpu, capped)).then_some(Step {
            kind: Kind::Cap,
            change: ContainerChange::SetCpu(capped),
            saves: true,
            remember: Touched { cpu_before: Some(original), ..touched },
        }),
        None => {
            let before = touched.cpu_before?;
            (!cpu::alike(seen.cpu, before)).then_some(Step {
                kind: Kind::Restore,
                change: ContainerChange::SetCpu(cpu::restored(before)),
                saves: false,
                remember: touched,
            })
        }
    }
}

/// What is still ours, given what Docker shows: what the stage does not want and what is not so is forgotten.
pub(super) fn forget(seen: Seen, touched: Touched, wish: Wish) -> Touched {
    use ContainerStatus::{Paused, Running};
    let capped = wish.cap.and_then(|cap| cpu::capped(touched.cpu_before.unwrap_or(seen.cpu), cap)).is_some();
    Touched {
        cpu_before: touched.cpu_before.filter(|before| capped || !cpu::alike(seen.cpu, *before)),
        paused: touched.paused && (seen.status == Paused || wish.run == Run::Paused),
        stopped: touched.stopped && (!matches!(seen.status, Running | Paused) || wish.run == Run::Stopped),
    }
}

/// Sorts containers into the order in which they are shed.
pub(super) fn shed_key<'a>(settings: &Settings, name: &'a str) -> (Class, i32, &'a str) {
    (settings.class, settings.order, name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::Cpus;

    const NONE: Touched = Touched { cpu_before: None, paused: false, stopped: false };
    const PAUSED: Touched = Touched { paused: true, ..NONE };
    const STOPPED: Touched = Touched { stopped: true, ..NONE };
    const TIMEOUT: Duration = Duration::from_secs(10);

    fn change(status: ContainerStatus, touched: Touched, run: Run) -> Option<ContainerChange> {
        let seen = Seen { status, cpu: CpuSettings::default() };
        next(seen, touched, Wish { cap: None, run }, TIMEOUT).map(|step| step.change)
    }

    #[test]
    fn every_state_has_its_change_for_every_wish() {
        use ContainerStatus::{Exited, Paused, Running, Transient};
        let stop = Some(ContainerChange::Stop { timeout: TIMEOUT });
        for (status, touched, run, wanted) in [
            (Running, NONE, Run::Free, None),
            (Running, NONE, Run::Paused, Some(ContainerChange::Pause)),
            (Running, NONE, Run::Stopped, stop),
            (Running, STOPPED, Run::Stopped, stop),
            (Paused, PAUSED, Run::Free, Some(ContainerChange::Unpause)),
            (Paused, PAUSED, Run::Paused, None),
            (Paused, PAUSED, Run::Stopped, Some(ContainerChange::Unpause)),
            (Exited, STOPPED, Run::Free, Some(ContainerChange::Start)),
            (Exited, STOPPED, Run::Paused, None),
            (Exited, STOPPED, Run::Stopped, None),
            // What a person did is left as it is.
            (Paused, NONE, Run::Free, None),
            (Paused, NONE, Run::Stopped, None),
            (Exited, NONE, Run::Free, None),
            (Exited, PAUSED, Run::Free, None),
            (Transient, STOPPED, Run::Free, None),
            (Transient, NONE, Run::Stopped, None),
        ] {
            assert_eq!(change(status, touched, run), wanted, "{status:?} {touched:?} {run:?}");
        }
    }

    #[test]
    fn the_first_original_is_the_one_that_is_kept() {
        let original = CpuSettings { nano_cpus: 800_000_000, quota: 0, period: 0 };
        let capped = CpuSettings { nano_cpus: 500_000_000, quota: 0, period: 0 };
        let wish = |milli| Wish { cap: Some(Cpus::from_milli(milli)), run: Run::Free };
        let seen = |cpu| Seen { status: ContainerStatus::Running, cpu };
        let first = next(seen(original), NONE, wish(500), TIMEOUT).unwrap();
        assert_eq!(first.change, ContainerChange::SetCpu(capped));
        assert_eq!(first.remember.cpu_before, Some(original));
        assert_eq!(next(seen(capped), first.remember, wish(500), TIMEOUT), None);
        let lower = next(seen(capped), first.remember, wish(250), TIMEOUT).unwrap();
        assert_eq!(
            lower.remember.cpu_before,
            Some(original),
            "a lower cap does not take the cap for the original"
        );
        let back = next(seen(capped), first.remember, Wish { cap: None, run: Run::Free }, TIMEOUT).unwrap();
        assert_eq!(back.change, ContainerChange::SetCpu(original));
    }

    #[test]
    fn what_is_written_ahead_is_not_forgotten_before_it_is_done() {
        let running = Seen { status: ContainerStatus::Running, cpu: CpuSettings::default() };
        let wish = |run| Wish { cap: None, run };
        assert_eq!(forget(running, PAUSED, wish(Run::Paused)), PAUSED);
        assert_eq!(forget(running, STOPPED, wish(Run::Stopped)), STOPPED);
        assert_eq!(forget(running, PAUSED, wish(Run::Free)), NONE);
        assert_eq!(forget(running, STOPPED, wish(Run::Free)), NONE);
        let capped = Touched { cpu_before: Some(CpuSettings::default()), ..NONE };
        assert_eq!(
            forget(running, capped, Wish { cap: Some(Cpus::from_milli(250)), run: Run::Free }),
            capped
        );
        assert_eq!(forget(running, capped, wish(Run::Free)), NONE);
    }
}
