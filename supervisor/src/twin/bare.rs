//! A site without agents: a controller moves the same boards, engines and switches in the same weather.
//!
//! What a command sets off takes its time as with agents: containers stop, a board powers itself off, its relay opens; a
//! board that is given power boots. What the charger cuts stops at once, and boots when the charger gives its power back.

use std::collections::BTreeMap;
use std::time::Duration;

use hardware::boards::Board;
use hardware::sim::load::{NodeLoad, PowerState};
use protocol::Uptime;

use super::body::POWER_OFF_TAKES;
use super::docker::{Docker, Load};
use super::faults::{Dice, Fault};
use super::field::Field;
use super::ledger::{Ledger, NodeStep};
use super::outcome::Outcome;
use super::plan::FieldPlan;
use super::policy::{Command, Controller, Level, NodeSeen, NodeState, Seen};
use super::site::{Site, SiteNode};
use super::summary::round;
use super::{DEMAND_STEP_S, sky_seed};

/// One node without an agent.
#[derive(Debug)]
struct Body {
    board: &'static Board,
    relay: bool,
    docker: Docker,
    state: NodeState,
    level: Level,
    /// When its containers have stopped and it is off.
    stops: Uptime,
    /// Its switch closes at the next step.
    waking: bool,
    changes: u32,
    load: Load,
    /// The minute and the engine's state for which `load` was computed.
    load_of: (u32, u64, bool),
    plug: Plug,
}

/// Somebody pulls a plug now and then.
#[derive(Debug)]
struct Plug {
    dice: Dice,
    pulled_at: Option<Uptime>,
    back_at: Option<Uptime>,
}

impl Body {
    fn new(index: usize, node: &SiteNode, site: &Site, seed: u64) -> Self {
        let mut dice = Dice::new(seed, Fault::PowerLost, index, &site.faults);
        let pulled_at = dice.next().map(|after| Uptime::START + after);
        Self {
            board: node.board,
            relay: node.relay,
            docker: Docker::new(index, &node.work),
            state: NodeState::Up,
            level: Level::ALL,
            stops: Uptime::START,
            waking: false,
            changes: 0,
            load: Load::default(),
            load_of: (u32::MAX, 0, false),
            plug: Plug { dice, pulled_at, back_at: None },
        }
    }

    fn works(&self) -> bool {
        self.state == NodeState::Up
    }

    /// What its containers want and use in this minute.
    fn refresh(&mut self, seconds: u32) {
        let key = (seconds / DEMAND_STEP_S, self.docker.changes(), self.works());
        if self.load_of != key {
            self.load_of = key;
            self.load = self.docker.load(seconds, f64::from(self.board.cores), self.speed(), self.works());
        }
    }

    fn speed(&self) -> f64 {
        let cap = self.level.clock.unwrap_or(self.board.clock_max);
        let clock = cap.clamp(self.board.clock_min, self.board.clock_max);
        f64::from(clock.kilohertz()) / f64::from(self.board.clock_max.kilohertz())
    }
}

/// A site under a controller.
struct Bare<'a> {
    controller: &'a mut dyn Controller,
    field: Field,
    bodies: Vec<Body>,
    ledger: Ledger,
    now: Uptime,
    step: Duration,
    starts_s: u32,
    wakes: u32,
    plugs_pulled: u32,
}

/// Plays a site for so many days under a controller.
pub fn run(site: &Site, controller: &mut dyn Controller, seed: u64, days: f64) -> Outcome {
    let settings = site.settings(seed);
    let starts_s = u32::try_from(settings.start.since_midnight.as_secs()).unwrap_or(0);
    let boards = site.nodes.iter().map(|node| NodeLoad::new(node.board, node.converter));
    let plan = FieldPlan { settings, first_days: Vec::new(), step: site.pace.step, longitude_degrees: None };
    let field = Field::new(&plan, boards, sky_seed(seed));
    let bodies =
        site.nodes.iter().enumerate().map(|(index, node)| Body::new(index, node, site, seed)).collect();
    let ledger = Ledger::new(field.site(), site.worth, site.battery.capacity.amp_hours());
    let mut bare = Bare {
        controller,
        field,
        bodies,
        ledger,
        now: Uptime::START,
        step: site.pace.step,
        starts_s,
        wakes: 0,
        plugs_pulled: 0,
    };
    let end = Uptime::START + Duration::from_secs_f64(days * 86_400.0);
    while bare.now < end {
        bare.advance();
    }
    bare.outcome(seed)
}

impl Bare<'_> {
    fn advance(&mut self) {
        self.now += self.step;
        let seconds = self.starts_s.saturating_add((self.now.as_millis() / 1000) as u32);
        for index in 0..self.bodies.len() {
            self.pull_plug(index);
        }
        for (index, body) in self.bodies.iter_mut().enumerate() {
            body.refresh(seconds);
            self.field.set_use(index, body.load.cpus, body.level.clock);
        }
        self.field.step(self.step);
        for index in 0..self.bodies.len() {
            self.follow_power(index);
        }
        let mut awake = false;
        for (index, body) in self.bodies.iter().enumerate() {
            awake |= matches!(body.state, NodeState::Up | NodeState::Booting | NodeState::Stopping);
            let step = NodeStep { load: body.load, output: self.field.drawn(index), idle: body.board.idle };
            self.ledger.node(&step, self.step);
        }
        self.ledger.site(self.field.site(), awake, self.step);
        self.decide();
    }

    fn decide(&mut self) {
        let nodes: Vec<NodeSeen> =
            self.bodies.iter().map(|body| NodeSeen { state: body.state, level: body.level }).collect();
        let site = self.field.site();
        let seen = Seen {
            now: self.now,
            time: site.time(),
            voltage: site.voltage(),
            current: site.current(),
            available: site.available(),
            connected: site.charger().load_closed(),
            true_soc: site.true_soc(),
            nodes: &nodes,
        };
        let mut commands = Vec::new();
        self.controller.decide(&seen, &mut commands);
        for command in commands {
            self.obey(command);
        }
    }

    fn obey(&mut self, command: Command) {
        let (Command::Run { node, .. } | Command::Off { node } | Command::On { node }) = command;
        let now = self.now;
        let Some(body) = self.bodies.get_mut(node) else { return };
        match command {
            Command::Run { level, .. } if level != body.level => {
                body.level = level;
                body.docker.hold(&level);
                body.changes += 1;
            }
            Command::Off { .. } if matches!(body.state, NodeState::Up | NodeState::Booting) => {
                body.state = NodeState::Stopping;
                body.stops = now + body.docker.stop_takes() + POWER_OFF_TAKES;
                body.changes += 1;
            }
            Command::On { .. } if body.state == NodeState::Off && !body.waking => {
                // A halted board comes up by a break of its power.
                body.waking = true;
                body.changes += 1;
                self.wakes += 1;
                self.field.set_switch(node, false);
            }
            Command::Run { .. } | Command::Off { .. } | Command::On { .. } => {}
        }
    }

    /// A board's power changed, or it has stopped.
    fn follow_power(&mut self, index: usize) {
        let power = self.field.board(index);
        let (now, cut) = (self.now, self.field.is_cut());
        let Some(body) = self.bodies.get_mut(index) else { return };
        match (body.state, power) {
            (NodeState::Stopping, PowerState::Up | PowerState::Booting { .. }) if now >= body.stops => {
                self.field.halt(index);
                if body.relay {
                    self.field.set_switch(index, false);
                }
                body.state = NodeState::Off;
            }
            (NodeState::Off, _) if body.waking && body.plug.back_at.is_none() => {
                self.field.set_switch(index, true);
                body.waking = false;
                body.state = NodeState::Booting;
            }
            // A wake takes a step to reach the board; what had power and lost it is dark.
            (NodeState::Up | NodeState::Booting | NodeState::Stopping, PowerState::Unpowered)
                if cut || body.plug.back_at.is_some() || body.state != NodeState::Booting =>
            {
                body.state = NodeState::Dark;
                body.changes += 1;
            }
            (NodeState::Dark, PowerState::Booting { .. }) => body.state = NodeState::Booting,
            (NodeState::Booting | NodeState::Dark, PowerState::Up) => {
                body.state = NodeState::Up;
                body.docker.boot();
            }
            _ => {}
        }
    }

    /// The plug of a node is pulled, or put back.
    fn pull_plug(&mut self, index: usize) {
        let now = self.now;
        let Some(body) = self.bodies.get_mut(index) else { return };
        let plug = &mut body.plug;
        if plug.pulled_at.is_some_and(|at| now >= at) {
            plug.pulled_at = None;
            plug.back_at = Some(now + plug.dice.lasts());
            self.plugs_pulled += 1;
            self.field.set_switch(index, false);
        }
        if plug.back_at.is_some_and(|at| now >= at) {
            plug.back_at = None;
            plug.pulled_at = plug.dice.next().map(|after| now + after);
            if body.state != NodeState::Off || !body.relay {
                self.field.set_switch(index, true);
            }
        }
    }

    fn outcome(&self, seed: u64) -> Outcome {
        let ran = self.now.since(Uptime::START);
        let outcome = self.ledger.outcome(self.field.site(), self.controller.name(), seed, ran);
        let days = (ran.as_secs_f64() / 86_400.0).max(f64::MIN_POSITIVE);
        let changes = self.bodies.iter().map(|body| f64::from(body.changes));
        let most = changes.clone().fold(0.0, f64::max);
        let faults = BTreeMap::from([(Fault::PowerLost.name(), self.plugs_pulled)]);
        Outcome {
            stage_changes_max: round(most / days, 2),
            stage_changes_mean: round(changes.sum::<f64>() / days / self.bodies.len().max(1) as f64, 2),
            wakes: self.wakes,
            faults: faults.into_iter().filter(|(_, count)| *count > 0).collect(),
            ..outcome
        }
    }
}
