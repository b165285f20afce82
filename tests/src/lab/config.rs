//! The configs of a host's programs. A test that wants another one adds to these or writes its own
//! ([`Host::configure`](super::Host::configure)).

use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use agent::core::energy::Estimator;
use agent::core::state::State;
use agent::io::state_file::StateFile;
use protocol::Soc;

use super::host::{Host, RESTART_ENGINE};
use super::layout::ADDRESS;
use super::part::Part;
use super::supply::{CAPACITY_AMP_HOURS, RESISTANCE_OHMS};

/// Where supervisors listen for agents.
pub const SUPERVISOR_PORT: u16 = 7464;
/// Where services publish themselves on their hosts.
pub const WEB_PORT: u16 = 8080;
/// Where agents answer balancers.
pub const AGENT_PORT: u16 = 7465;
/// Where the balancers take visitors.
pub const VISITORS_PORT: u16 = 80;

/// The agent's config: the live hardware monitor, the host's engine, a link to each master's supervisor. `more` is TOML
/// that is appended: whole tables.
///
/// The ladder is the usual one in its order and its levels of charge. Its delays are seconds instead of minutes, and no
/// voltage decides, because its mean over minutes says nothing of a battery that falls within one.
pub fn agent(host: &Host, masters: &[&Host], more: &str) -> String {
    let plan = host.plan();
    let folder = host.folder().display();
    let mut text = format!(
        "[node]\nname = \"{name}\"\nsupply = \"{supply}\"\nshed_order = {order}\nmaster = {master}\n\n\
         [battery]\nchemistry = \"agm\"\ncapacity = \"{CAPACITY_AMP_HOURS} Ah\"\nload_max = \"1 W\"\n\
         resistance = \"{RESISTANCE_OHMS} Ohm\"\ncutoff = \"10.5 V\"\n\n\
         [[sensor]]\nkind = \"hwmon\"\nchip = \"ina226\"\n\n\
         [sampling]\ninterval = \"200 ms\"\nhost_interval = \"5 s\"\n\n\
         {LADDER}\n\
         [containers]\nsocket = \"{folder}/docker.sock\"\nstop_timeout = \"5 s\"\n\
         restart = [\"sh\", \"{folder}/{RESTART_ENGINE}\"]\n\n\
         [state]\npath = \"{folder}/agent.state\"\n\n\
         [halt]\npower_off = \"systemd\"\n",
        name = plan.name,
        supply = plan.supply,
        order = plan.shed_order,
        master = plan.master,
    );
    for master in masters {
        let address = SocketAddr::new(IpAddr::V4(master.address()), SUPERVISOR_PORT);
        let _ = write!(text, "\n[[supervisor]]\naddress = \"{address}\"\nplaintext = true\n");
    }
    let _ = write!(text, "\n{more}");
    text
}

/// See [`fn@agent`].
const LADDER: &str = r#"[policy]
collapse = "10.8 V"
collapse_hold = "2 s"
stagger = "1 s"
settle = "2 s"
drain_budget = "20 s"
halt_budget = "10 s"
[policy.throttle]
enter = { voltage = "11.5 V", hold = "2 s" }
leave = { voltage = "11.6 V", hold = "3 s" }
[policy.shed]
enter = { voltage = "11.4 V", hold = "2 s" }
leave = { hold = "3 s" }
[policy.drain]
enter = { voltage = "11.3 V", time_to_empty = "1 s", hold = "1 s" }
leave = { hold = "3 s" }
[policy.halt]
enter = { voltage = "11.2 V", hold = "1 s" }
leave = { terminal = "11.6 V", hold = "3 s" }
"#;

/// Lets the agent know the state of charge from its first moment on, as one does that has run before: a night that takes a
/// minute leaves no time to find it out. `text` is the agent's config; an agent that has run before keeps what it knows.
///
/// # Panics
/// When the config is wrong, or the state cannot be written.
pub fn vouch(host: &Host, text: &str, soc: Soc) {
    let config = agent::config::Config::parse(text, Path::new("agent.toml"));
    let config = config.unwrap_or_else(|error| panic!("the agent's config: {error}"));
    if config.state.path.exists() {
        return;
    }
    let mut estimator = Estimator::new(config.battery.clone(), None, None);
    estimator.assume_soc(soc);
    let file = StateFile::take(&config.state.path, Path::new("/"))
        .unwrap_or_else(|error| panic!("the state of {}: {error}", host.name()));
    let state = State { learned: Some(estimator.learned()), ..State::default() };
    file.save(&state).expect("the state is written");
}

/// A supervisor's config, its delays in seconds instead of minutes, as the agents'. `keys` is TOML for the top of the file,
/// `tables` for its end.
pub fn supervisor(host: &Host, keys: &str, tables: &str) -> String {
    let folder = host.folder().display();
    format!(
        "listen = \"0.0.0.0:{SUPERVISOR_PORT}\"\nplaintext = true\nnode = \"{name}\"\n\
         data = \"{folder}/supervisor\"\nsocket = \"{folder}/supervisor/supervisor.sock\"\n{keys}\n\
         [plan]\nshed_dwell = \"1 s\"\nrecover_hold = \"2 s\"\nsettle = \"1 s\"\nwake_hold = \"2 s\"\n\n{tables}",
        name = host.name(),
    )
}

/// Tables for a supervisor's config that let it drive this host's balancer (backend `web`, for Swarm's service `web`) and the
/// Swarm.
pub fn steering(host: &Host) -> String {
    let folder = host.folder().display();
    format!(
        "[balancer]\nsocket = \"{folder}/haproxy.sock\"\ndrain_max = \"5 s\"\n\
         [[balancer.backend]]\nname = \"web\"\nservice = \"web\"\nport = {WEB_PORT}\nagent_port = {AGENT_PORT}\n\n\
         [orchestrator]\nkind = \"swarm\"\nsocket = \"{folder}/docker.sock\"\n\n"
    )
}

/// The table for an agent's config that lets it answer balancers.
pub fn agent_check() -> String {
    format!("[agent_check]\nlisten = \"0.0.0.0:{AGENT_PORT}\"\ngrace = \"3 s\"\n")
}

/// The table for a supervisor's config that makes it one of several: whoever holds the address leads.
pub fn seat(host: &Host, priority: u8) -> String {
    let (folder, address, file) = (host.folder().display(), host.address(), Part::Keepalived.config_file());
    format!(
        "[address]\nkind = \"keepalived\"\nip = \"{ADDRESS}/24\"\ninterface = \"eth0\"\nsource = \"{address}\"\n\
         priority = {priority}\nfile = \"{folder}/{file}\"\npid_file = \"/run/keepalived.pid\"\n\n"
    )
}

/// The kernel's settings that the agent's package brings, and on masters those that keep an address from breaking what it
/// carries when it moves (`deploy/*.sysctl`, and the file `pass_on` for nft, where there is one), as shell commands.
pub(super) fn kernel_settings(master: bool, pass_on: &Path) -> String {
    let agents = include_str!("../../../deploy/heliostat-agent.sysctl");
    let masters = include_str!("../../../deploy/heliostat-address.sysctl");
    let lines = agents.lines().chain(masters.lines().filter(|_| master));
    let settings = lines.filter(|line| !line.starts_with('#'));
    let mut text = String::new();
    for (key, value) in settings.filter_map(|line| line.trim_start_matches('-').split_once(" = ")) {
        let path = key.replace('.', "/");
        let _ = writeln!(
            text,
            "for file in /proc/sys/{path}; do [ ! -e \"$file\" ] || echo {value} >\"$file\"; done"
        );
    }
    let file = pass_on.display();
    let _ = writeln!(
        text,
        "[ ! -e {file} ] || nft list table ip heliostat_address >/dev/null 2>&1 || nft -f {file}"
    );
    text
}

/// `deploy/heliostat-address.nft` for one of several masters.
pub(super) fn pass_on(host: &Host, masters: &[&Host]) -> String {
    let example = include_str!("../../../deploy/heliostat-address.nft");
    let (mut text, mut told) = (String::new(), false);
    for line in example.lines() {
        if !line.trim_start().starts_with("dup to ") {
            let _ = writeln!(text, "{line}");
            continue;
        }
        if told {
            continue;
        }
        told = true;
        for other in masters.iter().filter(|other| other.name() != host.name()) {
            let _ = writeln!(text, "dup to {}", other.address());
        }
    }
    text
}

/// How quickly a balancer notices and gives up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Watchfulness {
    /// As it comes: a TCP check every 2 s, three of them to call a server down.
    Defaults,
    /// At its best without help: health checks every 0.5 s, errors of visitors count, one try elsewhere.
    Tuned,
    /// As tuned, and without a server: the supervisor adds, weighs, drains and removes them.
    Driven,
}

impl Watchfulness {
    const fn defaults(self) -> &'static str {
        match self {
            // HAProxy demands time-outs; these are those of its own manual's first example.
            Self::Defaults => {
                "  timeout connect 5s\n  timeout client 50s\n  timeout server 50s\n  option redispatch\n"
            }
            Self::Tuned => {
                "  timeout connect 500ms\n  timeout client 5s\n  timeout server 2s\n  timeout check 300ms\n  option redispatch 1\n  retries 3\n"
            }
            // As in `deploy/haproxy.cfg`: what may be repeated is, when a host that stands still does not answer.
            Self::Driven => {
                "  timeout connect 500ms\n  timeout client 5s\n  timeout server 2s\n  timeout check 300ms\n  option redispatch 1\n  retries 3\n  \
                 retry-on conn-failure empty-response response-timeout\n"
            }
        }
    }

    const fn backend(self) -> &'static str {
        match self {
            Self::Defaults => "  default-server check\n",
            Self::Driven => "  option httpchk GET /health\n",
            Self::Tuned => {
                "  option httpchk GET /health\n  default-server check inter 500ms fastinter 250ms fall 2 rise 1 \
                 observe layer4 error-limit 1 on-error mark-down on-marked-down shutdown-sessions\n"
            }
        }
    }
}

/// A balancer's config: visitors on every address of the host, so that the one that moves needs no reload; backend
/// `web` with a server for each of these hosts, by its name; the runtime socket `haproxy.sock` in the host's folder.
pub fn haproxy(host: &Host, watchfulness: Watchfulness, servers: &[&Host]) -> String {
    let folder = host.folder().display();
    let mut text = format!(
        "global\n  stats socket {folder}/haproxy.sock mode 600 level admin\n  stats timeout 60s\n  \
         hard-stop-after 5s\n  maxconn 2000\n\
         defaults\n  mode http\n{defaults}\
         frontend visitors\n  bind :{VISITORS_PORT}\n  default_backend web\n\
         backend web\n  balance roundrobin\n{backend}",
        defaults = watchfulness.defaults(),
        backend = watchfulness.backend(),
    );
    let servers = if watchfulness == Watchfulness::Driven { &[][..] } else { servers };
    for server in servers {
        let _ = writeln!(text, "  server {} {}:{WEB_PORT}", server.name(), server.address());
    }
    text
}

/// keepalived's config: the address on the master with the greatest priority, announced at this interval (in seconds, such
/// as `0.1`). `more` goes into the instance: `track_file`, `notify_fifo` belongs into `globals`.
pub fn keepalived(host: &Host, priority: u8, advert: &str, globals: &str, more: &str) -> String {
    let name = host.name();
    format!(
        "global_defs {{\n  router_id {name}\n  vrrp_version 3\n{globals}}}\n\
         vrrp_instance address {{\n  state BACKUP\n  interface eth0\n  virtual_router_id 50\n  priority {priority}\n  \
         advert_int {advert}\n  virtual_ipaddress {{\n    {ADDRESS}/24 dev eth0\n  }}\n{more}}}\n"
    )
}
