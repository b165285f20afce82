//! The file's shape, and what is proved of it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use protocol::{Charge, Current, NodeName, Soc, Stage, SupplyName};
use serde::{Deserialize, Deserializer, de};
use toml::Spanned;

use super::address::{AddressTable, address};
use super::error::ConfigError;
use super::prove::Prover;
use super::site::{SiteTable, site};
use super::traffic::{BalancerTable, OrchestratorTable, balancer, orchestrator};
use super::watch::{HistoryTable, NotifyTable, WebTable, history_rows_max, notify, web};
use super::{Config, Given, LISTEN_DEFAULT, Places};
use crate::core::forecast::Chance;
use crate::core::settings::{Chemistry, PlanSettings, SupplySettings, Thresholds, Worth};
use crate::core::{AddressKind, Settings};

/// A node that was switched off for less than a third of this renews by itself when it is back. Revoking does not wait
/// for it.
const CERTIFICATES_VALID_FOR: Duration = Duration::from_hours(365 * 24);

/// The file as written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    listen: Option<SocketAddr>,
    #[serde(default)]
    plaintext: bool,
    data: Option<PathBuf>,
    socket: Option<PathBuf>,
    node: Option<NodeName>,
    #[serde(default)]
    links: LinksTable,
    #[serde(default)]
    orders: OrdersTable,
    address: Option<Spanned<AddressTable>>,
    #[serde(default)]
    enrolment: EnrolmentTable,
    #[serde(default)]
    journal: JournalTable,
    #[serde(default)]
    history: HistoryTable,
    web: Option<WebTable>,
    notify: Option<NotifyTable>,
    #[serde(default)]
    plan: PlanTable,
    balancer: Option<BalancerTable>,
    #[serde(default)]
    orchestrator: OrchestratorTable,
    #[serde(default, rename = "supply")]
    supplies: Vec<SupplyTable>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct LinksTable {
    max: Option<u32>,
    hello_timeout: Option<Span>,
    late_after: Option<u32>,
    lost_after: Option<u32>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct EnrolmentTable {
    valid_for: Option<Span>,
    #[serde(default)]
    peers: Vec<SocketAddr>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct OrdersTable {
    valid_for: Option<Span>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct JournalTable {
    rows_max: u32,
}

impl Default for JournalTable {
    fn default() -> Self {
        // At about 300 bytes a record: 30 MB, and months of decisions.
        Self { rows_max: 100_000 }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct PlanTable {
    lead_points: Option<f64>,
    stagger_points: Option<f64>,
    shed_dwell: Option<Span>,
    recover_hold: Option<Span>,
    settle: Option<Span>,
    wake_interval: Option<Span>,
    wake_hold: Option<Span>,
    wake_surplus: Option<Current>,
    off_min: Option<Span>,
    relief_max: Option<Span>,
    chance_wanted: Option<Soc>,
    #[serde(default)]
    worth: WorthTable,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct WorthTable {
    critical: Option<f64>,
    standard: Option<f64>,
    deferrable: Option<f64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SupplyTable {
    name: SupplyName,
    #[serde(default)]
    pub(super) chemistry: Chemistry,
    #[serde(default)]
    nodes: BTreeSet<NodeName>,
    pub(super) capacity: Option<Spanned<Charge>>,
    pub(super) site: Option<Spanned<SiteTable>>,
}

/// A duration as a person writes it: `"90 s"`, `"10 min"`, `"1h 30m"`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span(pub(super) Duration);

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        jiff::fmt::friendly::SpanParser::new().parse_unsigned_duration(&text).map(Self).map_err(|_| {
            let wanted = "a duration like \"90 s\", \"10 min\" or \"1h 30m\"";
            de::Error::invalid_value(de::Unexpected::Str(&text), &wanted)
        })
    }
}

pub(super) fn parse(text: &str, file: &Path, given: Given) -> Result<Config, ConfigError> {
    let table: File = toml::from_str(text).map_err(|error| ConfigError::Syntax {
        file: file.to_owned(),
        message: error.to_string().trim_end().to_owned(),
    })?;
    let places = match &given.data {
        Some(data) => Places::in_folder(data),
        None => given.places.clone(),
    };
    let plaintext = table.plaintext;
    let prover = Prover { file, text };
    let (haproxy_socket, balancer) =
        table.balancer.as_ref().map(|table| balancer(table, &prover)).transpose()?.unzip();
    let (docker_socket, orchestrator) = orchestrator(&table.orchestrator, &prover)?.unzip();
    let mut settings = Settings { balancer, orchestrator, ..settings(&table, &given, &prover)? };
    let certificates_valid_for = span(table.enrolment.valid_for, CERTIFICATES_VALID_FOR);
    let valid_range = Duration::from_secs(10)..=Duration::from_hours(10 * 365 * 24);
    prover.span("enrolment.valid_for", certificates_valid_for, &valid_range)?;
    let listen = match given.listen.or(table.listen) {
        Some(listen) => listen,
        None => default_listen(),
    };
    let in_file = table.data.as_deref().map(Places::in_folder).filter(|_| given.data.is_none());
    let data = in_file.as_ref().map_or(places.data, |places| places.data.clone());
    let socket = given
        .socket
        .or_else(|| table.socket.filter(|_| given.data.is_none()))
        .unwrap_or_else(|| in_file.map_or(places.socket, |places| places.socket));
    let places = Places { data, socket };
    let keepalived = address(table.address.as_ref(), &places, &prover)?;
    if keepalived.is_some() {
        settings.address = AddressKind::Keepalived;
    }
    Ok(Config {
        listen,
        plaintext,
        certificates_valid_for,
        peers: table.enrolment.peers,
        data: places.data,
        socket: places.socket,
        keepalived,
        journal_rows_max: table.journal.rows_max,
        history_rows_max: history_rows_max(&table.history, &prover)?,
        web: web(table.web.as_ref()),
        notify: notify(table.notify.as_ref(), &prover)?,
        haproxy_socket,
        docker_socket,
        settings,
    })
}

fn default_listen() -> SocketAddr {
    // The constant is an address: a test holds it.
    LISTEN_DEFAULT.parse().unwrap_or_else(|_| SocketAddr::from(([127, 0, 0, 1], 0)))
}

fn settings(table: &File, given: &Given, prove: &Prover<'_>) -> Result<Settings, ConfigError> {
    let defaults = Settings::default();
    let links = &table.links;
    let max = links.max.unwrap_or(128);
    prove.range("links.max", max, &(1..=10_000))?;
    prove.range("journal.rows_max", table.journal.rows_max, &(1_000..=100_000_000))?;
    let late_after = links.late_after.unwrap_or(defaults.late_after);
    let lost_after = links.lost_after.unwrap_or(defaults.lost_after);
    prove.range("links.late_after", late_after, &(1..=100))?;
    if lost_after <= late_after {
        let rule = "a node is late before it is lost";
        let other = format!("links.late_after = {late_after}");
        return Err(prove.contradiction("links.lost_after", lost_after.to_string(), other, rule));
    }
    let order_valid = span(table.orders.valid_for, defaults.order_valid);
    let minutes = |from: u64, to: u64| Duration::from_mins(from)..=Duration::from_mins(to);
    prove.span("orders.valid_for", order_valid, &minutes(1, 24 * 60))?;
    let hello_timeout = span(links.hello_timeout, defaults.hello_timeout);
    prove.span("links.hello_timeout", hello_timeout, &(Duration::from_secs(1)..=Duration::from_mins(5)))?;
    let relief_max = span(table.plan.relief_max, defaults.relief_max);
    prove.span("plan.relief_max", relief_max, &(Duration::ZERO..=Duration::from_mins(10)))?;
    Ok(Settings {
        host: table.node.clone().or_else(|| given.host.clone()),
        links_max: max as usize,
        hello_timeout,
        late_after,
        lost_after,
        order_valid,
        relief_max,
        plan: plan(&table.plan, prove)?,
        supplies: supplies(&table.supplies, prove)?,
        ..defaults
    })
}

pub(super) fn span(written: Option<Span>, default: Duration) -> Duration {
    written.map_or(default, |span| span.0)
}

fn supplies(
    tables: &[SupplyTable],
    prove: &Prover<'_>,
) -> Result<BTreeMap<SupplyName, SupplySettings>, ConfigError> {
    let mut supplies = BTreeMap::new();
    for table in tables {
        let settings = SupplySettings {
            chemistry: table.chemistry,
            nodes: table.nodes.clone(),
            site: site(table, prove)?,
        };
        if supplies.insert(table.name.clone(), settings).is_some() {
            return Err(ConfigError::Twice { file: prove.file.to_owned(), name: table.name.clone() });
        }
    }
    Ok(supplies)
}

fn plan(table: &PlanTable, prove: &Prover<'_>) -> Result<PlanSettings, ConfigError> {
    let defaults = PlanSettings::default();
    let plan = PlanSettings {
        lead_points: table.lead_points.unwrap_or(defaults.lead_points),
        stagger_points: table.stagger_points.unwrap_or(defaults.stagger_points),
        shed_dwell: span(table.shed_dwell, defaults.shed_dwell),
        recover_hold: span(table.recover_hold, defaults.recover_hold),
        settle: span(table.settle, defaults.settle),
        wake_interval: span(table.wake_interval, defaults.wake_interval),
        wake_hold: span(table.wake_hold, defaults.wake_hold),
        wake_surplus: table.wake_surplus.unwrap_or(defaults.wake_surplus),
        off_min: span(table.off_min, defaults.off_min),
        chance_wanted: table
            .chance_wanted
            .map_or(defaults.chance_wanted, |part| Chance::from_fraction(part.fraction())),
        worth: worth(&table.worth, prove)?,
        ..defaults
    };
    let (second, hour) = (Duration::from_secs(1), Duration::from_hours(1));
    prove.span("plan.shed_dwell", plan.shed_dwell, &(second..=hour))?;
    prove.span("plan.recover_hold", plan.recover_hold, &(second..=hour * 24))?;
    prove.span("plan.settle", plan.settle, &(second..=hour))?;
    // Ten boards that boot at once pull the rail under 4.63 V: never faster than one a minute.
    prove.span("plan.wake_interval", plan.wake_interval, &(Duration::from_mins(1)..=hour))?;
    prove.span("plan.wake_hold", plan.wake_hold, &(second..=hour * 24))?;
    prove.span("plan.off_min", plan.off_min, &(Duration::from_mins(1)..=hour * 24))?;
    prove.points("plan.lead_points", plan.lead_points)?;
    prove.points("plan.stagger_points", plan.stagger_points)?;
    prove_stages_apart(&plan, prove)?;
    Ok(plan)
}

/// What work is worth: more for what matters more, so that the plan never gives up the wrong one.
fn worth(table: &WorthTable, prove: &Prover<'_>) -> Result<Worth, ConfigError> {
    let defaults = Worth::default();
    let worth = Worth {
        critical: table.critical.unwrap_or(defaults.critical),
        standard: table.standard.unwrap_or(defaults.standard),
        deferrable: table.deferrable.unwrap_or(defaults.deferrable),
    };
    for (key, found) in [
        ("plan.worth.critical", worth.critical),
        ("plan.worth.standard", worth.standard),
        ("plan.worth.deferrable", worth.deferrable),
    ] {
        if !(0.0..=1e6).contains(&found) {
            return Err(prove.out_of_range(key, &found, &0, &1_000_000));
        }
    }
    for (key, more, other_key, less) in [
        ("plan.worth.critical", worth.critical, "plan.worth.standard", worth.standard),
        ("plan.worth.standard", worth.standard, "plan.worth.deferrable", worth.deferrable),
    ] {
        if more < less {
            let rule = "what matters more is worth no less";
            return Err(prove.contradiction(key, more.to_string(), format!("{other_key} = {less}"), rule));
        }
    }
    Ok(worth)
}

/// The first turn of one stage must come after the last turn of the stage before: leads and turns fit between.
fn prove_stages_apart(plan: &PlanSettings, prove: &Prover<'_>) -> Result<(), ConfigError> {
    let thresholds = Thresholds::for_chemistry(Chemistry::Flooded);
    let enters: Vec<_> = Stage::ALL.iter().filter_map(|stage| thresholds.enter(*stage)).collect();
    let gap = enters.windows(2).map(|pair| pair[0].points_above(pair[1])).fold(f64::INFINITY, f64::min);
    let span = plan.lead_points + plan.stagger_points_max;
    if span < gap {
        return Ok(());
    }
    Err(prove.contradiction(
        "plan.lead_points",
        plan.lead_points.to_string(),
        format!(
            "the {gap:.0} points between two stages, of which the turns take {}",
            plan.stagger_points_max
        ),
        "lead and turns together must fit between two stages",
    ))
}
