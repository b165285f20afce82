//! Power switches of other nodes, on this node's GPIO lines and on port expanders.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::Path;

use embedded_hal::i2c::I2c;
use hardware::chips::expander::{Expander, ExpanderError, Lines};
use hardware::linux::Root;
use hardware::linux::gpio::Relay;
use hardware::linux::i2c::LinuxBus;
use protocol::NodeName;
use tracing::error;

use crate::config::{ExpanderChip, Output, Switch};
use crate::core::event::{ActionError, Event, SwitchNews};

/// The configured switches. A GPIO line is taken at its first use and held, at its level, from then on; an expander is
/// looked after from the first [`Self::watch`] on.
#[derive(Debug)]
pub struct Switches<B = LinuxBus> {
    all: Vec<Switch>,
    relays: BTreeMap<u8, Relay>,
    expanders: Vec<Watched<B>>,
}

/// A port expander and the nodes whose power its lines switch.
#[derive(Debug)]
struct Watched<B> {
    chip: ExpanderChip,
    driver: Expander<B>,
    nodes: Vec<(NodeName, u8)>,
    /// What stands in the way was told, and not yet that it is gone.
    troubled: bool,
}

impl Switches {
    /// The switches of a config; none is touched yet.
    pub fn new(root: &Root, switches: &[Switch]) -> Self {
        Self::with(switches, |bus| LinuxBus::new(root, bus))
    }
}

impl<B: I2c<Error: std::fmt::Display>> Switches<B> {
    /// As [`Self::new`], with another way to open a bus.
    fn with(switches: &[Switch], mut open: impl FnMut(&Path) -> B) -> Self {
        let mut lines: Vec<(ExpanderChip, Vec<(NodeName, u8)>)> = Vec::new();
        for switch in switches {
            let Output::Expander { chip, line } = &switch.output else { continue };
            let place = lines.iter().position(|(other, _)| other == chip).unwrap_or_else(|| {
                lines.push((chip.clone(), Vec::new()));
                lines.len() - 1
            });
            lines[place].1.push((switch.node.clone(), *line));
        }
        let watched = |(chip, nodes): (ExpanderChip, Vec<(NodeName, u8)>)| {
            let ours = nodes.iter().fold(Lines::NONE, |lines, (_, line)| lines.and(Lines::one(*line)));
            let driver = Expander::new(chip.kind, open(&chip.bus), chip.address, ours);
            // The config was proved: this would be a mistake of ours, and the switch then says that it is not there.
            let driver = driver.inspect_err(|error| error!("{chip}: {error}")).ok()?;
            Some(Watched { chip, driver, nodes, troubled: false })
        };
        let expanders = lines.into_iter().filter_map(watched).collect();
        Self { all: switches.to_vec(), relays: BTreeMap::new(), expanders }
    }

    /// Switches a node's power.
    ///
    /// # Errors
    /// No switch for that node, no GPIO or no such chip here, or a line that does not follow.
    pub fn set(&mut self, node: &NodeName, on: bool) -> Result<(), ActionError> {
        let Some(switch) = self.all.iter().find(|switch| switch.node == *node) else {
            return Err(ActionError::NotFound);
        };
        let refused = |words: String| ActionError::Refused(words);
        match &switch.output {
            Output::Gpio(line) => {
                let relay = match self.relays.entry(*line) {
                    Entry::Occupied(taken) => taken.into_mut(),
                    Entry::Vacant(free) => {
                        let relay = Relay::open(*line, switch.active_low);
                        free.insert(relay.map_err(|error| refused(error.to_string()))?)
                    }
                };
                relay.switch(on).map_err(|error| refused(error.to_string()))
            }
            Output::Expander { chip, line } => {
                let Some(expander) = self.expanders.iter_mut().find(|expander| expander.chip == *chip) else {
                    return Err(ActionError::NotFound);
                };
                let result = expander.driver.switch(*line, on != switch.active_low);
                result.map_err(|error| refused(format!("{chip}: {error}")))
            }
        }
    }

    /// Looks whether the expanders are as they were left, and puts right what is not; what is new of them.
    pub fn watch(&mut self) -> Vec<Event> {
        self.expanders.iter_mut().filter_map(Watched::look).collect()
    }
}

impl<B: I2c<Error: std::fmt::Display>> Watched<B> {
    fn look(&mut self) -> Option<Event> {
        let all = |_: u8| true;
        match self.driver.check() {
            Ok(()) => std::mem::take(&mut self.troubled).then(|| self.event(all, SwitchNews::Well)),
            Err(error @ ExpanderError::Forgot { lines }) => {
                self.troubled = false;
                let words = format!("{}: {error}", self.chip);
                Some(self.event(|line| lines.has(line), SwitchNews::Forgotten(words)))
            }
            // A wire that is loose says something else each time: it is told once.
            Err(_) if self.troubled => None,
            Err(error) => {
                self.troubled = true;
                Some(self.event(all, SwitchNews::Trouble(format!("{}: {error}", self.chip))))
            }
        }
    }

    fn event(&self, concerned: impl Fn(u8) -> bool, news: SwitchNews) -> Event {
        let nodes = self.nodes.iter().filter(|(_, line)| concerned(*line)).map(|(node, _)| node.clone());
        Event::Switches { nodes: nodes.collect(), news }
    }
}

#[cfg(test)]
mod tests {
    use hardware::sim::bus::{BusFault, SimBus};
    use hardware::sim::chips::{SimMcp23017, SimPcf8574};

    use super::*;
    use crate::config::Config;

    const CONFIG: &str = "[node]\nsupply = \"shed\"\n[battery]\nchemistry = \"agm\"\ncapacity = \"70 Ah\"\n\
        [[switch]]\nnode = \"pi2\"\nexpander = \"mcp23017\"\nbus = \"/dev/i2c-1\"\nline = 0\n\
        [[switch]]\nnode = \"pi3\"\nexpander = \"mcp23017\"\nbus = \"/dev/i2c-1\"\nline = 9\nactive_low = true\n\
        [[switch]]\nnode = \"pi4\"\nexpander = \"pcf8574a\"\nbus = \"/dev/i2c-1\"\nline = 7\nactive_low = true\n";

    fn switches(bus: &SimBus) -> Switches<SimBus> {
        let config = Config::parse(CONFIG, Path::new("a.toml")).unwrap();
        Switches::with(&config.switches, |_| bus.clone())
    }

    fn name(text: &str) -> NodeName {
        text.parse().unwrap()
    }

    #[test]
    fn each_switch_moves_its_own_line_the_way_round_that_it_is_wired() {
        let bus = SimBus::new();
        let mcp = bus.attach(0x20, SimMcp23017::new());
        let pcf = bus.attach(0x38, SimPcf8574::new());
        let mut switches = switches(&bus);
        assert_eq!(switches.watch(), []);
        for (node, on) in [("pi2", true), ("pi3", false), ("pi4", true)] {
            switches.set(&name(node), on).unwrap();
        }
        assert_eq!((mcp.with(|chip| chip.pins()), pcf.with(|chip| chip.pins())), (0x0201, 0x7f));
        switches.set(&name("pi3"), true).unwrap();
        assert_eq!(mcp.with(|chip| chip.pins()), 0x0001);
        assert_eq!(switches.set(&name("pi5"), true), Err(ActionError::NotFound));
    }

    #[test]
    fn a_dip_is_told_with_the_nodes_that_it_concerns() {
        let bus = SimBus::new();
        let mcp = bus.attach(0x20, SimMcp23017::new());
        bus.attach(0x38, SimPcf8574::new());
        let mut switches = switches(&bus);
        switches.watch();
        switches.set(&name("pi2"), true).unwrap();
        bus.inject(BusFault::ForgetSettings);
        let told = switches.watch();
        let [Event::Switches { nodes, news: SwitchNews::Forgotten(words) }] = told.as_slice() else {
            panic!("{told:?}")
        };
        assert_eq!(nodes, &[name("pi2")]);
        assert!(words.contains("mcp23017 at 0x20") && words.contains("line 0"), "{words}");
        assert_eq!(mcp.with(|chip| chip.pins()), 1);
        assert_eq!(switches.watch(), []);
    }

    #[test]
    fn a_chip_that_is_gone_is_told_once_and_once_that_it_is_back() {
        let bus = SimBus::new();
        bus.attach(0x20, SimMcp23017::new());
        let mut switches = switches(&bus);
        let told = switches.watch();
        let [Event::Switches { nodes, news: SwitchNews::Trouble(words) }] = told.as_slice() else {
            panic!("{told:?}")
        };
        assert_eq!(nodes, &[name("pi4")]);
        assert!(words.contains("pcf8574a at 0x38") && words.contains("no acknowledge"), "{words}");
        assert_eq!(switches.watch(), []);
        assert!(matches!(switches.set(&name("pi4"), true), Err(ActionError::Refused(_))));
        bus.attach(0x38, SimPcf8574::new());
        assert_eq!(switches.watch(), [Event::Switches { nodes: vec![name("pi4")], news: SwitchNews::Well }]);
        assert_eq!(switches.watch(), []);
    }
}
