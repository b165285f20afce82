//! What a person types.

#![expect(clippy::disallowed_methods, reason = "the command line reads files and the environment")]

mod answer;
mod check;
mod console;
mod dashboard;
pub(crate) mod demo;
mod energy;
mod enrolment;
mod events;
mod forecast;
mod history;
mod look;
mod nodes;
mod person;
mod place;
mod plan;
mod replay;
mod serve;
mod status;
mod twin;
mod why;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use protocol::{Printable, causes};

use crate::core::person::Verb;

/// Keeps services running while the energy behind them comes and goes.
///
/// New here? `heliostat demo` shows two days of ten nodes on one simulated battery in about a minute.
#[derive(Debug, Parser)]
#[command(name = "heliostat", version, max_term_width = 80)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Play ten nodes on one simulated battery through two days
    Demo(demo::Args),
    /// Say what to expect of a site, and what to buy next
    Plan(plan::Args),
    /// Feed a recorded battery trace to an agent's core and print what it knew and did
    Replay(replay::Args),
    /// Play a simulated site for a year, under one policy or several
    Twin(twin::Args),
    /// Run the supervisor
    Serve(serve::Args),
    /// Watch the fleet, and give orders, on a terminal or a serial line
    Dashboard(dashboard::Args),
    /// Show the fleet
    Status(status::Args),
    /// Show the nodes, one line each
    Nodes(nodes::Args),
    /// Show what was seen and decided
    Events(events::Args),
    /// Show readings of the past: plots, a picture, CSV, JSON
    History(history::Args),
    /// Explain one node: its stage, its order, what would change them
    Why(why::Args),
    /// Have a node do no more than its critical work, until it is resumed
    Drain(person::Args),
    /// End what was asked of a node
    Resume(person::ResumeArgs),
    /// Switch a node off, until it is woken
    Park(person::Args),
    /// Switch a parked node on, if the energy carries it
    Wake(person::Args),
    /// Show where the watt-hours went, by node and by class of work
    Energy(energy::Args),
    /// Show the sun to come, how sure it is, and what is planned with it
    Forecast(forecast::Args),
    /// Prove a config file without running anything
    Check(check::Args),
    /// Make a cluster's authority; this supervisor becomes its first
    Init(enrolment::InitArgs),
    /// Make this supervisor a further one of a cluster
    Join(enrolment::JoinArgs),
    /// Make, list and take back join tokens
    Token(enrolment::TokenArgs),
    /// List the enrolled nodes, and revoke one
    Node(enrolment::NodeArgs),
}

/// All commands with their options: for manual pages and completions.
pub fn command() -> clap::Command {
    Cli::command()
}

/// Runs what was typed.
pub fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Some(Command::Demo(args)) => demo::run(&args),
        Some(Command::Plan(args)) => plan::run(&args),
        Some(Command::Replay(args)) => replay::run(&args),
        Some(Command::Twin(args)) => twin::run(&args),
        Some(Command::Serve(args)) => serve::run(args),
        Some(Command::Dashboard(args)) => dashboard::run(&args),
        Some(Command::Status(args)) => status::run(&args),
        Some(Command::Events(args)) => events::run(&args),
        Some(Command::Nodes(args)) => nodes::run(&args),
        Some(Command::History(args)) => history::run(&args),
        Some(Command::Why(args)) => why::run(&args),
        Some(Command::Drain(args)) => person::run(Verb::Drain, &args),
        Some(Command::Resume(args)) => person::run(Verb::Resume, &args.into()),
        Some(Command::Park(args)) => person::run(Verb::Park, &args),
        Some(Command::Wake(args)) => person::run(Verb::Wake, &args),
        Some(Command::Energy(args)) => energy::run(&args),
        Some(Command::Forecast(args)) => forecast::run(&args),
        Some(Command::Check(args)) => check::run(args),
        Some(Command::Init(args)) => enrolment::init(args),
        Some(Command::Join(args)) => enrolment::join(args),
        Some(Command::Token(args)) => enrolment::token(args),
        Some(Command::Node(args)) => enrolment::node(args),
        None => help(),
    };
    match result {
        Ok(code) => code,
        // The reader of our output left (`heliostat events | head`): that is no error.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("heliostat: {}", Printable(causes(error.chain())));
            ExitCode::FAILURE
        }
    }
}

fn help() -> anyhow::Result<ExitCode> {
    write!(io::stdout(), "{}", Cli::command().render_long_help())?;
    Ok(ExitCode::SUCCESS)
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let broken = |cause: &(dyn std::error::Error + 'static)| {
        let by_json = cause.downcast_ref::<serde_json::Error>().and_then(serde_json::Error::io_error_kind);
        let plain = cause.downcast_ref::<io::Error>().map(io::Error::kind);
        by_json.or(plain) == Some(io::ErrorKind::BrokenPipe)
    };
    error.chain().any(broken)
}
