//! A script on every node, as people write them first: below a voltage the node powers itself off, above it its relay
//! closes again. The thresholds are staggered by the shed order, so that ten nodes do not step at once; there is no
//! hysteresis, no load compensation, and nobody talks to anybody. Each node still waits until the voltage has been on its
//! side for a minute (a script in cron), which is all that keeps it from chattering.
//!
//! Thresholds: terminal voltage under load against the datasheet's rest voltages, as such scripts have them: who sheds first
//! goes at 55 % (`LiFePO4` 35 %), who sheds last at 35 % (15 %), the span of this project's own ladder from `Shed` to `Halt`.

use std::time::Duration;

use hardware::battery::Chemistry;
use protocol::{Soc, Uptime, Voltage};

use super::{Command, Controller, NodeState, Seen};

/// How often each node looks.
const HOLD: Duration = Duration::from_mins(1);

/// Each node alone on voltage.
#[derive(Debug)]
pub struct Threshold {
    /// By node.
    limits: Vec<Voltage>,
    /// Since when each node's voltage has asked for another state.
    contrary: Vec<Option<Uptime>>,
}

impl Threshold {
    /// For a battery of this kind, and nodes with these places in the shed order.
    pub fn new(chemistry: Chemistry, shed_orders: &[u8]) -> Self {
        let (last, first) = if chemistry.is_lead_acid() { (35.0, 55.0) } else { (15.0, 35.0) };
        let most = shed_orders.iter().copied().max().unwrap_or(0).max(1);
        let limit = |order: &u8| {
            let part = f64::from(*order) / f64::from(most);
            chemistry.usual().rest.voltage(Soc::from_percent(last + (first - last) * part))
        };
        let limits: Vec<Voltage> = shed_orders.iter().map(limit).collect();
        Self { contrary: vec![None; limits.len()], limits }
    }
}

impl Controller for Threshold {
    fn name(&self) -> &'static str {
        "threshold"
    }

    fn decide(&mut self, seen: &Seen<'_>, commands: &mut Vec<Command>) {
        let nodes = seen.nodes.iter().zip(&self.limits).zip(&mut self.contrary).enumerate();
        for (node, ((body, limit), contrary)) in nodes {
            let (wants_off, wants_on) = match body.state {
                NodeState::Up => (seen.voltage < *limit, false),
                NodeState::Off => (false, seen.voltage >= *limit && seen.connected),
                NodeState::Booting | NodeState::Stopping | NodeState::Dark => (false, false),
            };
            if !wants_off && !wants_on {
                *contrary = None;
            } else if seen.now.since(*contrary.get_or_insert(seen.now)) >= HOLD {
                *contrary = None;
                commands.push(if wants_off { Command::Off { node } } else { Command::On { node } });
            }
        }
    }
}
