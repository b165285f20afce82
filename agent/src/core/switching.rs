//! Power switches of other nodes: what may be switched, and what is known of the switches themselves.
//!
//! **The last master stays on.** The supervisor's safety sees to that; here it is seen to again, where the relay is: the power
//! of a master is broken only while this node is a master itself, or another supervisor than that master's is linked.
//! Which supervisor is whose is said in the config.

use std::collections::BTreeSet;

use protocol::NodeName;
use protocol::message::OrderRefusal;

use super::action::Warning;
use super::event::{SupervisorId, SwitchNews};
use super::report::Reporter;
use crate::config::Config;

/// The switches of a config.
#[derive(Debug, Clone)]
pub struct Switching {
    known: Vec<Known>,
    master: bool,
    /// Whose switches cannot be relied on now.
    troubled: BTreeSet<NodeName>,
}

#[derive(Debug, Clone)]
struct Known {
    node: NodeName,
    /// The supervisor that runs there.
    supervisor: Option<SupervisorId>,
}

impl Switching {
    /// As configured.
    pub fn new(config: &Config) -> Self {
        let id = |address| {
            let place = config.supervisors.iter().position(|supervisor| supervisor.address == address)?;
            u8::try_from(place).ok().map(SupervisorId)
        };
        let known = config
            .switches
            .iter()
            .map(|switch| Known { node: switch.node.clone(), supervisor: switch.supervisor.and_then(id) })
            .collect();
        Self { known, master: config.node.master, troubled: BTreeSet::new() }
    }

    /// Whether a node may be switched so.
    ///
    /// # Errors
    /// There is no switch for it; or it is the last master, which is worth a warning.
    pub fn admit(
        &self,
        node: &NodeName,
        on: bool,
        links: &Reporter,
    ) -> Result<(), (OrderRefusal, Option<Warning>)> {
        let Some(known) = self.known.iter().find(|known| known.node == *node) else {
            return Err((OrderRefusal::NoSuchSwitch, None));
        };
        let last = |own: &SupervisorId| !self.master && !links.is_linked_beside(*own);
        if !on && known.supervisor.as_ref().is_some_and(last) {
            let what =
                "its power is not broken: it is a master, and no other supervisor is linked".to_owned();
            return Err((
                OrderRefusal::SwitchFailed,
                Some(Warning::Switches { nodes: vec![node.clone()], what }),
            ));
        }
        Ok(())
    }

    /// Takes what is new of the switches, for a person.
    pub fn take(&mut self, nodes: Vec<NodeName>, news: SwitchNews) -> Warning {
        let what = match news {
            SwitchNews::Forgotten(words) => {
                self.troubled.retain(|node| !nodes.contains(node));
                words
            }
            SwitchNews::Trouble(words) => {
                self.troubled.extend(nodes.iter().cloned());
                words
            }
            SwitchNews::Well => {
                self.troubled.retain(|node| !nodes.contains(node));
                "answers again, and is as it was left".to_owned()
            }
        };
        Warning::Switches { nodes, what }
    }

    /// Whether a switch cannot be relied on.
    pub fn is_troubled(&self) -> bool {
        !self.troubled.is_empty()
    }
}
