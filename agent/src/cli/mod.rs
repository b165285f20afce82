//! The commands. Results go to stdout, everything else to stderr.
//!
//! Exit codes: 0 done, 1 it could not be done, 2 the command line or the config is wrong.

use std::path::PathBuf;
use std::process::ExitCode;

use crate::config::Config;
use crate::io::config_file::LoadError;
use crate::io::{config_file, log, run};
use anyhow::Context;
use clap::{Args, CommandFactory, Parser, Subcommand};
use protocol::{Printable, causes};

mod check;
mod join;
mod lamp_test;
mod probe;
mod recorder;
mod release;
mod switch;

/// Keeps one node and its SD card safe as the energy of its battery falls.
#[derive(Debug, Parser)]
#[command(
    name = "heliostat-agent",
    version,
    about,
    after_help = "Exit codes: 0 done, 1 it could not be done, 2 the command line or the config is wrong."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

/// Where the config is.
#[derive(Debug, Args)]
struct ConfigPath {
    /// The config file
    #[arg(long, value_name = "FILE", default_value = "/etc/heliostat/agent.toml")]
    config: PathBuf,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Read the sensors, decide, act and report, until stopped
    Run {
        #[command(flatten)]
        path: ConfigPath,
        /// Decide, log and report, but touch neither containers nor LEDs, clocks, disks or power; ends with a replayed trace
        #[arg(long)]
        dry_run: bool,
        /// Log also what is only of use when something is sought
        #[arg(long, short)]
        verbose: bool,
    },
    /// Prove a config and print what was understood
    Check {
        #[command(flatten)]
        path: ConfigPath,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Find I2C chips, hwmon, LEDs, GPIO, cpufreq and Docker, and print a config to start from
    Probe {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Make this node one of a cluster, with a token from `heliostat token create`
    Join(join::Args),
    /// Show every stage on the LEDs, one after the other
    LampTest {
        #[command(flatten)]
        path: ConfigPath,
    },
    /// Switch another node's power by hand, to see that the right relay follows
    Switch(switch::Args),
    /// Read the flight recorder: what the agent knew and did, up to a power cut
    Recorder(recorder::Args),
    /// Give back what an agent that has stopped had capped, paused or stopped
    Release {
        #[command(flatten)]
        path: ConfigPath,
    },
}

/// All commands with their options: for manual pages and completions.
pub fn command() -> clap::Command {
    Cli::command()
}

/// Runs the command that was asked for.
pub fn main() -> ExitCode {
    // Clap itself ends with 2 for a wrong command line.
    let cli = Cli::parse();
    match cli.command {
        Command::Run { path, dry_run, verbose } => with_config(&path, |config| {
            log::start(verbose);
            run::run(config, dry_run).context("the agent does not run")
        }),
        Command::Check { path, json } => {
            with_config(&path, |config| check::print(&mut std::io::stdout().lock(), config, json))
        }
        Command::Probe { json } => done(probe::print(&mut std::io::stdout().lock(), json)),
        Command::Join(args) => match config_file::load_before_joining(&args.path.config) {
            Ok(config) => done(join::run(&args, &config)),
            Err(error) => wrong_config(&error),
        },
        Command::LampTest { path } => with_config(&path, lamp_test::run),
        Command::Switch(args) => with_config(&args.path, |config| switch::run(&args, config)),
        Command::Recorder(args) => with_config(args.config(), |config| recorder::run(config, &args)),
        Command::Release { path } => with_config(&path, release::run),
    }
}

/// Loads the config for a command.
fn with_config(path: &ConfigPath, command: impl FnOnce(&Config) -> anyhow::Result<()>) -> ExitCode {
    match config_file::load(&path.config) {
        Ok(config) => done(command(&config)),
        Err(error) => wrong_config(&error),
    }
}

fn wrong_config(error: &LoadError) -> ExitCode {
    eprintln!("{}", Printable(error));
    ExitCode::from(2)
}

fn done(result: anyhow::Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("heliostat-agent: {}", Printable(causes(error.chain())));
            ExitCode::FAILURE
        }
    }
}
