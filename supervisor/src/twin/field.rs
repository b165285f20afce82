//! The physical site under the twin: the simulated battery, panel, sky, charger and boards, as one thing that is
//! stepped through time.

use std::time::Duration;

use hardware::sim::load::{Limit, NodeLoad, PowerState, Work};
use hardware::sim::site::{Accounts, Settings, Site};
use hardware::sim::sun::Sun;
use hardware::sim::weather::DayKind;
use protocol::{Cpus, Current, Frequency, Power, Soc, Temperature, Voltage};

use super::plan::FieldPlan;

/// The physical site.
#[derive(Debug)]
pub(super) struct Field {
    site: Site,
    first_days: Vec<DayKind>,
    first_day: u32,
    day: u32,
    latitude_degrees: f64,
    sun_max: Power,
}

impl Field {
    /// The site of a plan at its first moment, all boards up and idle.
    pub(super) fn new(plan: &FieldPlan, boards: impl Iterator<Item = NodeLoad>, seed: u64) -> Self {
        let settings = Settings { seed, ..plan.settings.clone() };
        let mut field = Self {
            site: Site::new(&settings, boards.collect()),
            first_days: plan.first_days.clone(),
            first_day: settings.start.day,
            day: 0,
            latitude_degrees: settings.latitude_degrees,
            sun_max: settings.panel.label,
        };
        field.ordain_weather();
        field
    }

    /// The first days show what the demo is about; the seed still decides where their clouds are.
    fn ordain_weather(&mut self) {
        let day = self.site.time().day;
        if day != self.day && !self.first_days.is_empty() {
            self.day = day;
            let kind = self.first_days.get((day - self.first_day) as usize).copied();
            self.site.weather_mut().ordain(kind);
        }
    }

    /// Lets a stretch of time pass.
    pub(super) fn step(&mut self, dt: Duration) {
        self.site.step(dt);
        self.ordain_weather();
    }

    /// What a board's containers use from now on, in CPUs, and the cap on its clock.
    pub(super) fn set_use(&mut self, node: usize, cpus: f64, clock: Option<Frequency>) {
        if let Some(load) = self.site.node_mut(node) {
            load.set_work(&[Work { wants: Cpus::from_milli((cpus * 1000.0) as u32), limit: Limit::Free }]);
            load.cap_clock(clock);
        }
    }

    /// A board powers itself off.
    pub(super) fn halt(&mut self, node: usize) {
        if let Some(load) = self.site.node_mut(node) {
            load.halt();
        }
    }

    /// A relay opens or closes a board's power.
    pub(super) fn set_switch(&mut self, node: usize, closed: bool) {
        if let Some(load) = self.site.node_mut(node) {
            load.set_switch(closed);
        }
    }

    /// Whether a node's relay is closed.
    pub(super) fn is_switched_on(&self, node: usize) -> bool {
        self.site.nodes().get(node).is_some_and(NodeLoad::switch_closed)
    }

    /// What a board's power is doing.
    pub(super) fn board(&self, node: usize) -> PowerState {
        self.site.nodes().get(node).map_or(PowerState::Unpowered, NodeLoad::state)
    }

    /// What a board draws at 5 V.
    pub(super) fn draws(&self, node: usize) -> Power {
        self.site.nodes().get(node).map_or(Power::ZERO, NodeLoad::output)
    }

    /// What a board draws at 5 V, 0 while nothing feeds it.
    pub(super) fn drawn(&self, node: usize) -> Power {
        let feeds = |load: &&NodeLoad| load.switch_closed() && self.site.load() > Power::ZERO;
        self.site.nodes().get(node).filter(feeds).map_or(Power::ZERO, NodeLoad::output)
    }

    /// The site, to look at.
    pub(super) fn site(&self) -> &Site {
        &self.site
    }

    /// At the battery's terminals.
    pub(super) fn voltage(&self) -> Voltage {
        self.site.voltage()
    }

    /// Out of the battery.
    pub(super) fn current(&self) -> Current {
        self.site.current()
    }

    /// What everything behind the charger's load output draws.
    pub(super) fn load(&self) -> Power {
        self.site.load()
    }

    /// What the panel gives: what the battery and the load take of it.
    pub(super) fn sun_taken(&self) -> Power {
        (self.site.load() - self.site.voltage() * self.site.current()).max(Power::ZERO)
    }

    /// What the panel gives at most.
    pub(super) fn sun_max(&self) -> Power {
        self.sun_max
    }

    /// How high the sun stands: the sine of its height, negative at night.
    pub(super) fn sun_height(&self) -> f64 {
        Sun::at(self.latitude_degrees, self.site.time()).height_sine()
    }

    /// The battery's temperature.
    pub(super) fn temperature(&self) -> Temperature {
        self.site.battery().temperature()
    }

    /// What no sensor can see.
    pub(super) fn true_soc(&self) -> Soc {
        self.site.true_soc()
    }

    /// Where the charger cuts the load.
    pub(super) fn cutoff(&self) -> Voltage {
        self.site.charger().settings().cutoff
    }

    /// Where the charger gives the load its power again.
    pub(super) fn reconnect(&self) -> Voltage {
        self.site.charger().settings().reconnect
    }

    /// The charger has cut the load.
    pub(super) fn is_cut(&self) -> bool {
        !self.site.charger().load_closed()
    }

    /// Where the energy went.
    pub(super) fn accounts(&self) -> &Accounts {
        self.site.accounts()
    }

    /// How often a running board lost its power to the supply.
    pub(super) fn power_losses(&self) -> u32 {
        self.site.brown_outs()
    }
}
