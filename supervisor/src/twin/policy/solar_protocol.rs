//! Solar Protocol (solarprotocol.net): a network of servers in several places, where the one in the most sun answers.
//!
//! Its servers publish what their panels give, and each moment's traffic goes to the sunniest; a server's own battery is
//! kept by its charger alone, and nothing on it is slowed or stopped. On one supply there is nobody else to send the
//! traffic to: all nodes have the same sun, so the first of them answers, always. What is left of the idea on one site is
//! its habit of doing less without sun, so this controller follows the panel: the work that traffic brings (standard and
//! deferrable) is served while the panel gives more than a twentieth of its label, and stops at night; critical work
//! runs on. The charger's cut is its only protection, as in the original.

use std::time::Duration;

use protocol::{Power, Stage, Uptime};

use super::{Command, Controller, Level, Seen};

/// The part of the panel's label that counts as sun.
const SUN: f64 = 0.05;

/// The servers tell each other how much sun they have this often.
const ROUND: Duration = Duration::from_mins(10);

/// Work while the sun shines.
#[derive(Debug)]
pub struct SolarProtocol {
    sun: Power,
    next: Uptime,
}

impl SolarProtocol {
    /// With a panel of this label.
    pub fn new(panel: Power) -> Self {
        Self { sun: panel * SUN, next: Uptime::START }
    }
}

impl Controller for SolarProtocol {
    fn name(&self) -> &'static str {
        "solar-protocol"
    }

    fn decide(&mut self, seen: &Seen<'_>, commands: &mut Vec<Command>) {
        if seen.now < self.next {
            return;
        }
        self.next = seen.now + ROUND;
        let level = if seen.available > self.sun { Level::ALL } else { Level::of(Stage::Drain) };
        for (node, body) in seen.nodes.iter().enumerate() {
            if body.level != level {
                commands.push(Command::Run { node, level });
            }
        }
    }
}

/// Nobody decides anything: everything runs until the charger cuts the load, and again when it gives it back.
#[derive(Debug)]
pub struct Nobody;

impl Controller for Nobody {
    fn name(&self) -> &'static str {
        "none"
    }

    fn decide(&mut self, _: &Seen<'_>, _: &mut Vec<Command>) {}
}
