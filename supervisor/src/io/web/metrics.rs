//! The fleet as Prometheus reads it: base units, a name that ends in its unit, one state a label.
//!
//! What is not known has no sample: a gap can be alarmed on, a zero would lie.

use std::fmt::Write as _;

use protocol::report::ContainerState;
use protocol::{Class, Seconds, Stage};

use super::super::operator::Status;
use crate::core::balancer::{BackendView, ServerView};
use crate::core::budget::view::ForecastView;
use crate::core::view::{NodeView, SupplyView};
use crate::core::{JournalState, Liveness};

/// Whether a node is there, and how, by the names that `status --json` uses.
const LIVENESS: [(Liveness, &str); 6] = [
    (Liveness::NeverSeen, "never_seen"),
    (Liveness::Alive, "alive"),
    (Liveness::Late, "late"),
    (Liveness::Lost, "lost"),
    (Liveness::Parked, "parked"),
    (Liveness::Leaving, "leaving"),
];

/// Everything, in Prometheus' text format.
pub(super) fn text(status: &Status, forecasts: &[ForecastView]) -> String {
    let fleet = &status.fleet;
    let mut out = Text::default();
    out.family("heliostat_build_info", "The supervisor's version, as a label.");
    out.sample(&[("version", &status.version)], Some(1.0));
    out.family("heliostat_leading", "Whether this supervisor leads.");
    out.sample(&[], Some(flag(fleet.leading)));
    out.family("heliostat_term", "The term that this supervisor leads with.");
    out.sample(&[], Some(fleet.term.0 as f64));
    out.family("heliostat_journal_working", "Whether decisions are being written down.");
    out.sample(&[], Some(flag(fleet.journal == JournalState::Working)));
    if let Some(seen) = fleet.address.and_then(|address| address.seen) {
        out.family("heliostat_address_held", "Whether this host holds the address.");
        out.sample(&[], Some(flag(seen.held)));
        out.family("heliostat_keepalived_running", "Whether keepalived runs on this host.");
        out.sample(&[], Some(flag(seen.keepalived_runs)));
    }
    supplies(&mut out, &fleet.supplies);
    forecast(&mut out, forecasts);
    nodes(&mut out, &fleet.nodes);
    backends(&mut out, &fleet.backends);
    out.0
}

/// One family of a supply: its name, what it means, and its value.
type OfSupply = (&'static str, &'static str, fn(&SupplyView) -> Option<f64>);

fn supplies(out: &mut Text, supplies: &[SupplyView]) {
    let families: [OfSupply; 9] = [
        ("heliostat_supply_known", "Whether the estimate is fresh and without fault.", |s| {
            Some(flag(s.known))
        }),
        ("heliostat_supply_voltage_volts", "At the battery's terminals.", |s| {
            Some(s.energy?.voltage?.volts())
        }),
        ("heliostat_supply_current_amperes", "Out of the battery; negative while it charges.", |s| {
            Some(s.energy?.current?.amps())
        }),
        ("heliostat_supply_time_to_empty_seconds", "Until it is usably empty, best estimate.", |s| {
            Some(f64::from(s.energy?.time_to_empty?.best.0))
        }),
        ("heliostat_supply_estimate_age_seconds", "How old the estimate is.", |s| Some(f64::from(s.age?.0))),
        ("heliostat_supply_sensors_disagree", "Whether its sensors disagree.", |s| {
            Some(flag(s.disagreement.is_some()))
        }),
        ("heliostat_supply_nodes", "Nodes that hang on it.", |s| Some(f64::from(s.nodes))),
        ("heliostat_supply_plan_level", "The plan's level; 0 is everything runs.", |s| {
            Some(f64::from(s.plan.as_ref()?.level))
        }),
        ("heliostat_supply_weight", "The weight of its nodes at the balancer, of 100.", |s| {
            Some(f64::from(s.weight?))
        }),
    ];
    for (name, help, value) in families {
        out.family(name, help);
        for supply in supplies {
            // An estimate that is doubted is not told as a number.
            let told = supply.known
                || !name.contains("_volts") && !name.contains("_amperes") && !name.contains("empty");
            out.sample(&[("supply", supply.name.as_str())], value(supply).filter(|_| told));
        }
    }
    out.family(
        "heliostat_supply_soc_ratio",
        "State of charge: 10th percentile, best estimate, 90th percentile.",
    );
    for supply in supplies {
        let Some(soc) = supply.energy.filter(|_| supply.known).and_then(|energy| energy.soc) else {
            continue;
        };
        for (bound, soc) in [("low", soc.low), ("best", soc.best), ("high", soc.high)] {
            out.sample(&[("supply", supply.name.as_str()), ("bound", bound)], Some(soc.fraction()));
        }
    }
}

/// One family of a forecast.
type OfForecast = (&'static str, &'static str, fn(&ForecastView) -> Option<Seconds>);

fn forecast(out: &mut Text, forecasts: &[ForecastView]) {
    let families: [OfForecast; 2] = [
        (
            "heliostat_supply_time_to_full_seconds",
            "Until the plan expects the battery to be full.",
            |forecast| forecast.full_in(),
        ),
        ("heliostat_supply_time_to_sunrise_seconds", "Until the sun rises.", |forecast| forecast.sunrise_in),
    ];
    for (name, help, value) in families {
        out.family(name, help);
        for forecast in forecasts {
            let value = value(forecast).map(|time| f64::from(time.0));
            out.sample(&[("supply", forecast.supply.as_str())], value);
        }
    }
}

/// One family of a node.
type OfNode = (&'static str, &'static str, fn(&NodeView) -> Option<f64>);

fn nodes(out: &mut Text, nodes: &[NodeView]) {
    let there = |node: &NodeView| matches!(node.liveness, Liveness::Alive | Liveness::Late);
    let families: [OfNode; 7] = [
        ("heliostat_node_last_heard_seconds", "Since it was last heard.", |n| Some(f64::from(n.silent?.0))),
        ("heliostat_node_processor_ratio", "How busy its processors are.", |n| {
            Some(f64::from(n.host?.cpu_permille?) / 1000.0)
        }),
        ("heliostat_node_temperature_celsius", "Its processor's temperature.", |n| {
            Some(n.host?.temperature?.celsius())
        }),
        ("heliostat_node_rail_low", "Whether its 5 V rail is too low.", |n| Some(flag(n.host?.rail_low?))),
        ("heliostat_node_docker_up", "Whether Docker answers there.", |n| n.docker_up.map(flag)),
        ("heliostat_node_sensor_fault", "Whether its sensor gives nothing that may be believed.", |n| {
            n.has_sensor.then(|| flag(n.fault.is_some()))
        }),
        ("heliostat_node_ordered_by_person", "Whether a person's order stands about it.", |n| {
            Some(flag(n.person.is_some()))
        }),
    ];
    for (name, help, value) in families {
        out.family(name, help);
        for node in nodes {
            // What a node last said of itself holds while it is there.
            let told = there(node) || name.ends_with("heard_seconds") || name.ends_with("by_person");
            out.sample(&[("node", node.name.as_str())], value(node).filter(|_| told));
        }
    }
    out.family("heliostat_node_liveness", "Whether it is there: 1 at the state that holds.");
    for node in nodes {
        for (liveness, name) in LIVENESS {
            out.sample(
                &[("node", node.name.as_str()), ("state", name)],
                Some(flag(node.liveness == liveness)),
            );
        }
    }
    out.family("heliostat_node_stage", "What it does about its power: 1 at the stage that holds.");
    for node in nodes.iter().filter(|node| there(node)) {
        for stage in Stage::ALL {
            let labels = [("node", node.name.as_str()), ("stage", stage.name())];
            out.sample(&labels, node.stage.map(|now| flag(now == stage)));
        }
    }
    containers(out, nodes.iter().filter(|node| there(node)));
}

fn containers<'a>(out: &mut Text, nodes: impl Iterator<Item = &'a NodeView>) {
    out.family("heliostat_node_containers", "Its containers, by class and by what they do.");
    for node in nodes {
        for class in [Class::Critical, Class::Standard, Class::Deferrable] {
            for state in ["running", "capped", "paused", "stopped", "down"] {
                let mine =
                    node.containers.iter().filter(|c| c.class == Some(class) && state_name(c.state) == state);
                let labels = [("node", node.name.as_str()), ("class", class.name()), ("state", state)];
                out.sample(&labels, Some(mine.count() as f64));
            }
        }
    }
}

/// One family of a balancer's server.
type OfServer = (&'static str, &'static str, fn(&ServerView) -> f64);

fn backends(out: &mut Text, backends: &[BackendView]) {
    if backends.is_empty() {
        return;
    }
    let servers = || backends.iter().flat_map(|backend| backend.servers.iter().map(move |of| (backend, of)));
    let labels = |backend: &BackendView, server: &ServerView| {
        [
            ("backend", backend.name.clone()),
            ("service", backend.service.clone()),
            ("server", server.name.clone()),
        ]
    };
    let families: [OfServer; 2] = [
        ("heliostat_backend_sessions", "Sessions that HAProxy's servers serve now.", |s| {
            f64::from(s.sessions)
        }),
        ("heliostat_backend_up", "Whether HAProxy's checks find a server well.", |s| flag(s.up)),
    ];
    for (name, help, value) in families {
        out.family(name, help);
        for (backend, server) in servers() {
            let labels = labels(backend, server);
            let labels: Vec<_> = labels.iter().map(|(name, value)| (*name, value.as_str())).collect();
            out.sample(&labels, Some(value(server)));
        }
    }
    out.counter("heliostat_backend_requests_total", "Requests to HAProxy's servers since it was started.");
    for (backend, server) in servers() {
        let labels = labels(backend, server);
        let labels: Vec<_> = labels.iter().map(|(name, value)| (*name, value.as_str())).collect();
        out.sample(&labels, Some(server.requests as f64));
    }
}

fn state_name(state: ContainerState) -> &'static str {
    match state {
        ContainerState::Running => "running",
        ContainerState::Capped(_) => "capped",
        ContainerState::Paused => "paused",
        ContainerState::Stopped => "stopped",
        ContainerState::Down => "down",
    }
}

fn flag(holds: bool) -> f64 {
    f64::from(u8::from(holds))
}

/// The text so far.
#[derive(Default)]
struct Text(String, &'static str);

impl Text {
    /// Begins a family of gauges: nearly everything here is one.
    fn family(&mut self, name: &'static str, help: &str) {
        self.begin(name, help, "gauge");
    }

    /// Begins a family of what only grows.
    fn counter(&mut self, name: &'static str, help: &str) {
        self.begin(name, help, "counter");
    }

    fn begin(&mut self, name: &'static str, help: &str, kind: &str) {
        self.1 = name;
        // Writing to a String cannot fail.
        let _ = write!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
    }

    /// One sample of the family; none where there is no number.
    fn sample(&mut self, labels: &[(&str, &str)], value: Option<f64>) {
        let Some(value) = value.filter(|value| value.is_finite()) else { return };
        let labels: Vec<_> =
            labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escape(value))).collect();
        let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        let _ = writeln!(self.0, "{}{labels} {value}", self.1);
    }
}

/// A label's value as the format wants it.
fn escape(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
