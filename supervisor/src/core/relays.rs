//! Power switches: which nodes have one, and off with the power of those that are down.
//!
//! Nobody announces switches. On a supply that is planned on energy the leader asks, node by node: it orders the switch of
//! a node that is up to be on, which changes nothing, and learns from the answer whether there is one. Only nodes that
//! can be woken again are parked by plan. Whatever parked a node, and on every supply, planned or not: a parked board
//! still draws up to 2 W, so five minutes after it went down its power is switched off; to wake it is to switch it on. The
//! power of a node that is [`super::missing`] for so long that its agent, did it live, would have halted is switched off
//! as well, so that switching it on again wakes it.

use std::time::Duration;

use protocol::message::{SupervisorMessage, SwitchOrder};
use protocol::{NodeName, Uptime};

use super::Supervisor;
use super::action::Action;
use super::fleet::Node;
use super::liveness::Liveness;
use super::missing::is_off_for_sure;

/// One switch is asked about at a time, this often.
const ASK_EVERY: Duration = Duration::from_secs(20);
/// A parked node is down for sure after this long: longer than `links`' time for going down.
const DOWN_AFTER: Duration = Duration::from_mins(5);

impl Supervisor {
    /// Asks about one switch, or cuts the power of one parked node, where that is due.
    pub(super) fn drive_relays(&mut self, now: Uptime, actions: &mut Vec<Action>) {
        if self.relays_driven.is_some_and(|driven| now.since(driven) < ASK_EVERY) {
            return;
        }
        self.relays_driven = Some(now);
        if let Some((node, through, on)) = self.next_switch(now) {
            let Some(link) = self.fleet.get(&through).and_then(|node| node.link) else { return };
            let id = self.orders.next_id();
            self.paces.ask(id, &through, &node);
            self.paces.set_cut(&node, !on);
            let order = SwitchOrder { id, node, on };
            actions.push(Action::Send { link, message: SupervisorMessage::Switch(order) });
        }
    }

    /// The next node whose switch is to be set: which, through whom, and whether on.
    fn next_switch(&self, now: Uptime) -> Option<(NodeName, NodeName, bool)> {
        let cut = self.fleet.nodes().find_map(|node| {
            let waking = self.paces.get(&node.supply).waking.is_some_and(|waking| waking.node == node.name);
            let off = self.is_down(node, now) && !waking && !self.paces.is_cut(&node.name);
            off.then_some(())?;
            Some((node.name.clone(), self.paces.switch_for(&node.name, &self.fleet)?, false))
        });
        cut.or_else(|| {
            let planned = |node: &&Node| self.budgets.aim(&node.supply, now).is_some();
            let up = self.fleet.nodes().filter(planned);
            let up = up.filter(|node| node.liveness() == Liveness::Alive && node.reachable());
            let ask = |name: &NodeName| self.paces.may_ask(name, &self.fleet);
            up.into_iter().find_map(|node| Some((node.name.clone(), ask(&node.name)?, true)))
        })
    }

    /// Whether a node is off for sure: nothing is lost when its power goes.
    fn is_down(&self, node: &Node, now: Uptime) -> bool {
        let parked = node.liveness() == Liveness::Parked
            && node.parked_at.is_some_and(|since| now.since(since) >= DOWN_AFTER);
        parked || is_off_for_sure(node, &self.settings, now)
    }
}
