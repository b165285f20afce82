//! `switch`: another node's power by hand, so that a person sees which relay clicks before a supervisor relies on it.

use anyhow::Context;
use protocol::NodeName;

use super::ConfigPath;
use crate::config::Config;
use crate::io::switches::Switches;

/// What it is given.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Whose power: a node that a switch of the config names
    #[arg(value_name = "NODE")]
    node: NodeName,
    /// Which way
    #[arg(value_enum)]
    to: To,
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
    if !config.switches.iter().any(|switch| switch.node == *node) {
        let named: Vec<String> = config.switches.iter().map(|switch| switch.node.to_string()).collect();
        let there = if named.is_empty() { "none".to_owned() } else { named.join(", ") };
        anyhow::bail!("{}: no [[switch]] for {node}; there is {there}", args.path.config.display());
    }
    Switches::new(&config.switches)
        .set(node, args.to == To::On)
        .map_err(|error| anyhow::anyhow!("{error}"))
        .with_context(|| format!("the power of {node} does not follow"))
}
