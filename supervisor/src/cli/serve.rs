//! `heliostat serve`: the supervisor itself.

use std::io::IsTerminal;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;

use super::place;
use crate::config::{Config, Given};
use crate::io::enrolment::Folder;

/// What `serve` and `check` are given.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The config file; without one, defaults serve the agents of this host
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where the journal is kept
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Where agents connect
    #[arg(long, value_name = "ADDR:PORT")]
    listen: Option<SocketAddr>,
    /// Where operators ask
    #[arg(long, value_name = "PATH")]
    socket: Option<PathBuf>,
}

impl Args {
    /// Reads and proves the config.
    pub(super) fn config(self) -> anyhow::Result<Config> {
        let file = self.config.clone().unwrap_or_else(|| PathBuf::from("defaults"));
        let config = self.config_before_joining()?;
        config.prove_reach(&file, Folder::of(&config.data).is_enrolled())?;
        Ok(config)
    }

    /// As [`Self::config`], for a supervisor that may not be protected yet.
    pub(super) fn config_before_joining(self) -> anyhow::Result<Config> {
        let (text, file) = match &self.config {
            Some(file) => {
                let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
                (text, file.as_path())
            }
            None => (String::new(), Path::new("defaults")),
        };
        let given = Given {
            listen: self.listen,
            data: self.data,
            socket: self.socket,
            host: place::host(),
            places: place::places(),
        };
        Ok(Config::parse(&text, file, given)?)
    }
}

/// Serves until told to stop.
pub(super) fn run(args: Args) -> anyhow::Result<ExitCode> {
    log_to_stderr();
    let config = args.config()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(crate::io::run::run(config))?;
    Ok(ExitCode::SUCCESS)
}

/// Lines on standard error; the journal of systemd puts its own time before them.
fn log_to_stderr() {
    let colour = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let log = tracing_subscriber::fmt().with_writer(std::io::stderr).with_ansi(colour).with_target(false);
    let result = if std::env::var_os("JOURNAL_STREAM").is_some() {
        tracing::subscriber::set_global_default(log.without_time().finish())
    } else {
        tracing::subscriber::set_global_default(log.finish())
    };
    if let Err(error) = result {
        eprintln!("heliostat: no log: {error}");
    }
}
