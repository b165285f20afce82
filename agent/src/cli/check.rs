//! `check`: what was understood of a config, every default filled in.

use std::fmt::Write as _;
use std::io::Write;
use std::time::Duration;

use crate::config::policy::{Enter, Leave};
use crate::config::{BoardPart, Config, Output, Policy, PowerOffBy};
use crate::io::identity::Papers;
use protocol::{Resistance, Seconds, Soc, Stage, Voltage};
use serde_json::{Value, json};

/// The stages that have a rung.
const RUNGS: [Stage; 4] = [Stage::Throttle, Stage::Shed, Stage::Drain, Stage::Halt];

/// Prints it.
pub(super) fn print(out: &mut impl Write, config: &Config, json: bool) -> anyhow::Result<()> {
    let papers = Papers::open(&config.identity())?;
    if json {
        writeln!(out, "{:#}", as_json(config, papers.as_ref()))?;
    } else {
        write!(out, "{}", as_text(config, papers.as_ref())?)?;
    }
    Ok(())
}

/// A duration as a person would say it.
fn span(duration: Duration) -> String {
    if duration < Duration::from_secs(1) {
        format!("{} ms", duration.as_millis())
    } else {
        Seconds::from(duration).to_string()
    }
}

/// The conditions of a way in: any of them, held.
fn enter_words(enter: &Enter) -> Vec<String> {
    let mut words = Vec::new();
    if let Some(soc) = enter.soc {
        let when = if enter.discharging { " while discharging" } else { "" };
        words.push(format!("SoC < {soc:.0}{when}"));
    }
    words.extend(enter.voltage.map(|voltage| format!("V* < {voltage}")));
    words.extend(enter.time_to_empty.map(|time| format!("empty in < {}", span(time))));
    words
}

/// The conditions of a way out: all of them, held.
fn leave_words(leave: &Leave) -> Vec<String> {
    let mut words = Vec::new();
    words.extend(leave.soc.map(|soc| format!("SoC > {soc:.0}")));
    words.extend(leave.voltage.map(|voltage| format!("V* > {voltage}")));
    words.extend(leave.terminal.map(|voltage| format!("V > {voltage}")));
    if leave.charging {
        words.push("charging".to_owned());
    }
    words
}

/// The holds of a rung at this node's place in the shed order.
fn holds(policy: &Policy, stage: Stage, place: u8) -> Option<(&Enter, Duration, &Leave, Duration)> {
    let rung = policy.rung(stage)?;
    Some((
        &rung.enter,
        policy.enter_hold(&rung.enter, place),
        &rung.leave,
        policy.leave_hold(&rung.leave, place),
    ))
}

fn as_text(config: &Config, papers: Option<&Papers>) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    let out = &mut text;
    let name = config.node.name.as_ref().map_or_else(|| "(the host's name)".to_owned(), ToString::to_string);
    let master = if config.node.master { ", a master" } else { "" };
    writeln!(
        out,
        "node      {name} on supply {}, place {} of the shed order{master}",
        config.node.supply, config.node.shed_order
    )?;
    let battery = &config.battery;
    let cutoff = battery.cutoff.unwrap_or(battery.chemistry.usual().cutoff);
    writeln!(
        out,
        "battery   {} {}, load up to {}, cut off at {cutoff}, {}",
        battery.chemistry, battery.capacity, battery.load_max, battery.temperature
    )?;
    for (index, sensor) in config.sensors.iter().enumerate() {
        writeln!(out, "sensor {index}  {sensor}")?;
    }
    if config.sensors.is_empty() {
        writeln!(out, "sensor    none: the supply's state comes from the supervisor's relay")?;
    }
    let (every, host) = (span(config.sampling.interval), span(config.sampling.host_interval));
    writeln!(out, "sampling  every {every}; the board every {host}\n")?;
    ladder(out, config)?;
    rest(out, config, papers)?;
    Ok(text)
}

fn ladder(out: &mut String, config: &Config) -> std::fmt::Result {
    let policy = &config.policy;
    writeln!(out, "V*: load-compensated voltage, 5 min mean; SoC and time to empty: their lower bounds")?;
    writeln!(out, "{:<9} {:<58} leave on all", "stage", "enter on any")?;
    for stage in RUNGS {
        let Some((enter, in_hold, leave, out_hold)) = holds(policy, stage, config.node.shed_order) else {
            continue;
        };
        let enter = format!("{}; {}", enter_words(enter).join(", "), span(in_hold));
        writeln!(
            out,
            "{:<9} {enter:<58} {}; {}",
            stage.name(),
            leave_words(leave).join(", "),
            span(out_hold)
        )?;
    }
    let stretch = |stage| {
        let (enter, leave) = (policy.enter_soc(stage, true)?, policy.leave_soc(stage, true)?);
        Some(format!("{} SoC < {enter:.0}, left above {leave:.0}", stage.name()))
    };
    let stretches: Vec<_> = [Stage::Throttle, Stage::Shed].into_iter().filter_map(stretch).collect();
    writeln!(out, "{:<9} {}", "with plan", stretches.join("; "))?;
    writeln!(out, "{:<9} V < {}; what can wait stands still, the floor is shed", "freeze", policy.freeze)?;
    writeln!(out, "{:<9} V < {}; {}", "at once", policy.collapse, span(policy.collapse_hold))?;
    writeln!(out, "{:<9} drain {}, halt {}", "budgets", span(policy.drain_budget), span(policy.halt_budget))?;
    writeln!(
        out,
        "{:<9} at least {} in a stage; no reading: {} without change, then a rung for each {}; throttled above {}\n",
        "timing",
        span(policy.settle),
        span(policy.stale_hold),
        span(policy.stale_climb),
        policy.hot
    )
}

fn rest(out: &mut String, config: &Config, papers: Option<&Papers>) -> std::fmt::Result {
    let containers = &config.containers;
    writeln!(
        out,
        "containers by {}: caps deferrable {}, standard {}; stop within {}",
        containers.socket.display(),
        containers.throttle_deferrable,
        containers.throttle_standard,
        span(containers.stop_timeout)
    )?;
    if !containers.untouched.is_empty() {
        writeln!(out, "untouched {}", containers.untouched.join(", "))?;
    }
    for supervisor in &config.supervisors {
        let how = match papers {
            Some(_) => "TLS",
            None if supervisor.plaintext => "in clear, as configured",
            None => "in clear, on this machine",
        };
        writeln!(out, "reports to {}, {how}", supervisor.address)?;
    }
    if config.supervisors.is_empty() {
        writeln!(out, "reports to nobody")?;
    }
    let identity = config.identity();
    match papers {
        Some(papers) => {
            writeln!(out, "identity  {} until {} ({})", papers.name(), papers.until(), identity.display())?;
        }
        None => writeln!(out, "identity  none: in no cluster ({})", identity.display())?,
    }
    let leds = &config.leds;
    let all = leds.stage.iter().chain(&leds.fault).chain(&leds.link).map(String::as_str);
    let all = all.collect::<Vec<_>>().join(", ");
    let night = leds.night.map(|night| format!(", dimmed {night}")).unwrap_or_default();
    writeln!(out, "LEDs      {}{night}", if all.is_empty() { "none" } else { &all })?;
    for switch in &config.switches {
        let low = if switch.active_low { ", active low" } else { "" };
        writeln!(out, "switches  the power of {} by {}{low}", switch.node, switch.output)?;
    }
    for part in BoardPart::ALL {
        match config.board.part(part).from_stage() {
            None => {}
            Some(Stage::Normal) => writeln!(out, "board     {part} off")?,
            Some(stage) => writeln!(out, "board     {part} off from {stage} on")?,
        }
    }
    if let Some(watchdog) = &config.watchdog {
        writeln!(out, "watchdog  {}", watchdog.device.display())?;
    }
    writeln!(out, "state     {} every {} at most", config.state.path.display(), span(config.state.interval))?;
    let halt = match config.halt.power_off {
        PowerOffBy::Systemd => "powers the node off",
        PowerOffBy::None => "stops containers and syncs disks; the node stays up",
    };
    writeln!(out, "halt      {halt}")
}

fn seconds(duration: Duration) -> Value {
    json!(duration.as_secs_f64())
}

fn policy_json(config: &Config) -> Value {
    let policy = &config.policy;
    let rungs: serde_json::Map<String, Value> = RUNGS
        .iter()
        .filter_map(|&stage| {
            let (enter, in_hold, leave, out_hold) = holds(policy, stage, config.node.shed_order)?;
            let rung = json!({
                "enter": {
                    "soc": enter.soc.map(Soc::fraction),
                    "soc_with_plan": policy.enter_soc(stage, true).map(Soc::fraction),
                    "discharging": enter.discharging,
                    "voltage_v": enter.voltage.map(Voltage::volts),
                    "time_to_empty_s": enter.time_to_empty.map(seconds),
                    "hold_s": seconds(in_hold),
                },
                "leave": {
                    "soc": leave.soc.map(Soc::fraction),
                    "soc_with_plan": policy.leave_soc(stage, true).map(Soc::fraction),
                    "voltage_v": leave.voltage.map(Voltage::volts),
                    "terminal_v": leave.terminal.map(Voltage::volts),
                    "charging": leave.charging,
                    "hold_s": seconds(out_hold),
                },
            });
            Some((stage.name().to_owned(), rung))
        })
        .collect();
    json!({
        "rungs": rungs,
        "freeze_v": policy.freeze.volts(),
        "collapse_v": policy.collapse.volts(),
        "collapse_hold_s": seconds(policy.collapse_hold),
        "settle_s": seconds(policy.settle),
        "stale_hold_s": seconds(policy.stale_hold),
        "stale_climb_s": seconds(policy.stale_climb),
        "hot_c": policy.hot.celsius(),
        "drain_budget_s": seconds(policy.drain_budget),
        "halt_budget_s": seconds(policy.halt_budget),
    })
}

fn as_json(config: &Config, papers: Option<&Papers>) -> Value {
    let battery = &config.battery;
    json!({
        "node": {
            "name": config.node.name.as_ref().map(ToString::to_string),
            "supply": config.node.supply.to_string(),
            "shed_order": config.node.shed_order,
            "master": config.node.master,
        },
        "battery": {
            "chemistry": battery.chemistry.to_string(),
            "capacity_ah": battery.capacity.amp_hours(),
            "cutoff_v": battery.cutoff.unwrap_or(battery.chemistry.usual().cutoff).volts(),
            "resistance_ohm": battery.resistance.map(Resistance::ohms),
            "load_max_w": battery.load_max.watts(),
            "temperature_c": battery.temperature.celsius(),
        },
        "sensors": config.sensors.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "sampling": {
            "interval_s": seconds(config.sampling.interval),
            "host_interval_s": seconds(config.sampling.host_interval),
        },
        "policy": policy_json(config),
        "containers": {
            "socket": config.containers.socket,
            "untouched": config.containers.untouched,
            "throttle_deferrable_cpus": config.containers.throttle_deferrable.cpus(),
            "throttle_standard_cpus": config.containers.throttle_standard.cpus(),
            "stop_timeout_s": seconds(config.containers.stop_timeout),
        },
        "supervisors": config.supervisors.iter().map(|one| one.address.to_string()).collect::<Vec<_>>(),
        "identity": {
            "path": config.identity(),
            "name": papers.map(|papers| papers.name().to_string()),
            "until": papers.map(|papers| papers.until().to_string()),
        },
        "leds": { "stage": config.leds.stage, "fault": config.leds.fault, "link": config.leds.link,
            "night": config.leds.night.map(|night| night.to_string()) },
        "switches": config.switches.iter().map(|switch| json!({
            "node": switch.node.to_string(),
            "gpio": match switch.output { Output::Gpio(gpio) => Some(gpio), Output::Expander { .. } => None },
            "output": switch.output.to_string(),
            "active_low": switch.active_low,
            "supervisor": switch.supervisor,
        })).collect::<Vec<_>>(),
        "board": BoardPart::ALL.iter().filter_map(|part| {
            Some((part.to_string(), json!(config.board.part(*part).from_stage()?.name())))
        }).collect::<serde_json::Map<_, _>>(),
        "watchdog": config.watchdog.as_ref().map(|watchdog| &watchdog.device),
        "state": { "path": config.state.path, "interval_s": seconds(config.state.interval), "frozen": config.state.frozen },
        "power_off": config.halt.power_off == PowerOffBy::Systemd,
    })
}
