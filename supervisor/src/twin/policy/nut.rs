//! What network UPS tools do: the whole site is on, or it is off.
//!
//! A master's `upsmon` is told "on battery" and "low battery" by a driver that measures the terminals, and shuts every
//! host down cleanly at "low battery" (FSD); then the load is cut. It returns as a UPS does after a long outage: when the
//! charge is back at `battery.charge.restart`. Set as somebody who knows this battery would: `battery.charge.low` at the
//! reserve that this project's own ladder halts at (35 % for lead-acid, 15 % for `LiFePO4`), so that the battery lives as
//! long; the driver tells the charge from the datasheet's rest voltages, as these drivers do, held for two minutes. Back
//! at 12.6 V and 13.2 V while it is being charged, held for half an hour, with ten minutes of rest: a UPS that returned at
//! once would flap.
//!
//! Nothing is slowed and nothing is chosen: that is what these tools are.

use std::time::Duration;

use hardware::battery::Chemistry;
use protocol::{Current, Soc, Uptime, Voltage};

use super::{Command, Controller, NodeState, Seen};

/// "Low battery" is believed after this.
const LOW_HOLD: Duration = Duration::from_mins(2);
/// A recovery is believed after this.
const BACK_HOLD: Duration = Duration::from_mins(30);
/// The least time off.
const OFF_MIN: Duration = Duration::from_mins(10);
/// Between two boards that are given their power: ten at once pull a rail down.
const STAGGER: Duration = Duration::from_secs(10);

/// The whole site, on or off.
#[derive(Debug)]
pub struct Nut {
    low: Voltage,
    back: Voltage,
    low_since: Option<Uptime>,
    back_since: Option<Uptime>,
    off_since: Option<Uptime>,
    /// When the next board is switched on, while the site comes back.
    next_on: Option<Uptime>,
}

impl Nut {
    /// For a battery of this kind.
    pub fn new(chemistry: Chemistry) -> Self {
        let (reserve, back) = if chemistry.is_lead_acid() { (35.0, 12.6) } else { (15.0, 13.2) };
        Self {
            low: chemistry.usual().rest.voltage(Soc::from_percent(reserve)),
            back: Voltage::from_volts(back),
            low_since: None,
            back_since: None,
            off_since: None,
            next_on: None,
        }
    }

    fn go_off(&mut self, seen: &Seen<'_>, commands: &mut Vec<Command>) {
        (self.off_since, self.low_since, self.next_on) = (Some(seen.now), None, None);
        commands.extend((0..seen.nodes.len()).map(|node| Command::Off { node }));
    }

    fn come_back(&mut self, seen: &Seen<'_>, commands: &mut Vec<Command>) {
        if self.next_on.is_some_and(|next| seen.now < next) {
            return;
        }
        let off = |node: &super::NodeSeen| matches!(node.state, NodeState::Off | NodeState::Stopping);
        if let Some(node) = seen.nodes.iter().position(off) {
            commands.push(Command::On { node });
            self.next_on = Some(seen.now + STAGGER);
        } else {
            (self.next_on, self.off_since, self.back_since) = (None, None, None);
        }
    }
}

/// Since when a condition holds, and whether it has held for so long.
fn held(since: &mut Option<Uptime>, now: Uptime, holds: bool, hold: Duration) -> bool {
    if !holds {
        *since = None;
        return false;
    }
    now.since(*since.get_or_insert(now)) >= hold
}

impl Controller for Nut {
    fn name(&self) -> &'static str {
        "nut"
    }

    fn decide(&mut self, seen: &Seen<'_>, commands: &mut Vec<Command>) {
        if held(&mut self.low_since, seen.now, seen.voltage < self.low, LOW_HOLD) && self.off_since.is_none()
        {
            return self.go_off(seen, commands);
        }
        let Some(off_since) = self.off_since else { return };
        if self.next_on.is_some() {
            return self.come_back(seen, commands);
        }
        let charging = seen.voltage > self.back && seen.current < Current::ZERO && seen.connected;
        let back = held(&mut self.back_since, seen.now, charging, BACK_HOLD);
        if back && seen.now.since(off_since) >= OFF_MIN {
            self.come_back(seen, commands);
        }
    }
}
