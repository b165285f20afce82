//! One simulated node as its supply sees it: a board behind a converter, whose watts follow what its containers are
//! allowed to use.

use std::time::Duration;

use protocol::{Cpus, Frequency, Power, Voltage};

use super::converter::Converter;
use crate::boards::Board;

/// Processor that the system and the agent use for themselves.
const OWN_USE: Cpus = Cpus::from_milli(40);
/// How long a boot keeps all cores and the card busy.
const BOOT_TIME: Duration = Duration::from_secs(35);
/// The first moment of a boot charges capacitors and starts the radio: over the board's full load by this factor ...
const INRUSH: f64 = 1.4;
/// ... for this long.
const INRUSH_TIME: Duration = Duration::from_secs(2);

/// What a container may use right now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// All that it wants.
    Free,
    /// At most this.
    Capped(Cpus),
    /// Nothing: paused, stopped or down.
    Frozen,
}

/// One container's hunger, and what it is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Work {
    /// What it would use if nobody held it.
    pub wants: Cpus,
    /// What it is held to.
    pub limit: Limit,
}

impl Work {
    /// What it uses.
    pub fn uses(self) -> Cpus {
        match self.limit {
            Limit::Free => self.wants,
            Limit::Capped(cap) => self.wants.min(cap),
            Limit::Frozen => Cpus::from_milli(0),
        }
    }
}

/// What a node's power is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PowerState {
    /// No voltage: the switch is open, or the supply is cut.
    Unpowered,
    /// On its way up.
    Booting {
        /// For how much longer.
        left: Duration,
    },
    /// The operating system runs.
    Up,
    /// It has powered itself off and still draws its halted power. Only a break of its power brings it back.
    Halted,
}

/// A node's power, stepped through time.
#[derive(Debug, Clone)]
pub struct NodeLoad {
    board: &'static Board,
    converter: Converter,
    state: PowerState,
    switch_closed: bool,
    used: Cpus,
    clock: Frequency,
}

impl NodeLoad {
    /// A node that is up and idle.
    pub fn new(board: &'static Board, converter: Converter) -> Self {
        let (state, clock) = (PowerState::Up, board.clock_max);
        Self { board, converter, state, switch_closed: true, used: OWN_USE, clock }
    }

    /// Its board.
    pub fn board(&self) -> &'static Board {
        self.board
    }

    /// What its power is doing.
    pub fn state(&self) -> PowerState {
        self.state
    }

    /// Whether its operating system runs.
    pub fn is_up(&self) -> bool {
        self.state == PowerState::Up
    }

    /// What runs on it from now on. More than the board has is shared, not used.
    pub fn set_work(&mut self, work: &[Work]) {
        let all = Cpus::from_milli(self.board.cores * 1000);
        let wanted = work.iter().map(|work| work.uses().milli()).fold(OWN_USE.milli(), u32::saturating_add);
        self.used = Cpus::from_milli(wanted).min(all);
    }

    /// The processor in use, as the system shows it: per mille of all cores.
    pub fn cpu_permille(&self) -> u16 {
        let permille = if self.is_up() { self.used.milli() / self.board.cores.max(1) } else { 0 };
        u16::try_from(permille).unwrap_or(1000)
    }

    /// Caps the clock; `None` takes the cap away.
    pub fn cap_clock(&mut self, cap: Option<Frequency>) {
        let most = self.board.clock_max;
        self.clock = cap.unwrap_or(most).clamp(self.board.clock_min, most);
    }

    /// It powers itself off.
    pub fn halt(&mut self) {
        if self.is_up() {
            self.state = PowerState::Halted;
        }
    }

    /// A relay closes or opens its supply.
    pub fn set_switch(&mut self, closed: bool) {
        self.switch_closed = closed;
    }

    /// Whether its relay is closed.
    pub fn switch_closed(&self) -> bool {
        self.switch_closed
    }

    /// What it draws at 5 V, if it is fed.
    pub fn output(&self) -> Power {
        match self.state {
            PowerState::Unpowered => Power::ZERO,
            PowerState::Booting { left } if left > BOOT_TIME.saturating_sub(INRUSH_TIME) => {
                self.board.loaded * INRUSH
            }
            PowerState::Booting { .. } => self.board.loaded,
            PowerState::Halted => self.board.halted,
            // A slower clock does the same work later: only the rate of switching falls.
            PowerState::Up => {
                let slowed = f64::from(self.clock.kilohertz()) / f64::from(self.board.clock_max.kilohertz());
                self.board.power_at(self.used.cpus() / f64::from(self.board.cores.max(1)) * slowed)
            }
        }
    }

    /// What it draws at 12 V, converter included, if it is fed.
    pub fn input(&self) -> Power {
        if self.switch_closed { self.converter.input(self.output()) } else { Power::ZERO }
    }

    /// What it draws at 12 V with all cores busy, converter included: what plans for the worst reckon with.
    pub fn input_loaded(&self) -> Power {
        self.converter.input(self.board.loaded)
    }

    /// A stretch of time with this voltage at its input, 0 V where the load output is open. Returns whether a running
    /// system lost its power in it: the way SD cards die.
    pub fn step(&mut self, dt: Duration, input: Voltage) -> bool {
        if !self.switch_closed || input < self.converter.input_min {
            let running = matches!(self.state, PowerState::Up | PowerState::Booting { .. });
            self.state = PowerState::Unpowered;
            return running;
        }
        self.state = match self.state {
            PowerState::Unpowered => PowerState::Booting { left: BOOT_TIME },
            PowerState::Booting { left } => match left.checked_sub(dt) {
                Some(left) if !left.is_zero() => PowerState::Booting { left },
                _ => PowerState::Up,
            },
            state @ (PowerState::Up | PowerState::Halted) => state,
        };
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::boards::BOARDS;

    const FED: Voltage = Voltage::from_volts(12.5);
    const SECOND: Duration = Duration::from_secs(1);

    fn node() -> NodeLoad {
        NodeLoad::new(Board::from_model("Raspberry Pi 4 Model B").unwrap(), Converter::SYNCHRONOUS)
    }

    fn work(milli: u32, limit: Limit) -> Work {
        Work { wants: Cpus::from_milli(milli), limit }
    }

    #[test]
    fn watts_follow_what_containers_are_allowed() {
        let mut node = node();
        node.set_work(&[work(2000, Limit::Free), work(1500, Limit::Free)]);
        let free = node.input();
        node.set_work(&[work(2000, Limit::Capped(Cpus::from_milli(250))), work(1500, Limit::Free)]);
        let capped = node.input();
        node.set_work(&[work(2000, Limit::Frozen), work(1500, Limit::Frozen)]);
        let frozen = node.input();
        assert!(free > capped && capped > frozen, "{free}, {capped}, {frozen}");
        node.set_work(&[work(100, Limit::Capped(Cpus::from_milli(250)))]);
        assert_eq!(node.cpu_permille(), 35, "a cap does not make a modest one use more");
        node.set_work(&[work(90_000, Limit::Free)]);
        assert_eq!(node.cpu_permille(), 1000);
        assert_eq!(node.output(), node.board().loaded);
    }

    #[test]
    fn a_capped_clock_saves_under_load_only() {
        let mut node = node();
        node.set_work(&[work(4000, Limit::Free)]);
        let fast = node.output();
        node.cap_clock(Some(Frequency::from_kilohertz(0)));
        assert!(node.output() < fast, "held to the board's least clock");
        node.cap_clock(None);
        assert_eq!(node.output(), fast);
    }

    #[test]
    fn a_halted_node_wakes_only_when_its_power_was_broken() {
        let mut node = node();
        node.halt();
        assert!(!node.step(SECOND, FED));
        assert_eq!(node.state(), PowerState::Halted);
        assert_eq!(node.output(), node.board().halted);
        node.set_switch(false);
        assert_eq!(node.input(), Power::ZERO);
        assert!(!node.step(SECOND, FED), "nothing ran on it");
        node.set_switch(true);
        node.step(SECOND, FED);
        assert!(matches!(node.state(), PowerState::Booting { .. }));
        assert!(node.output() > node.board().loaded, "inrush");
        for _ in 0..BOOT_TIME.as_secs() {
            node.step(SECOND, FED);
        }
        assert!(node.is_up());
    }

    #[test]
    fn losing_power_while_up_is_told() {
        for board in &BOARDS {
            let mut node = NodeLoad::new(board, Converter::LM2596);
            assert!(!node.step(SECOND, FED));
            assert!(node.step(SECOND, Voltage::ZERO));
            assert!(!node.step(SECOND, Voltage::ZERO), "once");
        }
    }
}
