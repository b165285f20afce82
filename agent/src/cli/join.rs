//! `join`: makes this node one of a cluster.
//!
//! The key is drawn here and never leaves. Nothing counts until the identity is written, whole; an interrupted joining is
//! taken up again with the same key, so that it does not use its token twice.

use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;

use crate::config::Config;
use crate::io::{identity, run};
use anyhow::{Context, bail};
use protocol::NodeName;
use protocol::trust::enrol::{self, EnrolError, Trust};
use protocol::trust::{Credentials, Identity, LinkError, Role, Token, kept};

use super::ConfigPath;

/// What it is given.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Where the supervisor listens that made the token
    #[arg(value_name = "ADDRESS:PORT")]
    address: SocketAddr,
    /// The token
    #[arg(long, value_name = "TOKEN")]
    token: Token,
    #[command(flatten)]
    pub(super) path: ConfigPath,
    /// Join although this node has an identity, which is then replaced
    #[arg(long)]
    force: bool,
}

/// Joins.
pub(super) fn run(args: &Args, config: &Config) -> anyhow::Result<()> {
    let name = run::node_name(config)?;
    let path = config.identity();
    let before = match Credentials::load(&path) {
        Ok(Some(before)) if !args.force => {
            let Identity { who, not_after, .. } = before.identity().context("its identity")?;
            bail!(
                "this node joined already, as {}, until {not_after} ({}); nothing was changed. --force joins again",
                who.name,
                path.display()
            );
        }
        Ok(before) => before,
        // With --force, one that cannot be used is simply replaced.
        Err(_) if args.force => None,
        Err(error) => return Err(error.into()),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let credentials = runtime.block_on(ask(args, &name, before.as_ref(), config))?;
    credentials.save(&path)?;
    kept::forget_joining_key(&path);
    identity::clock(&path).confirm();
    let Identity { not_after, .. } = credentials.identity().context("what was granted")?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "{name} is one of the cluster now.")?;
    writeln!(out, "  authority   {}", credentials.fingerprint())?;
    writeln!(out, "  certificate {}, until {not_after}, renewed by itself", path.display())?;
    if config.supervisors.iter().any(|supervisor| supervisor.address == args.address) {
        writeln!(out, "Next: start the agent again.")?;
    } else {
        writeln!(out, "Next: name the supervisor in the config, and start the agent again:")?;
        writeln!(out, "  [[supervisor]]\n  address = \"{}\"", args.address)?;
    }
    Ok(())
}

/// Asks, showing that it is the same node where it can.
async fn ask(
    args: &Args,
    name: &NodeName,
    before: Option<&Credentials>,
    config: &Config,
) -> anyhow::Result<Credentials> {
    let path = config.identity();
    let (clock, key) = (identity::clock(&path), Arc::new(kept::joining_key(&path)?));
    let trust = |before| Trust::Token { token: &args.token, before };
    let same = before.filter(|before| before.fingerprint() == args.token.authority);
    let asked = enrol::ask(args.address, trust(same), (Role::Agent, name), &key, &clock).await;
    match asked {
        // The old certificate has run out: the token alone then has to do.
        Err(EnrolError::Link { why: LinkError::Ours { .. }, .. }) if same.is_some() => {
            Ok(enrol::ask(args.address, trust(None), (Role::Agent, name), &key, &clock).await?)
        }
        asked => Ok(asked?),
    }
}
