//! `[address]`: who leads when there are several supervisors, and how keepalived is driven.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Deserializer, de};
use toml::Spanned;

use super::error::ConfigError;
use super::file::Span;
use super::prove::Prover;
use super::{Keepalived, Places};
use crate::core::AddressKind;

/// Adverts further apart than this would leave the address without a host for seconds.
const ADVERTS: (Duration, Duration) = (Duration::from_millis(10), Duration::from_secs(10));
/// The longest name that an interface can have.
const INTERFACE_BYTES_MAX: usize = 15;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AddressTable {
    #[serde(default)]
    kind: AddressKind,
    ip: Option<Spanned<Prefix>>,
    interface: Option<Spanned<String>>,
    source: Option<Spanned<IpAddr>>,
    #[serde(default)]
    peers: Vec<Spanned<IpAddr>>,
    priority: Option<Spanned<u8>>,
    router_id: Option<Spanned<u8>>,
    advert: Option<Spanned<Span>>,
    file: Option<Spanned<PathBuf>>,
    track_file: Option<Spanned<PathBuf>>,
    fifo: Option<Spanned<PathBuf>>,
    pid_file: Option<Spanned<PathBuf>>,
    #[serde(default)]
    reload: Vec<String>,
    #[serde(default)]
    restart: Vec<String>,
    watch_supervisor: Option<bool>,
}

/// An address with the length of its network's prefix: `172.16.0.50/24`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Prefix(IpAddr, u8);

impl<'de> Deserialize<'de> for Prefix {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let parsed = text.split_once('/').and_then(|(ip, length)| {
            let (ip, length): (IpAddr, u8) = (ip.parse().ok()?, length.parse().ok()?);
            let most = if ip.is_ipv4() { 32 } else { 128 };
            (1..=most).contains(&length).then_some(Self(ip, length))
        });
        parsed.ok_or_else(|| {
            let wanted = "an address with its prefix, like \"172.16.0.50/24\"";
            de::Error::invalid_value(de::Unexpected::Str(&text), &wanted)
        })
    }
}

/// The kind, and what keepalived is told.
///
/// # Errors
///
/// What keepalived needs is missing, cannot be, or is given though nothing uses it.
pub(super) fn address(
    table: Option<&Spanned<AddressTable>>,
    places: &Places,
    prove: &Prover<'_>,
) -> Result<Option<Keepalived>, ConfigError> {
    let Some((at, table)) = table.map(|table| (table.span().start, table.get_ref())) else {
        return Ok(None);
    };
    if table.kind == AddressKind::Standalone {
        if let Some(ip) = &table.ip {
            let why = "there is an address, so say kind = \"keepalived\" (standalone has none)".to_owned();
            return Err(prove.at("address.ip", ip.span().start, why));
        }
        return Ok(None);
    }
    let missing = |key, why: &str| prove.at(key, at, format!("{why} is missing"));
    let ip = table.ip.as_ref().ok_or_else(|| missing("address.ip", "ip = \"172.16.0.50/24\""))?;
    let Prefix(ip, prefix) = *ip.get_ref();
    let interface =
        table.interface.as_ref().ok_or_else(|| missing("address.interface", "interface = \"eth0\""))?;
    let priority = table.priority.as_ref().ok_or_else(|| missing("address.priority", "priority = 150"))?;
    let run = places.socket.parent().unwrap_or(Path::new("/run"));
    let path = |key, written: &Option<_>, default| path(key, written.as_ref(), default, prove);
    Ok(Some(Keepalived {
        ip,
        prefix,
        interface: name(interface, prove)?,
        source: table
            .source
            .as_ref()
            .map(|source| same_family(source, ip, "address.source", prove))
            .transpose()?,
        peers: table
            .peers
            .iter()
            .map(|peer| same_family(peer, ip, "address.peers", prove))
            .collect::<Result<_, _>>()?,
        priority: within("address.priority", priority, prove)?,
        router_id: match &table.router_id {
            Some(id) => within("address.router_id", id, prove)?,
            None => last_byte(ip),
        },
        advert: advert(table.advert.as_ref(), prove)?,
        file: path("address.file", &table.file, places.data.join("keepalived.conf"))?,
        track_file: path("address.track_file", &table.track_file, run.join("keepalived.weight"))?,
        fifo: path("address.fifo", &table.fifo, run.join("keepalived.fifo"))?,
        pid_file: path("address.pid_file", &table.pid_file, PathBuf::from("/run/keepalived.pid"))?,
        reload: table.reload.clone(),
        restart: table.restart.clone(),
        watch_supervisor: table.watch_supervisor.unwrap_or(true),
    }))
}

/// Masters that share an address agree on the number of its router: by default the address's last part.
fn last_byte(ip: IpAddr) -> u8 {
    let last = match ip {
        IpAddr::V4(ip) => ip.octets()[3],
        IpAddr::V6(ip) => ip.octets()[15],
    };
    last.max(1)
}

fn within(key: &'static str, written: &Spanned<u8>, prove: &Prover<'_>) -> Result<u8, ConfigError> {
    let number = *written.get_ref();
    if (1..=254).contains(&number) {
        return Ok(number);
    }
    Err(prove.at(key, written.span().start, format!("{number} must be 1 to 254")))
}

fn advert(written: Option<&Spanned<Span>>, prove: &Prover<'_>) -> Result<Duration, ConfigError> {
    let Some(written) = written else { return Ok(Duration::from_millis(100)) };
    let advert = written.get_ref().0;
    // VRRP counts in hundredths of a second.
    if advert < ADVERTS.0 || advert > ADVERTS.1 || advert.subsec_nanos() % 10_000_000 != 0 {
        let why = format!("{} ms must be 10 ms to 10 s, in steps of 10 ms", advert.as_millis());
        return Err(prove.at("address.advert", written.span().start, why));
    }
    Ok(advert)
}

/// A name that keepalived's config can bear as it is.
fn name(written: &Spanned<String>, prove: &Prover<'_>) -> Result<String, ConfigError> {
    let name = written.get_ref();
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b'@');
    if (1..=INTERFACE_BYTES_MAX).contains(&name.len()) && name.bytes().all(fits) {
        return Ok(name.clone());
    }
    let why = format!("{name:?} is no interface's name");
    Err(prove.at("address.interface", written.span().start, why))
}

/// A path that keepalived's config can bear as it is: absolute, and without characters that end a word there.
fn path(
    key: &'static str,
    written: Option<&Spanned<PathBuf>>,
    default: PathBuf,
    prove: &Prover<'_>,
) -> Result<PathBuf, ConfigError> {
    let (path, at) = match written {
        Some(written) => (written.get_ref().clone(), written.span().start),
        None => (default, 0),
    };
    let plain = |text: &str| text.chars().all(|c| c.is_ascii_graphic() && !"\"'{}#!\\".contains(c));
    if path.is_absolute() && path.to_str().is_some_and(plain) {
        return Ok(path);
    }
    let why = format!("{} must begin with / and hold no spaces, quotes, braces, # or !", path.display());
    Err(prove.at(key, at, why))
}

fn same_family(
    written: &Spanned<IpAddr>,
    ip: IpAddr,
    key: &'static str,
    prove: &Prover<'_>,
) -> Result<IpAddr, ConfigError> {
    let other = *written.get_ref();
    if other.is_ipv4() == ip.is_ipv4() && other != ip {
        return Ok(other);
    }
    let why = if other == ip {
        format!("{other} is the shared address itself: name the master's own")
    } else {
        format!("{other} and {ip} are not of one kind: both IPv4 or both IPv6")
    };
    Err(prove.at(key, written.span().start, why))
}
