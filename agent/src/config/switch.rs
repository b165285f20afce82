//! Power switches of other nodes: `[[switch]]`, on a GPIO line of this node's or on a port expander's.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use hardware::chips::expander::Kind;
use protocol::NodeName;
use serde::Deserialize;

use super::check::{Seen, complain, plain, within};
use super::check_sensors::address;
use super::document::{Document, Section};
use super::error::What;
use super::parse::Part;
use super::{Node, Supervisor};

/// The last GPIO line on a Pi's header.
pub(super) const GPIO_MAX: u8 = 27;

/// A power switch of another node: `[[switch]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Switch {
    /// Whose power it switches.
    pub node: NodeName,
    /// What moves it.
    pub output: Output,
    /// Whether a low level means on.
    pub active_low: bool,
    /// Where that node's supervisor listens, if it is a master.
    pub supervisor: Option<SocketAddr>,
}

/// What moves a switch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// A GPIO line, by its BCM number.
    Gpio(u8),
    /// A line of a port expander.
    Expander {
        /// The chip.
        chip: ExpanderChip,
        /// Its line, from 0.
        line: u8,
    },
}

/// A port expander.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpanderChip {
    /// Which kind.
    pub kind: Kind,
    /// The bus, for example `/dev/i2c-1`.
    pub bus: PathBuf,
    /// Its address there.
    pub address: u8,
}

impl fmt::Display for ExpanderChip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the {} at {:#04x} on {}", self.kind, self.address, self.bus.display())
    }
}

impl fmt::Display for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gpio(gpio) => write!(f, "GPIO {gpio}"),
            Self::Expander { chip, line } => write!(f, "line {line} of {chip}"),
        }
    }
}

/// As it is written.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SwitchFile {
    node: NodeName,
    gpio: Option<u8>,
    expander: Option<Kind>,
    bus: Option<PathBuf>,
    address: Option<u8>,
    line: Option<u8>,
    #[serde(default)]
    active_low: bool,
    supervisor: Option<SocketAddr>,
}

impl SwitchFile {
    /// The output that is meant; what is wrong with it is noted.
    fn output(&self, document: &mut Document<'_>, section: &Section<'_>) -> Option<Output> {
        let Some(kind) = self.expander else {
            let expanders = [
                ("bus", self.bus.is_some()),
                ("address", self.address.is_some()),
                ("line", self.line.is_some()),
            ];
            let stray: Vec<_> = expanders.into_iter().filter(|(_, there)| *there).collect();
            for (key, _) in &stray {
                let what = "belongs to a port expander: name its kind (`expander = \"mcp23017\"`, \"pcf8574\" or \"pcf8574a\")";
                complain(document, section, key, What::Value(what.to_owned()));
            }
            if self.gpio.is_none() && stray.is_empty() {
                let what = What::Missing("`gpio`, or `expander` with `bus` and `line`");
                document.problem(Some(section.line), section.path.clone(), what);
            }
            return self.gpio.map(Output::Gpio);
        };
        if self.gpio.is_some() {
            let what = "a switch is on a GPIO line or on an expander's, not on both";
            complain(document, section, "gpio", What::Value(what.to_owned()));
        }
        for (key, there) in [("bus", self.bus.is_some()), ("line", self.line.is_some())] {
            if !there {
                document.problem(Some(section.line), section.path.clone(), What::MissingKey(key.to_owned()));
            }
        }
        let address = self.address.unwrap_or(*kind.addresses().start());
        Some(Output::Expander {
            chip: ExpanderChip { kind, bus: plain(self.bus.as_deref()?), address },
            line: self.line?,
        })
    }
}

/// Checks the `[[switch]]` list, each by itself and all with each other.
pub(super) fn switches<'t>(
    document: &mut Document<'t>,
    parts: Vec<Part<'t, SwitchFile>>,
    node: Option<&Part<'_, Node>>,
    supervisors: &[Part<'_, Supervisor>],
) -> Vec<Switch> {
    let own = node.and_then(|node| node.value.name.as_ref());
    let (mut seen, mut chips) = (Seen::default(), Vec::new());
    let mut switches = Vec::new();
    for Part { section, value } in parts {
        if own == Some(&value.node) {
            complain(document, &section, "node", What::OwnSwitch(value.node.clone()));
        }
        seen.once(document, &section, "node", format!("the switch of {}", value.node));
        if let Some(address) = value.supervisor
            && !supervisors.iter().any(|supervisor| supervisor.value.address == address)
        {
            let what = format!("{address} is none of the [[supervisor]] that this node reports to");
            complain(document, &section, "supervisor", What::Value(what));
        }
        let Some(output) = value.output(document, &section) else { continue };
        match &output {
            Output::Gpio(gpio) => {
                within(document, &section, "gpio", *gpio, (0, GPIO_MAX));
            }
            Output::Expander { chip, line } => expander(document, &section, chip, *line, &mut chips),
        }
        let key = if matches!(output, Output::Gpio(_)) { "gpio" } else { "line" };
        seen.once(document, &section, key, output.to_string());
        let SwitchFile { node, active_low, supervisor, .. } = value;
        switches.push(Switch { node, output, active_low, supervisor });
    }
    switches
}

/// Checks an expander and its line; `chips` are those named so far, with their lines in the file.
fn expander(
    document: &mut Document<'_>,
    section: &Section<'_>,
    chip: &ExpanderChip,
    line: u8,
    chips: &mut Vec<(ExpanderChip, usize)>,
) {
    address(document, section, chip.address, chip.kind.addresses());
    within(document, section, "line", line, (0, chip.kind.last_line()));
    if !chip.bus.is_absolute() {
        let found = format!("{} is no absolute path, like \"/dev/i2c-1\"", chip.bus.display());
        complain(document, section, "bus", What::Value(found));
    }
    let same = |(other, _): &&(ExpanderChip, usize)| other.bus == chip.bus && other.address == chip.address;
    match chips.iter().find(same) {
        Some((other, first)) if other.kind != chip.kind => {
            let what = format!("the chip at {:#04x} is a {} on line {first}", chip.address, other.kind);
            complain(document, section, "expander", What::Value(what));
        }
        Some(_) => {}
        None => chips.push((chip.clone(), document.line_of(section, &["expander"]))),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::config::Config;

    const LEAST: &str = "[node]\nsupply = \"shed\"\n[battery]\nchemistry = \"agm\"\ncapacity = \"70 Ah\"\n\
        [[supervisor]]\naddress = \"127.0.0.1:7464\"\n";

    fn parse(more: &str) -> Result<Config, String> {
        Config::parse(&format!("{LEAST}{more}"), Path::new("a.toml")).map_err(|error| error.to_string())
    }

    #[test]
    fn a_switch_is_on_a_gpio_line_or_on_a_line_of_an_expander() {
        let text = "[[switch]]\nnode = \"pi2\"\ngpio = 17\n\
            [[switch]]\nnode = \"pi3\"\nexpander = \"mcp23017\"\nbus = \"/dev/i2c-1\"\naddress = 0x21\nline = 15\nactive_low = true\n\
            [[switch]]\nnode = \"pi4\"\nexpander = \"pcf8574a\"\nbus = \"/dev/i2c-1\"\nline = 0\nsupervisor = \"127.0.0.1:7464\"\n";
        let switches = parse(text).unwrap().switches;
        let outputs: Vec<String> = switches.iter().map(|switch| switch.output.to_string()).collect();
        assert_eq!(
            outputs,
            [
                "GPIO 17",
                "line 15 of the mcp23017 at 0x21 on /dev/i2c-1",
                "line 0 of the pcf8574a at 0x38 on /dev/i2c-1"
            ]
        );
        assert!(switches[1].active_low && switches[2].supervisor.is_some());
    }

    #[test]
    fn what_cannot_be_is_refused_with_what_would_be_right() {
        let expander = |kind: &str, address: u8, line: u8| {
            format!("expander = \"{kind}\"\nbus = \"/dev/i2c-1\"\naddress = {address}\nline = {line}\n")
        };
        let two = |first: &str, second: &str| {
            format!("[[switch]]\nnode = \"pi2\"\n{first}[[switch]]\nnode = \"pi3\"\n{second}")
        };
        let one = |keys: &str| format!("[[switch]]\nnode = \"pi2\"\n{keys}");
        for (text, wanted) in [
            (one(""), "switch[0]: missing: `gpio`, or `expander` with `bus` and `line`"),
            (one("gpio = 17\nline = 3\n"), "switch[0].line: belongs to a port expander"),
            (one(&format!("gpio = 4\n{}", expander("pcf8574", 0x20, 1))), "not on both"),
            (one("expander = \"pcf8574\"\nline = 1\n"), "missing key `bus`"),
            (one("expander = \"pcf8575\"\n"), "did you mean `pcf8574`?"),
            (one(&expander("mcp23017", 0x28, 1)), "switch[0].address: 0x28 is outside 0x20 to 0x27"),
            (one(&expander("pcf8574a", 0x20, 1)), "switch[0].address: 0x20 is outside 0x38 to 0x3f"),
            (one(&expander("pcf8574", 0x20, 8)), "switch[0].line: 8 is outside 0 to 7"),
            (one("expander = \"pcf8574\"\nbus = \"i2c-1\"\nline = 0\n"), "is no absolute path"),
            (
                two(&expander("mcp23017", 0x20, 3), &expander("mcp23017", 0x20, 3)),
                "switch[1].line: line 3 of the mcp23017 at 0x20 on /dev/i2c-1 is there twice: first on line 13",
            ),
            (
                two(&expander("mcp23017", 0x20, 3), &expander("pcf8574", 0x20, 4)),
                "switch[1].expander: the chip at 0x20 is a mcp23017 on line 10",
            ),
            (
                one("gpio = 17\nsupervisor = \"127.0.0.1:9\"\n"),
                "switch[0].supervisor: 127.0.0.1:9 is none of the [[supervisor]]",
            ),
        ] {
            let error = parse(&text).expect_err(&text);
            assert!(error.contains(wanted), "{text}\nsays {error}\nbut not {wanted}");
        }
        assert!(parse(&two(&expander("mcp23017", 0x20, 3), &expander("mcp23017", 0x20, 4))).is_ok());
    }
}
