//! `probe`: what this machine has, as a config to start from. Looks only; what was not found is said with the reason.

use std::fmt::Write as _;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::config::Containers;
use crate::io::docker::Engine;
use hardware::chips::detect::Found;
use hardware::chips::expander::{Kind, Looked};
use hardware::linux::Root;
use hardware::linux::probe::{Inventory, probe};
use protocol::NodeName;
use serde_json::{Value, json};

/// Docker says its version within this, or counts as absent.
const DOCKER_TIMEOUT: Duration = Duration::from_secs(3);
/// The green LED of a Pi, by the names that its firmware gave it over the years.
const PI_LEDS: [&str; 2] = ["ACT", "led0"];
/// hwmon drivers of shunt monitors.
const SHUNT_DRIVERS: [&str; 4] = ["ina219", "ina220", "ina226", "ina2xx"];

/// What Docker said.
struct Docker {
    socket: PathBuf,
    version: Result<String, String>,
}

/// Prints it.
pub(super) fn print(out: &mut impl Write, json: bool) -> anyhow::Result<()> {
    let inventory = probe(&Root::default());
    let docker = ask_docker()?;
    let config = config(&inventory, &docker)?;
    if json {
        writeln!(out, "{:#}", as_json(&inventory, &docker, &config))?;
    } else {
        write!(out, "{config}")?;
    }
    Ok(())
}

fn ask_docker() -> anyhow::Result<Docker> {
    let socket = Containers::default().socket;
    let engine = Engine::new(socket.clone());
    let ask = async {
        let docker = engine.client().map_err(|error| error.to_string())?;
        let version = docker.version().await.map_err(|error| error.to_string())?;
        version.version.ok_or_else(|| "it does not say its version".to_owned())
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let answer = runtime.block_on(async { tokio::time::timeout(DOCKER_TIMEOUT, ask).await });
    let version =
        answer.unwrap_or_else(|_elapsed| Err(format!("no answer within {} s", DOCKER_TIMEOUT.as_secs())));
    Ok(Docker { socket, version })
}

/// The config to start from, what was not found as comments.
fn config(inventory: &Inventory, docker: &Docker) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    let out = &mut text;
    let model = inventory.model.as_deref().unwrap_or("not a board that names itself");
    writeln!(out, "# {model}. Edit what is marked, then: heliostat-agent check --config THIS-FILE\n")?;
    writeln!(out, "[node]")?;
    match host_name() {
        Some(name) => writeln!(out, "name = \"{name}\"")?,
        None => writeln!(out, "# name = \"...\"  # EDIT: the host's own name is no node's name")?,
    }
    writeln!(out, "supply = \"main\"  # EDIT: the same on all nodes that hang on this battery")?;
    writeln!(out, "shed_order = 0  # EDIT: greater sheds earlier and recovers later\n")?;
    writeln!(out, "[battery]")?;
    writeln!(out, "chemistry = \"agm\"  # EDIT: flooded, agm, gel or lifepo4")?;
    writeln!(out, "capacity = \"70 Ah\"  # EDIT: the label's\n")?;
    sensors(out, inventory)?;
    expanders(out, inventory)?;
    leds(out, inventory)?;
    writeln!(out, "[containers]\nsocket = \"{}\"", docker.socket.display())?;
    match &docker.version {
        Ok(version) => writeln!(out, "# Docker {version} answers.\n")?,
        Err(why) => writeln!(out, "# Docker does not answer: {why}\n")?,
    }
    writeln!(out, "# A supervisor to report to:\n# [[supervisor]]\n# address = \"127.0.0.1:7464\"\n")?;
    board(out, inventory)?;
    for trouble in &inventory.troubles {
        writeln!(out, "# could not be looked at: {}", trouble.replace('\n', " "))?;
    }
    Ok(text)
}

fn host_name() -> Option<NodeName> {
    rustix::system::uname().nodename().to_string_lossy().parse().ok()
}

fn sensors(out: &mut String, inventory: &Inventory) -> std::fmt::Result {
    let mut any = false;
    for bus in &inventory.buses {
        for (address, found) in &bus.chips {
            any |= chip(out, &bus.path.display().to_string(), *address, *found)?;
        }
    }
    for device in inventory.hwmon.iter().filter(|device| SHUNT_DRIVERS.contains(&device.name.as_str())) {
        any = true;
        writeln!(out, "[[sensor]]  # the kernel's driver holds this chip")?;
        writeln!(out, "kind = \"hwmon\"\nchip = \"{}\"\n", device.name)?;
    }
    for name in &inventory.power_supplies {
        any = true;
        writeln!(out, "[[sensor]]\nkind = \"power_supply\"\nname = \"{name}\"\n")?;
    }
    maybe(out, inventory)?;
    if any {
        return Ok(());
    }
    let why = if inventory.buses.is_empty() {
        "no I2C bus: on a Pi, dtparam=i2c_arm=on in config.txt, and the module i2c-dev"
    } else {
        "nothing that measures answers at 0x40 to 0x4f on any bus: check power, wiring and address pins"
    };
    writeln!(out, "# no sensor found: {why}.")?;
    writeln!(
        out,
        "# Without one, this node follows what a supervisor relays from another node of its supply.\n"
    )
}

/// A chip that answers; whether it is one that measures.
fn chip(out: &mut String, bus: &str, address: u8, found: Found) -> Result<bool, std::fmt::Error> {
    if let Found::Unknown { register } = found {
        writeln!(out, "# {bus} at {address:#04x}: another chip (a register of it: {register:#06x})")?;
        return Ok(false);
    }
    writeln!(out, "[[sensor]]\nkind = \"{}\"\nbus = \"{bus}\"", kind(found))?;
    match found {
        Found::Max17048 => {
            writeln!(out, "cells = 4  # EDIT: how many such cells in series make the battery\n")?;
            return Ok(true);
        }
        Found::Ads1115 => {
            writeln!(out, "address = {address:#04x}\nchannel = 0  # EDIT: the battery's input")?;
            writeln!(out, "divider_top = \"100 kOhm\"  # EDIT: between the battery and the input")?;
            writeln!(out, "divider_bottom = \"20 kOhm\"  # EDIT: between the input and ground\n")?;
            return Ok(true);
        }
        Found::Ina3221 => writeln!(out, "address = {address:#04x}\nchannel = 1  # EDIT: the battery's")?,
        _ => writeln!(out, "address = {address:#04x}")?,
    }
    writeln!(out, "shunt = \"2 mOhm\"  # EDIT: printed on it; R100 is 100 mOhm")?;
    writeln!(out, "current_max = \"20 A\"  # EDIT: the most that flows, either way\n")?;
    Ok(true)
}

/// Port expanders. Which node hangs on which line only a person knows, and a config that drove a display by mistake would
/// do harm: so all of it is a comment.
fn expanders(out: &mut String, inventory: &Inventory) -> std::fmt::Result {
    for bus in &inventory.buses {
        for (address, found) in &bus.expanders {
            let at = format!("{} at {address:#04x}", bus.path.display());
            let kind = match found {
                Looked::Mcp23017 => {
                    writeln!(out, "# {at}: an MCP23017 (or an MCP23018, whose lines can only pull low)")?;
                    Kind::Mcp23017
                }
                Looked::OneByte { kind, byte } => {
                    writeln!(
                        out,
                        "# {at}: gives {byte:#04x} again and again, as a {kind} does, but also displays (the"
                    )?;
                    writeln!(
                        out,
                        "# small board behind an LCD is a PCF8574), a TCA9534 or an MCP23017 that drives all lines low"
                    )?;
                    *kind
                }
                Looked::Unknown => {
                    writeln!(out, "# {at}: another chip; it was only read from\n")?;
                    continue;
                }
            };
            writeln!(out, "# If relays hang on it, a switch for each:\n# [[switch]]\n# node = \"...\"")?;
            writeln!(
                out,
                "# expander = \"{kind}\"\n# bus = \"{}\"\n# address = {address:#04x}",
                bus.path.display()
            )?;
            writeln!(
                out,
                "# line = 0  # to {}\n# active_low = true  # EDIT: whether a low level means on\n",
                kind.last_line()
            )?;
        }
    }
    Ok(())
}

/// As a config names it, and none for what is none.
const fn expander(found: Looked) -> Option<Kind> {
    match found {
        Looked::Mcp23017 => Some(Kind::Mcp23017),
        Looked::OneByte { kind, .. } => Some(kind),
        Looked::Unknown => None,
    }
}

/// What may measure the battery, but only a person knows.
fn maybe(out: &mut String, inventory: &Inventory) -> std::fmt::Result {
    for device in &inventory.iio {
        let channels = device.channels.join(", ");
        writeln!(out, "# IIO device {} with {channels}: kind = \"iio\" reads it", device.name)?;
    }
    for port in &inventory.serial {
        writeln!(
            out,
            "# serial adapter {}: if a charge controller hangs on it,\n\
             # [[sensor]]\n# kind = \"ve_direct\"  # or epever, renogy\n# port = \"{}\"",
            port.display(),
            port.display()
        )?;
    }
    if inventory.iio.is_empty() && inventory.serial.is_empty() { Ok(()) } else { writeln!(out) }
}

/// As a config names it.
const fn kind(found: Found) -> &'static str {
    match found {
        Found::Ina226 => "ina226",
        Found::Ina219 { .. } => "ina219",
        Found::Ina228 => "ina228",
        Found::Ina3221 => "ina3221",
        Found::Ads1115 => "ads1115",
        Found::Max17048 => "max17048",
        Found::Unknown { .. } => "unknown",
    }
}

fn leds(out: &mut String, inventory: &Inventory) -> std::fmt::Result {
    let Some(led) = PI_LEDS.iter().find(|led| inventory.leds.iter().any(|found| found == *led)) else {
        let found = if inventory.leds.is_empty() {
            "none under /sys/class/leds".to_owned()
        } else {
            format!("there are {}", inventory.leds.join(", "))
        };
        return writeln!(out, "# no LED of a Pi found: {found}\n");
    };
    writeln!(out, "[leds]\nstage = [\"{led}\"]\n# found: {}\n", inventory.leds.join(", "))
}

fn board(out: &mut String, inventory: &Inventory) -> std::fmt::Result {
    match inventory.cpufreq.first() {
        Some(policy) => writeln!(out, "# clock: {} to {}", policy.min, policy.max)?,
        None => writeln!(out, "# no cpufreq: the clock cannot be capped, containers still can")?,
    }
    match inventory.rail_low {
        Some(true) => writeln!(out, "# the 5 V rail is under 4.63 V now: check the converter and its cable")?,
        Some(false) => writeln!(out, "# the firmware watches the 5 V rail")?,
        None => writeln!(out, "# no under-voltage flag: this board or kernel cannot tell of a low 5 V rail")?,
    }
    let chips: Vec<String> = inventory
        .gpiochips
        .iter()
        .map(|chip| format!("{} ({})", chip.path.display(), chip.label.as_deref().unwrap_or("no label")))
        .collect();
    if chips.is_empty() {
        writeln!(out, "# no GPIO chip: no [[switch]] with `gpio` can work here")
    } else {
        writeln!(out, "# GPIO: {}", chips.join(", "))
    }
}

fn as_json(inventory: &Inventory, docker: &Docker, config: &str) -> Value {
    let path = |path: &Path| path.display().to_string();
    let chip = |(address, found): &(u8, Found)| json!({ "address": address, "kind": kind(*found) });
    json!({
        "model": inventory.model,
        "buses": inventory.buses.iter().map(|bus| json!({
            "path": path(&bus.path), "adapter": bus.adapter, "chips": bus.chips.iter().map(chip).collect::<Vec<_>>(),
            "expanders": bus.expanders.iter().map(|(address, found)| json!({
                "address": address, "maybe": expander(*found).map(Kind::name),
            })).collect::<Vec<_>>(),
        })).collect::<Vec<_>>(),
        "hwmon": inventory.hwmon.iter().map(|device| &device.name).collect::<Vec<_>>(),
        "power_supplies": inventory.power_supplies,
        "iio": inventory.iio.iter().map(|device| json!({
            "name": device.name, "channels": device.channels,
        })).collect::<Vec<_>>(),
        "serial": inventory.serial.iter().map(|port| path(port)).collect::<Vec<_>>(),
        "rail_low": inventory.rail_low,
        "leds": inventory.leds,
        "cpufreq": inventory.cpufreq.iter().map(|policy| json!({
            "name": policy.name, "min_khz": policy.min.kilohertz(), "max_khz": policy.max.kilohertz(),
        })).collect::<Vec<_>>(),
        "gpio": inventory.gpiochips.iter().map(|chip| path(&chip.path)).collect::<Vec<_>>(),
        "docker": {
            "socket": path(&docker.socket),
            "version": docker.version.as_ref().ok(),
            "trouble": docker.version.as_ref().err(),
        },
        "troubles": inventory.troubles,
        "config": config,
    })
}

#[cfg(test)]
mod tests {
    use crate::config::{Config, Sensor};
    use hardware::linux::iio::IioDevice;
    use hardware::linux::probe::Bus;

    use super::*;

    #[test]
    fn whatever_is_found_is_written_as_a_config_that_is_accepted() {
        let found = [
            (0x40, Found::Ina226),
            (0x41, Found::Ina219 { at_reset: true }),
            (0x42, Found::Ina228),
            (0x43, Found::Ina3221),
            (0x48, Found::Ads1115),
            (0x4f, Found::Unknown { register: 0xffff }),
            (0x36, Found::Max17048),
        ];
        let expanders = [
            (0x20, Looked::Mcp23017),
            (0x38, Looked::OneByte { kind: Kind::Pcf8574a, byte: 0xff }),
            (0x21, Looked::Unknown),
        ];
        let inventory = Inventory {
            buses: vec![Bus {
                path: "/dev/i2c-1".into(),
                adapter: None,
                chips: found.to_vec(),
                expanders: expanders.to_vec(),
            }],
            power_supplies: vec!["gauge".to_owned()],
            iio: vec![IioDevice { name: "ads1015".to_owned(), channels: vec!["voltage4".to_owned()] }],
            serial: vec!["/dev/serial/by-id/usb-VictronEnergy".into()],
            ..Inventory::default()
        };
        let docker = Docker { socket: "/var/run/docker.sock".into(), version: Ok("20.10".to_owned()) };
        let text = config(&inventory, &docker).expect("text");
        let accepted = Config::parse(&text, Path::new("agent.toml"));
        let sensors = accepted.unwrap_or_else(|error| panic!("{error}\n{text}")).sensors;
        let kinds: Vec<String> = sensors.iter().map(ToString::to_string).collect();
        assert_eq!(sensors.len(), 7, "{kinds:?}");
        assert!(sensors.iter().any(|sensor| matches!(sensor, Sensor::Max17048(gauge) if gauge.cells == 4)));
        for (index, switch) in text.split("# [[switch]]").skip(1).enumerate() {
            // Whatever is behind `# ` and looks like a key, up to the empty line.
            let keys = switch.lines().skip(1).take_while(|line| !line.is_empty());
            let keys: Vec<_> = keys.filter_map(|line| line.strip_prefix("# ")).collect();
            let text = format!("{text}\n[[switch]]\n{}\n", keys.join("\n").replace("...", "pi2"));
            let accepted = Config::parse(&text, Path::new("agent.toml"));
            assert_eq!(accepted.unwrap_or_else(|error| panic!("{index}: {error}\n{text}")).switches.len(), 1);
        }
        assert_eq!(text.matches("# [[switch]]").count(), 2, "{text}");
        assert!(text.contains("# kind = \"ve_direct\"") && text.contains("IIO device ads1015"), "{text}");
    }
}
