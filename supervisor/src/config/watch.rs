//! `[history]`, `[web]` and `[notify]`: what is kept of readings, who may look, and who is told.

use std::net::SocketAddr;
use std::time::Duration;

use serde::Deserialize;

use super::error::ConfigError;
use super::file::{Span, span};
use super::prove::Prover;

/// About 60 bytes a row: 30 MB. Ten nodes fill it in a good week of minutes, and months of hours.
const HISTORY_ROWS_MAX: u32 = 500_000;
/// Nobody reads more mails than that.
const NOTIFY_EVERY: Duration = Duration::from_mins(15);

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HistoryTable {
    rows_max: Option<u32>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WebTable {
    listen: SocketAddr,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NotifyTable {
    webhook: Option<String>,
    #[serde(default)]
    command: Vec<String>,
    at_most_every: Option<Span>,
}

/// Who is told of what matters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notify {
    /// Gets each message as JSON, by POST.
    pub webhook: Option<Webhook>,
    /// A program and its arguments: it gets each message on its standard input. In the arguments, `{subject}` is the
    /// message's first line.
    pub command: Vec<String>,
    /// Two messages are at least so far apart; what happens between goes into the second.
    pub at_most_every: Duration,
}

/// Where a webhook is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// Whether it is spoken to in TLS.
    pub tls: bool,
    /// The host, as it is named in the request and in its certificate.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// The rest of the address, from its first slash.
    pub path: String,
}

impl Webhook {
    /// From `http://host:port/path` or `https://...`.
    fn parse(url: &str) -> Option<Self> {
        let (tls, rest) = match url.split_once("://")? {
            ("https", rest) => (true, rest),
            ("http", rest) => (false, rest),
            _ => return None,
        };
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, port.parse().ok()?),
            _ => (authority, if tls { 443 } else { 80 }),
        };
        let printable = |text: &str| text.chars().all(|character| character.is_ascii_graphic());
        if host.is_empty() || host.contains('@') || !printable(host) || !printable(path) {
            return None;
        }
        let path = if path.is_empty() { "/".to_owned() } else { path.to_owned() };
        Some(Self { tls, host: host.to_owned(), port, path })
    }
}

pub(super) fn history_rows_max(table: &HistoryTable, prove: &Prover<'_>) -> Result<u32, ConfigError> {
    let rows = table.rows_max.unwrap_or(HISTORY_ROWS_MAX);
    prove.range("history.rows_max", rows, &(10_000..=100_000_000))?;
    Ok(rows)
}

pub(super) fn web(table: Option<&WebTable>) -> Option<SocketAddr> {
    table.map(|table| table.listen)
}

pub(super) fn notify(table: Option<&NotifyTable>, prove: &Prover<'_>) -> Result<Option<Notify>, ConfigError> {
    let Some(table) = table else { return Ok(None) };
    let webhook = match &table.webhook {
        None => None,
        Some(url) => Some(Webhook::parse(url).ok_or_else(|| {
            let rule =
                "a webhook is http://HOST[:PORT]/PATH or https://..., without a password before the host";
            prove.contradiction(
                "notify.webhook",
                format!("{url:?}"),
                "what a web address looks like".to_owned(),
                rule,
            )
        })?),
    };
    if webhook.is_none() && table.command.is_empty() {
        let rule = "[notify] needs a webhook or a command, or nobody is told";
        return Err(prove.contradiction(
            "notify.webhook",
            "none".to_owned(),
            "notify.command = []".to_owned(),
            rule,
        ));
    }
    let at_most_every = span(table.at_most_every, NOTIFY_EVERY);
    prove.span(
        "notify.at_most_every",
        at_most_every,
        &(Duration::from_secs(1)..=Duration::from_hours(24)),
    )?;
    Ok(Some(Notify { webhook, command: table.command.clone(), at_most_every }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_webhook_is_an_address_or_nothing() {
        let webhook = |tls, host: &str, port, path: &str| {
            Some(Webhook { tls, host: host.to_owned(), port, path: path.to_owned() })
        };
        assert_eq!(Webhook::parse("https://ntfy.sh/solar"), webhook(true, "ntfy.sh", 443, "/solar"));
        assert_eq!(Webhook::parse("http://127.0.0.1:8080"), webhook(false, "127.0.0.1", 8080, "/"));
        for bad in
            ["ntfy.sh/solar", "ftp://a/b", "http://", "http://a:b/", "http://u:p@a/", "http://a/ b\r\n"]
        {
            assert_eq!(Webhook::parse(bad), None, "{bad}");
        }
    }
}
