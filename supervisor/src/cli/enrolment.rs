//! `heliostat init | join | token | node`: who belongs to the cluster.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use protocol::NodeName;
use protocol::trust::enrol::{self, Trust};
use protocol::trust::{Role, Token, TokenId, kept};
use serde::Serialize;

use super::place::SocketArgs;
use super::serve;
use crate::core::enrolment::Done;
use crate::core::enrolment::ledger::RevokedBy;
use crate::io::ask::Asker;
use crate::io::enrolment::Folder;
use crate::io::enrolment::wish::{EnrolmentView, MadeToken, Reply, TokenState, TokenView, Wish};
use crate::io::operator::{Answer, Request};

/// A token is good for a day at the most: who needs another makes another.
const VALID_FOR_MAX: Duration = Duration::from_hours(7 * 24);

/// A token lets in so many at the most.
const USES_MAX: u32 = 1000;

/// What `init` is given.
#[derive(Debug, Args)]
pub(super) struct InitArgs {
    #[command(flatten)]
    serve: serve::Args,
    /// This supervisor's name; the node's when left out
    #[arg(long, value_name = "NAME")]
    name: Option<NodeName>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What `join` is given.
#[derive(Debug, Args)]
pub(super) struct JoinArgs {
    /// Where the supervisor listens that made the token
    #[arg(value_name = "ADDRESS:PORT")]
    address: SocketAddr,
    /// The token, from `heliostat token create --supervisor`
    #[arg(long, value_name = "TOKEN")]
    token: Token,
    #[command(flatten)]
    serve: serve::Args,
    /// This supervisor's name; the node's when left out
    #[arg(long, value_name = "NAME")]
    name: Option<NodeName>,
    /// Join again although there is an identity; who was let in and revoked before is learned anew
    #[arg(long)]
    force: bool,
}

/// What `token` is given.
#[derive(Debug, Args)]
pub(super) struct TokenArgs {
    #[command(subcommand)]
    command: TokenCommand,
}

#[derive(Debug, Subcommand)]
enum TokenCommand {
    /// Make one; it is shown this once
    Create {
        /// How long it is good
        #[arg(long = "for", value_name = "DURATION", default_value = "1h", value_parser = duration)]
        valid_for: Duration,
        /// How many nodes may join with it
        #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=i64::from(USES_MAX)))]
        uses: u32,
        /// For the node of this name only, which may then join again under its name
        #[arg(long, value_name = "NAME")]
        node: Option<NodeName>,
        /// For a further supervisor instead of an agent
        #[arg(long)]
        supervisor: bool,
        #[command(flatten)]
        ask: AskArgs,
    },
    /// Show all that have not run out
    List {
        #[command(flatten)]
        ask: AskArgs,
    },
    /// Take one back
    Revoke {
        /// Its number, from `token list`
        id: TokenId,
        #[command(flatten)]
        ask: AskArgs,
    },
}

/// What `node` is given.
#[derive(Debug, Args)]
pub(super) struct NodeArgs {
    #[command(subcommand)]
    command: NodeCommand,
}

#[derive(Debug, Subcommand)]
enum NodeCommand {
    /// Show who was let in, and who was revoked
    List {
        #[command(flatten)]
        ask: AskArgs,
    },
    /// Let a node in no more: its links end at once, at every supervisor that can be reached
    Revoke {
        /// Its name
        name: NodeName,
        #[command(flatten)]
        ask: AskArgs,
    },
}

/// How the running supervisor is asked.
#[derive(Debug, Args)]
struct AskArgs {
    #[command(flatten)]
    socket: SocketArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// A duration, within what is sane for a token.
fn duration(text: &str) -> Result<Duration, String> {
    let parsed = jiff::fmt::friendly::SpanParser::new().parse_unsigned_duration(text);
    let span = parsed.map_err(|_| "give a duration like 90s, 10min, 1h or 48h".to_owned())?;
    if (Duration::from_secs(1)..=VALID_FOR_MAX).contains(&span) {
        return Ok(span);
    }
    let hours = VALID_FOR_MAX.as_secs() / 3600;
    Err(format!("{} s is outside 1 s to {hours} h", span.as_secs()))
}

/// The name to go by: as given, the config's, or the host's.
fn name_of(given: Option<NodeName>, config: Option<NodeName>) -> anyhow::Result<NodeName> {
    given.or(config).context("this host's name cannot name a supervisor: give one with --name")
}

/// Makes a cluster.
pub(super) fn init(args: InitArgs) -> anyhow::Result<ExitCode> {
    let config = args.serve.config_before_joining()?;
    let name = name_of(args.name, config.settings.host.clone())?;
    let folder = Folder::of(&config.data);
    let held = folder.init(&name)?;
    let mut out = io::stdout().lock();
    if args.json {
        let made = serde_json::json!({
            "schema": 1,
            "supervisor": name,
            "authority": held.fingerprint().to_string(),
            "folder": folder.path(),
        });
        writeln!(out, "{made}")?;
        return Ok(ExitCode::SUCCESS);
    }
    writeln!(out, "The cluster has an authority, and {name} is its first supervisor.")?;
    writeln!(out, "  fingerprint  {}", held.fingerprint())?;
    writeln!(out, "  kept in      {}", folder.path().display())?;
    writeln!(out, "Next: start the supervisor again, then for each node")?;
    writeln!(out, "  heliostat token create           here, and with what it prints")?;
    writeln!(out, "  heliostat-agent join ...         on the node")?;
    writeln!(out, "Keep a copy of authority.key where no thief of this machine finds it:")?;
    writeln!(out, "only it lets further supervisors in.")?;
    Ok(ExitCode::SUCCESS)
}

/// Joins a cluster as a further supervisor.
pub(super) fn join(args: JoinArgs) -> anyhow::Result<ExitCode> {
    let config = args.serve.config_before_joining()?;
    let name = name_of(args.name, config.settings.host.clone())?;
    let folder = Folder::of(&config.data);
    if !args.force {
        folder.refuse_taken("; --force joins again")?;
    } else if let Some(held) = folder.load()?
        && held.authority_key.is_some()
    {
        bail!(
            "{} holds the authority's own key: to join another cluster, move that folder away first",
            folder.path().display()
        );
    }
    let path = folder.identity();
    let clock = folder.clock();
    let key = Arc::new(kept::joining_key(&path)?);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let trust = Trust::Token { token: &args.token, before: None };
    let asked = enrol::ask(args.address, trust, (Role::Issuer, &name), &key, &clock);
    let issuing = runtime.block_on(asked)?;
    folder.take_in(&issuing, args.address)?;
    kept::forget_joining_key(&path);
    clock.confirm();
    let mut out = io::stdout().lock();
    writeln!(out, "{name} is a supervisor of the cluster now.")?;
    writeln!(out, "  authority  {}", issuing.fingerprint())?;
    writeln!(out, "  kept in    {}", folder.path().display())?;
    writeln!(out, "  tells and asks {}, and those under enrolment.peers", args.address)?;
    writeln!(out, "Next: start the supervisor again.")?;
    Ok(ExitCode::SUCCESS)
}

/// Asks the running supervisor.
fn wish(ask: &AskArgs, wish: Wish) -> anyhow::Result<Reply> {
    let mut asker = Asker::connect(&ask.socket.path())?;
    match asker.ask(&Request::Enrolment { wish })? {
        Answer::Enrolment { reply: Reply::Impossible { why }, .. } => bail!("{why}"),
        Answer::Enrolment { reply, .. } => Ok(reply),
        Answer::Error { message } => bail!("{message}"),
        _ => bail!("the supervisor answered something else"),
    }
}

/// One JSON document on one line.
fn print_json(value: &impl Serialize) -> anyhow::Result<ExitCode> {
    let mut document = serde_json::to_value(value)?;
    if let Some(object) = document.as_object_mut() {
        object.insert("schema".to_owned(), 1.into());
    }
    writeln!(io::stdout(), "{document}")?;
    Ok(ExitCode::SUCCESS)
}

/// Makes, lists and takes back tokens.
pub(super) fn token(args: TokenArgs) -> anyhow::Result<ExitCode> {
    match args.command {
        TokenCommand::Create { valid_for, uses, node, supervisor, ask } => {
            let role = if supervisor { Role::Issuer } else { Role::Agent };
            let valid_for_s = valid_for.as_secs();
            match wish(&ask, Wish::MakeToken { role, node, valid_for_s, uses })? {
                Reply::Token(made) if ask.json => print_json(&made),
                Reply::Token(made) => print_token(&made),
                _ => bail!("the supervisor answered something else"),
            }
        }
        TokenCommand::List { ask } => match wish(&ask, Wish::Tokens)? {
            reply if ask.json => print_json(&reply),
            Reply::Tokens { tokens } => print_tokens(&tokens),
            _ => bail!("the supervisor answered something else"),
        },
        TokenCommand::Revoke { id, ask } => match wish(&ask, Wish::RevokeToken { id })? {
            reply if ask.json => print_json(&reply),
            _ => {
                writeln!(io::stdout(), "Token {id} is good no more. Who joined with it stays.")?;
                Ok(ExitCode::SUCCESS)
            }
        },
    }
}

fn print_token(made: &MadeToken) -> anyhow::Result<ExitCode> {
    let mut out = io::stdout().lock();
    let whom = match (&made.node, made.role) {
        (Some(node), Role::Agent) => format!("the agent of {node}"),
        (Some(node), _) => format!("the supervisor {node}"),
        (None, Role::Agent) => "agents".to_owned(),
        (None, _) => "further supervisors".to_owned(),
    };
    let program = if made.role == Role::Agent { "heliostat-agent" } else { "heliostat" };
    writeln!(out, "Token {} for {whom}: {} use(s), until {}.", made.id, made.uses, made.expires)?;
    writeln!(out, "  authority  {}", made.authority)?;
    writeln!(out, "It is shown this once. On the node, with this supervisor's address:")?;
    writeln!(out, "  {program} join ADDRESS:PORT --token \\\n{}", made.token)?;
    Ok(ExitCode::SUCCESS)
}

fn print_tokens(tokens: &[TokenView]) -> anyhow::Result<ExitCode> {
    let mut out = io::stdout().lock();
    if tokens.is_empty() {
        writeln!(out, "There are no tokens.")?;
        return Ok(ExitCode::SUCCESS);
    }
    writeln!(out, "{:8}  {:8}  {:11}  {:>9}  {:20}  for", "token", "state", "role", "used", "until")?;
    for token in tokens {
        let state = match token.state {
            TokenState::Good => "good",
            TokenState::Spent => "spent",
            TokenState::Expired => "expired",
            TokenState::Revoked => "revoked",
        };
        let used = format!("{} of {}", token.used, token.uses);
        let node = token.node.as_ref().map_or("any", NodeName::as_str);
        let until = token.expires.to_string();
        writeln!(out, "{:8}  {state:8}  {:11}  {used:>9}  {until:20}  {node}", token.id, role(token.role))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// A role, as people know it.
const fn role(role: Role) -> &'static str {
    match role {
        Role::Agent => "agent",
        Role::Supervisor | Role::Issuer => "supervisor",
    }
}

/// Lists and revokes nodes.
pub(super) fn node(args: NodeArgs) -> anyhow::Result<ExitCode> {
    match args.command {
        NodeCommand::List { ask } => match wish(&ask, Wish::Enrolments)? {
            reply if ask.json => print_json(&reply),
            Reply::Enrolments { enrolments } => print_enrolments(&enrolments),
            _ => bail!("the supervisor answered something else"),
        },
        NodeCommand::Revoke { name, ask } => match wish(&ask, Wish::Revoke { name: name.clone() })? {
            reply if ask.json => print_json(&reply),
            Reply::Done { done: Done::Revoked { enrolments } } => {
                let mut out = io::stdout().lock();
                writeln!(
                    out,
                    "{name} is let in no more ({enrolments} enrolment(s) revoked); its links end now."
                )?;
                writeln!(out, "To take it in again: heliostat token create --node {name}")?;
                Ok(ExitCode::SUCCESS)
            }
            _ => bail!("the supervisor answered something else"),
        },
    }
}

fn print_enrolments(enrolments: &[EnrolmentView]) -> anyhow::Result<ExitCode> {
    let mut out = io::stdout().lock();
    writeln!(out, "{:20}  {:11}  {:16}  state", "name", "role", "enrolment")?;
    for EnrolmentView { name, role: of, enrolment, revoked } in enrolments {
        let state = match revoked {
            None => "in",
            Some(RevokedBy::Person) => "revoked",
            Some(RevokedBy::Joining) => "joined again since",
        };
        writeln!(out, "{name:20}  {:11}  {enrolment:16}  {state}", role(*of))?;
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_bounded_in_time() {
        assert_eq!(duration("90 min"), Ok(Duration::from_mins(90)));
        assert!(duration("8760h").unwrap_err().contains("168 h"));
        assert!(duration("0s").is_err());
        assert!(duration("soon").unwrap_err().contains("90s"));
    }
}
