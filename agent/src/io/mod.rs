//! Everything the agent touches, and nothing it decides.
//!
//! [`run`] is the one loop: it turns the world into events, hands them to the core, and has [`hands`] carry out the
//! actions. Each adapter is one file: [`clock`], [`sensors`], [`host`], [`docker`], [`links`],
//! [`identity`], [`state_file`], [`leds`],
//! [`cpufreq`], [`freezer`], [`lines`], [`spare`], [`switches`], [`power_off`], [`systemd`], [`watchdog`]. What a test puts in the
//! machine's place is behind [`outside`].

#![allow(
    clippy::disallowed_methods,
    reason = "clocks, files, processes and waiting belong here, so that the core needs none of them"
)]

pub mod agent_check;
pub mod alarm;
mod blink;
pub mod boot;
pub mod clock;
pub mod config_file;
pub mod cpufreq;
pub mod docker;
pub mod dry_run;
pub mod engine_restart;
pub mod freezer;
pub mod hands;
pub mod host;
pub mod identity;
pub mod leds;
pub mod lines;
pub mod links;
pub mod log;
pub mod metrics;
pub mod outside;
pub mod power_off;
pub mod random;
pub mod recorder;
pub mod release;
pub mod run;
pub mod save;
pub mod sensors;
pub mod spare;
pub mod state_file;
pub mod switches;
pub mod systemd;
pub mod watchdog;

use hardware::linux::FileError;

use crate::core::event::ActionError;

/// One of the kernel's files, in the core's terms.
fn refusal(error: &FileError) -> ActionError {
    if error.is_missing() { ActionError::NotFound } else { ActionError::Refused(error.to_string()) }
}
