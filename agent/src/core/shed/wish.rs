//! What each stage wants of each container. Declarative: no history, no order.
//!
//! | stage | deferrable | standard | critical |
//! |---|---|---|---|
//! | Normal | as it was | as it was | as it was |
//! | Throttle | capped | capped | as it was |
//! | Shed | paused | capped | as it was |
//! | Drain | stopped | stopped | as it was |
//! | Halt | stopped | stopped | stopped |
//!
//! By a plan on energy, standard work is as it was down to `Drain`: the plan slows and pauses all that can wait, on every
//! node, before it takes anything from what matters more.

use protocol::{Class, Cpus, Stage};

use super::label::Settings;

/// Whether a container may run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Run {
    /// As the user left it.
    Free,
    /// Frozen, or deeper.
    Paused,
    /// Ended.
    Stopped,
}

/// What a stage wants of a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wish {
    /// The cap on its CPUs.
    pub(super) cap: Option<Cpus>,
    /// Whether it may run.
    pub(super) run: Run,
}

impl Wish {
    /// What `stage` wants of a container of these settings, by a plan on energy or not.
    pub(super) fn of(stage: Stage, settings: &Settings, by_plan: bool) -> Self {
        if settings.untouched {
            return Self { cap: None, run: Run::Free };
        }
        let run = match (stage, settings.class) {
            (Stage::Normal | Stage::Throttle, _)
            | (Stage::Shed, Class::Standard | Class::Critical)
            | (Stage::Drain, Class::Critical) => Run::Free,
            (Stage::Shed, Class::Deferrable) => Run::Paused,
            (Stage::Drain, Class::Deferrable | Class::Standard) | (Stage::Halt, _) => Run::Stopped,
        };
        // The cap is kept in the deeper stages, so that what comes back comes back gently.
        let capped = stage >= Stage::Throttle && !(by_plan && settings.class > Class::Deferrable);
        Self { cap: settings.cap.filter(|_| capped), run }
    }
}
