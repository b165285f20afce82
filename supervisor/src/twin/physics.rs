//! Time passes for sun, battery and boards, and whoever lost or got power notices.

use std::time::Duration;

use hardware::sim::load::PowerState;
use protocol::Uptime;
use protocol::report::{Basis, SocBand};

use super::comparator::Comparator;
use super::ledger::NodeStep;
use super::node::{Node, Phase};
use super::{DEMAND_STEP_S, Happening, Twin};
use crate::tui::scene::NodeMode;

/// How long a relay holds a board without power to wake it.
pub(super) const POWER_CYCLE: Duration = Duration::from_secs(3);
/// The strip begins when the agents of the first moment have started.
const STRIP_AFTER: Duration = Duration::from_mins(1);
/// The estimate is compared with the truth this often.
const COMPARE_EVERY_S: u64 = 60;

impl Twin {
    /// One step of physics.
    pub(super) fn physics(&mut self) {
        let seconds = self.time().seconds;
        // Where somebody looks, demand moves with every step; otherwise by the minute.
        let every_s = if self.told { 1 } else { DEMAND_STEP_S };
        for (index, node) in self.nodes.iter_mut().enumerate() {
            node.refresh_load(seconds, every_s);
            self.field.set_use(index, node.load.cpus, node.clock_cap);
        }
        self.field.step(self.step);
        for index in 0..self.nodes.len() {
            self.follow_power(index);
            self.wake_on_level(index);
        }
        self.account();
        self.check_supply();
        self.queue.plan(self.now + self.step, Happening::Physics);
    }

    /// A board's power changed: its system comes up, or is gone.
    fn follow_power(&mut self, index: usize) {
        let board = self.field.board(index);
        let Some(node) = self.nodes.get_mut(index) else { return };
        match (board, &node.phase) {
            (PowerState::Unpowered, Phase::Booting | Phase::Up(_)) => {
                let parked = node.cut_on_purpose;
                self.power_lost(index, parked);
            }
            (PowerState::Unpowered, Phase::Halted) => node.phase = Phase::Off,
            (PowerState::Booting { .. }, Phase::Off | Phase::Halted) => node.power_on(),
            (PowerState::Up, Phase::Booting) if !node.start_planned => {
                node.start_planned = true;
                let life = node.life(index);
                self.queue.plan(self.now, Happening::Booted(life));
            }
            _ => {}
        }
    }

    /// A node's power is gone, at once and without warning.
    fn power_lost(&mut self, index: usize, parked: bool) {
        let now = self.now;
        self.lose_network(index, true);
        if let Some(node) = self.nodes.get_mut(index) {
            node.power_off(now, Phase::Off, parked);
        }
        // The relay board lets go with its supply, so that ten boards do not boot at once when it returns.
        let is_master = self.nodes.get(index).is_some_and(|node| node.plan.config.node.master);
        let unplugged = self.nodes.get(index).is_some_and(|node| node.unplugged);
        if !parked && !is_master && !unplugged {
            self.field.set_switch(index, false);
        }
    }

    /// Nodes whose own comparator brings them back.
    fn wake_on_level(&mut self, index: usize) {
        let now = self.now;
        let high = self.field.voltage() >= Comparator::level(self.field.reconnect()) && !self.field.is_cut();
        let off_for = self.off_for(index);
        let Some(node) = self.nodes.get_mut(index) else { return };
        let wakes_itself = node.plan.config.node.master || !node.plan.relay;
        if !wakes_itself || node.is_awake() || node.unplugged {
            node.comparator.rest();
        } else if node.comparator.wakes(now, off_for, high) {
            self.wake(index);
        }
    }

    /// What went where in this step.
    fn account(&mut self) {
        for (index, node) in self.nodes.iter().enumerate() {
            let (output, idle) = (self.field.drawn(index), node.plan.board.idle);
            let step = NodeStep { load: node.load, output, idle };
            self.ledger.node(&step, self.step);
            if !self.told {
                continue;
            }
            let mode = node.mode();
            self.chronicle.spent(index, mode, self.step);
            let up = matches!(mode, NodeMode::Up(_));
            for (class, runs) in node.docker.served() {
                self.chronicle.served(class, up && runs, self.step);
            }
        }
        let awake = self.nodes.iter().any(Node::is_awake);
        self.ledger.site(self.field.site(), awake, self.step);
        let truth = self.field.true_soc();
        let compare = (self.now.as_millis() / 1000).is_multiple_of(COMPARE_EVERY_S);
        let estimate = if compare { self.estimate() } else { None };
        self.chronicle.battery(truth, estimate);
        let settled = self.now >= Uptime::START + STRIP_AFTER;
        if self.told && settled && self.chronicle.is_sample_due(self.time()) {
            let (time, sun, soc) = (self.time(), self.field.sun_taken(), self.estimate());
            self.chronicle.sample(time, sun, soc, self.nodes.iter().map(Node::mode).collect());
        }
    }

    /// The state of charge as the first master that runs estimates it; `None` while that would be a guess.
    pub(super) fn estimate(&self) -> Option<SocBand> {
        let (_, energy) = self.measuring()?;
        energy.soc.filter(|_| energy.basis != Basis::Unknown)
    }

    /// The first node that runs and measures, and what it knows.
    pub(super) fn measuring(&self) -> Option<(&Node, protocol::report::Energy)> {
        let now = self.now;
        self.nodes.iter().filter(|node| !node.plan.config.sensors.is_empty()).find_map(|node| {
            let running = node.running()?;
            Some((node, running.agent.energy(running.uptime(now))))
        })
    }
}
