//! Power switches of other nodes, on this node's GPIO lines.

use hardware::linux::gpio::Relay;
use protocol::NodeName;

use crate::config::Switch;
use crate::core::event::ActionError;

/// The configured switches. A line is taken at its first use and held, at its level, from then on.
#[derive(Debug)]
pub struct Switches(Vec<(Switch, Option<Relay>)>);

impl Switches {
    /// The switches of a config; none is touched yet.
    pub fn new(switches: &[Switch]) -> Self {
        Self(switches.iter().map(|switch| (switch.clone(), None)).collect())
    }

    /// Switches a node's power.
    ///
    /// # Errors
    /// No switch for that node, no GPIO here, or a line that does not follow.
    pub fn set(&mut self, node: &NodeName, on: bool) -> Result<(), ActionError> {
        let Some((switch, relay)) = self.0.iter_mut().find(|(switch, _)| switch.node == *node) else {
            return Err(ActionError::NotFound);
        };
        let relay = match relay {
            Some(relay) => relay,
            None => relay.insert(
                Relay::open(switch.gpio, switch.active_low)
                    .map_err(|error| ActionError::Refused(error.to_string()))?,
            ),
        };
        relay.switch(on).map_err(|error| ActionError::Refused(error.to_string()))
    }
}
