//! `switch`: another node's power by hand, so that a person sees which relay clicks before a supervisor relies on it.

use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};
use hardware::linux::Root;
use protocol::NodeName;

use super::ConfigPath;
use crate::config::{Config, Output, Switch};
use crate::io::state_file::{self, Found, StateFile};
use crate::io::switches::Switches;

/// A supervisor that is there lets itself be connected to within this.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// What it is given.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Whose power: a node that a switch of the config names
    #[arg(value_name = "NODE")]
    node: NodeName,
    /// Which way
    #[arg(value_enum)]
    to: To,
    /// Break the power of a master although no other one answers
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    pub(super) path: ConfigPath,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum To {
    On,
    Off,
}

/// Switches it.
pub(super) fn run(args: &Args, config: &Config) -> anyhow::Result<()> {
    let node = &args.node;
    let Some(switch) = config.switches.iter().find(|switch| switch.node == *node) else {
        let named: Vec<String> = config.switches.iter().map(|switch| switch.node.to_string()).collect();
        let there = if named.is_empty() { "none".to_owned() } else { named.join(", ") };
        bail!("{}: no [[switch]] for {node}; there is {there}", args.path.config.display());
    };
    nobody_else_holds(switch, config)?;
    if args.to == To::Off && !args.force {
        another_master_is_there(switch, config)?;
    }
    Switches::new(&Root::default(), &config.switches)
        .set(node, args.to == To::On)
        .map_err(|error| anyhow::anyhow!("{error}"))
        .with_context(|| format!("the power of {node} does not follow"))
}

/// An agent that runs looks after its expanders, and would put right what is done behind its back.
fn nobody_else_holds(switch: &Switch, config: &Config) -> anyhow::Result<()> {
    let (path, root) = (&config.state.path, Path::new("/"));
    // What was never written is nobody's, and leaves no folder behind.
    if matches!(switch.output, Output::Gpio(_)) || matches!(state_file::peek(path, root), Found::Nothing) {
        return Ok(());
    }
    match StateFile::take(path, root) {
        Ok(_) => Ok(()),
        Err(error) => bail!(
            "{error}, and keeps {} as it left it; stop it first: systemctl stop heliostat-agent",
            switch.output
        ),
    }
}

/// The last master stays on: by hand too.
fn another_master_is_there(switch: &Switch, config: &Config) -> anyhow::Result<()> {
    let Some(own) = switch.supervisor else { return Ok(()) };
    let answers = |address: &_| TcpStream::connect_timeout(address, CONNECT_TIMEOUT).is_ok();
    let mut others = config.supervisors.iter().map(|one| one.address).filter(|address| *address != own);
    if config.node.master || others.any(|address| answers(&address)) {
        return Ok(());
    }
    bail!(
        "{} is a master, and no other supervisor answers: --force breaks its power all the same",
        switch.node
    )
}
