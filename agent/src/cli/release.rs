//! `release`: gives back what an agent that has stopped had capped, paused or stopped; the package runs it before the
//! agent is removed.

use std::io::Write;

use crate::config::Config;
use crate::io::release;

/// Gives back, and says how much that was.
pub(super) fn run(config: &Config) -> anyhow::Result<()> {
    let count = release::run(config)?;
    let mut out = std::io::stdout().lock();
    match count {
        0 => writeln!(out, "no container is held by the agent")?,
        1 => writeln!(out, "1 container is as it was before the agent")?,
        count => writeln!(out, "{count} containers are as they were before the agent")?,
    }
    Ok(())
}
