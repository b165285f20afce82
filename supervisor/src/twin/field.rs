//! The physical site under the twin: the simulated battery, panel, sky, charger and boards, as one thing that is
//! stepped through time.

use std::time::Duration;

use hardware::battery::Chemistry;
use hardware::boards::Board;
use hardware::sim::battery::Condition;
use hardware::sim::charger;
use hardware::sim::converter::Converter;
use hardware::sim::load::{Limit, NodeLoad, PowerState, Work};
use hardware::sim::panel::Panel;
use hardware::sim::site::{Accounts, Settings, Site};
use hardware::sim::sun::{SolarTime, Sun};
use hardware::sim::weather::{Climate, DayKind};
use protocol::{Charge, Cpus, Current, Frequency, Power, Soc, Temperature, Voltage};

use super::plan::Plan;

/// The board in every case of the demo.
const BOARD: &str = "Raspberry Pi 3 Model B";
/// The panel's label.
const PANEL: Power = Power::from_watts(160.0);
/// A 16-port switch, at 12 V.
const NETWORK: Power = Power::from_watts(7.0);
/// Where the site is: degrees north, and the day of the year of its first day.
const PLACE: (f64, u32) = (44.0, 96);
/// The sky of the first days; what comes after is left to chance.
const FIRST_DAYS: [DayKind; 2] = [DayKind::Fair, DayKind::Mixed];

/// The physical site.
#[derive(Debug)]
pub(super) struct Field {
    site: Site,
    first_day: u32,
    day: u32,
}

impl Field {
    /// The site of a plan at its first moment, all boards up and idle. `None` if there is no such board.
    pub(super) fn new(plan: &Plan, seed: u64) -> Option<Self> {
        let board = Board::from_model(BOARD)?;
        let label =
            plan.nodes.first().map_or(Charge::from_amp_hours(70.0), |node| node.config.battery.capacity);
        let (latitude_degrees, day) = PLACE;
        let settings = Settings {
            chemistry: Chemistry::Agm,
            label,
            condition: Condition::NEW,
            soc: plan.soc,
            panel: Panel { label: PANEL, tilt_degrees: 35.0, soiling: 0.03 },
            charger: charger::Settings::usual(Chemistry::Agm, label),
            latitude_degrees,
            climate: Climate::SUNNY,
            start: SolarTime { day, since_midnight: Duration::from_secs(u64::from(plan.starts_s)) },
            network: NETWORK,
            seed,
        };
        let nodes = plan.nodes.iter().map(|_| NodeLoad::new(board, Converter::SYNCHRONOUS)).collect();
        let mut field = Self { site: Site::new(&settings, nodes), first_day: day, day: 0 };
        field.ordain_weather();
        Some(field)
    }

    /// The first days show what the demo is about; the seed still decides where their clouds are.
    fn ordain_weather(&mut self) {
        let day = self.site.time().day;
        if day != self.day {
            self.day = day;
            let kind = FIRST_DAYS.get((day - self.first_day) as usize).copied();
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

    /// What a board's power is doing.
    pub(super) fn board(&self, node: usize) -> PowerState {
        self.site.nodes().get(node).map_or(PowerState::Unpowered, NodeLoad::state)
    }

    /// What a board draws at 5 V.
    pub(super) fn draws(&self, node: usize) -> Power {
        self.site.nodes().get(node).map_or(Power::ZERO, NodeLoad::output)
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
    pub(super) fn sun_max() -> Power {
        PANEL
    }

    /// How high the sun stands: the sine of its height, negative at night.
    pub(super) fn sun_height(&self) -> f64 {
        Sun::at(PLACE.0, self.site.time()).height_sine()
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
